//! Policies that were kept before an act changed them: the undo, read back only as far as the chain vouches for it.
//!
//! The texts stand in a table of their own, so that they can expire; their hashes stand in the chain for ever. Every fact
//! of a [`PolicyBackup`] comes from the chain's record; the table only says where to look, and holds the text.

mod recorded;

pub(super) use recorded::{Recorded, recorded};

use std::path::Path;

use tokio::sync::SemaphorePermit;

use super::{
    Backup, Journal, OpenError, Position,
    database::{BackupFilter, Database, StoreError, Transaction},
    list,
};
use crate::{
    clock::Timestamp,
    types::{AccountId, sha256_hex},
};

/// Longest policy that is kept, in bytes. AWS allows 20 KiB for a bucket and less for a queue.
pub const POLICY_BYTES_MAX: usize = 64 * 1024;
/// Most backups of one answer: a page of a hundred, and one more that tells whether there are others. With the largest
/// policies some 6 MiB.
pub const BACKUPS_MAX: u32 = 101;
/// Reads at the same time. Each has a connection of its own, and people ask, not loops.
pub(super) const READERS_MAX: usize = 2;

/// A policy as it was before an act changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyBackup {
    /// Id of the backup: the id of the operation that changed the policy.
    pub id: String,
    /// Index of the `Backup` record.
    pub journal_index: u64,
    /// When it was recorded, before the change.
    pub created_at: Timestamp,
    /// Account that the resource is in.
    pub account_id: String,
    /// ARN of the resource.
    pub resource: String,
    /// Region of the resource; empty where the act was not told.
    pub region: String,
    /// Name of the kind of act.
    pub operation: String,
    /// Subject of the caller.
    pub caller: String,
    /// The caller's reason.
    pub reason: String,
    /// The caller's ticket.
    pub ticket: Option<String>,
    /// SHA-256 of the policy, as hexadecimal digits.
    pub policy_sha256: String,
    /// The policy document, byte for byte as AWS returned it.
    pub policy: String,
}

/// Which backups to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupQuery {
    /// Of resources in this account.
    pub account: AccountId,
    /// Of the resource with this ARN only.
    pub resource: Option<String>,
    /// Only those whose record has a lower index: the last one of the page before.
    pub before: Option<u64>,
    /// At most so many, and never more than [`BACKUPS_MAX`].
    pub limit: u32,
}

/// Why a backup cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The journal cannot be read; this says nothing about its backups.
    #[error(transparent)]
    Unreadable(#[from] OpenError),
    /// The text is not the one that the chain vouches for.
    #[error(
        "a backup was tampered with: record {index} {what}; do not restore it, run `rootgate journal verify`, and take the policy from a copy of the journal"
    )]
    Tampered {
        /// Index of the record.
        index: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Why what is stored of a backup cannot be believed.
#[derive(Debug)]
pub(super) enum BackupFault {
    Store(StoreError),
    Tampered { index: u64, what: &'static str },
}

impl From<StoreError> for BackupFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl BackupFault {
    /// What it means while a journal is opened.
    pub(super) fn opening(self, path: &Path) -> OpenError {
        match self {
            Self::Store(error) => error.opening(path),
            Self::Tampered { index, what } => {
                OpenError::Damaged { path: path.to_owned(), index, what: format!("it {what}") }
            }
        }
    }

    /// What it means while backups are read.
    fn reading(self, path: &Path) -> ReadError {
        match self {
            Self::Store(error) => ReadError::Unreadable(error.opening(path)),
            Self::Tampered { index, what } => ReadError::Tampered { index, what },
        }
    }
}

impl PolicyBackup {
    /// The backup that was recorded at this position.
    pub(super) fn of(backup: &Backup, position: Position) -> Self {
        Self {
            id: backup.operation_id.to_string(),
            journal_index: position.index,
            created_at: position.recorded_at,
            account_id: backup.account_id.to_string(),
            resource: backup.resource.clone(),
            region: backup.region.clone(),
            operation: backup.operation.name().to_owned(),
            caller: backup.caller.clone(),
            reason: backup.reason.clone(),
            ticket: backup.ticket.clone(),
            policy_sha256: sha256_hex(&backup.policy),
            policy: backup.policy.clone(),
        }
    }
}

impl Journal {
    /// The backup with this id; none if there never was one, or if it has expired.
    ///
    /// # Errors
    /// When the journal cannot be read, or what it holds is not what was recorded.
    pub async fn backup(&self, id: &str) -> Result<Option<PolicyBackup>, ReadError> {
        let _turn = self.reader().await;
        read_backup(&self.path, id).await
    }

    /// Backups of an account, newest first.
    ///
    /// # Errors
    /// When the journal cannot be read, or one of them is not what was recorded.
    pub async fn backups(&self, query: &BackupQuery) -> Result<Vec<PolicyBackup>, ReadError> {
        let _turn = self.reader().await;
        let BackupQuery { account, resource, before, limit } = query;
        let account = Some(account.as_str());
        let filter = BackupFilter { account, resource: resource.as_deref(), before: *before, limit: *limit };
        read_backups(&self.path, filter).await
    }

    /// Waits for its turn to read. Reading opens the file each time: it sees the file that is there now, and a reader that
    /// stays would keep SQLite from moving the log into the file.
    pub(super) async fn reader(&self) -> Option<SemaphorePermit<'_>> {
        // None only when the semaphore is closed, which nobody does.
        self.readers.acquire().await.ok()
    }
}

/// The backup with this id in a journal that nobody needs to be writing; none if there is none, or if it has expired.
///
/// # Errors
/// When the journal cannot be read, or what it holds is not what was recorded.
pub async fn read_backup(path: &Path, id: &str) -> Result<Option<PolicyBackup>, ReadError> {
    let failed = |fault: BackupFault| fault.reading(path);
    let mut database = open(path).await?;
    let mut transaction = database.read().await.map_err(|error| failed(error.into()))?;
    let found = match transaction.backup_index(id).await.map_err(|error| failed(error.into()))? {
        Some(index) => Some(believed(&mut transaction, index).await.map_err(failed)?),
        None => None,
    };
    if let Some(backup) = found.as_ref().filter(|backup| backup.id != id) {
        return Err(ReadError::Tampered { index: backup.journal_index, what: "is the backup of another operation" });
    }
    transaction.rollback().await.map_err(|error| failed(error.into()))?;
    database.close().await.map_err(|error| failed(error.into()))?;
    Ok(found)
}

pub(super) async fn read_backups(path: &Path, filter: BackupFilter<'_>) -> Result<Vec<PolicyBackup>, ReadError> {
    let failed = |fault: BackupFault| fault.reading(path);
    let filter = BackupFilter { limit: filter.limit.min(BACKUPS_MAX), ..filter };
    let mut database = open(path).await?;
    let mut transaction = database.read().await.map_err(|error| failed(error.into()))?;
    let mut found = Vec::new();
    for index in transaction.backup_indexes(filter).await.map_err(|error| failed(error.into()))? {
        let backup = believed(&mut transaction, index).await.map_err(failed)?;
        if filter.account.is_some_and(|account| account != backup.account_id)
            || filter.resource.is_some_and(|resource| resource != backup.resource)
        {
            let index = backup.journal_index;
            return Err(ReadError::Tampered { index, what: "is the backup of another account or resource" });
        }
        found.push(backup);
    }
    transaction.rollback().await.map_err(|error| failed(error.into()))?;
    database.close().await.map_err(|error| failed(error.into()))?;
    Ok(found)
}

async fn open(path: &Path) -> Result<Database, ReadError> {
    let mut database = list::open(path).await?;
    database.gather_old_backups().await.map_err(|fault| fault.reading(path))?;
    Ok(database)
}

/// The backup at this index, if the table says what the record says.
pub(super) async fn believed(transaction: &mut Transaction<'_>, index: i64) -> Result<PolicyBackup, BackupFault> {
    let mut backup = recorded(transaction, index).await?.backup;
    let tampered = |what| BackupFault::Tampered { index: backup.journal_index, what };
    let stored = transaction.backup_text(&backup).await?;
    let policy = stored.ok_or_else(|| tampered("differs from what is stored beside its policy"))?;
    if sha256_hex(&policy) != backup.policy_sha256 {
        return Err(tampered("has another hash than the policy that is stored for it"));
    }
    backup.policy = policy;
    Ok(backup)
}
