//! How connections end.

use tokio::net::TcpStream;

use super::{
    super::testing::{ALICE, CLIENTS, GATED, call},
    *,
};
use crate::authn::testing::{client_params, uri};

#[tokio::test]
async fn stopping_lets_a_running_request_finish_and_takes_no_new_connection() {
    let mut edge = Edge::start(limits()).await;
    let mut channel = edge.client().channel().await.unwrap();
    let running = tokio::spawn(async move { call(&mut channel, &format!("{GATED}/Wait")).await });
    edge.probe.began.notified().await;
    edge.stop();
    // The socket is closed as soon as the server knows.
    let refused = async { while TcpStream::connect(edge.addr()).await.is_ok() {} };
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
    (&mut edge.serving).await.unwrap().unwrap();
    let waited = began.elapsed();
    assert!((Duration::from_secs(20)..Duration::from_secs(20) + CUT_WAIT).contains(&waited), "{waited:?}");
    running.await.unwrap().unwrap_err();
    assert_eq!(edge.count(EdgeCount::Closed), 1);
}

#[tokio::test]
async fn dropping_the_server_cuts_at_once() {
    let edge = Edge::start(limits()).await;
    let mut channel = edge.client().channel().await.unwrap();
    let running = tokio::spawn(async move { call(&mut channel, &format!("{GATED}/Wait")).await });
    edge.probe.began.notified().await;
    edge.serving.abort();
    running.await.unwrap().unwrap_err();
    edge.counted(EdgeCount::Closed, 1).await;
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
        edge.counted(EdgeCount::Closed, 1).await;
        edge.end().await;
    }
}

/// The identity is pinned to the connection, so the connection must not outlive it.
#[tokio::test]
async fn a_connection_ends_with_the_certificate_that_it_was_opened_with() {
    let limits = EdgeLimits { connection_age_grace: Duration::from_secs(50), ..limits() };
    for finishes in [true, false] {
        let edge = Edge::start(limits).await;
        let mut params = client_params(vec![uri(ALICE)]);
        let now = SystemClock.now().unix_micros() / 1_000_000;
        params.not_after = time::OffsetDateTime::from_unix_timestamp(now + 300).unwrap();
        let mut channel = Client::new(edge.addr(), Some(&CLIENTS.issue(&params))).channel().await.unwrap();
        let path = format!("{GATED}/Wait");
        let mut running = std::pin::pin!(call(&mut channel, &path));
        tokio::select! {
            answer = &mut running => panic!("{answer:?}"),
            () = edge.probe.began.notified() => tokio::time::pause(),
        }
        if finishes {
            // Told to go away 50 s before.
            tokio::time::advance(Duration::from_secs(270)).await;
            edge.probe.go_on.notify_one();
            assert_eq!(running.await.unwrap().headers()["x-caller"], ALICE);
        } else {
            let began = tokio::time::Instant::now();
            running.await.unwrap_err();
            let waited = began.elapsed().as_secs();
            assert!((290..=301).contains(&waited), "{waited}");
        }
        tokio::time::resume();
        edge.counted(EdgeCount::Closed, 1).await;
        assert_eq!(edge.count(EdgeCount::EndedExpiring), 1);
        edge.end().await;
    }
}
