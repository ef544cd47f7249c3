//! What the configuration says about one issuer of tokens.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jsonwebtoken::Algorithm;

use crate::types::{JwtAlgorithm, TrustDomain};

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

/// The library's name for it.
pub(super) const fn of_library(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Rs384 => Algorithm::RS384,
        JwtAlgorithm::Rs512 => Algorithm::RS512,
        JwtAlgorithm::Ps256 => Algorithm::PS256,
        JwtAlgorithm::Ps384 => Algorithm::PS384,
        JwtAlgorithm::Ps512 => Algorithm::PS512,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::Es384 => Algorithm::ES384,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}
