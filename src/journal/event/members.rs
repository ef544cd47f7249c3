//! Members of a body that are written in another way than they are held.

use std::fmt::Display;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::RequestEnd;
use crate::types::sha256_hex;

/// What a record says in place of a policy.
#[derive(Serialize)]
struct PolicyDigest {
    policy_sha256: String,
    policy_bytes: usize,
}

pub(super) fn digest_of<S: Serializer>(policy: &str, serializer: S) -> Result<S::Ok, S::Error> {
    PolicyDigest { policy_sha256: sha256_hex(policy), policy_bytes: policy.len() }.serialize(serializer)
}

pub(super) fn as_optional_text<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

pub(super) fn digest_of_reply<S: Serializer>(end: &RequestEnd, serializer: S) -> Result<S::Ok, S::Error> {
    let mut members = serializer.serialize_map(None)?;
    if let RequestEnd::Keep(reply) = end {
        members.serialize_entry("reply_sha256", &sha256_hex(reply))?;
    }
    members.end()
}

pub(super) fn as_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
