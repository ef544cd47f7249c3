//! The verification keys of one issuer: a JWK set (RFC 7517, section 5) or a SPIFFE bundle, parsed once.
//!
//! A key that cannot be used is left out and named, so that one odd key does not cost the others. What is left out can
//! verify nothing.

use std::sync::Arc;

use jsonwebtoken::{
    DecodingKey, DecodingKeyKind,
    jwk::{Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::Value;

use super::{settings::of_library, shown, strict};
use crate::types::JwtAlgorithm;

/// Largest document that is read: a hundred times what issuers publish.
pub(super) const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Most keys in one set. Issuers publish two to ten.
const KEYS_MAX: usize = 100;
/// RSA moduli (RFC 7518, section 3.3; the upper bound is that of the cryptography).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Least public exponent (FIPS 186-5, section 5.4 (e)).
const RSA_EXPONENT_MIN: u64 = 65_537;

/// What a key has to say about its own use (`use`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyUse {
    /// `sig`, or nothing (RFC 7517, section 4.2).
    Signature,
    /// `jwt-svid` (SPIFFE Trust Domain and Bundle, section 4.2.2).
    JwtSvid,
}

/// The keys of one issuer that can verify tokens.
pub(super) struct KeySet {
    keys: Vec<Arc<Key>>,
    /// Why others are not among them, for the log.
    pub(super) left_out: Vec<String>,
}

/// One key.
pub(super) struct Key {
    id: Option<String>,
    algorithms: Vec<JwtAlgorithm>,
    decoding: DecodingKey,
}

impl Key {
    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// Why no key was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// The issuer may have made the key since: worth another look.
    Unknown(String),
    /// No look changes it.
    Unfit(String),
}

impl KeySet {
    /// Reads a document.
    ///
    /// # Errors
    /// It is no JWK set, or too large. A set of which no key can be used is none.
    pub(super) fn parse(document: &[u8], wanted: KeyUse) -> Result<Self, String> {
        if document.len() > DOCUMENT_BYTES_MAX {
            return Err(format!("more than {DOCUMENT_BYTES_MAX} bytes"));
        }
        let set: strict::Object =
            serde_json::from_slice(document).map_err(|error| format!("no JWK set: {}", shown(&error.to_string())))?;
        let Some(Value::Array(members)) = set.get("keys") else {
            return Err("no JWK set: it has no list `keys`".to_owned());
        };
        if members.len() > KEYS_MAX {
            return Err(format!("more than {KEYS_MAX} keys"));
        }
        let mut keys = Vec::new();
        let mut left_out = Vec::new();
        for member in members {
            match read(member, wanted) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(why) => left_out.push(format!("{}: {why}", name(member))),
            }
        }
        Ok(Self { keys, left_out })
    }

    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The one key that may verify a token with this `kid` and `alg`.
    pub(super) fn pick(&self, id: Option<&str>, algorithm: JwtAlgorithm) -> Result<Arc<Key>, Miss> {
        let Some(id) = id else {
            return match self.keys.as_slice() {
                [key] if key.algorithms.contains(&algorithm) => Ok(Arc::clone(key)),
                [_] => Err(Miss::Unfit(format!("the issuer's key is not for {algorithm}"))),
                // Trying all would let a token choose among keys without saying so.
                _ => Err(Miss::Unfit("kid is missing, and the issuer has not exactly one key".to_owned())),
            };
        };
        let mut named = self.keys.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
        if named.peek().is_none() {
            return Err(Miss::Unknown(format!("the issuer has no key {}", shown(id))));
        }
        // Keys of several types may share an id (RFC 7517, section 4.5).
        let mut fitting = named.filter(|key| key.algorithms.contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(Arc::clone(key)),
            (Some(_), Some(_)) => {
                Err(Miss::Unfit(format!("the issuer has several keys {} for {algorithm}", shown(id))))
            }
            (None, _) => Err(Miss::Unfit(format!("the issuer's key {} is not for {algorithm}", shown(id)))),
        }
    }
}

/// How a key is named in the log.
fn name(member: &Value) -> String {
    let id = member.get("kid").and_then(Value::as_str);
    id.map_or_else(|| "a key without kid".to_owned(), |id| format!("key {}", shown(id)))
}

fn read(member: &Value, wanted: KeyUse) -> Result<Key, String> {
    let is = |kty: &str| member.get("kty").and_then(Value::as_str) == Some(kty);
    if is("oct") {
        return Err("it is symmetric: whoever can read it could sign".to_owned());
    }
    if member.get("d").is_some() {
        return Err("its private half is published".to_owned());
    }
    let jwk: Jwk = serde_json::from_value(member.clone()).map_err(|error| shown(&error.to_string()))?;
    check_use(&jwk, wanted)?;
    if wanted == KeyUse::JwtSvid && jwk.common.key_id.is_none() {
        return Err("a key of a SPIFFE bundle has to have a kid".to_owned());
    }
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|error| shown(&error.to_string()))?;
    let mut algorithms = algorithms_of(member, &decoding)?;
    if let Some(own) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| KeyAlgorithm::from(of_library(*algorithm)) == own);
        if algorithms.is_empty() {
            return Err("its alg does not fit its type, or is not known".to_owned());
        }
    }
    Ok(Key { id: jwk.common.key_id, algorithms, decoding })
}

fn check_use(jwk: &Jwk, wanted: KeyUse) -> Result<(), String> {
    let fits = match (wanted, &jwk.common.public_key_use) {
        (KeyUse::Signature, None | Some(PublicKeyUse::Signature)) => true,
        (KeyUse::JwtSvid, Some(PublicKeyUse::Other(other))) => other == "jwt-svid",
        _ => false,
    };
    if !fits {
        return Err(match wanted {
            KeyUse::Signature => "its use is not sig".to_owned(),
            KeyUse::JwtSvid => "its use is not jwt-svid".to_owned(),
        });
    }
    match &jwk.common.key_operations {
        Some(operations) if !operations.contains(&KeyOperations::Verify) => Err("its key_ops lack verify".to_owned()),
        _ => Ok(()),
    }
}

/// The algorithms that fit the type and size of a key.
fn algorithms_of(member: &Value, key: &DecodingKey) -> Result<Vec<JwtAlgorithm>, String> {
    let text = |name| member.get(name).and_then(Value::as_str).unwrap_or_default();
    use JwtAlgorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let (algorithms, bytes_wanted) = match (text("kty"), text("crv")) {
        ("RSA", _) => {
            check_rsa(key)?;
            return Ok(vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512]);
        }
        // An uncompressed point: 4, x, y (SEC 1, section 2.3.3).
        ("EC", "P-256") => (vec![Es256], 1 + 2 * 32),
        ("EC", "P-384") => (vec![Es384], 1 + 2 * 48),
        ("OKP", "Ed25519") => (vec![EdDsa], 32),
        _ => return Err("its type is not known".to_owned()),
    };
    match key.try_get_as_bytes() {
        Ok(bytes) if bytes.len() == bytes_wanted => Ok(algorithms),
        _ => Err("its length does not fit its curve".to_owned()),
    }
}

fn check_rsa(key: &DecodingKey) -> Result<(), String> {
    let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else {
        return Err("it has no modulus".to_owned());
    };
    let bits = significant(n).first().map_or(0, |first| significant(n).len() * 8 - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!(
            "it is an RSA key of {bits} bits; {} to {} are accepted",
            RSA_BITS.start(),
            RSA_BITS.end()
        ));
    }
    let exponent = significant(e).iter().take(9).fold(0_u64, |sum, byte| sum.saturating_mul(256) | u64::from(*byte));
    if exponent < RSA_EXPONENT_MIN || exponent % 2 == 0 {
        return Err("its public exponent is even or below 65537".to_owned());
    }
    Ok(())
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
