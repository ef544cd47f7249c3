//! Message to operation: parse, don't validate. All fields that break a rule are named at once.

mod explain;
mod journal;
mod page;
mod restore;
mod unlock;

pub(super) use explain::explain_access;
pub(super) use journal::{get_checkpoint, list_records, records_page_token};
pub(super) use restore::{list_policy_backups, page_token, restore_bucket_policy, restore_queue_policy};
pub(super) use unlock::{unlock_bucket_policy, unlock_queue_policy};

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use super::SessionDurations;
use crate::{
    authz::{Terms, Why},
    clock::Timestamp,
    error::{Error, ErrorReason},
    ops::{AllowPasswordRecovery, AssumeRoot, AuditRootCredentials, DeleteRootCredentials, SessionDuration},
    pb,
    types::{AccountId, CredentialKind, Exposure, QueueRef, Rule, TaskPolicy, Violation},
};

/// Collects what is wrong with a message.
#[derive(Default)]
struct Fields {
    violations: Vec<Violation>,
    not_served: Vec<&'static str>,
}

impl Fields {
    /// The parsed field; what is wrong with it is kept.
    fn parse<T: FromStr<Err = Rule>>(&mut self, field: &'static str, text: &str) -> Option<T> {
        self.take(field, text.parse())
    }

    /// The same for a field that may be unset.
    fn parse_optional<T: FromStr<Err = Rule>>(&mut self, field: &'static str, text: &str) -> Option<T> {
        if text.is_empty() { None } else { self.parse(field, text) }
    }

    fn take<T>(&mut self, field: &'static str, result: Result<T, Rule>) -> Option<T> {
        result.map_err(|rule| self.violations.push(Violation::new(field, rule))).ok()
    }

    fn wrong(&mut self, field: &'static str, rule: &'static str) {
        self.violations.push(Violation::new(field, Rule::new(rule)));
    }

    /// An argument that a later version serves is refused, never ignored.
    fn not_served(&mut self, field: &'static str, is_set: bool) {
        if is_set {
            self.not_served.push(field);
        }
    }

    fn why(&mut self, message: &impl Common) -> Option<Why> {
        let reason = self.parse("reason", message.reason());
        let ticket = self.parse_optional("ticket", message.ticket());
        Some(Why { reason: reason?, ticket })
    }

    /// The operation, if nothing was wrong.
    fn finish<O>(self, operation: Option<O>) -> Result<O, Error> {
        if !self.violations.is_empty() {
            return Err(Error::invalid(self.violations));
        }
        if !self.not_served.is_empty() {
            let fields = &self.not_served;
            let each = fields.iter().map(|field| format!("{field} (leave it unset)"));
            let words = format!("not served yet: {}", each.collect::<Vec<_>>().join(", "));
            return Err(Error::new(ErrorReason::NotServed, words).with_metadata("fields", fields.join(",")));
        }
        operation.ok_or_else(|| Error::internal("a message without violation gave no operation"))
    }
}

/// What every request carries.
pub(super) trait Common: Send + 'static {
    fn account_id(&self) -> &str;
    fn reason(&self) -> &str;
    fn ticket(&self) -> &str;
    fn resource(&self) -> &str {
        ""
    }
}

macro_rules! common {
    ($($message:ident $(, resource = |$this:ident| $resource:expr)?;)*) => {$(
        impl Common for pb::$message {
            fn account_id(&self) -> &str {
                &self.account_id
            }
            fn reason(&self) -> &str {
                &self.reason
            }
            fn ticket(&self) -> &str {
                &self.ticket
            }
            $(fn resource(&self) -> &str {
                let $this = self;
                $resource
            })?
        }
    )*};
}

common! {
    AssumeRootRequest;
    UnlockBucketPolicyRequest, resource = |message| &message.bucket;
    UnlockQueuePolicyRequest, resource = |message| unlock::queue_claim(message);
    DeleteRootCredentialsRequest;
    AllowPasswordRecoveryRequest;
    AuditRootCredentialsRequest;
    RestoreBucketPolicyRequest, resource = |message| &message.bucket;
    RestoreQueuePolicyRequest, resource = |message| &message.queue_arn;
    ListPolicyBackupsRequest, resource = |message| restore::resource_claim(message);
    ListRecordsRequest;
}

/// What every message that changes something says beside: its terms, and arguments that a later version serves.
macro_rules! terms {
    ($fields:ident, $message:ident) => {{
        $fields.not_served("approval_id", !$message.approval_id.is_empty());
        Terms {
            validate_only: $message.validate_only,
            etag: $fields.parse_optional("etag", &$message.etag),
            request_id: $fields.parse_optional("request_id", &$message.request_id),
        }
    }};
}

use terms;

pub(super) fn assume_root(message: &pb::AssumeRootRequest, durations: SessionDurations) -> Result<AssumeRoot, Error> {
    let mut fields = Fields::default();
    let terms = terms!(fields, message);
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    let task_policy = task_policy(&mut fields, message.task_policy);
    let duration = duration(&mut fields, message.duration.as_ref(), durations);
    let operation = account.zip(why).zip(task_policy.zip(duration));
    fields.finish(operation.map(|((account, why), (task_policy, duration))| AssumeRoot {
        account,
        task_policy,
        duration,
        terms,
        why,
    }))
}

fn task_policy(fields: &mut Fields, number: i32) -> Option<TaskPolicy> {
    match pb::TaskPolicy::try_from(number) {
        Ok(pb::TaskPolicy::IamAuditRootUserCredentials) => Some(TaskPolicy::IamAuditRootUserCredentials),
        Ok(pb::TaskPolicy::IamCreateRootUserPassword) => Some(TaskPolicy::IamCreateRootUserPassword),
        Ok(pb::TaskPolicy::IamDeleteRootUserCredentials) => Some(TaskPolicy::IamDeleteRootUserCredentials),
        Ok(pb::TaskPolicy::S3UnlockBucketPolicy) => Some(TaskPolicy::S3UnlockBucketPolicy),
        Ok(pb::TaskPolicy::SqsUnlockQueuePolicy) => Some(TaskPolicy::SqsUnlockQueuePolicy),
        Ok(pb::TaskPolicy::Unspecified) | Err(_) => {
            fields.wrong("task_policy", "is required and must be one of the five root-task policies");
            None
        }
    }
}

fn duration(
    fields: &mut Fields,
    asked: Option<&prost_types::Duration>,
    durations: SessionDurations,
) -> Option<SessionDuration> {
    let Some(asked) = asked else { return Some(durations.default) };
    // By hand: prost-types negates what it is given, and overflows at the smallest number.
    let seconds = u64::try_from(asked.seconds).ok().filter(|_| asked.nanos == 0).unwrap_or_default();
    let duration = fields.take("duration", SessionDuration::try_from(Duration::from_secs(seconds)))?;
    if duration > durations.max {
        let cap = durations.max.seconds();
        let rule = Rule(format!("must be at most {cap} seconds, the cap of this gateway").into());
        return fields.take("duration", Err(rule));
    }
    Some(duration)
}

pub(super) fn delete_root_credentials(
    message: &pb::DeleteRootCredentialsRequest,
) -> Result<DeleteRootCredentials, Error> {
    let mut fields = Fields::default();
    let terms = terms!(fields, message);
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    let kinds = fields.take("credential_kinds", credential_kinds(&message.credential_kinds));
    let operation = account.zip(why).zip(kinds);
    fields.finish(operation.map(|((account, why), kinds)| DeleteRootCredentials { account, kinds, terms, why }))
}

/// A moment that every clock and every policy knows.
fn moment(fields: &mut Fields, field: &'static str, at: &prost_types::Timestamp) -> Option<Timestamp> {
    let nanos = u32::try_from(at.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    // The years 1 to 9999, as the proto of Timestamp says.
    let seconds = Some(at.seconds).filter(|seconds| (-62_135_596_800..253_402_300_800).contains(seconds));
    let Some((seconds, nanos)) = seconds.zip(nanos) else {
        fields.wrong(field, "must be a moment between the years 1 and 9999");
        return None;
    };
    Some(Timestamp::from_unix(seconds, nanos))
}

/// To whom a policy may grant; nobody outside the organization if nothing is said.
fn accept_exposure(fields: &mut Fields, number: i32) -> Option<Exposure> {
    match pb::Exposure::try_from(number) {
        Ok(pb::Exposure::Unspecified | pb::Exposure::Organization) => Some(Exposure::Organization),
        Ok(pb::Exposure::OutsideOrganization) => Some(Exposure::OutsideOrganization),
        Ok(pb::Exposure::Public) => Some(Exposure::Public),
        Err(_) => {
            fields.wrong("accept_exposure", "must be a known Exposure");
            None
        }
    }
}

/// A queue by its ARN, owned by the account that the request names.
fn queue_by_arn(fields: &mut Fields, arn: &str, account: Option<AccountId>) -> Option<QueueRef> {
    let queue = fields.take("queue_arn", QueueRef::from_arn(arn));
    owned(fields, "queue_arn", queue?, account)
}

fn owned(fields: &mut Fields, field: &'static str, queue: QueueRef, account: Option<AccountId>) -> Option<QueueRef> {
    if account.is_some_and(|account| account != queue.account) {
        fields.wrong(field, "must name a queue of account_id, not of another account");
        return None;
    }
    Some(queue)
}

fn credential_kinds(numbers: &[i32]) -> Result<BTreeSet<CredentialKind>, Rule> {
    if let [only] = numbers
        && pb::CredentialKind::try_from(*only) == Ok(pb::CredentialKind::All)
    {
        return Ok(CredentialKind::ALL.into());
    }
    if numbers.is_empty() {
        return Err(Rule::new("is required: name the kinds, or CREDENTIAL_KIND_ALL"));
    }
    numbers.iter().map(|number| credential_kind(*number)).collect()
}

fn credential_kind(number: i32) -> Result<CredentialKind, Rule> {
    match pb::CredentialKind::try_from(number) {
        Ok(pb::CredentialKind::LoginProfile) => Ok(CredentialKind::LoginProfile),
        Ok(pb::CredentialKind::AccessKey) => Ok(CredentialKind::AccessKey),
        Ok(pb::CredentialKind::SigningCertificate) => Ok(CredentialKind::SigningCertificate),
        Ok(pb::CredentialKind::MfaDevice) => Ok(CredentialKind::MfaDevice),
        Ok(pb::CredentialKind::All) => Err(Rule::new("CREDENTIAL_KIND_ALL must stand alone")),
        Ok(pb::CredentialKind::Unspecified) | Err(_) => Err(Rule::new("must be known CredentialKinds")),
    }
}

pub(super) fn allow_password_recovery(
    message: &pb::AllowPasswordRecoveryRequest,
) -> Result<AllowPasswordRecovery, Error> {
    let mut fields = Fields::default();
    let terms = terms!(fields, message);
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    fields.finish(account.zip(why).map(|(account, why)| AllowPasswordRecovery { account, terms, why }))
}

pub(super) fn audit_root_credentials(message: &pb::AuditRootCredentialsRequest) -> Result<AuditRootCredentials, Error> {
    let mut fields = Fields::default();
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    fields.finish(account.zip(why).map(|(account, why)| AuditRootCredentials { account, why }))
}

#[cfg(test)]
mod tests;
