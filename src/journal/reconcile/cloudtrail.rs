//! Reads the records of a log file, one by one.
//!
//! Source: CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element"; IAM User Guide, "Track
//! privileged tasks in CloudTrail".

mod stream;

pub(super) use stream::stream;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::times;
use crate::{
    clock::Timestamp,
    types::{AccountId, Region},
};

/// Longest text of an event that is kept: an ARN, which is the longest, has at most 2048 characters.
const TEXT_BYTES_MAX: usize = 4096;

/// Where and when any event was logged: what the logs cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) time: Timestamp,
    /// In whose log.
    pub(super) account: Option<AccountId>,
    pub(super) region: Option<Region>,
}

/// An event that bears on root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) time: Timestamp,
    /// In whose log.
    pub(super) account: AccountId,
    pub(super) region: Option<Region>,
    /// `iam`, `s3` and so on.
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) request_id: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) caller_arn: Option<String>,
    pub(super) source_identity: Option<String>,
    pub(super) source_ip: Option<String>,
    pub(super) what: What,
}

/// What an event says of root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A root session was asked for.
    AssumeRoot {
        /// The account, if the request named one.
        target: Option<AccountId>,
        task_policy: Option<String>,
        /// The session that was opened.
        issued: Option<String>,
    },
    /// A root session acted.
    Session {
        access_key_id: Option<String>,
        /// Whether the record says that it is a session of AssumeRoot.
        assumed_root: bool,
    },
    /// The root user acted with credentials of its own.
    RootUser,
}

/// Members that say whether a record matters. Those that are not named are skipped without being kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    event_time: String,
    event_source: String,
    event_name: String,
    aws_region: Option<String>,
    recipient_account_id: Option<String>,
    #[serde(borrow)]
    user_identity: Option<&'a RawValue>,
}

/// Members of one that matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(rename = "eventID")]
    event_id: String,
    #[serde(rename = "requestID")]
    request_id: Option<String>,
    error_code: Option<String>,
    #[serde(rename = "sourceIPAddress")]
    source_ip: Option<String>,
    request_parameters: Option<Value>,
    response_elements: Option<Value>,
}

#[derive(Deserialize)]
struct IdentityType {
    r#type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    arn: Option<String>,
    account_id: Option<String>,
    access_key_id: Option<String>,
    session_context: Option<SessionContext>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionContext {
    source_identity: Option<String>,
    /// `"true"`; a boolean is accepted too.
    assumed_root: Option<Value>,
}

/// Reads one record: where it was logged, and the event if it bears on root. Says what is wrong with it.
pub(super) fn read(text: &str) -> Result<(Place, Option<Event>), String> {
    let record: Record<'_> = parse(text)?;
    let place = Place {
        time: times::moment(&record.event_time).map_err(|rule| format!("eventTime {rule}"))?,
        account: record.recipient_account_id.as_deref().and_then(|id| id.parse().ok()),
        region: record.aws_region.as_deref().and_then(|region| region.parse().ok()),
    };
    let identity_type = record.user_identity.map(|identity| parse::<IdentityType>(identity.get())).transpose()?;
    let is_root = identity_type.and_then(|identity| identity.r#type).as_deref() == Some("Root");
    let is_assume_root = record.event_source == "sts.amazonaws.com" && record.event_name == "AssumeRoot";
    if !is_root && !is_assume_root {
        return Ok((place, None));
    }
    let details: Details = parse(text)?;
    let identity = record.user_identity.map(|identity| parse::<Identity>(identity.get())).transpose()?;
    let event = event(record, &place, details, identity, is_assume_root)?;
    Ok((place, Some(event)))
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    // The message names the member and its type; it quotes values of a few characters only.
    serde_json::from_str(text).map_err(|error| crate::types::cut(&error.to_string(), 200))
}

fn event(
    record: Record<'_>,
    place: &Place,
    details: Details,
    identity: Option<Identity>,
    is_assume_root: bool,
) -> Result<Event, String> {
    let what = if is_assume_root { assume_root(&details)? } else { root_call(identity.as_ref())? };
    let owner = identity.as_ref().and_then(|identity| identity.account_id.as_deref()?.parse().ok());
    let service = record.event_source.trim_end_matches(".amazonaws.com").to_owned();
    let caller_arn = identity.as_ref().and_then(|identity| identity.arn.clone());
    let context = identity.and_then(|identity| identity.session_context);
    Ok(Event {
        id: short("eventID", details.event_id)?,
        time: place.time,
        account: place.account.or(owner).ok_or("recipientAccountId must be an AWS account id of exactly 12 digits")?,
        region: place.region.clone(),
        service: short("eventSource", service)?,
        operation: short("eventName", record.event_name)?,
        request_id: short_or_none("requestID", details.request_id)?,
        error_code: short_or_none("errorCode", details.error_code)?,
        caller_arn: short_or_none("userIdentity.arn", caller_arn)?,
        source_identity: short_or_none("sourceIdentity", context.and_then(|context| context.source_identity))?,
        source_ip: short_or_none("sourceIPAddress", details.source_ip)?,
        what,
    })
}

fn assume_root(details: &Details) -> Result<What, String> {
    let parameter = |name: &str| details.request_parameters.as_ref().and_then(|parameters| parameters.get(name));
    let policy = parameter("taskPolicyArn").and_then(|policy| policy.as_str().or_else(|| policy.get("arn")?.as_str()));
    let response = details.response_elements.as_ref();
    let issued = response.and_then(|response| response.get("credentials")?.get("accessKeyId")?.as_str());
    // A session that cannot be told apart from others would not be noticed.
    if issued.is_none() && details.error_code.is_none() {
        return Err("responseElements.credentials.accessKeyId must say which session was opened".to_owned());
    }
    Ok(What::AssumeRoot {
        target: parameter("targetPrincipal").and_then(Value::as_str).and_then(account_of),
        task_policy: short_or_none("taskPolicyArn", policy.map(ToOwned::to_owned))?,
        issued: short_or_none("accessKeyId", issued.map(ToOwned::to_owned))?,
    })
}

/// An account id, or the ARN of its root user.
fn account_of(principal: &str) -> Option<AccountId> {
    let id = principal.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next());
    id.unwrap_or(principal).parse().ok()
}

fn root_call(identity: Option<&Identity>) -> Result<What, String> {
    let key = identity.and_then(|identity| identity.access_key_id.clone());
    let flag = identity.and_then(|identity| identity.session_context.as_ref()?.assumed_root.as_ref());
    let assumed_root = match flag {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(flag)) => flag == "true",
        Some(_) => return Err("userIdentity.sessionContext.assumedRoot must be \"true\" or \"false\"".to_owned()),
    };
    // IAM User Guide, "IAM identifiers", unique identifier prefixes: keys of temporary credentials begin so.
    let is_temporary = key.as_deref().is_some_and(|key| key.starts_with("ASIA"));
    if assumed_root || is_temporary {
        Ok(What::Session { access_key_id: short_or_none("accessKeyId", key)?, assumed_root })
    } else {
        Ok(What::RootUser)
    }
}

fn short(name: &str, text: String) -> Result<String, String> {
    if text.len() <= TEXT_BYTES_MAX { Ok(text) } else { Err(format!("{name} is longer than {TEXT_BYTES_MAX} bytes")) }
}

fn short_or_none(name: &str, text: Option<String>) -> Result<Option<String>, String> {
    text.filter(|text| !text.is_empty()).map(|text| short(name, text)).transpose()
}

#[cfg(test)]
mod tests;
