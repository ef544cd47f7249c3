//! The canonical request, and the digest of the body.

use super::Signed;
use crate::crypto::{same, sha256_hex};
use crate::message::{Message, encode, normalize};

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// Chunked upload whose trailer carries a checksum; the signature covers the headers alone.
pub(crate) const STREAMING_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// The text whose digest is signed.
pub(super) fn request(signed: &Signed, message: &Message) -> String {
    let headers: String =
        signed.signed_headers.iter().map(|name| format!("{name}:{}\n", header(message, name))).collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        message.method,
        path(signed, message),
        query(message),
        signed.signed_headers.join(";"),
        payload(signed, message),
    )
}

/// S3 encodes a path once. All others encode what was sent once more; they are only ever asked for plain paths.
fn path(signed: &Signed, message: &Message) -> String {
    if signed.service != "s3" {
        return encode(message.path.as_bytes(), true);
    }
    // By segments, so that an encoded slash stays one.
    message.path.split('/').map(|segment| normalize(segment, false)).collect::<Vec<_>>().join("/")
}

fn query(message: &Message) -> String {
    let mut parts: Vec<(String, String)> = message
        .query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(key, value)| (normalize(key, false), normalize(value, false)))
        .filter(|(key, _)| key != "X-Amz-Signature")
        .collect();
    parts.sort();
    parts.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

fn header(message: &Message, name: &str) -> String {
    let values = message.headers.get_all(name).iter();
    let texts: Vec<String> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    texts.join(",")
}

fn payload(signed: &Signed, message: &Message) -> String {
    match (signed.service == "s3", message.header("x-amz-content-sha256")) {
        (true, Some(stated)) => stated.to_owned(),
        (true, None) if signed.presigned => UNSIGNED.to_owned(),
        _ => sha256_hex(&message.body),
    }
}

/// Whether the digest that the request states is that of its body. S3 may leave it unsigned, no other service may.
pub(crate) fn payload_matches(signed: &Signed, message: &Message) -> bool {
    match message.header("x-amz-content-sha256") {
        Some(UNSIGNED | STREAMING_TRAILER) => signed.service == "s3",
        Some(stated) => same(stated.as_bytes(), sha256_hex(&message.body).as_bytes()),
        None => true,
    }
}
