//! Attributes of queues, of which the policy is one.

use serde_json::{Map, Value, json};

use super::{Name, access_denied, authorize, error, find, find_mut};
use crate::error::ApiError;
use crate::policy::Document;
use crate::protocol::compact;
use crate::protocol::json::Input;
use crate::turn::Turn;
use crate::world::{Queue, StaleAttributes};

/// Attributes that a caller may set, with their defaults.
const SETTABLE: [(&str, &str); 5] = [
    ("DelaySeconds", "0"),
    ("MaximumMessageSize", "262144"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("VisibilityTimeout", "30"),
];
/// Attributes that a caller may set and that have no default.
const OPTIONAL: [&str; 5] =
    ["RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled", "FifoQueue"];

/// Nothing is returned that was not asked for.
pub(super) fn get(turn: &mut Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let name = Name::of_url(input)?;
    authorize(turn, "GetQueueAttributes", &name)?;
    find(turn, &name)?;
    let wanted = input.texts("AttributeNames");
    if let Some(unknown) = wanted.iter().find(|name| !is_known(name)) {
        return Err(error(400, "InvalidAttributeName", &format!("Unknown Attribute {unknown}.")));
    }
    let (arn, compact_policies) = (name.arn(turn.region), turn.world.settings.compact_policies);
    let mut shown = shown(find_mut(turn, &name)?);
    if compact_policies {
        shown.policy = shown.policy.as_deref().map(compact);
    }
    let all = all(&shown, &arn);
    let chosen: Map<String, Value> =
        all.into_iter().filter(|(key, _)| wanted.iter().any(|name| *name == "All" || name == key)).collect();
    Ok(if chosen.is_empty() { json!({}) } else { json!({ "Attributes": chosen }) })
}

/// "Cross-account permissions don't apply to this action."
pub(super) fn set(turn: &mut Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let name = Name::of_url(input)?;
    authorize(turn, "SetQueueAttributes", &name)?;
    if turn.account() != name.account {
        return Err(access_denied("Access to the resource is denied."));
    }
    let attributes = checked(input)?;
    let reads = turn.slow_to_show;
    let queue = find_mut(turn, &name)?;
    keep_showing(queue, reads);
    apply(queue, attributes);
    Ok(json!({}))
}

/// Reads go on showing what they show now.
fn keep_showing(queue: &mut Queue, reads: u64) {
    let now = || StaleAttributes { policy: queue.policy.clone(), attributes: queue.attributes.clone(), reads };
    let shown = queue.stale.take().map_or_else(now, |stale| StaleAttributes { reads, ..stale });
    queue.stale = (reads > 0).then_some(shown);
}

/// The queue as this read shows it.
fn shown(queue: &mut Queue) -> Queue {
    let mut shown = queue.clone();
    if let Some(mut stale) = queue.stale.take() {
        shown.policy.clone_from(&stale.policy);
        shown.attributes.clone_from(&stale.attributes);
        stale.reads = stale.reads.saturating_sub(1);
        queue.stale = Some(stale).filter(|stale| stale.reads > 0);
    }
    shown
}

/// The attributes of a request, each known and each sensible.
pub(super) fn checked(input: &Input) -> Result<Vec<(String, String)>, ApiError> {
    let attributes = input.map("Attributes");
    for (key, value) in &attributes {
        let known = *key == "Policy" || SETTABLE.iter().any(|(name, _)| name == key) || OPTIONAL.contains(key);
        if !known {
            return Err(error(400, "InvalidAttributeName", &format!("Unknown Attribute {key}.")));
        }
        let number = SETTABLE.iter().any(|(name, _)| name == key);
        let policy = *key == "Policy" && !value.is_empty();
        if (number && value.parse::<u32>().is_err()) || (policy && !is_policy(value)) {
            return Err(error(400, "InvalidAttributeValue", &format!("Invalid value for the parameter {key}.")));
        }
    }
    Ok(attributes.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// An empty policy takes the policy off.
pub(super) fn apply(queue: &mut Queue, attributes: Vec<(String, String)>) {
    for (key, value) in attributes {
        if key == "Policy" {
            queue.policy = (!value.is_empty()).then_some(value);
        } else {
            queue.attributes.insert(key, value);
        }
    }
}

fn is_policy(text: &str) -> bool {
    Document::parse(text).is_ok_and(|document| document.names_principals())
}

fn is_known(name: &str) -> bool {
    let computed = [
        "All",
        "Policy",
        "QueueArn",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
        "ContentBasedDeduplication",
        "KmsDataKeyReusePeriodSeconds",
        "DeduplicationScope",
        "FifoThroughputLimit",
    ];
    computed.contains(&name) || OPTIONAL.contains(&name) || SETTABLE.iter().any(|(known, _)| *known == name)
}

fn all(queue: &Queue, arn: &str) -> Map<String, Value> {
    let mut all = Map::new();
    let mut set = |key: &str, value: String| all.insert(key.to_owned(), json!(value));
    set("QueueArn", arn.to_owned());
    set("CreatedTimestamp", queue.created.to_string());
    set("LastModifiedTimestamp", queue.created.to_string());
    set("ApproximateNumberOfMessages", queue.messages.len().to_string());
    set("ApproximateNumberOfMessagesNotVisible", "0".to_owned());
    set("ApproximateNumberOfMessagesDelayed", "0".to_owned());
    for (key, default) in SETTABLE {
        set(key, default.to_owned());
    }
    for (key, value) in &queue.attributes {
        set(key, value.clone());
    }
    if let Some(policy) = &queue.policy {
        set("Policy", policy.clone());
    }
    all
}
