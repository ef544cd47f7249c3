//! Whether every policy that was backed up is there, as it was, or has expired.

use super::Fault;
use crate::{
    clock::Timestamp,
    journal::{
        backups::{BackupFault, believed},
        open::PAGE_RECORDS,
        record::Facts,
    },
    store::{Snapshot, StoreError},
};

/// The backups that the records tell of.
#[derive(Default)]
pub(super) struct Backups {
    recorded: Vec<Kept>,
    /// So many of the first may have expired.
    expired: usize,
}

#[derive(Clone, Copy)]
struct Kept {
    index: u64,
    recorded_at: Timestamp,
}

/// What is wrong, and at which index; or why that cannot be said.
pub(super) enum Finding {
    Bad(u64, Fault),
    Unreadable(StoreError),
}

impl Backups {
    /// Takes a record in.
    pub(super) fn count(&mut self, facts: &Facts<'_>) -> Result<(), Fault> {
        match &*facts.event {
            "Backup" => {
                self.recorded.push(Kept { index: facts.index, recorded_at: facts.recorded_at });
            }
            "BackupsExpired" => {
                let older_than = facts.older_than.ok_or(Fault::Body("it has no older_than"))?;
                // Times never go backwards along the chain.
                let expired = self.recorded.partition_point(|kept| kept.recorded_at < older_than);
                self.expired = self.expired.max(expired);
            }
            _ => {}
        }
        Ok(())
    }

    /// Compares with the table.
    pub(super) async fn check(&self, snapshot: &mut dyn Snapshot) -> Result<(), Finding> {
        let mut waiting = self.recorded.iter().enumerate().peekable();
        let mut from = i64::MIN;
        loop {
            let page = snapshot.backup_rows(from, PAGE_RECORDS).await.map_err(Finding::Unreadable)?;
            for row in &page {
                let index = u64::try_from(*row).unwrap_or_default();
                while let Some((at, kept)) = waiting.next_if(|(_, kept)| kept.index < index) {
                    self.may_miss(at, *kept)?;
                }
                if waiting.next_if(|(_, kept)| kept.index == index).is_none() {
                    return Err(Finding::Bad(index, Fault::StrayBackup));
                }
                believed(snapshot, *row).await.map_err(Finding::of)?;
            }
            match page.last().and_then(|last| last.checked_add(1)) {
                Some(next) => from = next,
                None => break,
            }
        }
        waiting.try_for_each(|(at, kept)| self.may_miss(at, *kept))
    }

    fn may_miss(&self, at: usize, kept: Kept) -> Result<(), Finding> {
        if at < self.expired { Ok(()) } else { Err(Finding::Bad(kept.index, Fault::BackupMissing)) }
    }
}

impl Finding {
    fn of(fault: BackupFault) -> Self {
        match fault {
            BackupFault::Tampered { index, what } => Self::Bad(index, Fault::Backup(what)),
            BackupFault::Store(error) => Self::Unreadable(error),
        }
    }
}
