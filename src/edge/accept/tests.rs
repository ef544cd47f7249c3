//! The acceptor beside its sockets: errors of the listener, and the strict bound on handshakes.

use std::sync::atomic::Ordering;

use super::*;
use crate::edge::{
    load,
    testing::{Client, Files, alice},
    tls::TlsConfigHandle,
};

fn limits() -> EdgeLimits {
    EdgeLimits {
        connections_max: 4,
        handshakes_max: 3,
        streams_per_connection_max: 8,
        header_bytes_max: 8192,
        connection_age_max: Duration::from_secs(3600),
        connection_age_grace: Duration::from_secs(60),
        keepalive_interval: Duration::from_secs(60),
        keepalive_timeout: Duration::from_secs(60),
        handshake_timeout: Duration::from_secs(10),
        shutdown_grace: Duration::from_secs(10),
    }
}

fn accept(limits: EdgeLimits) -> Accept {
    let now = crate::clock::Clock::now(&crate::clock::SystemClock);
    let tls = Arc::new(TlsConfigHandle::new(load(&Files::good().paths(), now).unwrap()));
    Accept { tls, limits, counters: Arc::default(), cut: CancellationToken::new() }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_listener_are_endured_with_growing_pauses() {
    const EMFILE: i32 = 24;
    let accept = accept(limits());
    let counters = Arc::clone(&accept.counters);
    let (sender, _receiver) = mpsc::channel(1);
    let began = Instant::now();
    let mut attempts = Vec::new();
    let run = Acceptor::new(accept, sender).run(async || {
        attempts.push(began.elapsed().as_millis());
        if attempts.len() <= 10 { Err(io::Error::from_raw_os_error(EMFILE)) } else { std::future::pending().await }
    });
    timeout(Duration::from_secs(60), run).await.unwrap_err();
    assert_eq!(attempts, [0, 5, 15, 35, 75, 155, 315, 635, 1275, 2275, 3275]);
    assert_eq!(counters.accept_errors.load(Ordering::Relaxed), 10);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_gone_before_it_was_taken_costs_no_pause() {
    let accept = accept(limits());
    let counters = Arc::clone(&accept.counters);
    let (sender, _receiver) = mpsc::channel(1);
    let began = Instant::now();
    let mut attempts = 0;
    let run = Acceptor::new(accept, sender).run(async || {
        attempts += 1;
        match attempts {
            1..=1000 => Err(io::ErrorKind::ConnectionAborted.into()),
            _ => {
                assert_eq!(began.elapsed(), Duration::ZERO);
                std::future::pending().await
            }
        }
    });
    timeout(Duration::from_secs(1), run).await.unwrap_err();
    assert_eq!(counters.accept_errors.load(Ordering::Relaxed), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_success_resets_the_pause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, _receiver) = mpsc::channel(1);
    let mut acceptor = Acceptor::new(accept(limits()), sender);
    let error = io::Error::other("out of memory");
    acceptor.endure(&error).await;
    acceptor.endure(&error).await;
    assert_eq!(acceptor.backoff, BACKOFF_MIN * 4);
    let _client = TcpStream::connect(addr).await.unwrap();
    let mut once = Some(listener.accept().await.unwrap());
    let mut backoffs = Vec::new();
    let began = Instant::now();
    let run = acceptor.run(async || {
        backoffs.push(began.elapsed());
        match once.take() {
            Some(accepted) => Ok(accepted),
            None if backoffs.len() == 2 => Err(io::Error::other("out of memory")),
            None => std::future::pending().await,
        }
    });
    timeout(Duration::from_secs(1), run).await.unwrap_err();
    assert_eq!(backoffs, [Duration::ZERO, Duration::ZERO, BACKOFF_MIN]);
}

#[tokio::test]
async fn the_bound_on_handshakes_is_strict_and_the_oldest_goes_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let accept = accept(limits());
    let counters = Arc::clone(&accept.counters);
    let (sender, _receiver) = mpsc::channel(1);
    let mut acceptor = Acceptor::new(accept, sender);
    let mut clients = Vec::new();
    for number in 1..=8 {
        clients.push(TcpStream::connect(addr).await.unwrap());
        let (socket, from) = listener.accept().await.unwrap();
        acceptor.begin(socket, from).await;
        assert_eq!(acceptor.handshakes.len(), usize::min(number, 3));
        assert_eq!(acceptor.order.back().unwrap().0, clients.last().unwrap().local_addr().unwrap());
    }
    assert_eq!(counters.handshakes_evicted.load(Ordering::Relaxed), 5);
    let pending: Vec<SocketAddr> = acceptor.order.iter().map(|(from, _)| *from).collect();
    let newest: Vec<SocketAddr> = clients[5..].iter().map(|client| client.local_addr().unwrap()).collect();
    assert_eq!(pending, newest);
}

#[tokio::test]
async fn a_connection_carries_the_facts_and_frees_its_slot_when_dropped() {
    use futures_util::StreamExt as _;
    use tonic::transport::server::Connected as _;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let accept = accept(EdgeLimits { connections_max: 1, ..limits() });
    let counters = Arc::clone(&accept.counters);
    let mut incoming = connections(listener, accept);
    let alice = alice();
    for number in 1..=3 {
        let client = Client::new(addr, Some(&alice));
        let (stream, connection) = tokio::join!(client.connect(), incoming.next());
        let Ok(connection) = connection.unwrap();
        let facts = connection.connect_info();
        assert_eq!(facts.remote_addr, stream.unwrap().get_ref().0.local_addr().unwrap());
        assert_eq!(facts.certificates.as_ref(), std::slice::from_ref(&alice.der));
        assert_eq!(format!("{connection:?}").matches("certificates: 1").count(), 1);
        drop(connection);
        assert_eq!(counters.connections_established.load(Ordering::Relaxed), number);
        assert_eq!(counters.connections_closed.load(Ordering::Relaxed), number);
    }
    assert_eq!(counters.connections_refused.load(Ordering::Relaxed), 0);
}
