//! Bounded outbound HTTPS: how the gateway asks an issuer for its keys, and AWS who signed.
//!
//! What is left out is the point, because addresses may come from documents that others wrote: no plain HTTP except to
//! this machine, no redirects, no proxy from the environment, no cookies, no compression. Time and size of an answer are
//! bounded. A bare client is used instead of one that has these features to be switched off.

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::{
    error::Error as StdError,
    fmt,
    io::Cursor,
    iter,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use http::{Method, Request, Response, StatusCode, Uri, header, uri::Scheme};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::time::timeout;

/// How long a connection waits for its next use. Below the idle limit of usual servers, so that it is not closed under a
/// request.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// Head of an answer: far more than AWS or an issuer sends.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Characters of a cause in an error; what a server sent may be in it.
const CAUSE_CHARS_MAX: usize = 300;

/// What a fetcher may do.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// The only CAs that are believed, in PEM; without them, those of the machine.
    pub ca_pem: Option<Vec<u8>>,
    /// Whether `http://127.0.0.1`, other addresses of this machine in digits, and `http://[::1]` may be asked.
    pub http_allowed_for_loopback: bool,
    /// Time to connect, without the TLS handshake.
    pub connect_timeout: Duration,
    /// Time for everything: name, connection, handshake, request, answer.
    pub total_timeout: Duration,
    /// Largest body of an answer.
    pub body_bytes_max: usize,
}

/// Why nothing was fetched. Holds neither the request nor the body of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The CA bundle cannot be used.
    #[error("the CA bundle cannot be used: {0}")]
    Ca(String),
    /// This address is never asked.
    #[error("the address is refused: {0}")]
    Address(&'static str),
    /// No connection, no handshake, or no answer in HTTP.
    #[error("no answer: {0}")]
    Transport(String),
    /// The time was over first.
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
    /// The answer is too long.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// Another answer than 200; redirects are not followed.
    #[error("the answer has status {0}")]
    Status(StatusCode),
}

/// Asks over HTTPS. Connections are kept for a short time.
pub struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Full<Cursor<Vec<u8>>>>,
    options: FetchOptions,
}

impl Fetcher {
    /// Prepares to ask. Sends nothing.
    ///
    /// # Errors
    /// The CA bundle holds no certificate or a broken one, or the machine has no CAs.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(options.connect_timeout));
        tcp.set_nodelay(true);
        // The scheme is judged in `check_address`.
        tcp.enforce_http(false);
        let tls = tls_config(options.ca_pem.as_deref())?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector.wrap_connector(tcp));
        Ok(Self { client, options })
    }

    /// Whether this address would be asked. Sends nothing.
    ///
    /// # Errors
    /// [`FetchError::Address`], with the rule.
    pub fn check(&self, url: &str) -> Result<(), FetchError> {
        self.check_address(&parse(url)?)
    }

    /// The body behind an address.
    ///
    /// # Errors
    /// As [`Fetcher::send`], or the answer is not 200.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let uri = parse(url)?;
        let mut request = Request::new(Vec::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            other => Err(FetchError::Status(other)),
        }
    }

    /// Sends a request as it is, and reads the answer whatever its status. `Host` and `Content-Length` are added.
    ///
    /// # Errors
    /// The address is refused; or there was no answer, or not in time, or it was too long. Whether the server acted on the
    /// request is then not known.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FetchError> {
        self.check_address(request.uri())?;
        let total = self.options.total_timeout;
        timeout(total, self.exchange(request)).await.map_err(|_| FetchError::Timeout(total))?
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FetchError> {
        let request = request.map(|body| Full::new(Cursor::new(body)));
        let response = self.client.request(request).await.map_err(|error| transport(&error))?;
        let (head, body) = response.into_parts();
        let bytes_max = self.options.body_bytes_max;
        let body = Limited::new(body, bytes_max).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { FetchError::TooLong(bytes_max) } else { transport(error.as_ref()) }
        })?;
        Ok(Response::from_parts(head, body.to_bytes().to_vec()))
    }

    fn check_address(&self, uri: &Uri) -> Result<(), FetchError> {
        let authority = uri.authority().ok_or(FetchError::Address("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(FetchError::Address("it holds a user name"));
        }
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Ok(()),
            Some(scheme) if *scheme == Scheme::HTTP => {
                // In digits: what a name leads to is for others to say.
                if self.options.http_allowed_for_loopback && is_loopback(authority.host()) {
                    Ok(())
                } else {
                    Err(FetchError::Address("it is not https"))
                }
            }
            _ => Err(FetchError::Address("it is not https")),
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("has_own_ca", &self.options.ca_pem.is_some()).finish_non_exhaustive()
    }
}

fn parse(url: &str) -> Result<Uri, FetchError> {
    url.parse().map_err(|_| FetchError::Address("it is no URL"))
}

fn is_loopback(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match v6 {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
    }
}

fn tls_config(ca_pem: Option<&[u8]>) -> Result<ClientConfig, FetchError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::Ca(error.to_string()))?;
    let builder = match ca_pem {
        Some(pem) => builder.with_root_certificates(roots(pem)?),
        None => builder.with_native_roots().map_err(|error| FetchError::Ca(format!("this machine's: {error}")))?,
    };
    Ok(builder.with_no_client_auth())
}

fn roots(pem: &[u8]) -> Result<RootCertStore, FetchError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| FetchError::Ca(error.to_string()))?;
        roots.add(certificate).map_err(|error| FetchError::Ca(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(FetchError::Ca("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

/// The whole chain of causes, because the outermost one only says "client error".
fn transport(error: &(dyn StdError + 'static)) -> FetchError {
    let causes = iter::successors(Some(error), |cause| (*cause).source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    let words = words.join(": ");
    FetchError::Transport(words.escape_debug().take(CAUSE_CHARS_MAX).collect())
}
