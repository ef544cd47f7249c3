//! The handle's side of a write.

use std::sync::Arc;

use tokio::sync::{mpsc::error::TrySendError, oneshot, watch};

use super::{
    AppendError, BACKOFF_MIN, Event, Health, Journal, Position, WriteFailure,
    record::{Oversize, encode},
    writer::{Command, Question, Reply, Request},
};
use crate::{store::IntentKey, types::OperationId};

impl Journal {
    /// Records an event; durable (committed and synced) when it returns `Ok`.
    ///
    /// An event that tells of the past and is too large gets placeholders for its large parts, `{"trimmed":true,…}`; an
    /// intent or a start that is too large is refused. Whoever drops this future does not learn whether the event was
    /// recorded; an intent that was is closed as not started.
    ///
    /// # Errors
    /// When the event is not recorded; nothing may be done that needed the record.
    pub async fn append(&self, event: Event) -> Result<Position, AppendError> {
        let oversize = match event {
            // Without its undo, the change must not begin.
            Event::Started { .. } | Event::Intent(_) | Event::Backup(_) => Oversize::Refuse,
            Event::Stopped {}
            | Event::Outcome(_)
            | Event::StrayOutcome(_)
            | Event::Refusal(_)
            | Event::Reloaded { .. }
            | Event::BackupsExpired { .. }
            | Event::RequestsForgotten { .. }
            | Event::Repeated { .. }
            | Event::Archived { .. }
            | Event::Interrupted { .. } => Oversize::Trim,
        };
        let (request, answer) = Request::new(encode(&event, oversize)?, false, false);
        self.commands.try_send(Command::Append(request)).map_err(|error| match error {
            TrySendError::Full(_) => AppendError::Busy,
            TrySendError::Closed(_) => AppendError::Closed,
        })?;
        self.unless_stalled(answer).await
    }

    /// Asks, before something is changed, whether the act of this intent may go on: whether the intent is open still, and this
    /// process's. Where several gateways write, another one may have taken this one for dead, closed the intent and begun an
    /// act of its own. After an `Ok` nobody does so for a minute, by the store's clock. Where one process writes, nothing is asked.
    ///
    /// # Errors
    /// The intent is not open, or the journal cannot be written. Nothing more may be changed.
    pub async fn confirm(&self, operation_id: OperationId, intent_index: u64) -> Result<(), AppendError> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let intent = IntentKey { index: intent_index, operation_id: operation_id.to_string() };
        let (question, answer) = Question::new(intent);
        self.commands.send(Command::Confirm(question)).await.map_err(|_| AppendError::Closed)?;
        self.unless_stalled(answer).await
    }

    async fn unless_stalled<T>(&self, mut answer: oneshot::Receiver<Result<T, AppendError>>) -> Result<T, AppendError> {
        let mut stalled = self.stalled.clone();
        tokio::select! {
            biased;
            answer = &mut answer => answer.unwrap_or(Err(AppendError::Closed)),
            Ok(_) = stalled.wait_for(|stalled| *stalled) => {
                // Closed first: either the answer is here already, or the writer learns that nobody waits for it.
                answer.close();
                let stalled = || Err(AppendError::Unwritable(Arc::new(WriteFailure::Stalled(self.store.location().clone()))));
                answer.try_recv().unwrap_or_else(|_| stalled())
            }
        }
    }

    /// Records an event and tries again until it is durable: for outcomes, which must not be lost while the process
    /// lives. Waits for its place in the queue. Should a failed try turn out to have landed, its position is returned and
    /// the event is not recorded twice.
    ///
    /// After the journal was closed there is nothing true to return: the future then never ends. Close last.
    pub async fn append_until_durable(&self, event: Event) -> Position {
        match self.try_until_durable(event).await {
            Ok(position) => position,
            Err(error) => {
                tracing::error!(%error, "an event cannot be recorded any more");
                std::future::pending().await
            }
        }
    }

    async fn try_until_durable(&self, mut event: Event) -> Result<Position, AppendError> {
        let mut encoded = encode(&event, Oversize::Trim)?;
        let mut again = false;
        let mut backoff = BACKOFF_MIN;
        loop {
            match (self.send(Request::new(encoded.clone(), true, again)).await, event) {
                (Err(AppendError::NoOpenIntent(index)), Event::Outcome(outcome)) => {
                    tracing::error!(index, operation_id = %outcome.operation_id, "an outcome has no open intent: another gateway closed it, or a defect of this one");
                    event = Event::StrayOutcome(outcome);
                    encoded = encode(&event, Oversize::Trim)?;
                    again = false;
                }
                (Err(AppendError::Unwritable(_)), same) => {
                    event = same;
                    again = true;
                    // Not later than the repair, if the writer's probe sees that first.
                    let writable = self.health.clone();
                    let _ = tokio::time::timeout(backoff, becomes_writable(writable)).await;
                    backoff = (backoff * 2).min(self.backoff_max);
                }
                (settled, _) => return settled,
            }
        }
    }

    async fn send(&self, (request, answer): (Request, oneshot::Receiver<Reply>)) -> Reply {
        self.commands.send(Command::Append(request)).await.map_err(|_| AppendError::Closed)?;
        answer.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Whether the last write worked. While it did not, the writer probes, so health recovers by itself.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Records everything that waits and `Stopped`, ends the writer and closes the file. Other handles get `Closed`
    /// from here on.
    ///
    /// # Errors
    /// When `Stopped` is not recorded, or the journal was closed before. The writer has ended all the same.
    pub async fn close(self) -> Result<(), AppendError> {
        let (reply, closed) = oneshot::channel();
        self.commands.send(Command::Close(reply)).await.map_err(|_| AppendError::Closed)?;
        closed.await.unwrap_or(Err(AppendError::Closed))
    }
}

async fn becomes_writable(mut health: watch::Receiver<Health>) {
    if health.wait_for(|health| *health == Health::Writable).await.is_err() {
        // The writer has ended; the next try says so.
    }
}
