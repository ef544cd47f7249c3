//! AWS JSON 1.1 (Organizations) and 1.0 with query-compatible errors (SQS).

use serde_json::{Value, json};

use super::Reply;
use super::query::lower_first;
use crate::error::ApiError;
use crate::message::Message;

const JSON_1_1: &str = "application/x-amz-json-1.1";
const JSON_1_0: &str = "application/x-amz-json-1.0";

/// The input of a call: the members of its body.
#[derive(Debug, Clone)]
pub(crate) struct Input(Value);

impl Input {
    /// Reads the body; an empty one has no members.
    pub(crate) fn read(message: &Message) -> Result<Self, ApiError> {
        if message.body.is_empty() {
            return Ok(Self(json!({})));
        }
        match serde_json::from_slice::<Value>(&message.body) {
            Ok(value) if value.is_object() => Ok(Self(value)),
            _ => Err(ApiError::new(400, "SerializationException", "The request body is not a JSON object.")
                .shape("com.amazon.coral.service#SerializationException")),
        }
    }

    /// All members, with names as CloudTrail writes them.
    pub(crate) fn logged(&self) -> Value {
        let members = self.0.as_object().into_iter().flatten();
        members.map(|(name, value)| (lower_first(name), value.clone())).collect::<serde_json::Map<_, _>>().into()
    }

    /// A string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    /// A list of strings.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        self.0
            .get(name)
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default()
    }

    /// A map of strings.
    pub(crate) fn map(&self, name: &str) -> Vec<(&str, &str)> {
        let map = self.0.get(name).and_then(Value::as_object);
        map.map(|map| map.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect())
            .unwrap_or_default()
    }
}

/// The operation that `X-Amz-Target` names, behind the service's own prefix.
pub(crate) fn operation<'a>(message: &'a Message, prefix: &str) -> Option<&'a str> {
    message.header("x-amz-target")?.strip_prefix(prefix)?.strip_prefix('.')
}

/// A success of Organizations.
pub(crate) fn organizations(value: &Value) -> Reply {
    Reply::new(200, JSON_1_1, value.to_string())
}

/// A success of SQS.
pub(crate) fn sqs(value: &Value) -> Reply {
    Reply::new(200, JSON_1_0, value.to_string())
}

/// An error of Organizations.
pub(crate) fn organizations_error(error: &ApiError) -> Reply {
    let mut body = json!({ "__type": error.code, "Message": error.message });
    for (name, value) in &error.extra.details {
        if let Some(object) = body.as_object_mut() {
            object.insert((*name).to_owned(), json!(value));
        }
    }
    Reply::new(error.status, JSON_1_1, body.to_string())
}

/// An error of SQS. The header is what makes SDKs report the code of the old query protocol.
pub(crate) fn sqs_error(error: &ApiError) -> Reply {
    let shape = error.extra.shape.clone().unwrap_or_else(|| format!("com.amazonaws.sqs#{}", error.code));
    let blame = if error.status < 500 { "Sender" } else { "Receiver" };
    let body = json!({ "__type": shape, "message": error.message });
    let reply = Reply::new(error.status, JSON_1_0, body.to_string());
    if error.extra.plain_json {
        return reply;
    }
    reply.header("x-amzn-query-error", &format!("{};{blame}", error.code))
}
