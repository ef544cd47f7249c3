//! The life of one connection: served until it ends by itself, is told to go away, or is cut.
//!
//! It is told with HTTP/2's GOAWAY, so that what runs may finish and clients connect anew without losing a call; if it is
//! still there after the grace, it is cut. tonic offers one age for all connections, and its grace skips the GOAWAY (tonic
//! 0.14.9, `connection_timeout_future`). So each connection is a server of its own here, with its own moment to stop.

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, transport::Server};
use tower::Service;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    EdgeCount, EdgeCounters, EdgeLimits,
    activity::{Activity, UNPROVEN_MAX},
    connection::Connection,
};
use crate::{authn::PeerFacts, clock::Timestamp};

/// When and why one connection ends.
pub(super) struct Lifetime {
    born: Instant,
    /// When the first of the client's certificates ends. After it nobody is proven to be there any more.
    proven_until: Option<Instant>,
    limits: EdgeLimits,
    counters: Arc<EdgeCounters>,
    pub(super) activity: Arc<Activity>,
    /// The server stops.
    stop: CancellationToken,
    /// Cuts this connection.
    pub(super) cut: CancellationToken,
    /// The connection has ended.
    pub(super) gone: CancellationToken,
}

impl Lifetime {
    /// A life that begins now. `cut` is the server's and is left alone: the connection gets one of its own below it.
    pub(super) fn new(
        facts: &PeerFacts,
        now: Timestamp,
        limits: EdgeLimits,
        counters: Arc<EdgeCounters>,
        stop: CancellationToken,
        cut: &CancellationToken,
    ) -> Self {
        let born = Instant::now();
        Self {
            born,
            proven_until: validity_left(facts, now).map(|left| born + left),
            limits,
            counters,
            activity: Activity::new(facts),
            stop,
            cut: cut.child_token(),
            gone: CancellationToken::new(),
        }
    }

    /// Completes when the connection is to be told to go away.
    async fn until_told(&self) -> Told {
        let aged = self.born + self.limits.connection_age_max;
        // Early enough for what runs to finish while the certificate is good.
        let expiring = self.proven_until.and_then(|end| end.checked_sub(self.limits.connection_age_grace));
        let expiring = if self.proven_until.is_some() { Some(expiring.unwrap_or(self.born)) } else { None };
        let (at, why) = match expiring {
            Some(expiring) if expiring < aged => (expiring, Told::Expiring),
            _ => (aged, Told::Aged),
        };
        tokio::select! {
            () = self.gone.cancelled() => Told::Gone,
            () = self.stop.cancelled() => Told::Stopping,
            () = sleep_until(at) => why,
            () = self.activity.idle(self.limits.idle_max) => {
                if self.activity.is_proven() { Told::Idle } else { Told::Unproven }
            }
        }
    }

    /// Completes when a connection that was told to go away must be over.
    async fn until_cut(&self, why: Told) {
        let grace = Instant::now() + self.limits.connection_age_grace;
        let end = match why {
            Told::Gone => None,
            // The server's own grace decides, see `serve`.
            Told::Stopping => self.proven_until,
            // Whoever is silent hears nothing either.
            Told::Unproven => Some(grace.min(Instant::now() + UNPROVEN_MAX)),
            Told::Aged | Told::Expiring | Told::Idle => Some(self.proven_until.map_or(grace, |end| end.min(grace))),
        };
        match end {
            Some(end) => sleep_until(end).await,
            None => pending().await,
        }
    }

    fn count(&self, why: Told) {
        match why {
            Told::Gone | Told::Stopping => {}
            Told::Aged => self.counters.add(EdgeCount::EndedAged),
            Told::Expiring => self.counters.add(EdgeCount::EndedExpiring),
            Told::Idle => self.counters.add(EdgeCount::EndedIdle),
            Told::Unproven => self.counters.add(EdgeCount::EndedUnproven),
        }
    }
}

/// Why a connection is told to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It has gone already.
    Gone,
    Stopping,
    Aged,
    Expiring,
    Idle,
    /// Nobody has proven an identity on it.
    Unproven,
}

/// How long all certificates of the chain are still good; none if there is no chain.
fn validity_left(facts: &PeerFacts, now: Timestamp) -> Option<Duration> {
    let ends = facts.certificates.iter().map(|certificate| {
        // rustls has read it before; what cannot be read proves nothing.
        let end = X509Certificate::from_der(certificate).map(|(_, read)| read.validity().not_after.timestamp());
        // notAfter is inclusive and has whole seconds (RFC 5280, section 4.1.2.5).
        end.map_or(0, |end| Timestamp::from_unix(end.saturating_add(1), 0).unix_micros())
    });
    let left = ends.min()?.saturating_sub(now.unix_micros());
    Some(Duration::from_micros(u64::try_from(left).unwrap_or(0)).min(FAR_AWAY))
}

/// What cannot be told apart from "never" in a process, and is safe to add to an instant.
const FAR_AWAY: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// Serves one connection to its end.
pub(super) async fn live<S>(server: Server, service: S, connection: Connection, lifetime: Lifetime)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let (tell, told) = oneshot::channel::<()>();
    // Stays open after its one connection: the end of the stream would be the signal to stop.
    let incoming = stream::iter([Ok::<_, Infallible>(connection)]).chain(stream::pending());
    let served = server.serve_with_incoming_shutdown(service, incoming, async {
        // A sender that is gone tells the same.
        let _ = told.await;
    });
    let steering = async {
        let why = lifetime.until_told().await;
        lifetime.count(why);
        drop(tell);
        lifetime.until_cut(why).await;
        lifetime.cut.cancel();
        pending::<()>().await;
    };
    tokio::select! {
        served = served => {
            if let Err(error) = served {
                tracing::debug!(%error, "a connection failed");
            }
        }
        () = steering => {}
    }
}

#[cfg(test)]
mod tests;
