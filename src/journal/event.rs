//! What can be recorded.

mod members;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::{
    clock::Timestamp,
    types::{AccountId, Kind, OperationId, RecordKind},
};

/// One thing to record. In the stored body the variant's name is the member `event`, beside the variant's own members.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event")]
pub enum Event {
    /// The gateway came up; appended by the application, which knows what it runs with.
    Started {
        /// Version of the gateway.
        version: String,
        /// SHA-256 of the configuration, as hexadecimal digits.
        configuration_sha256: Option<String>,
        /// SHA-256 of the policies, as hexadecimal digits.
        policy_sha256: Option<String>,
    },
    /// Something that says who is believed or what is allowed was replaced while the gateway runs. Policies are in force
    /// only after this record, the others since just before.
    Reloaded {
        /// What: `policies`, `organization`, `tls:LISTENER` or `jwt:ISSUER`.
        what: String,
        /// SHA-256 of the policies, as in `Started`; none for the others.
        sha256: Option<String>,
    },
    /// The gateway went down in order. A `Started` without a `Stopped` before it tells of a crash.
    Stopped {},
    /// An act was allowed and is about to start.
    Intent(Intent),
    /// The policy that an act is about to change, kept before it is changed.
    Backup(Backup),
    /// Ids of requests were forgotten because of their age: a repetition is a new request from here on.
    RequestsForgotten {
        /// How many.
        count: u64,
        /// Those whose intents were recorded before this moment.
        #[serde(serialize_with = "members::as_text")]
        older_than: Timestamp,
    },
    /// Records were moved into a file of their own, which holds them to the byte. They are not in the store any more; the
    /// chain goes on after them.
    Archived {
        /// The first of them.
        first_index: u64,
        /// The last of them.
        last_index: u64,
        /// Hash of the last of them.
        last_hash: String,
        /// SHA-256 of the file, as hexadecimal digits.
        file_sha256: String,
    },
    /// A request was repeated, and got the reply of the first time. Nothing was done.
    Repeated {
        /// Operation of the first time.
        operation_id: String,
        /// Index of the intent of the first time.
        intent_index: u64,
        /// The caller's id of the request.
        request_id: String,
        /// Target account of the first time, so that all records about an account are found by it.
        #[serde(serialize_with = "members::as_optional_text")]
        account_id: Option<AccountId>,
        /// Who asked again.
        caller: CallerRecord,
    },
    /// Kept policies were deleted because of their age. Their records, with hashes and reasons, stay.
    BackupsExpired {
        /// How many.
        count: u64,
        /// Those that were recorded before this moment.
        #[serde(serialize_with = "members::as_text")]
        older_than: Timestamp,
    },
    /// How an act ended.
    Outcome(Outcome),
    /// An outcome whose intent is not open; it closes nothing. Where several gateways write: this one stood still or was cut off
    /// from the journal for longer than its lease, and another closed the intent as [`Event::Interrupted`], perhaps with an
    /// act of its own on the same target since. Else only a defect of the gateway can cause it.
    StrayOutcome(Outcome),
    /// A call was refused.
    Refusal(Refusal),
    /// The gateway ended between an intent and its outcome; written at the next start. Where several gateways write: it gave
    /// no sign of life for the time of its lease; written by another, and should it live after all, how the act ended
    /// follows as [`Event::StrayOutcome`]. Until then nobody knows whether the act happened: a person has to look.
    Interrupted {
        /// Operation of the intent.
        operation_id: String,
        /// Index of the intent.
        intent_index: u64,
        /// Target account of the intent; empty for an act on the whole journal.
        account_id: String,
    },
}

/// What is about to be done, for whom and why.
#[derive(Clone, Debug, Serialize)]
pub struct Intent {
    /// The operation.
    #[serde(serialize_with = "members::as_text")]
    pub operation_id: OperationId,
    /// What kind of act.
    #[serde(serialize_with = "members::as_text")]
    pub operation: Kind,
    /// Who asked.
    pub caller: CallerRecord,
    /// Target account; none for an act on the whole journal.
    #[serde(serialize_with = "members::as_optional_text")]
    pub account_id: Option<AccountId>,
    /// ARN of the target resource, where the act has one.
    pub resource: Option<String>,
    /// The act's own arguments, an object.
    pub arguments: Value,
    /// The caller's reason.
    pub reason: String,
    /// The caller's ticket.
    pub ticket: Option<String>,
    /// Ids of the policies that decided.
    pub policies: Vec<String>,
    /// What makes a repetition of the request known, where the caller gave it an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestClaim>,
    /// Whether nobody else may work on the target until the intent is closed.
    #[serde(skip)]
    pub exclusive: bool,
}

impl Intent {
    /// What the intent holds alone while it is open.
    pub(super) fn held_target(&self) -> Option<String> {
        let target = || self.resource.clone().or_else(|| self.account_id.map(|account| account.to_string()));
        self.exclusive.then(target).flatten()
    }
}

/// A request that its caller gave an id, so that repeating it does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestClaim {
    /// The caller's id of it.
    pub request_id: String,
    /// SHA-256 of what was asked, as hexadecimal digits.
    pub digest: String,
}

/// The only undo of a change, durable before the change. One for each operation.
///
/// It repeats who and why from its intent, so that a list of backups needs no other record.
#[derive(Clone, Debug, Serialize)]
pub struct Backup {
    /// The operation, whose id is the backup's too.
    #[serde(serialize_with = "members::as_text")]
    pub operation_id: OperationId,
    /// Index of its intent.
    pub intent_index: u64,
    /// What kind of act.
    #[serde(serialize_with = "members::as_text")]
    pub operation: Kind,
    /// Account that the resource is in.
    #[serde(serialize_with = "members::as_text")]
    pub account_id: AccountId,
    /// ARN of the resource.
    pub resource: String,
    /// Region of the resource; empty where it is not known.
    pub region: String,
    /// Subject of the caller.
    pub caller: String,
    /// The caller's reason.
    pub reason: String,
    /// The caller's ticket.
    pub ticket: Option<String>,
    /// The policy document, byte for byte as AWS returned it, at most [`POLICY_BYTES_MAX`](super::POLICY_BYTES_MAX). In the
    /// body stand `policy_sha256` and `policy_bytes` instead.
    #[serde(flatten, serialize_with = "members::digest_of")]
    pub policy: String,
}

/// How an act ended.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The operation.
    #[serde(serialize_with = "members::as_text")]
    pub operation_id: OperationId,
    /// Index of the intent that this outcome closes.
    pub intent_index: u64,
    /// Target account, so that all records about an account are found by it.
    #[serde(serialize_with = "members::as_optional_text")]
    pub account_id: Option<AccountId>,
    /// How it ended.
    pub result: OutcomeResult,
    /// Whether anything was changed on AWS; none when that is not known.
    pub changed: Option<bool>,
    /// What went wrong.
    pub error: Option<ErrorRecord>,
    /// The act's own account of what it did. Replaced by a marked placeholder when it is too large.
    pub detail: Value,
    /// The calls that were made to AWS.
    pub aws_calls: Vec<AwsCallRecord>,
    /// Access key id of the root session, by which CloudTrail of the target account knows the act.
    pub access_key_id: Option<String>,
    /// What a repetition of the request will be answered. In the body stands `reply_sha256` instead.
    #[serde(flatten, serialize_with = "members::digest_of_reply")]
    pub request: RequestEnd,
}

/// What becomes of the id that the caller gave its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequestEnd {
    /// The request has none.
    #[default]
    NoRequest,
    /// It can be used again, because nothing was done and trying again makes sense.
    Release,
    /// A repetition gets this reply.
    Keep(Vec<u8>),
    /// A repetition learns that nobody knows what became of it.
    Interrupted,
}

/// How an act ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum OutcomeResult {
    /// It was done.
    Succeeded,
    /// It was not done, or not to the end.
    Failed,
    /// A reply was lost: it may have been done.
    Unknown,
}

/// A call that was not allowed or not understood.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// The operation.
    #[serde(serialize_with = "members::as_text")]
    pub operation_id: OperationId,
    /// Name of the RPC.
    pub rpc: String,
    /// Who asked; none when nobody was proven.
    pub caller: Option<CallerRecord>,
    /// Target account as it was sent.
    pub account_id: Option<String>,
    /// Target resource as it was sent.
    pub resource: Option<String>,
    /// The caller's reason as it was sent.
    pub reason: Option<String>,
    /// The caller's ticket as it was sent.
    pub ticket: Option<String>,
    /// Why it was refused.
    pub error: ErrorRecord,
    /// Ids of the policies that decided.
    pub policies: Vec<String>,
    /// Refusals that were sampled away since the last one that was recorded.
    pub unrecorded_before: u64,
}

/// An authenticated identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallerRecord {
    /// Name of the listener that the caller came through.
    pub listener: String,
    /// How the identity was proven.
    pub scheme: String,
    /// Stable id of the caller.
    pub subject: String,
    /// Groups that its proof itself named, by the issuer's configuration. Those that `[authorization.groups]` lists it in
    /// are known by the configuration's digest in `Started`.
    pub groups: BTreeSet<String>,
    /// Facts about the caller that policies see.
    pub attributes: BTreeMap<String, String>,
}

impl CallerRecord {
    /// By what requests of this caller are told from those of others. No scheme's name holds a colon.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}", self.scheme, self.subject)
    }
}

/// An error as the caller got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorRecord {
    /// Machine-readable reason.
    pub reason: String,
    /// Text for people.
    pub message: String,
}

/// One call to AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AwsCallRecord {
    /// Service, such as `sts`.
    pub service: String,
    /// Operation, such as `AssumeRoot`.
    pub operation: String,
    /// Request id of the reply.
    pub request_id: Option<String>,
    /// Error code of the reply.
    pub error_code: Option<String>,
}

impl Event {
    /// What it tells of, which is its member `event` in a stored body.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::Started { .. } => RecordKind::Started,
            Self::Reloaded { .. } => RecordKind::Reloaded,
            Self::Stopped {} => RecordKind::Stopped,
            Self::Intent(_) => RecordKind::Intent,
            Self::Backup(_) => RecordKind::Backup,
            Self::BackupsExpired { .. } => RecordKind::BackupsExpired,
            Self::RequestsForgotten { .. } => RecordKind::RequestsForgotten,
            Self::Repeated { .. } => RecordKind::Repeated,
            Self::Archived { .. } => RecordKind::Archived,
            Self::Outcome(_) => RecordKind::Outcome,
            Self::StrayOutcome(_) => RecordKind::StrayOutcome,
            Self::Refusal(_) => RecordKind::Refusal,
            Self::Interrupted { .. } => RecordKind::Interrupted,
        }
    }

    /// The outcome of an intent that landed although its caller was told that it did not.
    pub(super) fn not_confirmed(operation_id: OperationId, intent_index: u64, account_id: Option<AccountId>) -> Self {
        Self::Outcome(Outcome {
            operation_id,
            intent_index,
            account_id,
            result: OutcomeResult::Failed,
            changed: Some(false),
            error: Some(ErrorRecord {
                reason: "INTENT_NOT_CONFIRMED".to_owned(),
                message: "nobody was told that the intent is recorded, so its act was not started".to_owned(),
            }),
            detail: Value::Object(serde_json::Map::new()),
            aws_calls: Vec::new(),
            access_key_id: None,
            request: RequestEnd::Release,
        })
    }
}
