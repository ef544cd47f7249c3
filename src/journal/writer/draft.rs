//! The records of a transaction that is not committed yet.

use std::{
    collections::{HashMap, HashSet},
    vec,
};

use super::batch::{Reply, closes};
use crate::{
    clock::Timestamp,
    journal::{
        AppendError, Position, RecordHash, RequestEnd,
        backups::backup_at,
        record::{Claims, Effect, Encoded, body_text},
    },
    store::{
        Additions, Append, Instance, IntentKey, NewIntent, NewRecord, NewRequest, RequestKey, SettledRequest,
        StoreError,
    },
};

/// What a transaction will add, and to what.
pub(super) struct Draft {
    /// The last record, with those of this draft.
    pub head: Option<Position>,
    /// What goes into the store.
    pub additions: Additions,
    /// The events, where they stand, and whether they are sent again until they are durable.
    pub told: Vec<(Encoded, Position, bool)>,
    instance: Instance,
    now: Timestamp,
}

/// Answers in the order of the events.
pub(super) struct Answers(vec::IntoIter<Reply>);

impl Answers {
    /// The next one. There is one for each event; were there none, nothing would be recorded of it either.
    pub(super) fn next(&mut self) -> Reply {
        self.0.next().unwrap_or(Err(AppendError::Closed))
    }
}

/// What is taken already, in the store or by an earlier event of the same transaction.
struct Taken {
    targets: HashMap<String, String>,
    requests: HashMap<RequestKey, String>,
    backups: HashSet<String>,
    /// Intents of this process that are open, of those for which something is backed up.
    held: HashSet<(u64, String)>,
    /// Of each closing event, in order, whether its intent was open.
    closed: vec::IntoIter<bool>,
}

impl Draft {
    pub(super) fn new(head: Option<Position>, instance: Instance, now: Timestamp) -> Self {
        Self { head, additions: Additions::default(), told: Vec::new(), instance, now }
    }

    /// Adds events, those that close intents first: what they free may be taken in the same transaction.
    pub(super) async fn add<'e>(
        &mut self,
        transaction: &mut dyn Append,
        events: impl IntoIterator<Item = (&'e Encoded, bool)>,
    ) -> Result<Answers, StoreError> {
        let events: Vec<_> = events.into_iter().collect();
        let mut taken = Taken::find(transaction, &self.instance, &events).await?;
        let mut answers: Vec<Option<Reply>> = events.iter().map(|_| None).collect();
        for closing in [true, false] {
            for ((encoded, persistent), answer) in events.iter().zip(&mut answers) {
                if closes(encoded) == closing {
                    *answer = Some(self.add_one(&mut taken, encoded, *persistent));
                }
            }
        }
        let answers: Vec<Reply> = answers.into_iter().flatten().collect();
        Ok(Answers(answers.into_iter()))
    }

    fn add_one(&mut self, taken: &mut Taken, encoded: &Encoded, persistent: bool) -> Reply {
        taken.take(encoded)?;
        let (position, body) = self.next(&encoded.json);
        self.additions.records.push(NewRecord { index: position.index, hash: position.hash, body });
        self.additions.backups.extend(encoded.backup.iter().map(|backup| backup_at(backup, position)));
        match &encoded.effect {
            Effect::None => {}
            Effect::Opens { operation_id } => self.open(operation_id, &encoded.claims, position),
            Effect::Closes { intent_index, .. } => self.settle(*intent_index, encoded, position),
        }
        self.told.push((encoded.clone(), position, persistent));
        self.head = Some(position);
        Ok(position)
    }

    fn open(&mut self, operation_id: &str, claims: &Claims, position: Position) {
        let (index, operation_id) = (position.index, operation_id.to_owned());
        let request = claims.request.as_ref().map(|(key, digest)| NewRequest {
            key: key.clone(),
            digest: digest.clone(),
            operation_id: operation_id.clone(),
            intent_index: index,
            created_at: position.recorded_at,
        });
        self.additions.requests.extend(request);
        let (target, instance) = (claims.target.clone(), self.instance.clone());
        self.additions.intents.push(NewIntent { index, operation_id, target, instance });
    }

    fn settle(&mut self, intent_index: u64, encoded: &Encoded, position: Position) {
        let settled = |reply| SettledRequest { intent_index, outcome_index: position.index, reply };
        match &encoded.request {
            RequestEnd::Keep(reply) => self.additions.settled.push(settled(Some(reply.clone()))),
            RequestEnd::Release => self.additions.released.push(intent_index),
            RequestEnd::Interrupted => self.additions.settled.push(settled(None)),
            RequestEnd::NoRequest => {}
        }
    }

    /// The record after the last. Time never goes backwards along the chain.
    fn next(&self, json: &str) -> (Position, String) {
        let (head, now) = (self.head, self.now);
        let index = head.map_or(0, |head| head.index) + 1;
        let previous = head.map_or(RecordHash::ZERO, |head| head.hash);
        let recorded_at = head.map_or(now, |head| head.recorded_at.max(now));
        let body = body_text(index, recorded_at, now < recorded_at, json);
        (Position { index, hash: RecordHash::of(index, previous, &body), recorded_at }, body)
    }
}

impl Taken {
    /// Asks the store, and only for what these events are about.
    async fn find(
        transaction: &mut dyn Append,
        me: &Instance,
        events: &[(&Encoded, bool)],
    ) -> Result<Self, StoreError> {
        let (mut closing, mut targets, mut requests) = (Vec::new(), Vec::new(), Vec::new());
        let (mut backups, mut acting) = (Vec::new(), Vec::new());
        for (encoded, _) in events {
            if let Effect::Closes { operation_id, intent_index } = &encoded.effect {
                closing.push(IntentKey { index: *intent_index, operation_id: operation_id.clone() });
            }
            targets.extend(encoded.claims.target.clone());
            requests.extend(encoded.claims.request.as_ref().map(|(key, _)| key.clone()));
            if let Some(backup) = &encoded.backup {
                let operation_id = backup.operation_id.to_string();
                acting.push(IntentKey { index: backup.intent_index, operation_id: operation_id.clone() });
                backups.push(operation_id);
            }
        }
        let closed = if closing.is_empty() { Vec::new() } else { transaction.close_intents(&closing).await? };
        let targets = if targets.is_empty() { Vec::new() } else { transaction.holders(&targets).await? };
        let requests = if requests.is_empty() { Vec::new() } else { transaction.requests(&requests).await? };
        let backups = if backups.is_empty() { Vec::new() } else { transaction.backed_up(&backups).await? };
        let held = if acting.is_empty() { Vec::new() } else { transaction.held(me, &acting).await? };
        let held = acting.into_iter().zip(held).filter(|(_, held)| *held);
        Ok(Self {
            targets: targets.into_iter().collect(),
            requests: requests.into_iter().map(|request| (request.key, request.operation_id)).collect(),
            backups: backups.into_iter().collect(),
            held: held.map(|(intent, _)| (intent.index, intent.operation_id)).collect(),
            closed: closed.into_iter(),
        })
    }

    /// Takes what the event wants for itself, or nothing.
    fn take(&mut self, encoded: &Encoded) -> Result<(), AppendError> {
        match &encoded.effect {
            Effect::Closes { intent_index, .. } if !self.closed.next().unwrap_or(false) => {
                return Err(AppendError::NoOpenIntent(*intent_index));
            }
            Effect::Opens { operation_id } => self.claim(&encoded.claims, operation_id)?,
            Effect::Closes { .. } | Effect::None => {}
        }
        match &encoded.backup {
            // Whoever may not act any more gets no backup, and so changes nothing.
            Some(backup) if !self.held.contains(&(backup.intent_index, backup.operation_id.to_string())) => {
                Err(AppendError::NoOpenIntent(backup.intent_index))
            }
            Some(backup) if !self.backups.insert(backup.operation_id.to_string()) => {
                Err(AppendError::SecondBackup(backup.operation_id))
            }
            _ => Ok(()),
        }
    }

    /// The request first: whoever repeats one wants to know of it, and not that its target is held, by itself perhaps.
    fn claim(&mut self, claims: &Claims, operation_id: &str) -> Result<(), AppendError> {
        if let Some(first) = claims.request.as_ref().and_then(|(key, _)| self.requests.get(key)) {
            return Err(AppendError::RequestKnown(first.clone()));
        }
        if let Some(holder) = claims.target.as_ref().and_then(|target| self.targets.get(target)) {
            return Err(AppendError::TargetHeld(holder.clone()));
        }
        let operation_id = operation_id.to_owned();
        self.requests.extend(claims.request.iter().map(|(key, _)| (key.clone(), operation_id.clone())));
        self.targets.extend(claims.target.iter().map(|target| (target.clone(), operation_id.clone())));
        Ok(())
    }
}
