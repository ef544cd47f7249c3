//! The records as they were at one moment, page by page.

use super::{Expectation, Fault, ListedRecord, VerifyError, open::PAGE_RECORDS, verify::archived};
use crate::store::{self, Location, Snapshot, StoreError, StoredRecord};

/// Reads what was recorded when it began, whatever is recorded meanwhile.
pub(super) struct Records {
    snapshot: Box<dyn Snapshot>,
    location: Location,
}

impl Records {
    pub(super) async fn begin(location: &Location) -> Result<Self, VerifyError> {
        Ok(Self { snapshot: store::snapshot(location).await?, location: location.clone() })
    }

    /// The next records from this index on, up to `to` and with it, in order; none at the end.
    pub(super) async fn page(&mut self, from: u64, to: Option<u64>) -> Result<Vec<ListedRecord>, VerifyError> {
        let Ok(first) = i64::try_from(from) else { return Ok(Vec::new()) };
        let limit = to.map_or(u64::MAX, |to| to.saturating_add(1).saturating_sub(from));
        let limit = u32::try_from(limit).unwrap_or(PAGE_RECORDS).min(PAGE_RECORDS);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let page = self.snapshot.records(first, limit).await.map_err(|error| self.failed(error, from))?;
        page.into_iter().map(readable).collect()
    }

    /// The record at this index.
    pub(super) async fn at(&mut self, index: u64) -> Result<Option<ListedRecord>, VerifyError> {
        Ok(self.page(index, Some(index)).await?.into_iter().find(|record| record.index == index))
    }

    /// The last record that is kept elsewhere.
    pub(super) async fn archived(&mut self) -> Result<Option<Expectation>, VerifyError> {
        archived(&mut *self.snapshot, &self.location).await
    }

    /// Index of the last record; 0 in an empty journal.
    pub(super) async fn last_index(&mut self) -> Result<u64, VerifyError> {
        let last = self.snapshot.last(1).await.map_err(|error| self.failed(error, 0))?;
        Ok(last.first().and_then(|last| u64::try_from(last.index).ok()).unwrap_or_default())
    }

    pub(super) async fn end(self) -> Result<(), VerifyError> {
        let Self { snapshot, location } = self;
        snapshot.close().await.map_err(|error| VerifyError::Unreadable(error.opening(&location)))
    }

    fn failed(&self, error: StoreError, index: u64) -> VerifyError {
        if error.is_corrupt() {
            VerifyError::Tampered { index, fault: Fault::Corrupt(error.to_string()) }
        } else {
            VerifyError::Unreadable(error.opening(&self.location))
        }
    }
}

/// A record that is whole, believed in nothing else.
pub(super) fn readable(record: StoredRecord) -> Result<ListedRecord, VerifyError> {
    let index = u64::try_from(record.index).unwrap_or_default();
    let bad = |fault| VerifyError::Tampered { index, fault };
    let hash = record.hash.ok_or_else(|| bad(Fault::NoHash))?;
    Ok(ListedRecord { index, hash, body: record.body.ok_or_else(|| bad(Fault::NoBody))? })
}
