//! Reading records while the gateway writes: by place, time, operation, account, caller and event; page by page, and each
//! record only as far as its hash follows from the record before it.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    Expectation, Journal, Position, RecordHash, VerifyError,
    open::PAGE_RECORDS,
    record::Body,
    verify::{Fault, archived},
};
use crate::{
    clock::Timestamp,
    store::{FoundRecord, Location, RecordFilter, Snapshot, StoreError, StoredRecord},
    types::{AccountId, OperationId, RecordKind, Subject},
};

/// Most records that one page looks at, whether or not they match. Some tenths of a second; a filter that nothing matches
/// then costs a caller pages, and the gateway no more than that at a time.
const SCAN_RECORDS_MAX: u32 = 20_000;

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
    /// About this account.
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

impl RecordQuery {
    /// How many records to look at next, with so many found: one more than are wanted, if each that the store finds is one
    /// of them.
    fn enough(&self, found: usize) -> u32 {
        let each_matches = self.event.is_none() && self.caller.is_none();
        let left = self.limit.saturating_sub(u32::try_from(found).unwrap_or(u32::MAX)).saturating_add(1);
        if each_matches { PAGE_RECORDS.min(left) } else { PAGE_RECORDS }
    }
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
        let _turn = self.reader().await;
        let location = self.store.location();
        let mut snapshot = self.store.snapshot().await?;
        let archived = archived(&mut *snapshot, location).await?;
        let page = Reader { snapshot: &mut *snapshot, location, archived }.page(query).await?;
        snapshot.close().await.map_err(|error| VerifyError::Unreadable(error.opening(location)))?;
        Ok(page)
    }
}

/// Reads in one snapshot, so that all of it is of one moment.
struct Reader<'r> {
    snapshot: &'r mut dyn Snapshot,
    location: &'r Location,
    archived: Option<Expectation>,
}

/// A record that was looked at.
struct Candidate {
    record: Record,
    facts: Body,
}

/// The next records to look at.
struct Candidates {
    /// In order, each checked.
    found: Vec<Candidate>,
    /// Everything up to here was looked at.
    through: u64,
}

/// Whose an intent is, for what ends it.
struct IntentFacts {
    caller: Option<String>,
}

impl Reader<'_> {
    async fn page(mut self, query: &RecordQuery) -> Result<RecordPage, VerifyError> {
        let newest = self.newest().await?;
        let through = query.through.unwrap_or(newest).min(newest);
        let (mut next, last) = self.range(query, through).await?;
        let (mut records, mut bytes, mut looked_at) = (Vec::new(), 0_usize, 0);
        let mut intents = HashMap::new();
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        while next <= last && looked_at < SCAN_RECORDS_MAX && records.len() < limit {
            let most = query.enough(records.len()).min(SCAN_RECORDS_MAX - looked_at);
            let candidates = self.candidates(query, next, last, most).await?;
            looked_at += most;
            for candidate in candidates.found {
                let index = candidate.record.position.index;
                if !self.matches(query, &candidate, &mut intents).await? {
                    continue;
                }
                let larger = bytes.saturating_add(candidate.record.body.len());
                if records.len() == limit || (larger > query.bytes_max && !records.is_empty()) {
                    return Ok(RecordPage { records, next: Some(index), through });
                }
                bytes = larger;
                records.push(candidate.record);
            }
            next = candidates.through.saturating_add(1);
        }
        Ok(RecordPage { records, next: (next <= last).then_some(next), through })
    }

    /// The first index that is not kept elsewhere.
    fn first(&self) -> u64 {
        self.archived.map_or(0, |archived| archived.index).saturating_add(1)
    }

    async fn newest(&mut self) -> Result<u64, VerifyError> {
        let newest = self.snapshot.last(1).await.map_err(|error| unreadable(error, self.location, 0))?;
        Ok(newest.first().and_then(|record| u64::try_from(record.index).ok()).unwrap_or_default())
    }

    /// First and last index that the query is about.
    async fn range(&mut self, query: &RecordQuery, through: u64) -> Result<(u64, u64), VerifyError> {
        let from = match query.since {
            Some(since) => self.first_at(since, through).await?.max(query.from),
            None => query.from,
        };
        let last = match query.until {
            Some(until) => self.first_at(until, through).await?.saturating_sub(1),
            None => through,
        };
        Ok((from.max(self.first()), last))
    }

    /// The first index up to `through` that was recorded at this moment or later; the index behind if there is none. Times
    /// never go backwards along the chain, so two dozen records tell it for millions.
    async fn first_at(&mut self, moment: Timestamp, through: u64) -> Result<u64, VerifyError> {
        let (mut low, mut high) = (self.first(), through.saturating_add(1));
        while low < high {
            let middle = low.midpoint(high);
            let recorded_at = self.one(middle).await?.record.position.recorded_at;
            if recorded_at < moment { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Looks at `most` records at most, from the first of these indexes on. What the store can find by itself is asked for;
    /// else it is all records in order. Whether one matches is judged of the record, and not here.
    async fn candidates(
        &mut self,
        query: &RecordQuery,
        from: u64,
        last: u64,
        most: u32,
    ) -> Result<Candidates, VerifyError> {
        if query.operation_id.is_none() && query.account.is_none() {
            let count = u32::try_from(last - from + 1).unwrap_or(most).min(most);
            let through = from.saturating_add(count.into()) - 1;
            return Ok(Candidates { found: self.chain(from, count).await?, through });
        }
        let operation_id = query.operation_id.map(|operation_id| operation_id.to_string());
        let account_id = query.account.map(|account| account.to_string());
        let filter = RecordFilter { operation_id, account_id };
        let stored = self.snapshot.find(&filter, row_id(from), most).await;
        let stored = stored.map_err(|error| unreadable(error, self.location, from))?;
        let is_all = stored.len() < usize::try_from(most).unwrap_or(usize::MAX);
        let through = stored.last().and_then(|found| u64::try_from(found.record.index).ok());
        let through = through.filter(|_| !is_all).unwrap_or(last);
        let found = stored.into_iter().filter_map(|found| Some((u64::try_from(found.record.index).ok()?, found)));
        let found = found.filter(|(index, _)| (from..=last).contains(index));
        let found = found.map(|(index, found)| self.checked(index, found)).collect::<Result<_, _>>()?;
        Ok(Candidates { found, through })
    }

    /// A record that the store found.
    fn checked(&self, index: u64, FoundRecord { record, previous }: FoundRecord) -> Result<Candidate, VerifyError> {
        let tampered = |fault| VerifyError::Tampered { index, fault };
        let hash = hash_at(index, &record).map_err(tampered)?;
        // A record before it that is not there has no hash from which this one could follow.
        let previous = self.known_before(index).or(previous).ok_or_else(|| tampered(Fault::Hash))?;
        check(index, previous, hash, record).map_err(tampered)
    }

    /// Hash of the record before this one, where that is not stored.
    fn known_before(&self, index: u64) -> Option<RecordHash> {
        match self.archived {
            Some(archived) if archived.index.saturating_add(1) == index => Some(archived.hash),
            _ => (index <= 1).then_some(RecordHash::ZERO),
        }
    }

    async fn one(&mut self, index: u64) -> Result<Candidate, VerifyError> {
        let one = self.chain(index, 1).await?.pop();
        one.ok_or(VerifyError::Tampered { index, fault: Fault::NoBody })
    }

    /// So many records from this index on, each after the one before. They are there: the newest was seen.
    async fn chain(&mut self, from: u64, count: u32) -> Result<Vec<Candidate>, VerifyError> {
        // With the record before, from which the first one has to follow.
        let known = self.known_before(from);
        let front = if known.is_some() { from.max(1) } else { from.saturating_sub(1) };
        let limit = if known.is_some() { count } else { count.saturating_add(1) };
        let stored = self.snapshot.records(row_id(front), limit).await;
        let mut stored = stored.map_err(|error| unreadable(error, self.location, from))?.into_iter();
        let mut previous = known;
        let mut checked = Vec::new();
        for index in (front..).take(usize::try_from(limit).unwrap_or(usize::MAX)) {
            let tampered = |fault| VerifyError::Tampered { index, fault };
            let stored = stored.next().ok_or_else(|| tampered(Fault::NoBody))?;
            let hash = hash_at(index, &stored).map_err(tampered)?;
            if let Some(previous_hash) = previous {
                checked.push(check(index, previous_hash, hash, stored).map_err(tampered)?);
            }
            previous = Some(hash);
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
            Some(intent) if intent < record.position.index && intent >= self.first() && query.caller.is_some() => {
                if let Entry::Vacant(unknown) = intents.entry(intent) {
                    unknown.insert(IntentFacts::of(&self.one(intent).await?.facts));
                }
                intents.get(&intent)
            }
            _ => None,
        };
        let matches = query.account.is_none_or(|account| facts.text("account_id") == Some(account.as_str()))
            && query.caller.as_ref().is_none_or(|caller| {
                let own = about.caller.as_deref().or_else(|| intent?.caller.as_deref());
                own == Some(caller.as_str())
            })
            && query.event.is_none_or(|event| facts.text("event") == Some(event.name()))
            && query.operation_id.is_none_or(|id| facts.text("operation_id") == Some(id.to_string().as_str()));
        if facts.text("event") == Some(RecordKind::Intent.name()) && query.caller.is_some() {
            intents.insert(record.position.index, about);
        }
        Ok(matches)
    }
}

impl IntentFacts {
    fn of(facts: &Body) -> Self {
        let caller = facts.members.get("caller");
        // A Backup has the subject alone.
        let subject = caller.and_then(|caller| caller.get("subject").unwrap_or(caller).as_str());
        Self { caller: subject.map(str::to_owned) }
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

fn unreadable(error: StoreError, location: &Location, index: u64) -> VerifyError {
    if error.is_corrupt() {
        VerifyError::Tampered { index, fault: Fault::Corrupt(error.to_string()) }
    } else {
        VerifyError::Unreadable(error.opening(location))
    }
}

/// Stores count records with a sign. No journal comes near the end, so what is beyond it is not there.
fn row_id(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
