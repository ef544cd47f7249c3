//! The tables, their versions, and how an old file becomes a new one.

use std::path::Path;

use super::{Database, OpenError, StoreError, Transaction};
use crate::journal::{
    PolicyBackup,
    backups::{BackupFault, Recorded, recorded},
    open::PAGE_RECORDS,
};

/// "RGJL" in the database's header says whose file it is (SQLite, "Database File Format", section 1.3.17).
const APPLICATION_ID: i64 = 0x5247_4a4c;
/// Version of the tables below. Version 1 had no table of backups: `Backup` records held the policies themselves.
const SCHEMA_VERSION: i64 = 2;

/// The columns of the table of backups, which is a temporary one beside an old file that is only read.
macro_rules! policy_backups {
    () => {
        "policy_backups (id TEXT PRIMARY KEY, journal_index INTEGER NOT NULL UNIQUE, created_at INTEGER NOT NULL, \
         account_id TEXT NOT NULL, resource TEXT NOT NULL, region TEXT NOT NULL, operation TEXT NOT NULL, \
         caller TEXT NOT NULL, reason TEXT NOT NULL, ticket TEXT, policy_sha256 TEXT NOT NULL, \
         policy TEXT NOT NULL) STRICT"
    };
}

/// The triggers are for accidents; against intent there is the chain.
const RECORDS: [&str; 6] = [
    "CREATE TABLE records (idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, body TEXT NOT NULL) STRICT",
    "CREATE TABLE open_intents (idx INTEGER PRIMARY KEY, operation_id TEXT NOT NULL) STRICT",
    "CREATE TABLE probe (id INTEGER PRIMARY KEY, room BLOB NOT NULL) STRICT",
    "CREATE TRIGGER records_no_update BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'records are append-only'); END",
    "CREATE TRIGGER records_no_delete BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'records are append-only'); END",
    "PRAGMA application_id = 1380403788",
];
/// Rows may be deleted, for retention, and never changed.
const BACKUPS: [&str; 5] = [
    concat!("CREATE TABLE ", policy_backups!()),
    "CREATE INDEX policy_backups_of_account ON policy_backups (account_id, journal_index)",
    "CREATE INDEX policy_backups_by_age ON policy_backups (created_at)",
    "CREATE TRIGGER policy_backups_no_update BEFORE UPDATE ON policy_backups BEGIN SELECT RAISE(ABORT, 'backups are never changed'); END",
    "PRAGMA user_version = 2",
];
const BACKUPS_BESIDE: &str = concat!("CREATE TEMP TABLE ", policy_backups!());

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Nothing: it is a new file.
    Empty,
    /// Policies in the records.
    One,
    /// The tables of this release.
    Two,
}

impl Database {
    /// Which version the file has, if it is a journal at all.
    pub(super) async fn find_version(&mut self, path: &Path) -> Result<Version, OpenError> {
        let facts = async {
            let tables = self.number("SELECT count(*) FROM sqlite_schema").await?;
            Ok((self.number("PRAGMA application_id").await?, self.number("PRAGMA user_version").await?, tables))
        };
        let path = path.to_owned();
        match facts.await.map_err(|error: StoreError| error.opening(&path))? {
            (0, 0, 0) => Ok(Version::Empty),
            (APPLICATION_ID, 1, _) => Ok(Version::One),
            (APPLICATION_ID, SCHEMA_VERSION, _) => Ok(Version::Two),
            (APPLICATION_ID, found, _) if found > SCHEMA_VERSION => {
                Err(OpenError::NewerSchema { path, found, known: SCHEMA_VERSION })
            }
            (application_id, ..) => Err(OpenError::NotAJournal { path, application_id }),
        }
    }

    /// Makes what the file lacks, in one transaction.
    pub(super) async fn bring_up_to_date(&mut self, path: &Path) -> Result<(), OpenError> {
        let version = self.version;
        if version == Version::Two {
            return Ok(());
        }
        let made = async {
            let mut transaction = self.write().await?;
            if version == Version::Empty {
                transaction.run_all(&RECORDS).await?;
            }
            transaction.run_all(&BACKUPS).await?;
            if version == Version::One {
                transaction.copy_old_backups().await?;
            }
            Ok(transaction.commit().await?)
        };
        made.await.map_err(|fault: BackupFault| fault.opening(path))?;
        self.version = Version::Two;
        if version == Version::One {
            tracing::info!(path = %path.display(), "the journal was brought to schema version {SCHEMA_VERSION}");
        }
        Ok(())
    }

    /// Lets the backups of an old file be read as those of a new one, from memory.
    pub(in crate::journal) async fn gather_old_backups(&mut self) -> Result<(), BackupFault> {
        if self.version != Version::One {
            return Ok(());
        }
        self.execute("PRAGMA temp_store = MEMORY").await?;
        let mut transaction = self.read().await?;
        transaction.run_all(&[BACKUPS_BESIDE]).await?;
        transaction.copy_old_backups().await?;
        transaction.commit().await?;
        self.version = Version::Two;
        Ok(())
    }
}

impl Transaction<'_> {
    async fn run_all(&mut self, statements: &[&'static str]) -> Result<(), StoreError> {
        for statement in statements {
            sqlx::query(*statement).execute(&mut *self.inner).await?;
        }
        Ok(())
    }

    /// Puts the policies of old `Backup` records into the table. Of several of one operation the first counts: it is what
    /// was there before the act.
    async fn copy_old_backups(&mut self) -> Result<(), BackupFault> {
        let mut from = i64::MIN;
        loop {
            let page = self.old_backup_indexes(from, PAGE_RECORDS).await?;
            for index in &page {
                let Recorded { backup, policy } = recorded(self, *index).await?;
                let known = self.backup_index(&backup.id).await?.is_some();
                if let Some(policy) = policy.filter(|_| !known) {
                    self.insert_backup(&PolicyBackup { policy, ..backup }).await?;
                }
            }
            match page.last().and_then(|last| last.checked_add(1)) {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }
}
