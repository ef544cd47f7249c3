//! Keeps what an act is about to change, between its intent and its outcome, and reads what earlier acts changed.

use std::pin::Pin;

use super::failures::{unconfirmed, unrecorded};
use crate::{
    authz::{Ask, Permit},
    aws::ActJournal,
    error::{Error, ErrorReason},
    journal::{self, Backup, Event, Journal},
    ops::{BackupQuery, PolicyBackup, PolicyBackups},
    types::{BackupId, OperationId},
};

/// The journal for one act: its intent, and its backup, one at most, for an act changes one policy.
pub(super) struct JournaledAct {
    journal: Journal,
    id: OperationId,
    intent_index: u64,
    /// All of it but the policy and its region, which only the act knows; none for an act on no account.
    backup: Option<Backup>,
}

impl JournaledAct {
    /// For a permitted operation whose intent has this index.
    pub(super) fn new<O: Ask>(journal: Journal, id: OperationId, intent_index: u64, permit: &Permit<O>) -> Self {
        let (target, why) = (permit.operation().target(), permit.operation().why());
        let backup = target.account().map(|account_id| Backup {
            operation_id: id,
            intent_index,
            operation: O::KIND,
            account_id,
            resource: target.arn(),
            region: String::new(),
            caller: permit.caller().subject().to_owned(),
            reason: why.reason.as_str().to_owned(),
            ticket: why.ticket.as_ref().map(|ticket| ticket.as_str().to_owned()),
            policy: String::new(),
        });
        Self { journal, id, intent_index, backup }
    }
}

impl ActJournal for JournaledAct {
    fn keep(
        &self,
        previous_policy: String,
        region: String,
    ) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + '_>> {
        Box::pin(async move {
            let Some(backup) = self.backup.clone() else {
                return Err(Error::internal("an act on no account has no policy to keep"));
            };
            let event = Event::Backup(Backup { region, policy: previous_policy, ..backup });
            let position = self.journal.append(event).await.map_err(|error| unrecorded(&error))?;
            Ok(position.index)
        })
    }

    fn confirm(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
        Box::pin(
            async move { self.journal.confirm(self.id, self.intent_index).await.map_err(|error| unconfirmed(&error)) },
        )
    }
}

/// The backups of all operations.
pub(super) struct StoredBackups<'g>(pub(super) &'g Journal);

impl PolicyBackups for StoredBackups<'_> {
    fn get(&self, id: BackupId) -> Pin<Box<dyn Future<Output = Result<Option<PolicyBackup>, Error>> + Send + '_>> {
        Box::pin(async move {
            let found = self.0.backup(&id.to_string()).await.map_err(|error| unread(&error))?;
            Ok(found.map(|backup| told(backup, true)))
        })
    }

    fn list(&self, query: BackupQuery) -> Pin<Box<dyn Future<Output = Result<Vec<PolicyBackup>, Error>> + Send + '_>> {
        Box::pin(async move {
            let BackupQuery { account, resource, before, limit, include_policies } = query;
            let query = journal::BackupQuery { account, resource, before, limit };
            let found = self.0.backups(&query).await.map_err(|error| unread(&error))?;
            Ok(found.into_iter().map(|backup| told(backup, include_policies)).collect())
        })
    }
}

fn unread(error: &journal::ReadError) -> Error {
    match error {
        journal::ReadError::Unreadable(_) => {
            let words = "the backups cannot be read; the gateway's operators see why in the journal's records";
            Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
        }
        // No repetition helps, and somebody must look.
        journal::ReadError::Tampered { .. } => {
            tracing::error!(%error, "a policy backup is not the one that was recorded");
            Error::internal(error.to_string())
        }
    }
}

fn told(backup: journal::PolicyBackup, with_policy: bool) -> PolicyBackup {
    let policy_bytes = backup.policy.len();
    PolicyBackup {
        id: backup.id,
        journal_index: backup.journal_index,
        created_at: backup.created_at,
        account_id: backup.account_id,
        resource: backup.resource,
        region: backup.region,
        operation: backup.operation,
        caller: backup.caller,
        reason: backup.reason,
        ticket: backup.ticket,
        policy_sha256: backup.policy_sha256,
        policy_bytes,
        policy: with_policy.then_some(backup.policy),
    }
}
