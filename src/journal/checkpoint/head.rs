//! Where the journal ends.

use super::super::{Expectation, Journal, Position, ReadError, RecordHash, open::check_head};
use crate::store::{self, Location, Snapshot, StoreError};

/// The end of a journal, and what it says of records that were signed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct End {
    /// The last record.
    pub head: Option<Position>,
    /// What is stored of the records that were asked for, in their order.
    pub found: Vec<Found>,
}

/// What is stored of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Found {
    /// Nothing, or no hash.
    Nothing,
    /// Its hash.
    Hash(RecordHash),
    /// That it was archived, with everything up to the record of this index. What it was, only the archive says.
    Archived(u64),
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
    let head = check_head(&last).map_err(|(index, _)| ReadError::Tampered {
        index: u64::try_from(index).unwrap_or_default(),
        what: "is damaged, or does not follow from the record before it",
    })?;
    let mut found = Vec::with_capacity(signed.len());
    for expectation in signed {
        found.push(stored(&mut *snapshot, *expectation).await.map_err(failed)?);
    }
    snapshot.close().await.map_err(failed)?;
    Ok(End { head, found })
}

/// What is stored of this record. Whoever owns the tables wrote what they say of archives: it vouches for no record but the
/// one whose hash it holds.
async fn stored(snapshot: &mut dyn Snapshot, signed: Expectation) -> Result<Found, StoreError> {
    let Ok(index) = i64::try_from(signed.index) else { return Ok(Found::Nothing) };
    let hash = |hash: Option<RecordHash>| hash.map_or(Found::Nothing, Found::Hash);
    let found = snapshot.records(index, 1).await?;
    if let Some(record) = found.first().filter(|record| record.index == index) {
        return Ok(hash(record.hash));
    }
    Ok(match snapshot.archived().await? {
        Some((last, stored)) if last == index => hash(stored),
        Some((last, _)) if last > index => Found::Archived(u64::try_from(last).unwrap_or_default()),
        _ => Found::Nothing,
    })
}
