//! What the logs say of root, and what they cover.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    ReconcileError, Scope,
    cloudtrail::{self, Event, Place, What},
    files::{self, Meter},
    times,
};
use crate::{
    clock::Timestamp,
    types::{AccountId, Region},
};

/// Events about root that are kept. An organization of thousands of accounts has fewer in years; what has more is not
/// compared in one go.
const EVENTS_MAX: usize = 1_000_000;
/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 1000;
/// Pairs of account and region: all accounts of the largest organizations in all regions.
const PLACES_MAX: usize = 1_000_000;
/// Events so far outside of the asked span are kept, because an act at its edge can have some there. No operation takes as
/// long.
const MARGIN: Duration = Duration::from_hours(1);

/// All that was read.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// Requests for root sessions. Copies in several accounts are one.
    pub(super) requests: Vec<Event>,
    /// What was done in each root session, by access key id.
    pub(super) sessions: BTreeMap<Option<String>, Vec<Event>>,
    pub(super) coverage: Coverage,
    pub(super) counts: Counts,
    pub(super) problems: Vec<Problem>,
    /// Events that were read before.
    seen: HashSet<String>,
    /// Places of requests, by request id.
    requests_by_id: HashMap<String, usize>,
}

/// Numbers for the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) files: u64,
    pub(super) skipped_folders: u64,
    pub(super) skipped_files: u64,
    pub(super) records: u64,
    pub(super) copies: u64,
    pub(super) root_user_events: u64,
    pub(super) problems: u64,
}

/// Evidence that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) file: PathBuf,
    /// Number of the record in the file, from 1; none if the file itself is the matter.
    pub(super) record: Option<u64>,
    pub(super) what: String,
}

/// The accounts, regions and the span of time that there are logs of.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) places: BTreeMap<AccountId, BTreeSet<Region>>,
    pairs: usize,
}

impl Coverage {
    /// Whether there are logs of this account.
    pub(super) fn has(&self, account: AccountId) -> bool {
        self.places.contains_key(&account)
    }

    /// Whether there are logs of this account in this region.
    pub(super) fn has_region(&self, account: AccountId, region: &Region) -> bool {
        self.places.get(&account).is_some_and(|regions| regions.contains(region))
    }

    /// The regions that there are logs of, in any account.
    pub(super) fn regions(&self) -> BTreeSet<&Region> {
        self.places.values().flatten().collect()
    }

    pub(super) fn add(&mut self, place: &Place) {
        let (oldest, newest) = self.span.unwrap_or((place.time, place.time));
        self.span = Some((oldest.min(place.time), newest.max(place.time)));
        let Some(account) = place.account else { return };
        let regions = self.places.entry(account).or_default();
        if let Some(region) = place.region.as_ref().filter(|region| !regions.contains(region)) {
            regions.insert(region.clone());
            self.pairs += 1;
        }
    }
}

impl Logs {
    /// Reads everything that the scope names.
    pub(super) fn read(scope: &Scope) -> Result<Self, ReconcileError> {
        let found = files::find(&scope.cloudtrail)?;
        let mut logs = Self::default();
        logs.counts.skipped_folders = found.skipped_folders;
        logs.counts.skipped_files = found.skipped_files;
        for link in found.links {
            logs.problem(&link, None, "it is a link to a folder, which is not followed: give its target".to_owned());
        }
        let meter = Meter::new();
        for file in &found.files {
            logs.read_file(file, &meter, scope)?;
        }
        Ok(logs)
    }

    fn read_file(&mut self, path: &Path, meter: &Meter, scope: &Scope) -> Result<(), ReconcileError> {
        self.counts.files += 1;
        let reader = match files::open(path, meter) {
            Ok(reader) => reader,
            Err(error) => {
                self.problem(path, None, error.to_string());
                return Ok(());
            }
        };
        let mut number = 0;
        let ended = cloudtrail::stream(reader, &mut |record| {
            number += 1;
            meter.next_record();
            self.record(record, scope).unwrap_or_else(|what| self.problem(path, Some(number), what));
        });
        if let Err(error) = ended {
            let what =
                format!("it cannot be read after record {number}: {}", crate::types::cut(&error.to_string(), 200));
            self.problem(path, None, what);
        }
        if meter.is_spent() {
            return Err(ReconcileError::TooMuch("--cloudtrail: more than 1 TiB of logs: compare them in parts"));
        }
        if self.seen.len() > EVENTS_MAX || self.coverage.pairs > PLACES_MAX {
            let words = "--cloudtrail: more than 1,000,000 events about root: narrow them with --since and --until";
            return Err(ReconcileError::TooMuch(words));
        }
        Ok(())
    }

    fn record(&mut self, text: &str, scope: &Scope) -> Result<(), String> {
        self.counts.records += 1;
        let (place, event) = cloudtrail::read(text)?;
        self.coverage.add(&place);
        let Some(event) = event.filter(|event| is_near(event, scope)) else { return Ok(()) };
        // Beyond the bound nothing is kept; the file's end says so.
        if self.seen.len() > EVENTS_MAX {
            return Ok(());
        }
        if !self.seen.insert(event.id.clone()) {
            self.counts.copies += 1;
            return Ok(());
        }
        match &event.what {
            What::AssumeRoot { .. } => self.request(event),
            What::Session { access_key_id, .. } => self.sessions.entry(access_key_id.clone()).or_default().push(event),
            What::RootUser => self.counts.root_user_events += 1,
        }
        Ok(())
    }

    /// One call can be an event in more than one account, with ids of their own but the same request id.
    fn request(&mut self, event: Event) {
        let Some(id) = event.request_id.clone() else {
            self.requests.push(event);
            return;
        };
        match self.requests_by_id.get(&id).and_then(|at| self.requests.get_mut(*at)) {
            Some(known) => {
                self.counts.copies += 1;
                complete(known, event);
            }
            None => {
                self.requests_by_id.insert(id, self.requests.len());
                self.requests.push(event);
            }
        }
    }

    fn problem(&mut self, file: &Path, record: Option<u64>, what: String) {
        self.counts.problems += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { file: file.to_owned(), record, what });
        }
    }
}

/// Takes from a copy what the first one does not say.
fn complete(known: &mut Event, copy: Event) {
    let (What::AssumeRoot { target, task_policy, issued }, What::AssumeRoot { target: t, task_policy: p, issued: i }) =
        (&mut known.what, copy.what)
    else {
        return;
    };
    *target = target.or(t);
    *task_policy = task_policy.take().or(p);
    *issued = issued.take().or(i);
}

fn is_near(event: &Event, scope: &Scope) -> bool {
    scope.since.is_none_or(|since| times::before(since, MARGIN) <= event.time)
        && scope.until.is_none_or(|until| event.time <= until.plus(MARGIN))
}
