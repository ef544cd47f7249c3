//! From a listening socket to established connections.
//!
//! Handshakes run beside each other in tasks, so that a slow client delays nobody. What strangers can use up is bounded:
//! handshakes by number and time, connections by number, log lines by rate.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    connection::{Connection, End, Slot},
    limits::{EdgeCounters, EdgeLimits, count},
    tls::{ALPN_H2, TlsConfigHandle},
};
use crate::{authn::PeerFacts, layers::LogBudget};

/// Established connections that wait for the server to take them; it does so at once.
const HANDOVER_MAX: usize = 16;
/// First pause after an error that is not about one connection, such as too many open files.
const BACKOFF_MIN: Duration = Duration::from_millis(5);
/// Longest such pause: a second without new connections is noticed, and no processor is burnt in it.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// What the acceptor works with.
pub(super) struct Accept {
    pub(super) tls: Arc<TlsConfigHandle>,
    pub(super) limits: EdgeLimits,
    pub(super) counters: Arc<EdgeCounters>,
    /// Cuts every connection when it is cancelled.
    pub(super) cut: CancellationToken,
}

/// Starts to accept. Dropping the stream closes the socket and gives up unfinished handshakes.
pub(super) fn connections(listener: TcpListener, accept: Accept) -> Connections {
    let (sender, receiver) = mpsc::channel(HANDOVER_MAX);
    let acceptor = Acceptor::new(accept, sender);
    let task = tokio::spawn(acceptor.run(async move || listener.accept().await));
    Connections { receiver, _acceptor: AbortOnDropHandle::new(task) }
}

/// Established connections, one after the other.
pub(super) struct Connections {
    receiver: mpsc::Receiver<Connection>,
    _acceptor: AbortOnDropHandle<()>,
}

impl Stream for Connections {
    type Item = Result<Connection, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx).map(|connection| connection.map(Ok))
    }
}

struct Acceptor {
    shared: Arc<Shared>,
    handshakes: JoinSet<()>,
    /// The running handshakes, oldest first; ended ones are swept before each use.
    order: VecDeque<(SocketAddr, AbortHandle)>,
    backoff: Duration,
}

impl Acceptor {
    fn new(accept: Accept, established: mpsc::Sender<Connection>) -> Self {
        let slots = Arc::new(Semaphore::new(accept.limits.connections_max));
        let shared = Arc::new(Shared { accept, slots, log: LogBudget::default(), established });
        Self { shared, handshakes: JoinSet::new(), order: VecDeque::new(), backoff: BACKOFF_MIN }
    }

    async fn run<A>(mut self, mut accept: A)
    where
        A: AsyncFnMut() -> io::Result<(TcpStream, SocketAddr)>,
    {
        loop {
            match accept().await {
                Ok((socket, from)) => {
                    self.backoff = BACKOFF_MIN;
                    self.begin(socket, from).await;
                }
                Err(error) => self.endure(&error).await,
            }
        }
    }

    /// Starts a handshake, in place of the oldest one if there are as many as may be.
    async fn begin(&mut self, socket: TcpStream, from: SocketAddr) {
        count(&self.shared.accept.counters.accepted);
        while self.handshakes.try_join_next().is_some() {}
        self.order.retain(|(_, handshake)| !handshake.is_finished());
        while self.handshakes.len() >= self.shared.accept.limits.handshakes_max.max(1) {
            self.evict_oldest();
            // The bound is strict: the place is free only when the task is gone.
            self.handshakes.join_next().await;
        }
        let handshake = self.handshakes.spawn(Arc::clone(&self.shared).admit(socket, from));
        self.order.push_back((from, handshake));
    }

    fn evict_oldest(&mut self) {
        let Some((from, handshake)) = self.order.pop_front() else { return };
        if !handshake.is_finished() {
            handshake.abort();
            count(&self.shared.accept.counters.handshakes_evicted);
            self.shared.log_failure(from, &"given up for a newer one");
        }
    }

    /// Accepting failed. That never ends the server.
    async fn endure(&mut self, error: &io::Error) {
        count(&self.shared.accept.counters.accept_errors);
        if is_about_one_connection(error) {
            return;
        }
        if let Some(suppressed) = self.shared.log.take() {
            tracing::warn!(%error, backoff = ?self.backoff, suppressed, "cannot accept connections");
        }
        sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }
}

/// The connection was gone before it could be taken. A pause would let strangers slow everybody down.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | Interrupted | TimedOut | WouldBlock)
}

/// What the handshakes share.
struct Shared {
    accept: Accept,
    slots: Arc<Semaphore>,
    log: LogBudget,
    established: mpsc::Sender<Connection>,
}

impl Shared {
    /// One handshake from begin to end.
    async fn admit(self: Arc<Self>, socket: TcpStream, from: SocketAddr) {
        let counters = &self.accept.counters;
        let acceptor = TlsAcceptor::from(self.accept.tls.current());
        let shaken = timeout(self.accept.limits.handshake_timeout, handshake(acceptor, socket, from)).await;
        let (stream, peer) = match shaken {
            Ok(Ok(established)) => established,
            Ok(Err(error)) => {
                count(&counters.handshakes_failed);
                return self.log_failure(from, &error);
            }
            Err(_elapsed) => {
                count(&counters.handshakes_timed_out);
                return self.log_failure(from, &"took too long");
            }
        };
        let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() else {
            count(&counters.connections_refused);
            return self.log_failure(from, &"too many connections");
        };
        let slot = Slot::new(permit, Arc::clone(counters));
        let age = self.accept.limits.connection_age_max.saturating_add(self.accept.limits.connection_age_grace);
        let end = End::new(Instant::now() + age, self.accept.cut.clone());
        // An error means that the server stops; then the connection is dropped, as it should be.
        let _ = self.established.send(Connection::new(stream, peer, end, slot)).await;
    }

    fn log_failure(&self, from: SocketAddr, why: &dyn fmt::Display) {
        if let Some(suppressed) = self.log.take() {
            tracing::info!(peer = %from, %why, suppressed, "connection refused");
        }
    }
}

async fn handshake(
    acceptor: TlsAcceptor,
    socket: TcpStream,
    from: SocketAddr,
) -> io::Result<(TlsStream<TcpStream>, PeerFacts)> {
    // Replies are small and awaited: Nagle's algorithm would only delay them.
    socket.set_nodelay(true)?;
    let stream = acceptor.accept(socket).await?;
    let (_, session) = stream.get_ref();
    // rustls lets a client pass that offers no protocol at all.
    if session.alpn_protocol() != Some(ALPN_H2) {
        return Err(io::Error::other("the client did not negotiate h2"));
    }
    // The verifier demands a certificate; should that ever change, nobody gets in unnoticed.
    let certificates = session.peer_certificates().filter(|chain| !chain.is_empty());
    let certificates = certificates.ok_or_else(|| io::Error::other("the client showed no certificate"))?;
    let certificates = certificates.iter().map(|certificate| certificate.clone().into_owned()).collect();
    Ok((stream, PeerFacts { remote_addr: from, certificates }))
}

#[cfg(test)]
mod tests;
