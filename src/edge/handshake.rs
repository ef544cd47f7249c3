//! From a connection that has just arrived to one that speaks HTTP/2: TLS where it is due, then the client's preface.

mod fault;
mod preface;

pub(super) use preface::Preface;

use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use self::fault::classify;
use super::{
    EdgeCount,
    listener::{Arrival, ClientCertificate, Transport, Wire},
    tls::ALPN_H2,
};
use crate::authn::{PeerFacts, Remote};

/// The bytes of a connection, encrypted or not.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}

/// A connection whose client has shown what it has to show, and speaks HTTP/2.
pub(super) struct Established {
    pub(super) stream: Box<dyn Bytes>,
    /// What the client has said so far, to be read once more by HTTP/2.
    pub(super) preface: Preface,
    pub(super) peer: PeerFacts,
}

/// Why there was no connection.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) count: EdgeCount,
    /// For operators.
    pub(super) why: String,
}

impl Fault {
    fn new(count: EdgeCount, why: impl Into<String>) -> Self {
        Self { count, why: why.into() }
    }
}

/// The whole handshake. The caller bounds its time: a client that connects and sends nothing stays in here.
pub(super) async fn handshake(transport: &Transport, arrival: Arrival) -> Result<Established, Fault> {
    let Arrival { wire, remote } = arrival;
    match wire {
        Wire::Tcp(stream) => {
            // Replies are small and awaited: Nagle's algorithm would only delay them.
            stream.set_nodelay(true).map_err(|error| classify(&error))?;
            over(transport, stream, remote).await
        }
        Wire::Unix(stream) => over(transport, stream, remote).await,
    }
}

async fn over<S: Bytes + 'static>(transport: &Transport, stream: S, remote: Remote) -> Result<Established, Fault> {
    match transport {
        Transport::Plaintext => speak(stream, PeerFacts { remote, certificates: Arc::default() }).await,
        Transport::Tls { config, client_certificate } => {
            let (stream, peer) = tls(config.get(), *client_certificate, stream, remote).await?;
            speak(stream, peer).await
        }
    }
}

async fn tls<S: Bytes>(
    config: Arc<ServerConfig>,
    client_certificate: ClientCertificate,
    stream: S,
    remote: Remote,
) -> Result<(TlsStream<S>, PeerFacts), Fault> {
    let stream = TlsAcceptor::from(config).accept(stream).await.map_err(|error| classify(&error))?;
    let (_, session) = stream.get_ref();
    // rustls lets a client pass that offers no protocol at all.
    if session.alpn_protocol() != Some(ALPN_H2) {
        return Err(Fault::new(EdgeCount::HandshakeBadProtocol, "the client did not negotiate h2"));
    }
    let shown = session.peer_certificates().unwrap_or_default();
    // The verifier demands a certificate; should that ever change, nobody gets in unnoticed.
    if shown.is_empty() && client_certificate == ClientCertificate::Required {
        return Err(Fault::new(EdgeCount::HandshakeNoCertificate, "the client showed no certificate"));
    }
    let certificates = shown.iter().map(|certificate| certificate.clone().into_owned()).collect();
    Ok((stream, PeerFacts { remote, certificates }))
}

async fn speak<S: Bytes + 'static>(mut stream: S, peer: PeerFacts) -> Result<Established, Fault> {
    let preface = Preface::read(&mut stream).await?;
    Ok(Established { stream: Box::new(stream), preface, peer })
}

/// The kind of a failed handshake, for tests of what leads to one.
#[cfg(test)]
pub(super) fn kind_of(error: &std::io::Error) -> EdgeCount {
    classify(error).count
}
