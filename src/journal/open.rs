//! Opening for writing: guard the file, check what is there, close what was interrupted.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::{Semaphore, mpsc};

use super::{
    Bounds, Event, Journal, OpenError, Position, RecordHash,
    backups::READERS_MAX,
    database::{Database, StoreError, StoredIntent, StoredRecord, WhenEmpty},
    file::{Identity, guard},
    record::{Body, Effect, Oversize, encode},
    writer::{Request, Writer},
};
use crate::clock::{Clock, Timestamp};

/// Records read at a time.
pub(super) const PAGE_RECORDS: u32 = 256;

/// A journal that is ready, and what was found in it.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// Intents that the process before left without outcome, each closed by an `Interrupted` record now. For a person to
    /// look at.
    pub interrupted: Vec<InterruptedIntent>,
    /// The last record, those of this opening counted in.
    pub head: Option<Position>,
}

/// An act of which nobody knows whether it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterruptedIntent {
    /// Index of the intent.
    pub index: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Its operation.
    pub operation_id: String,
    /// Name of the kind of act.
    pub operation: String,
    /// Target account.
    pub account_id: String,
    /// Target resource.
    pub resource: Option<String>,
    /// Subject of the caller.
    pub caller: String,
    /// The caller's reason.
    pub reason: String,
}

impl Journal {
    /// Opens the journal at `path`, or creates it, readable for its owner only. Its directory must exist.
    ///
    /// Checks whose file it is, its version and its last record, closes intents without outcome as interrupted, and
    /// writes once to see that it can. The application appends `Started`, whatever happened.
    ///
    /// # Errors
    /// When this process is not to write the file, or cannot. The text holds the fix.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Opened, OpenError> {
        Self::open_within(path, clock, Bounds::default()).await
    }

    pub(super) async fn open_within(path: &Path, clock: Arc<dyn Clock>, bounds: Bounds) -> Result<Opened, OpenError> {
        let guarded = guard_in_background(path.to_owned()).await?;
        let path: Arc<Path> = guarded.path.clone().into();
        let mut database = Database::open_writer(&path, bounds.busy_timeout, WhenEmpty::Initialise).await?;
        let (head, interrupted) = inspect(&mut database, &path).await?;
        let identity = Identity::of(&path).await.map_err(|failure| OpenError::Unwritable(Arc::new(failure)))?;
        let mut writer = Writer::new(guarded, clock, bounds, (database, identity), head)?;
        close_interrupted(&mut writer, &interrupted, bounds.batch_events_max).await?;
        let last_recorded_at = head.map(|head| head.recorded_at);
        let (commands, waiting) = mpsc::channel(bounds.queue_events_max);
        let journal = Self {
            path,
            last_recorded_at,
            commands,
            health: writer.watchdog().health(),
            stalled: writer.watchdog().stalled(),
            backoff_max: bounds.backoff_max,
            readers: Arc::new(Semaphore::new(READERS_MAX)),
        };
        let head = writer.head();
        tokio::spawn(writer.run(waiting));
        Ok(Opened { journal, interrupted, head })
    }

    /// When the last record was made that the journal held before this opening.
    #[must_use]
    pub const fn last_recorded_at(&self) -> Option<Timestamp> {
        self.last_recorded_at
    }
}

async fn guard_in_background(path: PathBuf) -> Result<super::file::Guarded, OpenError> {
    let named = path.clone();
    let guarded = tokio::task::spawn_blocking(move || guard(&path)).await;
    guarded.unwrap_or_else(|error| Err(OpenError::Storage { path: named, message: error.to_string() }))
}

/// Writes at least once, so that a journal that cannot be written is found now.
async fn close_interrupted(
    writer: &mut Writer,
    interrupted: &[InterruptedIntent],
    batch_events_max: usize,
) -> Result<(), OpenError> {
    let unwritable = |failure| OpenError::Unwritable(Arc::new(failure));
    // Without requests this is a probe.
    writer.write_batch(&[], None).await.map_err(unwritable)?;
    for batch in interrupted.chunks(batch_events_max) {
        let mut requests = Vec::with_capacity(batch.len());
        for intent in batch {
            let event = Event::Interrupted { operation_id: intent.operation_id.clone(), intent_index: intent.index };
            if let Ok(encoded) = encode(&event, Oversize::Trim) {
                requests.push(Request::new(encoded, false, false).0);
            }
        }
        writer.write_batch(&requests, None).await.map_err(unwritable)?;
    }
    Ok(())
}

async fn inspect(
    database: &mut Database,
    path: &Path,
) -> Result<(Option<Position>, Vec<InterruptedIntent>), OpenError> {
    let failed = |error: StoreError| error.opening(path);
    let mut transaction = database.read().await.map_err(failed)?;
    let damaged = |(index, what): (i64, &str)| OpenError::Damaged {
        path: path.to_owned(),
        index: u64::try_from(index).unwrap_or_default(),
        what: what.to_owned(),
    };
    let head = check_head(&transaction.last(2).await.map_err(failed)?).map_err(damaged)?;
    let mut interrupted = Vec::new();
    let mut from = i64::MIN;
    loop {
        let page = transaction.open_intents(from, PAGE_RECORDS).await.map_err(failed)?;
        for intent in &page {
            let record = transaction.records(intent.index, 1).await.map_err(failed)?;
            interrupted.push(read_intent(intent, record.first()).map_err(|what| damaged((intent.index, what)))?);
        }
        match page.last().and_then(|last| last.index.checked_add(1)) {
            Some(next) => from = next,
            None => break,
        }
    }
    transaction.rollback().await.map_err(failed)?;
    Ok((head, interrupted))
}

/// Whether the last record follows from the one before it.
pub(super) fn check_head(newest_first: &[StoredRecord]) -> Result<Option<Position>, (i64, &'static str)> {
    let Some(last) = newest_first.first() else { return Ok(None) };
    let wrong = |what| (last.index, what);
    let index = u64::try_from(last.index).map_err(|_| wrong("its index is negative"))?;
    let previous = match newest_first.get(1) {
        None if index == 1 => RecordHash::ZERO,
        Some(before) if before.index.checked_add(1) == Some(last.index) => {
            before.hash.ok_or_else(|| wrong("the record before it has no hash"))?
        }
        _ => return Err(wrong("the record before it is missing")),
    };
    let hash = last.hash.ok_or_else(|| wrong("its hash is not 32 bytes"))?;
    let text = last.body.as_deref().ok_or_else(|| wrong("its body is not a text of the allowed size"))?;
    if RecordHash::of(index, previous, text) != hash {
        return Err(wrong("its hash does not match its body and the record before it"));
    }
    let body = Body::parse(text).map_err(wrong)?;
    if body.index != index {
        return Err(wrong("its body carries another index"));
    }
    Ok(Some(Position { index, hash, recorded_at: body.recorded_at }))
}

fn read_intent(intent: &StoredIntent, record: Option<&StoredRecord>) -> Result<InterruptedIntent, &'static str> {
    let record =
        record.filter(|record| record.index == intent.index).ok_or("it is open, but there is no such record")?;
    let body = Body::parse(record.body.as_deref().ok_or("its body is not a text of the allowed size")?)?;
    if body.effect != (Effect::Opens { operation_id: intent.operation_id.clone() }) {
        return Err("it is listed as an open intent, but is not that intent");
    }
    let text = |member| body.text(member).unwrap_or_default().to_owned();
    let caller = body.members.pointer("/caller/subject").and_then(serde_json::Value::as_str);
    Ok(InterruptedIntent {
        index: body.index,
        recorded_at: body.recorded_at,
        operation_id: intent.operation_id.clone(),
        operation: text("operation"),
        account_id: text("account_id"),
        resource: body.text("resource").map(str::to_owned),
        caller: caller.unwrap_or_default().to_owned(),
        reason: text("reason"),
    })
}
