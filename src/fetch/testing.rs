//! A server that answers as told, over HTTP or HTTPS, for tests here and of those who fetch.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What the server does with one request.
pub(crate) enum Answer {
    /// 200 with this body.
    Body(Vec<u8>),
    /// These bytes, whatever they are.
    Raw(String),
    /// Nothing, and the connection stays open.
    Silence,
    /// 200 with a body that never ends.
    Endless,
}

impl Answer {
    pub(crate) fn status(line: &str, header: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 {line}\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n"))
    }
}

/// Listens on loopback until it is dropped.
pub(crate) struct TestServer {
    address: SocketAddr,
    scheme: &'static str,
    /// What signed the server's certificate.
    pub(crate) ca_pem: Vec<u8>,
    requests: watch::Receiver<Vec<String>>,
    task: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn http(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(None, Vec::new(), answer).await
    }

    /// Its certificate is for this name or address.
    pub(crate) async fn https(name: &str, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem().into_bytes();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Self::start(Some(TlsAcceptor::from(Arc::new(tls))), ca_pem, answer).await
    }

    async fn start(
        tls: Option<TlsAcceptor>,
        ca_pem: Vec<u8>,
        answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = watch::channel(Vec::new());
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, sender, answer) = (tls.clone(), sender.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &sender, answer.as_ref()).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &sender, answer.as_ref()).await,
                            Err(_refused) => {}
                        },
                    }
                });
            }
        });
        Self { address, scheme, ca_pem, requests, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn has_been_asked(&self, times: usize) {
        self.requests.clone().wait_for(|requests| requests.len() >= times).await.unwrap();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: &watch::Sender<Vec<String>>,
    answer: &(dyn Fn(&str) -> Answer + Send + Sync),
) {
    let Some(request) = read(&mut stream).await else { return };
    let path = request.split(' ').nth(1).unwrap().to_owned();
    requests.send_modify(|all| all.push(request));
    // What the client does not want to hear is its choice.
    let _ = match answer(&path) {
        Answer::Body(body) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).await
        }
        Answer::Raw(bytes) => stream.write_all(bytes.as_bytes()).await,
        Answer::Silence => stream.read_to_end(&mut Vec::new()).await.map(drop),
        Answer::Endless => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
            while sent.is_ok() {
                sent = stream.write_all(&[b' '; 4096]).await;
            }
            sent
        }
    };
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.to_ascii_lowercase().lines().find_map(|line| Some(line.strip_prefix("content-length: ")?.to_owned()));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(text.into_owned());
        }
    }
}
