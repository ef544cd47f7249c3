//! SPIFFE trust bundles, good and bad.

use proptest::prelude::*;

use super::*;
use crate::{authn::testing::TestCa, edge::testing::CLIENTS};

/// The base64 between the lines of a PEM block.
fn x5c(ca: &TestCa) -> String {
    ca.pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

fn key(ca: &TestCa) -> String {
    // SPIRE writes the public key too, and no `kid`.
    format!(r#"{{"use":"x509-svid","kty":"EC","crv":"P-256","x":"AA","y":"AA","x5c":["{}"]}}"#, x5c(ca))
}

fn bundle(keys: &[&str]) -> Vec<u8> {
    format!(r#"{{"spiffe_sequence":7,"spiffe_refresh_hint":300,"keys":[{}],"x":{{}}}}"#, keys.join(",")).into_bytes()
}

#[test]
fn takes_the_certificates_of_x509_svids_and_ignores_the_rest() {
    let other = TestCa::new("other");
    let jwt = r#"{"use":"jwt-svid","kty":"EC","kid":"k","crv":"P-256","x":"AA","y":"AA"}"#;
    let strange = r#"{"use":"X509-SVID","kty":"EC","x5c":["?"]}"#;
    let without_use = r#"{"kty":"EC","x5c":["?","?"]}"#;
    let json = bundle(&[&key(&CLIENTS), jwt, strange, without_use, &key(&other)]);
    assert!(is_json(&json));
    assert_eq!(authorities(&json).unwrap(), [CLIENTS.der.clone(), other.der.clone()]);
}

#[test]
fn an_empty_bundle_never_means_no_client_authentication() {
    for keys in [&[][..], &[r#"{"use":"jwt-svid","kty":"EC"}"#], &[r#"{"kty":"EC"}"#]] {
        assert_eq!(authorities(&bundle(keys)), Err(TlsFault::NoX509Authority));
    }
}

#[test]
fn each_key_has_exactly_one_certificate_in_base64() {
    let good = x5c(&CLIENTS);
    let bad = [
        r#"{"use":"x509-svid","kty":"EC"}"#.to_owned(),
        r#"{"use":"x509-svid","x5c":[]}"#.to_owned(),
        format!(r#"{{"use":"x509-svid","x5c":["{good}","{good}"]}}"#),
        r#"{"use":"x509-svid","x5c":[""]}"#.to_owned(),
        format!(r#"{{"use":"x509-svid","x5c":["{good} "]}}"#),
        format!(r#"{{"use":"x509-svid","x5c":["{good}\n-----END CERTIFICATE-----"]}}"#),
        r#"{"use":"x509-svid","x5c":["TWFu-_"]}"#.to_owned(),
        r#"{"use":"x509-svid","x5c":["A"]}"#.to_owned(),
    ];
    for bad in bad {
        let json = bundle(&[&key(&CLIENTS), &bad]);
        assert!(matches!(authorities(&json), Err(TlsFault::BadX5c { at: 2, .. })), "{bad}");
    }
}

#[test]
fn what_is_no_bundle_is_named_by_its_place_and_not_repeated() {
    let bad = [
        &b"{"[..],
        b"{}",
        br#"{"keys":{}}"#,
        br#"{"keys":["canary"]}"#,
        br#"{"keys":[{"use":7}]}"#,
        br#"{"keys":[{"use":"x509-svid","x5c":"canary"}]}"#,
        br#"{"keys":[],"keys":[]}"#,
        br#"{"keys":[]} {"canary":1}"#,
        b"{\"keys\":[{\"use\":\"\xff\"}]}",
    ];
    for json in bad {
        let fault = authorities(json).unwrap_err();
        assert!(matches!(fault, TlsFault::NotABundle { line: 1, .. }), "{fault}");
        assert!(!fault.to_string().contains("canary"), "{fault}");
    }
    let deep = [&br#"{"x":"#[..], &b"[".repeat(100_000)].concat();
    assert!(matches!(authorities(&deep), Err(TlsFault::NotABundle { .. })));
}

#[test]
fn pem_is_no_json() {
    for text in ["", " \n", "-----BEGIN CERTIFICATE-----", "# {comment}\n-----BEGIN", "[]", "\u{feff}{}"] {
        assert!(!is_json(text.as_bytes()), "{text:?}");
    }
    assert!(is_json(b"\r\n\t {"));
}

proptest! {
    #[test]
    fn no_text_panics(text in r#"\{"keys":\[(\{"use":"x509-svid","x5c":\["[A-Za-z0-9+/=]{0,80}"\]\},?){0,3}\]\}"#) {
        if let Ok(found) = authorities(text.as_bytes()) {
            prop_assert!(!found.is_empty());
        }
    }
}
