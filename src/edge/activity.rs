//! Whether a connection is being used, and the facts about its peer for each of its requests.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};
use tonic::{Status, body::Body, codegen::Bytes};
use tower::{Layer, Service};

use crate::authn::{PeerFacts, Remote};

/// How long a connection may be there before anybody has proven an identity on it. Clients connect in order to call, so
/// this is a round trip and whatever an issuer takes to hand out its keys; silence for longer holds a place for nothing.
pub(super) const UNPROVEN_MAX: Duration = Duration::from_secs(10);

/// The requests of one connection.
pub(super) struct Activity(Mutex<State>);

struct State {
    began: Instant,
    /// Whether anybody has proven an identity: with a certificate, as a user of this machine, or with a request.
    is_proven: bool,
    running: usize,
    /// When the last request ended, or the connection began.
    quiet_since: Instant,
}

impl Activity {
    /// A connection that begins now, from this peer.
    pub(super) fn new(peer: &PeerFacts) -> Arc<Self> {
        let is_proven = !peer.certificates.is_empty() || matches!(peer.remote, Remote::Unix { .. });
        let began = Instant::now();
        Arc::new(Self(Mutex::new(State { began, is_proven, running: 0, quiet_since: began })))
    }

    /// Somebody has proven an identity.
    pub(super) fn prove(&self) {
        self.state().is_proven = true;
    }

    pub(super) fn is_proven(&self) -> bool {
        self.state().is_proven
    }

    /// Completes when there has been no request for so long. One that runs is activity, however long it takes.
    ///
    /// Until an identity is proven, no request counts as activity, and the connection has [`UNPROVEN_MAX`].
    pub(super) async fn idle(&self, idle_max: Duration) {
        loop {
            let at = self.idle_at(idle_max);
            if at <= Instant::now() {
                return;
            }
            sleep_until(at).await;
        }
    }

    /// The earliest moment at which the connection can be idle.
    fn idle_at(&self, idle_max: Duration) -> Instant {
        let state = self.state();
        let since = if state.running > 0 { Instant::now() } else { state.quiet_since };
        if state.is_proven { since + idle_max } else { state.began + idle_max.min(UNPROVEN_MAX) }
    }

    fn begin(self: &Arc<Self>) -> Running {
        self.state().running += 1;
        Running(Arc::clone(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Two numbers: whatever a panicking thread left behind is as good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is not over yet.
struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running = state.running.saturating_sub(1);
        state.quiet_since = Instant::now();
    }
}

/// What tonic puts into each request of a connection.
#[derive(Clone)]
pub(super) struct ConnectionFacts {
    pub(super) peer: PeerFacts,
    pub(super) activity: Arc<Activity>,
}

/// Gives each request its [`PeerFacts`] and the [`Activity`] of its connection, and keeps its connection from being idle until the response is over.
#[derive(Clone, Copy)]
pub(super) struct ConnectionLayer;

impl<S> Layer<S> for ConnectionLayer {
    type Service = ConnectionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectionService { inner }
    }
}

/// The service of [`ConnectionLayer`].
#[derive(Clone)]
pub(super) struct ConnectionService<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for ConnectionService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let facts = request.extensions_mut().remove::<ConnectionFacts>();
        let running = facts.map(|ConnectionFacts { peer, activity }| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(Arc::clone(&activity));
            activity.begin()
        });
        ResponseFuture { inner: Box::pin(self.inner.call(request)), running }
    }
}

/// Hands the mark of a running request on to the response's body.
pub(super) struct ResponseFuture<F> {
    inner: Pin<Box<F>>,
    running: Option<Running>,
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.inner.as_mut().poll(cx))?;
        let running = self.running.take();
        Poll::Ready(Ok(response.map(|inner| Body::new(RunningBody { inner, _running: running }))))
    }
}

struct RunningBody {
    inner: Body,
    _running: Option<Running>,
}

impl http_body::Body for RunningBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
