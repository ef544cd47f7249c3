//! Requests that callers gave an id, read back only as far as the chain vouches for them.

use super::{
    CallerRecord, Journal, Position, ReadError, RecordHash,
    backups::{BackupFault, body_at},
    record::Body,
};
use crate::{
    store::{RequestKey, Snapshot, StoredRequest},
    types::sha256_hex,
};

/// A request that was made before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// SHA-256 of what was asked, as hexadecimal digits.
    pub digest: String,
    /// Its operation.
    pub operation_id: String,
    /// Index of its intent.
    pub intent_index: u64,
    /// How it ended; none while it goes on.
    pub outcome: Option<RecordedOutcome>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedOutcome {
    /// Where its last record is.
    pub position: Position,
    /// That record, an `Outcome` or an `Interrupted`, as it was hashed.
    pub body: String,
    /// What was answered; none if nobody knows how it ended.
    pub reply: Option<Vec<u8>>,
}

impl Journal {
    /// The request of this caller with this id, if it is known.
    ///
    /// # Errors
    /// When the journal cannot be read, or what it holds is not what was recorded.
    pub async fn request(&self, caller: &CallerRecord, request_id: &str) -> Result<Option<RecordedRequest>, ReadError> {
        // None only when the semaphore is closed, which nobody does.
        let _turn = self.look_ups.acquire().await.ok();
        let mut snapshot = self.store.snapshot().await?;
        let key = RequestKey { caller: caller.key(), request_id: request_id.to_owned() };
        let found = find(&mut *snapshot, &key).await.map_err(|fault| fault.reading(self.store.location()))?;
        snapshot.close().await.map_err(|error| BackupFault::from(error).reading(self.store.location()))?;
        Ok(found)
    }
}

async fn find(snapshot: &mut dyn Snapshot, key: &RequestKey) -> Result<Option<RecordedRequest>, BackupFault> {
    let Some(stored) = snapshot.request(key).await? else { return Ok(None) };
    let intent = body_at(snapshot, stored.intent_index).await?;
    check_intent(&intent, &stored).map_err(|what| BackupFault::Tampered { index: intent.index, what })?;
    let outcome = match stored.outcome_index {
        Some(index) => Some(outcome(snapshot, index, &stored).await?),
        None => None,
    };
    let StoredRequest { digest, operation_id, .. } = stored;
    Ok(Some(RecordedRequest { digest, operation_id, intent_index: intent.index, outcome }))
}

fn check_intent(intent: &Body, stored: &StoredRequest) -> Result<(), &'static str> {
    let pointer = |pointer| intent.members.pointer(pointer).and_then(serde_json::Value::as_str);
    let caller = pointer("/caller/scheme").zip(pointer("/caller/subject"));
    let caller = caller.map(|(scheme, subject)| format!("{scheme}:{subject}"));
    let is_it = intent.text("event") == Some("Intent")
        && intent.text("operation_id") == Some(&stored.operation_id)
        && pointer("/request/request_id") == Some(&stored.key.request_id)
        && pointer("/request/digest") == Some(&stored.digest)
        && caller.as_ref() == Some(&stored.key.caller);
    if is_it { Ok(()) } else { Err("is not the intent of the request that is stored for it") }
}

async fn outcome(
    snapshot: &mut dyn Snapshot,
    index: i64,
    stored: &StoredRequest,
) -> Result<RecordedOutcome, BackupFault> {
    let body = body_at(snapshot, index).await?;
    let tampered = |what| BackupFault::Tampered { index: body.index, what };
    let closes = body.text("operation_id") == Some(&stored.operation_id)
        && body.members.get("intent_index").and_then(serde_json::Value::as_i64) == Some(stored.intent_index)
        && matches!(body.text("event"), Some("Outcome" | "Interrupted"));
    if !closes {
        return Err(tampered("is not the outcome of the request that is stored for it"));
    }
    if body.text("reply_sha256") != stored.reply.as_ref().map(sha256_hex).as_deref() {
        return Err(tampered("has another hash of the reply than the one that is stored for it"));
    }
    let record = snapshot.records(index, 1).await?.into_iter().next();
    let (hash, text) =
        record.and_then(|record| record.hash.zip(record.body)).unwrap_or((RecordHash::ZERO, String::new()));
    let position = Position { index: body.index, hash, recorded_at: body.recorded_at };
    Ok(RecordedOutcome { position, body: text, reply: stored.reply.clone() })
}
