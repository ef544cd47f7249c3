//! What acts may know of the journal.

use std::pin::Pin;

use crate::{
    clock::Timestamp,
    error::Error,
    types::{AccountId, OperationId, RecordKind, Subject},
};

/// Where records are read. The gate hands it to acts; only the gate writes one.
pub trait JournalReader: Send + Sync {
    /// One page of records, oldest first.
    fn records(&self, query: RecordQuery) -> Pin<Box<dyn Future<Output = Result<RecordPage, Error>> + Send + '_>>;

    /// Where the journal ends now, signed.
    fn checkpoint(&self) -> Pin<Box<dyn Future<Output = Result<SignedCheckpoint, Error>> + Send + '_>>;
}

/// Which records are asked for. What is not set matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// About this account.
    pub account: Option<AccountId>,
    /// Of this operation.
    pub operation_id: Option<OperationId>,
    /// Of this kind.
    pub event: Option<RecordKind>,
    /// Of what this caller asked.
    pub caller: Option<Subject>,
    /// Recorded then or later.
    pub since: Option<Timestamp>,
    /// Recorded before.
    pub until: Option<Timestamp>,
    /// With this index or a higher one.
    pub from_index: Option<u64>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordQuery {
    /// Which records.
    pub filter: RecordFilter,
    /// Where the page begins and the listing ends; none for the first page.
    pub place: Option<PagePlace>,
    /// At most so many records.
    pub page_size: u32,
    /// At most so many bytes of bodies.
    pub bytes_max: usize,
}

/// Where a page stands in its listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagePlace {
    /// The first index that it looks at.
    pub from: u64,
    /// The last index that the listing looks at: the newest record when its first page was read.
    pub through: u64,
}

/// Some of the records that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPage {
    /// In order. They can be none although others follow.
    pub records: Vec<JournalRecord>,
    /// Where the next page begins; none if nothing is left to look at.
    pub next: Option<u64>,
    /// The last index that the listing looks at.
    pub through: u64,
}

/// A record whose hash was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// Its place, from 1.
    pub index: u64,
    /// Its hash, 64 lower-case hexadecimal digits.
    pub hash: String,
    /// That of the record before it.
    pub previous_hash: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What was hashed.
    pub body: String,
}

/// Where a journal ends, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The signed note.
    pub note: String,
    /// Index of the last record that it covers.
    pub index: u64,
    /// That record's hash, 64 lower-case hexadecimal digits.
    pub hash: String,
}
