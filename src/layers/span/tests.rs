//! One line per request, however it ends.

use std::{convert::Infallible, time::Duration};

use http::HeaderValue;
use http_body_util::{BodyExt as _, Full, StreamBody};
use proptest::prelude::*;
use tower::ServiceExt as _;

use super::*;
use crate::{layers::RequestIdLayer, telemetry::testing::captured};

const PATH: &str = "/rootgate.v1.RootAccessService/AssumeRoot";

fn request() -> Request<()> {
    let mut request = Request::post(PATH).header("x-request-id", "req-7").body(()).unwrap();
    let remote = Remote::Tcp("192.0.2.7:4711".parse().unwrap());
    request.extensions_mut().insert(PeerFacts { remote, certificates: Vec::new().into() });
    request
}

/// Sends a request to a handler that takes 250 ms, and reads the response to its end.
async fn send<R>(request: Request<()>, response: Response<R>) -> HeaderMap
where
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<StdError>,
{
    let mut response = Some(response);
    let inner = tower::service_fn(move |_: Request<()>| {
        let response = response.take().unwrap();
        async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            tracing::info!("inside");
            Ok::<_, Infallible>(response)
        }
    });
    let service = RequestIdLayer.layer(SpanLayer::default().layer(inner));
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    body.collect().await.unwrap();
    parts.headers
}

fn with_trailers(
    code: &'static str,
) -> Response<StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>>>> {
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS_HEADER, HeaderValue::from_static(code));
    let frames = [Ok(Frame::data(Bytes::from_static(b"message"))), Ok(Frame::trailers(trailers))];
    Response::new(StreamBody::new(futures_util::stream::iter(frames)))
}

fn trailers_only(status: &Status) -> Response<Body> {
    status.clone().into_http()
}

#[tokio::test(start_paused = true)]
async fn the_status_comes_from_trailers_with_the_latency() {
    let (log, _) = captured(send(request(), with_trailers("7"))).await;
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].contains("inside") && lines[0].contains("rpc{"), "{log}");
    for part in [
        "request finished",
        "grpc_status=7",
        "latency_ms=250",
        "path=\"/rootgate.v1.RootAccessService/AssumeRoot\"",
        "request_id=req-7",
        "peer=192.0.2.7:4711",
    ] {
        assert!(lines[1].contains(part), "{part} is not in {log}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_comes_from_headers_when_there_is_no_message() {
    let (log, headers) = captured(send(request(), trailers_only(&Status::permission_denied("canary-words")))).await;
    assert_eq!(headers["grpc-status"], "7");
    assert!(log.contains("grpc_status=7"), "{log}");
    assert!(!log.contains("canary"), "{log}");
    assert_eq!(log.matches("request finished").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_without_status_says_so() {
    let (log, _) = captured(send(request(), Response::new(Full::new(Bytes::from_static(b"x"))))).await;
    assert_eq!(log.matches("ended without a status").count(), 1, "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_is_one_line_too() {
    let work = async {
        let deadline = Duration::from_millis(100);
        tokio::time::timeout(deadline, send(request(), with_trailers("0"))).await.unwrap_err();
    };
    let (log, ()) = captured(work).await;
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("ended without a status") && log.contains("latency_ms=100"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_half_way_is_one_line_too() {
    let work = async {
        let mut response = Some(with_trailers("0"));
        let inner =
            tower::service_fn(move |_: Request<()>| std::future::ready(Ok::<_, Infallible>(response.take().unwrap())));
        let mut body = SpanLayer::default().layer(inner).oneshot(request()).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
    };
    let (log, ()) = captured(work).await;
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("ended without a status"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn neither_metadata_nor_strange_paths_are_logged() {
    for path in
        ["/canary", "/canary/x/y", "/rootgate.v1.X/Y?canary=1", "/a.b/canary%0aINFO", "/../canary", "/.canary/x"]
    {
        let mut request = request();
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert("x-secret", HeaderValue::from_static("canary"));
        request.headers_mut().insert("grpc-timeout", HeaderValue::from_static("canary"));
        let (log, _) = captured(send(request, with_trailers("0"))).await;
        assert!(!log.contains("canary"), "{log}");
        assert!(log.contains("path=\"unknown\"") || path.contains('?'), "{log}");
    }
}

/// How many lines so many answers with this status are.
async fn lines(layer: &SpanLayer, code: Code, is_proven: bool, number: usize) -> usize {
    let answering = async {
        for _ in 0..number {
            let inner = tower::service_fn(move |_: Request<()>| {
                let mut response = Status::new(code, "").into_http::<Body>();
                if is_proven {
                    response.extensions_mut().insert(ProvenCaller);
                }
                std::future::ready(Ok::<_, Infallible>(response))
            });
            layer.layer(inner).oneshot(request()).await.unwrap().into_body().collect().await.unwrap();
        }
    };
    captured(answering).await.0.matches("request finished").count()
}

#[tokio::test(start_paused = true)]
async fn no_answer_whatsoever_lets_a_stranger_fill_the_log() {
    let layer = SpanLayer::default();
    let mut all = 0;
    for code in (0..=16).map(Code::from_i32) {
        all += lines(&layer, code, false, 50).await;
    }
    assert_eq!(all, 20);
    // The acts of callers are logged all the same.
    for code in [Code::Ok, Code::PermissionDenied, Code::FailedPrecondition] {
        assert_eq!(lines(&layer, code, true, 50).await, 50);
    }
}

#[tokio::test(start_paused = true)]
async fn a_careless_caller_is_bounded_and_not_by_strangers() {
    let layer = SpanLayer::default();
    assert_eq!(lines(&layer, Code::Unauthenticated, false, 100).await, 20);
    let mut all = 0;
    for code in [Code::Internal, Code::OutOfRange, Code::DeadlineExceeded, Code::InvalidArgument, Code::Unavailable] {
        all += lines(&layer, code, true, 50).await;
    }
    assert_eq!(all, 20);
}

#[test]
fn known_shapes_are_exact() {
    for good in [PATH, "/grpc.health.v1.Health/Check", "/Service/Method", "/a_b.C1/D_2"] {
        assert_eq!(known_shape(good), good);
    }
    let long = format!("/{}/M", "s".repeat(PATH_BYTES_MAX));
    for bad in
        ["", "/", "//", "a/b", "/a", "/a/", "//b", "/a/b/", "/a/b/c", "/a..b/c", "/a b/c", "/a/b\n", "/\u{e4}/b", &long]
    {
        assert_eq!(known_shape(bad), PATH_UNKNOWN, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn what_is_logged_of_a_path_is_harmless(path in ".{0,200}") {
        let shown = known_shape(&path);
        prop_assert!(shown.len() <= PATH_BYTES_MAX);
        prop_assert!(shown.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_')));
    }
}
