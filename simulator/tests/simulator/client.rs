//! A client that signs with the AWS SDK's own signer and speaks plain HTTP.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_root_simulator::Simulator;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The text of the first XML element of this name.
    pub(crate) fn xml(&self, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text.replace("&quot;", "\""))
    }

    /// Status and error code, of XML or JSON.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let json =
            || serde_json::from_str::<serde_json::Value>(&self.body).ok()?.get("__type")?.as_str().map(str::to_owned);
        (self.status, self.xml("Code").or_else(json).unwrap_or_default())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A request before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) service: &'static str,
    pub(crate) region: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) time: SystemTime,
}

impl Outgoing {
    pub(crate) fn new(service: &'static str, method: &'static str, path: &str) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { service, region: "eu-west-1".into(), method, path: path.into(), headers, body, time: SystemTime::now() }
    }

    pub(crate) fn region(mut self, region: &str) -> Self {
        self.region = region.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// A caller with its credentials.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) endpoint: String,
    pub(crate) credentials: Credentials,
}

impl Client {
    /// A principal of the scenario.
    pub(crate) fn of(simulator: &Simulator, name: &str) -> Self {
        let key = simulator.access_key(name).unwrap();
        let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
        Self { endpoint: simulator.endpoint(), credentials }
    }

    /// A root session that this caller opens.
    pub(crate) async fn assume_root(&self, account: &str, task: &str) -> Self {
        let answer = self.try_assume_root(account, task, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.session(&answer)
    }

    /// The session in an answer.
    pub(crate) fn session(&self, answer: &Answer) -> Self {
        let field = |name| answer.xml(name).unwrap();
        let credentials =
            Credentials::new(field("AccessKeyId"), field("SecretAccessKey"), Some(field("SessionToken")), None, "test");
        Self { endpoint: self.endpoint.clone(), credentials }
    }

    pub(crate) async fn try_assume_root(&self, account: &str, task: &str, more: &[(&str, &str)]) -> Answer {
        let arn = format!("arn:aws:iam::aws:policy/root-task/{task}");
        let mut params = vec![("TargetPrincipal", account), ("TaskPolicyArn.arn", arn.as_str())];
        params.extend_from_slice(more);
        self.query("sts", "AssumeRoot", &params).await
    }

    /// STS and IAM.
    pub(crate) async fn query(&self, service: &'static str, action: &str, params: &[(&str, &str)]) -> Answer {
        let mut body = format!("Action={action}&Version=2011-06-15");
        for (name, value) in params {
            body.push_str(&format!("&{name}={}", escape(value)));
        }
        let region = if service == "iam" { "us-east-1" } else { "eu-west-1" };
        let out = Outgoing::new(service, "POST", "/").region(region);
        self.send(&out.header("content-type", "application/x-www-form-urlencoded").body(body)).await.unwrap()
    }

    pub(crate) async fn organizations(&self, action: &str, input: serde_json::Value) -> Answer {
        let target = format!("AWSOrganizationsV20161128.{action}");
        let out = Outgoing::new("organizations", "POST", "/").region("us-east-1").body(input.to_string());
        self.send(&out.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", &target))
            .await
            .unwrap()
    }

    pub(crate) async fn sqs(&self, action: &str, input: serde_json::Value) -> Answer {
        let out = Outgoing::new("sqs", "POST", "/").body(input.to_string());
        let target = format!("AmazonSQS.{action}");
        self.send(&out.header("content-type", "application/x-amz-json-1.0").header("x-amz-target", &target))
            .await
            .unwrap()
    }

    pub(crate) async fn s3(&self, method: &'static str, path: &str) -> Answer {
        self.send(&Outgoing::new("s3", method, path)).await.unwrap()
    }

    /// Signs and sends; `None` when the connection was closed without an answer.
    pub(crate) async fn send(&self, out: &Outgoing) -> Option<Answer> {
        deliver(&self.endpoint, self.sign(out)).await
    }

    pub(crate) fn sign(&self, out: &Outgoing) -> http::Request<Full<Bytes>> {
        let mut request = self.unsigned(out);
        let (instructions, _) =
            sign(self.signable(out), &self.params(out, SigningSettings::default()).into()).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }

    /// The same request with its signature in the query string.
    pub(crate) fn presign(&self, out: &Outgoing, good_for: Duration) -> http::Request<Full<Bytes>> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(good_for);
        let mut request = self.unsigned(out);
        let (instructions, _) = sign(self.signable(out), &self.params(out, settings).into()).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }

    pub(crate) fn unsigned(&self, out: &Outgoing) -> http::Request<Full<Bytes>> {
        let mut builder = http::Request::builder().method(out.method).uri(self.uri(out));
        builder = builder.header("host", self.host(out));
        for (name, value) in out.headers.iter().filter(|(name, _)| name != "host") {
            builder = builder.header(name, value);
        }
        builder.body(Full::new(Bytes::from(out.body.clone()))).unwrap()
    }

    /// The endpoint's, unless the request names another.
    fn host(&self, out: &Outgoing) -> String {
        let named = out.headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone());
        named.unwrap_or_else(|| self.endpoint.trim_start_matches("http://").to_owned())
    }

    fn uri(&self, out: &Outgoing) -> String {
        format!("{}{}", self.endpoint, out.path)
    }

    fn signable<'a>(&self, out: &'a Outgoing) -> SignableRequest<'a> {
        let uri: &'static str = self.uri(out).leak();
        let host: &'static str = self.host(out).leak();
        let headers = out.headers.iter().filter(|(name, _)| name != "host");
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str())).chain([("host", host)]);
        SignableRequest::new(out.method, uri, headers, SignableBody::Bytes(&out.body)).unwrap()
    }

    fn params<'a>(&self, out: &'a Outgoing, mut settings: SigningSettings) -> v4::SigningParams<'a, SigningSettings> {
        if out.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity: &'static _ = Box::leak(Box::new(self.credentials.clone().into()));
        v4::SigningParams::builder()
            .identity(identity)
            .region(&out.region)
            .name(out.service)
            .time(out.time)
            .settings(settings)
            .build()
            .unwrap()
    }
}

/// Sends a finished request over a connection of its own.
pub(crate) async fn deliver(endpoint: &str, request: http::Request<Full<Bytes>>) -> Option<Answer> {
    let stream = TcpStream::connect(endpoint.trim_start_matches("http://")).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    head.uri = head.uri.path_and_query().unwrap().as_str().parse().unwrap();
    let reply = sender.send_request(http::Request::from_parts(head, body)).await.ok()?;
    let (head, body) = reply.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

pub(crate) fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
