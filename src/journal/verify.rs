//! Finds every edit of a journal, without trusting whoever wrote it.

mod archives;
mod backups;
mod chain;
mod export;
mod fault;
mod lines;

pub(super) use export::read_archives;
pub use export::{ExportError, ExportSource, Place, verify_exports};
pub use fault::{Ends, Fault};

use super::{Expectation, OpenError, Position, open::PAGE_RECORDS};
use crate::store::{self, Location, Snapshot, StoreError, StoredIntent, StoredRecord};

use self::{backups::Finding, chain::Chain};

/// What a journal that is whole holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of records that were checked.
    pub records: u64,
    /// The record before the first of them, which somebody vouched for; none where record 1 was the first.
    pub after: Option<Expectation>,
    /// The last record.
    pub head: Option<Position>,
    /// Intents without outcome, oldest first: under way while a gateway writes, else left behind by one that died.
    pub open_intents: Vec<OpenIntent>,
    /// How many intents were ever closed as interrupted.
    pub interrupted: u64,
    /// How many checkpoints speak of records before the first that was checked: nothing was held against them.
    pub checkpoints_not_checked: u64,
}

/// What a journal is held against.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence<'a> {
    /// Receipts, each of which must be checked.
    pub receipts: &'a [Expectation],
    /// What signed checkpoints say. Those of archived records are counted where the archives are not given.
    pub checkpoints: &'a [Expectation],
}

impl Evidence<'_> {
    /// Receipts and checkpoints alike.
    pub(super) fn all(self) -> Vec<Expectation> {
        [self.receipts, self.checkpoints].concat()
    }
}

/// The archives of a journal, as far as they can be checked without it.
pub(super) struct ReadArchives(Chain);

/// An intent without outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// Index of the intent.
    pub index: u64,
    /// Its operation.
    pub operation_id: String,
}

/// Why a journal is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It could not be read; this says nothing about its records.
    #[error(transparent)]
    Unreadable(#[from] OpenError),
    /// It is not what was written.
    #[error("record {index}: {fault}")]
    Tampered {
        /// The first bad index.
        index: u64,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// Reads the whole journal and checks it, also while a gateway writes it. Never writes.
///
/// The chain proves that the records are those that were written, up to the last one that is there. That none was cut off
/// at the end is proven only by `expect`: receipts that were kept elsewhere.
///
/// # Errors
/// The first bad record, or why the file cannot be read.
pub async fn verify(location: impl Into<Location>, expect: &[Expectation]) -> Result<Verified, VerifyError> {
    verify_watched(&location.into(), Evidence { receipts: expect, checkpoints: &[] }, &mut |_| {}).await
}

/// [`verify`], telling now and then how many records it has read.
pub(super) async fn verify_watched(
    path: &Location,
    evidence: Evidence<'_>,
    watch: &mut (dyn FnMut(u64) + Send),
) -> Result<Verified, VerifyError> {
    let mut snapshot = store::snapshot(path).await?;
    let chain = match archived(&mut *snapshot, path).await? {
        Some(last) => Chain::behind_archive(last, evidence).map_err(tampered)?,
        None => Chain::new(&evidence.all()),
    };
    go_on(chain, snapshot, path, watch).await
}

/// Checks that a journal is what follows its archives.
pub(super) async fn verify_behind(
    ReadArchives(mut chain): ReadArchives,
    path: &Location,
    watch: &mut (dyn FnMut(u64) + Send),
) -> Result<Verified, VerifyError> {
    let mut snapshot = store::snapshot(path).await?;
    chain.go_on_behind(archived(&mut *snapshot, path).await?).map_err(tampered)?;
    go_on(chain, snapshot, path, watch).await
}

/// Takes in what the store holds, from the record on that comes next.
async fn go_on(
    mut chain: Chain,
    mut snapshot: Box<dyn Snapshot>,
    path: &Location,
    watch: &mut (dyn FnMut(u64) + Send),
) -> Result<Verified, VerifyError> {
    // Indexes before the first are found by reading from the very first on.
    let is_first = chain.next_index() == 1;
    let mut from = if is_first { i64::MIN } else { i64::try_from(chain.next_index()).unwrap_or(i64::MAX) };
    loop {
        let page = snapshot.records(from, PAGE_RECORDS).await.map_err(|error| unreadable(&chain, error, path))?;
        for record in &page {
            follow(&mut chain, record).map_err(|fault| tampered((chain.next_index(), fault)))?;
        }
        match page.last().and_then(|last| last.index.checked_add(1)) {
            Some(next) => from = next,
            None => break,
        }
        watch(chain.next_index() - 1);
    }
    chain.check_end().map_err(tampered)?;
    check_open_intents(&mut *snapshot, &chain, path).await?;
    check_backups(&mut *snapshot, &chain, path).await?;
    snapshot.close().await.map_err(|error| unreadable(&chain, error, path))?;
    Ok(chain.verified())
}

/// What is kept elsewhere, as far as the store says.
pub(super) async fn archived(
    snapshot: &mut dyn Snapshot,
    location: &Location,
) -> Result<Option<Expectation>, VerifyError> {
    let failed = |error: StoreError| VerifyError::Unreadable(error.opening(location));
    let Some((last, hash)) = snapshot.archived().await.map_err(failed)? else { return Ok(None) };
    let index = u64::try_from(last).map_err(|_| tampered((0, Fault::Archive)))?;
    let hash = hash.ok_or_else(|| tampered((index, Fault::Archive)))?;
    Ok(Some(Expectation { index, hash }))
}

fn follow(chain: &mut Chain, record: &StoredRecord) -> Result<(), Fault> {
    if u64::try_from(record.index) != Ok(chain.next_index()) {
        return Err(Fault::Gap(record.index));
    }
    chain.follow(record.hash.ok_or(Fault::NoHash)?, record.body.as_deref().ok_or(Fault::NoBody)?)
}

fn tampered((index, fault): (u64, Fault)) -> VerifyError {
    VerifyError::Tampered { index, fault }
}

fn unreadable(chain: &Chain, error: StoreError, path: &Location) -> VerifyError {
    if error.is_corrupt() {
        tampered((chain.next_index(), Fault::Corrupt(error.to_string())))
    } else {
        VerifyError::Unreadable(error.opening(path))
    }
}

/// Each policy that was backed up is as it was, or has expired.
async fn check_backups(snapshot: &mut dyn Snapshot, chain: &Chain, path: &Location) -> Result<(), VerifyError> {
    chain.backups().check(snapshot).await.map_err(|finding| match finding {
        Finding::Bad(index, fault) => tampered((index, fault)),
        Finding::Unreadable(error) => unreadable(chain, error, path),
    })
}

/// The list says exactly what the records say.
async fn check_open_intents(snapshot: &mut dyn Snapshot, chain: &Chain, path: &Location) -> Result<(), VerifyError> {
    let lie = |index: u64| tampered((index, Fault::OpenIntents));
    let mut recorded = chain.open().iter();
    let mut from = i64::MIN;
    loop {
        let page = snapshot.open_intents(from, PAGE_RECORDS).await.map_err(|error| unreadable(chain, error, path))?;
        for StoredIntent { index, operation_id } in &page {
            let listed = u64::try_from(*index).map_err(|_| lie(0))?;
            match recorded.next() {
                Some((index, operation)) if *index == listed && operation == operation_id => {}
                Some((index, _)) => return Err(lie(listed.min(*index))),
                None => return Err(lie(listed)),
            }
        }
        match page.last().and_then(|last| last.index.checked_add(1)) {
            Some(next) => from = next,
            None => break,
        }
    }
    recorded.next().map_or(Ok(()), |(index, _)| Err(lie(*index)))
}
