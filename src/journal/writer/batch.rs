//! One transaction: as many events as wait, one sync for all.

#[cfg(test)]
use std::mem;
use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};

use super::{
    Writer,
    draft::{Answers, Draft},
};
use crate::{
    clock::Timestamp,
    journal::{
        AppendError, Archived, Event, InterruptedIntent, LEASE, Position,
        open::check_head,
        record::{Effect, Encoded, Oversize, encode},
    },
    store::{Append, Connection, IntentKey, RecordHash, StoreError, WhenEmpty, WriteFailure},
};

/// Answer to one event.
pub(in crate::journal) type Reply = Result<Position, AppendError>;

/// One event that waits.
#[derive(Debug)]
pub(in crate::journal) struct Request {
    pub(super) encoded: Encoded,
    /// Whoever sent it sends it again until it is durable.
    pub(super) persistent: bool,
    /// It was sent before.
    pub(super) again: bool,
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

/// Somebody who asks whether an act may go on.
#[derive(Debug)]
pub(in crate::journal) struct Question {
    pub(super) intent: IntentKey,
    reply: oneshot::Sender<Result<(), AppendError>>,
}

impl Question {
    pub(in crate::journal) fn new(intent: IntentKey) -> (Self, oneshot::Receiver<Result<(), AppendError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { intent, reply }, answer)
    }

    pub(super) fn answer(self, answer: Result<(), AppendError>) {
        let _ = self.reply.send(answer);
    }
}

/// What a transaction does beside recording events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) enum Chore {
    /// Nothing.
    None,
    /// Shows that the store can be written.
    Probe,
    /// Says that this process lives, and closes intents of those that do not.
    Tend,
    /// Says that this process ends, if it has no open intents.
    Leave,
    /// Deletes some of the backups that were recorded before this moment.
    ExpireBackups(Timestamp),
    /// Forgets some of the requests that were recorded before this moment.
    ForgetRequests(Timestamp),
    /// Says that everything up to this record is kept elsewhere, and where.
    Archive(Archived),
    /// Deletes some of the records that are kept elsewhere.
    Prune,
}

impl Chore {
    /// How much it deletes at a time.
    pub(in crate::journal) const fn deletes_at_most(self) -> u32 {
        match self {
            Self::Prune => super::PRUNED_MAX,
            _ => super::DELETED_MAX,
        }
    }
}

/// What became of a batch.
#[derive(Default)]
pub(in crate::journal) struct Written {
    pub(super) answers: Vec<Reply>,
    /// Of each intent that was asked for, whether it is open and this process's.
    pub(super) held: Vec<bool>,
    /// How much the chore deleted.
    pub(super) deleted: u64,
    /// Intents that the chore closed.
    pub(in crate::journal) interrupted: Vec<InterruptedIntent>,
}

impl Writer {
    /// Commits the requests, after whatever earlier failures left to be done, and answers each. Then looks at the intents
    /// that were asked for, and does the chore.
    pub(in crate::journal) async fn write_batch(
        &mut self,
        requests: &[Request],
        asked: &[IntentKey],
        chore: Chore,
    ) -> Result<Written, WriteFailure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.store.connect(WhenEmpty::Refuse).await?,
        };
        let written = self.transact(&mut *connection, requests, asked, chore).await;
        self.connection = Some(connection);
        let (draft, written) = written?;
        #[cfg(test)]
        {
            self.commits += 1;
            if mem::take(&mut self.lose_next_reply) {
                let message = "the reply was lost".to_owned();
                let failure = StoreError::new(message).writing(self.store.location());
                self.doubt(draft, written);
                return Err(failure);
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

    async fn transact(
        &mut self,
        connection: &mut dyn Connection,
        requests: &[Request],
        asked: &[IntentKey],
        chore: Chore,
    ) -> Result<(Draft, Written), WriteFailure> {
        let store = std::sync::Arc::clone(&self.store);
        let failed = |error: StoreError| error.writing(store.location());
        let mut transaction = connection.append().await?;
        if let Err(failure) = self.settle(&mut *transaction).await {
            transaction.rollback().await.map_err(failed)?;
            return Err(failure);
        }
        if super::is_short(transaction.lease_left()) {
            // Kept also if this fails: should it have landed nevertheless, the lease is not short the next time.
            self.was_away = Some(Instant::now());
        }
        let recorded = self.record(&mut *transaction, requests, asked, chore).await;
        let (draft, written) = recorded.map_err(failed)?;
        match transaction.commit().await {
            Ok(()) => Ok((draft, written)),
            Err(failure) => {
                self.doubt(draft, written);
                Err(failure)
            }
        }
    }

    /// Puts everything into the transaction.
    async fn record(
        &self,
        transaction: &mut dyn Append,
        requests: &[Request],
        asked: &[IntentKey],
        chore: Chore,
    ) -> Result<(Draft, Written), StoreError> {
        // Before anything that others must leave alone from now on.
        if chore == Chore::Tend || (super::is_short(transaction.lease_left()) && chore != Chore::Leave) {
            transaction.renew(&self.instance, LEASE).await?;
        }
        if chore == Chore::Probe || !self.watchdog.is_writable() {
            transaction.probe().await?;
        }
        let mut draft = Draft::new(self.head, self.instance.clone(), self.clock.now());
        let not_confirmed =
            |((id, account), index)| encode(&Event::not_confirmed(id, index, account), Oversize::Trim).ok();
        let orphans: Vec<Encoded> = self.orphans.iter().copied().filter_map(not_confirmed).collect();
        // Whatever the answers are: an intent that is not open any more needs nothing.
        draft.add(transaction, orphans.iter().map(|encoded| (encoded, false))).await?;
        let landed: Vec<Option<Position>> = requests.iter().map(|request| self.landed_as(request)).collect();
        let new = requests.iter().zip(&landed).filter(|(_, landed)| landed.is_none());
        let new = new.map(|(request, _)| (&request.encoded, request.persistent));
        let mut answers: Answers = draft.add(transaction, new).await?;
        let answers = landed.into_iter().map(|landed| landed.map_or_else(|| answers.next(), Ok)).collect();
        let held = if asked.is_empty() { Vec::new() } else { transaction.held(&self.instance, asked).await? };
        let mut written = Written { answers, held, ..Written::default() };
        self.do_chore(transaction, &mut draft, chore, &mut written).await?;
        transaction.add(&draft.additions).await?;
        Ok((draft, written))
    }

    async fn do_chore(
        &self,
        transaction: &mut dyn Append,
        draft: &mut Draft,
        chore: Chore,
        written: &mut Written,
    ) -> Result<(), StoreError> {
        let told = match chore {
            Chore::None | Chore::Probe => return Ok(()),
            Chore::Leave => return transaction.renew(&self.instance, Duration::ZERO).await,
            Chore::Archive(archived) => {
                transaction.archive(archived.last.index, archived.last.hash).await?;
                let told = encode(&archived.event(), Oversize::Refuse);
                let encoded = told.map_err(|error| StoreError::new(error.to_string()))?;
                draft.add(transaction, [(&encoded, false)]).await?;
                return Ok(());
            }
            Chore::Prune => {
                written.deleted = transaction.prune(chore.deletes_at_most()).await?;
                return Ok(());
            }
            Chore::Tend if self.others_may_be_late(transaction.lease_left()) => return Ok(()),
            Chore::Tend => return self.close_interrupted(transaction, draft, written).await,
            Chore::ExpireBackups(older_than) => {
                written.deleted = transaction.expire_backups(older_than, chore.deletes_at_most()).await?;
                Event::BackupsExpired { count: written.deleted, older_than }
            }
            Chore::ForgetRequests(older_than) => {
                written.deleted = transaction.expire_requests(older_than, chore.deletes_at_most()).await?;
                Event::RequestsForgotten { count: written.deleted, older_than }
            }
        };
        if written.deleted > 0 {
            let encoded = encode(&told, Oversize::Refuse).map_err(|error| StoreError::new(error.to_string()))?;
            draft.add(transaction, [(&encoded, false)]).await?;
        }
        Ok(())
    }

    /// Compares the last record with ours, and so learns what became of a commit that failed, and what others appended.
    async fn settle(&mut self, transaction: &mut dyn Append) -> Result<(), WriteFailure> {
        let store = std::sync::Arc::clone(&self.store);
        let failed = |error: StoreError| error.writing(store.location());
        let found = transaction.head().await.map_err(failed)?;
        if is(found, self.head) {
            self.doubt = None;
            return Ok(());
        }
        // Looked at first and taken then: should the look fail, the doubt is still there for the next one.
        let landed = match &self.doubt {
            Some(doubt) => holds(transaction, doubt.head).await.map_err(failed)?,
            None => false,
        };
        match self.doubt.take() {
            Some(doubt) if landed => self.absorb(doubt),
            doubt if !store.is_shared() => self.doubt = doubt,
            _ => {}
        }
        if is(found, self.head) {
            return Ok(());
        }
        let another = || {
            let index = self.head.map_or(0, |head| head.index);
            WriteFailure::AnotherChain { place: store.location().clone(), index }
        };
        if !store.is_shared() {
            return Err(another());
        }
        if let Some(head) = self.head
            && !holds(transaction, head).await.map_err(failed)?
        {
            return Err(another());
        }
        let last = transaction.last(2).await.map_err(failed)?;
        self.head = check_head(&last).map_err(|(index, what)| failed(StoreError::damaged(index, what)))?;
        Ok(())
    }
}

fn is(found: Option<(i64, Option<RecordHash>)>, head: Option<Position>) -> bool {
    match (found, head) {
        (None, None) => true,
        (Some((index, hash)), Some(head)) => {
            u64::try_from(index).is_ok_and(|index| index == head.index) && hash == Some(head.hash)
        }
        _ => false,
    }
}

/// Whether the record stands where we wrote it.
async fn holds(transaction: &mut dyn Append, position: Position) -> Result<bool, StoreError> {
    let Ok(index) = i64::try_from(position.index) else { return Ok(false) };
    let found = transaction.records(index, 1).await?;
    Ok(found.first().is_some_and(|record| record.index == index && record.hash == Some(position.hash)))
}

/// Whether a record closes an intent.
pub(super) fn closes(encoded: &Encoded) -> bool {
    matches!(encoded.effect, Effect::Closes { .. })
}
