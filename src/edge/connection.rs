//! One established connection: a stream with the facts about who is at the other end.

use std::{
    fmt, io,
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::{
    activity::{Activity, ConnectionFacts},
    handshake::{Bytes, Established, Preface},
    places::Place,
};
use crate::authn::PeerFacts;

/// A connection that has passed its handshake. Its place is free again when it is dropped.
pub(super) struct Connection {
    stream: Box<dyn Bytes>,
    preface: Preface,
    peer: PeerFacts,
    activity: Arc<Activity>,
    cut: Cut,
    _place: Place,
    /// Last, so that the place is free when it says so.
    _gone: DropGuard,
}

impl Connection {
    /// `cut` ends it at once. `gone` is cancelled when it has ended.
    pub(super) fn new(
        established: Established,
        place: Place,
        activity: Arc<Activity>,
        cut: CancellationToken,
        gone: CancellationToken,
    ) -> Self {
        let Established { stream, preface, peer } = established;
        Self { stream, preface, peer, activity, cut: Cut::new(cut), _place: place, _gone: gone.drop_guard() }
    }
}

/// The hard end of a connection.
///
/// tonic's connection tasks are detached, so that dropping the server does not end them, and a client that never answers
/// a GOAWAY keeps its connection as long as it likes. Failing the stream under it ends both.
struct Cut(Pin<Box<WaitForCancellationFutureOwned>>);

impl Cut {
    fn new(cut: CancellationToken) -> Self {
        Self(Box::pin(cut.cancelled_owned()))
    }

    /// Fails once the connection must be over; until then the task is woken for it.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.0.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut")),
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionFacts;

    fn connect_info(&self) -> ConnectionFacts {
        ConnectionFacts { peer: self.peer.clone(), activity: Arc::clone(&self.activity) }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.cut.check(cx)?;
        let Self { stream, preface, .. } = &mut *self;
        preface.poll_read_before(Pin::new(stream), cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}
