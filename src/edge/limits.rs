//! What one listener spends at most.

use std::time::Duration;

/// The bounds of one listener. Its sockets never exceed `connections_max + handshakes_max`.
///
/// What that is in memory, at worst: a handshake costs some 60 KiB (rustls takes a flight of at most 64 KiB); an
/// established connection that is quiet some 50 KiB (TLS records, HTTP/2 frames of 16 KiB, HPACK tables of 4 KiB). With
/// the defaults, 128 handshakes and 1024 connections are about 60 MiB. Beyond that, what a client has sent and nobody has
/// read yet is at most `CONNECTION_WINDOW_BYTES` for each connection, and header lists at most
/// `streams_per_connection_max * header_bytes_max` for each. Who shows no certificate gets neither: its requests are
/// answered from their headers.
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
