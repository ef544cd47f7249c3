//! Finds every edit of a journal, without trusting whoever wrote it.

mod backups;

use std::collections::{BTreeMap, HashMap};

use super::{
    Expectation, OpenError, Position, RecordHash,
    open::PAGE_RECORDS,
    record::{Body, Effect},
};
use crate::{
    clock::Timestamp,
    store::{self, Location, Snapshot, StoreError, StoredIntent, StoredRecord},
};

use self::backups::{Backups, Finding};

/// What a journal that is whole holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of records.
    pub records: u64,
    /// The last record.
    pub head: Option<Position>,
    /// Intents without outcome, oldest first: under way while a gateway writes, else left behind by one that died.
    pub open_intents: Vec<OpenIntent>,
    /// How many intents were ever closed as interrupted.
    pub interrupted: u64,
}

/// An intent without outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// Index of the intent.
    pub index: u64,
    /// Its operation.
    pub operation_id: String,
}

/// Why a journal is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It could not be read; this says nothing about its records.
    #[error(transparent)]
    Unreadable(#[from] OpenError),
    /// It is not what was written.
    #[error("record {index}: {fault}")]
    Tampered {
        /// The first bad index.
        index: u64,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another index follows.
    #[error("is missing: the next stored index is {0}")]
    Gap(i64),
    /// Its hash is not 32 bytes.
    #[error("its hash is not 32 bytes")]
    NoHash,
    /// Its body is not a text of the size that the gateway writes.
    #[error("its body is not text, or larger than any that the gateway writes")]
    NoBody,
    /// Its hash does not follow.
    #[error("its hash does not match its body and the record before it")]
    Hash,
    /// Its body is not a record.
    #[error("its body is not a record: {0}")]
    Body(&'static str),
    /// Its body says another index.
    #[error("its body carries the index {0}")]
    BodyIndex(u64),
    /// It is older than the record before it.
    #[error("its time {0} is before that of the record before it")]
    Time(Timestamp),
    /// It closes an intent that is not open.
    #[error("it closes intent {0}, which does not exist, belongs to another operation, or was closed before")]
    NoOpenIntent(u64),
    /// Somebody holds a receipt with another hash.
    #[error(
        "its hash is {found}, a receipt says {expected}: the journal was written anew, or the receipt is of another one"
    )]
    Receipt {
        /// Hash in the journal.
        found: RecordHash,
        /// Hash in the receipt.
        expected: RecordHash,
    },
    /// Somebody holds a receipt of a later record.
    #[error(
        "is missing: the journal ends before it, but there is a receipt for record {0}: its tail was cut off, or the receipt is of another journal"
    )]
    Cut(u64),
    /// The list of open intents differs from the records.
    #[error("the list of open intents does not agree with the records about it")]
    OpenIntents,
    /// A policy was deleted that has not expired.
    #[error("the policy that it backed up is missing, and has not expired")]
    BackupMissing,
    /// The stored policy is not the one that was backed up.
    #[error("the policy that it backed up is not the one that is stored: it {0}")]
    Backup(&'static str),
    /// A policy was put in.
    #[error("a policy is stored for it, but it is no backup")]
    StrayBackup,
    /// The database itself is damaged there.
    #[error("the database cannot be read there: {0}")]
    Corrupt(String),
}

/// Reads the whole journal and checks it, also while a gateway writes it. Never writes.
///
/// The chain proves that the records are those that were written, up to the last one that is there. That none was cut off
/// at the end is proven only by `expect`: receipts that were kept elsewhere.
///
/// # Errors
/// The first bad record, or why the file cannot be read.
pub async fn verify(location: impl Into<Location>, expect: &[Expectation]) -> Result<Verified, VerifyError> {
    let path = &location.into();
    let mut snapshot = store::snapshot(path).await?;
    let mut chain = Chain::new(expect);
    let mut from = i64::MIN;
    loop {
        let page = snapshot.records(from, PAGE_RECORDS).await.map_err(|error| chain.unreadable(error, path))?;
        for record in &page {
            chain.follow(record).map_err(|fault| VerifyError::Tampered { index: chain.next_index(), fault })?;
        }
        match page.last().and_then(|last| last.index.checked_add(1)) {
            Some(next) => from = next,
            None => break,
        }
    }
    chain.check_end()?;
    check_open_intents(&mut *snapshot, &chain, path).await?;
    check_backups(&mut *snapshot, &chain, path).await?;
    snapshot.close().await.map_err(|error| chain.unreadable(error, path))?;
    Ok(chain.verified())
}

/// The chain up to the records that were read.
struct Chain {
    head: Option<Position>,
    open: BTreeMap<u64, String>,
    interrupted: u64,
    backups: Backups,
    /// Hashes that receipts say, by index.
    receipts: HashMap<u64, Vec<RecordHash>>,
}

impl Chain {
    fn new(expect: &[Expectation]) -> Self {
        let mut receipts: HashMap<u64, Vec<RecordHash>> = HashMap::new();
        for Expectation { index, hash } in expect {
            receipts.entry(*index).or_default().push(*hash);
        }
        Self { head: None, open: BTreeMap::new(), interrupted: 0, backups: Backups::default(), receipts }
    }

    fn next_index(&self) -> u64 {
        self.head.map_or(0, |head| head.index) + 1
    }

    fn follow(&mut self, record: &StoredRecord) -> Result<(), Fault> {
        let index = self.next_index();
        if u64::try_from(record.index) != Ok(index) {
            return Err(Fault::Gap(record.index));
        }
        let hash = record.hash.ok_or(Fault::NoHash)?;
        let text = record.body.as_deref().ok_or(Fault::NoBody)?;
        let previous = self.head.map_or(RecordHash::ZERO, |head| head.hash);
        if RecordHash::of(index, previous, text) != hash {
            return Err(Fault::Hash);
        }
        for expected in self.receipts.remove(&index).unwrap_or_default() {
            if expected != hash {
                return Err(Fault::Receipt { found: hash, expected });
            }
        }
        let body = Body::parse(text).map_err(Fault::Body)?;
        if body.index != index {
            return Err(Fault::BodyIndex(body.index));
        }
        if self.head.is_some_and(|head| body.recorded_at < head.recorded_at) {
            return Err(Fault::Time(body.recorded_at));
        }
        self.count(index, &body)?;
        self.backups.count(&body)?;
        self.head = Some(Position { index, hash, recorded_at: body.recorded_at });
        Ok(())
    }

    fn count(&mut self, index: u64, body: &Body) -> Result<(), Fault> {
        match &body.effect {
            Effect::None => {}
            Effect::Opens { operation_id } => {
                self.open.insert(index, operation_id.clone());
            }
            Effect::Closes { operation_id, intent_index } => {
                if self.open.get(intent_index) != Some(operation_id) {
                    return Err(Fault::NoOpenIntent(*intent_index));
                }
                self.open.remove(intent_index);
                self.interrupted += u64::from(body.text("event") == Some("Interrupted"));
            }
        }
        Ok(())
    }

    /// Whether each receipt's record was there.
    fn check_end(&self) -> Result<(), VerifyError> {
        match self.receipts.keys().max() {
            Some(index) => Err(VerifyError::Tampered { index: self.next_index(), fault: Fault::Cut(*index) }),
            None => Ok(()),
        }
    }

    fn unreadable(&self, error: StoreError, path: &Location) -> VerifyError {
        if error.is_corrupt() {
            VerifyError::Tampered { index: self.next_index(), fault: Fault::Corrupt(error.to_string()) }
        } else {
            VerifyError::Unreadable(error.opening(path))
        }
    }

    fn verified(self) -> Verified {
        let open_intents = self.open.into_iter().map(|(index, operation_id)| OpenIntent { index, operation_id });
        Verified {
            records: self.head.map_or(0, |head| head.index),
            head: self.head,
            open_intents: open_intents.collect(),
            interrupted: self.interrupted,
        }
    }
}

/// Each policy that was backed up is as it was, or has expired.
async fn check_backups(snapshot: &mut dyn Snapshot, chain: &Chain, path: &Location) -> Result<(), VerifyError> {
    chain.backups.check(snapshot).await.map_err(|finding| match finding {
        Finding::Bad(index, fault) => VerifyError::Tampered { index, fault },
        Finding::Unreadable(error) => chain.unreadable(error, path),
    })
}

/// The list says exactly what the records say.
async fn check_open_intents(snapshot: &mut dyn Snapshot, chain: &Chain, path: &Location) -> Result<(), VerifyError> {
    let lie = |index: u64| VerifyError::Tampered { index, fault: Fault::OpenIntents };
    let mut recorded = chain.open.iter();
    let mut from = i64::MIN;
    loop {
        let page = snapshot.open_intents(from, PAGE_RECORDS).await.map_err(|error| chain.unreadable(error, path))?;
        for StoredIntent { index, operation_id } in &page {
            let listed = u64::try_from(*index).map_err(|_| lie(0))?;
            match recorded.next() {
                Some((index, operation)) if *index == listed && operation == operation_id => {}
                Some((index, _)) => return Err(lie(listed.min(*index))),
                None => return Err(lie(listed)),
            }
        }
        match page.last().and_then(|last| last.index.checked_add(1)) {
            Some(next) => from = next,
            None => break,
        }
    }
    recorded.next().map_or(Ok(()), |(index, _)| Err(lie(*index)))
}
