//! Where the journal ends.

use super::super::{Expectation, Journal, Position, ReadError, RecordHash, open::check_head};
use crate::store::{self, Location, Snapshot, StoreError};

/// The end of a journal, and what it says of records that were signed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct End {
    /// The last record.
    pub head: Option<Position>,
    /// Stored hashes of the records that were asked for, in their order; none of those that are not there.
    pub hashes: Vec<Option<RecordHash>>,
}

impl Journal {
    /// The last record; none of an empty journal.
    ///
    /// # Errors
    /// The journal cannot be read, or its last record does not follow from the one before it.
    pub async fn head(&self) -> Result<Option<Position>, ReadError> {
        Ok(self.end(&[]).await?.head)
    }

    pub(super) async fn end(&self, signed: &[Expectation]) -> Result<End, ReadError> {
        let _turn = self.reader().await;
        find_end(self.store.snapshot().await?, self.store.location(), signed).await
    }
}

/// The end of a journal, whether or not somebody writes it.
pub(in super::super) async fn read_end(location: &Location, signed: &[Expectation]) -> Result<End, ReadError> {
    find_end(store::snapshot(location).await?, location, signed).await
}

async fn find_end(
    mut snapshot: Box<dyn Snapshot>,
    location: &Location,
    signed: &[Expectation],
) -> Result<End, ReadError> {
    let failed = |error: StoreError| ReadError::Unreadable(error.opening(location));
    let last = snapshot.last(2).await.map_err(failed)?;
    let head = check_head(&last).map_err(|(index, what)| failed(StoreError::damaged(index, what)))?;
    let mut hashes = Vec::with_capacity(signed.len());
    for expectation in signed {
        hashes.push(stored(&mut *snapshot, *expectation).await.map_err(failed)?);
    }
    snapshot.close().await.map_err(failed)?;
    Ok(End { head, hashes })
}

/// The hash that is stored for this record.
async fn stored(snapshot: &mut dyn Snapshot, signed: Expectation) -> Result<Option<RecordHash>, StoreError> {
    let Ok(index) = i64::try_from(signed.index) else { return Ok(None) };
    let found = snapshot.records(index, 1).await?;
    if let Some(record) = found.first().filter(|record| record.index == index) {
        return Ok(record.hash);
    }
    Ok(match snapshot.archived().await? {
        Some((last, hash)) if last == index => hash,
        // It is kept elsewhere, where `verify` holds it against the checkpoint.
        Some((last, _)) if last > index => Some(signed.hash),
        _ => None,
    })
}
