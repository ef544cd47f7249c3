//! The whole edge over real sockets.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::{
    HandshakeKind, ServerConfig,
    server::ServerSessionMemoryCache,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    testing::{ALICE, CLIENTS, Client, Files, GATED, OPEN, Probe, alice, call, routes},
    *,
};
use crate::{
    authn::testing::{TestCa, client_params, dns, rules, uri},
    clock::{Clock as _, SystemClock},
};

/// A server that runs until it is told to stop.
struct Edge {
    addr: SocketAddr,
    tls: Arc<TlsConfigHandle>,
    counters: Arc<EdgeCounters>,
    probe: Probe<true>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), EdgeError>>,
}

fn limits() -> EdgeLimits {
    EdgeLimits {
        connections_max: 64,
        handshakes_max: 64,
        streams_per_connection_max: 8,
        header_bytes_max: 8 * 1024,
        connection_age_max: Duration::from_secs(3600),
        connection_age_grace: Duration::from_secs(60),
        keepalive_interval: Duration::from_secs(3600),
        keepalive_timeout: Duration::from_secs(3600),
        handshake_timeout: Duration::from_secs(3600),
        shutdown_grace: Duration::from_secs(3600),
    }
}

impl Edge {
    async fn start(limits: EdgeLimits) -> Self {
        Self::start_with(limits, load(&Files::good().paths(), SystemClock.now()).unwrap()).await
    }

    async fn start_with(limits: EdgeLimits, config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let tls = Arc::new(TlsConfigHandle::new(config));
        let counters = Arc::new(EdgeCounters::default());
        let probe = Probe::default();
        let options = EdgeOptions {
            tls: Arc::clone(&tls),
            limits,
            authenticator: Arc::new(Authenticator::new(rules(), Arc::new(SystemClock))),
            counters: Arc::clone(&counters),
        };
        let (stop, stopped) = oneshot::channel();
        let routes = routes(probe.clone()).await;
        let serving = tokio::spawn(serve(listener, routes, options, async { stopped.await.unwrap() }));
        Self { addr, tls, counters, probe, stop: Some(stop), serving }
    }

    fn client(&self) -> Client {
        Client::new(self.addr, Some(&alice()))
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Tells it to stop and waits until it has.
    async fn end(mut self) {
        self.stop();
        self.serving.await.unwrap().unwrap();
    }
}

/// Waits until the server has counted so many.
async fn counted(counter: &AtomicU64, wanted: u64) {
    let reached = async {
        while counter.load(Ordering::Relaxed) < wanted {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), reached).await.unwrap();
    assert_eq!(counter.load(Ordering::Relaxed), wanted);
}

/// Reads until the server closes; what it said.
async fn read_to_end(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is as good as an orderly end.
    let _ = socket.read_to_end(&mut bytes).await;
    bytes
}

#[tokio::test]
async fn a_good_certificate_reaches_the_handler_as_its_caller() {
    let edge = Edge::start(limits()).await;
    for path in [GATED, OPEN] {
        let response = edge.client().call(&format!("{path}/WhoAmI")).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "0");
        assert_eq!(response.headers()["x-caller"], ALICE);
        assert_eq!(response.headers()["x-certificates"], "1");
        assert_eq!(response.headers()["x-request-id"], response.headers()["x-seen-id"]);
    }
    edge.end().await;
}

#[tokio::test]
async fn standard_services_work_behind_it() {
    let edge = Edge::start(limits()).await;
    let mut health = HealthClient::new(edge.client().channel().await.unwrap());
    let reply = health.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    assert_eq!(reply.into_inner().status, 1);
    drop(health);
    edge.end().await;
}

#[tokio::test]
async fn an_identity_that_the_rules_do_not_know_passes_the_handshake_only() {
    let edge = Edge::start(limits()).await;
    let stranger = CLIENTS.issue(&client_params(vec![uri("spiffe://example.org.evil/ns/prod/sa/alice")]));
    let client = Client::new(edge.addr, Some(&stranger));
    let response = client.call(&format!("{GATED}/WhoAmI")).await.unwrap();
    assert_eq!(response.headers()["x-failure"], "mtls: trust domain example.org.evil is not accepted");
    let response = client.call(&format!("{OPEN}/WhoAmI")).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "16");
    assert!(response.headers().get("x-failure").is_none(), "the handler ran");
    let mut health = HealthClient::new(client.channel().await.unwrap());
    let refused = health.check(HealthCheckRequest { service: String::new() }).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    assert!(!refused.message().contains("evil"));
    drop(health);
    edge.end().await;
}

#[tokio::test]
async fn bad_client_certificates_end_in_the_handshake() {
    let edge = Edge::start(limits()).await;
    let with = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let mut params = client_params(vec![uri(ALICE)]);
        change(&mut params);
        CLIENTS.issue(&params)
    };
    let foreign = TestCa::new("clients").issue(&client_params(vec![uri(ALICE)]));
    let expired = with(&|params| params.not_after = date_time_ymd(2020, 1, 1));
    let future = with(&|params| params.not_before = date_time_ymd(3000, 1, 1));
    let server_only = with(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let cases = [None, Some(&foreign), Some(&expired), Some(&future), Some(&server_only)];
    for (number, identity) in (1..).zip(cases) {
        for version in [&TLS13, &TLS12] {
            let client = Client::with(edge.addr, identity, version, &[b"h2"]);
            client.call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
        }
        counted(&edge.counters.handshakes_failed, 2 * number).await;
    }
    assert_eq!(edge.counters.connections_established.load(Ordering::Relaxed), 0);
    edge.end().await;
}

#[tokio::test]
async fn a_self_signed_copy_of_a_client_and_a_ca_as_client_are_refused() {
    let edge = Edge::start(limits()).await;
    let mut params = client_params(vec![uri(ALICE)]);
    let copy = TestCa::with(params.clone());
    let child = copy.issue(&client_params(vec![uri(ALICE)]));
    Client::new(edge.addr, Some(&child)).call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let intermediate = CLIENTS.issue(&params);
    // WebPKI itself refuses a CA as end entity; authn would too.
    Client::new(edge.addr, Some(&intermediate)).call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
    counted(&edge.counters.handshakes_failed, 2).await;
    edge.end().await;
}

#[tokio::test]
async fn plaintext_http2_is_refused() {
    let edge = Edge::start(limits()).await;
    let mut socket = TcpStream::connect(edge.addr).await.unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let said = read_to_end(&mut socket).await;
    // At most a TLS alert (content type 21): no HTTP/2 frame.
    assert!(said.is_empty() || said[0] == 21, "{said:?}");
    counted(&edge.counters.handshakes_failed, 1).await;
    assert_eq!(edge.counters.connections_established.load(Ordering::Relaxed), 0);
    edge.end().await;
}

#[tokio::test]
async fn another_protocol_or_none_is_refused() {
    let edge = Edge::start(limits()).await;
    let cases: [&[&[u8]]; 3] = [&[b"http/1.1"], &[b"h3", b"http/1.1"], &[]];
    for (number, protocols) in (1..).zip(cases) {
        let client = Client::with(edge.addr, Some(&alice()), &TLS13, protocols);
        client.call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
        counted(&edge.counters.handshakes_failed, number).await;
    }
    let both = Client::with(edge.addr, Some(&alice()), &TLS13, &[b"http/1.1", b"h2"]);
    assert_eq!(both.call(&format!("{GATED}/WhoAmI")).await.unwrap().headers()["x-caller"], ALICE);
    edge.end().await;
}

#[tokio::test]
async fn both_tls_versions_work_and_nothing_is_resumed() {
    let edge = Edge::start(limits()).await;
    for version in [&TLS12, &TLS13] {
        let client = Client::with(edge.addr, Some(&alice()), version, &[b"h2"]);
        for _ in 0..3 {
            let response = client.call(&format!("{GATED}/WhoAmI")).await.unwrap();
            assert_eq!(response.headers()["x-caller"], ALICE);
        }
        assert_eq!(client.kinds(), [HandshakeKind::Full; 3], "{version:?}");
    }
    edge.end().await;
}

/// Proves that the test above can fail: the same client resumes as soon as the server lets it.
#[tokio::test]
async fn the_same_client_would_resume() {
    let good = load(&Files::good().paths(), SystemClock.now()).unwrap();
    let mut config = ServerConfig::clone(&good);
    config.session_storage = ServerSessionMemoryCache::new(16);
    config.send_tls13_tickets = 2;
    let edge = Edge::start_with(limits(), Arc::new(config)).await;
    for version in [&TLS12, &TLS13] {
        let client = Client::with(edge.addr, Some(&alice()), version, &[b"h2"]);
        for _ in 0..2 {
            client.call(&format!("{GATED}/WhoAmI")).await.unwrap();
        }
        assert_eq!(client.kinds(), [HandshakeKind::Full, HandshakeKind::Resumed], "{version:?}");
    }
    edge.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_timed_out_and_frees_its_place() {
    let limits = EdgeLimits { handshakes_max: 1, handshake_timeout: Duration::from_secs(10), ..limits() };
    let edge = Edge::start(limits).await;
    let began = tokio::time::Instant::now();
    let mut slow = TcpStream::connect(edge.addr).await.unwrap();
    // The head of a TLS record that never comes.
    slow.write_all(&[22, 3, 1, 1, 0]).await.unwrap();
    read_to_end(&mut slow).await;
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(edge.counters.handshakes_timed_out.load(Ordering::Relaxed), 1);
    // Real time again: the good call needs real sockets to be quicker than the clock.
    tokio::time::resume();
    let response = edge.client().call(&format!("{GATED}/WhoAmI")).await.unwrap();
    assert_eq!(response.headers()["x-caller"], ALICE);
    assert_eq!(edge.counters.handshakes_evicted.load(Ordering::Relaxed), 0);
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_pending_handshakes_do_not_stop_an_authenticated_call() {
    let edge = Edge::start(limits()).await;
    let mut channel = edge.client().channel().await.unwrap();
    let mut pending = Vec::new();
    for _ in 0..1000 {
        let mut socket = TcpStream::connect(edge.addr).await.unwrap();
        let _ = socket.write_all(&[22, 3, 1]).await;
        pending.push(socket);
    }
    counted(&edge.counters.accepted, 1001).await;
    // On the connection that there was before, and on a new one.
    assert_eq!(call(&mut channel, &format!("{GATED}/WhoAmI")).await.unwrap().headers()["x-caller"], ALICE);
    assert_eq!(edge.client().call(&format!("{GATED}/WhoAmI")).await.unwrap().headers()["x-caller"], ALICE);
    let evicted = edge.counters.handshakes_evicted.load(Ordering::Relaxed);
    assert!((1000 - 64..=1001 - 64).contains(&evicted), "{evicted}");
    drop((channel, pending));
    edge.end().await;
}

#[tokio::test]
async fn connections_beyond_the_bound_are_refused_until_one_ends() {
    let edge = Edge::start(EdgeLimits { connections_max: 2, ..limits() }).await;
    let path = format!("{GATED}/WhoAmI");
    let mut first = edge.client().channel().await.unwrap();
    let mut second = edge.client().channel().await.unwrap();
    call(&mut first, &path).await.unwrap();
    call(&mut second, &path).await.unwrap();
    edge.client().call(&path).await.unwrap_err();
    counted(&edge.counters.connections_refused, 1).await;
    drop(first);
    counted(&edge.counters.connections_closed, 1).await;
    let mut third = edge.client().channel().await.unwrap();
    assert_eq!(call(&mut third, &path).await.unwrap().headers()["x-caller"], ALICE);
    call(&mut second, &path).await.unwrap();
    assert_eq!(edge.counters.connections_established.load(Ordering::Relaxed), 3);
    drop((second, third));
    edge.end().await;
}

#[tokio::test]
async fn a_replaced_configuration_is_used_by_the_next_handshake() {
    let edge = Edge::start(limits()).await;
    let path = format!("{GATED}/WhoAmI");
    let mut old = edge.client().channel().await.unwrap();
    call(&mut old, &path).await.unwrap();
    let other = TestCa::new("other clients");
    let files = Files::good();
    files.write("ca.crt", other.pem.as_bytes());
    edge.tls.replace(load(&files.paths(), SystemClock.now()).unwrap());
    edge.client().call(&path).await.unwrap_err();
    let newcomer = other.issue(&client_params(vec![dns("ops.example.org")]));
    let response = Client::new(edge.addr, Some(&newcomer)).call(&path).await.unwrap();
    assert_eq!(response.headers()["x-caller"], "dns:ops.example.org");
    assert_eq!(call(&mut old, &path).await.unwrap().headers()["x-caller"], ALICE);
    drop(old);
    edge.end().await;
}

#[tokio::test]
async fn headers_beyond_the_bound_never_reach_the_handler() {
    let edge = Edge::start(limits()).await;
    let mut channel = edge.client().channel().await.unwrap();
    call(&mut channel, &format!("{GATED}/WhoAmI")).await.unwrap();
    let request = http::Request::post(format!("{GATED}/WhoAmI"))
        .header("x-large", "x".repeat(9 * 1024))
        .body(tonic::body::Body::empty())
        .unwrap();
    let answer = tower::ServiceExt::oneshot(channel, request).await;
    let reached = answer.is_ok_and(|response| response.headers().contains_key("x-caller"));
    assert!(!reached);
    edge.end().await;
}

#[tokio::test]
async fn streams_beyond_the_bound_of_a_connection_wait() {
    let edge = Edge::start(EdgeLimits { streams_per_connection_max: 1, ..limits() }).await;
    let mut channel = edge.client().channel().await.unwrap();
    // One call first, so that the client has seen the server's settings.
    call(&mut channel, &format!("{GATED}/WhoAmI")).await.unwrap();
    let calls: Vec<_> = (0..3).map(|_| channel.clone()).collect();
    let calls = calls.into_iter().map(|mut channel| async move { call(&mut channel, &format!("{GATED}/Wait")).await });
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    for call in calls {
        edge.probe.began.notified().await;
        // Time for the others to begin as well, if the server let them.
        edge.client().call(&format!("{GATED}/WhoAmI")).await.unwrap();
        edge.probe.go_on.notify_one();
        assert_eq!(call.await.unwrap().unwrap().headers()["x-caller"], ALICE);
    }
    assert_eq!(edge.probe.waiting_peak.load(Ordering::SeqCst), 1);
    drop(channel);
    edge.end().await;
}

#[tokio::test]
async fn stopping_lets_a_running_request_finish_and_takes_no_new_connection() {
    let mut edge = Edge::start(limits()).await;
    let mut channel = edge.client().channel().await.unwrap();
    let running = tokio::spawn(async move { call(&mut channel, &format!("{GATED}/Wait")).await });
    edge.probe.began.notified().await;
    edge.stop();
    // The socket is closed as soon as the server knows.
    let refused = async { while TcpStream::connect(edge.addr).await.is_ok() {} };
    timeout(Duration::from_secs(30), refused).await.unwrap();
    assert!(!edge.serving.is_finished());
    edge.probe.go_on.notify_one();
    assert_eq!(running.await.unwrap().unwrap().headers()["x-caller"], ALICE);
    edge.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_cuts_what_outlives_the_grace() {
    let mut edge = Edge::start(EdgeLimits { shutdown_grace: Duration::from_secs(20), ..limits() }).await;
    let mut channel = edge.client().channel().await.unwrap();
    let running = tokio::spawn(async move { call(&mut channel, &format!("{GATED}/Wait")).await });
    edge.probe.began.notified().await;
    // From here on the clock jumps to the end of the grace.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    edge.stop();
    edge.serving.await.unwrap().unwrap();
    let waited = began.elapsed();
    assert!((Duration::from_secs(20)..Duration::from_secs(20) + CUT_WAIT).contains(&waited), "{waited:?}");
    running.await.unwrap().unwrap_err();
    assert_eq!(edge.counters.connections_closed.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn dropping_the_server_cuts_at_once() {
    let edge = Edge::start(limits()).await;
    let mut channel = edge.client().channel().await.unwrap();
    let running = tokio::spawn(async move { call(&mut channel, &format!("{GATED}/Wait")).await });
    edge.probe.began.notified().await;
    edge.serving.abort();
    running.await.unwrap().unwrap_err();
    counted(&edge.counters.connections_closed, 1).await;
}

#[tokio::test]
async fn a_connection_at_its_age_finishes_what_runs_and_is_cut_after_the_grace() {
    let limits = EdgeLimits {
        connection_age_max: Duration::from_secs(100),
        connection_age_grace: Duration::from_secs(50),
        ..limits()
    };
    let path = format!("{GATED}/Wait");
    for finishes in [true, false] {
        let edge = Edge::start(limits).await;
        let mut channel = edge.client().channel().await.unwrap();
        let mut running = std::pin::pin!(call(&mut channel, &path));
        tokio::select! {
            answer = &mut running => panic!("{answer:?}"),
            () = edge.probe.began.notified() => tokio::time::pause(),
        }
        if finishes {
            tokio::time::advance(Duration::from_secs(120)).await;
            edge.probe.go_on.notify_one();
            assert_eq!(running.await.unwrap().headers()["x-caller"], ALICE);
        } else {
            let began = tokio::time::Instant::now();
            running.await.unwrap_err();
            let waited = began.elapsed().as_secs();
            assert!((145..=150).contains(&waited), "{waited}");
        }
        // The client keeps its end open: it is the server that closes, and in the first case before the cut.
        tokio::time::resume();
        counted(&edge.counters.connections_closed, 1).await;
        edge.end().await;
    }
}
