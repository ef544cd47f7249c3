//! Keeps what an act is about to remove in the journal, between its intent and its outcome.

use std::pin::Pin;

use super::unrecorded;
use crate::{
    aws::Backups,
    error::Error,
    journal::{Backup, Event, Journal},
    types::OperationId,
};

/// The backups of one operation.
pub(super) struct JournalBackups {
    pub(super) journal: Journal,
    pub(super) operation_id: OperationId,
    pub(super) intent_index: u64,
}

impl Backups for JournalBackups {
    fn keep(
        &self,
        previous_policy: String,
        _region: String,
    ) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + '_>> {
        let Self { operation_id, intent_index, .. } = *self;
        let event = Event::Backup(Backup { operation_id, intent_index, previous_policy });
        Box::pin(async move {
            let position = self.journal.append(event).await.map_err(|error| unrecorded(&error))?;
            Ok(position.index)
        })
    }
}
