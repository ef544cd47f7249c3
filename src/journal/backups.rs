//! Policies that were kept before an act changed them: the undo, read back only as far as the chain vouches for it.
//!
//! The texts stand in a table of their own, so that they can expire; their hashes stand in the chain for ever. Every fact
//! of a [`PolicyBackup`] comes from the chain's record; the table only says where to look, and holds the text.

mod recorded;

pub(super) use recorded::body_at;
use recorded::recorded;

use tokio::sync::SemaphorePermit;

use super::{Backup, Journal, OpenError, PolicyBackup, Position};
use crate::{
    store::{self, BackupFilter, Location, Snapshot, StoreError},
    types::{AccountId, sha256_hex},
};

/// Most backups of one answer: a page of a hundred, and one more that tells whether there are others. With the largest
/// policies some 6 MiB.
pub const BACKUPS_MAX: u32 = 101;
/// Reads at the same time. Each has a connection of its own, and people ask, not loops.
pub(super) const READERS_MAX: usize = 2;
/// Requests that are looked up at the same time, before each act that has a request id: a few rows each, which must not wait
/// until somebody has read pages of records.
pub(super) const LOOK_UPS_MAX: usize = 2;

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

/// Why a backup, or a request that was made before, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The journal cannot be read; this says nothing about what it holds.
    #[error(transparent)]
    Unreadable(#[from] OpenError),
    /// What is stored is not what the chain vouches for.
    #[error(
        "the journal was tampered with: record {index} {what}; do not act on it, run `rootgate journal verify`, and go by a copy of the journal"
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
    /// What it means while backups are read.
    pub(super) fn reading(self, place: &Location) -> ReadError {
        match self {
            Self::Store(error) => ReadError::Unreadable(error.opening(place)),
            Self::Tampered { index, what } => ReadError::Tampered { index, what },
        }
    }
}

/// The backup that was recorded at this position.
pub(super) fn backup_at(backup: &Backup, position: Position) -> PolicyBackup {
    PolicyBackup {
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

impl Journal {
    /// The backup with this id; none if there never was one, or if it has expired.
    ///
    /// # Errors
    /// When the journal cannot be read, or what it holds is not what was recorded.
    pub async fn backup(&self, id: &str) -> Result<Option<PolicyBackup>, ReadError> {
        let _turn = self.reader().await;
        let snapshot = self.store.snapshot().await?;
        find_backup(snapshot, id).await.map_err(|fault| fault.reading(self.store.location()))
    }

    /// Backups of an account, newest first.
    ///
    /// # Errors
    /// When the journal cannot be read, or one of them is not what was recorded.
    pub async fn backups(&self, query: &BackupQuery) -> Result<Vec<PolicyBackup>, ReadError> {
        let _turn = self.reader().await;
        let BackupQuery { account, resource, before, limit } = query;
        let account = Some(account.as_str().to_owned());
        let filter = BackupFilter { account, resource: resource.clone(), before: *before, limit: *limit };
        let snapshot = self.store.snapshot().await?;
        find_backups(snapshot, &filter).await.map_err(|fault| fault.reading(self.store.location()))
    }

    /// Waits for its turn to read. A reader that stayed would keep SQLite from moving the log into the file, and sees only
    /// the file that was there when it was opened.
    pub(super) async fn reader(&self) -> Option<SemaphorePermit<'_>> {
        // None only when the semaphore is closed, which nobody does.
        self.readers.acquire().await.ok()
    }
}

/// The backup with this id in a journal that nobody needs to be writing; none if there is none, or if it has expired.
///
/// # Errors
/// When the journal cannot be read, or what it holds is not what was recorded.
pub async fn read_backup(location: impl Into<Location>, id: &str) -> Result<Option<PolicyBackup>, ReadError> {
    let location = &location.into();
    let snapshot = store::snapshot(location).await?;
    find_backup(snapshot, id).await.map_err(|fault| fault.reading(location))
}

pub(super) async fn read_backups(location: &Location, filter: &BackupFilter) -> Result<Vec<PolicyBackup>, ReadError> {
    let snapshot = store::snapshot(location).await?;
    find_backups(snapshot, filter).await.map_err(|fault| fault.reading(location))
}

async fn find_backup(mut snapshot: Box<dyn Snapshot>, id: &str) -> Result<Option<PolicyBackup>, BackupFault> {
    let found = match snapshot.backup_index(id).await? {
        Some(index) => Some(believed(&mut *snapshot, index).await?),
        None => None,
    };
    if let Some(backup) = found.as_ref().filter(|backup| backup.id != id) {
        let what = "is the backup of another operation";
        return Err(BackupFault::Tampered { index: backup.journal_index, what });
    }
    snapshot.close().await?;
    Ok(found)
}

async fn find_backups(
    mut snapshot: Box<dyn Snapshot>,
    filter: &BackupFilter,
) -> Result<Vec<PolicyBackup>, BackupFault> {
    let filter = BackupFilter { limit: filter.limit.min(BACKUPS_MAX), ..filter.clone() };
    let mut found = Vec::new();
    for index in snapshot.backup_indexes(&filter).await? {
        let backup = believed(&mut *snapshot, index).await?;
        if filter.account.as_ref().is_some_and(|account| *account != backup.account_id)
            || filter.resource.as_ref().is_some_and(|resource| *resource != backup.resource)
        {
            let what = "is the backup of another account or resource";
            return Err(BackupFault::Tampered { index: backup.journal_index, what });
        }
        found.push(backup);
    }
    snapshot.close().await?;
    Ok(found)
}

/// The backup at this index, if the table says what the record says.
pub(super) async fn believed(snapshot: &mut dyn Snapshot, index: i64) -> Result<PolicyBackup, BackupFault> {
    let mut backup = recorded(snapshot, index).await?;
    let tampered = |what| BackupFault::Tampered { index: backup.journal_index, what };
    let stored = snapshot.backup_text(&backup).await?;
    let policy = stored.ok_or_else(|| tampered("differs from what is stored beside its policy"))?;
    if sha256_hex(&policy) != backup.policy_sha256 {
        return Err(tampered("has another hash than the policy that is stored for it"));
    }
    backup.policy = policy;
    Ok(backup)
}
