//! The whole edge over real sockets.

mod bounds;
mod endings;
mod handshakes;
mod hostile;
mod listeners;
mod raw;

use std::{net::SocketAddr, path::PathBuf};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::oneshot,
    task::JoinHandle,
};

use super::{
    testing::{Client, Files, Probe, alice, limits, routes},
    *,
};
use crate::{
    authn::testing::mtls_only,
    clock::{Clock, SystemClock},
    types::Current,
};

/// A server that runs until it is told to stop.
struct Edge {
    local: LocalAddress,
    tls: Arc<Current<ServerConfig>>,
    counters: Arc<EdgeCounters>,
    probe: Probe<true>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), EdgeError>>,
}

/// A TLS configuration as it is by default.
fn tls() -> Arc<ServerConfig> {
    load(&Files::good().paths(), SystemClock.now()).unwrap()
}

/// A listener on a free port, over TLS and with client certificates.
fn options(limits: EdgeLimits, config: Arc<Current<ServerConfig>>) -> ListenerOptions {
    ListenerOptions {
        name: "main".to_owned(),
        address: Address::Tcp("127.0.0.1:0".parse().unwrap()),
        transport: Transport::Tls { config, client_certificate: ClientCertificate::Required },
        limits,
        authenticator: Arc::new(mtls_only(Arc::new(SystemClock))),
        clock: Arc::new(SystemClock),
        counters: Arc::default(),
    }
}

fn plaintext(limits: EdgeLimits) -> ListenerOptions {
    ListenerOptions { transport: Transport::Plaintext, ..options(limits, Arc::new(Current::new(tls()))) }
}

fn unix(limits: EdgeLimits, path: PathBuf) -> ListenerOptions {
    let peer_uids = vec![own_uid()];
    ListenerOptions { address: Address::Unix { path, mode: 0o600, peer_uids }, ..plaintext(limits) }
}

fn own_uid() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid()
}

impl Edge {
    async fn start(limits: EdgeLimits) -> Self {
        Self::start_with(limits, tls()).await
    }

    async fn start_with(limits: EdgeLimits, config: Arc<ServerConfig>) -> Self {
        let tls = Arc::new(Current::new(config));
        Self { tls: Arc::clone(&tls), ..Self::serve(options(limits, tls)).await }
    }

    async fn serve(options: ListenerOptions) -> Self {
        let counters = Arc::clone(&options.counters);
        let listener = Listener::bind(options).await.unwrap();
        let local = listener.local_addr().clone();
        let probe = Probe::default();
        let routes = routes(probe.clone()).await;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(super::serve(vec![listener], routes, async { stopped.await.unwrap() }));
        Self { local, tls: Arc::new(Current::new(tls())), counters, probe, stop: Some(stop), serving }
    }

    fn addr(&self) -> SocketAddr {
        self.local.tcp().unwrap()
    }

    fn client(&self) -> Client {
        Client::new(self.addr(), Some(&alice()))
    }

    fn count(&self, count: EdgeCount) -> u64 {
        self.counters.get(count)
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Tells it to stop and waits until it has.
    async fn end(mut self) {
        self.stop();
        self.serving.await.unwrap().unwrap();
    }

    /// Waits until it has counted so many.
    async fn counted(&self, count: EdgeCount, wanted: u64) {
        let reached = async {
            while self.count(count) < wanted {
                tokio::task::yield_now().await;
            }
        };
        let _ = timeout(Duration::from_secs(30), reached).await;
        assert_eq!(self.count(count), wanted, "{count:?} of {:?}", self.counters);
    }
}

/// Reads until the server closes; what it said.
async fn read_to_end(socket: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is as good as an orderly end.
    let _ = socket.read_to_end(&mut bytes).await;
    bytes
}
