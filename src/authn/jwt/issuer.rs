//! One issuer: which tokens are its own, and what makes one of them good.

use std::{collections::BTreeSet, sync::Arc};

use jsonwebtoken::{Validation, decode};

use super::{
    CertificateBinding, JwtIssuerSettings, JwtKeySource, JwtPreset,
    binding::Bound,
    claims::{Claims, TimeRules, Times},
    header::Unverified,
    identity::Mapping,
    keys::KeyUse,
    settings::of_library,
    shown,
    source::{self, RemoteSource},
    store::KeyStore,
    verified::Verified,
};
use crate::{
    authn::{Caller, Evidence},
    types::JwtAlgorithm,
};

/// One configured issuer and its keys.
pub(super) struct Issuer {
    mapping: Mapping,
    audiences: Vec<String>,
    algorithms: BTreeSet<JwtAlgorithm>,
    certificate_binding: CertificateBinding,
    times: TimeRules,
    pub(super) keys: Arc<KeyStore>,
}

impl Issuer {
    /// Sends nothing. The settings are consistent in themselves ([`super::check::check`]).
    ///
    /// # Errors
    /// The keys that were handed in, or the CAs, or an address cannot be used; with the key of the configuration.
    pub(super) fn new(settings: JwtIssuerSettings) -> Result<Self, (&'static str, String)> {
        let mut algorithms = settings.algorithms.clone();
        if matches!(settings.preset, JwtPreset::Spiffe { .. }) {
            // JWT-SVID, section 2.1.
            algorithms.remove(&JwtAlgorithm::EdDsa);
        }
        Ok(Self {
            keys: Arc::new(keys(&settings)?),
            audiences: settings.audiences.into_iter().collect(),
            algorithms,
            certificate_binding: settings.certificate_binding,
            times: TimeRules { leeway: settings.leeway, token_age_max: settings.token_age_max },
            mapping: Mapping {
                issuer: settings.name,
                preset: settings.preset,
                attributes: settings.attributes,
                groups_claim: settings.groups_claim,
                groups: settings.groups,
            },
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.mapping.issuer
    }

    /// Whether a token claims to be of this issuer.
    pub(super) fn is_named_by(&self, token: &Unverified<'_>) -> bool {
        match &self.mapping.preset {
            JwtPreset::Oidc { issuer, .. } | JwtPreset::Kubernetes { issuer } => {
                token.issuer.as_deref() == Some(issuer.as_str())
            }
            // A JWT-SVID need not have an `iss` (JWT-SVID, section 3): its subject says whose it is.
            JwtPreset::Spiffe { trust_domains } => token.subject.as_deref().is_some_and(|subject| {
                trust_domains.iter().any(|domain| {
                    let rest = subject.strip_prefix("spiffe://").and_then(|rest| rest.strip_prefix(domain.as_str()));
                    rest.is_some_and(|rest| rest.starts_with('/'))
                })
            }),
        }
    }

    /// Verifies a token against the keys of this issuer and no others. `place` is this issuer's in the list.
    pub(super) async fn verify(&self, token: &Unverified<'_>, place: usize) -> Result<Verified, String> {
        self.verify_all(token, place).await.map_err(|why| self.says(&why))
    }

    /// The caller, if the token may be used now and on this connection. Asked at each use of a verified token.
    pub(super) fn admit(&self, verified: &Verified, evidence: &Evidence<'_>) -> Result<Caller, String> {
        let leaf = evidence.peer.and_then(|peer| peer.certificates.first());
        let times = verified.times.check(evidence.now, self.times);
        let usable = times.and_then(|()| verified.bound.check(self.certificate_binding, leaf));
        usable.map(|()| verified.caller.clone()).map_err(|why| self.says(&why))
    }

    fn says(&self, why: &str) -> String {
        format!("issuer {}: {why}", self.name())
    }

    async fn verify_all(&self, token: &Unverified<'_>, place: usize) -> Result<Verified, String> {
        let is_svid = matches!(self.mapping.preset, JwtPreset::Spiffe { .. });
        token.check_type(is_svid)?;
        if !self.algorithms.contains(&token.algorithm) {
            return Err(format!("alg is {}, which is not on the issuer's list", token.algorithm));
        }
        let found = self.keys.find(token.key_id.as_deref(), token.algorithm).await?;
        let decoded = decode::<Claims>(token.token, found.key.decoding(), &self.validation(token.algorithm));
        let claims = decoded.map_err(|error| format!("not verified: {}", shown(&error.to_string())))?.claims;
        let times = Times::of(&claims)?;
        let caller = self.mapping.caller(&claims, &times)?;
        Ok(Verified { issuer: place, generation: found.generation, caller, times, bound: Bound::of(&claims)? })
    }

    fn expected_issuer(&self) -> Option<&str> {
        match &self.mapping.preset {
            JwtPreset::Oidc { issuer, .. } | JwtPreset::Kubernetes { issuer } => Some(issuer),
            JwtPreset::Spiffe { .. } => None,
        }
    }

    fn validation(&self, algorithm: JwtAlgorithm) -> Validation {
        let mut validation = Validation::new(of_library(algorithm));
        validation.set_required_spec_claims(&["exp", "aud"]);
        validation.set_audience(&self.audiences);
        // Compared exactly by `is_named_by`, and here once more in what is verified.
        if let Some(issuer) = self.expected_issuer() {
            validation.set_required_spec_claims(&["exp", "aud", "iss"]);
            validation.set_issuer(&[issuer]);
        }
        // The library reads the machine's clock; ours can be faked, and checks times again for remembered tokens.
        validation.validate_exp = false;
        validation
    }
}

/// The keys of an issuer, or the key of the configuration that is wrong and why.
fn keys(settings: &JwtIssuerSettings) -> Result<KeyStore, (&'static str, String)> {
    let (key_use, issuer) = match &settings.preset {
        JwtPreset::Oidc { issuer, .. } | JwtPreset::Kubernetes { issuer } => (KeyUse::Signature, Some(issuer)),
        JwtPreset::Spiffe { .. } => (KeyUse::JwtSvid, None),
    };
    let fetcher = || {
        let made = source::fetcher(settings.ca_pem.clone(), settings.http_allowed_for_loopback);
        made.map_err(|error| ("ca", error.to_string()))
    };
    let source = match (&settings.keys, issuer) {
        (JwtKeySource::Document(document), _) => {
            return KeyStore::fixed(&settings.name, key_use, document).map_err(|why| ("jwks_file", why));
        }
        (JwtKeySource::Url(url), _) => {
            RemoteSource::keys(fetcher()?, url.clone()).map_err(|error| ("jwks_url", error.to_string()))?
        }
        (JwtKeySource::Discovery, Some(issuer)) => {
            RemoteSource::discovery(fetcher()?, issuer.clone()).map_err(|error| ("issuer", error.to_string()))?
        }
        (JwtKeySource::Discovery, None) => return Err(("jwks_url", "JWT-SVIDs have no discovery".to_owned())),
    };
    Ok(KeyStore::remote(&settings.name, key_use, source, settings.keys_max_age))
}
