//! How each service writes its answers and errors.

mod compact;
pub(crate) mod json;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod s3_xml;
mod xml;

pub(crate) use compact::compact;
pub(crate) use xml::Xml;

use crate::error::ApiError;
use crate::message::Message;
use crate::service::Service;

/// Whose answer it is, and whether it is to be JSON although the service speaks XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// Whose.
    pub(crate) service: Service,
    json: bool,
}

impl Format {
    /// What this request gets from this service.
    pub(crate) fn of(service: Service, message: &Message) -> Self {
        Self { service, json: service == Service::Sts && query::asks_for_json(message) }
    }
}

/// An answer, ready for the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers beside those of HTTP itself.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// A reply with a body.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    /// A reply without one.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Writes an error in the service's protocol.
pub(crate) fn error(format: Format, error: &ApiError, request_id: &str) -> Reply {
    let reply = match (error.extra.raw, format.service) {
        _ if error.extra.empty => Reply::empty(error.status),
        (Some(content_type), _) => Reply::new(error.status, content_type, error.message.clone()),
        (None, Service::Sts) if format.json => query::json_error(error, request_id),
        (None, Service::Sts) => query::error(query::STS, error, request_id),
        (None, Service::Iam) => query::error(query::IAM, error, request_id),
        (None, Service::Organizations) => json::organizations_error(error),
        (None, Service::Sqs) => json::sqs_error(error),
        (None, Service::S3) => s3_xml::error(error, request_id),
    };
    error.extra.headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
}

/// The header that carries the request id.
pub(crate) fn with_request_id(service: Service, reply: Reply, request_id: &str) -> Reply {
    match service {
        Service::S3 => {
            let host_id = crate::crypto::sha256_hex(request_id.as_bytes());
            reply.header("x-amz-request-id", request_id).header("x-amz-id-2", &host_id)
        }
        Service::Sts | Service::Iam | Service::Organizations | Service::Sqs => {
            reply.header("x-amzn-requestid", request_id)
        }
    }
}
