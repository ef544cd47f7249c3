//! Authentication: who is asking. Answers with a [`Caller`] or with one failure that always reads the same.
//!
//! Control flow, for every request:
//! 1. Each scheme looks at the facts about the request and says one of three things: an identity was not offered, it was
//!    proven, or it was offered and is not good.
//! 2. One failed scheme fails the request. It never falls through to a weaker one.
//! 3. Two schemes that both prove an identity fail the request as well: a call has one caller.
//! 4. Nothing offered is a failure too.
//!
//! This module only says who it is. Whether they may is asked in `authz`.

mod caller;
mod layer;
mod mtls;
mod peer;
mod spiffe;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use caller::{Caller, Scheme};
pub use layer::{Authentication, AuthnLayer, AuthnService};
pub use mtls::MtlsRules;
pub use peer::PeerFacts;
pub use spiffe::SpiffeId;

use std::{fmt, sync::Arc};

use http::HeaderMap;

use crate::clock::Clock;

/// Headers in which proxies and clients claim an identity. No scheme reads them yet, so nobody may: they are taken off
/// every request before anything else can see them, because whoever reaches the listener can write them.
pub const IDENTITY_HEADERS: [&str; 4] =
    ["authorization", "proxy-authorization", "x-forwarded-client-cert", "l5d-client-id"];

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

/// Runs the schemes in order. The only maker of callers.
pub struct Authenticator {
    mtls: MtlsRules,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// An authenticator that believes client certificates according to `mtls`.
    #[must_use]
    pub fn new(mtls: MtlsRules, clock: Arc<dyn Clock>) -> Self {
        Self { mtls, clock }
    }

    /// Says who the caller is, from the facts about the connection and the headers of the request.
    ///
    /// # Errors
    ///
    /// Nothing was offered, what was offered is not good, or two schemes proved an identity.
    pub fn authenticate(&self, peer: Option<&PeerFacts>, headers: &HeaderMap) -> Result<Caller, AuthnFailure> {
        let proofs = [(Scheme::Mtls, mtls::prove(&self.mtls, peer, self.clock.now()))];
        combine(proofs).map_err(|failure| name_ignored(failure, headers))
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
fn name_ignored(failure: AuthnFailure, headers: &HeaderMap) -> AuthnFailure {
    let ignored: Vec<&str> = IDENTITY_HEADERS.into_iter().filter(|name| headers.contains_key(*name)).collect();
    if ignored.is_empty() {
        return failure;
    }
    AuthnFailure { reason: format!("{}; not believed: header {}", failure.reason, ignored.join(", ")), ..failure }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("mtls", &self.mtls).finish_non_exhaustive()
    }
}
