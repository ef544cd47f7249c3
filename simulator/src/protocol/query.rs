//! The query protocol of STS and IAM: form parameters in, XML out.

use serde_json::{Value, json};

use super::{Reply, Xml};
use crate::error::ApiError;
use crate::message::{Message, pairs};

/// XML namespace of STS.
pub(crate) const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// XML namespace of IAM.
pub(crate) const IAM: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// The parameters of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the form, or the query string of a GET.
    pub(crate) fn read(message: &Message) -> Self {
        let mut params = message.query_params();
        params.extend(pairs(&String::from_utf8_lossy(&message.body), true));
        Self(params)
    }

    /// A parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::validation(&[is_null(name)]))
    }

    /// All but what names the operation, with names as CloudTrail writes them; structures of one member are nested.
    pub(crate) fn logged(&self) -> Value {
        let mut logged = serde_json::Map::new();
        for (name, value) in self.0.iter().filter(|(name, _)| name != "Action" && name != "Version") {
            match name.split_once('.') {
                Some((structure, member)) => logged.insert(lower_first(structure), json!({ member: value })),
                None => logged.insert(lower_first(name), json!(value)),
            };
        }
        logged.into()
    }

    /// Whether there is any parameter that begins so.
    pub(crate) fn any(&self, prefix: &str) -> bool {
        self.0.iter().any(|(key, _)| key.starts_with(prefix))
    }
}

/// AWS's sentence about a parameter that is not there.
pub(crate) fn is_null(name: &str) -> String {
    format!("Value null at '{}' failed to satisfy constraint: Member must not be null", lower_first(name))
}

/// `TargetPrincipal` as AWS writes it in validation errors: `targetPrincipal`.
pub(crate) fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| format!("{}{}", first.to_ascii_lowercase(), characters.as_str()))
}

/// Whether the caller wants JSON: STS answers so if it is asked to. (All of STS does; here GetCallerIdentity and errors.)
pub(crate) fn asks_for_json(message: &Message) -> bool {
    message.header("accept") == Some("application/json")
}

/// A success in JSON.
pub(crate) fn json_success(action: &str, result: &Value, request_id: &str) -> Reply {
    let (response, result_name) = (format!("{action}Response"), format!("{action}Result"));
    let body = json!({ response: { result_name: result, "ResponseMetadata": { "RequestId": request_id } } });
    Reply::new(200, "application/json", body.to_string())
}

/// An error in JSON.
pub(crate) fn json_error(error: &ApiError, request_id: &str) -> Reply {
    let body = json!({
        "Error": { "Code": error.code, "Message": error.message, "Type": blame(error) },
        "RequestId": request_id,
    });
    Reply::new(error.status, "application/json", body.to_string())
}

fn blame(error: &ApiError) -> &'static str {
    if error.status < 500 { "Sender" } else { "Receiver" }
}

/// A success.
pub(crate) fn success(namespace: &str, action: &str, result: Option<&Xml>, request_id: &str) -> Reply {
    let mut xml = Xml::new();
    xml.element(&format!("{action}Response xmlns=\"{namespace}\""), |xml| {
        if let Some(result) = result {
            xml.element(&format!("{action}Result"), |xml| {
                xml.raw(result);
            });
        }
        xml.element("ResponseMetadata", |xml| {
            xml.text("RequestId", request_id);
        });
    });
    Reply::new(200, "text/xml", xml.fragment())
}

/// An error.
pub(crate) fn error(namespace: &str, error: &ApiError, request_id: &str) -> Reply {
    let mut xml = Xml::new();
    xml.element(&format!("ErrorResponse xmlns=\"{namespace}\""), |xml| {
        xml.element("Error", |xml| {
            xml.text("Type", blame(error)).text("Code", &error.code).text("Message", &error.message);
        });
        xml.text("RequestId", request_id);
    });
    Reply::new(error.status, "text/xml", xml.fragment())
}
