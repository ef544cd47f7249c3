//! How a policy is to be unlocked, and whose.

use super::{Fields, accept_exposure, owned, queue_by_arn, terms};
use crate::{
    authz::Terms,
    error::Error,
    lockout::Pick,
    ops::{PolicyDocument, UnlockBucketPolicy, UnlockMode, UnlockQueuePolicy},
    pb::{self, statement_selector::Selector},
    types::{AccountId, Exposure, QueueRef, Rule},
};

/// A policy of 20 KB has room for about as many; who removes more than this deletes or replaces it.
const STATEMENTS_MAX: usize = 100;
/// Longest `Sid`: a policy could hold longer ones, and nobody types them.
const SID_BYTES_MAX: usize = 2048;

/// They have the same names in both messages.
macro_rules! asked {
    ($message:ident) => {
        Asked {
            mode: $message.mode,
            replacement_policy: &$message.replacement_policy,
            statements: &$message.statements,
            accept_exposure: $message.accept_exposure,
        }
    };
}

pub(in super::super) fn unlock_bucket_policy(
    message: &pb::UnlockBucketPolicyRequest,
) -> Result<UnlockBucketPolicy, Error> {
    let mut fields = Fields::default();
    let terms = terms!(fields, message);
    let mode = asked!(message).mode(&mut fields, &terms);
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    let bucket = fields.parse("bucket", &message.bucket);
    let region = fields.parse_optional("region", &message.region);
    let operation = account.zip(why).zip(bucket.zip(mode));
    fields.finish(operation.map(|((account, why), (bucket, (mode, accept_exposure)))| UnlockBucketPolicy {
        account,
        bucket,
        region,
        mode,
        accept_exposure,
        terms,
        why,
    }))
}

pub(in super::super) fn unlock_queue_policy(
    message: &pb::UnlockQueuePolicyRequest,
) -> Result<UnlockQueuePolicy, Error> {
    let mut fields = Fields::default();
    let terms = terms!(fields, message);
    let mode = asked!(message).mode(&mut fields, &terms);
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    let queue = queue(&mut fields, message, account);
    let operation = queue.zip(why).zip(mode);
    fields.finish(operation.map(|((queue, why), (mode, accept_exposure))| UnlockQueuePolicy {
        queue,
        mode,
        accept_exposure,
        terms,
        why,
    }))
}

/// The fields that say how.
struct Asked<'m> {
    mode: i32,
    replacement_policy: &'m str,
    statements: &'m [pb::StatementSelector],
    accept_exposure: i32,
}

impl Asked<'_> {
    /// The mode, and what the policy that it leaves may grant.
    fn mode(&self, fields: &mut Fields, terms: &Terms) -> Option<(UnlockMode, Exposure)> {
        self.mode_alone(fields, terms).zip(accept_exposure(fields, self.accept_exposure))
    }

    /// The mode, which decides what the other fields may be.
    fn mode_alone(&self, fields: &mut Fields, terms: &Terms) -> Option<UnlockMode> {
        let mode = pb::UnlockMode::try_from(self.mode);
        if mode.is_err() {
            fields.wrong("mode", "must be a known UnlockMode");
        }
        let (replaces, lists) =
            (mode == Ok(pb::UnlockMode::ReplacePolicy), mode == Ok(pb::UnlockMode::RemoveListedStatements));
        if !replaces && !self.replacement_policy.is_empty() {
            fields.wrong("replacement_policy", "must be unset, except with mode REPLACE_POLICY");
        }
        if mode == Ok(pb::UnlockMode::DeletePolicy) && self.accept_exposure != 0 {
            fields.wrong("accept_exposure", "must be unset with mode DELETE_POLICY, which leaves nothing");
        }
        if !lists && !self.statements.is_empty() {
            fields.wrong("statements", "must be unset, except with mode REMOVE_LISTED_STATEMENTS");
        }
        match mode.ok()? {
            pb::UnlockMode::Unspecified | pb::UnlockMode::RemoveLockingStatements => {
                Some(UnlockMode::RemoveLockingStatements)
            }
            pb::UnlockMode::DeletePolicy => Some(UnlockMode::DeletePolicy),
            pb::UnlockMode::RemoveListedStatements => {
                let picks = fields.take("statements", picks(self.statements, terms))?;
                Some(UnlockMode::RemoveListedStatements(picks))
            }
            pb::UnlockMode::ReplacePolicy => {
                let document = PolicyDocument::try_from(self.replacement_policy.to_owned());
                let document = fields.take("replacement_policy", document)?;
                Some(UnlockMode::ReplacePolicy(document))
            }
        }
    }
}

fn picks(statements: &[pb::StatementSelector], terms: &Terms) -> Result<Vec<Pick>, Rule> {
    if !(1..=STATEMENTS_MAX).contains(&statements.len()) {
        return Err(Rule::new("must name 1 to 100 statements with mode REMOVE_LISTED_STATEMENTS"));
    }
    statements.iter().map(|statement| pick(statement, terms)).collect()
}

fn pick(statement: &pb::StatementSelector, terms: &Terms) -> Result<Pick, Rule> {
    match &statement.selector {
        Some(Selector::Sid(sid)) if (1..=SID_BYTES_MAX).contains(&sid.len()) => Ok(Pick::Sid(sid.clone())),
        Some(Selector::Sid(_)) => Err(Rule::new("sid must be 1 to 2048 bytes long")),
        // By the time of the act another statement can stand there.
        Some(Selector::Index(_)) if terms.etag.is_none() && !terms.validate_only => {
            Err(Rule::new("index needs the etag of the plan that showed it, or validate_only"))
        }
        Some(Selector::Index(index)) => {
            usize::try_from(*index).map(Pick::Index).map_err(|_| Rule::new("index must not be negative"))
        }
        None => Err(Rule::new("each must set sid or index")),
    }
}

/// The queue, named in exactly one of three ways, and owned by the account that the request names.
fn queue(fields: &mut Fields, message: &pb::UnlockQueuePolicyRequest, account: Option<AccountId>) -> Option<QueueRef> {
    let is_set = |text: &String| !text.is_empty();
    let names = [&message.queue_arn, &message.queue_url, &message.queue_name];
    if names.into_iter().filter(|text| is_set(text)).count() != 1 {
        fields.wrong("queue_arn", "exactly one of queue_arn, queue_url and queue_name must be set");
        return None;
    }
    if is_set(&message.queue_name) {
        let name = fields.parse("queue_name", &message.queue_name);
        if message.region.is_empty() {
            fields.wrong("region", "is required with queue_name");
            return None;
        }
        let region = fields.parse("region", &message.region);
        return Some(QueueRef { region: region?, account: account?, name: name? });
    }
    if is_set(&message.region) {
        fields.wrong("region", "must be unset, except with queue_name");
    }
    if is_set(&message.queue_arn) {
        return queue_by_arn(fields, &message.queue_arn, account);
    }
    let queue = fields.take("queue_url", QueueRef::from_url(&message.queue_url));
    owned(fields, "queue_url", queue?, account)
}

pub(super) fn queue_claim(message: &pb::UnlockQueuePolicyRequest) -> &str {
    [&message.queue_arn, &message.queue_url, &message.queue_name]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or("", |text| text)
}
