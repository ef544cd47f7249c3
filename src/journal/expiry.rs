//! Deletes what was kept long enough: policies, and ids of requests. Their records stay.

use tokio::sync::oneshot;

use super::{
    AppendError, Journal,
    writer::{Chore, Command},
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

    /// Does a chore that deletes until there is nothing left for it; how much it deleted.
    pub(super) async fn delete(&self, chore: Chore) -> Result<u64, AppendError> {
        let mut deleted = 0;
        loop {
            let count = self.do_chore(chore).await?;
            deleted += count;
            if count < u64::from(chore.deletes_at_most()) {
                return Ok(deleted);
            }
        }
    }

    /// Does a chore once; how much it deleted.
    pub(super) async fn do_chore(&self, chore: Chore) -> Result<u64, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Do(chore, reply)).await.map_err(|_| AppendError::Closed)?;
        answer.await.unwrap_or(Err(AppendError::Closed))
    }
}
