//! Digests, random identifiers and the like: the only user of the crypto provider.

use aws_lc_rs::{constant_time, digest, hmac, rand};
use md5::{Digest, Md5};

const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256, hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// MD5.
pub(crate) fn md5(bytes: &[u8]) -> Vec<u8> {
    Md5::digest(bytes).to_vec()
}

/// MD5, hexadecimal: what S3 calls an `ETag` and SQS a body's digest.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// HMAC-SHA-256.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

/// Compares without telling by its time where the two differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// A request id in the form of a UUID, as STS, IAM, SQS and Organizations give it.
pub(crate) fn request_id() -> String {
    let text = hex(&random(16));
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// A request id as S3 gives it: 16 upper-case characters.
pub(crate) fn s3_request_id() -> String {
    pick(&random(16), BASE32)
}

/// A fresh access key id: `ASIA` for temporary, `AKIA` for static credentials.
pub(crate) fn access_key_id(prefix: &str) -> String {
    format!("{prefix}{}", pick(&random(16), BASE32))
}

/// A fresh secret access key: 40 characters.
pub(crate) fn secret_access_key() -> String {
    pick(&random(40), BASE64)
}

/// A fresh session token, of the length that STS usually gives.
pub(crate) fn session_token(min_length: usize) -> String {
    let length = min_length.clamp(356, 4096);
    let head = "IQoJb3JpZ2luX2Vj";
    format!("{head}{}", pick(&random(length - head.len()), BASE64))
}

/// Credentials of a scenario principal that names none: the same at every start, so that pasted `export` lines stay good.
pub(crate) fn derived_access_key(seed: &str) -> (String, String) {
    let first = digest::digest(&digest::SHA256, format!("access key of {seed}").as_bytes());
    let second = digest::digest(&digest::SHA384, format!("secret of {seed}").as_bytes());
    let id = pick(first.as_ref().get(..16).unwrap_or_default(), BASE32);
    (format!("AKIA{id}"), pick(second.as_ref().get(..40).unwrap_or_default(), BASE64))
}

fn pick(bytes: &[u8], alphabet: &[u8]) -> String {
    bytes
        .iter()
        .filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len()))
        .map(|byte| char::from(*byte))
        .collect()
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // The provider's generator reseeds itself; were it ever to fail, identifiers repeat, and nothing of this program's is secret.
    let _ = rand::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_the_lengths_of_aws() {
        assert_eq!(access_key_id("ASIA").len(), 20);
        assert_eq!(secret_access_key().len(), 40);
        assert_eq!(session_token(0).len(), 356);
        assert_eq!(session_token(1000).len(), 1000);
        assert_eq!(request_id().len(), 36);
        let (id, secret) = derived_access_key("222222222222/gateway");
        assert_eq!((id.len(), secret.len()), (20, 40));
        assert_eq!(derived_access_key("222222222222/gateway").0, id);
    }
}
