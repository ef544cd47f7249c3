//! Places for established connections: so many in all, and so many for one peer, so that no one client takes them all.
//!
//! Those without a certificate cannot be told apart before they prove an identity with a request. So that one of them
//! cannot take all places with silence, the oldest that has proven nobody makes room for a newcomer.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest;
use tokio_util::sync::CancellationToken;

use super::{
    EdgeCount, EdgeCounters,
    activity::Activity,
    lifetime::Lifetime,
    listener::{ClientCertificate, Socket, Transport},
    quota::{Full, Quota, Taken},
};
use crate::authn::{PeerFacts, Remote};

/// One client certificate gets one part in so many. A quarter is more than an honest client needs, since HTTP/2 carries
/// all its calls in one connection, and leaves room for others.
const PARTS: usize = 4;

/// Who a connection is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Peer {
    /// SHA-256 of the client's certificate. Not the identity in it: that is known only after authentication, and whoever
    /// gets many certificates for one identity is trusted by a CA.
    Certificate([u8; 32]),
    /// Showed no certificate.
    Unproven,
    /// A user on this machine.
    Uid(u32),
}

impl Peer {
    fn of(facts: &PeerFacts) -> Self {
        match (facts.certificates.first(), facts.remote) {
            (Some(leaf), _) => Self::Certificate(sha256(leaf)),
            (None, Remote::Tcp(_)) => Self::Unproven,
            (None, Remote::Unix { uid, .. }) => Self::Uid(uid),
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    sum
}

/// How many connections each kind of peer may have.
#[derive(Clone, Copy, Debug)]
struct Shares {
    certificate: usize,
    unproven: usize,
    uid: usize,
}

impl Shares {
    fn new(all: usize, transport: &Transport, socket: &Socket) -> Self {
        let quarter = (all / PARTS).max(1);
        let unproven = match transport {
            // Those with a certificate keep a quarter for themselves.
            Transport::Tls { client_certificate: ClientCertificate::Optional, .. } => (all - all / PARTS).max(1),
            Transport::Tls { .. } | Transport::Plaintext => all,
        };
        let users = match socket {
            Socket::Tcp(_) => 1,
            Socket::Unix { peer_uids, .. } => peer_uids.len().max(1),
        };
        Self { certificate: quarter, unproven, uid: (all / users).max(1) }
    }

    const fn of(&self, peer: Peer) -> usize {
        match peer {
            Peer::Certificate(_) => self.certificate,
            Peer::Unproven => self.unproven,
            Peer::Uid(_) => self.uid,
        }
    }
}

/// The places of one listener.
pub(super) struct Places {
    shares: Shares,
    quota: Arc<Quota<Peer>>,
    counters: Arc<EdgeCounters>,
    /// Connections that had not proven anybody when they were last looked at, oldest first. Never more than places.
    unproven: Mutex<VecDeque<Unproven>>,
}

/// A connection that may have to make room.
struct Unproven {
    activity: Arc<Activity>,
    cut: CancellationToken,
    gone: CancellationToken,
}

impl Unproven {
    fn can_make_room(&self) -> bool {
        !self.gone.is_cancelled() && !self.cut.is_cancelled() && !self.activity.is_proven()
    }
}

impl Places {
    pub(super) fn new(all: usize, transport: &Transport, socket: &Socket, counters: Arc<EdgeCounters>) -> Self {
        let (shares, quota) = (Shares::new(all, transport, socket), Quota::new(all));
        Self { shares, quota, counters, unproven: Mutex::default() }
    }

    /// A place for a connection of this peer, or why there is none.
    pub(super) fn take(&self, facts: &PeerFacts) -> Result<Place, EdgeCount> {
        let peer = Peer::of(facts);
        let taken = self.quota.take(peer, self.shares.of(peer)).map_err(|full| match full {
            Full::All => EdgeCount::RefusedFull,
            Full::Key => EdgeCount::RefusedPeerFull,
        })?;
        self.counters.add(EdgeCount::Established);
        Ok(Place { _taken: taken, _closed: CountClosed(Arc::clone(&self.counters)) })
    }

    /// The same, in place of the oldest connection that has proven nobody, if there is one where there is no room.
    pub(super) async fn take_or_displace(&self, facts: &PeerFacts) -> Result<Place, EdgeCount> {
        loop {
            let why = match self.take(facts) {
                Ok(place) => return Ok(place),
                Err(why) => why,
            };
            // The share of a certificate or a user is full of its own connections, and those are proven.
            let is_of_others = why == EdgeCount::RefusedFull || Peer::of(facts) == Peer::Unproven;
            let displaced = if is_of_others { self.displace() } else { None };
            // The bound is strict: the place is free only when the connection is gone.
            displaced.ok_or(why)?.cancelled().await;
        }
    }

    /// Remembers a connection for as long as it has proven nobody.
    pub(super) fn watch(&self, lifetime: &Lifetime) {
        let Lifetime { activity, cut, gone, .. } = lifetime;
        let new = Unproven { activity: Arc::clone(activity), cut: cut.clone(), gone: gone.clone() };
        if new.can_make_room() {
            let mut unproven = self.unproven.lock().unwrap_or_else(PoisonError::into_inner);
            unproven.retain(Unproven::can_make_room);
            unproven.push_back(new);
        }
    }

    /// Cuts the oldest connection that has proven nobody; what is returned is cancelled when it is gone.
    fn displace(&self) -> Option<CancellationToken> {
        let mut unproven = self.unproven.lock().unwrap_or_else(PoisonError::into_inner);
        unproven.retain(Unproven::can_make_room);
        let Unproven { cut, gone, .. } = unproven.pop_front()?;
        cut.cancel();
        self.counters.add(EdgeCount::EndedDisplaced);
        Some(gone)
    }
}

/// A place among the established connections. Free again when it is dropped, and counted after that.
pub(super) struct Place {
    _taken: Taken<Peer>,
    _closed: CountClosed,
}

struct CountClosed(Arc<EdgeCounters>);

impl Drop for CountClosed {
    fn drop(&mut self) {
        self.0.add(EdgeCount::Closed);
    }
}

#[cfg(test)]
mod tests;
