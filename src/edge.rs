//! The edge: listeners, TLS, connections and their bounds, and the layers around every request.

mod accept;
mod activity;
mod connection;
mod counters;
mod handshake;
mod lifetime;
mod limits;
mod listener;
mod places;
mod quota;
mod receipt;
mod stack;
mod tls;
mod workload_api;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use crate::authn::{PeerFacts, Remote};
pub use counters::{EdgeCount, EdgeCounters, EdgeSnapshot};
pub use limits::EdgeLimits;
pub use listener::{Address, BindError, ClientCertificate, Listener, ListenerOptions, LocalAddress, Transport};
pub use tls::{
    ClientCa, ClientTlsFiles, Reloaded, TlsError, TlsFault, TlsFiles, TlsProblem, TlsReloader, TlsRole, load,
    load_client,
};
pub use workload_api::{Unusable, WorkloadApi, WorkloadApiError, WorkloadApiOptions};

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use tonic::{service::Routes, transport::Server};

use self::accept::Acceptor;

/// Streams that a client has reset and that were not accepted yet, before its connection is ended: the rapid reset
/// attack (CVE-2023-44487). hyper's own default, made explicit.
const PENDING_RESETS_MAX: usize = 20;
/// Streams that were reset because of the client's protocol errors, before its connection is ended (CVE-2025-8671).
const ERROR_RESETS_MAX: usize = 128;
/// Largest frame, in bytes: the least that HTTP/2 allows (RFC 9113, section 4.2), and enough for our messages.
const FRAME_BYTES_MAX: u32 = 16 * 1024;
/// What a client may send in one stream before it is read, in bytes: HTTP/2's own default.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024 - 1;
/// The same for all streams of a connection, in bytes. This is the memory that a client can fill before anybody reads:
/// two whole messages.
const CONNECTION_WINDOW_BYTES: u32 = 128 * 1024;
/// Established connections that wait to be served; they are at once.
const HANDOVER_MAX: usize = 16;
/// How long connections that were cut may take to notice; they are woken, so this is only a bound.
const CUT_WAIT: Duration = Duration::from_secs(5);
/// How often the log sums up what was turned away.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);

/// The server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// There is nothing to serve on.
    #[error("there is no listener")]
    NoListener,
    /// The task that accepts connections is gone without having been told to stop.
    #[error("a listener ended without being told to")]
    ListenerEnded,
}

/// Serves `routes` on all `listeners` until `shutdown` completes.
///
/// Stopping has three steps, for all listeners together: the sockets are closed and each connection is told to go away;
/// requests that run may finish within the longest `shutdown_grace`; what is left then is cut. Dropping this future cuts
/// at once.
///
/// # Errors
///
/// A listener ended by itself; then all others have ended too. Nothing that a client does leads here.
pub async fn serve(
    listeners: Vec<Listener>,
    routes: Routes,
    shutdown: impl Future<Output = ()>,
) -> Result<(), EdgeError> {
    let grace = listeners.iter().map(|listener| listener.limits.shutdown_grace).max().ok_or(EdgeError::NoListener)?;
    let (stop, cut, connections) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
    let _cut_on_drop = cut.clone().drop_guard();
    let routes = routes.prepare();
    let mut serving = JoinSet::new();
    for listener in listeners {
        let _ = serving.spawn(listen(listener, routes.clone(), stop.clone(), cut.clone(), connections.clone()));
    }
    tokio::select! {
        _ended = serving.join_next() => return Err(EdgeError::ListenerEnded),
        () = shutdown => stop.cancel(),
    }
    // Each closes its socket.
    while serving.join_next().await.is_some() {}
    connections.close();
    if timeout(grace, connections.wait()).await.is_ok() {
        return Ok(());
    }
    tracing::warn!(?grace, "connections outlived the grace and are cut");
    cut.cancel();
    if timeout(CUT_WAIT, connections.wait()).await.is_err() {
        tracing::error!("connections did not end although they were cut");
    }
    Ok(())
}

/// Serves one listener until it is told to stop; then its connections are the tracker's.
async fn listen(
    listener: Listener,
    routes: Routes,
    stop: CancellationToken,
    cut: CancellationToken,
    connections: TaskTracker,
) {
    let service = stack::stack(routes, Arc::clone(&listener.authenticator), Arc::clone(&listener.counters));
    let server = server(&listener.limits);
    let summaries = summaries(Arc::clone(&listener.name), Arc::clone(&listener.counters));
    let _summaries = AbortOnDropHandle::new(tokio::spawn(summaries));
    let (sender, mut established) = mpsc::channel(HANDOVER_MAX);
    let accepting = Acceptor::new(&listener, sender, stop.clone(), cut).run(&listener.socket);
    let serving = async {
        while let Some((connection, lifetime)) = established.recv().await {
            connections.spawn(lifetime::live(server.clone(), service.clone(), connection, lifetime));
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        never = accepting => match never {},
        () = serving => {}
    }
}

/// Sums up once a minute what was turned away, if anything was.
async fn summaries(listener: Arc<str>, counters: Arc<EdgeCounters>) -> Infallible {
    let mut ticks = interval(SUMMARY_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut earlier = counters.snapshot();
    loop {
        ticks.tick().await;
        let now = counters.snapshot();
        let trouble = now.trouble_since(&earlier);
        if !trouble.is_empty() {
            tracing::info!(listener = &*listener, trouble, "turned away in the last minute");
        }
        earlier = now;
    }
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
    // Ages and ends are `lifetime`'s. Slots and timeouts belong to the gate.
}
