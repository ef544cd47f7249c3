//! Reading records, offline or while a gateway writes.

use super::{RecordHash, VerifyError, records::readable};
use crate::store::{self, Location, StoreError};

/// Most records of one call: with the largest bodies some 64 MiB.
pub const LIST_RECORDS_MAX: u32 = 1000;

/// One record as it is stored. Nothing about it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRecord {
    /// Index of the record.
    pub index: u64,
    /// Stored hash of the record.
    pub hash: RecordHash,
    /// Stored body: compact JSON, to the byte.
    pub body: String,
}

/// Reads at most `limit` records (at most [`LIST_RECORDS_MAX`]) from index `from` on, in order.
///
/// # Errors
/// When the file cannot be read, or holds a record that is none.
pub async fn list(location: impl Into<Location>, from: u64, limit: u32) -> Result<Vec<ListedRecord>, VerifyError> {
    let location = &location.into();
    // Beyond what SQLite counts there are no records.
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    let failed = |error: StoreError| VerifyError::Unreadable(error.opening(location));
    let mut snapshot = store::snapshot(location).await?;
    let records = snapshot.records(from, limit.min(LIST_RECORDS_MAX)).await.map_err(failed)?;
    snapshot.close().await.map_err(failed)?;
    records.into_iter().map(readable).collect()
}
