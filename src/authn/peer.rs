//! What the transport knows about the other end of a connection.

use std::{fmt, net::SocketAddr, sync::Arc};

use rustls_pki_types::CertificateDer;

/// Facts about the peer of one connection, put into the extensions of each of its requests.
#[derive(Clone)]
pub struct PeerFacts {
    /// Where the connection comes from. Says nothing about who it is.
    pub remote_addr: SocketAddr,
    /// The client's certificate chain, leaf first, verified against the client CA by the TLS handshake.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

impl fmt::Debug for PeerFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerFacts")
            .field("remote_addr", &self.remote_addr)
            .field("certificates", &self.certificates.len())
            .finish()
    }
}
