//! What every change of a bucket's or queue's policy has in common: read, compare with the etag, decide, back up, change,
//! read again.

use serde_json::{Value, json};

use super::{Plan, PlannedCall, PlannedPolicy, Verification, state::State};
use crate::{
    authz::Terms,
    aws::{AwsFailure, Fate, Trail},
    error::{Error, ErrorReason},
    lockout::StatementVerdict,
    types::{AccountId, Region},
};

/// A policy that can be read, installed and removed.
pub(super) trait ManagedPolicy: Sync {
    fn read(&self) -> impl Future<Output = Result<Option<String>, AwsFailure>> + Send;
    fn install(&self, policy: &str) -> impl Future<Output = Result<(), AwsFailure>> + Send;
    fn remove(&self) -> impl Future<Output = Result<(), AwsFailure>> + Send;
    /// The call that takes a step, for plans.
    fn call(&self, step: Step) -> PlannedCall;
    /// ARN of what the policy is attached to.
    fn resource(&self) -> &str;
    fn region(&self) -> &Region;
}

/// A step of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Read,
    Install,
    Remove,
}

/// What somebody wants to make of a policy.
pub(super) trait Intention: Sync {
    /// Decides by the policy as it is.
    fn decide(&self, before: &PreviousPolicy) -> Result<Decision, Error>;
    /// Whether what would be left may be.
    fn approve(&self, after: &After) -> impl Future<Output = Result<(), Error>> + Send;
    /// Whether a policy that AWS refuses to show may be removed unseen, and so without a backup.
    fn acts_unseen(&self) -> bool;
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) after: After,
    pub(super) statements: Vec<JudgedStatement>,
}

/// The policy after the act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    AsBefore,
    Removed,
    /// Some of its statements are gone.
    Cut(String),
    /// Another document.
    Replaced(String),
}

/// The policy before the act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviousPolicy {
    /// There was none.
    None,
    /// As AWS returned it.
    Text(String),
    /// It could not be read; the AWS error code says why.
    Unreadable(String),
}

impl PreviousPolicy {
    /// The document, if there was one and it could be read.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::None | Self::Unreadable(_) => None,
        }
    }
}

/// A statement of the policy before the act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedStatement {
    /// The verdict on it.
    pub verdict: StatementVerdict,
    /// Whether the act removes it.
    pub removed: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyResult {
    /// Nothing.
    NothingToDo,
    /// Some statements were removed.
    StatementsRemoved,
    /// The policy was deleted.
    PolicyDeleted,
    /// Another policy was installed.
    PolicyReplaced,
}

impl PolicyResult {
    /// Name in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NothingToDo => "NOTHING_TO_DO",
            Self::StatementsRemoved => "STATEMENTS_REMOVED",
            Self::PolicyDeleted => "POLICY_DELETED",
            Self::PolicyReplaced => "POLICY_REPLACED",
        }
    }
}

/// What became of a policy.
#[derive(Clone, Debug)]
pub struct PolicyChange {
    /// The policy before.
    pub previous: PreviousPolicy,
    /// Verdicts on it.
    pub statements: Vec<JudgedStatement>,
    /// What was done, or would be done.
    pub result: PolicyResult,
    /// What a second read showed.
    pub verification: Verification,
    /// Filled if only a plan was asked for.
    pub plan: Option<Plan>,
}

impl PolicyChange {
    /// Whether anything was changed; not known where the policy could not be read, for AWS answers a removal the same
    /// whether there was a policy or not.
    #[must_use]
    pub fn changed(&self) -> Option<bool> {
        match (&self.plan, self.result, &self.previous) {
            (Some(_), ..) | (None, PolicyResult::NothingToDo, _) => Some(false),
            (None, _, PreviousPolicy::Unreadable(_)) => None,
            (None, ..) => Some(true),
        }
    }

    /// Whether the policy before was backed up.
    #[must_use]
    pub fn backed_up(&self) -> bool {
        self.changed() == Some(true) && matches!(self.previous, PreviousPolicy::Text(_))
    }

    pub(super) fn detail(&self) -> Value {
        // The text itself is in the backup.
        let unreadable = match &self.previous {
            PreviousPolicy::None | PreviousPolicy::Text(_) => None,
            PreviousPolicy::Unreadable(code) => Some(code),
        };
        let removed: Vec<Value> = self.statements.iter().filter(|statement| statement.removed).map(removed).collect();
        json!({
            "previous_policy_unreadable": unreadable,
            "result": self.result.name(),
            "removed_statements": removed,
            "verification": self.verification.name(),
            "etag": self.plan.as_ref().map(|plan| plan.etag.as_str()),
        })
    }
}

fn removed(statement: &JudgedStatement) -> Value {
    json!({ "index": statement.verdict.index, "sid": statement.verdict.sid })
}

/// Changes a policy as intended, or says what would be done. `before_it` are the calls that were made already.
pub(super) async fn change_policy(
    policy: &impl ManagedPolicy,
    intention: &impl Intention,
    terms: &Terms,
    before_it: Vec<PlannedCall>,
    trail: &Trail,
) -> Result<PolicyChange, Error> {
    let previous = match policy.read().await {
        Ok(None) => PreviousPolicy::None,
        Ok(Some(text)) => PreviousPolicy::Text(text),
        Err(failure) if intention.acts_unseen() => PreviousPolicy::Unreadable(unreadable(failure)?),
        Err(failure) => return Err(failure.into_error()),
    };
    let state = state(policy.resource(), &previous);
    state.check(terms.etag.as_ref())?;
    let Decision { after, statements } = intention.decide(&previous)?;
    intention.approve(&after).await?;
    let result = result(&after);
    if terms.validate_only {
        let plan = plan(policy, &previous, &after, before_it, &state)?;
        let verification = Verification::NothingChanged;
        return Ok(PolicyChange { previous, statements, result, verification, plan: Some(plan) });
    }
    let verification = carry_out(policy, &previous, &after, trail).await?;
    Ok(PolicyChange { previous, statements, result, verification, plan: None })
}

fn state(resource: &str, previous: &PreviousPolicy) -> State {
    match previous {
        PreviousPolicy::None => State::of_policy(resource, None),
        PreviousPolicy::Text(text) => State::of_policy(resource, Some(text)),
        PreviousPolicy::Unreadable(code) => State::of_unreadable_policy(resource, code),
    }
}

const fn result(after: &After) -> PolicyResult {
    match after {
        After::AsBefore => PolicyResult::NothingToDo,
        After::Removed => PolicyResult::PolicyDeleted,
        After::Cut(_) => PolicyResult::StatementsRemoved,
        After::Replaced(_) => PolicyResult::PolicyReplaced,
    }
}

fn plan(
    policy: &impl ManagedPolicy,
    previous: &PreviousPolicy,
    after: &After,
    mut calls: Vec<PlannedCall>,
    state: &State,
) -> Result<Plan, Error> {
    let before = previous.text().map(ToOwned::to_owned);
    let (steps, after): (&[Step], _) = match after {
        After::AsBefore => (&[Step::Read], before.clone()),
        After::Removed => (&[Step::Read, Step::Remove, Step::Read], None),
        After::Cut(text) | After::Replaced(text) => (&[Step::Read, Step::Install, Step::Read], Some(text.clone())),
    };
    calls.extend(steps.iter().map(|step| policy.call(*step)));
    let would_change = steps.len() > 1;
    let policy = Some(PlannedPolicy::new(before, after));
    Ok(Plan { etag: state.etag()?, would_change, calls, policy, credentials: None })
}

/// No backup, no change; then one change, and a look at what it did.
async fn carry_out(
    policy: &impl ManagedPolicy,
    previous: &PreviousPolicy,
    after: &After,
    trail: &Trail,
) -> Result<Verification, Error> {
    if *after == After::AsBefore {
        return Ok(Verification::NothingChanged);
    }
    if let Some(text) = previous.text() {
        trail.back_up(text, policy.region()).await?;
    }
    let (sent, wanted) = match after {
        After::Cut(text) | After::Replaced(text) => (policy.install(text).await, Some(text.as_str())),
        After::Removed | After::AsBefore => (policy.remove().await, None),
    };
    match sent {
        Ok(()) => Ok(look(policy, previous, wanted).await),
        // Only a read tells whether it was done. The old state tells nothing: the change may be on its way.
        Err(failure) if failure.fate == Fate::Unknown => match look(policy, previous, wanted).await {
            Verification::Verified => Ok(Verification::Verified),
            _ => Err(failure.into_unknown()),
        },
        Err(failure) => Err(failure.into_error()),
    }
}

async fn look(policy: &impl ManagedPolicy, previous: &PreviousPolicy, wanted: Option<&str>) -> Verification {
    let Ok(now) = policy.read().await else { return Verification::Unreadable };
    let now = now.as_deref();
    let is_old = match previous {
        PreviousPolicy::None => now.is_none(),
        PreviousPolicy::Text(text) => same(now, Some(text)),
        // Nobody knows what was there.
        PreviousPolicy::Unreadable(_) => true,
    };
    if same(now, wanted) {
        Verification::Verified
    } else if is_old {
        Verification::PendingPropagation
    } else {
        Verification::Overtaken
    }
}

/// Whether two documents say the same. AWS may return a policy in another form than it was given: with other white space, a
/// list of one as the one, lists in another order, an account by its root ARN.
pub(super) fn same(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            let value = |text| serde_json::from_str::<Value>(text).ok().map(normal);
            one == other || value(one).is_some_and(|one| Some(one) == value(other))
        }
        _ => false,
    }
}

/// Lists of texts mean sets everywhere in a policy; the order of statements means nothing either, but AWS keeps it.
fn normal(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(normal).collect();
            if items.iter().all(Value::is_string) {
                items.sort_unstable_by(|a, b| a.as_str().cmp(&b.as_str()));
                items.dedup();
            }
            if items.len() == 1 { items.pop().unwrap_or_default() } else { Value::Array(items) }
        }
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| if key == "AWS" { (key, normal(root_arns(value))) } else { (key, normal(value)) })
                .collect(),
        ),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value,
    }
}

/// An account as a principal is its root user's ARN (IAM User Guide, "AWS JSON policy elements: Principal").
fn root_arns(principal: Value) -> Value {
    match principal {
        Value::String(text) => match text.parse::<AccountId>() {
            Ok(account) => Value::String(account.root_arn()),
            Err(_) => Value::String(text),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(root_arns).collect()),
        other => other,
    }
}

/// A policy that AWS refuses to show does not stop an explicit deletion. Everything else does: a bucket that is not
/// there, and a failure that may be gone in a moment, for then a backup is still to be had.
fn unreadable(failure: AwsFailure) -> Result<String, Error> {
    let code = failure.code_or_fate().to_owned();
    let error = failure.into_error();
    match error.reason() {
        ErrorReason::AwsAccessDenied | ErrorReason::ScpDeny | ErrorReason::RcpDeny => Ok(code),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests;
