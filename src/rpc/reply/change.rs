//! Changed policies and their backups as messages.

use super::{super::convert, plan, receipt, timestamp, verification};
use crate::{
    gate::Evidence,
    lockout::Verdict,
    ops::{
        BucketPolicyChange, JudgedStatement, PolicyBackup, PolicyBackupList, PolicyChange, PolicyResult,
        PreviousPolicy, QueuePolicyChange,
    },
    pb,
    types::BackupId,
};

/// What the answers about a changed policy have in common.
struct Changed {
    receipt: Option<pb::Receipt>,
    changed: bool,
    previous_policy: String,
    previous_policy_unreadable: String,
    verification: i32,
    plan: Option<pb::Plan>,
    result: i32,
    statements: Vec<pb::StatementVerdict>,
    backup_id: String,
}

impl Changed {
    fn new(change: PolicyChange, evidence: Evidence) -> Self {
        let backup_id = change.backed_up().then(|| BackupId::from(evidence.operation_id).to_string());
        // "May have changed" is told as changed, beside the code that kept it from being known.
        let changed = change.changed().unwrap_or(true);
        let (previous_policy, previous_policy_unreadable) = match change.previous {
            PreviousPolicy::None => (String::new(), String::new()),
            PreviousPolicy::Text(text) => (text, String::new()),
            PreviousPolicy::Unreadable(code) => (String::new(), code),
        };
        Self {
            receipt: Some(receipt(evidence)),
            changed,
            previous_policy,
            previous_policy_unreadable,
            verification: verification(change.verification).into(),
            plan: change.plan.map(plan::plan),
            result: result(change.result).into(),
            statements: change.statements.into_iter().map(statement).collect(),
            backup_id: backup_id.unwrap_or_default(),
        }
    }
}

pub(super) fn unlock_bucket_policy(output: BucketPolicyChange, evidence: Evidence) -> pb::UnlockBucketPolicyResponse {
    let BucketPolicyChange { change, region } = output;
    let changed = Changed::new(change, evidence);
    pb::UnlockBucketPolicyResponse {
        receipt: changed.receipt,
        changed: changed.changed,
        previous_policy: changed.previous_policy,
        previous_policy_unreadable: changed.previous_policy_unreadable,
        verification: changed.verification,
        region: region.to_string(),
        plan: changed.plan,
        result: changed.result,
        statements: changed.statements,
        backup_id: changed.backup_id,
    }
}

pub(super) fn unlock_queue_policy(output: QueuePolicyChange, evidence: Evidence) -> pb::UnlockQueuePolicyResponse {
    let QueuePolicyChange { change, url } = output;
    let changed = Changed::new(change, evidence);
    pb::UnlockQueuePolicyResponse {
        receipt: changed.receipt,
        changed: changed.changed,
        previous_policy: changed.previous_policy,
        previous_policy_unreadable: changed.previous_policy_unreadable,
        verification: changed.verification,
        queue_url: url,
        plan: changed.plan,
        result: changed.result,
        statements: changed.statements,
        backup_id: changed.backup_id,
    }
}

pub(super) fn restore_bucket_policy(output: BucketPolicyChange, evidence: Evidence) -> pb::RestoreBucketPolicyResponse {
    let BucketPolicyChange { change, region } = output;
    let changed = Changed::new(change, evidence);
    pb::RestoreBucketPolicyResponse {
        receipt: changed.receipt,
        changed: changed.changed,
        verification: changed.verification,
        plan: changed.plan,
        result: changed.result,
        previous_policy: changed.previous_policy,
        backup_id: changed.backup_id,
        region: region.to_string(),
    }
}

pub(super) fn restore_queue_policy(output: QueuePolicyChange, evidence: Evidence) -> pb::RestoreQueuePolicyResponse {
    let QueuePolicyChange { change, url } = output;
    let changed = Changed::new(change, evidence);
    pb::RestoreQueuePolicyResponse {
        receipt: changed.receipt,
        changed: changed.changed,
        verification: changed.verification,
        plan: changed.plan,
        result: changed.result,
        previous_policy: changed.previous_policy,
        backup_id: changed.backup_id,
        queue_url: url,
    }
}

pub(super) fn list_policy_backups(output: PolicyBackupList, evidence: Evidence) -> pb::ListPolicyBackupsResponse {
    let PolicyBackupList { backups, next_before, query } = output;
    let next_page_token = next_before.map(|before| convert::page_token(before, &query));
    pb::ListPolicyBackupsResponse {
        receipt: Some(receipt(evidence)),
        backups: backups.into_iter().map(backup).collect(),
        next_page_token: next_page_token.unwrap_or_default(),
    }
}

const fn result(result: PolicyResult) -> pb::PolicyResult {
    match result {
        PolicyResult::NothingToDo => pb::PolicyResult::NothingToDo,
        PolicyResult::StatementsRemoved => pb::PolicyResult::StatementsRemoved,
        PolicyResult::PolicyDeleted => pb::PolicyResult::PolicyDeleted,
        PolicyResult::PolicyReplaced => pb::PolicyResult::PolicyReplaced,
    }
}

fn statement(judged: JudgedStatement) -> pb::StatementVerdict {
    let verdict = match judged.verdict.verdict {
        Verdict::Harmless => pb::Verdict::Harmless,
        Verdict::MayLock => pb::Verdict::MayLock,
        Verdict::Locks => pb::Verdict::Locks,
    };
    pb::StatementVerdict {
        index: i32::try_from(judged.verdict.index).unwrap_or(i32::MAX),
        sid: judged.verdict.sid.unwrap_or_default(),
        verdict: verdict.into(),
        why: judged.verdict.why,
        removed: judged.removed,
    }
}

fn backup(backup: PolicyBackup) -> pb::PolicyBackup {
    pb::PolicyBackup {
        backup_id: backup.id,
        resource: backup.resource,
        region: backup.region,
        created_at: Some(timestamp(backup.created_at)),
        policy_sha256: backup.policy_sha256,
        policy_bytes: i32::try_from(backup.policy_bytes).unwrap_or(i32::MAX),
        caller: backup.caller,
        operation: backup.operation,
        reason: backup.reason,
        ticket: backup.ticket.unwrap_or_default(),
        journal_index: i64::try_from(backup.journal_index).unwrap_or(i64::MAX),
        policy: backup.policy.unwrap_or_default(),
    }
}
