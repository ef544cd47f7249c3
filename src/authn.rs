//! Authentication: who is asking. Answers with a [`Caller`] or with one failure that always reads the same.
//!
//! Control flow, for every request:
//! 1. Each scheme of the listener looks at the facts about the request and says one of three things: an identity was not
//!    offered, it was proven, or it was offered and is not good.
//! 2. One failed scheme fails the request. It never falls through to a weaker one.
//! 3. Two schemes that both prove an identity fail the request as well: a call has one caller. AWS is not even asked about
//!    an identity that comes beside another one: the call is lost, and the token would be used up.
//! 4. Nothing offered is a failure too.
//!
//! This module only says who it is. Whether they may is asked in `authz`.

mod aws_iam;
mod caller;
mod jwt;
mod layer;
mod mesh;
mod mtls;
mod peer;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use crate::types::Scheme;
pub use aws_iam::{AwsIam, AwsIamSettings, StsTransport};
pub use caller::Caller;
pub use jwt::{CertificateBinding, JwtIssuerSettings, JwtIssuers, JwtKeySource, JwtKeysFailure, JwtPreset};
pub use layer::{Authentication, AuthnLayer, AuthnService, GATED_PATHS};
pub use mesh::MeshRules;
pub use mtls::MtlsRules;
pub use peer::{PeerFacts, Remote};

use std::{fmt, sync::Arc};

use http::HeaderMap;

use crate::clock::{Clock, Timestamp};

/// Headers in which proxies and clients claim an identity. The schemes of a listener read theirs; then all are taken off
/// the request, so that nothing behind authentication can believe what anybody may have written.
pub const IDENTITY_HEADERS: [&str; 5] =
    ["authorization", "proxy-authorization", "x-forwarded-client-cert", "l5d-client-id", "x-rootgate-aws-iam"];

/// In which order schemes are asked: those that need nobody else first, the one that uses its tokens up last.
const ASKED: [Scheme; Scheme::ALL.len()] = [Scheme::Mtls, Scheme::Mesh, Scheme::Jwt, Scheme::AwsIam];

/// What a scheme judges by.
#[derive(Clone, Copy)]
struct Evidence<'r> {
    /// The other end of the connection, if the transport told.
    peer: Option<&'r PeerFacts>,
    /// Headers of the request.
    headers: &'r HeaderMap,
    /// The time of the judgement.
    now: Timestamp,
}

/// What one scheme says about one request.
#[derive(Clone, Debug)]
enum Proof {
    /// The request carries nothing that this scheme looks at.
    NotOffered,
    /// The identity is proven.
    Proven(Caller),
    /// An identity was offered and is not good; why, for operators.
    Failed(String),
}

/// No identity was proven. `Display` says the same words whatever the cause: a caller who cannot prove who they are
/// learns nothing about what would have been believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthnFailure {
    reason: String,
    tried: Vec<Scheme>,
}

impl AuthnFailure {
    /// The words for the caller.
    pub const PUBLIC: &'static str = "the identity of the caller was not proven";

    /// The cause, for the journal and the log only.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The schemes for which an identity was offered.
    #[must_use]
    pub fn tried(&self) -> &[Scheme] {
        &self.tried
    }
}

impl fmt::Display for AuthnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PUBLIC)
    }
}

impl std::error::Error for AuthnFailure {}

/// The schemes that a listener believes. What is none is off, and its headers are not looked at.
#[derive(Clone, Debug, Default)]
pub struct Schemes {
    /// Client certificates.
    pub mtls: Option<MtlsRules>,
    /// JSON Web Tokens.
    pub jwt: Option<Arc<JwtIssuers>>,
    /// The header of a mesh's proxy.
    pub mesh: Option<MeshRules>,
    /// Presigned `sts:GetCallerIdentity`.
    pub aws_iam: Option<Arc<AwsIam>>,
}

impl Schemes {
    /// The headers that these schemes read.
    fn headers(&self) -> Vec<&'static str> {
        let Self { mtls: _, jwt, mesh, aws_iam } = self;
        let jwt = jwt.is_some().then_some("authorization");
        let aws_iam = aws_iam.is_some().then_some(aws_iam::AWS_IAM_HEADER);
        [jwt, mesh.as_ref().map(MeshRules::header), aws_iam].into_iter().flatten().collect()
    }
}

/// Runs the schemes of one listener in order. The only maker of callers.
pub struct Authenticator {
    listener: Arc<str>,
    schemes: Schemes,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// An authenticator for the listener of this name.
    #[must_use]
    pub fn new(listener: &str, schemes: Schemes, clock: Arc<dyn Clock>) -> Self {
        Self { listener: listener.into(), schemes, clock }
    }

    /// Says who the caller is, from the facts about the connection and the headers of the request.
    ///
    /// # Errors
    ///
    /// Nothing was offered, what was offered is not good, or two schemes proved an identity.
    pub async fn authenticate(&self, peer: Option<&PeerFacts>, headers: &HeaderMap) -> Result<Caller, AuthnFailure> {
        let evidence = Evidence { peer, headers, now: self.clock.now() };
        let mut proofs: Vec<(Scheme, Proof)> = Vec::with_capacity(ASKED.len());
        for scheme in ASKED {
            let offered = proofs.iter().find(|(_, proof)| !matches!(proof, Proof::NotOffered));
            let proof = match (scheme, offered) {
                (Scheme::AwsIam, Some((other, _))) => self.unasked(*other, headers),
                _ => self.prove(scheme, &evidence).await,
            };
            proofs.push((scheme, proof));
        }
        let combined = combine(proofs).map(|caller| caller.on(&self.listener));
        combined.map_err(|failure| name_ignored(failure, headers, &self.schemes))
    }

    /// What `aws_iam` says of a call for which another scheme was offered an identity.
    fn unasked(&self, other: Scheme, headers: &HeaderMap) -> Proof {
        if self.schemes.aws_iam.is_none() || !headers.contains_key(aws_iam::AWS_IAM_HEADER) {
            return Proof::NotOffered;
        }
        Proof::Failed(format!("AWS was not asked, because an identity by {other} was offered too: a call has one"))
    }

    async fn prove(&self, scheme: Scheme, evidence: &Evidence<'_>) -> Proof {
        let Schemes { mtls, jwt, mesh, aws_iam } = &self.schemes;
        match scheme {
            Scheme::Mtls => mtls.as_ref().map_or(Proof::NotOffered, |rules| mtls::prove(rules, evidence)),
            Scheme::Mesh => mesh.as_ref().map_or(Proof::NotOffered, |rules| mesh::prove(rules, evidence)),
            Scheme::Jwt => match jwt {
                Some(issuers) => issuers.prove(evidence).await,
                None => Proof::NotOffered,
            },
            Scheme::AwsIam => match aws_iam {
                Some(aws_iam) => aws_iam.prove(evidence).await,
                None => Proof::NotOffered,
            },
        }
    }
}

/// The one identity of a call.
fn combine(proofs: impl IntoIterator<Item = (Scheme, Proof)>) -> Result<Caller, AuthnFailure> {
    let mut tried = Vec::new();
    let mut reasons = Vec::new();
    let mut proven = Vec::new();
    for (scheme, proof) in proofs {
        match proof {
            Proof::NotOffered => continue,
            Proof::Proven(caller) => proven.push(caller),
            Proof::Failed(why) => reasons.push(format!("{}: {why}", scheme.name())),
        }
        tried.push(scheme);
    }
    if !reasons.is_empty() {
        return Err(AuthnFailure { reason: reasons.join("; "), tried });
    }
    match (proven.pop(), proven.is_empty()) {
        (Some(caller), true) => Ok(caller),
        (Some(_), false) => Err(AuthnFailure { reason: "more than one scheme proved an identity".to_owned(), tried }),
        (None, _) => Err(AuthnFailure { reason: "no identity was offered".to_owned(), tried }),
    }
}

/// Tells the operator of a refused caller which of its headers nobody looked at; the names only.
fn name_ignored(failure: AuthnFailure, headers: &HeaderMap, schemes: &Schemes) -> AuthnFailure {
    let read = schemes.headers();
    let ignored = |name: &&str| headers.contains_key(*name) && !read.contains(name);
    let ignored: Vec<&str> = IDENTITY_HEADERS.into_iter().filter(ignored).collect();
    if ignored.is_empty() {
        return failure;
    }
    AuthnFailure { reason: format!("{}; not believed: header {}", failure.reason, ignored.join(", ")), ..failure }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("listener", &self.listener)
            .field("schemes", &self.schemes)
            .finish_non_exhaustive()
    }
}
