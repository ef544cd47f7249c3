//! Tokens that were verified before: fewer signatures, and not one check less.

use rustls_pki_types::CertificateDer;
use serde_json::json;

use super::*;
use crate::authn::{PeerFacts, jwt::binding::thumbprint_of, testing::remote};

fn is_remembered(issuers: &JwtIssuers, token: &str) -> bool {
    issuers.verified.get(&verified::digest_of(token)).is_some()
}

fn peer(certificates: &[&[u8]]) -> PeerFacts {
    let certificates = certificates.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    PeerFacts { remote: remote(), certificates }
}

#[tokio::test]
async fn a_remembered_token_is_the_same_caller_and_ends_with_exp() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let token = signer.token(&claims());
    let first = ask(&issuers, &token).await.unwrap();
    assert!(is_remembered(&issuers, &token));
    assert_eq!(ask(&issuers, &token).await.unwrap(), first);
    ask_at(&issuers, &token, None, NOW + 629).await.unwrap();
    assert_refused(ask_at(&issuers, &token, None, NOW + 630).await, "expired");
    assert_refused(ask_at(&issuers, &token, None, NOW - 31).await, "future");
    ask(&issuers, &token).await.unwrap();
}

#[tokio::test]
async fn a_failure_is_never_remembered() {
    let (signer, mallory) = (Signer::es256("k1"), Signer::es256("k1"));
    let issuers = issuers([file(&[&signer])]);
    let future = signer.token(&claims_with(json!({"nbf": NOW + 100})));
    for token in [mallory.token(&claims()), signer.token(&claims_with(json!({"aud": "x"}))), future.clone()] {
        ask(&issuers, &token).await.unwrap_err();
        assert!(!is_remembered(&issuers, &token));
    }
    ask_at(&issuers, &future, None, NOW + 100).await.unwrap();
    assert!(is_remembered(&issuers, &future));
}

#[tokio::test]
async fn a_remembered_token_ends_when_its_key_is_taken_back() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuers = issuers([file(&[&old])]);
    let token = old.token(&claims());
    ask(&issuers, &token).await.unwrap();
    issuers.replace_keys("corp", &jwks(&[&old, &new])).unwrap();
    ask(&issuers, &token).await.unwrap();
    issuers.replace_keys("corp", &jwks(&[&new])).unwrap();
    assert_refused(ask(&issuers, &token).await, "no key \"old\"");
    assert!(!is_remembered(&issuers, &token));
    // A key of the same id is another key.
    issuers.replace_keys("corp", &jwks(&[&Signer::es256("old")])).unwrap();
    assert_refused(ask(&issuers, &token).await, "InvalidSignature");
}

#[tokio::test]
async fn a_bound_token_is_checked_against_each_connection_remembered_or_not() {
    let signer = Signer::es256("k1");
    let bound = |der: &[u8]| signer.token(&claims_with(json!({"cnf": {"x5t#S256": thumbprint_of(der)}})));
    for certificate_binding in [CertificateBinding::IfPresent, CertificateBinding::Required] {
        let issuers = issuers([JwtIssuerSettings { certificate_binding, ..file(&[&signer]) }]);
        let token = bound(b"own");
        for _remembered in [false, true] {
            for (certificates, words) in [
                (&[][..], "shows none"),
                (&[&b"other"[..]], "another certificate"),
                // Only the leaf's key is proven.
                (&[b"other", b"own"], "another certificate"),
            ] {
                let found = ask_at(&issuers, &token, Some(&peer(certificates)), NOW).await;
                assert_refused(found, words);
            }
            assert_refused(ask(&issuers, &token).await, "shows none");
            ask_at(&issuers, &token, Some(&peer(&[b"own", b"ca"])), NOW).await.unwrap();
        }
        assert!(is_remembered(&issuers, &token));
    }
}

#[tokio::test]
async fn where_binding_is_demanded_a_bearer_token_is_refused() {
    let signer = Signer::es256("k1");
    let settings = JwtIssuerSettings { certificate_binding: CertificateBinding::Required, ..file(&[&signer]) };
    let found = ask_at(&issuers([settings]), &signer.token(&claims()), Some(&peer(&[b"own"])), NOW).await;
    assert_refused(found, "not bound");
}

#[tokio::test]
async fn a_token_bound_in_a_way_that_is_not_checked_is_refused() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let dpop = signer.token(&claims_with(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})));
    assert_refused(ask_at(&issuers, &dpop, Some(&peer(&[b"own"])), NOW).await, "not checked here: \"jkt\"");
}
