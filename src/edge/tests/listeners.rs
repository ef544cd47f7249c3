//! Several listeners of all kinds, served together.

use tokio::net::{TcpStream, UnixStream};

use super::{
    super::testing::{ALICE, GATED, call, channel},
    *,
};

async fn over_unix(path: &std::path::Path) -> String {
    let path = path.to_owned();
    let channel = channel(move || UnixStream::connect(path.clone())).await;
    who_am_i(channel.unwrap()).await
}

async fn over_tcp(address: SocketAddr) -> String {
    who_am_i(channel(move || TcpStream::connect(address)).await.unwrap()).await
}

async fn who_am_i(mut channel: tonic::transport::Channel) -> String {
    let response = call(&mut channel, &format!("{GATED}/WhoAmI")).await.unwrap();
    response.headers()["x-remote"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn all_kinds_serve_the_same_routes_and_stop_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sidecar.sock");
    let tls_options = options(limits(), Arc::new(Current::new(tls())));
    let all = [tls_options, plaintext(limits()), unix(limits(), path.clone())];
    let counters: Vec<_> = all.iter().map(|options| Arc::clone(&options.counters)).collect();
    let mut listeners = Vec::new();
    for options in all {
        listeners.push(Listener::bind(options).await.unwrap());
    }
    let [tls, tcp] = [0, 1].map(|at: usize| listeners[at].local_addr().tcp().unwrap());
    assert_eq!(listeners[2].local_addr().to_string(), format!("unix:{}", path.display()));
    let (stop, stopped) = oneshot::channel();
    let routes = routes(Probe::default()).await;
    let serving = tokio::spawn(serve(listeners, routes, async { stopped.await.unwrap() }));

    let response = Client::new(tls, Some(&alice())).call(&format!("{GATED}/WhoAmI")).await.unwrap();
    assert_eq!(response.headers()["x-caller"], ALICE);
    assert!(over_tcp(tcp).await.starts_with("127.0.0.1:"));
    let remote = over_unix(&path).await;
    assert_eq!(remote, format!("unix:uid={},pid={}", own_uid(), std::process::id()));
    for counters in &counters {
        assert_eq!(counters.get(EdgeCount::Established), 1);
    }
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(!path.exists());
    for address in [tls, tcp] {
        TcpStream::connect(address).await.unwrap_err();
    }
}

#[tokio::test]
async fn without_a_listener_nothing_is_served() {
    let error = serve(Vec::new(), routes(Probe::default()).await, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, EdgeError::NoListener));
}

#[tokio::test]
async fn a_process_of_another_user_is_turned_away_before_it_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sidecar.sock");
    let mut options = unix(limits(), path.clone());
    options.address = Address::Unix { path: path.clone(), mode: 0o600, peer_uids: vec![own_uid() + 1, own_uid() + 2] };
    let edge = Edge::serve(options).await;
    for _ in 0..3 {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        assert_eq!(read_to_end(&mut stream).await, b"");
    }
    assert_eq!(edge.count(EdgeCount::RefusedUid), 3);
    assert_eq!(edge.count(EdgeCount::Established), 0);
    edge.end().await;
}

#[tokio::test]
async fn one_certificate_holds_at_most_a_quarter_of_the_connections() {
    let edge = Edge::start(EdgeLimits { connections_max: 8, ..limits() }).await;
    let path = format!("{GATED}/WhoAmI");
    let greedy = Client::new(edge.addr(), Some(&alice()));
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut channel = greedy.channel().await.unwrap();
        call(&mut channel, &path).await.unwrap();
        held.push(channel);
    }
    greedy.call(&path).await.unwrap_err();
    edge.counted(EdgeCount::RefusedPeerFull, 1).await;
    // The same identity with another certificate is another peer, and so is everybody else.
    edge.client().call(&path).await.unwrap();
    drop(held.pop());
    edge.counted(EdgeCount::Closed, 2).await;
    greedy.call(&path).await.unwrap();
    drop(held);
    edge.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_turned_away_is_summed_up_once_a_minute_and_silence_stays_silent() {
    use crate::telemetry::testing::captured;

    let counters = Arc::new(EdgeCounters::default());
    let work = async {
        let _ = timeout(Duration::from_secs(150), async {
            tokio::join!(summaries("main".into(), Arc::clone(&counters)), async {
                tokio::time::sleep(Duration::from_secs(30)).await;
                (0..1000).for_each(|_| counters.add(EdgeCount::HandshakeExpired));
                counters.add(EdgeCount::Accepted);
            })
        })
        .await;
    };
    let (log, ()) = captured(work).await;
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("listener=\"main\"") && log.contains("handshakes_failed.expired=1000"), "{log}");
}
