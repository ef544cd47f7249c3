//! Deletes what was kept long enough: policies, and ids of requests. Their records stay.

use tokio::sync::oneshot;

use super::{
    AppendError, Journal,
    writer::{Chore, Command, DELETED_MAX},
};
use crate::clock::Timestamp;

impl Journal {
    /// Deletes every policy that was recorded before `older_than`, some at a time, each time with a `BackupsExpired` record
    /// in the same transaction; answers how many. What a failure leaves is for the next time.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn expire_backups(&self, older_than: Timestamp) -> Result<u64, AppendError> {
        self.delete(Chore::ExpireBackups(older_than)).await
    }

    /// Forgets the ids of all ended requests whose intents were recorded before `older_than`, as
    /// [`Journal::expire_backups`] does.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn forget_requests(&self, older_than: Timestamp) -> Result<u64, AppendError> {
        self.delete(Chore::ForgetRequests(older_than)).await
    }

    async fn delete(&self, chore: Chore) -> Result<u64, AppendError> {
        let mut deleted = 0;
        loop {
            let (reply, answer) = oneshot::channel();
            self.commands.send(Command::Do(chore, reply)).await.map_err(|_| AppendError::Closed)?;
            let count = answer.await.unwrap_or(Err(AppendError::Closed))?;
            deleted += count;
            if count < u64::from(DELETED_MAX) {
                return Ok(deleted);
            }
        }
    }
}
