//! Services that show what the edge did to a request, TLS files, and clients.

use std::{
    convert::Infallible,
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::CertificateParams;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion, crypto::aws_lc_rs, version::TLS13};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::{
    Status,
    body::Body,
    server::NamedService,
    service::Routes,
    transport::{Channel, Endpoint},
};
use tower::Service;

use super::{ClientCa, EdgeLimits, TlsFiles, tls::ALPN_H2};
use crate::{
    authn::{
        Authentication, PeerFacts,
        testing::{Issued, TestCa, client_params, server_params, uri},
    },
    layers::RequestId,
};

/// Behind the gate's path.
pub(super) const GATED: &str = "/rootgate.v1.ProbeService";
/// Not behind it.
pub(super) const OPEN: &str = "/open.v1.ProbeService";

/// Answers `WhoAmI` with the caller, `Panic` with a panic, `Wait` when it is told to.
#[derive(Clone, Default)]
pub(super) struct Probe<const IS_GATED: bool> {
    pub(super) began: Arc<Notify>,
    pub(super) go_on: Arc<Notify>,
    waiting: Arc<AtomicUsize>,
    /// How many calls of `Wait` there were at the same time, at most.
    pub(super) waiting_peak: Arc<AtomicUsize>,
}

impl NamedService for Probe<true> {
    const NAME: &'static str = "rootgate.v1.ProbeService";
}

impl NamedService for Probe<false> {
    const NAME: &'static str = "open.v1.ProbeService";
}

/// Both probes, and the standard health service.
pub(super) async fn routes(gated: Probe<true>) -> Routes {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    Routes::new(gated).add_service(Probe::<false>::default()).add_service(health)
}

impl<const IS_GATED: bool> Service<Request<Body>> for Probe<IS_GATED> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let probe = self.clone();
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
            match method.as_str() {
                "Panic" => panic!("canary-panic"),
                "Wait" => {
                    let waiting = probe.waiting.fetch_add(1, Ordering::SeqCst) + 1;
                    probe.waiting_peak.fetch_max(waiting, Ordering::SeqCst);
                    probe.began.notify_one();
                    probe.go_on.notified().await;
                    probe.waiting.fetch_sub(1, Ordering::SeqCst);
                }
                _ => {}
            }
            Ok(describe(&request))
        })
    }
}

fn describe(request: &Request<Body>) -> Response<Body> {
    let Authentication(found) = request.extensions().get().unwrap();
    let mut response: Response<Body> = match found {
        Ok(_) => Status::ok("").into_http(),
        Err(failure) => Status::unauthenticated(failure.to_string()).into_http(),
    };
    let mut tell = |name: &'static str, value: &str| {
        response.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    };
    match found {
        Ok(caller) => tell("x-caller", caller.subject()),
        Err(failure) => tell("x-failure", failure.reason()),
    }
    let names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
    tell("x-headers", &names.join(","));
    tell("x-seen-id", request.extensions().get::<RequestId>().unwrap().as_str());
    if let Some(peer) = request.extensions().get::<PeerFacts>() {
        tell("x-remote", &peer.remote.to_string());
        tell("x-certificates", &peer.certificates.len().to_string());
    }
    response
}

/// Bounds that get into no test's way.
pub(super) fn limits() -> EdgeLimits {
    EdgeLimits {
        connections_max: 64,
        handshakes_max: 64,
        streams_per_connection_max: 8,
        header_bytes_max: 8 * 1024,
        connection_age_max: Duration::from_secs(3600),
        connection_age_grace: Duration::from_secs(60),
        idle_max: Duration::from_secs(3600),
        keepalive_interval: Duration::from_secs(3600),
        keepalive_timeout: Duration::from_secs(3600),
        handshake_timeout: Duration::from_secs(3600),
        shutdown_grace: Duration::from_secs(3600),
    }
}

/// The CA that the server's certificate comes from, and that clients trust.
pub(super) static SERVERS: LazyLock<TestCa> = LazyLock::new(|| TestCa::new("servers"));
/// The CA that the server believes.
pub(super) static CLIENTS: LazyLock<TestCa> = LazyLock::new(|| TestCa::new("clients"));
pub(super) const SERVER_NAME: &str = "rootgate.example.org";
pub(super) const ALICE: &str = "spiffe://example.org/ns/prod/sa/alice";

pub(super) fn alice() -> Issued {
    CLIENTS.issue(&client_params(vec![uri(ALICE)]))
}

/// TLS files in a directory of their own.
pub(super) struct Files {
    dir: TempDir,
}

impl Files {
    /// Three good files.
    pub(super) fn good() -> Self {
        Self::with(&server_params(SERVER_NAME))
    }

    pub(super) fn with(server: &CertificateParams) -> Self {
        let files = Self { dir: tempfile::tempdir().unwrap() };
        let server = SERVERS.issue(server);
        files.write("tls.crt", server.pem.as_bytes());
        files.write("tls.key", server.key.serialize_pem().as_bytes());
        files.write("ca.crt", CLIENTS.pem.as_bytes());
        files
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        fs::remove_file(self.dir.path().join(name)).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Clients must show a certificate.
    pub(super) fn paths(&self) -> TlsFiles {
        self.paths_with(ClientCa::Required(self.path("ca.crt")))
    }

    pub(super) fn paths_with(&self, client_ca: ClientCa) -> TlsFiles {
        TlsFiles { certificate: self.path("tls.crt"), private_key: self.path("tls.key"), client_ca }
    }
}

/// A TLS client, with what it saw.
#[derive(Clone)]
pub(super) struct Client {
    config: Arc<ClientConfig>,
    addr: SocketAddr,
    kinds: Arc<Mutex<Vec<HandshakeKind>>>,
}

impl Client {
    /// A client for TLS 1.3 that shows `identity`, if there is one.
    pub(super) fn new(addr: SocketAddr, identity: Option<&Issued>) -> Self {
        Self::with(addr, identity, &TLS13, &[ALPN_H2])
    }

    pub(super) fn with(
        addr: SocketAddr,
        identity: Option<&Issued>,
        version: &'static SupportedProtocolVersion,
        protocols: &[&[u8]],
    ) -> Self {
        Self::of(&SERVERS, addr, identity, version, protocols)
    }

    /// A client that believes other servers.
    pub(super) fn believing(servers: &TestCa, addr: SocketAddr, identity: Option<&Issued>) -> Self {
        Self::of(servers, addr, identity, &TLS13, &[ALPN_H2])
    }

    fn of(
        servers: &TestCa,
        addr: SocketAddr,
        identity: Option<&Issued>,
        version: &'static SupportedProtocolVersion,
        protocols: &[&[u8]],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(servers.der.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match identity {
            Some(one) => builder.with_client_auth_cert(vec![one.der.clone()], one.key_der()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self { config: Arc::new(config), addr, kinds: Arc::default() }
    }

    /// A connection without HTTP/2 yet.
    pub(super) async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.addr).await?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(SERVER_NAME.try_into().unwrap(), socket).await?;
        self.kinds.lock().unwrap().extend(stream.get_ref().1.handshake_kind());
        Ok(stream)
    }

    /// A connection on which the client has said the first words of HTTP/2.
    pub(super) async fn connect_and_greet(&self) -> io::Result<TlsStream<TcpStream>> {
        let mut stream = self.connect().await?;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
        Ok(stream)
    }

    /// A gRPC channel over one connection.
    pub(super) async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        let client = self.clone();
        channel(move || {
            let client = client.clone();
            async move { client.connect().await }
        })
        .await
    }

    /// One call over a connection of its own.
    pub(super) async fn call(&self, path: &str) -> Result<Response<Body>, tonic::transport::Error> {
        call(&mut self.channel().await?, path).await
    }

    /// How each handshake so far went.
    pub(super) fn kinds(&self) -> Vec<HandshakeKind> {
        self.kinds.lock().unwrap().clone()
    }
}

/// A gRPC channel over one connection that `connect` makes.
pub(super) async fn channel<C, F, S>(connect: C) -> Result<Channel, tonic::transport::Error>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connector = tower::service_fn(move |_| {
        let connecting = connect();
        async move { connecting.await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://rootgate.example.org").connect_with_connector(connector).await
}

/// One call with an empty message.
pub(super) async fn call(channel: &mut Channel, path: &str) -> Result<Response<Body>, tonic::transport::Error> {
    let request = Request::post(path).header("content-type", "application/grpc").body(Body::empty()).unwrap();
    std::future::poll_fn(|cx| Service::<Request<Body>>::poll_ready(channel, cx)).await?;
    channel.call(request).await
}
