//! One tracing span per request, and one line when it is over. Lines that cost nothing to cause are bounded: all but those
//! of acts that the gate has decided for a proven caller.
//!
//! Names, never values: no metadata and no message. A path is shown if it has the shape of a method's name, whoever made
//! it up; that can be misleading, and cannot forge a line.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Bytes, StdError},
};
use tower::{Layer, Service};
use tracing::Span;

use super::RequestId;
use crate::{
    authn::{PeerFacts, Remote},
    log_budget::LogBudget,
};

/// Longest path that is logged; the longest of ours and of the standard services is half of it.
const PATH_BYTES_MAX: usize = 128;
/// Stands for a path that does not look like `/pkg.Service/Method`.
const PATH_UNKNOWN: &str = "unknown";
/// Where gRPC says how a call ended.
const STATUS_HEADER: &str = "grpc-status";

/// In the extensions of a response: it answers a caller whose identity is proven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProvenCaller;

/// Wraps each request in a span named `rpc`.
#[derive(Clone, Debug, Default)]
pub struct SpanLayer {
    budgets: Arc<Budgets>,
}

/// Apart, so that strangers cannot hide the carelessness of callers.
#[derive(Debug, Default)]
struct Budgets {
    strangers: LogBudget,
    callers: LogBudget,
}

impl<S> Layer<S> for SpanLayer {
    type Service = SpanService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SpanService { inner, budgets: Arc::clone(&self.budgets) }
    }
}

/// The service of [`SpanLayer`].
#[derive(Clone, Debug)]
pub struct SpanService<S> {
    inner: S,
    budgets: Arc<Budgets>,
}

impl<S, B, R> Service<Request<B>> for SpanService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<StdError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let completion = Completion::of(&request, &self.budgets);
        let inner = completion.span.in_scope(|| self.inner.call(request));
        ResponseFuture { inner: Box::pin(inner), completion: Some(completion) }
    }
}

/// Polls inside the span, and hands it on to the body.
#[derive(Debug)]
pub struct ResponseFuture<F> {
    inner: Pin<Box<F>>,
    completion: Option<Completion>,
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<StdError>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let span = self.completion.as_ref().map_or_else(Span::none, |completion| completion.span.clone());
        let response = ready!(span.in_scope(|| self.inner.as_mut().poll(cx)))?;
        let completion = self.completion.take();
        Poll::Ready(Ok(observe(response, completion)))
    }
}

fn observe<R>(response: Response<R>, completion: Option<Completion>) -> Response<Body>
where
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<StdError>,
{
    let (parts, body) = response.into_parts();
    let Some(mut completion) = completion else { return Response::from_parts(parts, Body::new(body)) };
    // A response without messages carries its status in the headers (gRPC over HTTP/2, "Trailers-Only").
    completion.see(&parts.headers);
    completion.is_proven = parts.extensions.get::<ProvenCaller>().is_some();
    let body = ObservedBody { inner: Body::new(body), completion };
    Response::from_parts(parts, Body::new(body))
}

/// Watches for the trailers.
struct ObservedBody {
    inner: Body,
    completion: Completion,
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let span = self.completion.span.clone();
        let frame = ready!(span.in_scope(|| Pin::new(&mut self.inner).poll_frame(cx)));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.completion.see(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Writes its one line when it is dropped, which is when the request is over, however it ended: a caller's deadline or
/// disconnect drops the future or the body unfinished.
#[derive(Debug)]
struct Completion {
    span: Span,
    began: Instant,
    code: Option<Code>,
    is_proven: bool,
    budgets: Arc<Budgets>,
}

impl Completion {
    fn of<B>(request: &Request<B>, budgets: &Arc<Budgets>) -> Self {
        let peer: Option<Remote> = request.extensions().get::<PeerFacts>().map(|peer| peer.remote);
        let id = request.extensions().get::<RequestId>();
        let span = tracing::info_span!(
            "rpc",
            path = known_shape(request.uri().path()),
            request_id = id.map(tracing::field::display),
            peer = peer.map(tracing::field::display),
        );
        Self { span, began: Instant::now(), code: None, is_proven: false, budgets: Arc::clone(budgets) }
    }

    fn see(&mut self, headers: &HeaderMap) {
        if let Some(value) = headers.get(STATUS_HEADER) {
            self.code = Some(Code::from_bytes(value.as_bytes()));
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let latency_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let _entered = self.span.enter();
        let suppressed = match (self.is_proven, self.code) {
            (false, _) => self.budgets.strangers.take(),
            (true, Some(code)) if is_of_the_gate(code) => Some(0),
            (true, _) => self.budgets.callers.take(),
        };
        match (self.code, suppressed) {
            (_, None) => {}
            (Some(code), Some(suppressed)) => {
                tracing::info!(grpc_status = code as i32, latency_ms, suppressed, "request finished");
            }
            (None, Some(suppressed)) => {
                let words = "request ended without a status: the caller left or its deadline passed";
                tracing::info!(latency_ms, suppressed, "{words}");
            }
        }
    }
}

/// Whether only the gate ends a call like this, after it has taken from what the caller may use up. The others are also,
/// or only, of those who decode, shed and route, which a proven caller can have without end.
const fn is_of_the_gate(code: Code) -> bool {
    match code {
        Code::Ok
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::DataLoss => true,
        Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::Unauthenticated => false,
    }
}

/// The path if it is one that a gRPC client makes: anything else is a stranger's text.
fn known_shape(path: &str) -> &str {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let Some((service, method)) = path.strip_prefix('/').and_then(|rest| rest.split_once('/')) else {
        return PATH_UNKNOWN;
    };
    let good = path.len() <= PATH_BYTES_MAX && service.split('.').all(word) && word(method);
    if good { path } else { PATH_UNKNOWN }
}

#[cfg(test)]
mod tests;
