//! The bounds on what clients can use up.

use std::sync::atomic::Ordering;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    super::testing::{ALICE, GATED, call, channel},
    *,
};

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_timed_out_and_frees_its_place() {
    let limits = EdgeLimits { handshakes_max: 1, handshake_timeout: Duration::from_secs(10), ..limits() };
    let edge = Edge::start(limits).await;
    let began = tokio::time::Instant::now();
    let mut slow = TcpStream::connect(edge.addr()).await.unwrap();
    // The head of a TLS record that never comes.
    slow.write_all(&[22, 3, 1, 1, 0]).await.unwrap();
    read_to_end(&mut slow).await;
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(edge.count(EdgeCount::HandshakeTimeout), 1);
    // Real time again: the good call needs real sockets to be quicker than the clock.
    tokio::time::resume();
    let response = edge.client().call(&format!("{GATED}/WhoAmI")).await.unwrap();
    assert_eq!(response.headers()["x-caller"], ALICE);
    assert_eq!(edge.count(EdgeCount::HandshakeEvicted), 0);
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_pending_handshakes_do_not_stop_an_authenticated_call() {
    let edge = Edge::start(limits()).await;
    let mut channel = edge.client().channel().await.unwrap();
    call(&mut channel, &format!("{GATED}/WhoAmI")).await.unwrap();
    let mut pending = Vec::new();
    for _ in 0..1000 {
        let mut socket = TcpStream::connect(edge.addr()).await.unwrap();
        let _ = socket.write_all(&[22, 3, 1]).await;
        pending.push(socket);
    }
    edge.counted(EdgeCount::Accepted, 1001).await;
    // On the connection that there was before, and on a new one.
    assert_eq!(call(&mut channel, &format!("{GATED}/WhoAmI")).await.unwrap().headers()["x-caller"], ALICE);
    assert_eq!(edge.client().call(&format!("{GATED}/WhoAmI")).await.unwrap().headers()["x-caller"], ALICE);
    let evicted = edge.count(EdgeCount::HandshakeEvicted);
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
    edge.counted(EdgeCount::RefusedFull, 1).await;
    drop(first);
    edge.counted(EdgeCount::Closed, 1).await;
    let mut third = edge.client().channel().await.unwrap();
    assert_eq!(call(&mut third, &path).await.unwrap().headers()["x-caller"], ALICE);
    call(&mut second, &path).await.unwrap();
    assert_eq!(edge.count(EdgeCount::Established), 3);
    drop((second, third));
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

/// Beside keep-alive, which ends what does not answer: this client answers every ping.
#[tokio::test]
async fn a_connection_without_requests_is_told_to_go_and_one_that_is_used_is_not() {
    let limits = EdgeLimits {
        connections_max: 1,
        idle_max: Duration::from_secs(300),
        keepalive_interval: Duration::from_secs(10),
        keepalive_timeout: Duration::from_secs(10),
        ..limits()
    };
    let edge = Edge::start(limits).await;
    let idle = edge.client().channel().await.unwrap();
    let path = format!("{GATED}/Wait");
    let mut using = idle.clone();
    let mut running = std::pin::pin!(call(&mut using, &path));
    tokio::select! {
        answer = &mut running => panic!("{answer:?}"),
        () = edge.probe.began.notified() => tokio::time::pause(),
    }
    // A request that runs is no idleness, however long.
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert_eq!(edge.count(EdgeCount::EndedIdle), 0);
    edge.probe.go_on.notify_one();
    running.await.unwrap();
    let ended = tokio::time::Instant::now();
    while edge.count(EdgeCount::Closed) == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let waited = ended.elapsed().as_secs();
    assert!((300..310).contains(&waited), "{waited}");
    assert_eq!(edge.count(EdgeCount::EndedIdle), 1);
    // Its place is free again.
    tokio::time::resume();
    let mut next = edge.client().channel().await.unwrap();
    call(&mut next, &format!("{GATED}/WhoAmI")).await.unwrap();
    drop((idle, next));
    edge.end().await;
}

/// A listener on which certificates are optional: most of its places are for those without.
async fn optional(limits: EdgeLimits) -> Edge {
    let files = Files::good();
    let client_ca = ClientCa::Optional(files.path("ca.crt"));
    let config = load(&files.paths_with(client_ca), SystemClock.now()).unwrap();
    let mut options = options(limits, Arc::new(Current::new(config)));
    let Transport::Tls { client_certificate, .. } = &mut options.transport else { panic!() };
    *client_certificate = ClientCertificate::Optional;
    Edge::serve(options).await
}

#[tokio::test]
async fn silent_strangers_make_room_for_newcomers_and_never_the_proven() {
    let edge = optional(EdgeLimits { connections_max: 8, ..limits() }).await;
    let path = format!("{GATED}/WhoAmI");
    let stranger = Client::new(edge.addr(), None);
    let mut proven = edge.client().channel().await.unwrap();
    call(&mut proven, &path).await.unwrap();
    let mut silent = Vec::new();
    for number in 1..=6 {
        silent.push(stranger.connect_and_greet().await.unwrap());
        edge.counted(EdgeCount::Established, 1 + number).await;
    }
    // Their share is full: the seventh takes the place of the first, and is heard.
    let mut newcomer = stranger.channel().await.unwrap();
    assert!(call(&mut newcomer, &path).await.unwrap().headers().contains_key("x-failure"));
    edge.counted(EdgeCount::EndedDisplaced, 1).await;
    read_to_end(&mut silent[0]).await;
    // All places are taken by now: one with a certificate displaces one without.
    let mut others = [edge.client().channel().await.unwrap(), edge.client().channel().await.unwrap()];
    for other in &mut others {
        assert_eq!(call(other, &path).await.unwrap().headers()["x-caller"], ALICE);
    }
    edge.counted(EdgeCount::EndedDisplaced, 2).await;
    read_to_end(&mut silent[1]).await;
    assert_eq!(call(&mut proven, &path).await.unwrap().headers()["x-caller"], ALICE);
    assert_eq!(edge.count(EdgeCount::RefusedFull) + edge.count(EdgeCount::RefusedPeerFull), 0);
    drop((proven, newcomer, others, silent));
    edge.end().await;
}

#[tokio::test]
async fn a_place_is_not_held_by_calls_that_prove_nothing() {
    let edge = Edge::serve(plaintext(EdgeLimits { connections_max: 1, ..limits() })).await;
    let addr = edge.addr();
    let mut stranger = channel(move || TcpStream::connect(addr)).await.unwrap();
    let path = format!("{GATED}/WhoAmI");
    call(&mut stranger, &path).await.unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    while edge.count(EdgeCount::Closed) == 0 {
        // Calls without end, also on the connections that follow.
        let _ = call(&mut stranger, &path).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let waited = began.elapsed().as_secs();
    assert!((9..=20).contains(&waited), "{waited}");
    assert_eq!((edge.count(EdgeCount::EndedUnproven), edge.count(EdgeCount::EndedIdle)), (1, 0));
    tokio::time::resume();
    drop(stranger);
    edge.end().await;
}
