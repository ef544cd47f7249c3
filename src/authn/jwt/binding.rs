//! Tokens that only the holder of a client certificate may use (RFC 8705, section 3).

use aws_lc_rs::digest;
use rustls_pki_types::CertificateDer;
use serde_json::Value;

use super::{CertificateBinding, claims::Claims};

/// The member of `cnf` that names a certificate (RFC 8705, section 3.1).
const THUMBPRINT: &str = "x5t#S256";

/// To which certificate a token is bound: base64url of its SHA-256.
pub(super) struct Bound(Option<String>);

impl Bound {
    /// From a verified token.
    pub(super) fn of(claims: &Claims) -> Result<Self, String> {
        let Some(confirmation) = claims.get("cnf") else { return Ok(Self(None)) };
        let members = confirmation.as_object().ok_or("cnf is no object")?;
        // A proof that is demanded and not checked would make a bound token a bearer token.
        if let Some(other) = members.keys().find(|name| *name != THUMBPRINT) {
            return Err(format!("cnf demands a proof that is not checked here: {}", super::shown(other)));
        }
        match members.get(THUMBPRINT) {
            Some(Value::String(thumbprint)) => Ok(Self(Some(thumbprint.clone()))),
            Some(_) => Err("cnf.x5t#S256 is no text".to_owned()),
            None => Err("cnf is empty".to_owned()),
        }
    }

    /// Whether this connection may use the token. The handshake has proven that the client holds the certificate's key.
    pub(super) fn check(&self, wanted: CertificateBinding, leaf: Option<&CertificateDer<'_>>) -> Result<(), String> {
        match (&self.0, wanted) {
            (None, CertificateBinding::IfPresent) => Ok(()),
            (None, CertificateBinding::Required) => Err("the token is not bound to a certificate".to_owned()),
            (Some(thumbprint), _) => match leaf {
                None => Err("the token is bound to a certificate, and the connection shows none".to_owned()),
                Some(leaf) if thumbprint_of(leaf) == *thumbprint => Ok(()),
                Some(_) => Err("the token is bound to another certificate".to_owned()),
            },
        }
    }
}

/// RFC 8705, section 3.1.
pub(super) fn thumbprint_of(certificate: &[u8]) -> String {
    base64url(digest::digest(&digest::SHA256, certificate).as_ref())
}

/// Base64 with the URL and filename safe alphabet, without padding (RFC 4648, section 5).
pub(super) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        // n bytes are n + 1 characters of six bits.
        for at in 0..=chunk.len() {
            let six = (bits >> (18 - 6 * at)) & 63;
            text.extend(ALPHABET.get(six as usize).map(|character| char::from(*character)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bound(cnf: &Value) -> Result<Bound, String> {
        Bound::of(&Claims::from_json(&json!({ "cnf": cnf })))
    }

    #[test]
    fn base64url_is_that_of_the_standard() {
        // RFC 4648, section 10.
        for (bytes, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]), "-__-");
        // RFC 7638, section 3.1 gives this digest in both forms.
        let digest = [
            55, 54, 203, 177, 120, 124, 184, 48, 156, 119, 238, 140, 55, 5, 197, 225, 111, 251, 158, 133, 151, 21, 144,
            31, 30, 76, 89, 177, 17, 130, 245, 123,
        ];
        assert_eq!(base64url(&digest), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_bound_token_works_with_its_certificate_alone() {
        let (own, other) = (CertificateDer::from(b"own".to_vec()), CertificateDer::from(b"other".to_vec()));
        let bound = bound(&json!({ THUMBPRINT: thumbprint_of(&own) })).unwrap();
        for wanted in [CertificateBinding::IfPresent, CertificateBinding::Required] {
            bound.check(wanted, Some(&own)).unwrap();
            assert!(bound.check(wanted, Some(&other)).unwrap_err().contains("another certificate"));
            assert!(bound.check(wanted, None).unwrap_err().contains("shows none"));
        }
    }

    #[test]
    fn without_binding_it_depends_on_what_is_demanded() {
        let unbound = Bound::of(&Claims::from_json(&json!({}))).unwrap();
        unbound.check(CertificateBinding::IfPresent, None).unwrap();
        let leaf = CertificateDer::from(b"own".to_vec());
        let refused = unbound.check(CertificateBinding::Required, Some(&leaf)).unwrap_err();
        assert!(refused.contains("not bound"));
    }

    #[test]
    fn a_confirmation_that_is_not_checked_is_refused() {
        let thumbprint = thumbprint_of(b"own");
        for cnf in [
            json!({"jkt": "x"}),
            json!({"jkt": "x", THUMBPRINT: thumbprint}),
            json!({"x5t": "x"}),
            json!({}),
            json!({ THUMBPRINT: 1 }),
            json!({ THUMBPRINT: null }),
            json!("x"),
            json!(null),
        ] {
            assert!(bound(&cnf).is_err(), "{cnf}");
        }
    }

    #[test]
    fn a_thumbprint_is_compared_exactly() {
        let own = CertificateDer::from(b"own".to_vec());
        let thumbprint = thumbprint_of(&own);
        for near in ["", &thumbprint[1..], &format!("{thumbprint}="), &thumbprint.to_ascii_lowercase()] {
            let bound = bound(&json!({ THUMBPRINT: near })).unwrap();
            assert!(bound.check(CertificateBinding::IfPresent, Some(&own)).is_err(), "{near}");
        }
    }
}
