//! AWS Security Token Service. Source: STS API Reference; live captures for the errors of `AssumeRoot`.

mod assume_role;
mod assume_root;

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::protocol::Xml;
use crate::protocol::query::Params;
use crate::turn::Turn;
use crate::world::Session;

/// Answers one call with the content of its result element.
pub(crate) fn handle(turn: &mut Turn<'_>, action: &str, params: &Params) -> Result<Xml, ApiError> {
    match action {
        "GetCallerIdentity" => Ok(caller_identity(turn)),
        // The global endpoint does not know the operation at all.
        "AssumeRoot" if turn.message.global => Err(unknown_operation()),
        "AssumeRoot" => assume_root::assume_root(turn, params),
        "AssumeRole" => assume_role::assume_role(turn, params),
        "" => Err(ApiError::new(400, "MissingAction", "The request must contain the parameter Action")),
        _ => Err(ApiError::new(
            400,
            "InvalidAction",
            format!(
                "Could not find operation {action} for version 2011-06-15 (aws-root-simulator knows AssumeRoot, AssumeRole and GetCallerIdentity)"
            ),
        )),
    }
}

fn unknown_operation() -> ApiError {
    ApiError::new(400, "InvalidAction", "Unknown Operation")
}

/// Needs no permission, so it works under every policy.
fn caller_identity(turn: &Turn<'_>) -> Xml {
    let mut xml = Xml::new();
    xml.text("Arn", &turn.caller.caller.arn).text("UserId", &turn.caller.user_id).text("Account", turn.account());
    xml
}

/// The same for a caller who asks for JSON.
pub(crate) fn caller_identity_json(turn: &Turn<'_>) -> Value {
    json!({ "Account": turn.account(), "Arn": turn.caller.caller.arn, "UserId": turn.caller.user_id })
}

fn credentials(xml: &mut Xml, session: &Session) {
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &session.access_key_id)
            .text("SecretAccessKey", &session.secret_access_key)
            .text("SessionToken", &session.session_token)
            .text("Expiration", &crate::clock::iso(session.expiration));
    });
}
