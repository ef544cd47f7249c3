//! The journal in SQLite; the only place that names sqlx.

mod backups;
mod error;
mod schema;

pub(super) use backups::BackupFilter;
pub(super) use error::StoreError;

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{BODY_BYTES_MAX, OpenError, POLICY_BYTES_MAX, RecordHash};
use schema::Version;

/// `PRAGMA synchronous` of FULL: each commit is synced to the disk (SQLite, "PRAGMA synchronous").
const SYNCHRONOUS_FULL: i64 = 2;

/// What to make of an empty file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenEmpty {
    /// A new journal.
    Initialise,
    /// An error: there has been a journal.
    Refuse,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Database {
    connection: SqliteConnection,
    version: Version,
}

/// One transaction, undone when it is dropped.
pub(super) struct Transaction<'a> {
    inner: sqlx::Transaction<'a, Sqlite>,
    version: Version,
}

/// A record as it is stored, believed in nothing.
#[derive(Clone, Debug)]
pub(super) struct StoredRecord {
    pub index: i64,
    /// None when it is not 32 bytes.
    pub hash: Option<RecordHash>,
    /// None when it is not text, or longer than a body may be.
    pub body: Option<String>,
}

/// An open intent as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredIntent {
    pub index: i64,
    pub operation_id: String,
}

impl Database {
    /// Opens the existing file for writing.
    pub(super) async fn open_writer(
        path: &Path,
        busy_timeout: Duration,
        when_empty: WhenEmpty,
    ) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(busy_timeout);
        // Nothing may be changed before it is known whose file it is.
        let mut database = Self::connect(options).await.map_err(|error| error.opening(path))?;
        database.version = database.find_version(path).await?;
        if database.version == Version::Empty && when_empty == WhenEmpty::Refuse {
            return Err(OpenError::NotAJournal { path: path.to_owned(), application_id: 0 });
        }
        let prepared = async {
            let mode = database.text("PRAGMA journal_mode = WAL").await?;
            database.execute("PRAGMA synchronous = FULL").await?;
            // macOS: a plain fsync leaves the data in the drive's cache.
            database.execute("PRAGMA fullfsync = ON").await?;
            Ok((mode, database.number("PRAGMA synchronous").await?))
        };
        let (mode, synchronous) = prepared.await.map_err(|error: StoreError| error.opening(path))?;
        if mode != "wal" {
            return Err(OpenError::Unsupported { path: path.to_owned(), what: "write-ahead log" });
        }
        if synchronous != SYNCHRONOUS_FULL {
            return Err(OpenError::Unsupported { path: path.to_owned(), what: "full synchronisation" });
        }
        database.bring_up_to_date(path).await?;
        Ok(database)
    }

    /// Opens the existing file for reading, whether or not somebody writes it.
    pub(super) async fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(busy_timeout);
        let mut database = match Self::connect(options.clone()).await {
            // A copy on a read-only volume: SQLite cannot make the shared memory file that it wants beside it. Only
            // without a log is the file alone the whole truth.
            Err(error) if error.wants_to_write() && !has_log(path) => {
                let immutable = options.immutable(true);
                Self::connect(immutable).await.map_err(|error| error.opening(path))?
            }
            connected => connected.map_err(|error| error.opening(path))?,
        };
        database.version = database.find_version(path).await?;
        if database.version == Version::Empty {
            return Err(OpenError::NotAJournal { path: path.to_owned(), application_id: 0 });
        }
        Ok(database)
    }

    async fn connect(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        // `trusted_schema`: a file from elsewhere must not run functions of its own choice.
        let options =
            options.pragma("trusted_schema", "OFF").pragma("cell_size_check", "ON").disable_statement_logging();
        let mut database = Self { connection: options.connect().await?, version: Version::Empty };
        // Reads the file for the first time, so that what cannot be read fails here.
        database.number("SELECT count(*) FROM sqlite_schema").await?;
        Ok(database)
    }

    /// Begins a transaction that writes: from here on nobody else does.
    pub(super) async fn write(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(Transaction { version: self.version, inner: self.connection.begin_with("BEGIN IMMEDIATE").await? })
    }

    /// Begins a transaction that sees the file as it is now, whatever is written meanwhile.
    pub(super) async fn read(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(Transaction { version: self.version, inner: self.connection.begin_with("BEGIN").await? })
    }

    /// Ends the connection; SQLite moves the log into the file.
    pub(super) async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }

    /// Runs one statement.
    pub(super) async fn execute(&mut self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn number(&mut self, statement: &'static str) -> Result<i64, StoreError> {
        Ok(sqlx::query(statement).fetch_one(&mut self.connection).await?.try_get(0)?)
    }

    async fn text(&mut self, statement: &'static str) -> Result<String, StoreError> {
        Ok(sqlx::query(statement).fetch_one(&mut self.connection).await?.try_get(0)?)
    }
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(super::file::suffixed(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

impl Transaction<'_> {
    /// The last records, newest first.
    pub(super) async fn last(&mut self, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        const LAST: &str = "SELECT idx, iif(octet_length(hash) = 32, hash, NULL), \
             iif(octet_length(body) <= ?1, body, NULL) FROM records ORDER BY idx DESC LIMIT ?2";
        let rows = sqlx::query(LAST).bind(body_bytes_max()).bind(limit).fetch_all(&mut *self.inner).await?;
        rows.iter().map(stored_record).collect()
    }

    /// Index and hash of the last record. Anything but 32 bytes is no hash that this process wrote.
    pub(super) async fn head(&mut self) -> Result<Option<(i64, Option<RecordHash>)>, StoreError> {
        const HEAD: &str = "SELECT idx, hash FROM records ORDER BY idx DESC LIMIT 1";
        let row = sqlx::query(HEAD).fetch_optional(&mut *self.inner).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1).ok().and_then(RecordHash::from_bytes)))).transpose()
    }

    /// The records from this index on, in order.
    pub(super) async fn records(&mut self, from: i64, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        const RECORDS: &str = "SELECT idx, iif(octet_length(hash) = 32, hash, NULL), \
             iif(octet_length(body) <= ?1, body, NULL) FROM records WHERE idx >= ?2 ORDER BY idx LIMIT ?3";
        let query = sqlx::query(RECORDS).bind(body_bytes_max()).bind(from).bind(limit);
        query.fetch_all(&mut *self.inner).await?.iter().map(stored_record).collect()
    }

    /// The open intents from this index on, in order.
    pub(super) async fn open_intents(&mut self, from: i64, limit: u32) -> Result<Vec<StoredIntent>, StoreError> {
        const INTENTS: &str = "SELECT idx, operation_id FROM open_intents WHERE idx >= ?1 ORDER BY idx LIMIT ?2";
        let rows = sqlx::query(INTENTS).bind(from).bind(limit).fetch_all(&mut *self.inner).await?;
        rows.iter().map(|row| Ok(StoredIntent { index: row.try_get(0)?, operation_id: row.try_get(1)? })).collect()
    }

    /// Adds a record.
    pub(super) async fn insert(&mut self, index: u64, hash: RecordHash, body: &str) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO records (idx, hash, body) VALUES (?1, ?2, ?3)";
        let query = sqlx::query(INSERT).bind(row_id(index)?).bind(hash.as_bytes().to_vec()).bind(body.to_owned());
        query.execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Remembers that an intent is open.
    pub(super) async fn open_intent(&mut self, index: u64, operation_id: &str) -> Result<(), StoreError> {
        const OPEN: &str = "INSERT INTO open_intents (idx, operation_id) VALUES (?1, ?2)";
        let query = sqlx::query(OPEN).bind(row_id(index)?).bind(operation_id.to_owned());
        query.execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Whether this intent was open; it is not any more.
    pub(super) async fn close_intent(&mut self, index: u64, operation_id: &str) -> Result<bool, StoreError> {
        const CLOSE: &str = "DELETE FROM open_intents WHERE idx = ?1 AND operation_id = ?2";
        let Ok(row_id) = row_id(index) else { return Ok(false) };
        let query = sqlx::query(CLOSE).bind(row_id).bind(operation_id.to_owned());
        Ok(query.execute(&mut *self.inner).await?.rows_affected() == 1)
    }

    /// Takes and gives back the room of the largest record and the largest policy, so that a commit shows whether one would fit.
    pub(super) async fn probe(&mut self) -> Result<(), StoreError> {
        const TAKE: &str = "INSERT OR REPLACE INTO probe (id, room) VALUES (1, zeroblob(?1))";
        let room = body_bytes_max().saturating_add(policy_bytes_max());
        sqlx::query(TAKE).bind(room).execute(&mut *self.inner).await?;
        sqlx::query("DELETE FROM probe").execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Makes everything durable. After an error nobody knows whether it is.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    /// Undoes everything.
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }
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

fn stored_record(row: &SqliteRow) -> Result<StoredRecord, StoreError> {
    let hash = row.try_get(1).ok().flatten().and_then(RecordHash::from_bytes);
    Ok(StoredRecord { index: row.try_get(0)?, hash, body: row.try_get(2).ok().flatten() })
}
