//! Lets acts read the journal.

use std::pin::Pin;

use crate::{
    error::{Error, ErrorReason, Help},
    journal::{self, Journal, VerifyError},
    ops::{JournalReader, JournalRecord, RecordFilter, RecordPage, RecordQuery, SignedCheckpoint},
};

/// The records of all operations.
pub(super) struct StoredRecords<'g>(pub(super) &'g Journal);

const NO_KEY: Help = Help {
    words: "the gateway's operators configure a key: see [journal.checkpoint] in docs/OPERATIONS.md",
    url: "https://github.com/C2SP/C2SP/blob/main/signed-note.md",
};

impl JournalReader for StoredRecords<'_> {
    fn records(&self, query: RecordQuery) -> Pin<Box<dyn Future<Output = Result<RecordPage, Error>> + Send + '_>> {
        Box::pin(async move {
            let page = self.0.records(&asked(query)).await.map_err(|error| unread(&error))?;
            let journal::RecordPage { records, next, through } = page;
            Ok(RecordPage { records: records.into_iter().map(told).collect(), next, through })
        })
    }

    fn checkpoint(&self) -> Pin<Box<dyn Future<Output = Result<SignedCheckpoint, Error>> + Send + '_>> {
        Box::pin(async {
            let words = "this gateway has no key that it could sign a checkpoint with";
            Err(Error::new(ErrorReason::CheckpointsNotConfigured, words).with_help(NO_KEY))
        })
    }
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
        VerifyError::Unreadable(_) => {
            let words = "the journal cannot be read; the gateway's operators see why in its log";
            tracing::error!(%error, "the journal cannot be read");
            Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
        }
        // No repetition helps, and somebody must look.
        VerifyError::Tampered { .. } => {
            tracing::error!(%error, "the journal is not the one that was written: run `rootgate journal verify`");
            Error::internal(format!("the journal is not the one that was written: {error}"))
        }
    }
}
