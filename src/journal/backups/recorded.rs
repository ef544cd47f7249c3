//! What the chain says of a backup.

use super::{BackupFault, PolicyBackup};
use crate::journal::{
    RecordHash,
    database::{StoredRecord, Transaction},
    record::Body,
};
use crate::types::sha256_hex;

/// A backup as its record tells it.
#[derive(Debug)]
pub(in crate::journal) struct Recorded {
    /// All but the policy, which is empty.
    pub backup: PolicyBackup,
    /// The policy, where the record is of the old form that holds it.
    pub policy: Option<String>,
}

/// What the record at this index says of its backup. Checks the record's own hash, and with an old one its intent's.
pub(in crate::journal) async fn recorded(
    transaction: &mut Transaction<'_>,
    index: i64,
) -> Result<Recorded, BackupFault> {
    let body = body(transaction, index).await?;
    let tampered = |what| BackupFault::Tampered { index: body.index, what };
    if body.text("event") != Some("Backup") {
        return Err(tampered("is no backup, but a policy is stored for it"));
    }
    if body.text("policy_sha256").is_some() {
        let backup = facts(&body, &body).map_err(tampered)?;
        return Ok(Recorded { backup, policy: None });
    }
    let intent_index = body.members.get("intent_index").and_then(serde_json::Value::as_i64);
    let intent = self::body(transaction, intent_index.unwrap_or_default()).await?;
    if intent.text("event") != Some("Intent") || intent.text("operation_id") != body.text("operation_id") {
        return Err(tampered("is the backup of an intent that does not exist"));
    }
    let backup = facts(&body, &intent).map_err(tampered)?;
    Ok(Recorded { backup, policy: body.text("previous_policy").map(str::to_owned) })
}

/// `told` is the record that says who and why: the backup's own, or the intent's where the backup is of the old form.
fn facts(body: &Body, told: &Body) -> Result<PolicyBackup, &'static str> {
    let pointer = |pointer| told.members.pointer(pointer).and_then(serde_json::Value::as_str);
    let text = |member| told.text(member).map(str::to_owned).ok_or("lacks a member of a backup");
    let policy_sha256 = match (body.text("policy_sha256"), body.text("previous_policy")) {
        (Some(sha256), _) => sha256.to_owned(),
        (None, Some(policy)) => sha256_hex(policy),
        (None, None) => return Err("holds neither a policy nor the hash of one"),
    };
    Ok(PolicyBackup {
        id: body.text("operation_id").ok_or("has no operation_id")?.to_owned(),
        journal_index: body.index,
        created_at: body.recorded_at,
        account_id: text("account_id")?,
        resource: told.text("resource").unwrap_or_default().to_owned(),
        region: pointer("/region").or_else(|| pointer("/arguments/region")).unwrap_or_default().to_owned(),
        operation: text("operation")?,
        caller: pointer("/caller").or_else(|| pointer("/caller/subject")).unwrap_or_default().to_owned(),
        reason: text("reason")?,
        ticket: told.text("ticket").map(str::to_owned),
        policy_sha256,
        policy: String::new(),
    })
}

/// The body at this index, if its hash is its own.
async fn body(transaction: &mut Transaction<'_>, index: i64) -> Result<Body, BackupFault> {
    let number = u64::try_from(index).unwrap_or_default();
    let tampered = |what| BackupFault::Tampered { index: number, what };
    let from = index.saturating_sub(1);
    let found = transaction.records(from, 2).await?;
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
