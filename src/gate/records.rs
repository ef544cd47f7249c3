//! Turns decisions into journal records, and records into receipts.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::{Claims, Refused, limits, requests};
use crate::{
    authn::Caller,
    authz::{Argument, Ask, Permit},
    aws::{AwsCall, Trail},
    error::{Error, ErrorReason},
    journal::{
        AwsCallRecord, CallerRecord, ErrorRecord, Intent, Outcome, OutcomeResult, Position, Refusal, RequestEnd,
    },
    ops::Conclusion,
    types::{AccountId, OperationId},
};

/// What an operation leaves behind: with the place of its outcome, the caller's receipt.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The operation.
    pub operation_id: OperationId,
    /// The answered AWS calls.
    pub calls: Vec<AwsCall>,
    /// Access key id of its root session.
    pub access_key_id: Option<String>,
    /// Those of its root sessions that expired before it was done.
    pub expired_access_key_ids: Vec<String>,
}

impl Evidence {
    pub(super) fn new(operation_id: OperationId, trail: &Trail) -> Self {
        Self {
            operation_id,
            calls: trail.calls(),
            access_key_id: trail.access_key_id(),
            expired_access_key_ids: trail.expired_access_key_ids(),
        }
    }
}

/// Tells the caller of an error where it is recorded.
pub(super) fn placed(error: Error, operation_id: impl Display, position: Position) -> Error {
    error
        .with_metadata("operation_id", operation_id.to_string())
        .with_metadata("journal_index", position.index.to_string())
        .with_metadata("record_hash", position.hash.to_string())
}

/// A caller's claim can be a whole message long; a record keeps so many characters of it.
const CLAIM_LENGTH_MAX: usize = 256;

pub(super) fn caller(caller: &Caller) -> CallerRecord {
    CallerRecord {
        listener: caller.listener().to_owned(),
        scheme: caller.scheme().name().to_owned(),
        subject: caller.subject().to_owned(),
        groups: caller.groups().clone(),
        attributes: caller.attributes().clone(),
    }
}

pub(super) fn intent<O: Ask>(id: OperationId, permit: &Permit<O>) -> Intent {
    let operation = permit.operation();
    let why = operation.why();
    let argument = |(name, argument): (&str, Argument)| (name.to_owned(), Value::from(&argument));
    let mut arguments: Map<String, Value> = operation.arguments().into_iter().map(argument).collect();
    arguments.extend(operation.particulars().into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    arguments.extend(operation.region().map(|region| ("region".to_owned(), region.as_str().into())));
    arguments.extend(operation.terms().map(|terms| ("validate_only".to_owned(), terms.validate_only.into())));
    let etag = operation.terms().and_then(|terms| terms.etag.as_ref());
    arguments.extend(etag.map(|etag| ("etag".to_owned(), etag.as_str().into())));
    Intent {
        operation_id: id,
        operation: O::KIND,
        caller: caller(permit.caller()),
        account_id: operation.target().account(),
        resource: Some(operation.target().arn()),
        arguments: arguments.into(),
        reason: why.reason.as_str().to_owned(),
        ticket: why.ticket.as_ref().map(|ticket| ticket.as_str().to_owned()),
        policies: permit.policies().to_vec(),
        request: requests::claim(permit),
        exclusive: limits::exclusive(O::KIND),
    }
}

pub(super) fn outcome(
    id: OperationId,
    intent_index: u64,
    account: Option<AccountId>,
    conclusion: Result<&Conclusion, &Error>,
    request: RequestEnd,
    trail: &Trail,
) -> Outcome {
    let error = match conclusion {
        Ok(conclusion) => conclusion.shortfall.as_ref(),
        Err(error) => Some(error),
    };
    let conclusion = conclusion.ok();
    Outcome {
        operation_id: id,
        intent_index,
        account_id: account,
        result: result_of(error),
        changed: conclusion.and_then(|conclusion| conclusion.changed),
        error: error.map(error_record),
        detail: detail(conclusion, trail),
        aws_calls: trail.calls().into_iter().map(call_record).collect(),
        access_key_id: trail.access_key_id(),
        request,
    }
}

/// What the act says of itself, where the policy that it removed is kept, and which of its sessions ended before it.
fn detail(conclusion: Option<&Conclusion>, trail: &Trail) -> Value {
    let detail = conclusion.map_or(Value::Null, |conclusion| conclusion.detail.clone());
    let index = trail.backup_index().map(|index| ("backup_index".to_owned(), index.into()));
    let expired = Some(trail.expired_access_key_ids()).filter(|ids| !ids.is_empty());
    let expired = expired.map(|ids| ("expired_access_key_ids".to_owned(), ids.into()));
    let more: Vec<(String, Value)> = index.into_iter().chain(expired).collect();
    if more.is_empty() {
        return detail;
    }
    let mut detail = match detail {
        Value::Object(detail) => detail,
        _ => Map::new(),
    };
    detail.extend(more);
    detail.into()
}

fn result_of(error: Option<&Error>) -> OutcomeResult {
    match error.map(Error::reason) {
        None => OutcomeResult::Succeeded,
        Some(ErrorReason::OutcomeUnknown) => OutcomeResult::Unknown,
        Some(_) => OutcomeResult::Failed,
    }
}

pub(super) fn refusal(id: OperationId, claims: Claims, refused: &Refused, unrecorded_before: u64) -> Refusal {
    Refusal {
        operation_id: id,
        rpc: claims.rpc.to_owned(),
        caller: refused.caller.as_deref().cloned(),
        account_id: claim(&claims.account_id),
        resource: claim(&claims.resource),
        reason: claim(&claims.reason),
        ticket: claim(&claims.ticket),
        error: error_record(&refused.error),
        policies: refused.policies.clone(),
        unrecorded_before,
    }
}

fn claim(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.chars().take(CLAIM_LENGTH_MAX).collect())
}

fn error_record(error: &Error) -> ErrorRecord {
    ErrorRecord { reason: error.reason().name().to_owned(), message: error.private().to_owned() }
}

fn call_record(call: AwsCall) -> AwsCallRecord {
    AwsCallRecord {
        service: call.service.to_owned(),
        operation: call.operation.to_owned(),
        request_id: call.request_id,
        error_code: call.error_code,
    }
}
