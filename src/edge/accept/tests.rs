//! The acceptor beside its sockets: errors of the listener, and the strict bound on handshakes.

use std::{net::SocketAddr, sync::Mutex};

use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tonic::transport::server::Connected as _;

use super::*;
use crate::{
    authn::testing::mtls_only,
    clock::SystemClock,
    edge::{
        Address, ClientCertificate, ListenerOptions,
        listener::Wire,
        load,
        testing::{self, Client, Files, alice},
    },
    types::Current,
};

fn limits() -> EdgeLimits {
    EdgeLimits { connections_max: 4, handshakes_max: 3, ..testing::limits() }
}

async fn listener(limits: EdgeLimits) -> Listener {
    let config = Arc::new(Current::new(load(&Files::good().paths(), SystemClock.now()).unwrap()));
    let options = ListenerOptions {
        name: "main".to_owned(),
        address: Address::Tcp("127.0.0.1:0".parse().unwrap()),
        transport: Transport::Tls { config, client_certificate: ClientCertificate::Required },
        limits,
        authenticator: Arc::new(mtls_only(Arc::new(SystemClock))),
        clock: Arc::new(SystemClock),
        counters: Arc::default(),
    };
    Listener::bind(options).await.unwrap()
}

/// An acceptor whose established connections come out here.
fn acceptor(listener: &Listener) -> (Acceptor, mpsc::Receiver<Ready>) {
    let (sender, receiver) = mpsc::channel(1);
    (Acceptor::new(listener, sender, CancellationToken::new(), CancellationToken::new()), receiver)
}

/// Answers each attempt to accept as the script says, and notes when there was one; after the script it waits for ever.
struct Script<F> {
    answer: F,
    attempts: Mutex<Vec<Duration>>,
    began: Instant,
}

impl<F: Fn(usize) -> Option<io::Result<Arrival>>> Script<F> {
    fn new(answer: F) -> Self {
        Self { answer, attempts: Mutex::default(), began: Instant::now() }
    }

    fn attempts(&self) -> Vec<u128> {
        self.attempts.lock().unwrap().iter().map(Duration::as_millis).collect()
    }
}

impl<F: Fn(usize) -> Option<io::Result<Arrival>> + Sync> Source for Script<F> {
    async fn accept(&self) -> io::Result<Arrival> {
        let number = {
            let mut attempts = self.attempts.lock().unwrap();
            attempts.push(self.began.elapsed());
            attempts.len()
        };
        match (self.answer)(number) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    fn admits(&self, _remote: Remote) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_listener_are_endured_with_growing_pauses() {
    const EMFILE: i32 = 24;
    let listener = listener(limits()).await;
    let script = Script::new(|number| (number <= 10).then(|| Err(io::Error::from_raw_os_error(EMFILE))));
    timeout(Duration::from_secs(60), acceptor(&listener).0.run(&script)).await.unwrap_err();
    assert_eq!(script.attempts(), [0, 5, 15, 35, 75, 155, 315, 635, 1275, 2275, 3275]);
    assert_eq!(listener.counters.get(EdgeCount::AcceptError), 10);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_gone_before_it_was_taken_costs_no_pause() {
    let listener = listener(limits()).await;
    let script = Script::new(|number| (number <= 1000).then(|| Err(io::ErrorKind::ConnectionAborted.into())));
    timeout(Duration::from_secs(1), acceptor(&listener).0.run(&script)).await.unwrap_err();
    assert_eq!(script.attempts(), [0; 1001]);
    assert_eq!(listener.counters.get(EdgeCount::AcceptError), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_success_resets_the_pause() {
    let source = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = TcpStream::connect(source.local_addr().unwrap()).await.unwrap();
    let (stream, from) = source.accept().await.unwrap();
    let good = Mutex::new(Some(Arrival { wire: Wire::Tcp(stream), remote: Remote::Tcp(from) }));
    let script = Script::new(|number| match number {
        3 => good.lock().unwrap().take().map(Ok),
        1..=4 => Some(Err(io::Error::other("out of memory"))),
        _ => None,
    });
    let listener = listener(limits()).await;
    timeout(Duration::from_secs(1), acceptor(&listener).0.run(&script)).await.unwrap_err();
    assert_eq!(script.attempts(), [0, 5, 15, 15, 20]);
}

#[tokio::test]
async fn the_bound_on_handshakes_is_strict_and_the_oldest_goes_first() {
    let listener = listener(limits()).await;
    let addr = listener.local_addr().tcp().unwrap();
    let (mut acceptor, _established) = acceptor(&listener);
    let mut clients: Vec<SocketAddr> = Vec::new();
    let mut open = Vec::new();
    for number in 1..=8 {
        let client = TcpStream::connect(addr).await.unwrap();
        clients.push(client.local_addr().unwrap());
        open.push(client);
        acceptor.begin(listener.socket.accept().await.unwrap()).await;
        assert_eq!(acceptor.handshakes.len(), usize::min(number, 3));
        assert_eq!(acceptor.order.back().unwrap().0, Remote::Tcp(*clients.last().unwrap()));
    }
    assert_eq!(listener.counters.get(EdgeCount::HandshakeEvicted), 5);
    let pending: Vec<Remote> = acceptor.order.iter().map(|(remote, _)| *remote).collect();
    let newest: Vec<Remote> = clients[5..].iter().copied().map(Remote::Tcp).collect();
    assert_eq!(pending, newest);
}

#[tokio::test]
async fn a_connection_carries_the_facts_and_frees_its_place_when_dropped() {
    let listener = listener(EdgeLimits { connections_max: 1, ..limits() }).await;
    let addr = listener.local_addr().tcp().unwrap();
    let (acceptor, mut established) = acceptor(&listener);
    let alice = alice();
    let accepting = acceptor.run(&listener.socket);
    let work = async {
        for number in 1..=3 {
            let client = Client::new(addr, Some(&alice));
            let dialing = async { client.connect_and_greet().await.unwrap() };
            let (stream, ready) = tokio::join!(dialing, established.recv());
            let (connection, lifetime) = ready.unwrap();
            let facts = connection.connect_info();
            assert_eq!(facts.peer.remote, Remote::Tcp(stream.get_ref().0.local_addr().unwrap()));
            assert_eq!(facts.peer.certificates.as_ref(), std::slice::from_ref(&alice.der));
            assert_eq!(format!("{connection:?}").matches("certificates: 1").count(), 1);
            assert!(!lifetime.gone.is_cancelled());
            drop(connection);
            assert!(lifetime.gone.is_cancelled());
            assert_eq!(listener.counters.get(EdgeCount::Established), number);
            assert_eq!(listener.counters.get(EdgeCount::Closed), number);
        }
    };
    tokio::select! {
        never = accepting => match never {},
        () = work => {}
    }
    assert_eq!(listener.counters.get(EdgeCount::RefusedFull), 0);
}

#[tokio::test]
async fn a_refusal_says_in_the_log_who_where_and_why_and_a_flood_is_not_logged_line_by_line() {
    let listener = listener(limits()).await;
    let (acceptor, _established) = acceptor(&listener);
    let remote = Remote::Tcp("192.0.2.7:4711".parse().unwrap());
    let refusing = async {
        for _ in 0..1000 {
            acceptor.shared.refuse(remote, EdgeCount::HandshakeExpired, &"certificate expired");
        }
    };
    let (log, ()) = crate::telemetry::testing::captured(refusing).await;
    let first = log.lines().next().unwrap();
    for part in ["listener=\"main\"", "peer=192.0.2.7:4711", "kind=\"expired\"", "why=certificate expired"] {
        assert!(first.contains(part), "{part} is not in {first}");
    }
    assert!(log.lines().count() <= 20, "{}", log.lines().count());
    assert_eq!(listener.counters.get(EdgeCount::HandshakeExpired), 1000);
}
