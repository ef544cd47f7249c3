//! Reading records while the gateway writes: by place, time, operation, account, caller and event; page by page, and each
//! record only as far as its hash follows from the record before it.

use std::{collections::HashMap, path::Path};

use super::{
    Journal, Position, RecordHash, VerifyError,
    database::{StoreError, StoredRecord, Transaction},
    list,
    open::PAGE_RECORDS,
    record::Body,
    verify::Fault,
};
use crate::{
    clock::Timestamp,
    types::{AccountId, OperationId, RecordKind, Subject},
};

/// Most records that one page looks at, whether or not they match. Some tenths of a second; a filter that nothing matches
/// then costs a caller pages, and the gateway no more than that at a time.
const SCAN_RECORDS_MAX: u64 = 20_000;

/// Which records are asked for. What is not set matches all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordQuery {
    /// The first index to look at.
    pub from: u64,
    /// The last index to look at; none stands for the newest record of now.
    pub through: Option<u64>,
    /// At most so many records.
    pub limit: u32,
    /// At most so many bytes of bodies; the first record is never too large.
    pub bytes_max: usize,
    /// About this account. What ends an act is about the account of its intent.
    pub account: Option<AccountId>,
    /// Of this operation.
    pub operation_id: Option<OperationId>,
    /// Of this kind.
    pub event: Option<RecordKind>,
    /// Of what this caller asked. What ends an act belongs to the caller of its intent.
    pub caller: Option<Subject>,
    /// Recorded then or later.
    pub since: Option<Timestamp>,
    /// Recorded before.
    pub until: Option<Timestamp>,
}

/// Some of the records that were asked for, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPage {
    /// They can be none although others follow.
    pub records: Vec<Record>,
    /// Where the next page begins; none if nothing is left to look at.
    pub next: Option<u64>,
    /// The last index that the listing looks at; 0 if there is no record.
    pub through: u64,
}

/// A record whose hash follows from its body and from the hash before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// Hash of the record before it; zeros before the first.
    pub previous_hash: RecordHash,
    /// What was hashed: compact JSON, to the byte.
    pub body: String,
}

impl Journal {
    /// One page of records. Whoever goes on with `next` and `through` of the page before sees each record once, and comes to
    /// an end, whatever is written meanwhile.
    ///
    /// # Errors
    /// When the journal cannot be read, or a record that was looked at is not what was written.
    pub async fn records(&self, query: &RecordQuery) -> Result<RecordPage, VerifyError> {
        // None only when the semaphore is closed, which nobody does.
        let _turn = self.readers.acquire().await.ok();
        read_records(&self.path, query).await
    }
}

async fn read_records(path: &Path, query: &RecordQuery) -> Result<RecordPage, VerifyError> {
    let mut database = list::open(path).await?;
    let failed = |error: StoreError| VerifyError::Unreadable(error.opening(path));
    let mut transaction = database.read().await.map_err(failed)?;
    let page = Reader { transaction: &mut transaction, path }.page(query).await?;
    transaction.rollback().await.map_err(failed)?;
    database.close().await.map_err(failed)?;
    Ok(page)
}

/// Reads in one transaction, so that all of it is of one moment.
struct Reader<'r, 't> {
    transaction: &'r mut Transaction<'t>,
    path: &'r Path,
}

/// A record that was looked at.
struct Candidate {
    record: Record,
    facts: Body,
}

/// Whom and what an intent is about, for what ends it.
struct IntentFacts {
    account: Option<String>,
    caller: Option<String>,
}

impl Reader<'_, '_> {
    async fn page(mut self, query: &RecordQuery) -> Result<RecordPage, VerifyError> {
        let newest = self.newest().await?;
        let through = query.through.unwrap_or(newest).min(newest);
        let (from, last) = self.range(query, through).await?;
        let (mut records, mut bytes, mut next) = (Vec::new(), 0_usize, from);
        let mut intents = HashMap::new();
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let scan_end = from.saturating_add(SCAN_RECORDS_MAX);
        while next <= last && next < scan_end && records.len() < limit {
            for candidate in self.candidates(next, last.min(scan_end - 1)).await? {
                let matches = self.matches(query, &candidate, &mut intents).await?;
                let larger = bytes.saturating_add(candidate.record.body.len());
                if matches && (records.len() == limit || (larger > query.bytes_max && !records.is_empty())) {
                    return Ok(RecordPage { records, next: Some(next), through });
                }
                next = candidate.record.position.index.saturating_add(1);
                if matches {
                    bytes = larger;
                    records.push(candidate.record);
                }
            }
        }
        Ok(RecordPage { records, next: (next <= last).then_some(next), through })
    }

    async fn newest(&mut self) -> Result<u64, VerifyError> {
        let head = self.transaction.head().await.map_err(|error| unreadable(error, self.path, 0))?;
        Ok(head.and_then(|(index, _)| u64::try_from(index).ok()).unwrap_or_default())
    }

    /// First and last index that the query is about.
    async fn range(&mut self, query: &RecordQuery, through: u64) -> Result<(u64, u64), VerifyError> {
        let from = match query.since {
            Some(since) => self.first_at(since, through).await?.max(query.from),
            None => query.from,
        };
        let last = match query.until {
            // The first index is 1, so there is one before it.
            Some(until) => self.first_at(until, through).await?.saturating_sub(1),
            None => through,
        };
        Ok((from.max(1), last))
    }

    /// The first index up to `through` that was recorded at this moment or later; the index behind if there is none. Times
    /// never go backwards along the chain, so two dozen records tell it for millions.
    async fn first_at(&mut self, moment: Timestamp, through: u64) -> Result<u64, VerifyError> {
        let (mut low, mut high) = (1, through.saturating_add(1));
        while low < high {
            let middle = low.midpoint(high);
            let recorded_at = self.one(middle).await?.record.position.recorded_at;
            if recorded_at < moment { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    async fn one(&mut self, index: u64) -> Result<Candidate, VerifyError> {
        let one = self.candidates(index, index).await?.pop();
        one.ok_or(VerifyError::Tampered { index, fault: Fault::NoBody })
    }

    /// The next records to look at, from the first of these indexes on: at least one, and each checked.
    ///
    /// All of them, in order. This is the place for an index over accounts and operations; the rest judges what comes.
    async fn candidates(&mut self, from: u64, last: u64) -> Result<Vec<Candidate>, VerifyError> {
        let count = last.saturating_sub(from).saturating_add(1).min(PAGE_RECORDS.into());
        // With the record before, from which the first one has to follow.
        let front = from.saturating_sub(1).max(1);
        let limit = u32::try_from(count + from - front).unwrap_or(PAGE_RECORDS);
        let stored = self.transaction.records(i64::try_from(front).unwrap_or(i64::MAX), limit).await;
        let stored = stored.map_err(|error| unreadable(error, self.path, from))?;
        let mut previous = (front == from).then_some(RecordHash::ZERO);
        let mut checked = Vec::with_capacity(stored.len());
        for (index, stored) in (front..).zip(stored) {
            let tampered = |fault| VerifyError::Tampered { index, fault };
            let hash = hash_at(index, &stored).map_err(tampered)?;
            if let Some(previous_hash) = previous {
                checked.push(check(index, previous_hash, hash, stored).map_err(tampered)?);
            }
            previous = Some(hash);
        }
        if checked.is_empty() {
            let next = i64::try_from(last).unwrap_or(i64::MAX);
            return Err(VerifyError::Tampered { index: from, fault: Fault::Gap(next) });
        }
        Ok(checked)
    }

    async fn matches(
        &mut self,
        query: &RecordQuery,
        Candidate { record, facts }: &Candidate,
        intents: &mut HashMap<u64, IntentFacts>,
    ) -> Result<bool, VerifyError> {
        let about = IntentFacts::of(facts);
        let intent = match facts.members.get("intent_index").and_then(serde_json::Value::as_u64) {
            // An intent lies before what ends it; what says otherwise belongs to none.
            Some(intent) if intent < record.position.index && query.follows_intents() => {
                if !intents.contains_key(&intent) {
                    intents.insert(intent, IntentFacts::of(&self.one(intent.max(1)).await?.facts));
                }
                intents.get(&intent)
            }
            _ => None,
        };
        let matches = query.account.is_none_or(|account| {
            let own = about.account.as_deref().or_else(|| intent?.account.as_deref());
            own == Some(account.as_str())
        }) && query.caller.as_ref().is_none_or(|caller| {
            let own = about.caller.as_deref().or_else(|| intent?.caller.as_deref());
            own == Some(caller.as_str())
        }) && query.event.is_none_or(|event| facts.text("event") == Some(event.name()))
            && query.operation_id.is_none_or(|id| facts.text("operation_id") == Some(id.to_string().as_str()));
        if facts.text("event") == Some(RecordKind::Intent.name()) && query.follows_intents() {
            intents.insert(record.position.index, about);
        }
        Ok(matches)
    }
}

impl RecordQuery {
    /// Whether what ends an act is looked for by what its intent says.
    const fn follows_intents(&self) -> bool {
        self.account.is_some() || self.caller.is_some()
    }
}

impl IntentFacts {
    fn of(facts: &Body) -> Self {
        let caller = facts.members.get("caller");
        // A Backup has the subject alone.
        let subject = caller.and_then(|caller| caller.get("subject").unwrap_or(caller).as_str());
        Self { account: facts.text("account_id").map(str::to_owned), caller: subject.map(str::to_owned) }
    }
}

fn hash_at(index: u64, stored: &StoredRecord) -> Result<RecordHash, Fault> {
    if u64::try_from(stored.index) != Ok(index) {
        return Err(Fault::Gap(stored.index));
    }
    stored.hash.ok_or(Fault::NoHash)
}

fn check(index: u64, previous_hash: RecordHash, hash: RecordHash, stored: StoredRecord) -> Result<Candidate, Fault> {
    let body = stored.body.ok_or(Fault::NoBody)?;
    if RecordHash::of(index, previous_hash, &body) != hash {
        return Err(Fault::Hash);
    }
    let facts = Body::parse(&body).map_err(Fault::Body)?;
    if facts.index != index {
        return Err(Fault::BodyIndex(facts.index));
    }
    let position = Position { index, hash, recorded_at: facts.recorded_at };
    Ok(Candidate { record: Record { position, previous_hash, body }, facts })
}

fn unreadable(error: StoreError, path: &Path, index: u64) -> VerifyError {
    if error.is_corrupt() {
        VerifyError::Tampered { index, fault: Fault::Corrupt(error.to_string()) }
    } else {
        VerifyError::Unreadable(error.opening(path))
    }
}

#[cfg(test)]
mod tests;
