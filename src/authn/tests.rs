//! How the verdicts of several schemes become one.

use std::collections::BTreeMap;

use http::HeaderValue;

use super::{
    testing::{TestCa, client_params, mtls_only, uri},
    *,
};
use crate::clock::{ManualClock, Timestamp};

const ALICE: &str = "spiffe://example.org/alice";

fn proven(subject: &str) -> (Scheme, Proof) {
    (Scheme::Mtls, Proof::Proven(Caller::new(Scheme::Mtls, subject, BTreeMap::new())))
}

fn failed(why: &str) -> (Scheme, Proof) {
    (Scheme::Mtls, Proof::Failed(why.to_owned()))
}

const NOT_OFFERED: (Scheme, Proof) = (Scheme::Mtls, Proof::NotOffered);

#[test]
fn one_proven_identity_is_the_caller() {
    assert_eq!(combine([proven("a")]).unwrap().subject(), "a");
    assert_eq!(combine([NOT_OFFERED, proven("a"), NOT_OFFERED]).unwrap().subject(), "a");
}

#[test]
fn nothing_offered_is_a_failure() {
    for proofs in [vec![], vec![NOT_OFFERED, NOT_OFFERED]] {
        let failure = combine(proofs).unwrap_err();
        assert_eq!(failure.reason(), "no identity was offered");
        assert_eq!(failure.tried(), []);
    }
}

#[test]
fn a_failed_scheme_never_falls_through() {
    for proofs in [vec![failed("x"), proven("a")], vec![proven("a"), failed("x")], vec![failed("x"), NOT_OFFERED]] {
        assert_eq!(combine(proofs).unwrap_err().reason(), "mtls: x");
    }
    let both = combine([failed("x"), failed("y")]).unwrap_err();
    assert_eq!(both.reason(), "mtls: x; mtls: y");
    assert_eq!(both.tried(), [Scheme::Mtls, Scheme::Mtls]);
}

#[test]
fn two_proven_identities_are_refused_even_if_they_agree() {
    for second in ["a", "b"] {
        let failure = combine([proven("a"), proven(second)]).unwrap_err();
        assert_eq!(failure.reason(), "more than one scheme proved an identity");
        assert_eq!(failure.tried().len(), 2);
    }
}

#[test]
fn every_failure_reads_the_same_in_public() {
    let failures = [combine([]).unwrap_err(), combine([failed("trust domain evil")]).unwrap_err()];
    for failure in failures {
        assert_eq!(failure.to_string(), AuthnFailure::PUBLIC);
    }
}

#[tokio::test]
async fn a_certificate_that_expires_on_a_live_connection_stops_working() {
    let mut params = client_params(vec![uri(ALICE)]);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026, 1, 2);
    let peer = TestCa::new("clients").issue(&params).peer();
    let start = Timestamp::from_unix(params.not_before.unix_timestamp(), 0);
    let clock = Arc::new(ManualClock::new(start));
    let authenticator = mtls_only(Arc::clone(&clock) as Arc<dyn Clock>);
    let headers = HeaderMap::new();
    let ask = || authenticator.authenticate(Some(&peer), &headers);
    assert_eq!(ask().await.unwrap().subject(), ALICE);
    clock.advance(std::time::Duration::from_secs(24 * 3600 + 1));
    assert!(ask().await.unwrap_err().reason().contains("expired"));
}

#[tokio::test]
async fn headers_prove_nothing_and_are_named_to_the_operator() {
    let authenticator = mtls_only(Arc::new(ManualClock::new(Timestamp::from_unix(0, 0))));
    let mut headers = HeaderMap::new();
    assert_eq!(authenticator.authenticate(None, &headers).await.unwrap_err().reason(), "no identity was offered");
    for name in IDENTITY_HEADERS {
        headers.insert(name, HeaderValue::from_static("URI=spiffe://example.org/secret-value"));
    }
    let failure = authenticator.authenticate(None, &headers).await.unwrap_err();
    assert_eq!(
        failure.reason(),
        "no identity was offered; not believed: header authorization, proxy-authorization, \
         x-forwarded-client-cert, l5d-client-id, x-rootgate-aws-iam"
    );
}
