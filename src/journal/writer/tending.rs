//! Signs of life to those who write the same chain, and intents of those who give none.

use std::time::Duration;

use tokio::time::Instant;

use super::{Writer, batch::Written, draft::Draft};
use crate::{
    journal::{
        Event, INTERRUPTED_MAX, InterruptedIntent, LEASE_SHORT,
        open::read_intent,
        record::{Oversize, encode},
    },
    store::{Append, StoreError, StoredIntent},
};

/// Pages of the list of open intents that are looked at for one that can be closed, where others are no intents.
const PAGES_MAX: usize = 8;

/// Whether signs of life were missed, or none was given yet.
pub(super) fn is_short(lease_left: Duration) -> bool {
    lease_left < LEASE_SHORT
}

impl Writer {
    /// Whether it is time for a sign of life.
    pub(super) fn has_to_tend(&self) -> bool {
        self.store.is_shared() && Instant::now() >= self.tended + self.bounds.tend_interval
    }

    /// Whether this process was away from the store until now or a moment ago, as at its start. Then others may have been
    /// too, and have not come to say that they live.
    pub(super) fn others_may_be_late(&self, lease_left: Duration) -> bool {
        is_short(lease_left) || self.was_away.is_some_and(|when| Instant::now() < when + self.bounds.patience)
    }

    /// Closes the intents of processes that do not live any more.
    pub(super) async fn close_interrupted(
        &self,
        transaction: &mut dyn Append,
        draft: &mut Draft,
        written: &mut Written,
    ) -> Result<(), StoreError> {
        let mut bad = Vec::new();
        let mut from = i64::MIN;
        for _ in 0..PAGES_MAX {
            let orphaned = transaction.orphaned(&self.instance, from, INTERRUPTED_MAX).await?;
            for intent in &orphaned {
                match read(transaction, intent).await? {
                    Ok(intent) => written.interrupted.push(intent),
                    // Where one process writes, whoever starts it is there to look. Here the others must go on.
                    Err(what) if !self.store.is_shared() => return Err(StoreError::damaged(intent.index, what)),
                    Err(what) => bad.push((intent.index, what)),
                }
            }
            let is_last = u32::try_from(orphaned.len()).is_ok_and(|found| found < INTERRUPTED_MAX);
            match orphaned.last() {
                Some(last) if !is_last && written.interrupted.is_empty() => from = last.index.saturating_add(1),
                _ => break,
            }
        }
        if let Some((index, what)) = bad.first() {
            tracing::error!(
                rows = bad.len(),
                index,
                what,
                "the journal's list of open intents has rows that no gateway wrote; they are left alone: look who can write it"
            );
        }
        let closing = written.interrupted.iter().filter_map(|intent| {
            let (operation_id, account_id) = (intent.operation_id.clone(), intent.account_id.clone());
            let event = Event::Interrupted { operation_id, intent_index: intent.index, account_id };
            encode(&event, Oversize::Trim).ok()
        });
        let closing: Vec<_> = closing.collect();
        draft.add(transaction, closing.iter().map(|encoded| (encoded, false))).await?;
        Ok(())
    }
}

/// The intent of a row, or what is wrong with it.
async fn read(
    transaction: &mut dyn Append,
    intent: &StoredIntent,
) -> Result<Result<InterruptedIntent, &'static str>, StoreError> {
    let record = transaction.records(intent.index, 1).await?;
    Ok(read_intent(intent, record.first()))
}

/// Says for whom nobody has recorded how the act ended.
pub(super) fn tell_of(interrupted: &[InterruptedIntent]) {
    for intent in interrupted {
        tracing::error!(
            ?intent,
            "another gateway ended in the middle of an act, or was cut off from the journal: a person has to look what it did"
        );
    }
}
