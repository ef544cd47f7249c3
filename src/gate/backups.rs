//! Keeps the policy that an act is about to change in the journal, between its intent and its outcome.

use std::pin::Pin;

use super::unrecorded;
use crate::{
    authz::{Ask, Permit},
    aws::Backups,
    error::Error,
    journal::{Backup, Event, Journal},
    types::{AccountId, Kind, OperationId},
};

/// The backups of one operation.
pub(super) struct JournalBackups {
    pub(super) journal: Journal,
    pub(super) operation_id: OperationId,
    pub(super) intent_index: u64,
    pub(super) operation: Kind,
    pub(super) account_id: AccountId,
    pub(super) resource: String,
    pub(super) region: String,
    pub(super) caller: String,
    pub(super) reason: String,
    pub(super) ticket: Option<String>,
}

impl JournalBackups {
    pub(super) fn new<O: Ask>(
        journal: &Journal,
        operation_id: OperationId,
        intent_index: u64,
        permit: &Permit<O>,
    ) -> Self {
        let operation = permit.operation();
        let why = operation.why();
        Self {
            journal: journal.clone(),
            operation_id,
            intent_index,
            operation: O::KIND,
            account_id: operation.target().account(),
            resource: operation.target().arn(),
            region: operation.region().map(|region| region.as_str().to_owned()).unwrap_or_default(),
            caller: permit.caller().subject().to_owned(),
            reason: why.reason.as_str().to_owned(),
            ticket: why.ticket.as_ref().map(|ticket| ticket.as_str().to_owned()),
        }
    }
}

impl Backups for JournalBackups {
    fn keep(&self, previous_policy: String) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + '_>> {
        let event = Event::Backup(Backup {
            operation_id: self.operation_id,
            intent_index: self.intent_index,
            operation: self.operation,
            account_id: self.account_id,
            resource: self.resource.clone(),
            region: self.region.clone(),
            caller: self.caller.clone(),
            reason: self.reason.clone(),
            ticket: self.ticket.clone(),
            policy: previous_policy,
        });
        Box::pin(async move {
            let position = self.journal.append(event).await.map_err(|error| unrecorded(&error))?;
            Ok(position.index)
        })
    }
}
