//! The store in one SQLite file, which one process writes.

mod append;
mod fault;
mod file;
mod schema;
mod snapshot;

pub(super) use fault::{kind, opening, writing};
pub(crate) use file::suffixed;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions as _, Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{
    Append, BODY_BYTES_MAX, BUSY_TIMEOUT, Connection, Instance, Location, OpenError, POLICY_BYTES_MAX, RecordHash,
    Snapshot, Store, StoreError, StoredRecord, WhenEmpty, WriteFailure,
};
use append::SqliteAppend;
use file::{Guarded, Identity, exists};

/// `PRAGMA synchronous` of FULL: each commit is synced to the disk (SQLite, "PRAGMA synchronous").
const SYNCHRONOUS_FULL: i64 = 2;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Nothing: it is a new file.
    Empty,
    /// Records and backups.
    Two,
    /// The tables of this release.
    Three,
}

/// A file that exists and that this process alone may write, as long as this value lives.
#[derive(Debug)]
pub(super) struct SqliteStore {
    location: Location,
    instance: Instance,
    guarded: Arc<Guarded>,
    busy_timeout: std::time::Duration,
}

/// One connection, and the files that it was opened on.
struct SqliteWriter {
    connection: SqliteConnection,
    identity: Identity,
    /// The lock goes with the last connection, not with the first one that is dropped.
    guarded: Arc<Guarded>,
}

impl SqliteStore {
    /// Creates the file if there is none, and takes its lock.
    pub(super) async fn guarded(path: &Path) -> Result<Self, OpenError> {
        let (path, named) = (path.to_owned(), path.to_owned());
        let guarded = tokio::task::spawn_blocking(move || file::guard(&path)).await;
        let guarded =
            guarded.unwrap_or_else(|error| Err(OpenError::Storage { path: named, message: error.to_string() }))?;
        let location = Location::File(guarded.path.clone());
        let instance = Instance::generate();
        Ok(Self { location, instance, guarded: Arc::new(guarded), busy_timeout: BUSY_TIMEOUT })
    }

    /// With another patience for locks.
    #[cfg(test)]
    pub(super) fn with_busy_timeout(self, busy_timeout: std::time::Duration) -> Self {
        Self { busy_timeout, ..self }
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn instance(&self) -> &Instance {
        &self.instance
    }

    async fn connect(&self, when_empty: WhenEmpty) -> Result<Box<dyn Connection>, OpenError> {
        let path = &self.guarded.path;
        if let Err(failure) = exists(path).await {
            return Err(OpenError::Unwritable(Arc::new(failure)));
        }
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(self.busy_timeout);
        // Nothing may be changed before it is known whose file it is.
        let mut connection = connect(options).await.map_err(|error| opening(error, path))?;
        let version = schema::find_version(&mut connection, path).await?;
        if version == Version::Empty && when_empty == WhenEmpty::Refuse {
            return Err(OpenError::NotAJournal { path: path.clone(), application_id: 0 });
        }
        make_durable(&mut connection, path).await?;
        schema::bring_up_to_date(&mut connection, version, path).await?;
        // The log exists only after the first look at a file that uses one.
        number(&mut connection, "SELECT count(*) FROM probe").await.map_err(|error| opening(error, path))?;
        let identity = Identity::of(path).await.map_err(|failure| OpenError::Unwritable(Arc::new(failure)))?;
        Ok(Box::new(SqliteWriter { connection, identity, guarded: Arc::clone(&self.guarded) }))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, OpenError> {
        snapshot::open(&self.guarded.path, self.busy_timeout).await
    }
}

#[async_trait]
impl Connection for SqliteWriter {
    async fn append(&mut self) -> Result<Box<dyn Append + '_>, WriteFailure> {
        let path = &self.guarded.path;
        // SQLite commits happily into a file that nobody can find any more.
        self.identity.check(path).await?;
        let begun = self.connection.begin_with("BEGIN IMMEDIATE").await;
        let inner = begun.map_err(|error| writing(error.into(), path))?;
        Ok(Box::new(SqliteAppend { inner, identity: self.identity, path }))
    }

    async fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }

    #[cfg(test)]
    async fn execute(&mut self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.connection).await.unwrap();
    }
}

/// Opens the file at `path`, which must be there, for reading.
pub(super) async fn snapshot(path: &Path) -> Result<Box<dyn Snapshot>, OpenError> {
    let absolute = file::find(path).await?;
    snapshot::open(&absolute, BUSY_TIMEOUT).await
}

async fn connect(options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    // `trusted_schema`: a file from elsewhere must not run functions of its own choice.
    let options = options.pragma("trusted_schema", "OFF").pragma("cell_size_check", "ON").disable_statement_logging();
    let mut connection = options.connect().await?;
    // Reads the file for the first time, so that what cannot be read fails here.
    number(&mut connection, "SELECT count(*) FROM sqlite_schema").await?;
    Ok(connection)
}

/// Makes commits wait for the disk, or refuses.
async fn make_durable(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let (mode, synchronous) = ask_for_durability(connection).await.map_err(|error| opening(error, path))?;
    if mode != "wal" {
        return Err(OpenError::Unsupported { path: path.to_owned(), what: "write-ahead log" });
    }
    if synchronous != SYNCHRONOUS_FULL {
        return Err(OpenError::Unsupported { path: path.to_owned(), what: "full synchronisation" });
    }
    Ok(())
}

async fn ask_for_durability(connection: &mut SqliteConnection) -> Result<(String, i64), StoreError> {
    let mode = sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await?.try_get(0)?;
    sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
    // macOS: a plain fsync leaves the data in the drive's cache.
    sqlx::query("PRAGMA fullfsync = ON").execute(&mut *connection).await?;
    Ok((mode, number(connection, "PRAGMA synchronous").await?))
}

async fn number(connection: &mut SqliteConnection, statement: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query(statement).fetch_one(connection).await?.try_get(0)?)
}

/// The last records, newest first.
async fn last(connection: &mut SqliteConnection, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
    const LAST: &str = "SELECT idx, iif(octet_length(hash) = 32, hash, NULL), \
         iif(octet_length(body) <= ?1, body, NULL) FROM records ORDER BY idx DESC LIMIT ?2";
    let rows = sqlx::query(LAST).bind(body_bytes_max()).bind(limit).fetch_all(connection).await?;
    rows.iter().map(stored_record).collect()
}

/// The records from this index on, in order.
async fn records(connection: &mut SqliteConnection, from: i64, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
    const RECORDS: &str = "SELECT idx, iif(octet_length(hash) = 32, hash, NULL), \
         iif(octet_length(body) <= ?1, body, NULL) FROM records WHERE idx >= ?2 ORDER BY idx LIMIT ?3";
    let query = sqlx::query(RECORDS).bind(body_bytes_max()).bind(from).bind(limit);
    query.fetch_all(connection).await?.iter().map(stored_record).collect()
}

fn stored_record(row: &SqliteRow) -> Result<StoredRecord, StoreError> {
    let hash = row.try_get(1).ok().flatten().and_then(RecordHash::from_bytes);
    Ok(StoredRecord { index: row.try_get(0)?, hash, body: row.try_get(2).ok().flatten() })
}

fn body_bytes_max() -> i64 {
    i64::try_from(BODY_BYTES_MAX).unwrap_or(i64::MAX)
}

fn policy_bytes_max() -> i64 {
    i64::try_from(POLICY_BYTES_MAX).unwrap_or(i64::MAX)
}

/// SQLite counts rows with a sign. No journal comes near the end, so what is beyond it is not there.
fn row_id(index: u64) -> Result<i64, StoreError> {
    i64::try_from(index).map_err(|_| StoreError::new(format!("no record can have index {index}")))
}
