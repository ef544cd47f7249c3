//! Bounds what the messages that are being received can cost: how many there are, whose they are, how long they take.
//!
//! A request is open from its headers on, and HTTP/2 lets a client open many and send nothing. The gate's bounds begin
//! when a message is complete; until then, these hold. Whoever finds no place is answered from the headers alone, so a
//! request costs memory only while it has one.
//!
//! Whoever has not proven an identity reads one answer, whatever became of the message: not the words of a decoder.

use std::{
    collections::HashMap,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{self, Context, Poll},
    time::Duration,
};

use futures_util::future::Either;
use http::{Extensions, Request, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::{Code, Status, body::Body, codegen::Bytes};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Layer, Service};

use super::{
    EdgeCount, EdgeCounters,
    activity::Activity,
    quota::{Quota, Taken},
};
use crate::{
    authn::{Authentication, AuthnFailure, GATED_PATHS},
    layers::ProvenCaller,
};

/// Messages of proven callers that one listener receives at a time. Each is there for milliseconds, and costs at most
/// `message_bytes_max` and its headers: 20 MiB for all with the defaults.
const MESSAGES_MAX: usize = 256;
/// The same for one caller: more than it may have in flight.
const MESSAGES_PER_CALLER_MAX: usize = 64;
/// The same for all whose identity is not proven: they are received to be recorded, and records of strangers are
/// sampled in any case.
const UNPROVEN_MESSAGES_MAX: usize = 32;
/// How long a message may take. 64 KiB need 52 kbit/s for that.
const RECEIPT_MAX: Duration = Duration::from_secs(10);
/// When a caller that found no place may ask again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Where gRPC says how a call ended.
const STATUS_HEADER: &str = "grpc-status";

/// Lets in as many messages as may be received at a time.
#[derive(Clone)]
pub(super) struct ReceiptLayer(Arc<Receipts>);

struct Receipts {
    proven: Arc<Quota<String>>,
    unproven: Arc<Quota<()>>,
    counters: Arc<EdgeCounters>,
}

impl ReceiptLayer {
    pub(super) fn new(counters: Arc<EdgeCounters>) -> Self {
        let (proven, unproven) = (Quota::new(MESSAGES_MAX), Quota::new(UNPROVEN_MESSAGES_MAX));
        Self(Arc::new(Receipts { proven, unproven, counters }))
    }
}

/// A place among the messages that are being received.
enum Place {
    Proven { _taken: Taken<String> },
    Unproven { _taken: Taken<()> },
}

impl Place {
    const fn is_proven(&self) -> bool {
        matches!(self, Self::Proven { .. })
    }
}

impl Receipts {
    fn admit<B>(&self, request: &Request<B>) -> Result<Place, Status> {
        match Authentication::of(request.extensions()) {
            Ok(caller) => match self.proven.take(caller.subject().to_owned(), MESSAGES_PER_CALLER_MAX) {
                Ok(taken) => Ok(Place::Proven { _taken: taken }),
                Err(_full) => {
                    self.counters.add(EdgeCount::MessageShed);
                    Err(overloaded())
                }
            },
            Err(_failure) => match self.unproven.take((), UNPROVEN_MESSAGES_MAX) {
                Ok(taken) => Ok(Place::Unproven { _taken: taken }),
                Err(_full) => {
                    self.counters.add(EdgeCount::MessageShedUnproven);
                    Err(unauthenticated())
                }
            },
        }
    }
}

/// The same answer as the gate gives when it has no slot.
fn overloaded() -> Status {
    let mut details = ErrorDetails::with_error_info("OVERLOADED", "rootgate", HashMap::new());
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::Unavailable, "too many messages are being received", details)
}

/// The same answer as the gate gives.
fn unauthenticated() -> Status {
    let info = ErrorDetails::with_error_info("UNAUTHENTICATED", "rootgate", HashMap::new());
    Status::with_error_details(Code::Unauthenticated, AuthnFailure::PUBLIC, info)
}

impl<S> Layer<S> for ReceiptLayer {
    type Service = ReceiptService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ReceiptService { inner, receipts: Arc::clone(&self.0) }
    }
}

/// The service of [`ReceiptLayer`].
#[derive(Clone)]
pub(super) struct ReceiptService<S> {
    inner: S,
    receipts: Arc<Receipts>,
}

impl<S> Service<Request<Body>> for ReceiptService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Either<S::Future, ResponseFuture<S::Future>>, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        note_proof(request.extensions());
        if !request.uri().path().starts_with(GATED_PATHS) {
            return Either::Left(Either::Left(self.inner.call(request)));
        }
        match self.receipts.admit(&request) {
            Ok(place) => {
                let (is_proven, counters) = (place.is_proven(), Arc::clone(&self.receipts.counters));
                let received = |body| Body::new(Receiving { body, state: Some(State::new(place)), counters });
                let inner = Box::pin(self.inner.call(request.map(received)));
                Either::Left(Either::Right(ResponseFuture { inner, is_proven }))
            }
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}

/// From its first proven request on, a connection is worth its place.
fn note_proof(extensions: &Extensions) {
    if let (Some(Authentication(Ok(_))), Some(activity)) = (extensions.get(), extensions.get::<Arc<Activity>>()) {
        activity.prove();
    }
}

/// Sees to it that the answer fits who asked.
pub(super) struct ResponseFuture<F> {
    inner: Pin<Box<F>>,
    is_proven: bool,
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = task::ready!(self.inner.as_mut().poll(cx))?;
        if self.is_proven {
            response.extensions_mut().insert(ProvenCaller);
        } else if !is_unauthenticated(&response) {
            // The decoder's, which reads a message before the gate asks who sent it.
            response = unauthenticated().into_http();
        }
        Poll::Ready(Ok(response))
    }
}

/// Whether it is a refusal and nothing else: a status in the headers means that there is no message (gRPC over HTTP/2,
/// "Trailers-Only").
fn is_unauthenticated<B>(response: &Response<B>) -> bool {
    response.headers().get(STATUS_HEADER).map(|code| Code::from_bytes(code.as_bytes())) == Some(Code::Unauthenticated)
}

/// A body that is being received. Its place is free again when it has ended, in whichever way.
struct Receiving {
    body: Body,
    /// None when it has ended.
    state: Option<State>,
    counters: Arc<EdgeCounters>,
}

struct State {
    _place: Place,
    deadline: Pin<Box<Sleep>>,
}

impl State {
    fn new(place: Place) -> Self {
        Self { _place: place, deadline: Box::pin(sleep(RECEIPT_MAX)) }
    }
}

impl Receiving {
    /// The next frame of data. A gRPC request has no trailers, and tonic would add them to the metadata, behind
    /// authentication, which has taken the headers off that claim an identity.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            match task::ready!(http_body::Body::poll_frame(Pin::new(&mut self.body), cx)) {
                Some(Ok(frame)) if frame.is_trailers() => {}
                frame => return Poll::Ready(frame),
            }
        }
    }
}

impl http_body::Body for Receiving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = self.poll_data(cx);
        let Some(state) = &mut self.state else { return polled };
        let polled = if polled.is_pending() && state.deadline.as_mut().poll(cx).is_ready() {
            self.counters.add(EdgeCount::MessageLate);
            // What has come of the body goes with it.
            self.body = Body::empty();
            Poll::Ready(Some(Err(Status::deadline_exceeded("the message took too long to arrive"))))
        } else {
            polled
        };
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.state = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
