//! `[server]`: what holds for every listener.

use std::time::Duration;

use super::{
    error::{Fault, Reported},
    table::Table,
    value::{Bounded, boolean},
};

/// What holds for every listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Whether gRPC server reflection is served.
    pub reflection: bool,
    /// How long a stop waits for acts in flight. What runs on after it is INTERRUPTED in the journal at the next start;
    /// no act takes longer than 140 s.
    pub shutdown_grace: Duration,
    /// How often certificates, trust bundles, keys, policies and the organization file are looked at for changes.
    pub reload_interval: Duration,
    /// Limits.
    pub limits: ServerLimitsConfig,
}

/// Limits of each listener, and of the gate behind them. tonic sets none by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimitsConfig {
    /// Connections open at the same time on one listener, with those in their handshake.
    pub connections_max: usize,
    /// Handshakes going on at the same time on one listener.
    pub handshakes_max: usize,
    /// HTTP/2 streams open at the same time on one connection (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113, 6.5.2).
    pub streams_per_connection_max: u32,
    /// Bytes of one request message, decoded.
    pub message_bytes_max: usize,
    /// Bytes of one request's headers (SETTINGS_MAX_HEADER_LIST_SIZE, RFC 9113, 6.5.2).
    pub header_bytes_max: u32,
    /// Age at which a connection is asked to go away (GOAWAY).
    pub connection_age_max: Duration,
    /// How long calls on such a connection may still take.
    pub connection_age_grace: Duration,
    /// How often a silent connection is pinged.
    pub keepalive_interval: Duration,
    /// How long the answer to a ping may take.
    pub keepalive_timeout: Duration,
    /// Operations that the gate lets run at the same time, over all listeners.
    pub operations_in_flight_max: usize,
}

/// Helps people with grpcurl, and says nothing that the published proto does not say.
const REFLECTION: bool = true;
/// Kubernetes sends SIGKILL 30 s after SIGTERM unless told otherwise, and connections get a moment after the acts.
const SHUTDOWN_GRACE: Bounded<Duration> = Bounded {
    default: Duration::from_secs(25),
    // Below, a stop would cut calls that are merely on their way.
    min: Duration::from_millis(100),
    // Longer than any operation; a stop that takes more is stuck.
    max: Duration::from_secs(10 * 60),
};
/// A look costs some reads of small files; who takes a policy back wants it gone within seconds.
const RELOAD_INTERVAL: Bounded<Duration> = Bounded {
    default: Duration::from_secs(10),
    min: Duration::from_secs(1),
    // SPIFFE SVIDs live an hour by default; looked at more rarely, a new one would come too late.
    max: Duration::from_secs(60 * 60),
};
/// Callers are platform services and operators, hundreds at most; each connection costs some 100 KiB.
const CONNECTIONS_MAX: Bounded<u32> = Bounded { default: 1024, min: 1, max: 65_536 };
/// A handshake costs a signature, the one expensive thing that a stranger can ask for.
const HANDSHAKES_MAX: Bounded<u32> = Bounded { default: 128, min: 1, max: 4096 };
/// As many as operations can be in flight; more streams would only wait. The maximum bounds rapid reset
/// (CVE-2023-44487).
const STREAMS_PER_CONNECTION_MAX: Bounded<u32> = Bounded { default: 64, min: 1, max: 1024 };
/// The largest message carries a bucket policy, which has 20 KiB at most (S3 User Guide, "Policies and permissions in
/// Amazon S3"); the minimum must let it pass.
const MESSAGE_BYTES_MAX: Bounded<u32> = Bounded { default: 65_536, min: 32_768, max: 1_048_576 };
/// gRPC metadata, a trace context and one token; 8 KiB is what gRPC implementations commonly allow.
const HEADER_BYTES_MAX: Bounded<u32> = Bounded { default: 16_384, min: 4096, max: 65_536 };
/// Identity is pinned to the connection, so its age bounds how long a rotated or revoked certificate still works.
const CONNECTION_AGE_MAX: Bounded<Duration> = Bounded {
    default: Duration::from_secs(30 * 60),
    min: Duration::from_secs(1),
    // SPIFFE SVIDs live an hour by default; a day is the longest anybody rotates by machine.
    max: Duration::from_secs(24 * 60 * 60),
};
/// Longer than an operation usually takes.
const CONNECTION_AGE_GRACE: Bounded<Duration> =
    Bounded { default: Duration::from_secs(30), min: Duration::from_secs(1), max: Duration::from_secs(10 * 60) };
/// Below the idle timeouts of load balancers (60 s and more).
const KEEPALIVE_INTERVAL: Bounded<Duration> =
    Bounded { default: Duration::from_secs(30), min: Duration::from_secs(1), max: Duration::from_secs(60 * 60) };
/// A peer that does not answer for so long is gone.
const KEEPALIVE_TIMEOUT: Bounded<Duration> =
    Bounded { default: Duration::from_secs(10), min: Duration::from_secs(1), max: Duration::from_secs(5 * 60) };
/// AWS throttles AssumeRoot long before; what waits here waits with a slot in the journal's queue.
const OPERATIONS_IN_FLIGHT_MAX: Bounded<u32> = Bounded { default: 64, min: 1, max: 1024 };

impl ServerConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let moved = |fix| Fault::new("has moved: each listener has a section of its own", fix);
        table.moved("listen", moved(r#"write [listeners.main] with this `listen` and `schemes = ["mtls"]`"#));
        table.moved("tls", moved("write it as [listeners.main.tls]"));
        let reflection = table.optional("reflection", boolean);
        let shutdown_grace = table.duration("shutdown_grace", &SHUTDOWN_GRACE);
        let reload_interval = table.duration("reload_interval", &RELOAD_INTERVAL);
        let limits = table.section("limits", ServerLimitsConfig::read);
        Ok(Self {
            reflection: reflection?.unwrap_or(REFLECTION),
            shutdown_grace: shutdown_grace?,
            reload_interval: reload_interval?,
            limits: limits?,
        })
    }
}

impl ServerLimitsConfig {
    fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let connections_max = table.count("connections_max", &CONNECTIONS_MAX);
        let handshakes_max = table.count("handshakes_max", &HANDSHAKES_MAX);
        let streams_per_connection_max = table.integer("streams_per_connection_max", &STREAMS_PER_CONNECTION_MAX);
        let message_bytes_max = table.count("message_bytes_max", &MESSAGE_BYTES_MAX);
        let header_bytes_max = table.integer("header_bytes_max", &HEADER_BYTES_MAX);
        let connection_age_max = table.duration("connection_age_max", &CONNECTION_AGE_MAX);
        let connection_age_grace = table.duration("connection_age_grace", &CONNECTION_AGE_GRACE);
        let keepalive_interval = table.duration("keepalive_interval", &KEEPALIVE_INTERVAL);
        let keepalive_timeout = table.duration("keepalive_timeout", &KEEPALIVE_TIMEOUT);
        let operations_in_flight_max = table.count("operations_in_flight_max", &OPERATIONS_IN_FLIGHT_MAX);
        Ok(Self {
            connections_max: connections_max?,
            handshakes_max: handshakes_max?,
            streams_per_connection_max: streams_per_connection_max?,
            message_bytes_max: message_bytes_max?,
            header_bytes_max: header_bytes_max?,
            connection_age_max: connection_age_max?,
            connection_age_grace: connection_age_grace?,
            keepalive_interval: keepalive_interval?,
            keepalive_timeout: keepalive_timeout?,
            operations_in_flight_max: operations_in_flight_max?,
        })
    }
}
