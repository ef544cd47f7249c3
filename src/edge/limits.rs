//! What one listener spends at most.

use std::time::Duration;

/// The bounds of one listener. Its sockets never exceed `connections_max + handshakes_max`.
///
/// What that is in memory, as measured: a handshake that hangs costs 13 KiB, or 60 KiB with the largest message that
/// rustls takes; an established connection 31 KiB when it is quiet, 36 KiB after a refused call, and up to 100 KiB after
/// it had 64 streams at once. So 128 handshakes and 1024 connections, the defaults, cost some 45 MiB, and 110 MiB if
/// all of them do their worst. On top come the messages that are being received (see `receipt`), at most 25 MiB, and
/// for each connection what was sent and nobody has read yet, at most `CONNECTION_WINDOW_BYTES`: requests that have no
/// place are answered at once, so that is there only while a scheme of authentication waits for an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Established connections at a time; the next one is closed after its handshake. One client certificate holds at
    /// most a quarter of them.
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
    /// How long a connection may be without any request before it is told to go away.
    pub idle_max: Duration,
    /// How often a quiet connection is pinged.
    pub keepalive_interval: Duration,
    /// How long a ping may stay unanswered.
    pub keepalive_timeout: Duration,
    /// How long a handshake may take: TLS, and HTTP/2 up to the client's SETTINGS.
    pub handshake_timeout: Duration,
    /// How long requests may take to finish when the server stops.
    pub shutdown_grace: Duration,
}

impl EdgeLimits {
    /// A good `idle_max`: longer than the pauses of a busy client, and gRPC clients connect again without being asked.
    pub const IDLE_MAX: Duration = Duration::from_secs(5 * 60);
}
