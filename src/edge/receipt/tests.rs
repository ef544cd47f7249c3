//! Messages that arrive slowly, in great number, or never.

use std::convert::Infallible;

use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::{sync::oneshot, time::Instant};
use tower::ServiceExt as _;

use super::*;
use crate::{
    authn::{
        AuthnLayer,
        testing::{TestCa, client_params, mtls_only, uri},
    },
    clock::{ManualClock, Timestamp},
};

const GATED: &str = "/rootgate.v1.RootAccessService/AssumeRoot";
const OPEN: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

type Answer = Result<usize, Status>;

/// What a stranger reads in any case; the counters and the reader tell what became of the message.
fn assert_unproven(answer: Answer) {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, AuthnFailure::PUBLIC));
    assert_eq!(status.get_details_error_info().unwrap().reason, "UNAUTHENTICATED");
}

/// A service behind authentication and this layer that reads the whole body and says how long it was.
#[derive(Clone)]
struct Reader {
    authn: AuthnLayer,
    receipt: ReceiptLayer,
    ca: Arc<TestCa>,
}

impl Reader {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0)));
        Self {
            authn: AuthnLayer::new(Arc::new(mtls_only(clock))),
            receipt: ReceiptLayer::new(Arc::default()),
            ca: Arc::new(TestCa::new("clients")),
        }
    }

    fn count(&self, count: EdgeCount) -> u64 {
        self.receipt.0.counters.get(count)
    }

    /// A request to a path, by a caller or by a stranger.
    fn request(&self, path: &str, caller: Option<&str>, body: Body) -> Request<Body> {
        let mut request = Request::post(path).body(body).unwrap();
        if let Some(name) = caller {
            let name = uri(&format!("spiffe://example.org/{name}"));
            request.extensions_mut().insert(self.ca.issue(&client_params(vec![name])).peer());
        }
        request
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let read = tower::service_fn(|request: Request<Body>| async {
            let response = match request.into_body().collect().await {
                Ok(body) => {
                    let mut response = Status::ok("").into_http::<Body>();
                    response.headers_mut().insert("x-read", body.to_bytes().len().into());
                    response
                }
                Err(status) => status.into_http(),
            };
            Ok::<_, Infallible>(response)
        });
        let service = self.authn.layer(self.receipt.layer(read));
        let response = service.oneshot(request).await.unwrap();
        match Status::from_header_map(response.headers()) {
            Some(status) if status.code() != Code::Ok => Err(status),
            _ => Ok(response.headers()["x-read"].to_str().unwrap().parse().unwrap()),
        }
    }

    /// Sends requests whose bodies are open until the senders are dropped.
    fn hold(
        &self,
        number: usize,
        path: &str,
        caller: Option<&str>,
    ) -> Vec<(oneshot::Sender<()>, tokio::task::JoinHandle<Answer>)> {
        let one = |_| {
            let (end, body) = open_body();
            let (reader, request) = (self.clone(), self.request(path, caller, body));
            (end, tokio::spawn(async move { reader.send(request).await }))
        };
        (0..number).map(one).collect()
    }
}

/// A body that says one byte and ends when the sender is dropped.
fn open_body() -> (oneshot::Sender<()>, Body) {
    let (end, ended) = oneshot::channel::<()>();
    let first = stream::iter([Ok::<_, Status>(Frame::data(Bytes::from_static(b"x")))]);
    let rest = stream::once(ended).filter_map(|_dropped| async { None });
    (end, Body::new(StreamBody::new(Box::pin(first.chain(rest)))))
}

fn small() -> Body {
    Body::new(Full::new(Bytes::from_static(b"message")))
}

/// Lets everything that can run, run.
async fn settle() {
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_arrive_in_time_is_given_up_and_its_place_is_free() {
    for caller in [Some("alice"), None] {
        let reader = Reader::new();
        let began = Instant::now();
        let mut held = reader.hold(1, GATED, caller);
        let (_open, answer) = held.pop().unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(began.elapsed(), RECEIPT_MAX);
        assert_eq!(reader.count(EdgeCount::MessageLate), 1);
        let next = reader.send(reader.request(GATED, caller, small())).await;
        if caller.is_some() {
            assert_eq!(answer.unwrap_err().code(), Code::DeadlineExceeded);
            assert_eq!(next.unwrap(), 7);
        } else {
            assert_unproven(answer);
            assert_unproven(next);
            assert_eq!(reader.count(EdgeCount::MessageShedUnproven), 0);
        }
    }
}

#[tokio::test]
async fn strangers_have_few_places_and_the_rest_is_refused_from_its_headers() {
    let reader = Reader::new();
    let held = reader.hold(UNPROVEN_MESSAGES_MAX, GATED, None);
    settle().await;
    // Its body never ends, and is not waited for.
    let (_open, body) = open_body();
    assert_unproven(reader.send(reader.request(GATED, None, body)).await);
    assert_eq!(reader.count(EdgeCount::MessageShedUnproven), 1);
    // The proven are not touched by that.
    assert_eq!(reader.send(reader.request(GATED, Some("alice"), small())).await.unwrap(), 7);
    for (open, answer) in held {
        drop(open);
        assert_unproven(answer.await.unwrap());
    }
    assert_unproven(reader.send(reader.request(GATED, None, small())).await);
    assert_eq!(reader.count(EdgeCount::MessageShedUnproven), 1);
}

/// One answer of the service behind the layer, as a caller or a stranger reads it.
async fn answered(caller: Option<&str>, answer: fn() -> Response<Body>) -> Response<Body> {
    let reader = Reader::new();
    let inner = tower::service_fn(move |_: Request<Body>| ready(Ok::<_, Infallible>(answer())));
    let service = reader.authn.layer(reader.receipt.layer(inner));
    service.oneshot(reader.request(GATED, caller, small())).await.unwrap()
}

#[tokio::test]
async fn a_stranger_reads_one_answer_whatever_the_decoder_says() {
    let answers: [fn() -> Response<Body>; 6] = [
        || Status::internal("canary: Missing request message.").into_http(),
        || Status::out_of_range("canary: message too large").into_http(),
        || Status::deadline_exceeded("canary").into_http(),
        || Status::unimplemented("canary").into_http(),
        || Status::ok("canary").into_http(),
        // A message, with its status in trailers that nobody has seen yet.
        || Response::new(Body::new(Full::new(Bytes::from_static(b"canary")))),
    ];
    for answer in answers {
        let response = answered(None, answer).await;
        assert_eq!(response.headers(), unauthenticated().into_http::<()>().headers());
        assert!(response.extensions().get::<ProvenCaller>().is_none());
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
        let (proven, given) = (answered(Some("alice"), answer).await, answer());
        assert_eq!(proven.headers(), given.headers());
        assert!(proven.extensions().get::<ProvenCaller>().is_some());
    }
    // The gate's own refusal passes as it is.
    let gates = || Status::unauthenticated("of the gate").into_http();
    assert_eq!(answered(None, gates).await.headers(), gates().headers());
}

#[tokio::test]
async fn what_a_client_says_behind_its_message_never_becomes_metadata() {
    let (reader, mut trailers) = (Reader::new(), http::HeaderMap::new());
    trailers.insert("authorization", http::HeaderValue::from_static("Bearer canary"));
    let frames = [
        Ok::<_, Status>(Frame::trailers(trailers.clone())),
        Ok(Frame::data(Bytes::from_static(b"message"))),
        Ok(Frame::trailers(trailers)),
    ];
    let body = Body::new(StreamBody::new(stream::iter(frames)));
    let frames = tower::service_fn(|request: Request<Body>| async {
        let collected = request.into_body().collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes().as_ref(), b"message");
        Ok::<_, Infallible>(Status::ok("").into_http::<Body>())
    });
    let service = reader.authn.layer(reader.receipt.layer(frames));
    let response = service.oneshot(reader.request(GATED, Some("alice"), body)).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "0");
}

#[tokio::test]
async fn one_caller_cannot_take_all_places_and_all_callers_not_more_than_there_are() {
    let reader = Reader::new();
    let mut held = Vec::new();
    for number in 0..MESSAGES_MAX / MESSAGES_PER_CALLER_MAX {
        let name = format!("caller-{number}");
        held.push(reader.hold(MESSAGES_PER_CALLER_MAX, GATED, Some(&name)));
        settle().await;
        let status = reader.send(reader.request(GATED, Some(&name), small())).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(RETRY_AFTER));
        let other = reader.send(reader.request(GATED, Some("other"), small())).await;
        assert_eq!(other.is_ok(), held.len() < MESSAGES_MAX / MESSAGES_PER_CALLER_MAX);
    }
    assert_eq!(reader.count(EdgeCount::MessageShed), 5);
    drop(held.pop());
    settle().await;
    assert_eq!(reader.send(reader.request(GATED, Some("other"), small())).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn open_ended_streams_of_other_services_are_left_alone() {
    let reader = Reader::new();
    let mut held = reader.hold(1, OPEN, Some("alice"));
    let (open, answer) = held.pop().unwrap();
    tokio::time::sleep(RECEIPT_MAX * 100).await;
    drop(open);
    assert_eq!(answer.await.unwrap().unwrap(), 1);
    assert_eq!(reader.count(EdgeCount::MessageLate), 0);
}

#[tokio::test(start_paused = true)]
async fn what_happens_after_the_message_has_no_deadline_here() {
    let reader = Reader::new();
    let slow = tower::service_fn(|request: Request<Body>| async {
        request.into_body().collect().await.unwrap();
        tokio::time::sleep(RECEIPT_MAX * 10).await;
        Ok::<_, Infallible>(Status::ok("").into_http::<Body>())
    });
    let service = reader.authn.layer(reader.receipt.layer(slow));
    let began = Instant::now();
    let answer = service.oneshot(reader.request(GATED, Some("alice"), small()));
    let checks = async {
        tokio::time::sleep(RECEIPT_MAX).await;
        // The place is free although the request runs.
        assert!(reader.receipt.0.proven.take("spiffe://example.org/alice".to_owned(), 1).is_ok());
    };
    let (answer, ()) = tokio::join!(answer, checks);
    assert!(answer.is_ok());
    assert_eq!(began.elapsed(), RECEIPT_MAX * 10);
}
