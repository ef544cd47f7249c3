//! Bounds what the messages that are being received can cost: how many there are, whose they are, how long they take.
//!
//! A request is open from its headers on, and HTTP/2 lets a client open many and send nothing. The gate's bounds begin
//! when a message is complete; until then, these hold. Whoever finds no place is answered from the headers alone, so a
//! request costs memory only while it has one.

use std::{
    collections::HashMap,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::Either;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::{Code, Status, body::Body, codegen::Bytes};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Layer, Service};

use super::{
    EdgeCount, EdgeCounters,
    quota::{Quota, Taken},
};
use crate::authn::{Authentication, AuthnFailure, GATED_PATHS};

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
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !request.uri().path().starts_with(GATED_PATHS) {
            return Either::Left(self.inner.call(request));
        }
        match self.receipts.admit(&request) {
            Ok(place) => {
                let counters = Arc::clone(&self.receipts.counters);
                let received = |body| Body::new(Receiving { body, state: Some(State::new(place)), counters });
                Either::Left(self.inner.call(request.map(received)))
            }
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
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

impl http_body::Body for Receiving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
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
