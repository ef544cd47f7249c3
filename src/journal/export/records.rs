//! The records as they were at one moment, page by page.

use std::path::{Path, PathBuf};

use crate::journal::{
    Fault, ListedRecord, VerifyError,
    database::{Database, StoreError, StoredRecord, Transaction},
    open::PAGE_RECORDS,
};

/// Reads what was recorded when it began, whatever is recorded meanwhile.
pub(in crate::journal) struct Records<'d> {
    transaction: Transaction<'d>,
    path: PathBuf,
}

impl<'d> Records<'d> {
    pub(in crate::journal) async fn begin(database: &'d mut Database, path: &Path) -> Result<Self, VerifyError> {
        let failed = |error: StoreError| VerifyError::Unreadable(error.opening(path));
        Ok(Self { transaction: database.read().await.map_err(failed)?, path: path.to_owned() })
    }

    /// The next records from this index on, up to `to` and with it, in order; none at the end.
    pub(in crate::journal) async fn page(
        &mut self,
        from: u64,
        to: Option<u64>,
    ) -> Result<Vec<ListedRecord>, VerifyError> {
        let Ok(first) = i64::try_from(from) else { return Ok(Vec::new()) };
        let limit = to.map_or(u64::MAX, |to| to.saturating_add(1).saturating_sub(from));
        let limit = u32::try_from(limit).unwrap_or(PAGE_RECORDS).min(PAGE_RECORDS);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let page = self.transaction.records(first, limit).await.map_err(|error| self.failed(error, from))?;
        page.into_iter().map(readable).collect()
    }

    /// The record at this index.
    pub(in crate::journal) async fn at(&mut self, index: u64) -> Result<Option<ListedRecord>, VerifyError> {
        Ok(self.page(index, Some(index)).await?.into_iter().find(|record| record.index == index))
    }

    /// Index of the last record; 0 in an empty journal.
    pub(in crate::journal) async fn last_index(&mut self) -> Result<u64, VerifyError> {
        let head = self.transaction.head().await.map_err(|error| self.failed(error, 0))?;
        Ok(head.and_then(|(index, _)| u64::try_from(index).ok()).unwrap_or_default())
    }

    pub(in crate::journal) async fn end(self) -> Result<(), VerifyError> {
        let Self { transaction, path } = self;
        transaction.rollback().await.map_err(|error| VerifyError::Unreadable(error.opening(&path)))
    }

    fn failed(&self, error: StoreError, index: u64) -> VerifyError {
        if error.is_corrupt() {
            VerifyError::Tampered { index, fault: Fault::Corrupt(error.to_string()) }
        } else {
            VerifyError::Unreadable(error.opening(&self.path))
        }
    }
}

fn readable(record: StoredRecord) -> Result<ListedRecord, VerifyError> {
    let index = u64::try_from(record.index).unwrap_or_default();
    let bad = |fault| VerifyError::Tampered { index, fault };
    let hash = record.hash.ok_or_else(|| bad(Fault::NoHash))?;
    Ok(ListedRecord { index, hash, body: record.body.ok_or_else(|| bad(Fault::NoBody))? })
}
