//! Where the journal ends.

use std::path::Path;

use super::super::{
    Expectation, Journal, OpenError, Position, ReadError, RecordHash, database::StoreError, list, open::check_head,
};

/// The end of a journal, and what it says of a record that was signed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct End {
    /// The last record.
    pub head: Option<Position>,
    /// Stored hash of the record that was asked for; none if it is not there.
    pub signed: Option<RecordHash>,
}

impl Journal {
    /// The last record; none of an empty journal.
    ///
    /// # Errors
    /// The journal cannot be read, or its last record does not follow from the one before it.
    pub async fn head(&self) -> Result<Option<Position>, ReadError> {
        Ok(self.end(None).await?.head)
    }

    pub(super) async fn end(&self, signed: Option<Expectation>) -> Result<End, ReadError> {
        let _turn = self.reader().await;
        read_end(&self.path, signed).await
    }
}

/// The end of a journal, whether or not somebody writes it; both facts of one moment.
pub(in super::super) async fn read_end(path: &Path, signed: Option<Expectation>) -> Result<End, ReadError> {
    let failed = |error: StoreError| ReadError::Unreadable(error.opening(path));
    let damaged = |(index, what): (i64, &str)| OpenError::Damaged {
        path: path.to_owned(),
        index: u64::try_from(index).unwrap_or_default(),
        what: what.to_owned(),
    };
    let mut database = list::open(path).await?;
    let mut transaction = database.read().await.map_err(failed)?;
    let last = transaction.last(2).await.map_err(failed)?;
    let records = match signed.and_then(|signed| i64::try_from(signed.index).ok()) {
        Some(index) => transaction.records(index, 1).await.map_err(failed)?,
        None => Vec::new(),
    };
    transaction.rollback().await.map_err(failed)?;
    database.close().await.map_err(failed)?;
    let is_it = |index: i64| signed.is_some_and(|signed| u64::try_from(index) == Ok(signed.index));
    let record = records.into_iter().find(|record| is_it(record.index));
    Ok(End { head: check_head(&last).map_err(damaged)?, signed: record.and_then(|record| record.hash) })
}
