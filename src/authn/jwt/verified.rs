//! Tokens that were verified before, so that the next request with the same token costs a hash and no signature.
//!
//! Why that is safe:
//! - An entry is found by the SHA-256 of the whole token, signature and all. Nobody can make another token with that digest.
//! - Only what the signature covers is remembered. What depends on the request is checked each time, from memory or not:
//!   the times against the clock, and the binding against the certificate of this connection.
//! - An entry counts only as long as its issuer's keys are those by which it was verified and are still believed: a key
//!   that the issuer takes back, a file that is replaced, an outage that lasts too long end it.
//! - Failures are not remembered, so strangers can put nothing in and push nothing out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest;

use super::{binding::Bound, claims::Times};
use crate::authn::Caller;

/// Entries in each of the two halves: 1,024 in all, of about 1 KiB, and less than 10 KiB at worst.
const HALF_ENTRIES_MAX: usize = 512;

/// What the signature of one token covers.
pub(super) struct Verified {
    /// Which issuer, by its place in the list.
    pub(super) issuer: usize,
    /// Generation of the issuer's keys.
    pub(super) generation: u64,
    pub(super) caller: Caller,
    pub(super) times: Times,
    pub(super) bound: Bound,
}

/// Key of an entry.
pub(super) type Digest = [u8; 32];

/// SHA-256 of the whole token.
pub(super) fn digest_of(token: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

/// The tokens, bounded. New entries and those in use are in `young`; when it is full, it becomes `old`, and what nobody
/// used since is dropped.
#[derive(Default)]
pub(super) struct VerifiedTokens(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    young: HashMap<Digest, Arc<Verified>>,
    old: HashMap<Digest, Arc<Verified>>,
}

impl VerifiedTokens {
    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Verified>> {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = halves.young.get(digest) {
            return Some(Arc::clone(found));
        }
        let found = halves.old.remove(digest)?;
        halves.put(*digest, Arc::clone(&found));
        Some(found)
    }

    pub(super) fn put(&self, digest: Digest, verified: Arc<Verified>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(digest, verified);
    }

    pub(super) fn forget(&self, digest: &Digest) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.young.remove(digest);
        halves.old.remove(digest);
    }
}

impl Halves {
    fn put(&mut self, digest: Digest, verified: Arc<Verified>) {
        if self.young.len() >= HALF_ENTRIES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, verified);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::authn::{Scheme, jwt::claims::Claims};

    fn verified(subject: &str) -> Arc<Verified> {
        let claims = Claims::from_json(&json!({"exp": 1}));
        Arc::new(Verified {
            issuer: 0,
            generation: 1,
            caller: Caller::new(Scheme::Jwt, subject, BTreeMap::new()),
            times: Times::of(&claims).unwrap(),
            bound: Bound::of(&claims).unwrap(),
        })
    }

    fn subject(tokens: &VerifiedTokens, token: &str) -> Option<String> {
        tokens.get(&digest_of(token)).map(|found| found.caller.subject().to_owned())
    }

    #[test]
    fn a_token_is_found_whole_or_not_at_all() {
        let tokens = VerifiedTokens::default();
        tokens.put(digest_of("a.b.c"), verified("alice"));
        assert_eq!(subject(&tokens, "a.b.c").as_deref(), Some("alice"));
        for near in ["a.b.d", "a.b.", "a.b.cc", "A.b.c", ""] {
            assert_eq!(subject(&tokens, near), None);
        }
        tokens.forget(&digest_of("a.b.c"));
        assert_eq!(subject(&tokens, "a.b.c"), None);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_in_use() {
        let tokens = VerifiedTokens::default();
        tokens.put(digest_of("used"), verified("used"));
        for number in 0..10 * HALF_ENTRIES_MAX {
            tokens.put(digest_of(&number.to_string()), verified("other"));
            assert!(subject(&tokens, "used").is_some(), "{number}");
            let halves = tokens.0.lock().unwrap();
            assert!(halves.young.len() <= HALF_ENTRIES_MAX && halves.old.len() <= HALF_ENTRIES_MAX);
        }
        assert_eq!(subject(&tokens, "0"), None);
        assert!(subject(&tokens, &(10 * HALF_ENTRIES_MAX - 1).to_string()).is_some());
    }
}
