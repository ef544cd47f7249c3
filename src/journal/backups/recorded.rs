//! What the chain says of a backup.

use super::{BackupFault, PolicyBackup};
use crate::{
    journal::{RecordHash, record::Body},
    store::{Records, StoredRecord},
};

/// What the record at this index says of its backup: all but the policy, which is empty. Checks the record's own hash.
pub(super) async fn recorded<R: Records + ?Sized>(records: &mut R, index: i64) -> Result<PolicyBackup, BackupFault> {
    let body = body_at(records, index).await?;
    let tampered = |what| BackupFault::Tampered { index: body.index, what };
    if body.text("event") != Some("Backup") {
        return Err(tampered("is no backup, but a policy is stored for it"));
    }
    facts(&body).map_err(tampered)
}

fn facts(body: &Body) -> Result<PolicyBackup, &'static str> {
    let text = |member| body.text(member).map(str::to_owned).ok_or("lacks a member of a backup");
    Ok(PolicyBackup {
        id: text("operation_id")?,
        journal_index: body.index,
        created_at: body.recorded_at,
        account_id: text("account_id")?,
        resource: text("resource")?,
        region: text("region")?,
        operation: text("operation")?,
        caller: text("caller")?,
        reason: text("reason")?,
        ticket: body.text("ticket").map(str::to_owned),
        policy_sha256: text("policy_sha256")?,
        policy: String::new(),
    })
}

/// The body at this index, if its hash is its own.
pub(in crate::journal) async fn body_at<R: Records + ?Sized>(records: &mut R, index: i64) -> Result<Body, BackupFault> {
    let number = u64::try_from(index).unwrap_or_default();
    let tampered = |what| BackupFault::Tampered { index: number, what };
    let from = index.saturating_sub(1);
    let found = records.records(from, 2).await?;
    let at = |index: i64| found.iter().find(|record| record.index == index);
    let record = at(index).ok_or_else(|| tampered("is missing"))?;
    let previous = match at(from) {
        Some(before) => before.hash,
        None => (index == 1).then_some(RecordHash::ZERO),
    };
    own(record, number, previous).map_err(tampered)
}

fn own(record: &StoredRecord, index: u64, previous: Option<RecordHash>) -> Result<Body, &'static str> {
    let text = record.body.as_deref().ok_or("has no body of the allowed size")?;
    let previous = previous.ok_or("follows a record that is missing or has no hash")?;
    if record.hash != Some(RecordHash::of(index, previous, text)) {
        return Err("has a hash that does not match its body and the record before it");
    }
    let body = Body::parse(text)?;
    if body.index == index { Ok(body) } else { Err("carries another index") }
}
