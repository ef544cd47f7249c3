//! One call to a gateway, on a connection of its own.
//!
//! Nothing is sent twice: whether a lost call has made a session, only the gateway's journal can tell.

use std::{error::Error as _, io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tonic::{
    Request, Status,
    transport::{Channel, Endpoint, Uri},
};
use tonic_types::StatusExt as _;

use super::{server::Server, token::Token};
use crate::pb::{self, root_access_service_client::RootAccessServiceClient};

/// A gateway, and what proves who asks it.
pub(super) struct Gateway {
    pub(super) server: Server,
    /// Always there for a server over TLS.
    pub(super) tls: Option<Tls>,
    pub(super) token: Option<Token>,
    /// For everything: name, connection, handshake, call.
    pub(super) timeout: Duration,
}

/// How the gateway is recognised, and what it is shown.
pub(super) struct Tls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

/// Largest answer: credentials have about 2 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How much later the deadline is that the gateway is told.
const DEADLINE_MARGIN: Duration = Duration::from_secs(1);
const USER_AGENT: &str = concat!("rootgate/", env!("CARGO_PKG_VERSION"));
/// What a gateway and its client agree on in the handshake (RFC 7301): HTTP/2.
const ALPN_H2: &[u8] = b"h2";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("{server} cannot be reached (is the gateway up, and is this its address?)")]
    Unreachable { server: Server, source: io::Error },
    #[error(
        "the TLS handshake with {server} failed (--ca must be what issued its certificate; --server-name says which name that has, if not the host)"
    )]
    Handshake { server: Server, source: io::Error },
    #[error("{server} does not speak HTTP/2 (is there a gateway behind this address?)")]
    NotGrpc { server: Server },
    #[error(
        "{server} ended the connection (it may want a certificate, or another one; whether there was an act is in its journal)"
    )]
    Lost { server: Server, source: tonic::transport::Error },
    #[error(
        "{server} ended the connection: {why} (it may want a certificate, or another one; whether there was an act is in its journal)"
    )]
    Ended { server: Server, why: String },
    #[error("no answer of {server} within {timeout:?} (whether there was an act is in its journal)")]
    Timeout { server: Server, timeout: Duration },
    /// Answered, but not with credentials.
    #[error("the gateway refused")]
    Refused(Box<Status>),
}

/// A connection of whatever kind.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Gateway {
    /// Asks for a root session.
    pub(super) async fn assume_root(
        &self,
        request: pb::AssumeRootRequest,
    ) -> Result<pb::AssumeRootResponse, CallError> {
        let all = Box::pin(async {
            let channel = self.channel().await?;
            self.call(channel, request).await
        });
        let over = |_| CallError::Timeout { server: self.server.clone(), timeout: self.timeout };
        timeout(self.timeout, all).await.map_err(over)?
    }

    async fn call(
        &self,
        channel: Channel,
        request: pb::AssumeRootRequest,
    ) -> Result<pb::AssumeRootResponse, CallError> {
        let mut client = RootAccessServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        let mut request = Request::new(request);
        // The gateway need not begin what nobody waits for any more. Later than the timeout here, which says so.
        request.set_timeout(self.timeout.saturating_add(DEADLINE_MARGIN));
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.header());
        }
        client.assume_root(request).await.map(tonic::Response::into_inner).map_err(|status| self.failed(status))
    }

    /// A connection that broke looks like an answer; it has a cause, and no details.
    fn failed(&self, status: Status) -> CallError {
        match status.source() {
            Some(cause) if status.get_details_error_info().is_none() => {
                CallError::Ended { server: self.server.clone(), why: super::super::chain(cause) }
            }
            _ => CallError::Refused(Box::new(status)),
        }
    }

    async fn channel(&self) -> Result<Channel, CallError> {
        let lost = |source| CallError::Lost { server: self.server.clone(), source };
        let authority = self.server.authority();
        // TLS is on the wire already; only the name of what is asked for says `https`.
        let origin = format!("{}://{authority}", self.server.scheme()).parse::<Uri>();
        let endpoint = Endpoint::from_shared(format!("http://{authority}")).map_err(lost)?;
        let endpoint = endpoint.user_agent(USER_AGENT).map_err(lost)?;
        let endpoint = origin.into_iter().fold(endpoint, Endpoint::origin);
        let mut wire = Some(TokioIo::new(self.connect().await?));
        // Gives its one connection away once: a second one would be a second try.
        let connector = tower::service_fn(move |_: Uri| {
            let wire = wire.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
            async move { wire }
        });
        endpoint.connect_with_connector(connector).await.map_err(lost)
    }

    async fn connect(&self) -> Result<Box<dyn Wire>, CallError> {
        let unreachable = |source| CallError::Unreachable { server: self.server.clone(), source };
        match (&self.server, &self.tls) {
            (Server::Tls { host, port }, Some(tls)) => {
                let tcp = TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
                self.handshake(tcp, tls).await
            }
            // A server over TLS is never asked without it.
            (Server::Tls { .. }, None) => Err(unreachable(io::ErrorKind::Unsupported.into())),
            (Server::Loopback(address), _) => Ok(Box::new(TcpStream::connect(address).await.map_err(unreachable)?)),
            (Server::Unix(path), _) => Ok(Box::new(UnixStream::connect(path).await.map_err(unreachable)?)),
        }
    }

    async fn handshake(&self, tcp: TcpStream, tls: &Tls) -> Result<Box<dyn Wire>, CallError> {
        let connector = TlsConnector::from(Arc::clone(&tls.config));
        let failed = |source| CallError::Handshake { server: self.server.clone(), source };
        let stream = connector.connect(tls.name.clone(), tcp).await.map_err(failed)?;
        if stream.get_ref().1.alpn_protocol() != Some(ALPN_H2) {
            return Err(CallError::NotGrpc { server: self.server.clone() });
        }
        Ok(Box::new(stream))
    }
}
