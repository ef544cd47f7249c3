//! What the layer passes on, what it answers itself, and what it removes.

use std::{
    convert::Infallible,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::HeaderValue;
use tower::ServiceExt as _;

use super::*;
use crate::{
    authn::testing::{Issued, TestCa, client_params, mtls_only, uri},
    clock::{ManualClock, Timestamp},
};

const ALICE: &str = "spiffe://example.org/alice";
const GATED: &str = "/rootgate.v1.RootAccessService/AssumeRoot";
const OPEN: &str = "/grpc.health.v1.Health/Check";

static ALICE_ISSUED: LazyLock<Issued> =
    LazyLock::new(|| TestCa::new("clients").issue(&client_params(vec![uri(ALICE)])));

/// Sends one request through the layer: the response, and the request as the inner service saw it.
async fn send(request: Request<()>) -> (Response<String>, Option<Request<()>>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0)));
    let layer = AuthnLayer::new(Arc::new(mtls_only(clock)));
    let seen = Arc::new(Mutex::new(None));
    let keeping = Arc::clone(&seen);
    let inner = tower::service_fn(move |request: Request<()>| {
        *keeping.lock().unwrap() = Some(request);
        async { Ok::<_, Infallible>(Response::new(String::from("inner"))) }
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let seen = seen.lock().unwrap().take();
    (response, seen)
}

fn request(path: &str, peer: Option<PeerFacts>) -> Request<()> {
    let mut request = Request::post(path).body(()).unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    request
}

#[tokio::test]
async fn a_proven_caller_is_passed_on_everywhere() {
    for path in [GATED, OPEN, "/", "/no.such.Service/X"] {
        let (response, seen) = send(request(path, Some(ALICE_ISSUED.peer()))).await;
        assert_eq!(response.body(), "inner");
        let seen = seen.unwrap();
        let Authentication(found) = seen.extensions().get::<Authentication>().unwrap();
        assert_eq!(found.as_ref().unwrap().subject(), ALICE);
    }
}

#[tokio::test]
async fn an_unproven_caller_is_passed_on_to_the_gate_as_a_failure() {
    let (response, seen) = send(request(GATED, None)).await;
    assert_eq!(response.body(), "inner");
    let seen = seen.unwrap();
    let Authentication(found) = seen.extensions().get::<Authentication>().unwrap();
    assert_eq!(found.as_ref().unwrap_err().reason(), "no identity was offered");
}

#[tokio::test]
async fn an_unproven_caller_is_answered_here_where_there_is_no_gate() {
    for path in [
        OPEN,
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/no.such.Service/X",
        "/",
        "//rootgate.v1.RootAccessService/AssumeRoot",
        "/Rootgate.v1.RootAccessService/AssumeRoot",
        "/rootgate.v1",
        "/rootgate.v11.X/Y",
        "/x/rootgate.v1.RootAccessService/AssumeRoot",
        "/%72ootgate.v1.RootAccessService/AssumeRoot",
    ] {
        let (response, seen) = send(request(path, None)).await;
        assert!(seen.is_none(), "{path} reached the inner service");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/grpc");
        assert_eq!(response.headers()["grpc-status"], "16");
        let message = response.headers()["grpc-message"].to_str().unwrap().replace("%20", " ");
        assert_eq!(message, AuthnFailure::PUBLIC);
        assert_eq!(response.body(), "");
    }
}

#[tokio::test]
async fn identity_headers_are_never_believed_and_never_passed_on() {
    for peer in [None, Some(ALICE_ISSUED.peer())] {
        let proven = peer.is_some();
        let mut request = request(GATED, peer);
        for name in ["x-forwarded-client-cert", "l5d-client-id", "authorization", "proxy-authorization"] {
            request.headers_mut().append(name, HeaderValue::from_static("URI=spiffe://example.org/admin"));
            request.headers_mut().append(name, HeaderValue::from_static("Bearer second-line"));
        }
        request.headers_mut().insert("x-kept", HeaderValue::from_static("yes"));
        let (_, seen) = send(request).await;
        let seen = seen.unwrap();
        let names: Vec<&str> = seen.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["x-kept"]);
        let Authentication(found) = seen.extensions().get::<Authentication>().unwrap();
        assert_eq!(found.as_ref().ok().map(Caller::subject), proven.then_some(ALICE));
    }
}

#[tokio::test]
async fn an_earlier_authentication_is_replaced() {
    let (_, seen) = send(request(GATED, Some(ALICE_ISSUED.peer()))).await;
    let forged = seen.unwrap().extensions().get::<Authentication>().unwrap().clone();
    let mut request = request(GATED, None);
    request.extensions_mut().insert(forged);
    let (_, seen) = send(request).await;
    assert!(seen.unwrap().extensions().get::<Authentication>().unwrap().0.is_err());
}

#[tokio::test]
async fn readiness_is_that_of_the_inner_service() {
    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicUsize>);
    impl Service<Request<()>> for Counting {
        type Response = Response<String>;
        type Error = &'static str;
        type Future = std::future::Ready<Result<Response<String>, &'static str>>;
        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(Err("not ready"))
        }
        fn call(&mut self, _request: Request<()>) -> Self::Future {
            std::future::ready(Ok(Response::default()))
        }
    }
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(0, 0)));
    let inner = Counting::default();
    let service = AuthnLayer::new(Arc::new(mtls_only(clock))).layer(inner.clone());
    assert_eq!(service.oneshot(request(OPEN, None)).await.unwrap_err(), "not ready");
    assert_eq!(inner.0.load(Ordering::SeqCst), 1);
}
