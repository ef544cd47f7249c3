//! What one listener spends at most, and what it has seen.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The bounds of one listener. Sockets never exceed `connections_max + handshakes_max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Established connections at a time; the next one is closed after its handshake.
    pub connections_max: usize,
    /// Handshakes at a time; when one more arrives, the oldest is given up, since an honest one takes milliseconds.
    pub handshakes_max: usize,
    /// Concurrent HTTP/2 streams in one connection.
    pub streams_per_connection_max: u32,
    /// Size of a request's header list in bytes, as HTTP/2 counts it (RFC 9113, section 6.5.2).
    pub header_bytes_max: u32,
    /// Age at which a connection is told to go away, so that its certificate is shown anew.
    pub connection_age_max: Duration,
    /// How long a connection told to go away may finish what it does before it is cut.
    pub connection_age_grace: Duration,
    /// How often a quiet connection is pinged.
    pub keepalive_interval: Duration,
    /// How long a ping may stay unanswered.
    pub keepalive_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long requests may take to finish when the server stops.
    pub shutdown_grace: Duration,
}

/// Counts since the start, for metrics.
#[derive(Debug, Default)]
pub struct EdgeCounters {
    /// TCP connections that were accepted.
    pub accepted: AtomicU64,
    /// Attempts to accept one that failed.
    pub accept_errors: AtomicU64,
    /// Handshakes that failed.
    pub handshakes_failed: AtomicU64,
    /// Handshakes that took too long.
    pub handshakes_timed_out: AtomicU64,
    /// Handshakes that were given up in favour of newer ones.
    pub handshakes_evicted: AtomicU64,
    /// Connections that were closed since there were too many.
    pub connections_refused: AtomicU64,
    /// Connections that were established.
    pub connections_established: AtomicU64,
    /// Connections that have ended. Established minus closed are open.
    pub connections_closed: AtomicU64,
}

/// Counts one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
