//! Events as JSON, within the bound of a body.

use std::sync::Arc;

use serde::Serialize as _;
use serde_json::{Value, json};

use super::super::{AppendError, BODY_BYTES_MAX, Backup, Event, Intent, POLICY_BYTES_MAX, RequestClaim, RequestEnd};
use crate::{
    store::RequestKey,
    types::{AccountId, OperationId},
};

/// Room for what the writer puts before the event's own members: braces, index, time and the mark of a late clock.
const PREFIX_BYTES_MAX: usize = 128;
/// Longest event in bytes.
const EVENT_BYTES_MAX: usize = BODY_BYTES_MAX - PREFIX_BYTES_MAX;
/// Members above this are replaced when the rest is still too large. No event has so many members that those below
/// it could fill a body.
const MEMBER_BYTES_MAX: usize = 2 * 1024;

/// What to do with an event that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Oversize {
    /// Refuse it: the act has not begun.
    Refuse,
    /// Put placeholders for its large parts: it tells of something that has happened, and must not be lost.
    Trim,
}

/// An event that is ready for the writer.
#[derive(Clone, Debug)]
pub(in super::super) struct Encoded {
    /// The event as a JSON object.
    pub json: String,
    /// What it does to the list of open intents.
    pub effect: Effect,
    /// Operation and target account, if this is an intent.
    pub intent: Option<(OperationId, Option<AccountId>)>,
    /// What goes into the table of backups, if this is one.
    pub backup: Option<Arc<Backup>>,
    /// What an intent has for itself.
    pub claims: Claims,
    /// What becomes of the request of an intent that this closes.
    pub request: RequestEnd,
}

/// What an intent has for itself: nobody else may get the same.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Claims {
    /// The target, as long as it is open.
    pub target: Option<String>,
    /// The request, for as long as requests are known.
    pub request: Option<(RequestKey, String)>,
}

/// What a record does to the list of open intents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Effect {
    None,
    /// It is an intent.
    Opens {
        operation_id: String,
    },
    /// It closes the intent at this index.
    Closes {
        operation_id: String,
        intent_index: u64,
    },
}

/// Encodes an event.
pub(in super::super) fn encode(event: &Event, oversize: Oversize) -> Result<Encoded, AppendError> {
    let backup = if let Event::Backup(backup) = event { Some(backup) } else { None };
    if let Some(bytes) = backup.map(|backup| backup.policy.len()).filter(|bytes| *bytes > POLICY_BYTES_MAX) {
        return Err(AppendError::PolicyTooLarge { bytes, bytes_max: POLICY_BYTES_MAX });
    }
    let unencodable = |error: serde_json::Error| AppendError::Unencodable(error.to_string());
    let json = serde_json::to_string(event).map_err(unencodable)?;
    let json = match oversize {
        _ if json.len() <= EVENT_BYTES_MAX => json,
        Oversize::Refuse => {
            return Err(AppendError::TooLarge { bytes: json.len(), bytes_max: EVENT_BYTES_MAX });
        }
        Oversize::Trim => trim(event.serialize(serde_json::value::Serializer).map_err(unencodable)?),
    };
    let intent = if let Event::Intent(intent) = event { Some(intent) } else { None };
    let backup = backup.map(|backup| Arc::new(backup.clone()));
    let request = match event {
        Event::Outcome(outcome) => outcome.request.clone(),
        Event::Interrupted { .. } => RequestEnd::Interrupted,
        _ => RequestEnd::NoRequest,
    };
    let claims = intent.map(claims).unwrap_or_default();
    if backup.as_deref().is_some_and(has_nul) || claims.texts().any(|text| text.contains('\0')) {
        // PostgreSQL's texts cannot hold it, and refuse the whole batch. JSON escapes it.
        return Err(AppendError::Unencodable("a text that is stored beside the record holds NUL".to_owned()));
    }
    let intent = intent.map(|intent| (intent.operation_id, intent.account_id));
    Ok(Encoded { json, effect: effect(event), intent, backup, claims, request })
}

impl Claims {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let request = self.request.iter().flat_map(|(key, digest)| [&key.caller, &key.request_id, digest]);
        self.target.iter().chain(request).map(String::as_str)
    }
}

fn has_nul(backup: &Backup) -> bool {
    let Backup { resource, region, caller, reason, ticket, policy, .. } = backup;
    let texts = [resource, region, caller, reason, policy].into_iter().chain(ticket);
    texts.into_iter().any(|text| text.contains('\0'))
}

fn claims(intent: &Intent) -> Claims {
    let key = |claim: &RequestClaim| RequestKey { caller: intent.caller.key(), request_id: claim.request_id.clone() };
    let request = intent.request.as_ref().map(|claim| (key(claim), claim.digest.clone()));
    Claims { target: intent.held_target(), request }
}

fn effect(event: &Event) -> Effect {
    match event {
        Event::Intent(intent) => Effect::Opens { operation_id: intent.operation_id.to_string() },
        Event::Outcome(outcome) => {
            Effect::Closes { operation_id: outcome.operation_id.to_string(), intent_index: outcome.intent_index }
        }
        Event::Interrupted { operation_id, intent_index, .. } => {
            Effect::Closes { operation_id: operation_id.clone(), intent_index: *intent_index }
        }
        Event::Started { .. }
        | Event::Reloaded { .. }
        | Event::Stopped {}
        | Event::Backup(_)
        | Event::BackupsExpired { .. }
        | Event::RequestsForgotten { .. }
        | Event::Repeated { .. }
        | Event::Archived { .. }
        | Event::StrayOutcome(_)
        | Event::Refusal(_) => Effect::None,
    }
}

/// First the detail goes, which is the only part without a bound of its own, then every large member.
fn trim(mut event: Value) -> String {
    if let Some(detail) = event.get_mut("detail") {
        *detail = placeholder(detail);
    }
    if event.to_string().len() > EVENT_BYTES_MAX {
        let members = event.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
        members.filter(|member| member.to_string().len() > MEMBER_BYTES_MAX).for_each(|member| {
            *member = placeholder(member);
        });
    }
    event.to_string()
}

/// Stands for a part that was too large, and says how large it was.
fn placeholder(value: &Value) -> Value {
    json!({ "trimmed": true, "bytes": value.to_string().len() })
}
