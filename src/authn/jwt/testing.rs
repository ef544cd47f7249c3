//! Signers, tokens and issuers for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use jsonwebtoken::{EncodingKey, crypto, jwk::Jwk};
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Value, json};

use super::{binding::base64url, settings::of_library, *};
use crate::{
    types::JwtAlgorithm,
    {authn::PeerFacts, clock::Timestamp},
};

pub(super) const NOW: i64 = 1_795_286_154;
pub(super) const ISSUER: &str = "https://login.example.org";
pub(super) const AUDIENCE: &str = "rootgate";

/// Takes long to make, and any number of tests may share it.
pub(super) static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::new("rsa", JwtAlgorithm::Rs256));

/// Somebody with a private key.
pub(super) struct Signer {
    pub(super) id: String,
    algorithm: JwtAlgorithm,
    key: EncodingKey,
    public: Vec<u8>,
}

impl Signer {
    pub(super) fn new(id: &str, algorithm: JwtAlgorithm) -> Self {
        use JwtAlgorithm::{EdDsa, Es256, Es384};
        let pair = match algorithm {
            Es256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Es384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            EdDsa => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            _ => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        };
        let pair = pair.unwrap();
        let der = pair.serialize_der();
        let key = match algorithm {
            Es256 | Es384 => EncodingKey::from_ec_der(&der),
            EdDsa => EncodingKey::from_ed_der(&der),
            // The library wants the PKCS #1 key that is in the PKCS #8 one, behind 26 bytes for this size.
            _ => EncodingKey::from_rsa_der(&der[26..]),
        };
        Self { id: id.to_owned(), algorithm, key, public: pair.public_key_raw().to_vec() }
    }

    pub(super) fn es256(id: &str) -> Self {
        Self::new(id, JwtAlgorithm::Es256)
    }

    /// The public half, as issuers publish it.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match self.algorithm {
            JwtAlgorithm::EdDsa => {
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": base64url(&self.public)})
            }
            other => serde_json::to_value(Jwk::from_encoding_key(&self.key, of_library(other)).unwrap()).unwrap(),
        };
        jwk["kid"] = self.id.clone().into();
        jwk["use"] = "sig".into();
        jwk
    }

    pub(super) fn svid_jwk(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["use"] = "jwt-svid".into();
        jwk
    }

    pub(super) fn header(&self) -> Value {
        json!({"alg": self.algorithm.name(), "kid": self.id, "typ": "JWT"})
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// With one more header member, or another value of one.
    pub(super) fn token_with(&self, member: &str, value: Value, claims: &Value) -> String {
        let mut header = self.header();
        header[member] = value;
        self.sign(&header.to_string(), &claims.to_string())
    }

    pub(super) fn token_without(&self, member: &str, claims: &Value) -> String {
        let mut header = self.header();
        header.as_object_mut().unwrap().remove(member);
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// Whatever the texts are.
    pub(super) fn sign(&self, header: &str, payload: &str) -> String {
        self.sign_as(self.algorithm, header, payload)
    }

    pub(super) fn sign_as(&self, algorithm: JwtAlgorithm, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature = crypto::sign(message.as_bytes(), &self.key, of_library(algorithm)).unwrap();
        format!("{message}.{signature}")
    }
}

pub(super) fn jwks(signers: &[&Signer]) -> Vec<u8> {
    set(signers.iter().map(|signer| signer.jwk()))
}

pub(super) fn set(keys: impl IntoIterator<Item = Value>) -> Vec<u8> {
    json!({"keys": keys.into_iter().collect::<Vec<_>>()}).to_string().into_bytes()
}

/// Good for ten minutes.
pub(super) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW, "exp": NOW + 600})
}

/// The same with other claims; null takes one away.
pub(super) fn claims_with(others: Value) -> Value {
    let mut all = claims();
    for (name, value) in others.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    all
}

/// An OpenID Connect issuer called `corp`.
pub(super) fn oidc(keys: JwtKeySource) -> JwtIssuerSettings {
    JwtIssuerSettings {
        name: "corp".to_owned(),
        preset: JwtPreset::Oidc { issuer: ISSUER.to_owned(), subject_claim: "sub".to_owned() },
        audiences: BTreeSet::from([AUDIENCE.to_owned()]),
        algorithms: BTreeSet::from([JwtAlgorithm::Es256]),
        keys,
        ca_pem: None,
        http_allowed_for_loopback: true,
        attributes: BTreeMap::new(),
        groups_claim: None,
        groups: BTreeMap::new(),
        certificate_binding: CertificateBinding::IfPresent,
        token_age_max: Duration::from_secs(86_400),
        leeway: Duration::from_secs(30),
        keys_max_age: Duration::from_secs(86_400),
    }
}

pub(super) fn file(signers: &[&Signer]) -> JwtIssuerSettings {
    oidc(JwtKeySource::Document(jwks(signers)))
}

pub(super) fn kubernetes(name: &str, keys: JwtKeySource) -> JwtIssuerSettings {
    JwtIssuerSettings {
        name: name.to_owned(),
        preset: JwtPreset::Kubernetes { issuer: "https://kubernetes.default.svc".to_owned() },
        ..oidc(keys)
    }
}

/// A projected token's claims.
pub(super) fn kubernetes_claims() -> Value {
    claims_with(json!({
        "iss": "https://kubernetes.default.svc",
        "aud": [AUDIENCE],
        "sub": "system:serviceaccount:payments:deployer",
        "nbf": NOW,
        "jti": "b2a1",
        "kubernetes.io": {
            "namespace": "payments",
            "node": {"name": "node-1", "uid": "n"},
            "pod": {"name": "deployer-7d4", "uid": "p"},
            "serviceaccount": {"name": "deployer", "uid": "8f0c"},
        },
    }))
}

pub(super) fn spiffe(keys: JwtKeySource) -> JwtIssuerSettings {
    JwtIssuerSettings {
        name: "spire".to_owned(),
        preset: JwtPreset::Spiffe { trust_domains: BTreeSet::from(["example.org".parse().unwrap()]) },
        ..oidc(keys)
    }
}

pub(super) fn svid_claims() -> Value {
    claims_with(json!({"iss": null, "sub": "spiffe://example.org/ns/prod/sa/alice"}))
}

pub(super) fn issuers(settings: impl IntoIterator<Item = JwtIssuerSettings>) -> JwtIssuers {
    JwtIssuers::new(settings.into_iter().collect()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(super) fn bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap())])
}

pub(super) async fn ask(issuers: &JwtIssuers, token: &str) -> Result<Caller, String> {
    ask_at(issuers, token, None, NOW).await
}

pub(super) async fn ask_at(
    issuers: &JwtIssuers,
    token: &str,
    peer: Option<&PeerFacts>,
    now: i64,
) -> Result<Caller, String> {
    let headers = bearer(token);
    match issuers.prove(&Evidence { peer, headers: &headers, now: Timestamp::from_unix(now, 0) }).await {
        Proof::Proven(caller) => Ok(caller),
        Proof::Failed(why) => Err(why),
        Proof::NotOffered => panic!("a token was offered"),
    }
}

/// The words of a refusal.
#[track_caller]
pub(super) fn assert_refused(found: Result<Caller, String>, words: &str) {
    match found {
        Ok(caller) => panic!("believed: {caller:?}"),
        Err(why) => assert!(why.contains(words), "refused, but for another cause: {why}"),
    }
}

/// Moves tokio's clock, which tells the age of keys, without stopping it for the network.
pub(super) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
