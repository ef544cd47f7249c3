//! SPIFFE trust bundles in JSON: a JWK set whose keys say what they vouch for.
//!
//! Sources: SPIFFE Trust Domain and Bundle, section 4; the X.509-SVID standard, section 6.

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::Deserialize;

use super::TlsFault;

/// Keys for X.509-SVIDs; others are for other kinds of documents and are ignored.
const X509_SVID: &str = "x509-svid";

/// What is read of a bundle. Sequence number, refresh hint and unknown members are ignored.
#[derive(Deserialize)]
struct Bundle {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "use")]
    usage: Option<String>,
    x5c: Option<Vec<String>>,
}

/// Whether a file is JSON and no PEM: PEM may have text before its first block, but nobody begins it with a brace.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// The CA certificates, at least one.
///
/// A key for X.509-SVIDs without exactly one certificate is an error. The standard would have a reader ignore it, or all
/// but the first certificate; a bundle that is wrong in one place deserves a look before anybody is believed by it.
pub(super) fn authorities(json: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let bundle: Bundle = serde_json::from_slice(json).map_err(|error| {
        // Only the place: the words of the error may repeat what the file holds.
        TlsFault::NotABundle { line: error.line(), column: error.column() }
    })?;
    let keys = (1..).zip(&bundle.keys).filter(|(_, key)| key.usage.as_deref() == Some(X509_SVID));
    let authorities: Vec<_> = keys.map(|(at, key)| certificate(at, key)).collect::<Result<_, _>>()?;
    if authorities.is_empty() { Err(TlsFault::NoX509Authority) } else { Ok(authorities) }
}

fn certificate(at: usize, key: &Key) -> Result<CertificateDer<'static>, TlsFault> {
    let [text] = key.x5c.as_deref().unwrap_or_default() else {
        return Err(TlsFault::BadX5c { at, why: "it must have exactly one certificate" });
    };
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    if text.is_empty() || !text.bytes().all(base64) {
        return Err(TlsFault::BadX5c { at, why: "it must be base64 (RFC 7517, section 4.7)" });
    }
    // A PEM block is base64 in armour; the characters above cannot break out of it.
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_error| TlsFault::BadX5c { at, why: "it must be base64 (RFC 7517, section 4.7)" })
}

#[cfg(test)]
mod tests;
