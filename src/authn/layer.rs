//! The tower layer that finds out who is asking and passes it on as a value.
//!
//! A failed authentication travels on to the gate, so that the refusal is a record. What has no gate (health,
//! reflection, unknown services) is answered right here.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Extensions, HeaderMap, Request, Response};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{Layer, Service};

use super::{Authenticator, AuthnFailure, Caller, IDENTITY_HEADERS, PeerFacts};
use crate::log_budget::LogBudget;

/// Paths below this lead to the gate, which records refusals itself. Their requests are single messages; the others
/// (health, reflection) have small messages and open-ended streams, and let nobody in whose identity is not proven.
pub const GATED_PATHS: &str = "/rootgate.v1.";

/// What authentication found; in the extensions of every request behind [`AuthnLayer`].
#[derive(Clone, Debug)]
pub struct Authentication(pub Result<Caller, AuthnFailure>);

impl Authentication {
    /// What [`AuthnLayer`] found for the request with these extensions; a request that did not pass it proves nothing.
    ///
    /// # Errors
    ///
    /// No identity was proven.
    pub fn of(extensions: &Extensions) -> Result<Caller, AuthnFailure> {
        let skipped =
            || AuthnFailure { reason: "the request did not pass authentication".to_owned(), tried: Vec::new() };
        extensions.get::<Self>().map_or_else(|| Err(skipped()), |found| found.0.clone())
    }
}

/// Authenticates each request, see [`Authentication`].
#[derive(Clone, Debug)]
pub struct AuthnLayer {
    authenticator: Arc<Authenticator>,
    log: Arc<LogBudget>,
}

impl AuthnLayer {
    /// A layer that asks `authenticator`.
    #[must_use]
    pub fn new(authenticator: Arc<Authenticator>) -> Self {
        Self { authenticator, log: Arc::default() }
    }
}

impl<S> Layer<S> for AuthnLayer {
    type Service = AuthnService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthnService { inner, layer: self.clone() }
    }
}

/// The service of [`AuthnLayer`].
#[derive(Clone, Debug)]
pub struct AuthnService<S> {
    inner: S,
    layer: AuthnLayer,
}

impl<S, B, R> Service<Request<B>> for AuthnService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    // Boxed: schemes may have to ask an issuer for its keys, or AWS.
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that is ready; its clone need not be (tower::Service, "Be careful when cloning inner services").
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            let found = layer.authenticate(&mut request).await;
            if let Err(failure) = &found
                && !request.uri().path().starts_with(GATED_PATHS)
            {
                layer.log_refusal(failure);
                return Ok(unauthenticated().into_http());
            }
            // Replaces whatever was there: only this layer says who is asking.
            request.extensions_mut().insert(Authentication(found));
            inner.call(request).await
        })
    }
}

impl AuthnLayer {
    async fn authenticate<B>(&self, request: &mut Request<B>) -> Result<Caller, AuthnFailure> {
        // Taken out for as long as a scheme may wait: a body need not be shareable between threads.
        let headers = std::mem::take(request.headers_mut());
        let peer = request.extensions().get::<PeerFacts>().cloned();
        let found = self.authenticator.authenticate(peer.as_ref(), &headers).await;
        *request.headers_mut() = headers;
        strip_identity_headers(request.headers_mut());
        found
    }

    fn log_refusal(&self, failure: &AuthnFailure) {
        if let Some(suppressed) = self.log.take() {
            tracing::info!(reason = failure.reason(), suppressed, "refused an unauthenticated request");
        }
    }
}

/// The same answer as the gate gives.
fn unauthenticated() -> Status {
    let info = ErrorDetails::with_error_info("UNAUTHENTICATED", "rootgate", HashMap::new());
    Status::with_error_details(Code::Unauthenticated, AuthnFailure::PUBLIC, info)
}

fn strip_identity_headers(headers: &mut HeaderMap) {
    for name in IDENTITY_HEADERS {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;
