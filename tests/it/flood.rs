//! Strangers and careless callers do their worst to the real binary; who is authenticated is served all the while, and
//! the memory stays bounded.

use std::{future::poll_fn, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::harness::{Client, PAYMENTS, Running, STRANGER, Site};

/// What the gateway may use at most, whatever anybody does (issue 3).
const RESIDENT_KIB_MAX: u64 = 150 * 1024;
/// How long an honest caller may wait while the flood lasts. Generous: one machine plays everybody.
const PATIENCE: Duration = Duration::from_secs(20);
const ANY_RPC: &str = "https://localhost/rootgate.v1.RootAccessService/AuditRootCredentials";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_neither_starves_the_authenticated_nor_fills_the_memory() {
    let site = Site::new().await;
    let gateway = site.serve().await;
    let mut operator = site.client(gateway.address).await;
    operator.audit(PAYMENTS).await.unwrap();

    let mut floods = JoinSet::new();
    let attacker = Attacker::new(&site, &gateway);
    floods.spawn(attacker.clone().silent_handshakes(400));
    floods.spawn(attacker.clone().unauthenticated_calls(8, 250));
    floods.spawn(attacker.clone().rapid_resets(5_000));
    floods.spawn(attacker.clone().header_bombs(40));
    floods.spawn(attacker.clone().endless_pings(20_000));

    let mut peak = 0;
    let mut served = 0;
    while !floods.is_empty() {
        let answer = timeout(PATIENCE, operator.audit(PAYMENTS)).await.expect("the authenticated are answered in time");
        answer.unwrap_or_else(|refusal| panic!("the authenticated are served: {:?}", refusal.status));
        served += 1;
        peak = peak.max(gateway.resident_kib());
        while let Some(ended) = floods.try_join_next() {
            ended.expect("the flood itself does not fail");
        }
    }
    // Who connects only now is served as well.
    let mut late = site.client(gateway.address).await;
    timeout(PATIENCE, late.audit(PAYMENTS)).await.unwrap().unwrap();
    assert!(served > 3, "the flood lasted long enough to tell: {served}");
    assert!(peak < RESIDENT_KIB_MAX, "{peak} KiB");
    gateway.signal("-TERM");
    let (status, log) = gateway.ended().await;
    assert!(status.success());
    assert!(log.lines().count() < 400 + served * 4, "the log is bounded: {} lines", log.lines().count());
    println!("{served} calls served during the flood; at most {peak} KiB resident");
}

/// Somebody with a certificate of the right authority that names nobody.
#[derive(Clone)]
struct Attacker {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    nobody: Client,
}

impl Attacker {
    fn new(site: &Site, gateway: &Running) -> Self {
        let identity = site.pki.client(&[STRANGER.replace("example.org", "elsewhere.example").as_str()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(site.pki.authority().as_bytes()).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let mut tls = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let nobody = Client::lazy(gateway.address, &site.pki.authority(), &identity);
        Self { address: gateway.address, tls: Arc::new(tls), nobody }
    }

    async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::clone(&self.tls)).connect("localhost".try_into().unwrap(), socket).await
    }

    /// Connections that never say anything.
    async fn silent_handshakes(self, number: usize) {
        let mut sockets = Vec::new();
        for _ in 0..number {
            sockets.extend(TcpStream::connect(self.address).await.ok());
        }
        for mut socket in sockets {
            // Until the server gives up on it.
            let _ = timeout(PATIENCE, socket.read(&mut [0; 16])).await;
        }
    }

    /// Calls whose certificate names nobody that is known.
    async fn unauthenticated_calls(self, at_a_time: usize, each: usize) {
        let mut callers = JoinSet::new();
        for _ in 0..at_a_time {
            let mut client = self.nobody.clone();
            callers.spawn(async move {
                for _ in 0..each {
                    let refusal = client.audit(PAYMENTS).await.expect_err("nobody is let in");
                    assert_ne!(refusal.code, tonic::Code::Ok);
                }
            });
        }
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
    }

    /// Streams that are reset as soon as they are opened (CVE-2023-44487), on one connection after the other.
    async fn rapid_resets(self, number: usize) {
        let mut sent = 0;
        while sent < number {
            let Ok(stream) = self.connect().await else { return };
            let Ok((mut requests, connection)) = h2::client::handshake(stream).await else { continue };
            let driver = tokio::spawn(connection);
            while sent < number {
                sent += 1;
                if poll_fn(|cx| requests.poll_ready(cx)).await.is_err() {
                    break;
                }
                let Ok((_, mut body)) = requests.send_request(Request::post(ANY_RPC).body(()).unwrap(), false) else {
                    break;
                };
                body.send_reset(h2::Reason::CANCEL);
            }
            driver.abort();
        }
    }

    /// Header lists far above the limit, which HTTP/2 sends as a chain of CONTINUATION frames.
    async fn header_bombs(self, number: usize) {
        let mut headers = HeaderMap::new();
        for n in 0..200 {
            let name: http::HeaderName = format!("x-bomb-{n}").parse().unwrap();
            headers.insert(name, HeaderValue::from_str(&"x".repeat(4000)).unwrap());
        }
        for _ in 0..number {
            let Ok(stream) = self.connect().await else { return };
            let Ok((mut requests, connection)) = h2::client::handshake(stream).await else { continue };
            let driver = tokio::spawn(connection);
            let mut request = Request::post(ANY_RPC).body(()).unwrap();
            *request.headers_mut() = headers.clone();
            if let Ok((response, mut body)) = requests.send_request(request, false) {
                let _ = body.send_data(Bytes::from_static(&[0; 5]), true);
                let answer = timeout(PATIENCE, response).await.expect("an answer or an end");
                assert!(
                    answer.is_err() || answer.is_ok_and(|answer| !answer.status().is_success()),
                    "it is not let in"
                );
            }
            driver.abort();
        }
    }

    /// Pings without end, each of which wants an answer.
    async fn endless_pings(self, number: usize) {
        let Ok(stream) = self.connect().await else { return };
        let Ok((_requests, mut connection)) = h2::client::Builder::new().handshake::<_, Bytes>(stream).await else {
            return;
        };
        let Some(mut pings) = connection.ping_pong() else { return };
        let driver = tokio::spawn(connection);
        let began = Instant::now();
        for _ in 0..number {
            if began.elapsed() > PATIENCE || pings.ping(h2::Ping::opaque()).await.is_err() {
                break;
            }
        }
        driver.abort();
    }
}
