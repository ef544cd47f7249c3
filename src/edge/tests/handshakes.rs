//! Who passes the handshake over TLS, and what reaches the handler.

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::{
    HandshakeKind,
    server::ServerSessionMemoryCache,
    version::{TLS12, TLS13},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    super::testing::{ALICE, CLIENTS, GATED, OPEN, call},
    *,
};
use crate::authn::testing::{TestCa, client_params, dns, uri};

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
    let client = Client::new(edge.addr(), Some(&stranger));
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
    let foreign = TestCa::new("foreign").issue(&client_params(vec![uri(ALICE)]));
    let namesake = TestCa::new("clients").issue(&client_params(vec![uri(ALICE)]));
    let expired = with(&|params| params.not_after = date_time_ymd(2020, 1, 1));
    let future = with(&|params| params.not_before = date_time_ymd(3000, 1, 1));
    let server_only = with(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let cases = [
        (None, EdgeCount::HandshakeNoCertificate),
        (Some(&foreign), EdgeCount::HandshakeUnknownCa),
        (Some(&namesake), EdgeCount::HandshakeBadCertificate),
        (Some(&expired), EdgeCount::HandshakeExpired),
        (Some(&future), EdgeCount::HandshakeBadCertificate),
        (Some(&server_only), EdgeCount::HandshakeBadCertificate),
    ];
    for (identity, kind) in cases {
        let before = edge.count(kind);
        for version in [&TLS13, &TLS12] {
            let client = Client::with(edge.addr(), identity, version, &[b"h2"]);
            client.call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
        }
        edge.counted(kind, before + 2).await;
    }
    assert_eq!(edge.count(EdgeCount::Established), 0);
    edge.end().await;
}

#[tokio::test]
async fn a_self_signed_copy_of_a_client_and_a_ca_as_client_are_refused() {
    let edge = Edge::start(limits()).await;
    let mut params = client_params(vec![uri(ALICE)]);
    let copy = TestCa::with(params.clone());
    let child = copy.issue(&client_params(vec![uri(ALICE)]));
    Client::new(edge.addr(), Some(&child)).call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let intermediate = CLIENTS.issue(&params);
    // WebPKI itself refuses a CA as end entity; authn would too.
    Client::new(edge.addr(), Some(&intermediate)).call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
    edge.counted(EdgeCount::HandshakeUnknownCa, 1).await;
    edge.counted(EdgeCount::HandshakeBadCertificate, 1).await;
    edge.end().await;
}

#[tokio::test]
async fn plaintext_http2_is_refused() {
    let edge = Edge::start(limits()).await;
    let mut socket = TcpStream::connect(edge.addr()).await.unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let said = read_to_end(&mut socket).await;
    // At most a TLS alert (content type 21): no HTTP/2 frame.
    assert!(said.is_empty() || said[0] == 21, "{said:?}");
    edge.counted(EdgeCount::HandshakeBadProtocol, 1).await;
    assert_eq!(edge.count(EdgeCount::Established), 0);
    edge.end().await;
}

#[tokio::test]
async fn another_protocol_or_none_is_refused() {
    let edge = Edge::start(limits()).await;
    let cases: [&[&[u8]]; 3] = [&[b"http/1.1"], &[b"h3", b"http/1.1"], &[]];
    for (number, protocols) in (1..).zip(cases) {
        let client = Client::with(edge.addr(), Some(&alice()), &TLS13, protocols);
        client.call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
        edge.counted(EdgeCount::HandshakeBadProtocol, number).await;
    }
    let both = Client::with(edge.addr(), Some(&alice()), &TLS13, &[b"http/1.1", b"h2"]);
    assert_eq!(both.call(&format!("{GATED}/WhoAmI")).await.unwrap().headers()["x-caller"], ALICE);
    edge.end().await;
}

#[tokio::test]
async fn a_client_that_does_not_believe_the_gateway_is_counted_as_such() {
    let edge = Edge::start(limits()).await;
    let stranger = Client::believing(&TestCa::new("others"), edge.addr(), Some(&alice()));
    stranger.connect().await.unwrap_err();
    edge.counted(EdgeCount::HandshakeRejectedByClient, 1).await;
    drop(TcpStream::connect(edge.addr()).await.unwrap());
    edge.counted(EdgeCount::HandshakeClosed, 1).await;
    edge.end().await;
}

#[tokio::test]
async fn an_optional_certificate_may_be_missing_but_not_bad() {
    let files = Files::good();
    let config = load(&files.paths_with(ClientCa::Optional(files.path("ca.crt"))), SystemClock.now()).unwrap();
    let config = Arc::new(Current::new(config));
    let transport = Transport::Tls { config: Arc::clone(&config), client_certificate: ClientCertificate::Optional };
    let edge = Edge::serve(ListenerOptions { transport, ..options(limits(), config) }).await;
    let path = format!("{GATED}/WhoAmI");
    assert_eq!(edge.client().call(&path).await.unwrap().headers()["x-caller"], ALICE);
    let nobody = Client::new(edge.addr(), None).call(&path).await.unwrap();
    assert_eq!(nobody.headers()["x-failure"], "no identity was offered");
    assert_eq!(nobody.headers()["x-certificates"], "0");
    let foreign = TestCa::new("foreign").issue(&client_params(vec![uri(ALICE)]));
    for version in [&TLS13, &TLS12] {
        Client::with(edge.addr(), Some(&foreign), version, &[b"h2"]).call(&path).await.unwrap_err();
    }
    edge.counted(EdgeCount::HandshakeUnknownCa, 2).await;
    edge.end().await;
}

#[tokio::test]
async fn where_clients_are_not_asked_their_certificates_are_not_seen() {
    let config = load(&Files::good().paths_with(ClientCa::None), SystemClock.now()).unwrap();
    let config = Arc::new(Current::new(config));
    let transport = Transport::Tls { config: Arc::clone(&config), client_certificate: ClientCertificate::None };
    let edge = Edge::serve(ListenerOptions { transport, ..options(limits(), config) }).await;
    let response = edge.client().call(&format!("{GATED}/WhoAmI")).await.unwrap();
    assert_eq!(response.headers()["x-certificates"], "0");
    edge.end().await;
}

/// A configuration that demands less than the listener must not let anybody in.
#[tokio::test]
async fn a_required_certificate_is_required_even_if_the_configuration_forgets_it() {
    let forgetful = load(&Files::good().paths_with(ClientCa::None), SystemClock.now()).unwrap();
    let edge = Edge::start_with(limits(), forgetful).await;
    edge.client().call(&format!("{GATED}/WhoAmI")).await.unwrap_err();
    edge.counted(EdgeCount::HandshakeNoCertificate, 1).await;
    edge.end().await;
}

#[tokio::test]
async fn both_tls_versions_work_and_nothing_is_resumed() {
    let edge = Edge::start(limits()).await;
    for version in [&TLS12, &TLS13] {
        let client = Client::with(edge.addr(), Some(&alice()), version, &[b"h2"]);
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
        let client = Client::with(edge.addr(), Some(&alice()), version, &[b"h2"]);
        for _ in 0..2 {
            client.call(&format!("{GATED}/WhoAmI")).await.unwrap();
        }
        assert_eq!(client.kinds(), [HandshakeKind::Full, HandshakeKind::Resumed], "{version:?}");
    }
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
    let response = Client::new(edge.addr(), Some(&newcomer)).call(&path).await.unwrap();
    assert_eq!(response.headers()["x-caller"], "dns:ops.example.org");
    assert_eq!(call(&mut old, &path).await.unwrap().headers()["x-caller"], ALICE);
    drop(old);
    edge.end().await;
}
