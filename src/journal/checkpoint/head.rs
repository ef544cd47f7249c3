//! Where the journal ends.

use std::path::Path;

use super::super::{
    Expectation, Journal, OpenError, Position, ReadError, RecordHash, database::StoreError, list, open::check_head,
};

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
        read_end(&self.path, signed).await
    }
}

/// The end of a journal, whether or not somebody writes it; all of one moment.
pub(in super::super) async fn read_end(path: &Path, signed: &[Expectation]) -> Result<End, ReadError> {
    let failed = |error: StoreError| ReadError::Unreadable(error.opening(path));
    let damaged = |(index, what): (i64, &str)| OpenError::Damaged {
        path: path.to_owned(),
        index: u64::try_from(index).unwrap_or_default(),
        what: what.to_owned(),
    };
    let mut database = list::open(path).await?;
    let mut transaction = database.read().await.map_err(failed)?;
    let last = transaction.last(2).await.map_err(failed)?;
    let mut hashes = Vec::with_capacity(signed.len());
    for expectation in signed {
        let index = i64::try_from(expectation.index).unwrap_or(i64::MAX);
        let found = transaction.records(index, 1).await.map_err(failed)?;
        hashes.push(found.first().filter(|record| record.index == index).and_then(|record| record.hash));
    }
    transaction.rollback().await.map_err(failed)?;
    database.close().await.map_err(failed)?;
    Ok(End { head: check_head(&last).map_err(damaged)?, hashes })
}
