//! The chain, wherever its records are read from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Ends, Evidence, Fault, OpenIntent, Verified, archives::Archives, backups::Backups};
use crate::journal::{
    Expectation, Position, RecordHash,
    record::{Change, Facts},
};

/// The chain up to the records that were read.
pub(super) struct Chain {
    /// The record before the first that is read; none at the beginning of the journal.
    after: Option<Expectation>,
    head: Option<Position>,
    open: BTreeMap<u64, String>,
    /// Intents of before the first record whose end was read.
    closed_before: BTreeSet<u64>,
    /// Whether an intent of before the first record can have been open there.
    may_be_open_before: bool,
    interrupted: u64,
    backups: Backups,
    archives: Archives,
    /// Checkpoints of records before the first one.
    not_checked: u64,
    /// Hashes that receipts say, by index.
    receipts: HashMap<u64, Vec<RecordHash>>,
}

impl Chain {
    /// A chain from record 1 on.
    pub(super) fn new(expect: &[Expectation]) -> Self {
        let mut receipts: HashMap<u64, Vec<RecordHash>> = HashMap::new();
        for Expectation { index, hash } in expect {
            receipts.entry(*index).or_default().push(*hash);
        }
        Self {
            after: None,
            head: None,
            open: BTreeMap::new(),
            closed_before: BTreeSet::new(),
            may_be_open_before: true,
            interrupted: 0,
            backups: Backups::default(),
            archives: Archives::default(),
            not_checked: 0,
            receipts,
        }
    }

    /// A chain that goes on behind a record that somebody vouches for.
    pub(super) fn after(before: Expectation, expect: &[Expectation]) -> Result<Self, (u64, Fault)> {
        let mut chain = Self { after: Some(before), ..Self::new(expect) };
        chain.check_receipts(before.index, before.hash).map_err(|fault| (before.index, fault))?;
        match chain.receipts.keys().filter(|index| **index < before.index).min() {
            Some(index) => Err((*index, Fault::BeforeSegment)),
            None => Ok(chain),
        }
    }

    /// The same, but checkpoints of records before are counted only: a file of checkpoints holds those of all times.
    pub(super) fn segment(before: Expectation, evidence: Evidence<'_>) -> Result<Self, (u64, Fault)> {
        let here = evidence.checkpoints.iter().filter(|checkpoint| checkpoint.index >= before.index);
        let expect: Vec<Expectation> = evidence.receipts.iter().chain(here.clone()).copied().collect();
        let not_checked = (evidence.checkpoints.len() - here.count()) as u64;
        Ok(Self { not_checked, ..Self::after(before, &expect)? })
    }

    /// The same of a journal whose records up to this one are archived. None of them is an open intent then, since those are
    /// never archived.
    pub(super) fn behind_archive(last: Expectation, evidence: Evidence<'_>) -> Result<Self, (u64, Fault)> {
        let mut chain = Self { may_be_open_before: false, ..Self::segment(last, evidence)? };
        chain.archives.expect(last);
        Ok(chain)
    }

    /// Goes on with a journal behind its archives, which were read.
    pub(super) fn go_on_behind(&mut self, archived: Option<Expectation>) -> Result<(), (u64, Fault)> {
        let read = self.last();
        match archived {
            Some(last) if last == read => {
                self.archives.expect(last);
                Ok(())
            }
            _ => Err((self.next_index(), Fault::Archives(Box::new(Ends { read, archived })))),
        }
    }

    /// What is known of archives.
    pub(super) const fn archives(&mut self) -> &mut Archives {
        &mut self.archives
    }

    /// Index of the record that has to come next.
    pub(super) fn next_index(&self) -> u64 {
        self.last().index.saturating_add(1)
    }

    /// Whether a record was read.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Whether it begins with record 1.
    pub(super) fn is_whole(&self) -> bool {
        self.after.is_none()
    }

    /// Takes in the record with the next index.
    pub(super) fn follow(&mut self, hash: RecordHash, text: &str) -> Result<(), Fault> {
        let index = self.next_index();
        if RecordHash::of(index, self.last().hash, text) != hash {
            return Err(Fault::Hash);
        }
        self.check_receipts(index, hash)?;
        let facts = Facts::parse(text).map_err(Fault::Body)?;
        if facts.index != index {
            return Err(Fault::BodyIndex(facts.index));
        }
        if self.head.is_some_and(|head| facts.recorded_at < head.recorded_at) {
            return Err(Fault::Time(facts.recorded_at));
        }
        self.count(index, &facts)?;
        self.backups.count(&facts)?;
        if facts.event == "Archived" {
            self.archives.count(text)?;
        }
        self.head = Some(Position { index, hash, recorded_at: facts.recorded_at });
        Ok(())
    }

    /// Whether each receipt's record was there, and one for each thing that a record has to say.
    pub(super) fn check_end(&self) -> Result<(), (u64, Fault)> {
        if let Some(last) = self.archives.unvouched() {
            return Err((last.index, Fault::Archive));
        }
        self.receipts.keys().max().map_or(Ok(()), |index| Err((self.next_index(), Fault::Cut(*index))))
    }

    /// The open intents, oldest first.
    pub(super) fn open(&self) -> &BTreeMap<u64, String> {
        &self.open
    }

    /// The policies that were backed up.
    pub(super) fn backups(&self) -> &Backups {
        &self.backups
    }

    pub(super) fn verified(self) -> Verified {
        let first = self.after.map_or(0, |after| after.index);
        let open_intents = self.open.into_iter().map(|(index, operation_id)| OpenIntent { index, operation_id });
        Verified {
            records: self.head.map_or(0, |head| head.index - first),
            after: self.after,
            head: self.head,
            open_intents: open_intents.collect(),
            interrupted: self.interrupted,
            checkpoints_not_checked: self.not_checked,
        }
    }

    /// The record that the next one follows.
    pub(super) fn last(&self) -> Expectation {
        let read = self.head.map(Expectation::from).or(self.after);
        read.unwrap_or(Expectation { index: 0, hash: RecordHash::ZERO })
    }

    fn check_receipts(&mut self, index: u64, hash: RecordHash) -> Result<(), Fault> {
        if self.receipts.is_empty() {
            return Ok(());
        }
        let receipts = self.receipts.remove(&index).unwrap_or_default();
        let other = receipts.into_iter().find(|expected| *expected != hash);
        other.map_or(Ok(()), |expected| Err(Fault::Receipt { found: hash, expected }))
    }

    fn count(&mut self, index: u64, facts: &Facts<'_>) -> Result<(), Fault> {
        match &facts.change {
            Change::None => {}
            Change::Opens { operation_id } => {
                self.open.insert(index, operation_id.clone().into_owned());
            }
            Change::Closes { operation_id, intent_index } => {
                if !self.close(*intent_index, operation_id) {
                    return Err(Fault::NoOpenIntent(*intent_index));
                }
                self.interrupted += u64::from(facts.event == "Interrupted");
            }
        }
        Ok(())
    }

    /// Whether this intent was open, as far as can be known: what was opened before a segment begins is not in it.
    fn close(&mut self, intent_index: u64, operation_id: &str) -> bool {
        if self.after.is_some_and(|after| intent_index <= after.index) {
            return self.may_be_open_before && self.closed_before.insert(intent_index);
        }
        let is_open = self.open.get(&intent_index).is_some_and(|open| open == operation_id);
        is_open && self.open.remove(&intent_index).is_some()
    }
}
