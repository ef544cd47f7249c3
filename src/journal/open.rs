//! Opening for writing: guard the store, check what is there, close what was interrupted.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::{
    Bounds, Journal, OpenError, Position, RecordHash, WriteFailure,
    backups::{LOOK_UPS_MAX, READERS_MAX},
    record::{Body, Effect},
    writer::Writer,
};
use crate::{
    clock::{Clock, Timestamp},
    store::{self, Location, Store, StoreError, StoredIntent, StoredRecord, WhenEmpty},
};

/// Records read at a time.
pub(super) const PAGE_RECORDS: u32 = 256;

/// A journal that is ready, and what was found in it.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// Intents that the process before left without outcome, each closed by an `Interrupted` record now. For a person to
    /// look at. None where several processes write: what one leaves there is closed later, and logged then.
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
    /// Opens the journal, or creates it. The directory of a file must exist.
    ///
    /// Checks whose it is, its version and its last record, writes once to see that it can, and closes intents without outcome
    /// as interrupted, where no other process can have left them that lives. The application appends `Started`, whatever happened.
    ///
    /// # Errors
    /// When this process is not to write it, or cannot. The text holds the fix.
    pub async fn open(location: impl Into<Location>, clock: Arc<dyn Clock>) -> Result<Opened, OpenError> {
        Self::open_within(store::open(&location.into()).await?, clock, Bounds::default()).await
    }

    pub(super) async fn open_within(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
    ) -> Result<Opened, OpenError> {
        let connection = store.connect(WhenEmpty::Initialise).await?;
        let head = find_head(&*store).await?;
        let mut writer = Writer::new(Arc::clone(&store), clock, bounds, connection, head)?;
        let interrupted = writer.take_over().await.map_err(|failure| match failure {
            WriteFailure::Reopen(error) => *error,
            failure => OpenError::Unwritable(Arc::new(failure)),
        })?;
        let last_recorded_at = head.map(|head| head.recorded_at);
        let (commands, waiting) = mpsc::channel(bounds.queue_events_max);
        let journal = Self {
            store,
            last_recorded_at,
            commands,
            health: writer.watchdog().health(),
            stalled: writer.watchdog().stalled(),
            backoff_max: bounds.backoff_max,
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            look_ups: Arc::new(Semaphore::new(LOOK_UPS_MAX)),
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

/// The last record, if it follows from the one before it.
async fn find_head(store: &dyn Store) -> Result<Option<Position>, OpenError> {
    let failed = |error: StoreError| error.opening(store.location());
    let damaged = |(index, what): (i64, &str)| failed(StoreError::damaged(index, what));
    let mut snapshot = store.snapshot().await?;
    let head = check_head(&snapshot.last(2).await.map_err(failed)?).map_err(damaged)?;
    snapshot.close().await.map_err(failed)?;
    Ok(head)
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

pub(super) fn read_intent(
    intent: &StoredIntent,
    record: Option<&StoredRecord>,
) -> Result<InterruptedIntent, &'static str> {
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
