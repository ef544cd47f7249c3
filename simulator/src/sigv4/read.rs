//! What a request says about its signature, in its header or (presigned) in its query string.

use super::ALGORITHM;
use crate::message::Message;
use crate::service::Service;

/// What is stated about the signature; nothing of it is believed yet. It holds a session token, so it cannot be printed.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) access_key_id: String,
    /// `yyyymmdd` of the credential scope.
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
    pub(crate) amz_date: String,
    pub(crate) session_token: Option<String>,
    pub(crate) presigned: bool,
    /// For how many seconds a presigned request is good.
    pub(crate) expires: Option<i64>,
}

/// Why there is nothing to verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// No signature at all.
    Missing,
    /// A signature that says too little or nonsense; with AWS's sentence.
    Incomplete(String),
}

impl Signed {
    /// Reads the signature of a request.
    pub(crate) fn read(message: &Message) -> Result<Self, Malformed> {
        match message.header("authorization") {
            Some(header) => from_header(message, header),
            None if message.query.contains("X-Amz-Signature=") => from_query(message),
            None => Err(Malformed::Missing),
        }
    }
}

fn from_header(message: &Message, header: &str) -> Result<Signed, Malformed> {
    let rest = header.strip_prefix(ALGORITHM).ok_or_else(|| incomplete("Unsupported authorization type"))?;
    let field = |name: &str| {
        let found = rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        found.ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
    };
    let amz_date = message.header("x-amz-date").map(str::to_owned);
    let amz_date = amz_date.ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    let signed = Signed {
        signature: field("Signature")?.to_owned(),
        session_token: message.header("x-amz-security-token").map(str::to_owned),
        amz_date,
        presigned: false,
        expires: None,
        ..scope(field("Credential")?, field("SignedHeaders")?)?
    };
    // An unsigned header that the service acts on would let anyone on the way change the request.
    let amz = message
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && *name != "x-amz-user-agent");
    match std::iter::once("host").chain(amz).find(|name| !signed.signed_headers.iter().any(|known| known == name)) {
        Some(name) => Err(incomplete(&format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
        None => Ok(signed),
    }
}

fn from_query(message: &Message) -> Result<Signed, Malformed> {
    let field = |name: &str| {
        message
            .query_param(name)
            .ok_or_else(|| incomplete(&format!("AWS query-string parameters must include '{name}'.")))
    };
    if field("X-Amz-Algorithm")? != ALGORITHM {
        return Err(incomplete("Unsupported authorization type"));
    }
    let signed = Signed {
        signature: field("X-Amz-Signature")?,
        session_token: message.query_param("X-Amz-Security-Token"),
        amz_date: field("X-Amz-Date")?,
        presigned: true,
        expires: message.query_param("X-Amz-Expires").and_then(|text| text.parse().ok()),
        ..scope(&field("X-Amz-Credential")?, &field("X-Amz-SignedHeaders")?)?
    };
    if signed.signed_headers.iter().any(|name| name == "host") {
        return Ok(signed);
    }
    Err(incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization."))
}

fn scope(credential: &str, signed_headers: &str) -> Result<Signed, Malformed> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key_id, date, region, service, "aws4_request"] = parts.as_slice() else {
        return Err(incomplete(&format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        )));
    };
    Ok(Signed {
        access_key_id: (*access_key_id).to_owned(),
        date: (*date).to_owned(),
        region: (*region).to_owned(),
        service: (*service).to_owned(),
        signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
        signature: String::new(),
        amz_date: String::new(),
        session_token: None,
        presigned: false,
        expires: None,
    })
}

fn incomplete(text: &str) -> Malformed {
    Malformed::Incomplete(text.to_owned())
}

/// The service that a request without signature most likely means, so that it is refused in the right protocol.
pub(crate) fn guess_service(message: &Message) -> Service {
    let target = message.header("x-amz-target").unwrap_or_default();
    let form = message.header("content-type").unwrap_or_default().starts_with("application/x-www-form-urlencoded");
    // A presigned call of the query protocol whose signature cannot be read.
    let form = form || message.query_param("Action").is_some();
    match (target.split('.').next(), form) {
        (Some("AmazonSQS"), _) => Service::Sqs,
        (Some("AWSOrganizationsV20161128"), _) => Service::Organizations,
        (_, true) => Service::Sts,
        _ => Service::S3,
    }
}
