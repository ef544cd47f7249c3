//! Where the journal is kept: records, open intents, policy backups, request ids.
//!
//! One trait, two engines. SQLite is the default: a file that one gateway writes. PostgreSQL is for several replicas, which
//! write one chain. What they promise is the same, and `conformance` holds both to it.
//!
//! A store knows nothing of hashing and encoding, and believes nothing that it reads: the journal does both. What it
//! promises is that a transaction of [`Append`] is alone, and durable as a whole once it is committed.
//!
//! sqlx is named below this file and nowhere else.

mod error;
mod hash;
mod location;
mod model;
mod postgres;
mod sqlite;

pub use error::{OpenError, StoreError, WriteFailure};
pub use hash::RecordHash;
pub use location::{Host, Location, LocationError, PostgresLocation};
pub use model::{
    Additions, BODY_BYTES_MAX, BackupFilter, FoundRecord, Instance, IntentKey, NewIntent, NewRecord, NewRequest,
    POLICY_BYTES_MAX, PolicyBackup, RecordFilter, RequestKey, SettledRequest, StoredIntent, StoredRecord,
    StoredRequest,
};
pub use postgres::{ServerFault, ServerProblem};
pub(crate) use sqlite::suffixed;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::clock::Timestamp;

/// How long somebody else's hold on the store is waited for. Nobody else has business holding it for long: a person's look
/// with a shell, another replica's transaction.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// What to make of a store without tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenEmpty {
    /// A new journal.
    Initialise,
    /// An error: there has been a journal.
    Refuse,
}

/// A place where a journal is kept, guarded as long as this value lives.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Where it is.
    fn location(&self) -> &Location;

    /// Whether other gateways may append to the same chain. If not, whatever somebody else appends is a fault.
    fn is_shared(&self) -> bool;

    /// This process, among those that write.
    fn instance(&self) -> &Instance;

    /// A connection that writes; brings the tables up to date.
    async fn connect(&self, when_empty: WhenEmpty) -> Result<Box<dyn Connection>, OpenError>;

    /// The store as it is now, whatever is written meanwhile. Never writes.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, OpenError>;
}

/// A connection that writes.
#[async_trait]
pub trait Connection: Send + Sync {
    /// Begins a transaction, and waits until nobody else is in one.
    ///
    /// # Errors
    /// When the store cannot be written, or is not the one that was opened any more.
    async fn append(&mut self) -> Result<Box<dyn Append + '_>, WriteFailure>;

    /// Ends the connection in order.
    async fn close(self: Box<Self>) -> Result<(), StoreError>;

    /// Runs a statement.
    #[cfg(test)]
    async fn execute(&mut self, statement: &'static str);
}

/// Reading of records, in a snapshot or in a transaction that writes.
#[async_trait]
pub trait Records: Send {
    /// The last records, newest first.
    async fn last(&mut self, limit: u32) -> Result<Vec<StoredRecord>, StoreError>;

    /// The records from this index on, in order.
    async fn records(&mut self, from: i64, limit: u32) -> Result<Vec<StoredRecord>, StoreError>;
}

/// One transaction that writes, undone when it is dropped. Nobody else writes as long as it lives.
#[async_trait]
pub trait Append: Records {
    /// Index and hash of the last record. Anything but 32 bytes is no hash that a gateway wrote.
    async fn head(&mut self) -> Result<Option<(i64, Option<RecordHash>)>, StoreError>;

    /// Takes intents off the list of open ones; says of each whether it was on it. Frees what they held.
    async fn close_intents(&mut self, intents: &[IntentKey]) -> Result<Vec<bool>, StoreError>;

    /// What was left of this process's lease when the transaction began, by the store's own clock: nothing when it has ended
    /// or was never taken. Where only one process writes it has no end.
    fn lease_left(&self) -> Duration;

    /// Of each of these intents, whether it is open and this instance's.
    async fn held(&mut self, me: &Instance, intents: &[IntentKey]) -> Result<Vec<bool>, StoreError>;

    /// Which of these targets are held by an open intent, and by the operation with which id.
    async fn holders(&mut self, targets: &[String]) -> Result<Vec<(String, String)>, StoreError>;

    /// Those of these requests that are known.
    async fn requests(&mut self, keys: &[RequestKey]) -> Result<Vec<StoredRequest>, StoreError>;

    /// Those of these operations that have a backup.
    async fn backed_up(&mut self, operation_ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Adds all of it.
    async fn add(&mut self, additions: &Additions) -> Result<(), StoreError>;

    /// Deletes the oldest backups that were recorded before this moment; how many.
    async fn expire_backups(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Forgets the oldest settled requests that were recorded before this moment; how many.
    async fn expire_requests(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Says that this instance lives for `lease` from now on, by the store's own clock. Zero takes it off the list, unless it
    /// has open intents: while their acts may go on, it lives as long as it said last.
    async fn renew(&mut self, instance: &Instance, lease: Duration) -> Result<(), StoreError>;

    /// Open intents from this index on, in order, of instances that do not live any more.
    async fn orphaned(&mut self, me: &Instance, from: i64, limit: u32) -> Result<Vec<StoredIntent>, StoreError>;

    /// Says that everything up to this record is kept elsewhere, so that it may be deleted here.
    async fn archive(&mut self, last: u64, hash: RecordHash) -> Result<(), StoreError>;

    /// Deletes the oldest records that are kept elsewhere; how many.
    async fn prune(&mut self, limit: u32) -> Result<u64, StoreError>;

    /// Takes and gives back the room of the largest record and the largest policy, so that a commit shows whether one would
    /// fit.
    async fn probe(&mut self) -> Result<(), StoreError>;

    /// Makes everything durable. After an error nobody knows whether it is.
    async fn commit(self: Box<Self>) -> Result<(), WriteFailure>;

    /// Undoes everything.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// The store at one moment. Nothing in it is believed before it was compared with the chain.
#[async_trait]
pub trait Snapshot: Records {
    /// Records with these facts from this index on, in order.
    async fn find(&mut self, filter: &RecordFilter, from: i64, limit: u32) -> Result<Vec<FoundRecord>, StoreError>;

    /// The open intents from this index on, in order.
    async fn open_intents(&mut self, from: i64, limit: u32) -> Result<Vec<StoredIntent>, StoreError>;

    /// Where the backup with this id is recorded.
    async fn backup_index(&mut self, id: &str) -> Result<Option<i64>, StoreError>;

    /// Where backups are recorded, newest first.
    async fn backup_indexes(&mut self, filter: &BackupFilter) -> Result<Vec<i64>, StoreError>;

    /// Where policies are said to be recorded, from this index on, in order.
    async fn backup_rows(&mut self, from: i64, limit: u32) -> Result<Vec<i64>, StoreError>;

    /// The policy that is stored with just these facts; none when any of them differs.
    async fn backup_text(&mut self, facts: &PolicyBackup) -> Result<Option<String>, StoreError>;

    /// The last record that is kept elsewhere, and its hash.
    async fn archived(&mut self) -> Result<Option<(i64, Option<RecordHash>)>, StoreError>;

    /// The first record that something in the store refers to: an open intent, a backup, a request.
    async fn pinned(&mut self) -> Result<Option<i64>, StoreError>;

    /// What is known of a request.
    async fn request(&mut self, key: &RequestKey) -> Result<Option<StoredRequest>, StoreError>;

    /// Ends it.
    async fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// Opens the store for a gateway: makes it if there is none, and guards it against a second writer where it has one only.
///
/// # Errors
/// When it is not to be written by this process, or cannot be reached. The text holds the fix.
pub async fn open(location: &Location) -> Result<Arc<dyn Store>, OpenError> {
    match location {
        Location::File(path) => Ok(Arc::new(sqlite::SqliteStore::guarded(path).await?)),
        Location::Postgres(place) => Ok(Arc::new(postgres::PostgresStore::new(place))),
    }
}

/// [`open`] with another patience for whoever holds the store.
#[cfg(test)]
pub(crate) async fn open_within(location: &Location, busy_timeout: Duration) -> Result<Arc<dyn Store>, OpenError> {
    match location {
        Location::File(path) => Ok(Arc::new(sqlite::SqliteStore::guarded(path).await?.with_busy_timeout(busy_timeout))),
        Location::Postgres(place) => Ok(Arc::new(postgres::PostgresStore::new(place))),
    }
}

/// Opens what is there for reading, whether or not somebody writes it.
///
/// # Errors
/// When there is no journal, or it cannot be read.
pub async fn snapshot(location: &Location) -> Result<Box<dyn Snapshot>, OpenError> {
    match location {
        Location::File(path) => sqlite::snapshot(path).await,
        Location::Postgres(place) => postgres::PostgresStore::new(place).snapshot().await,
    }
}

#[cfg(test)]
mod conformance;
