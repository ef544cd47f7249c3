//! What can be wrong with a record.

use std::fmt::{self, Display};

use crate::{
    clock::Timestamp,
    journal::{Expectation, RecordHash},
};

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another index follows.
    #[error("is missing: the next stored index is {0}")]
    Gap(i64),
    /// An earlier or later line of the export stands there.
    #[error("record {0} stands in its place: lines were reordered or repeated")]
    Order(u64),
    /// The export begins later than the chain that it is held against.
    #[error(
        "is missing: the export begins with record {0}; if it is a segment, give the earlier segments before it, or the receipt of the record before it with --after INDEX:HASH"
    )]
    Segment(u64),
    /// Its line in the export is not as it was written.
    #[error("its line {0}")]
    Line(&'static str),
    /// Its hash is not 32 bytes.
    #[error("its hash is not 32 bytes")]
    NoHash,
    /// Its body is not a text of the size that the gateway writes.
    #[error("its body is not text, or larger than any that the gateway writes")]
    NoBody,
    /// Its hash does not follow.
    #[error("its hash does not match its body and the record before it")]
    Hash,
    /// Its body is not a record.
    #[error("its body is not a record: {0}")]
    Body(&'static str),
    /// Its body says another index.
    #[error("its body carries the index {0}")]
    BodyIndex(u64),
    /// It is older than the record before it.
    #[error("its time {0} is before that of the record before it")]
    Time(Timestamp),
    /// It closes an intent that is not open.
    #[error("it closes intent {0}, which does not exist, belongs to another operation, or was closed before")]
    NoOpenIntent(u64),
    /// Somebody holds a receipt with another hash.
    #[error(
        "its hash is {found}, a receipt says {expected}: the journal was written anew, or the receipt is of another one"
    )]
    Receipt {
        /// Hash in the journal.
        found: RecordHash,
        /// Hash in the receipt.
        expected: RecordHash,
    },
    /// Somebody holds a receipt of a later record.
    #[error(
        "is missing: the journal ends before it, but there is a receipt for record {0}: its tail was cut off, or the receipt is of another journal"
    )]
    Cut(u64),
    /// Somebody holds a receipt of a record that is not part of this segment.
    #[error(
        "comes before this segment, and there is a receipt for it: give the archives or earlier segments too (--export), or leave that receipt out"
    )]
    BeforeSegment,
    /// The list of open intents differs from the records.
    #[error("the list of open intents does not agree with the records about it")]
    OpenIntents,
    /// A policy was deleted that has not expired.
    #[error("the policy that it backed up is missing, and has not expired")]
    BackupMissing,
    /// The stored policy is not the one that was backed up.
    #[error("the policy that it backed up is not the one that is stored: it {0}")]
    Backup(&'static str),
    /// The record before the first one that is there is not one that was archived.
    #[error("the records up to here are said to be archived, but no record says so: they were removed")]
    Archive,
    /// The journal does not go on where the archives end.
    #[error(
        "does not follow: {0}: give all its archives and no other files, in their order; if you did, one of them or the journal was changed"
    )]
    Archives(Box<Ends>),
    /// A file is another one than the record of it says.
    #[error(
        "it says that records {first} to {last} are archived, and their file is another one: it was changed, or was not written by `rootgate journal archive`"
    )]
    ArchiveFile {
        /// Index of the first record of the file.
        first: u64,
        /// Index of the last one.
        last: u64,
    },
    /// A policy was put in.
    #[error("a policy is stored for it, but it is no backup")]
    StrayBackup,
    /// The database itself is damaged there.
    #[error("the database cannot be read there: {0}")]
    Corrupt(String),
}

/// Where archives end, and where the journal goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The last record of the last file.
    pub read: Expectation,
    /// The last one that the journal says is archived; none if it says so of none.
    pub archived: Option<Expectation>,
}

impl Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the files end with record {}, and ", self.read)?;
        match self.archived {
            Some(last) => write!(f, "the journal goes on behind record {last}"),
            None => f.write_str("nothing of the journal is archived"),
        }
    }
}
