//! Moves old records into a file of their own. The chain goes on: the file can be verified by itself and together with what
//! is left, and a record says which file it is.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};

use super::{
    AppendError, Event, Expectation, ExportFailure, FileError, Format, Journal, OpenError, ReadError,
    export::{Exported, NewFile, Range, export},
    writer::Chore,
};
use crate::{
    clock::Clock,
    store::{Location, StoreError},
    types::hex,
};

/// Written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// What was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Index of the first record that was moved.
    pub first: u64,
    /// The last one.
    pub last: Expectation,
    /// SHA-256 of the file, as hexadecimal digits.
    pub file_sha256: String,
}

/// Why nothing was archived.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The journal cannot be opened for writing.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The records cannot be read, or are not what was written.
    #[error(transparent)]
    Export(ExportFailure),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The journal cannot be written. Where the file is there, nothing that it holds was deleted.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// There is nothing to move.
    #[error(
        "no record up to {until} can be archived: the first one that is not is {first}, and the first one that is still needed is {needed} (the last two records, open intents, kept policies and known requests are)"
    )]
    Nothing {
        /// What was asked for.
        until: u64,
        /// The first record of the journal.
        first: u64,
        /// The first record that something refers to.
        needed: u64,
    },
}

/// Moves the records up to `until` into a new file, as far as nothing in the store refers to them: first the file is
/// durable, then the record that says so, then they are deleted. Whatever ends it half-way, no record is lost, and it can be
/// done again. A journal in a file must have no other writer.
///
/// # Errors
/// When that is not possible. The text holds the fix.
pub async fn archive(
    location: &Location,
    clock: Arc<dyn Clock>,
    until: u64,
    output: &Path,
) -> Result<Archived, ArchiveError> {
    let journal = Journal::open(location, clock).await?.journal;
    let range = journal.archivable(until).await?;
    let (exported, file_sha256) = write(location, range, output).await?;
    let archived = Archived { first: exported.first, last: exported.last, file_sha256 };
    journal.append(archived.event()).await?;
    journal.do_chore(Chore::Archive(archived.last)).await?;
    journal.delete(Chore::Prune).await?;
    Ok(archived)
}

impl Archived {
    pub(super) fn event(&self) -> Event {
        Event::Archived {
            first_index: self.first,
            last_index: self.last.index,
            last_hash: self.last.hash.to_string(),
            file_sha256: self.file_sha256.clone(),
        }
    }
}

impl Journal {
    /// The records that may go.
    async fn archivable(&self, until: u64) -> Result<Range, ArchiveError> {
        let failed = |error: StoreError| ReadError::from(error.opening(self.store.location()));
        let mut snapshot = self.store.snapshot().await?;
        let archived = snapshot.archived().await.map_err(failed)?.map_or(0, |(last, _)| last);
        let last = snapshot.last(1).await.map_err(failed)?.first().map_or(0, |last| last.index);
        let pinned = snapshot.pinned().await.map_err(failed)?.unwrap_or(i64::MAX);
        snapshot.close().await.map_err(failed)?;
        // The record before one that is needed is needed too, to check it.
        let needed = pinned.min(last).saturating_sub(1);
        let number = |index: i64| u64::try_from(index).unwrap_or_default();
        let (first, needed) = (number(archived).saturating_add(1), number(needed));
        let to = until.min(needed.saturating_sub(1));
        if to < first {
            return Err(ArchiveError::Nothing { until, first, needed });
        }
        Ok(Range { from: Some(first), to: Some(to) })
    }
}

async fn write(location: &Location, range: Range, output: &Path) -> Result<(Exported, String), ArchiveError> {
    let failed = |cause| FileError::Output { path: output.to_owned(), cause };
    let mut file = Hashed { inner: NewFile::create(output, false)?, context: Context::new(&SHA256) };
    let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, &mut file);
    let exported = export(location, Format::Jsonl, range, &mut buffered).await.map_err(|error| match error {
        ExportFailure::Output(cause) => ArchiveError::File(failed(cause)),
        error => ArchiveError::Export(error),
    })?;
    buffered.flush().map_err(failed)?;
    drop(buffered);
    let Hashed { inner, context } = file;
    inner.finish()?;
    Ok((exported, hex(context.finish().as_ref())))
}

/// Hashes what passes.
struct Hashed {
    inner: NewFile,
    context: Context,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.context.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
