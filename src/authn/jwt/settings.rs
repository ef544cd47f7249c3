//! What the configuration says about one issuer of tokens.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    time::Duration,
};

use jsonwebtoken::Algorithm;

use crate::types::{Rule, TrustDomain};

/// One issuer whose tokens are believed, and for what.
#[derive(Clone, Debug)]
pub struct JwtIssuerSettings {
    /// Our name for it, which is part of its subjects: 1 to 64 of `a-z A-Z 0-9 . _ -`.
    pub name: String,
    /// How its tokens are read.
    pub preset: JwtPreset,
    /// What a token may be for (`aud`, RFC 7519, section 4.1.3); it has to name one of these.
    pub audiences: BTreeSet<String>,
    /// How tokens may be signed.
    pub algorithms: BTreeSet<JwtAlgorithm>,
    /// Where its keys are.
    pub keys: JwtKeySource,
    /// The only CAs believed for its HTTPS, in PEM; without them, those of the machine.
    pub ca_pem: Option<Vec<u8>>,
    /// Whether keys may come by `http://` from an address of this machine in digits.
    pub http_allowed_for_loopback: bool,
    /// Attribute of the caller to the claim that it comes from. A claim that is missing or null gives none.
    pub attributes: BTreeMap<String, String>,
    /// The claim with ids of groups: a text, or a list of texts.
    pub groups_claim: Option<String>,
    /// Id in that claim to group in policy. Ids that are not here are ignored.
    pub groups: BTreeMap<String, String>,
    /// Whether tokens have to be bound to the client's certificate.
    pub certificate_binding: CertificateBinding,
    /// Longest life of a token: from `iat`, or else from now, to `exp`.
    pub token_age_max: Duration,
    /// How far clocks may differ; at most 5 minutes.
    pub leeway: Duration,
    /// How long keys are believed that the issuer has not confirmed, because it does not answer.
    pub keys_max_age: Duration,
}

/// How the tokens of an issuer are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtPreset {
    /// Any OpenID Connect or OAuth 2.0 issuer. The subject is `jwt:NAME:SUB`.
    Oidc {
        /// The exact `iss`.
        issuer: String,
        /// The claim that is the subject; it has to be one that the issuer never gives to somebody else.
        subject_claim: String,
    },
    /// Projected service account tokens of Kubernetes. The subject is `k8s:NAME:NAMESPACE:SERVICE_ACCOUNT`.
    Kubernetes {
        /// The exact `iss`. Several clusters may share it: the one whose keys hold the token's `kid` is meant.
        issuer: String,
    },
    /// JWT-SVIDs. The subject is the SPIFFE ID.
    Spiffe {
        /// The trust domain that the keys vouch for. Exactly one: a bundle speaks for one trust domain
        /// (SPIFFE Trust Domain and Bundle, section 4), and keys of one must not make identities of another.
        trust_domains: BTreeSet<TrustDomain>,
    },
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtKeySource {
    /// The content of a JWK set (RFC 7517, section 5) or SPIFFE bundle.
    Document(Vec<u8>),
    /// The address of one.
    Url(String),
    /// What the issuer's `/.well-known/openid-configuration` names as `jwks_uri` (OpenID Connect Discovery 1.0, section 4).
    /// That may be any host: whoever answers for the issuer by HTTPS may say so.
    Discovery,
}

/// Whether tokens have to be bound to the client's certificate (RFC 8705, section 3). A token that is bound always has to
/// match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateBinding {
    /// Bearers of tokens without binding are believed.
    IfPresent,
    /// They are not.
    Required,
}

/// A signature algorithm that may be on an allow-list (RFC 7518, section 3.1; RFC 8037). There is no value for `none`, and
/// none for a symmetric algorithm, whose key would be as good as the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 using SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 using SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 using SHA-512.
    Rs512,
    /// RSASSA-PSS using SHA-256.
    Ps256,
    /// RSASSA-PSS using SHA-384.
    Ps384,
    /// RSASSA-PSS using SHA-512.
    Ps512,
    /// ECDSA on P-256 using SHA-256.
    Es256,
    /// ECDSA on P-384 using SHA-384.
    Es384,
    /// Ed25519. Not for JWT-SVIDs (JWT-SVID, section 2.1), whatever the allow-list says.
    EdDsa,
}

impl JwtAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in tokens, keys and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) const fn of_library(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

impl FromStr for JwtAlgorithm {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Self::ALL.into_iter().find(|known| known.name() == text).ok_or(Rule::new(
            "must be RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA: tokens without a signature or with a \
             shared secret are never accepted",
        ))
    }
}

impl fmt::Display for JwtAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
