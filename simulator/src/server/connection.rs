//! One accept loop per listener, one task per connection, one answer (or none) per request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::admin;
use crate::dispatch::{Delivery, dispatch};
use crate::message::Message;
use crate::protocol::Reply;
use crate::state::State;

/// Connections at a time, per listener; more wait to be accepted.
const MAX_CONNECTIONS: usize = 512;
/// The largest body that is read.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// The largest head that is read.
const MAX_HEAD: usize = 64 * 1024;
/// How long a head may take, also on an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Ends a connection without an answer: hyper closes the socket when a service fails.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed without an answer")
    }
}

impl std::error::Error for Closed {}

/// Accepts until it is aborted, which also ends its connections.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>, global: bool) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of file descriptors, most likely: others have to close first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let state = Arc::clone(&state);
        connections.spawn(async move {
            serve(stream, peer.ip(), state, global).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, peer: IpAddr, state: Arc<State>, global: bool) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { answer(&state, peer, global, request).await }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD);
    // A connection that breaks is the client's affair.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    state: &State,
    peer: IpAddr,
    global: bool,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let message = match read(peer, global, request).await {
        Ok(message) => message,
        Err(reply) => return Ok(response(reply)),
    };
    if message.path == admin::PREFIX || message.path.starts_with("/_simulator/") {
        return Ok(response(admin::answer(state, &message)));
    }
    match Box::pin(dispatch(state, &message)).await {
        Delivery::Reply(reply) => Ok(response(reply)),
        Delivery::Closed => Err(Closed),
    }
}

async fn read(peer: IpAddr, global: bool, request: Request<Incoming>) -> Result<Message, Reply> {
    let (head, body) = request.into_parts();
    let reading = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect());
    let body = match reading.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(Reply::new(
                413,
                "text/plain",
                format!("aws-root-simulator reads at most {MAX_BODY} bytes of body\n"),
            ));
        }
        Ok(Err(_)) => return Err(Reply::new(400, "text/plain", "the body could not be read\n")),
        Err(_) => return Err(Reply::new(408, "text/plain", "the body took too long\n")),
    };
    let mut message = Message {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        global,
        source_ip: peer,
    };
    message.global |= message.host().eq_ignore_ascii_case("sts.amazonaws.com");
    Ok(message)
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        // What cannot be a header (a line break in a content type that a client chose) is left out.
        if let Ok(value) = http::HeaderValue::from_str(value) {
            builder = builder.header(name, value);
        }
    }
    builder.body(Full::new(Bytes::from(reply.body))).unwrap_or_else(|_| Response::new(Full::default()))
}
