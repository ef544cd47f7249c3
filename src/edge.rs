//! The edge: mutual TLS, connections and their bounds, and the layers around every request.

mod accept;
mod connection;
mod limits;
mod stack;
mod tls;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use crate::authn::PeerFacts;
pub use connection::Connection;
pub use limits::{EdgeCounters, EdgeLimits};
pub use tls::{TlsConfigHandle, TlsError, TlsFault, TlsFiles, TlsProblem, TlsRole, load};

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};

use crate::authn::Authenticator;

/// Streams that a client has reset and that were not accepted yet, before its connection is ended: the rapid reset
/// attack (CVE-2023-44487). hyper's own default, made explicit.
const PENDING_RESETS_MAX: usize = 20;
/// Streams that were reset because of the client's protocol errors, before its connection is ended (CVE-2025-8671).
const ERROR_RESETS_MAX: usize = 128;
/// Largest frame, in bytes: the least that HTTP/2 allows (RFC 9113, section 4.2), and enough for our messages.
const FRAME_BYTES_MAX: u32 = 16 * 1024;
/// What a client may send in one stream before it is read, in bytes: HTTP/2's own default.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024 - 1;
/// The same for all streams of a connection, in bytes. This is the memory that an idle-reading handler can cost.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// How long connections that were cut may take to notice; they are woken, so this is only a bound.
const CUT_WAIT: Duration = Duration::from_secs(5);

/// What a listener is made of.
#[derive(Clone, Debug)]
pub struct EdgeOptions {
    /// The TLS configuration, read at each handshake.
    pub tls: Arc<TlsConfigHandle>,
    /// The bounds.
    pub limits: EdgeLimits,
    /// Who says who is asking.
    pub authenticator: Arc<Authenticator>,
    /// Where the edge counts.
    pub counters: Arc<EdgeCounters>,
}

/// The server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// tonic gave up.
    #[error("the gRPC server failed")]
    Transport(#[from] tonic::transport::Error),
    /// The task that accepts connections is gone without having been told to stop.
    #[error("the listener ended without being told to")]
    ListenerEnded,
}

/// Serves `routes` on `listener` until `shutdown` completes.
///
/// Stopping has three steps: the socket is closed and each connection is told to go away; requests that run may finish
/// within `shutdown_grace`; what is left then is cut. Dropping this future cuts at once.
///
/// # Errors
///
/// The server failed. Nothing that a client does leads here.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    options: EdgeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), EdgeError> {
    let EdgeOptions { tls, limits, authenticator, counters } = options;
    let stop = CancellationToken::new();
    let cut = CancellationToken::new();
    let _cut_on_drop = cut.clone().drop_guard();
    let connections = accept::connections(listener, accept::Accept { tls, limits, counters, cut: cut.clone() });
    let service = stack::stack(routes.prepare(), authenticator);
    let mut serving =
        pin!(server(&limits).serve_with_incoming_shutdown(service, connections, stop.clone().cancelled_owned()));
    tokio::select! {
        ended = &mut serving => {
            ended?;
            return Err(EdgeError::ListenerEnded);
        }
        () = shutdown => stop.cancel(),
    }
    if let Ok(drained) = timeout(limits.shutdown_grace, &mut serving).await {
        return Ok(drained?);
    }
    tracing::warn!(grace = ?limits.shutdown_grace, "connections outlived the grace and are cut");
    cut.cancel();
    if let Ok(ended) = timeout(CUT_WAIT, serving).await {
        return Ok(ended?);
    }
    tracing::error!("connections did not end although they were cut");
    Ok(())
}

/// tonic sets hardly any bound by itself, so each is set here, also where the default would do.
fn server(limits: &EdgeLimits) -> Server {
    Server::builder()
        .accept_http1(false)
        .max_concurrent_streams(limits.streams_per_connection_max)
        .http2_max_header_list_size(limits.header_bytes_max)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(ERROR_RESETS_MAX))
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        // The windows above are bounds; an adaptive window would overrule them.
        .http2_adaptive_window(Some(false))
        .http2_keepalive_interval(Some(limits.keepalive_interval))
        .http2_keepalive_timeout(Some(limits.keepalive_timeout))
        // Without tonic's grace, see `connection::End`. Slots and timeouts belong to the gate.
        .max_connection_age(limits.connection_age_max)
}
