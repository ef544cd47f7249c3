//! From a listening socket to established connections.
//!
//! Handshakes run beside each other in tasks, so that a slow client delays nobody. What strangers can use up is bounded:
//! handshakes by number and time, connections by number, log lines by rate.

use std::{collections::VecDeque, convert::Infallible, fmt, io, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    EdgeCount, EdgeCounters, EdgeLimits,
    connection::Connection,
    handshake::handshake,
    lifetime::Lifetime,
    listener::{Arrival, Listener, Transport},
    places::Places,
};
use crate::{authn::Remote, clock::Clock, log_budget::LogBudget};

/// First pause after an error that is not about one connection, such as too many open files.
const BACKOFF_MIN: Duration = Duration::from_millis(5);
/// Longest such pause: a second without new connections is noticed, and no processor is burnt in it.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// A connection that is ready to be served, and how long it may live.
pub(super) type Ready = (Connection, Lifetime);

/// Where connections come from.
pub(super) trait Source: Sync {
    /// The next connection.
    fn accept(&self) -> impl Future<Output = io::Result<Arrival>> + Send;

    /// Whether one of this origin may connect at all.
    fn admits(&self, remote: Remote) -> bool;
}

/// Takes the connections of one listener. Dropping it gives up unfinished handshakes.
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    handshakes: JoinSet<()>,
    /// The running handshakes, oldest first; ended ones are swept before each use.
    order: VecDeque<(Remote, AbortHandle)>,
    backoff: Duration,
}

/// What the handshakes share.
struct Shared {
    name: Arc<str>,
    transport: Transport,
    limits: EdgeLimits,
    clock: Arc<dyn Clock>,
    counters: Arc<EdgeCounters>,
    places: Places,
    log: LogBudget,
    established: mpsc::Sender<Ready>,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Acceptor {
    /// An acceptor for `listener`, which keeps its socket. Established connections go to `established`.
    pub(super) fn new(
        listener: &Listener,
        established: mpsc::Sender<Ready>,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        let Listener { name, socket, transport, limits, clock, counters, .. } = listener;
        let shared = Shared {
            name: Arc::clone(name),
            transport: transport.clone(),
            limits: *limits,
            clock: Arc::clone(clock),
            counters: Arc::clone(counters),
            places: Places::new(limits.connections_max, transport, socket, Arc::clone(counters)),
            log: LogBudget::default(),
            established,
            stop,
            cut,
        };
        Self { shared: Arc::new(shared), handshakes: JoinSet::new(), order: VecDeque::new(), backoff: BACKOFF_MIN }
    }

    /// Accepts without end.
    pub(super) async fn run(mut self, source: &impl Source) -> Infallible {
        loop {
            match source.accept().await {
                Ok(arrival) => {
                    self.backoff = BACKOFF_MIN;
                    self.shared.counters.add(EdgeCount::Accepted);
                    if source.admits(arrival.remote) {
                        self.begin(arrival).await;
                    } else {
                        self.shared.refuse(arrival.remote, EdgeCount::RefusedUid, &"its user is not in peer_uids");
                    }
                }
                Err(error) => self.endure(&error).await,
            }
        }
    }

    /// Starts a handshake, in place of the oldest one if there are as many as may be.
    async fn begin(&mut self, arrival: Arrival) {
        while self.handshakes.try_join_next().is_some() {}
        self.order.retain(|(_, handshake)| !handshake.is_finished());
        while self.handshakes.len() >= self.shared.limits.handshakes_max.max(1) {
            self.evict_oldest();
            // The bound is strict: the place is free only when the task is gone.
            self.handshakes.join_next().await;
        }
        let remote = arrival.remote;
        let handshake = self.handshakes.spawn(Arc::clone(&self.shared).admit(arrival));
        self.order.push_back((remote, handshake));
    }

    fn evict_oldest(&mut self) {
        let Some((remote, handshake)) = self.order.pop_front() else { return };
        if !handshake.is_finished() {
            handshake.abort();
            self.shared.refuse(remote, EdgeCount::HandshakeEvicted, &"given up for a newer one");
        }
    }

    /// Accepting failed. That never ends the server.
    async fn endure(&mut self, error: &io::Error) {
        self.shared.counters.add(EdgeCount::AcceptError);
        if is_about_one_connection(error) {
            return;
        }
        if let Some(suppressed) = self.shared.log.take() {
            let listener = &*self.shared.name;
            tracing::warn!(listener, %error, backoff = ?self.backoff, suppressed, "cannot accept connections");
        }
        sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }
}

/// The connection was gone before it could be taken. A pause would let strangers slow everybody down.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, NotConnected, TimedOut, WouldBlock,
    };
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | Interrupted | NotConnected | TimedOut | WouldBlock
    )
}

impl Shared {
    /// One handshake from begin to end.
    async fn admit(self: Arc<Self>, arrival: Arrival) {
        let remote = arrival.remote;
        let established = match timeout(self.limits.handshake_timeout, handshake(&self.transport, arrival)).await {
            Ok(Ok(established)) => established,
            Ok(Err(fault)) => return self.refuse(remote, fault.count, &fault.why),
            Err(_elapsed) => return self.refuse(remote, EdgeCount::HandshakeTimeout, &"took too long"),
        };
        let place = match self.places.take_or_displace(&established.peer).await {
            Ok(place) => place,
            Err(count @ EdgeCount::RefusedPeerFull) => {
                return self.refuse(remote, count, &"this client has as many connections as one may");
            }
            Err(count) => return self.refuse(remote, count, &"too many connections"),
        };
        let (counters, stop) = (Arc::clone(&self.counters), self.stop.clone());
        let now = self.clock.now();
        let lifetime = Lifetime::new(&established.peer, now, self.limits, counters, stop, &self.cut);
        self.places.watch(&lifetime);
        let (activity, cut, gone) = (Arc::clone(&lifetime.activity), lifetime.cut.clone(), lifetime.gone.clone());
        let connection = Connection::new(established, place, activity, cut, gone);
        // An error means that the server stops; then the connection is dropped, as it should be.
        let _ = self.established.send((connection, lifetime)).await;
    }

    fn refuse(&self, remote: Remote, count: EdgeCount, why: &dyn fmt::Display) {
        self.counters.add(count);
        if let Some(suppressed) = self.log.take() {
            let (listener, (_, kind)) = (&*self.name, count.name());
            tracing::info!(listener, peer = %remote, kind, %why, suppressed, "connection refused");
        }
    }
}

#[cfg(test)]
mod tests;
