//! Lets acts read the journal.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    error::{Error, ErrorReason, Help},
    journal::{self, Checkpoint, Checkpointer, Journal, OpenError, ReadError, SignError, VerifyError},
    ops::{JournalReader, JournalRecord, RecordFilter, RecordPage, RecordQuery, SignedCheckpoint},
};

/// The records of all operations, and who signs them.
pub(super) struct StoredRecords {
    journal: Journal,
    checkpointer: Option<Arc<Checkpointer>>,
}

impl StoredRecords {
    pub(super) const fn new(journal: Journal, checkpointer: Option<Arc<Checkpointer>>) -> Self {
        Self { journal, checkpointer }
    }
}

/// Of the 5 s that the act may take: a call that comes right after the start waits until the file of checkpoints was read.
const PATIENCE: Duration = Duration::from_secs(2);

const NO_KEY: Help = Help {
    words: "the gateway's operators configure a key: see [journal.checkpoint] in docs/JOURNAL.md, \"Publishing\"",
    url: "https://github.com/C2SP/C2SP/blob/main/signed-note.md",
};

impl JournalReader for StoredRecords {
    fn records(&self, query: RecordQuery) -> Pin<Box<dyn Future<Output = Result<RecordPage, Error>> + Send + '_>> {
        Box::pin(async move {
            let page = self.journal.records(&asked(query)).await.map_err(|error| unread(&error))?;
            let journal::RecordPage { records, next, through } = page;
            Ok(RecordPage { records: records.into_iter().map(told).collect(), next, through })
        })
    }

    fn checkpoint(&self) -> Pin<Box<dyn Future<Output = Result<SignedCheckpoint, Error>> + Send + '_>> {
        Box::pin(async {
            let Some(checkpointer) = &self.checkpointer else {
                let words = "this gateway has no key that it could sign a checkpoint with";
                return Err(Error::new(ErrorReason::CheckpointsNotConfigured, words).with_help(NO_KEY));
            };
            // Whether it came to that, signing tells.
            let _ = timeout(PATIENCE, checkpointer.until_it_may_sign()).await;
            let note = checkpointer.sign_head(&self.journal).await.map_err(|error| unsigned(&error))?;
            let checkpoint = Checkpoint::verified(&note, &[checkpointer.verifier()]);
            let checkpoint = checkpoint.map_err(|error| Error::internal(format!("its own checkpoint: {error}")))?;
            let Checkpoint { size, hash, .. } = checkpoint;
            Ok(SignedCheckpoint { note: note.to_string(), index: size, hash: hash.to_string() })
        })
    }
}

fn unsigned(error: &SignError) -> Error {
    match error {
        SignError::Journal(ReadError::Unreadable(unreadable)) => unavailable(unreadable),
        SignError::NotRead => {
            tracing::error!(%error, "no checkpoint is signed");
            let words = "no checkpoint can be signed now; the gateway's operators see why in its log";
            Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
        }
        // No repetition helps, and somebody must look.
        SignError::Journal(ReadError::Tampered { .. })
        | SignError::Cut { .. }
        | SignError::Replaced { .. }
        | SignError::Archived { .. }
        | SignError::Key => {
            tracing::error!(%error, "no checkpoint is signed");
            Error::internal(format!("no checkpoint is signed: {error}"))
        }
    }
}

fn unavailable(error: &OpenError) -> Error {
    tracing::error!(%error, "the journal cannot be read");
    let words = "the journal cannot be read; the gateway's operators see why in its log";
    Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
}

fn asked(RecordQuery { filter, place, page_size, bytes_max }: RecordQuery) -> journal::RecordQuery {
    let RecordFilter { account, operation_id, event, caller, since, until, from_index } = filter;
    journal::RecordQuery {
        from: place.map(|place| place.from).or(from_index).unwrap_or(1),
        through: place.map(|place| place.through),
        limit: page_size,
        bytes_max,
        account,
        operation_id,
        event,
        caller,
        since,
        until,
    }
}

fn told(journal::Record { position, previous_hash, body }: journal::Record) -> JournalRecord {
    JournalRecord {
        index: position.index,
        hash: position.hash.to_string(),
        previous_hash: previous_hash.to_string(),
        recorded_at: position.recorded_at,
        body,
    }
}

fn unread(error: &VerifyError) -> Error {
    match error {
        VerifyError::Unreadable(unreadable) => unavailable(unreadable),
        // No repetition helps, and somebody must look.
        VerifyError::Tampered { .. } => {
            tracing::error!(%error, "the journal is not the one that was written: run `rootgate journal verify`");
            Error::internal(format!("the journal is not the one that was written: {error}"))
        }
    }
}
