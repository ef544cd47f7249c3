//! Compares what the gateway recorded with what CloudTrail logged.

mod finding;
mod session;

pub(super) use finding::{Finding, Missing, SessionUse};

use std::collections::{BTreeSet, HashMap};

use super::{
    Scope,
    acts::{Act, Call},
    cloudtrail::{Event, What},
    logs::{Counts, Coverage, Logs, Problem},
    times,
};
use crate::types::{AccountId, Region};

use self::session::Session;

/// Findings that are told one by one; the rest is counted.
const FINDINGS_MAX: usize = 100_000;
/// Acts without known end that a stray event is compared with. There are few, or the gateway has other problems.
const UNFINISHED_MAX: usize = 10_000;

/// What was found.
#[derive(Debug)]
pub(in super::super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) problems: Vec<Problem>,
    pub(super) summary: Summary,
}

impl Report {
    /// What it amounts to.
    pub(in super::super) const fn verdict(&self) -> Verdict {
        let Summary { counts, .. } = &self.summary;
        if self.summary.findings > 0 || counts.problems > 0 {
            Verdict::Differs
        } else if counts.records == 0 || self.summary.compared_nothing() {
            Verdict::Nothing
        } else {
            Verdict::Agrees
        }
    }
}

/// What a comparison amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Verdict {
    /// Everything was read, and agrees.
    Agrees,
    /// There is a finding, or something could not be read.
    Differs,
    /// The logs are not of what the journal tells of, so that nothing can be said.
    Nothing,
}

/// Numbers beside the findings.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) verified: bool,
    pub(super) counts: Counts,
    pub(super) coverage: Coverage,
    pub(super) findings: u64,
    /// Requests for root sessions that the journal knows.
    pub(super) requests_matched: u64,
    /// Calls in root sessions that the journal knows.
    pub(super) calls_matched: u64,
    /// Calls in sessions that were handed out, where the gateway cannot know them.
    pub(super) calls_handed_out: u64,
    /// Calls of the gateway that had no answer and so have no request id, or that the SDK sent again.
    pub(super) calls_unanswered: u64,
    /// Acts whose calls were all found.
    pub(super) acts_matched: u64,
    /// Acts that began after the newest event, less the grace.
    pub(super) acts_too_new: u64,
    /// Acts before the oldest event.
    pub(super) acts_before_logs: u64,
    /// Acts of whose calls some are in accounts or regions that there are no logs of.
    pub(super) acts_not_covered: u64,
    /// Accounts in whose logs the gateway asked for sessions.
    pub(super) gateway_accounts: BTreeSet<AccountId>,
}

impl Summary {
    /// Whether there are acts, and none of them is in the logs.
    const fn compared_nothing(&self) -> bool {
        let found = self.requests_matched + self.calls_matched + self.calls_handed_out + self.acts_matched;
        found == 0 && self.acts_too_new + self.acts_before_logs + self.acts_not_covered > 0
    }
}

/// A comparison under way: the logs are read, the acts come one by one.
#[derive(Debug)]
pub(super) struct Matching {
    scope: Scope,
    requests: Vec<Request>,
    /// Places in `requests`, by request id and by the session that was opened.
    by_request_id: HashMap<String, usize>,
    by_issued: HashMap<String, usize>,
    sessions: HashMap<String, Session>,
    /// Sessions whose record names no access key id.
    nameless: Vec<Event>,
    problems: Vec<Problem>,
    findings: Vec<Finding>,
    unfinished: Vec<Act>,
    summary: Summary,
}

#[derive(Debug)]
struct Request {
    event: Event,
    is_known: bool,
}

impl Matching {
    pub(super) fn new(logs: Logs, scope: Scope) -> Self {
        let Logs { requests, mut sessions, coverage, counts, problems, .. } = logs;
        let summary = Summary {
            verified: scope.verify,
            counts,
            coverage,
            findings: 0,
            requests_matched: 0,
            calls_matched: 0,
            calls_handed_out: 0,
            calls_unanswered: 0,
            acts_matched: 0,
            acts_too_new: 0,
            acts_before_logs: 0,
            acts_not_covered: 0,
            gateway_accounts: BTreeSet::new(),
        };
        let (mut by_request_id, mut by_issued) = (HashMap::new(), HashMap::new());
        for (at, event) in requests.iter().enumerate() {
            by_request_id.extend(event.request_id.iter().map(|id| (id.clone(), at)));
            if let What::AssumeRoot { issued: Some(key), .. } = &event.what {
                by_issued.insert(key.clone(), at);
            }
        }
        let nameless = sessions.remove(&None).unwrap_or_default();
        let sessions = sessions.into_iter().filter_map(|(key, events)| Some((key?, Session::new(events)))).collect();
        let requests = requests.into_iter().map(|event| Request { event, is_known: false }).collect();
        let (findings, unfinished) = (Vec::new(), Vec::new());
        Self { scope, requests, by_request_id, by_issued, sessions, nameless, problems, findings, unfinished, summary }
    }

    /// Compares one act.
    pub(super) fn take(&mut self, act: Act) {
        let mut missing = self.requests_of(&act);
        missing.extend(self.calls_of(&act));
        if self.scope.holds(times::second_of(act.began_at)) && self.scope.is_about(act.account) {
            self.judge(&act, missing);
        }
        let unanswered = |call: &Call| call.is("sts", "AssumeRoot") && call.request_id.is_none();
        if (!act.is_finished || act.calls.iter().any(unanswered)) && self.unfinished.len() < UNFINISHED_MAX {
            self.unfinished.push(act);
        }
    }

    /// Marks the requests that the act made; those of its sessions that no event tells of.
    fn requests_of(&mut self, act: &Act) -> Vec<Call> {
        let asked = || act.calls.iter().filter(|call| call.is("sts", "AssumeRoot"));
        let by_id = |call: &Call| call.request_id.as_ref().and_then(|id| self.by_request_id.get(id)).copied();
        let by_key = |key: &String| self.by_issued.get(key).copied();
        let known: BTreeSet<usize> =
            asked().filter_map(by_id).chain(act.access_key_ids.iter().filter_map(by_key)).collect();
        // Each session that was opened is on the act's list: if all of them are known, so is each request.
        let all_known = !act.access_key_ids.is_empty() && act.access_key_ids.iter().all(|key| by_key(key).is_some());
        let is_missing = |call: &&Call| !all_known && must_be_logged(call) && by_id(call).is_none();
        let missing = asked().filter(is_missing).cloned().collect();
        for at in known {
            self.know(at, act);
        }
        missing
    }

    fn know(&mut self, at: usize, act: &Act) {
        let Some(request) = self.requests.get_mut(at) else { return };
        if std::mem::replace(&mut request.is_known, true) {
            return;
        }
        self.summary.requests_matched += 1;
        self.summary.gateway_accounts.insert(request.event.account);
        let What::AssumeRoot { target, .. } = &request.event.what else { return };
        if let (Some(target), Some(account)) = (*target, act.account)
            && target != account
            && (self.scope.is_about(Some(target)) || self.scope.is_about(Some(account)))
        {
            let event = request.event.clone();
            self.find(Finding::AccountDiffers { event, journal_index: act.index, account });
        }
    }

    /// Marks the calls that the act made in its sessions; those that no event tells of.
    fn calls_of(&mut self, act: &Act) -> Vec<Call> {
        for key in &act.access_key_ids {
            if let Some(session) = self.sessions.get_mut(key) {
                session.know(act);
            }
        }
        let has = |id: &str| {
            let sessions = act.access_key_ids.iter().filter_map(|key| self.sessions.get(key));
            sessions.into_iter().any(|session| session.has_request(id))
        };
        let in_session = act.calls.iter().filter(|call| call.service != "sts" && must_be_logged(call));
        in_session.filter(|call| !call.request_id.as_deref().is_some_and(has)).cloned().collect()
    }

    /// Whether what is missing should be there.
    fn judge(&mut self, act: &Act, missing: Vec<Call>) {
        if missing.is_empty() {
            self.summary.acts_matched += u64::from(act.is_finished && !act.calls.is_empty());
            return;
        }
        match self.place_in_time(act) {
            InTime::TooNew => self.summary.acts_too_new += 1,
            InTime::BeforeLogs => self.summary.acts_before_logs += 1,
            InTime::Covered => {
                let (missing, not_covered): (Vec<Call>, Vec<Call>) =
                    missing.into_iter().partition(|call| self.covers(act, call));
                self.summary.acts_not_covered += u64::from(!not_covered.is_empty());
                if !missing.is_empty() {
                    self.find(Finding::NotInCloudTrail(Box::new(Missing { act: act.clone(), calls: missing })));
                }
            }
        }
    }

    fn place_in_time(&self, act: &Act) -> InTime {
        let Some((oldest, newest)) = self.summary.coverage.span else { return InTime::BeforeLogs };
        let began_at = times::second_of(act.began_at);
        if began_at > times::before(newest, self.scope.grace) {
            InTime::TooNew
        } else if began_at < self.scope.since.unwrap_or(oldest) {
            InTime::BeforeLogs
        } else {
            InTime::Covered
        }
    }

    /// Whether there are logs of where the call stands, by its account and region.
    fn covers(&self, act: &Act, call: &Call) -> bool {
        let coverage = &self.summary.coverage;
        if call.service == "sts" {
            let given = &self.scope.gateway_accounts;
            return given.is_empty() || given.iter().any(|account| coverage.has(*account));
        }
        let region = if call.service == "iam" { "us-east-1".parse().ok() } else { act.region.clone() };
        let has = |account: AccountId, region: &Region| coverage.has_region(account, region);
        act.account.is_some_and(|account| region.is_some_and(|region| has(account, &region)))
    }

    fn find(&mut self, finding: Finding) {
        self.summary.findings += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// What is left when all acts were compared.
    pub(super) fn finish(mut self) -> Report {
        for Request { event, is_known } in std::mem::take(&mut self.requests) {
            let target = match &event.what {
                What::AssumeRoot { target, .. } => *target,
                What::Session { .. } | What::RootUser => None,
            };
            // A target that cannot be read could be any account.
            let is_asked = self.scope.holds(event.time) && (target.is_none() || self.scope.is_about(target));
            if !is_known && is_asked {
                let possible_intent = self.possible_intent(&event, target);
                self.find(Finding::OutsideGateway { event, possible_intent });
            }
        }
        let mut sessions: Vec<(String, Session)> = std::mem::take(&mut self.sessions).into_iter().collect();
        sessions.sort_by_cached_key(|(key, session)| (session.first(), key.clone()));
        for (key, session) in sessions {
            self.finish_session(key, session);
        }
        for event in std::mem::take(&mut self.nameless) {
            if self.is_asked(&event) {
                self.find(Finding::UnknownSession(Box::new(SessionUse::of(None, vec![event]))));
            }
        }
        Report { findings: self.findings, problems: self.problems, summary: self.summary }
    }

    fn finish_session(&mut self, key: String, session: Session) {
        self.summary.calls_matched += session.matched;
        self.summary.calls_handed_out += session.handed_out;
        self.summary.calls_unanswered += session.unanswered;
        let known = session.known.clone();
        let left: Vec<Event> = session.left().into_iter().filter(|event| self.is_asked(event)).collect();
        match known {
            Some(act) => left.into_iter().for_each(|event| {
                let (operation, access_key_id) = (act.operation.clone(), key.clone());
                self.find(Finding::UnlistedCall { event, access_key_id, journal_index: act.index, operation });
            }),
            None if left.is_empty() => {}
            None => self.find(Finding::UnknownSession(Box::new(SessionUse::of(Some(key), left)))),
        }
    }

    fn is_asked(&self, event: &Event) -> bool {
        self.scope.holds(event.time) && self.scope.is_about(Some(event.account))
    }

    /// An act whose end is not known and that could have asked for this session: only a hint.
    fn possible_intent(&self, event: &Event, target: Option<AccountId>) -> Option<String> {
        let while_it_ran = |act: &&Act| {
            let span = times::second_of(act.began_at)..=act.ended_at;
            act.account.is_some() && act.account == target && span.contains(&event.time)
        };
        // A broker role's session is named after the operation.
        let named = |act: &&Act| event.caller_arn.as_deref().is_some_and(|arn| arn.ends_with(&act.operation_id));
        let act = self.unfinished.iter().find(named).or_else(|| self.unfinished.iter().find(while_it_ran));
        act.map(|act| act.operation_id.clone())
    }
}

enum InTime {
    Covered,
    TooNew,
    BeforeLogs,
}

/// Whether a call that AWS carried out must stand in a log of management events. What AWS refused need not be there: throttled
/// calls and those with bad credentials are not logged.
fn must_be_logged(call: &Call) -> bool {
    let is_management = match call.service.as_str() {
        "sts" => call.operation == "AssumeRoot",
        "iam" => true,
        "s3" => call.operation.ends_with("BucketPolicy"),
        "sqs" => call.operation == "SetQueueAttributes",
        _ => false,
    };
    is_management && call.error_code.is_none() && call.request_id.is_some()
}

#[cfg(test)]
mod tests;
