//! What one listener has seen: counts with names, for metrics and for one line in the log per minute.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

/// What a listener counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeCount {
    /// A connection was taken from the operating system.
    Accepted,
    /// Taking one failed.
    AcceptError,
    /// The client showed no certificate although one is required.
    HandshakeNoCertificate,
    /// No CA that the listener believes has issued the client's certificate.
    HandshakeUnknownCa,
    /// The client's certificate has expired.
    HandshakeExpired,
    /// The client's certificate is not good for another reason.
    HandshakeBadCertificate,
    /// The client speaks no TLS or no HTTP/2, or not as they are defined.
    HandshakeBadProtocol,
    /// The client did not believe the gateway's certificate, or gave up for a reason that it named.
    HandshakeRejectedByClient,
    /// The client closed the connection before the handshake was over. Port probes of load balancers do.
    HandshakeClosed,
    /// The handshake failed for a reason that is none of these.
    HandshakeOther,
    /// The handshake took too long.
    HandshakeTimeout,
    /// The handshake was given up in favour of a newer one.
    HandshakeEvicted,
    /// The listener had as many connections as it may.
    RefusedFull,
    /// The same client had as many connections as one may.
    RefusedPeerFull,
    /// A process of a user that may not connect to the Unix socket.
    RefusedUid,
    /// A connection was established.
    Established,
    /// An established connection has ended. Established minus closed are open.
    Closed,
    /// A connection was told to go away because of its age.
    EndedAged,
    /// A connection was told to go away, or cut, because the client's certificate ends.
    EndedExpiring,
    /// A connection was told to go away because it made no request for long.
    EndedIdle,
    /// A connection was told to go away because nobody has proven an identity on it.
    EndedUnproven,
    /// A connection on which nobody has proven an identity was cut in favour of a newer one.
    EndedDisplaced,
    /// A message of a proven caller was not taken, since too many were being received.
    MessageShed,
    /// The same of a caller whose identity was not proven.
    MessageShedUnproven,
    /// A message did not arrive in time.
    MessageLate,
    /// Certificates were replaced.
    ReloadDone,
    /// New certificates could not be used, and the old ones were kept.
    ReloadKept,
}

impl EdgeCount {
    /// All of them, in the order of a snapshot.
    pub const ALL: [Self; 27] = [
        Self::Accepted,
        Self::AcceptError,
        Self::HandshakeNoCertificate,
        Self::HandshakeUnknownCa,
        Self::HandshakeExpired,
        Self::HandshakeBadCertificate,
        Self::HandshakeBadProtocol,
        Self::HandshakeRejectedByClient,
        Self::HandshakeClosed,
        Self::HandshakeOther,
        Self::HandshakeTimeout,
        Self::HandshakeEvicted,
        Self::RefusedFull,
        Self::RefusedPeerFull,
        Self::RefusedUid,
        Self::Established,
        Self::Closed,
        Self::EndedAged,
        Self::EndedExpiring,
        Self::EndedIdle,
        Self::EndedUnproven,
        Self::EndedDisplaced,
        Self::MessageShed,
        Self::MessageShedUnproven,
        Self::MessageLate,
        Self::ReloadDone,
        Self::ReloadKept,
    ];

    /// Its name: a family, and the reason within the family, empty where there is only one.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Accepted => ("connections_accepted", ""),
            Self::AcceptError => ("accept_errors", ""),
            Self::HandshakeNoCertificate => ("handshakes_failed", "no_certificate"),
            Self::HandshakeUnknownCa => ("handshakes_failed", "unknown_ca"),
            Self::HandshakeExpired => ("handshakes_failed", "expired"),
            Self::HandshakeBadCertificate => ("handshakes_failed", "bad_certificate"),
            Self::HandshakeBadProtocol => ("handshakes_failed", "bad_protocol"),
            Self::HandshakeRejectedByClient => ("handshakes_failed", "rejected_by_client"),
            Self::HandshakeClosed => ("handshakes_failed", "closed"),
            Self::HandshakeOther => ("handshakes_failed", "other"),
            Self::HandshakeTimeout => ("handshakes_failed", "timeout"),
            Self::HandshakeEvicted => ("handshakes_failed", "evicted"),
            Self::RefusedFull => ("connections_refused", "full"),
            Self::RefusedPeerFull => ("connections_refused", "peer_full"),
            Self::RefusedUid => ("connections_refused", "uid"),
            Self::Established => ("connections_established", ""),
            Self::Closed => ("connections_closed", ""),
            Self::EndedAged => ("connections_ended", "aged"),
            Self::EndedExpiring => ("connections_ended", "expiring"),
            Self::EndedIdle => ("connections_ended", "idle"),
            Self::EndedUnproven => ("connections_ended", "unproven"),
            Self::EndedDisplaced => ("connections_ended", "displaced"),
            Self::MessageShed => ("messages_refused", "overload"),
            Self::MessageShedUnproven => ("messages_refused", "unproven"),
            Self::MessageLate => ("messages_refused", "late"),
            Self::ReloadDone => ("reloads", "done"),
            Self::ReloadKept => ("reloads", "kept"),
        }
    }

    /// Whether it says that somebody was turned away, or that something is wrong here.
    const fn is_trouble(self) -> bool {
        match self {
            Self::AcceptError
            | Self::HandshakeNoCertificate
            | Self::HandshakeUnknownCa
            | Self::HandshakeExpired
            | Self::HandshakeBadCertificate
            | Self::HandshakeBadProtocol
            | Self::HandshakeRejectedByClient
            | Self::HandshakeClosed
            | Self::HandshakeOther
            | Self::HandshakeTimeout
            | Self::HandshakeEvicted
            | Self::RefusedFull
            | Self::RefusedPeerFull
            | Self::RefusedUid
            | Self::EndedDisplaced
            | Self::MessageShed
            | Self::MessageShedUnproven
            | Self::MessageLate
            | Self::ReloadKept => true,
            Self::Accepted
            | Self::Established
            | Self::Closed
            | Self::EndedAged
            | Self::EndedExpiring
            | Self::EndedIdle
            | Self::EndedUnproven
            | Self::ReloadDone => false,
        }
    }
}

/// Counts of one listener since the start.
#[derive(Debug, Default)]
pub struct EdgeCounters {
    counts: [AtomicU64; EdgeCount::ALL.len()],
}

impl EdgeCounters {
    /// Counts one.
    pub(super) fn add(&self, count: EdgeCount) {
        if let Some(counter) = self.counts.get(count as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self, count: EdgeCount) -> u64 {
        self.counts.get(count as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// All counts as they are now.
    #[must_use]
    pub fn snapshot(&self) -> EdgeSnapshot {
        EdgeSnapshot(EdgeCount::ALL.map(|count| self.get(count)))
    }
}

/// The counts of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeSnapshot([u64; EdgeCount::ALL.len()]);

impl EdgeSnapshot {
    /// Each count.
    pub fn iter(&self) -> impl Iterator<Item = (EdgeCount, u64)> {
        EdgeCount::ALL.into_iter().zip(self.0)
    }

    /// What was turned away or went wrong since `earlier`, as `handshakes_failed.expired=3 …`; empty if nothing was.
    #[must_use]
    pub fn trouble_since(&self, earlier: &Self) -> String {
        let mut words = String::new();
        for ((count, now), (_, before)) in self.iter().zip(earlier.iter()) {
            let more = now.saturating_sub(before);
            if more > 0 && count.is_trouble() {
                let (family, reason) = count.name();
                let (space, dot) = (if words.is_empty() { "" } else { " " }, if reason.is_empty() { "" } else { "." });
                // Writing to a string cannot fail.
                let _ = write!(words, "{space}{family}{dot}{reason}={more}");
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_count_has_a_place_and_a_name_of_its_own() {
        let names: BTreeSet<_> = EdgeCount::ALL.into_iter().map(EdgeCount::name).collect();
        assert_eq!(names.len(), EdgeCount::ALL.len());
        for (place, count) in EdgeCount::ALL.into_iter().enumerate() {
            assert_eq!(count as usize, place);
            let counters = EdgeCounters::default();
            counters.add(count);
            let counted: Vec<_> = counters.snapshot().iter().filter(|(_, number)| *number > 0).collect();
            assert_eq!(counted, [(count, 1)]);
        }
    }

    #[test]
    fn trouble_names_what_was_turned_away_since_and_nothing_else() {
        let counters = EdgeCounters::default();
        counters.add(EdgeCount::HandshakeExpired);
        let earlier = counters.snapshot();
        assert_eq!(earlier.trouble_since(&earlier), "");
        for count in [EdgeCount::Accepted, EdgeCount::Established, EdgeCount::Closed, EdgeCount::ReloadDone] {
            counters.add(count);
        }
        assert_eq!(counters.snapshot().trouble_since(&earlier), "");
        for count in [EdgeCount::AcceptError, EdgeCount::HandshakeExpired, EdgeCount::HandshakeExpired] {
            counters.add(count);
        }
        let words = counters.snapshot().trouble_since(&earlier);
        assert_eq!(words, "accept_errors=1 handshakes_failed.expired=2");
    }
}
