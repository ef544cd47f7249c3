//! The list of layers around every request: the only place that says their order.

use std::{convert::Infallible, sync::Arc};

use http::{Request, Response};
use tonic::{body::Body, service::Routes};
use tower::{Service, ServiceBuilder};

use super::{EdgeCounters, activity::ConnectionLayer, receipt::ReceiptLayer};
use crate::{
    authn::{Authenticator, AuthnLayer},
    layers::{RequestIdLayer, SpanLayer, panic_guard},
};

/// Wraps `routes`. Outermost first, as `tower::ServiceBuilder` reads.
///
/// Around all of it are tonic's own layers: it obeys the caller's `grpc-timeout` and drops this stack's future when that
/// has passed. So nothing in here may be the owner of an act; the gate detaches.
pub(super) fn stack(
    routes: Routes,
    authenticator: Arc<Authenticator>,
    counters: Arc<EdgeCounters>,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static {
    ServiceBuilder::new()
        // Outermost: the others read the facts about the peer, and a request counts as activity until all of them are done.
        .layer(ConnectionLayer)
        // Outside whatever answers by itself, so that each answer has an id: refusals and panics too.
        .layer(RequestIdLayer)
        // Outside the panic guard and authentication, so that their answers are logged like any other.
        .layer(SpanLayer::default())
        // Inside the span, so that the panic's line carries the request id; outside authentication, which parses
        // what strangers send.
        .layer(panic_guard())
        // Behind it, who is asking is known, and identity headers are gone.
        .layer(AuthnLayer::new(authenticator))
        // Innermost: nothing of a message is read before it has a place, and strangers have few.
        .layer(ReceiptLayer::new(counters))
        .service(routes)
}

#[cfg(test)]
mod tests;
