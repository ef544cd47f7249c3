//! What the transport knows about the other end of a connection.

use std::{fmt, net::SocketAddr, sync::Arc};

use rustls_pki_types::CertificateDer;

/// Facts about the peer of one connection, put into the extensions of each of its requests.
#[derive(Clone)]
pub struct PeerFacts {
    /// Where the connection comes from. Says nothing about who it is.
    pub remote: Remote,
    /// The client's certificate chain, leaf first, verified against the client CA by the TLS handshake. Empty if none was
    /// shown, or without TLS.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// Over TCP, possibly loopback.
    Tcp(SocketAddr),
    /// Over a Unix socket; what the kernel says of the process that connected.
    Unix {
        /// Its effective user id (`SO_PEERCRED`, unix(7)).
        uid: u32,
        /// Its process id, where the kernel tells.
        pid: Option<i32>,
    },
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { uid, pid: Some(pid) } => write!(f, "unix:uid={uid},pid={pid}"),
            Self::Unix { uid, pid: None } => write!(f, "unix:uid={uid}"),
        }
    }
}

impl fmt::Debug for PeerFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerFacts")
            .field("remote", &self.remote)
            .field("certificates", &self.certificates.len())
            .finish()
    }
}
