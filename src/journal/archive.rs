//! Moves old records into a file of their own. The chain goes on: the file can be verified by itself and together with what
//! is left, and a record says which file it is.

use std::{
    io::{self, BufWriter, Write},
    ops,
    path::Path,
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::digest::{Context, SHA256};

use super::{
    AppendError, Event, Expectation, ExportFailure, FileError, Format, Journal, OpenError, ReadError,
    export::{Exported, NewFile, Range, export},
    record::Facts,
    writer::Chore,
};
use crate::{
    clock::{Clock, Timestamp},
    store::{Location, Snapshot, StoreError},
    types::hex,
};

/// What is younger stays. Other replicas may know an older record as their last one, and checkpoints that are published
/// meanwhile must find the record that they speak of.
const ARCHIVE_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// What was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Index of the first record that was moved.
    pub first: u64,
    /// The last one.
    pub last: Expectation,
    /// SHA-256 of the file.
    pub file_sha256: [u8; 32],
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
        "no record up to {until} can be archived: the first one that is not is {first}, and the first one that has to stay is {needed} (the last two records, open intents, kept policies, known requests and whatever was recorded within the last 24 hours stay)"
    )]
    Nothing {
        /// What was asked for.
        until: u64,
        /// The first record of the journal.
        first: u64,
        /// The first record that something refers to, or that is too young.
        needed: u64,
    },
}

/// Moves the records up to `until` into a new file, as far as nothing in the store refers to them and they were recorded
/// more than 24 hours ago by this clock: first the file is durable, then they are marked as archived together with
/// the record that says so, then they are deleted. Whatever ends it half-way, no record is lost, and it can be done again;
/// what an earlier one has not deleted is deleted first. A journal in a file must have no other writer.
///
/// # Errors
/// When that is not possible. The text holds the fix.
pub async fn archive(
    location: &Location,
    clock: Arc<dyn Clock>,
    until: u64,
    output: &Path,
) -> Result<Archived, ArchiveError> {
    let now = clock.now();
    let journal = Journal::open(location, clock).await?.journal;
    journal.delete(Chore::Prune).await?;
    let range = journal.archivable(until, now).await?;
    let (exported, file_sha256) = write(location, range, output).await?;
    let archived = Archived { first: exported.first, last: exported.last, file_sha256 };
    journal.do_chore(Chore::Archive(archived)).await?;
    journal.delete(Chore::Prune).await?;
    Ok(archived)
}

impl Archived {
    pub(super) fn event(&self) -> Event {
        Event::Archived {
            first_index: self.first,
            last_index: self.last.index,
            last_hash: self.last.hash.to_string(),
            file_sha256: hex(&self.file_sha256),
        }
    }
}

impl Journal {
    /// The records that may go.
    async fn archivable(&self, until: u64, now: Timestamp) -> Result<Range, ArchiveError> {
        let failed = |error: StoreError| ReadError::from(error.opening(self.store.location()));
        let mut snapshot = self.store.snapshot().await?;
        let archived = snapshot.archived().await.map_err(failed)?.map_or(0, |(last, _)| last);
        let last = snapshot.last(1).await.map_err(failed)?.first().map_or(0, |last| last.index);
        let pinned = snapshot.pinned().await.map_err(failed)?.unwrap_or(i64::MAX);
        // The record before one that is needed is needed too, to check it.
        let needed = pinned.min(last).saturating_sub(1);
        let first = archived.saturating_add(1);
        let young = first_young(&mut *snapshot, first..needed, now, &failed).await?;
        snapshot.close().await.map_err(failed)?;
        let number = |index: i64| u64::try_from(index).unwrap_or_default();
        let (first, needed) = (number(first), number(needed.min(young)));
        let to = until.min(needed.saturating_sub(1));
        if to < first {
            return Err(ArchiveError::Nothing { until, first, needed });
        }
        Ok(Range { from: Some(first), to: Some(to) })
    }
}

/// The first of these records that is too young to be moved; the end of the range if none is. Times never go backwards
/// along the chain.
async fn first_young(
    snapshot: &mut dyn Snapshot,
    mut between: ops::Range<i64>,
    now: Timestamp,
    failed: &(dyn Fn(StoreError) -> ReadError + Sync),
) -> Result<i64, ReadError> {
    while !between.is_empty() {
        let middle = between.start.midpoint(between.end);
        let found = snapshot.records(middle, 1).await.map_err(failed)?;
        let tampered = |what| ReadError::Tampered { index: u64::try_from(middle).unwrap_or_default(), what };
        let record = found.first().filter(|found| found.index == middle).ok_or_else(|| tampered("is missing"))?;
        let body = record.body.as_deref().ok_or_else(|| tampered("has no readable body"))?;
        let facts = Facts::parse(body).map_err(|_| tampered("is not a record"))?;
        if facts.recorded_at.plus(ARCHIVE_AGE) < now {
            between.start = middle.saturating_add(1);
        } else {
            between.end = middle;
        }
    }
    Ok(between.end)
}

async fn write(location: &Location, range: Range, output: &Path) -> Result<(Exported, [u8; 32]), ArchiveError> {
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
    let digest = context.finish();
    let file_sha256 = digest.as_ref().try_into().map_err(|_| failed(io::Error::other("SHA-256 has 32 bytes")))?;
    Ok((exported, file_sha256))
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
