//! The order of the layers, by what it does.

use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::{
    authn::testing::{TestCa, client_params, mtls_only, uri},
    clock::{ManualClock, Timestamp},
    edge::testing::{GATED, OPEN, Probe, routes},
    telemetry::testing::captured,
};

/// Sends a request with a client certificate or without, and returns the log and the head of the response.
async fn send(path: &str, proven: bool) -> (String, Response<()>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0)));
    let service = stack(routes(Probe::default()).await, Arc::new(mtls_only(clock)), Arc::default());
    let mut request = Request::post(path)
        .header("x-request-id", "req-7")
        .header("authorization", "Bearer canary-token")
        .header("x-forwarded-client-cert", "URI=spiffe://example.org/canary-admin")
        .body(Body::empty())
        .unwrap();
    if proven {
        let alice = TestCa::new("clients").issue(&client_params(vec![uri("spiffe://example.org/alice")]));
        request.extensions_mut().insert(alice.peer());
    }
    let work = async {
        let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
        body.collect().await.unwrap();
        Response::from_parts(parts, ())
    };
    captured(work).await
}

#[track_caller]
fn assert_seen(log: &str, response: &Response<()>, status: &str) {
    assert_eq!(response.headers()["x-request-id"], "req-7");
    assert_eq!(response.headers()["grpc-status"], status);
    let line = log.lines().last().unwrap();
    assert!(line.contains("request finished") && line.contains(&format!("grpc_status={status}")), "{log}");
    assert!(line.contains("request_id=req-7"), "{log}");
}

#[tokio::test]
async fn a_proven_call_reaches_the_handler_with_its_facts() {
    let (log, response) = send(&format!("{GATED}/WhoAmI"), true).await;
    assert_seen(&log, &response, "0");
    assert_eq!(response.headers()["x-caller"], "spiffe://example.org/alice");
    assert_eq!(response.headers()["x-seen-id"], "req-7");
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[tokio::test]
async fn a_panic_in_the_handler_still_has_request_id_log_line_and_fixed_words() {
    let (log, response) = send(&format!("{GATED}/Panic"), true).await;
    assert_seen(&log, &response, "13");
    assert!(!response.headers()["grpc-message"].to_str().unwrap().contains("canary"));
    let panic = log.lines().next().unwrap();
    assert!(panic.contains("canary-panic") && panic.contains("request_id=req-7"), "{log}");
}

#[tokio::test]
async fn a_refusal_by_authentication_has_request_id_and_log_line() {
    for path in [format!("{OPEN}/WhoAmI"), "/grpc.health.v1.Health/Check".to_owned(), "/no.Such/Method".to_owned()] {
        let (log, response) = send(&path, false).await;
        assert_seen(&log, &response, "16");
        assert!(response.headers().get("x-headers").is_none(), "the handler ran");
        let refusal = log.lines().next().unwrap();
        assert!(refusal.contains("no identity was offered") && refusal.contains("request_id=req-7"), "{log}");
    }
}

#[tokio::test]
async fn the_gate_gets_the_failure_as_a_value() {
    let (log, response) = send(&format!("{GATED}/WhoAmI"), false).await;
    assert_seen(&log, &response, "16");
    let failure = response.headers()["x-failure"].to_str().unwrap();
    assert!(failure.starts_with("no identity was offered; not believed: header authorization"), "{failure}");
}

#[tokio::test]
async fn identity_headers_are_gone_before_any_handler_and_never_logged() {
    for (path, proven) in [(GATED, true), (GATED, false), (OPEN, true), (OPEN, false)] {
        let (log, response) = send(&format!("{path}/WhoAmI"), proven).await;
        assert!(!log.contains("canary"), "{log}");
        if let Some(headers) = response.headers().get("x-headers") {
            assert_eq!(headers, "x-request-id");
        }
    }
}

#[tokio::test]
async fn an_unknown_service_is_unimplemented_for_the_proven_only() {
    let (log, response) = send("/no.Such/Method", true).await;
    assert_seen(&log, &response, "12");
}

#[tokio::test]
async fn acts_of_the_proven_are_all_logged_and_of_strangers_only_some() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0)));
    let service = stack(routes(Probe::default()).await, Arc::new(mtls_only(clock)), Arc::default());
    let alice = TestCa::new("clients").issue(&client_params(vec![uri("spiffe://example.org/alice")])).peer();
    for (peer, wanted) in [(Some(alice), 50), (None, 20)] {
        let calls = async {
            for _ in 0..50 {
                let mut request = Request::post(format!("{GATED}/WhoAmI")).body(Body::empty()).unwrap();
                peer.clone().map(|peer| request.extensions_mut().insert(peer));
                service.clone().oneshot(request).await.unwrap().into_body().collect().await.unwrap();
            }
        };
        let (log, ()) = captured(calls).await;
        assert_eq!(log.matches("request finished").count(), wanted);
    }
}
