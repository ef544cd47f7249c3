//! One established connection: an encrypted stream with the proof of who is at the other end.

use std::{
    fmt, io,
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::limits::{EdgeCounters, count};
use crate::authn::PeerFacts;

/// A connection that has passed its handshake. Its slot is free again when it is dropped.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: PeerFacts,
    end: End,
    _slot: Slot,
}

impl Connection {
    pub(super) fn new(stream: TlsStream<TcpStream>, peer: PeerFacts, end: End, slot: Slot) -> Self {
        Self { stream, peer, end, _slot: slot }
    }
}

/// A place among the established connections.
pub(super) struct Slot {
    counters: Arc<EdgeCounters>,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    pub(super) fn new(permit: OwnedSemaphorePermit, counters: Arc<EdgeCounters>) -> Self {
        count(&counters.connections_established);
        Self { counters, _permit: permit }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        count(&self.counters.connections_closed);
    }
}

/// The hard end of a connection: its age, or the end of the server's grace.
///
/// tonic cannot do either. Its connection tasks are detached, so that dropping the server does not end them; and with
/// `max_connection_age_grace` set it skips the polite GOAWAY and cuts at once (tonic 0.14.9,
/// `transport/server/mod.rs`, `connection_timeout_future`). So tonic sends the GOAWAY at the age, and this cuts.
pub(super) struct End {
    at: Pin<Box<Sleep>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl End {
    pub(super) fn new(at: Instant, cut: CancellationToken) -> Self {
        Self { at: Box::pin(sleep_until(at)), cut: Box::pin(cut.cancelled_owned()) }
    }

    /// Fails once the connection must be over; until then the task is woken for it.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.at.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the connection has reached its maximum age"));
        }
        if self.cut.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server has stopped"));
        }
        Ok(())
    }
}

impl Connected for Connection {
    type ConnectInfo = PeerFacts;

    fn connect_info(&self) -> PeerFacts {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.end.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.end.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.end.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    /// Ends when the connection does, woken by nothing else.
    async fn ended(end: &mut End) -> io::ErrorKind {
        poll_fn(|cx| match end.check(cx) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(error.kind()),
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn age_ends_a_quiet_connection() {
        let began = Instant::now();
        let age = Duration::from_secs(3600);
        let mut end = End::new(began + age, CancellationToken::new());
        assert_eq!(ended(&mut end).await, io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 3600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_ends_a_quiet_connection() {
        let cut = CancellationToken::new();
        let mut end = End::new(Instant::now() + Duration::from_secs(3600), cut.clone());
        let cutting = async {
            tokio::task::yield_now().await;
            cut.cancel();
        };
        let (kind, ()) = tokio::join!(ended(&mut end), cutting);
        assert_eq!(kind, io::ErrorKind::ConnectionAborted);
    }
}
