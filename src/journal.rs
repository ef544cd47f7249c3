//! The journal: the append-only, hash-chained record of everything that the gate decided.
//!
//! # What is stored
//! One store holds the records: a SQLite file, or a PostgreSQL database. A record is its *body*, the compact JSON text
//! `{"index":…,"recorded_at":…,"event":…,…}`, and its *hash*:
//!
//! ```text
//! SHA-256("rootgate/journal/v1\n" || index || hash of the record before || length of body || body)
//! ```
//!
//! Index and length are unsigned 64-bit, big-endian; the record before the first has the hash of 32 zero bytes. What is
//! hashed is the stored text itself, so verifying needs no second serialisation. No fact of a body is stored beside it,
//! since a copy could be edited alone. Beside the records stand the list of open intents and the table of policies that
//! were backed up, which [`verify`] checks against the records, and the table of requests, each row of which is checked
//! against its records when it is used: one that is gone is not noticed. A `Backup` record holds the hash of its policy for
//! ever; the text stands in the table until it expires.
//!
//! # What is promised
//! - [`Journal::append`] answers `Ok` only after the record is committed and synced to the disk.
//! - Exactly one process writes a file; those that write a database do it one after the other. In a process exactly one
//!   task writes: everybody else waits in a bounded queue.
//! - `recorded_at` never goes backwards along the chain. When the machine's clock is behind the last record, the record
//!   takes that record's time and carries `"clock_behind":true`.
//! - An intent whose caller was told that it is not recorded never stays open: if it landed after all, it is closed by
//!   an outcome that says `INTENT_NOT_CONFIRMED`.
//! - Each edit, reordering and removal is found by [`verify`]; a cut tail is found when somebody kept a receipt.
//!
//! # Where things go
//! [`event`](Event) says what can be recorded, `record` how it is encoded and hashed, `writer` how it becomes durable,
//! `query` reads records for callers, `verify` and `list` read offline, `checkpoint` signs where the journal ends,
//! `reconcile` compares with CloudTrail. Where all of it is kept is the `store`.

mod append;
mod archive;
mod backups;
mod checkpoint;
pub mod command;
mod error;
mod event;
mod expiry;
mod export;
mod list;
mod open;
mod query;
mod reconcile;
mod record;
mod records;
mod requests;
mod verify;
mod watchdog;
mod writer;

pub use crate::store::{BODY_BYTES_MAX, OpenError, POLICY_BYTES_MAX, PolicyBackup, RecordHash, WriteFailure};
pub use archive::{ArchiveError, Archived, archive};
pub use backups::{BACKUPS_MAX, BackupQuery, ReadError, read_backup};
pub use checkpoint::{
    ANCHOR_BYTES_MAX, AnchorFile, AnchorFileError, Checkpoint, CheckpointError, CheckpointKey, CheckpointVerifier,
    Checkpointer, KeyFileError, Malformed, NOTE_BYTES_MAX, SignError, SignedNote, read_checkpoints,
};
pub use error::AppendError;
pub use event::{
    AwsCallRecord, Backup, CallerRecord, ErrorRecord, Event, Intent, Outcome, OutcomeResult, Refusal, RequestClaim,
    RequestEnd,
};
pub use export::{ExportFailure, FileError, Format};
pub use list::{LIST_RECORDS_MAX, ListedRecord, list};
pub use open::{InterruptedIntent, Opened};
pub use query::{Record, RecordPage, RecordQuery};
pub use reconcile::ReconcileError;
pub use record::{Expectation, ParseError, Position};
pub use requests::{RecordedOutcome, RecordedRequest};
pub use verify::{
    Ends, ExportError, ExportSource, Fault, OpenIntent, Place, Verified, VerifyError, verify, verify_exports,
};

use std::{sync::Arc, time::Duration};

use tokio::sync::{Semaphore, mpsc, watch};

use crate::{clock::Timestamp, store::Store};

/// Handle of the one writer. Clones share it.
#[derive(Clone, Debug)]
pub struct Journal {
    store: Arc<dyn Store>,
    last_recorded_at: Option<Timestamp>,
    commands: mpsc::Sender<writer::Command>,
    health: watch::Receiver<Health>,
    stalled: watch::Receiver<bool>,
    backoff_max: Duration,
    readers: Arc<Semaphore>,
    look_ups: Arc<Semaphore>,
}

/// Whether the journal can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The last write worked.
    Writable,
    /// The last write failed; for the operator: what failed and the fix.
    Unwritable(String),
}

/// The bounds that a writer works in. Fixed in production; tests shorten them.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Events that may wait for the writer.
    queue_events_max: usize,
    /// Events of one transaction.
    batch_events_max: usize,
    /// Pause between two signs of life to those who write the same chain.
    tend_interval: Duration,
    /// How long nobody's intents are closed after a start, or after the store was out of reach, where others write it too.
    patience: Duration,
    /// Pause between two probes while the journal is not writable.
    probe_interval: Duration,
    /// A write that takes longer is reported as stalled.
    stall_after: Duration,
    /// Longest pause between two tries of [`Journal::append_until_durable`].
    backoff_max: Duration,
}

/// Some seconds' worth of decisions at the rate of an ordinary disk; what comes on top is told to come back later.
const QUEUE_EVENTS_MAX: usize = 1024;
/// One sync serves this many events. More would make the first of them wait without saving much.
const BATCH_EVENTS_MAX: usize = 128;
/// How long a process is taken to live after its last sign. Longer than the longest act, so that no intent is closed as
/// interrupted while its act may still go on, even if the process has lost its store for a third of this time. Who was away
/// for longer is told so before its act changes anything: see [`Journal::confirm`].
const LEASE: Duration = Duration::from_secs(240);
/// With less than this left, whatever is written renews the lease in its own transaction. Two signs of life: one was missed
/// at least. Longer than a call that changes something may take, so that what [`Journal::confirm`] says holds until then.
const LEASE_SHORT: Duration = Duration::from_secs(60);
/// Several signs fit into a lease, so that one that is lost does no harm.
const TEND_INTERVAL: Duration = Duration::from_secs(30);
/// How long a process that was away closes nobody's intents: one whole interval in which the others can say that they live,
/// and the time that a probe takes to find that the store is back.
const PATIENCE: Duration = TEND_INTERVAL.saturating_add(PROBE_INTERVAL);
/// Intents that are closed in one transaction; the next ones at the next sign of life.
const INTERRUPTED_MAX: u32 = 128;
/// Fast enough that health follows a repair, slow enough that a broken disk is left alone.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// Beyond the busy timeout and any sync of a disk that works.
const STALL_AFTER: Duration = Duration::from_secs(10);
/// First pause of [`Journal::append_until_durable`]; doubled until the longest.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// An outcome waits at most this long after the repair.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

impl Default for Bounds {
    fn default() -> Self {
        Self {
            queue_events_max: QUEUE_EVENTS_MAX,
            batch_events_max: BATCH_EVENTS_MAX,
            tend_interval: TEND_INTERVAL,
            patience: PATIENCE,
            probe_interval: PROBE_INTERVAL,
            stall_after: STALL_AFTER,
            backoff_max: BACKOFF_MAX,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
