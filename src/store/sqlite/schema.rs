//! The tables, their versions, and how an older file becomes a newer one.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use super::{Version, number};
use crate::store::{OpenError, StoreError};

/// "RGJL" in the database's header says whose file it is (SQLite, "Database File Format", section 1.3.17).
const APPLICATION_ID: i64 = 0x5247_4a4c;
/// Version of the tables below. Version 2 knew no request ids, no targets of intents and no archive. Version 1, which held
/// policies in records, was never released.
const SCHEMA_VERSION: i64 = 3;

/// The triggers are for accidents; against intent there is the chain.
const VERSION_2: [&str; 10] = [
    "CREATE TABLE records (idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, body TEXT NOT NULL) STRICT",
    "CREATE TABLE open_intents (idx INTEGER PRIMARY KEY, operation_id TEXT NOT NULL) STRICT",
    "CREATE TABLE probe (id INTEGER PRIMARY KEY, room BLOB NOT NULL) STRICT",
    "CREATE TRIGGER records_no_update BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'records are append-only'); END",
    "CREATE TRIGGER records_no_delete BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'records are append-only'); END",
    "PRAGMA application_id = 1380403788",
    "CREATE TABLE policy_backups (id TEXT PRIMARY KEY, journal_index INTEGER NOT NULL UNIQUE, created_at INTEGER NOT NULL, \
     account_id TEXT NOT NULL, resource TEXT NOT NULL, region TEXT NOT NULL, operation TEXT NOT NULL, \
     caller TEXT NOT NULL, reason TEXT NOT NULL, ticket TEXT, policy_sha256 TEXT NOT NULL, policy TEXT NOT NULL) STRICT",
    "CREATE INDEX policy_backups_of_account ON policy_backups (account_id, journal_index)",
    "CREATE INDEX policy_backups_by_age ON policy_backups (created_at)",
    // Rows may be deleted, for retention, and never changed.
    "CREATE TRIGGER policy_backups_no_update BEFORE UPDATE ON policy_backups BEGIN SELECT RAISE(ABORT, 'backups are never changed'); END",
];

/// The indexes are over the bodies themselves, so that no fact stands beside its record and could be edited alone. A body
/// that is not JSON was not written by a gateway; it must not keep the file from being opened, so it has no facts.
const VERSION_3: [&str; 12] = [
    "CREATE INDEX records_of_account ON records (iif(json_valid(body), body ->> '$.account_id', NULL), idx) \
     WHERE iif(json_valid(body), body ->> '$.account_id', NULL) IS NOT NULL",
    "CREATE INDEX records_of_operation ON records (iif(json_valid(body), body ->> '$.operation_id', NULL), idx) \
     WHERE iif(json_valid(body), body ->> '$.operation_id', NULL) IS NOT NULL",
    "ALTER TABLE open_intents ADD COLUMN target TEXT",
    "ALTER TABLE open_intents ADD COLUMN instance TEXT NOT NULL DEFAULT ''",
    "CREATE UNIQUE INDEX open_intents_hold_targets ON open_intents (target) WHERE target IS NOT NULL",
    "CREATE TABLE requests (caller TEXT NOT NULL, request_id TEXT NOT NULL, digest TEXT NOT NULL, \
     operation_id TEXT NOT NULL, intent_index INTEGER NOT NULL UNIQUE, outcome_index INTEGER, reply BLOB, \
     created_at INTEGER NOT NULL, PRIMARY KEY (caller, request_id)) STRICT, WITHOUT ROWID",
    "CREATE INDEX requests_by_age ON requests (created_at)",
    "CREATE TABLE archived (id INTEGER PRIMARY KEY CHECK (id = 1), last_index INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE TRIGGER archived_only_forward BEFORE UPDATE ON archived WHEN NEW.last_index < OLD.last_index \
     BEGIN SELECT RAISE(ABORT, 'the archive only grows'); END",
    "DROP TRIGGER records_no_delete",
    "CREATE TRIGGER records_no_delete BEFORE DELETE ON records \
     WHEN OLD.idx > coalesce((SELECT last_index FROM archived), 0) \
     BEGIN SELECT RAISE(ABORT, 'records are append-only'); END",
    "PRAGMA user_version = 3",
];

/// Which version the file has, if it is a journal at all.
pub(super) async fn find_version(connection: &mut SqliteConnection, path: &Path) -> Result<Version, OpenError> {
    let path = path.to_owned();
    match facts(connection).await.map_err(|error| super::opening(error, &path))? {
        (0, 0, 0) => Ok(Version::Empty),
        (APPLICATION_ID, 2, _) => Ok(Version::Two),
        (APPLICATION_ID, SCHEMA_VERSION, _) => Ok(Version::Three),
        (APPLICATION_ID, found, _) if found > SCHEMA_VERSION => {
            Err(OpenError::NewerSchema { path, found, known: SCHEMA_VERSION })
        }
        (APPLICATION_ID, found, _) => Err(OpenError::OlderSchema { path, found }),
        (application_id, ..) => Err(OpenError::NotAJournal { path, application_id }),
    }
}

/// Application id, schema version and number of tables.
async fn facts(connection: &mut SqliteConnection) -> Result<(i64, i64, i64), StoreError> {
    let application_id = number(connection, "PRAGMA application_id").await?;
    let user_version = number(connection, "PRAGMA user_version").await?;
    Ok((application_id, user_version, number(connection, "SELECT count(*) FROM sqlite_schema").await?))
}

/// Makes what the file lacks, in one transaction.
pub(super) async fn bring_up_to_date(
    connection: &mut SqliteConnection,
    version: Version,
    path: &Path,
) -> Result<(), OpenError> {
    let statements: Vec<&'static str> = match version {
        Version::Empty => VERSION_2.into_iter().chain(VERSION_3).collect(),
        Version::Two => VERSION_3.to_vec(),
        Version::Three => return Ok(()),
    };
    run_all(connection, statements).await.map_err(|error| super::opening(error, path))?;
    if version != Version::Empty {
        tracing::info!(path = %path.display(), "the journal was brought to schema version {SCHEMA_VERSION}");
    }
    Ok(())
}

async fn run_all(connection: &mut SqliteConnection, statements: Vec<&'static str>) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for statement in statements {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

    use super::*;
    use crate::store::{Location, RecordFilter, WhenEmpty, open, snapshot};

    #[tokio::test]
    async fn a_file_of_version_2_keeps_its_records_and_gets_the_new_tables() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        let location = Location::from(&path);
        drop(open(&location).await.unwrap());
        let options = SqliteConnectOptions::new().filename(&path);
        let mut connection = options.connect().await.unwrap();
        let old = [
            "PRAGMA user_version = 2",
            "INSERT INTO records VALUES (1, zeroblob(32), '{\"operation_id\":\"o\",\"account_id\":\"a\"}')",
            "INSERT INTO records VALUES (2, zeroblob(32), 'not JSON')",
            "INSERT INTO open_intents VALUES (1, 'o')",
        ];
        run_all(&mut connection, VERSION_2.into_iter().chain(old).collect()).await.unwrap();
        connection.close().await.unwrap();

        let filter = RecordFilter { operation_id: Some("o".to_owned()), ..RecordFilter::default() };
        let before = snapshot(&location).await.unwrap().find(&filter, 1, 10).await.unwrap();
        assert_eq!(before.len(), 1, "an old file can be read without being changed");
        let store = open(&location).await.unwrap();
        store.connect(WhenEmpty::Refuse).await.unwrap().close().await.unwrap();
        let mut reader = store.snapshot().await.unwrap();
        assert_eq!(reader.find(&filter, 1, 10).await.unwrap(), before);
        assert_eq!(reader.records(1, 10).await.unwrap().len(), 2);
        assert_eq!(reader.open_intents(1, 10).await.unwrap().len(), 1);
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        assert_eq!(number(&mut connection, "PRAGMA user_version").await.unwrap(), SCHEMA_VERSION);
        // What the archive does not hold cannot be deleted.
        assert!(sqlx::query("DELETE FROM records").execute(&mut connection).await.is_err());
    }
}
