//! A bound listener: an address, how it is spoken to, and who is believed there.

mod unix_socket;

pub(super) use unix_socket::SocketFile;

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{EdgeCounters, EdgeLimits, accept::Source};
use crate::{
    authn::{Authenticator, Remote},
    clock::Clock,
    types::Current,
};

/// What a listener is made of.
pub struct ListenerOptions {
    /// Its name in the configuration; in every log line about it.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// How it is spoken to.
    pub transport: Transport,
    /// Its bounds.
    pub limits: EdgeLimits,
    /// Who says who is asking.
    pub authenticator: Arc<Authenticator>,
    /// Tells when a client's certificate ends.
    pub clock: Arc<dyn Clock>,
    /// Where it counts.
    pub counters: Arc<EdgeCounters>,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port. 0 lets the operating system choose.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix {
        /// Its file.
        path: PathBuf,
        /// The permissions of the file, e.g. `0o600`.
        mode: u32,
        /// The users whose processes may connect.
        peer_uids: Vec<u32>,
    },
}

/// How a listener is spoken to. HTTP/2 either way.
#[derive(Clone)]
pub enum Transport {
    /// Over TLS.
    Tls {
        /// The TLS configuration, read at each handshake.
        config: Arc<Current<ServerConfig>>,
        /// What the configuration demands of clients; see [`TlsFiles::client_certificate`](super::TlsFiles).
        client_certificate: ClientCertificate,
    },
    /// In the clear: loopback addresses and Unix sockets only.
    Plaintext,
}

/// Whether clients show a certificate. One that is shown and not good ends the handshake in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// They must.
    Required,
    /// They may.
    Optional,
    /// They are not asked.
    None,
}

/// A listener cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Plaintext on an address that others can reach.
    #[error(
        "listener {name}: {address} is no loopback address, and without TLS only those may be listened on; add TLS, or \
         listen on 127.0.0.1, [::1] or a Unix socket"
    )]
    NotLoopback {
        /// The listener.
        name: String,
        /// The address.
        address: SocketAddr,
    },
    /// A Unix socket without users who may connect.
    #[error(
        "listener {name}: no user may connect to {path}; name the proxy's user id in peer_uids",
        path = path.display()
    )]
    NobodyMayConnect {
        /// The listener.
        name: String,
        /// The socket.
        path: PathBuf,
    },
    /// Something else is where the socket should be.
    #[error(
        "listener {name}: {path} exists and is not a socket; remove it, or choose another path",
        path = path.display()
    )]
    NotASocket {
        /// The listener.
        name: String,
        /// The socket.
        path: PathBuf,
    },
    /// A process is listening there.
    #[error(
        "listener {name}: a process is already listening on {path}; stop it, or choose another path",
        path = path.display()
    )]
    InUse {
        /// The listener.
        name: String,
        /// The socket.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("listener {name}: cannot listen on {address}")]
    Io {
        /// The listener.
        name: String,
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// The address that a listener has been given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAddress {
    /// Over TCP; the port is known here even if it was asked for as 0.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A listener that is bound and serves nobody yet.
pub struct Listener {
    pub(super) name: Arc<str>,
    pub(super) socket: Socket,
    pub(super) transport: Transport,
    pub(super) limits: EdgeLimits,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counters: Arc<EdgeCounters>,
    local: LocalAddress,
}

impl Listener {
    /// Binds, so that clients can connect; they are answered when the listener is served.
    ///
    /// A Unix socket that a dead process has left behind is replaced, and the file is removed when the listener is
    /// dropped.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or must not.
    pub async fn bind(options: ListenerOptions) -> Result<Self, BindError> {
        let ListenerOptions { name, address, transport, limits, authenticator, clock, counters } = options;
        let (socket, local) = match address {
            Address::Tcp(address) => bind_tcp(&name, address, &transport).await?,
            Address::Unix { path, mode, peer_uids } => {
                if peer_uids.is_empty() {
                    return Err(BindError::NobodyMayConnect { name, path });
                }
                let (listener, file) = unix_socket::bind(&name, &path, mode).await?;
                (Socket::Unix { listener, peer_uids, _file: file }, LocalAddress::Unix(path))
            }
        };
        Ok(Self { name: name.into(), socket, transport, limits, authenticator, clock, counters, local })
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address, with the port that the operating system chose.
    #[must_use]
    pub const fn local_addr(&self) -> &LocalAddress {
        &self.local
    }
}

async fn bind_tcp(name: &str, address: SocketAddr, transport: &Transport) -> Result<(Socket, LocalAddress), BindError> {
    if matches!(transport, Transport::Plaintext) && !address.ip().to_canonical().is_loopback() {
        return Err(BindError::NotLoopback { name: name.to_owned(), address });
    }
    let failed = |source| BindError::Io { name: name.to_owned(), address: address.to_string(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((Socket::Tcp(listener), LocalAddress::Tcp(local)))
}

/// The bound socket.
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix { listener: UnixListener, peer_uids: Vec<u32>, _file: SocketFile },
}

/// A connection that has just arrived.
pub(super) struct Arrival {
    pub(super) wire: Wire,
    pub(super) remote: Remote,
}

/// The connection as the operating system gives it.
pub(super) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Source for Socket {
    async fn accept(&self) -> io::Result<Arrival> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok(Arrival { wire: Wire::Tcp(stream), remote: Remote::Tcp(from) })
            }
            Self::Unix { listener, .. } => {
                let (stream, _unnamed) = listener.accept().await?;
                let peer = stream.peer_cred()?;
                let remote = Remote::Unix { uid: peer.uid(), pid: peer.pid() };
                Ok(Arrival { wire: Wire::Unix(stream), remote })
            }
        }
    }

    fn admits(&self, remote: Remote) -> bool {
        match (self, remote) {
            (Self::Tcp(_), Remote::Tcp(_)) => true,
            (Self::Unix { peer_uids, .. }, Remote::Unix { uid, .. }) => peer_uids.contains(&uid),
            (Self::Tcp(_), Remote::Unix { .. }) | (Self::Unix { .. }, Remote::Tcp(_)) => false,
        }
    }
}

impl LocalAddress {
    /// The TCP address, if it is one.
    #[must_use]
    pub const fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The Unix socket's file, if it is one.
    #[must_use]
    pub fn unix(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(path) => Some(path),
        }
    }
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls { client_certificate, .. } => {
                f.debug_struct("Tls").field("client_certificate", client_certificate).finish_non_exhaustive()
            }
            Self::Plaintext => f.write_str("Plaintext"),
        }
    }
}

impl fmt::Debug for ListenerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerOptions")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("transport", &self.transport)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("name", &self.name)
            .field("local", &self.local)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
