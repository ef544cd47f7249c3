//! Finds every edit of a journal, without trusting whoever wrote it.

mod backups;
mod chain;
mod export;
mod fault;
mod lines;

pub use export::{ExportError, ExportSource, Place, verify_exports};
pub use fault::Fault;

use std::path::Path;

use super::{
    Expectation, OpenError, Position,
    database::{StoreError, StoredIntent, StoredRecord, Transaction},
    open::PAGE_RECORDS,
};

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
}

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
pub async fn verify(path: &Path, expect: &[Expectation]) -> Result<Verified, VerifyError> {
    verify_watched(path, expect, &mut |_| {}).await
}

/// [`verify`], telling now and then how many records it has read.
pub(super) async fn verify_watched(
    path: &Path,
    expect: &[Expectation],
    watch: &mut (dyn FnMut(u64) + Send),
) -> Result<Verified, VerifyError> {
    let mut database = super::list::open(path).await?;
    let mut transaction = database.read().await.map_err(|error| VerifyError::Unreadable(error.opening(path)))?;
    let mut chain = Chain::new(expect);
    let mut from = i64::MIN;
    loop {
        let page = transaction.records(from, PAGE_RECORDS).await.map_err(|error| unreadable(&chain, error, path))?;
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
    check_open_intents(&mut transaction, &chain, path).await?;
    check_backups(&mut transaction, &chain, path).await?;
    transaction.rollback().await.map_err(|error| unreadable(&chain, error, path))?;
    database.close().await.map_err(|error| unreadable(&chain, error, path))?;
    Ok(chain.verified())
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

fn unreadable(chain: &Chain, error: StoreError, path: &Path) -> VerifyError {
    if error.is_corrupt() {
        tampered((chain.next_index(), Fault::Corrupt(error.to_string())))
    } else {
        VerifyError::Unreadable(error.opening(path))
    }
}

/// Each policy that was backed up is as it was, or has expired.
async fn check_backups(transaction: &mut Transaction<'_>, chain: &Chain, path: &Path) -> Result<(), VerifyError> {
    chain.backups().check(transaction).await.map_err(|finding| match finding {
        Finding::Bad(index, fault) => tampered((index, fault)),
        Finding::Unreadable(error) => unreadable(chain, error, path),
    })
}

/// The list says exactly what the records say.
async fn check_open_intents(transaction: &mut Transaction<'_>, chain: &Chain, path: &Path) -> Result<(), VerifyError> {
    let lie = |index: u64| tampered((index, Fault::OpenIntents));
    let mut recorded = chain.open().iter();
    let mut from = i64::MIN;
    loop {
        let page =
            transaction.open_intents(from, PAGE_RECORDS).await.map_err(|error| unreadable(chain, error, path))?;
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
