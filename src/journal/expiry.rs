//! Deletes policies that were kept long enough. Their records stay.

use tokio::sync::oneshot;

use super::{AppendError, Journal, writer::Command};
use crate::clock::Timestamp;

/// Backups of one transaction: some milliseconds, so that no act waits for long.
pub(super) const EXPIRED_BACKUPS_MAX: u32 = 256;

impl Journal {
    /// Deletes every policy that was recorded before `older_than`, some at a time, each time with a `BackupsExpired` record
    /// in the same transaction; answers how many. What a failure leaves is for the next time.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn expire_backups(&self, older_than: Timestamp) -> Result<u64, AppendError> {
        let mut expired = 0;
        loop {
            let (reply, answer) = oneshot::channel();
            self.commands.send(Command::Expire(older_than, reply)).await.map_err(|_| AppendError::Closed)?;
            let count = answer.await.unwrap_or(Err(AppendError::Closed))?;
            expired += count;
            if count < u64::from(EXPIRED_BACKUPS_MAX) {
                return Ok(expired);
            }
        }
    }
}
