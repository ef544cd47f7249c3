//! One transaction: as many events as wait, one sync for all.

#[cfg(test)]
use std::mem;

use tokio::sync::oneshot;

use super::{Connected, Doubt, Doubted, LANDED_MAX, Writer};
use crate::clock::Timestamp;
use crate::journal::{
    AppendError, Event, PolicyBackup, Position, RecordHash, WriteFailure,
    database::{Database, StoreError, Transaction, WhenEmpty},
    expiry::EXPIRED_BACKUPS_MAX,
    file::{Identity, exists},
    record::{Effect, Encoded, Oversize, body_text, encode},
};

/// Answer to one event.
pub(in crate::journal) type Reply = Result<Position, AppendError>;

/// One event that waits.
#[derive(Debug)]
pub(in crate::journal) struct Request {
    pub(super) encoded: Encoded,
    /// Whoever sent it sends it again until it is durable.
    persistent: bool,
    /// It was sent before.
    again: bool,
    reply: oneshot::Sender<Reply>,
}

impl Request {
    pub(in crate::journal) fn new(encoded: Encoded, persistent: bool, again: bool) -> (Self, oneshot::Receiver<Reply>) {
        let (reply, answer) = oneshot::channel();
        (Self { encoded, persistent, again, reply }, answer)
    }

    /// Whether somebody still waited for the answer.
    pub(super) fn tell(self, answer: Reply) -> bool {
        self.reply.send(answer).is_ok()
    }

    /// Answers, whether or not somebody waits.
    pub(super) fn answer(self, answer: Reply) {
        self.tell(answer);
    }
}

/// What became of a batch.
pub(in crate::journal) struct Written {
    pub(super) answers: Vec<Reply>,
    /// How many backups were deleted.
    pub(super) expired: u64,
}

/// The records of a transaction that is not committed yet.
struct Draft {
    head: Option<Position>,
    records: Vec<Doubted>,
}

impl Writer {
    /// Commits the requests, after whatever earlier failures left to be done, and answers each. Then deletes some of the
    /// backups that were recorded before `expire`.
    pub(in crate::journal) async fn write_batch(
        &mut self,
        requests: &[Request],
        expire: Option<Timestamp>,
    ) -> Result<Written, WriteFailure> {
        let probe = (requests.is_empty() && expire.is_none()) || !self.watchdog.is_writable();
        let path = self.path.clone();
        let mut connected = self.connect().await?;
        let written = self.transact(&mut connected, requests, expire, probe).await;
        let identity = connected.identity;
        self.connected = Some(connected);
        let (draft, written) = written?;
        // SQLite commits happily into a file that nobody can find any more.
        if let Err(failure) = identity.check(&path).await {
            self.doubt(draft);
            return Err(failure);
        }
        #[cfg(test)]
        {
            self.commits += 1;
            if mem::take(&mut self.lose_next_reply) {
                self.doubt(draft);
                return Err(WriteFailure::Storage { path, message: "the reply was lost".to_owned() });
            }
        }
        self.head = draft.head;
        self.orphans.clear();
        let told = |position: &Position| {
            requests
                .iter()
                .zip(&written.answers)
                .any(|(r, answer)| r.again && matches!(answer, Ok(told) if told == position))
        };
        self.landed.retain(|(_, position)| !told(position));
        Ok(written)
    }

    /// The connection, opened again if it was given up.
    async fn connect(&mut self) -> Result<Connected, WriteFailure> {
        if let Some(connected) = self.connected.take() {
            return match connected.identity.check(&self.path).await {
                Ok(()) => Ok(connected),
                Err(failure) => {
                    self.connected = Some(connected);
                    Err(failure)
                }
            };
        }
        exists(&self.path).await?;
        let database = Database::open_writer(&self.path, self.bounds.busy_timeout, WhenEmpty::Refuse).await;
        let database = database.map_err(Box::new)?;
        let identity = Identity::of(&self.path).await?;
        Ok(Connected { database, identity })
    }

    async fn transact(
        &mut self,
        connected: &mut Connected,
        requests: &[Request],
        expire: Option<Timestamp>,
        probe: bool,
    ) -> Result<(Draft, Written), WriteFailure> {
        let path = self.path.clone();
        let failed = |error: StoreError| error.writing(&path);
        let mut transaction = connected.database.write().await.map_err(failed)?;
        let found = transaction.head().await.map_err(failed)?;
        if let Err(failure) = self.settle(found) {
            transaction.rollback().await.map_err(failed)?;
            return Err(failure);
        }
        if probe {
            transaction.probe().await.map_err(failed)?;
        }
        let mut draft = Draft { head: self.head, records: Vec::new() };
        for (operation_id, index) in self.orphans.clone() {
            if let Ok(encoded) = encode(&Event::not_confirmed(operation_id, index), Oversize::Trim) {
                // Whatever the answer is: an intent that is not open any more needs nothing.
                let _ = self.add(&mut transaction, &mut draft, &encoded, false).await.map_err(failed)?;
            }
        }
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let landed = if request.again { self.landed_as(&request.encoded) } else { None };
            answers.push(match landed {
                Some(position) => Ok(position),
                None => self
                    .add(&mut transaction, &mut draft, &request.encoded, request.persistent)
                    .await
                    .map_err(failed)?,
            });
        }
        let expired = match expire {
            Some(older_than) => self.expire(&mut transaction, &mut draft, older_than).await.map_err(failed)?,
            None => 0,
        };
        if let Err(error) = transaction.commit().await {
            self.doubt(draft);
            return Err(failed(error));
        }
        Ok((draft, Written { answers, expired }))
    }

    /// Compares the file's last record with ours, and so learns what became of a commit that failed.
    fn settle(&mut self, found: Option<(i64, Option<RecordHash>)>) -> Result<(), WriteFailure> {
        let is = |head: Option<Position>| match (found, head) {
            (None, None) => true,
            (Some((index, hash)), Some(head)) => {
                u64::try_from(index).is_ok_and(|index| index == head.index) && hash == Some(head.hash)
            }
            _ => false,
        };
        if is(self.head) {
            self.doubt = None;
            return Ok(());
        }
        match self.doubt.take() {
            Some(doubt) if is(Some(doubt.head)) => {
                self.absorb(doubt);
                Ok(())
            }
            doubt => {
                self.doubt = doubt;
                let index = self.head.map_or(0, |head| head.index);
                Err(WriteFailure::AnotherChain { path: self.path.clone(), index })
            }
        }
    }

    /// The batch in doubt is durable after all, and everybody was told that it is not.
    fn absorb(&mut self, doubt: Doubt) {
        self.head = Some(doubt.head);
        // What the batch did about orphans is done.
        self.orphans.clear();
        for Doubted { encoded, position, persistent } in doubt.records {
            if persistent {
                self.landed.push((encoded.json, position));
            } else if let Some(operation_id) = encoded.intent {
                self.orphans.push((operation_id, position.index));
            }
        }
        let surplus = self.landed.len().saturating_sub(LANDED_MAX);
        self.landed.drain(..surplus);
    }

    fn doubt(&mut self, draft: Draft) {
        if let Some(head) = draft.head.filter(|_| !draft.records.is_empty()) {
            self.doubt = Some(Doubt { head, records: draft.records });
        }
    }

    fn landed_as(&self, encoded: &Encoded) -> Option<Position> {
        self.landed.iter().find(|(json, _)| *json == encoded.json).map(|(_, position)| *position)
    }

    async fn add(
        &self,
        transaction: &mut Transaction<'_>,
        draft: &mut Draft,
        encoded: &Encoded,
        persistent: bool,
    ) -> Result<Reply, StoreError> {
        if let Effect::Closes { operation_id, intent_index } = &encoded.effect
            && !transaction.close_intent(*intent_index, operation_id).await?
        {
            return Ok(Err(AppendError::NoOpenIntent(*intent_index)));
        }
        if let Some(backup) = &encoded.backup
            && transaction.backup_index(&backup.operation_id.to_string()).await?.is_some()
        {
            return Ok(Err(AppendError::SecondBackup(backup.operation_id)));
        }
        let (position, body) = self.next(draft.head, &encoded.json);
        transaction.insert(position.index, position.hash, &body).await?;
        if let Some(backup) = &encoded.backup {
            transaction.insert_backup(&PolicyBackup::of(backup, position)).await?;
        }
        if let Effect::Opens { operation_id } = &encoded.effect {
            transaction.open_intent(position.index, operation_id).await?;
        }
        draft.head = Some(position);
        draft.records.push(Doubted { encoded: encoded.clone(), position, persistent });
        Ok(Ok(position))
    }

    /// Deletes some backups, and says so in the same transaction.
    async fn expire(
        &self,
        transaction: &mut Transaction<'_>,
        draft: &mut Draft,
        older_than: Timestamp,
    ) -> Result<u64, StoreError> {
        let count = transaction.expire_backups(older_than, EXPIRED_BACKUPS_MAX).await?;
        if count > 0 {
            let encoded = encode(&Event::BackupsExpired { count, older_than }, Oversize::Refuse);
            let encoded = encoded.map_err(|error| StoreError::new(error.to_string()))?;
            // It closes no intent and is no backup, so it is never turned down.
            let _ = self.add(transaction, draft, &encoded, false).await?;
        }
        Ok(count)
    }

    /// The record after `head`. Time never goes backwards along the chain.
    fn next(&self, head: Option<Position>, json: &str) -> (Position, String) {
        let index = head.map_or(0, |head| head.index) + 1;
        let previous = head.map_or(RecordHash::ZERO, |head| head.hash);
        let now = self.clock.now();
        let recorded_at = head.map_or(now, |head| head.recorded_at.max(now));
        let body = body_text(index, recorded_at, now < recorded_at, json);
        (Position { index, hash: RecordHash::of(index, previous, &body), recorded_at }, body)
    }
}
