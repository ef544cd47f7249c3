//! A SPIFFE agent for tests: the Workload API on a Unix socket, saying what it is told to say.

use std::{
    collections::HashMap,
    convert::Infallible,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::{StreamExt as _, future::BoxFuture, stream, stream::BoxStream};
use http::{Request as HttpRequest, Response as HttpResponse};
use tempfile::TempDir;
use tokio::{net::UnixListener, sync::watch, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, ServerStreamingService},
    transport::Server,
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::authn::testing::{Issued, TestCa};

/// `X509SVIDRequest` of workload.proto.
#[derive(Clone, PartialEq, prost::Message)]
struct SvidRequest {}

/// `X509SVIDResponse` of workload.proto.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SvidResponse {
    #[prost(message, repeated, tag = "1")]
    svids: Vec<Svid>,
    #[prost(map = "string, bytes", tag = "3")]
    federated_bundles: HashMap<String, Vec<u8>>,
}

/// `X509SVID` of workload.proto.
#[derive(Clone, PartialEq, prost::Message)]
struct Svid {
    #[prost(string, tag = "1")]
    spiffe_id: String,
    #[prost(bytes = "vec", tag = "2")]
    x509_svid: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    x509_svid_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    bundle: Vec<u8>,
}

impl SvidResponse {
    /// An identity, and the CAs of its trust domain.
    pub(super) fn new(id: &str, svid: &Issued, bundle: &[&TestCa]) -> Self {
        let svid = Svid {
            spiffe_id: id.to_owned(),
            x509_svid: svid.der.to_vec(),
            x509_svid_key: svid.key.serialize_der(),
            bundle: der(bundle),
        };
        Self { svids: vec![svid], federated_bundles: HashMap::new() }
    }

    /// The CAs of another trust domain as well.
    pub(super) fn federated(mut self, trust_domain: &str, bundle: &[&TestCa]) -> Self {
        self.federated_bundles.insert(trust_domain.to_owned(), der(bundle));
        self
    }

    /// The same with the key of another certificate.
    pub(super) fn with_key_of(mut self, other: &Issued) -> Self {
        self.svids[0].x509_svid_key = other.key.serialize_der();
        self
    }

    /// The same with a bundle that cannot be read.
    pub(super) fn with_broken_bundle(mut self) -> Self {
        self.svids[0].bundle.truncate(100);
        self
    }
}

fn der(cas: &[&TestCa]) -> Vec<u8> {
    cas.iter().flat_map(|ca| ca.der.to_vec()).collect()
}

type Answer = Result<SvidResponse, Status>;

/// The agent. Dropping it ends it and leaves its socket.
pub(super) struct Agent {
    dir: TempDir,
    says: watch::Sender<Answer>,
    /// How many answers were given.
    given: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Agent {
    pub(super) fn start(first: Answer) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (says, heard) = watch::channel(first);
        let listener = UnixListener::bind(dir.path().join("agent.sock")).unwrap();
        let incoming = stream::unfold(listener, |listener| async {
            let accepted = listener.accept().await.map(|(stream, _)| stream);
            Some((accepted, listener))
        });
        let given = Arc::<AtomicUsize>::default();
        let service = WorkloadApi { heard, given: Arc::clone(&given) };
        let serving = Server::builder().add_service(service).serve_with_incoming(incoming);
        let serving = tokio::spawn(async move { serving.await.unwrap() });
        Self { dir, says, given, serving }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    /// Says something else to whoever listens, and to whoever comes.
    pub(super) fn say(&self, answer: Answer) {
        self.says.send(answer).unwrap();
    }

    /// Says it, and waits until somebody has been told.
    pub(super) async fn tell(&self, answer: Answer) {
        let before = self.given.load(Ordering::SeqCst);
        self.say(answer);
        while self.given.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
    }

    /// Hangs up on everybody and is gone.
    pub(super) async fn die(self) -> TempDir {
        let Self { dir, says, given: _, serving } = self;
        serving.abort();
        drop(says);
        serving.await.unwrap_err();
        dir
    }
}

#[derive(Clone)]
struct WorkloadApi {
    heard: watch::Receiver<Answer>,
    given: Arc<AtomicUsize>,
}

impl NamedService for WorkloadApi {
    const NAME: &'static str = "SpiffeWorkloadAPI";
}

impl Service<HttpRequest<Body>> for WorkloadApi {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<HttpResponse<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let fetch = self.clone();
        Box::pin(async move {
            if request.uri().path() != "/SpiffeWorkloadAPI/FetchX509SVID" {
                return Ok(Status::unimplemented("not here").into_http());
            }
            let codec = ProstCodec::<SvidResponse, SvidRequest>::default();
            Ok(Grpc::new(codec).server_streaming(fetch, request).await)
        })
    }
}

impl ServerStreamingService<SvidRequest> for WorkloadApi {
    type Response = SvidResponse;
    type ResponseStream = BoxStream<'static, Answer>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<SvidRequest>) -> Self::Future {
        let (heard, given) = (self.heard.clone(), Arc::clone(&self.given));
        Box::pin(async move {
            // SPIFFE Workload Endpoint, section 6: without it the call may be forged by a page in a browser.
            if request.metadata().get("workload.spiffe.io").is_none_or(|value| value != "true") {
                return Err(Status::invalid_argument("the security header is missing"));
            }
            let answers = stream::unfold((heard, given, true), |(mut heard, given, is_first)| async move {
                if !is_first {
                    heard.changed().await.ok()?;
                }
                let answer = heard.borrow_and_update().clone();
                given.fetch_add(1, Ordering::SeqCst);
                Some((answer, (heard, given, false)))
            });
            Ok(Response::new(answers.boxed()))
        })
    }
}
