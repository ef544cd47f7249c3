//! The journal, held against what callers were told and what AWS saw.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::PathBuf,
};

use aws_root_simulator::{Call, Simulator};
use rootgate::journal::{self, LIST_RECORDS_MAX};
use serde_json::Value;

use super::callers::{Answer, Change, Position, Told};
use crate::harness::Record;

/// Everything that is known so far.
pub struct Evidence {
    journal: PathBuf,
    /// In order, so that the record with index 1 comes first.
    records: Vec<Record>,
    /// By operation.
    intents: BTreeMap<String, Intent>,
    /// Operations that were refused.
    refused: BTreeSet<String>,
    done: Vec<(Position, Change)>,
    /// With the reason.
    not_done: Vec<(Position, String)>,
    unanswered: usize,
    /// Repetitions that were answered with what was done before.
    answered_again: usize,
}

struct Intent {
    index: u64,
    request_id: String,
    account: String,
    resource: String,
    recorded_at: String,
    end: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Outcome,
    Interrupted,
}

/// What an operation did on AWS, as CloudTrail tells.
#[derive(Default)]
struct Deeds {
    sessions: usize,
    /// Changes that AWS carried out: what, and how often.
    changes: BTreeMap<String, usize>,
}

/// What the run came to.
#[derive(Debug)]
pub struct Figures {
    records: usize,
    intents: usize,
    sessions: usize,
    changes: usize,
    acknowledged: usize,
    refused: usize,
    unknown: usize,
    unanswered: usize,
    answered_again: usize,
    interrupted_before_session: usize,
    interrupted_in_session: usize,
    interrupted_after_change: usize,
    double_acts: usize,
}

impl Evidence {
    pub fn new(journal: PathBuf) -> Self {
        let (records, intents, refused) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        let (done, not_done) = (Vec::new(), Vec::new());
        Self { journal, records, intents, refused, done, not_done, unanswered: 0, answered_again: 0 }
    }

    pub fn note(&mut self, told: Vec<Told>) {
        for Told { answer, again } in told {
            match answer {
                Answer::Done(position, change) => {
                    // What is recorded already was recorded by the gateway that was killed.
                    self.answered_again += usize::from(again && self.is_known(&position));
                    self.done.push((position, change));
                }
                Answer::Refused(position, reason) => self.not_done.push((position, reason)),
                Answer::Nothing => self.unanswered += 1,
            }
        }
    }

    fn is_known(&self, position: &Position) -> bool {
        position.record.index <= self.records.len() as u64
    }

    /// Reads what the journal holds beyond what was read, and says how much that is.
    pub async fn follow(&mut self) -> usize {
        let known = self.records.len();
        loop {
            let from = self.records.len() as u64 + 1;
            let listed = match journal::list(&self.journal, from, LIST_RECORDS_MAX).await {
                Ok(listed) => listed,
                // Before the first start has made it.
                Err(_) if !self.journal.exists() => return 0,
                Err(error) => panic!("the journal can be read: {error}"),
            };
            if listed.is_empty() {
                return self.records.len() - known;
            }
            for record in listed.into_iter().map(Record::new) {
                assert_eq!(record.index, self.records.len() as u64 + 1, "no record is missing");
                self.take(&record);
                self.records.push(record);
            }
        }
    }

    fn take(&mut self, record: &Record) {
        let operation = record.text("operation_id").to_owned();
        match record.event() {
            "Intent" => {
                let intent = Intent {
                    index: record.index,
                    request_id: record.text("request/request_id").to_owned(),
                    account: record.text("account_id").to_owned(),
                    resource: record.text("resource").to_owned(),
                    recorded_at: record.text("recorded_at").to_owned(),
                    end: None,
                };
                assert!(!self.refused.contains(&operation), "refused, and begun: {record:?}");
                assert!(self.intents.insert(operation, intent).is_none(), "one intent each: {record:?}");
            }
            event @ ("Outcome" | "Interrupted") => {
                let intent = self.intents.get_mut(&operation).expect("an end has its intent");
                assert_eq!(record.number("intent_index"), intent.index, "{record:?}");
                assert!(intent.end.is_none(), "one end each: {record:?}");
                intent.end = Some(if event == "Outcome" { End::Outcome } else { End::Interrupted });
            }
            "Refusal" => {
                assert!(!self.intents.contains_key(&operation), "begun, and refused: {record:?}");
                self.refused.insert(operation);
            }
            "StrayOutcome" => panic!("an outcome found no open intent: {record:?}"),
            _ => {}
        }
    }

    /// After a start nothing is left open.
    pub fn assert_all_closed(&self) {
        let open: Vec<&String> = self.intents.iter().filter(|(_, i)| i.end.is_none()).map(|(id, _)| id).collect();
        assert!(open.is_empty(), "a start closes what was left open: {open:?}");
    }

    /// Each root session that was asked for has its intent by now; nothing is changed without a session.
    pub fn assert_intents_of(&self, calls: &[Call]) {
        for call in calls {
            let arn = call.caller_arn.as_deref().unwrap_or_default();
            if call.action == "AssumeRoot" {
                let intent = self.intent(operation(arn), &format!("{call:?}"));
                assert!(call.target.as_deref().is_some_and(|target| target.contains(&intent.account)), "{call:?}");
            } else {
                assert!(!call.mutating || arn.ends_with(":root"), "only root sessions change anything: {call:?}");
            }
        }
    }

    fn intent(&self, operation: &str, deed: &str) -> &Intent {
        let refused = if self.refused.contains(operation) { "refused, and done all the same" } else { "no intent" };
        self.intents.get(operation).unwrap_or_else(|| panic!("{refused}: {deed}"))
    }

    /// Verifies the journal against every receipt, and joins it with CloudTrail.
    pub async fn verify(&self, aws: &Simulator) -> Figures {
        let not_done = || self.not_done.iter().map(|(position, _)| position);
        let positions = || self.done.iter().map(|(position, _)| position).chain(not_done());
        let receipts: Vec<_> = positions().map(|position| position.record).collect();
        let verified = journal::verify(&self.journal, &receipts).await;
        let verified = verified.unwrap_or_else(|error| panic!("the journal verifies: {error}"));
        assert_eq!(verified.records, self.records.len() as u64);
        assert_eq!(verified.interrupted, self.ended_in(End::Interrupted).count() as u64);
        for position in positions() {
            let record = &self.records[usize::try_from(position.record.index).unwrap() - 1];
            assert_eq!(record.text("operation_id"), position.operation_id, "a receipt names its own record");
        }
        let deeds = self.deeds(&aws.cloudtrail_records());
        self.assert_truth_of_answers(&deeds);
        self.figures(&deeds)
    }

    /// What each operation did; every deed has the intent of just that deed, recorded before it.
    fn deeds(&self, cloudtrail: &[Value]) -> HashMap<String, Deeds> {
        let mut deeds: HashMap<String, Deeds> = HashMap::new();
        let mut opened_by: HashMap<&str, String> = HashMap::new();
        for event in cloudtrail {
            let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
            let (name, key) = (text("/eventName"), text("/userIdentity/accessKeyId"));
            let in_session = text("/userIdentity/sessionContext/assumedRoot") == "true";
            let id = match name {
                "AssumeRoot" => operation(text("/userIdentity/arn")).to_owned(),
                _ if in_session => opened_by.get(key).expect("a root session was opened by somebody").clone(),
                _ => {
                    let reads = event["readOnly"] == true;
                    assert!(reads || name == "AssumeRole", "only root sessions change anything: {event}");
                    continue;
                }
            };
            let intent = self.intent(&id, &event.to_string());
            assert!(second(&intent.recorded_at) <= second(text("/eventTime")), "done, and then recorded: {event}");
            let done = deeds.entry(id.clone()).or_default();
            if name == "AssumeRoot" {
                done.sessions += 1;
                opened_by.insert(text("/responseElements/credentials/accessKeyId"), id);
                continue;
            }
            assert_eq!(text("/recipientAccountId"), intent.account, "{event}");
            let bucket = text("/requestParameters/bucketName");
            assert!(bucket.is_empty() || intent.resource == format!("arn:aws:s3:::{bucket}"), "{event}");
            if event["readOnly"] == false && event["errorCode"].is_null() {
                *done.changes.entry(format!("{name} {}", event["requestParameters"])).or_default() += 1;
            }
        }
        deeds
    }

    /// Who was told that something was changed was told the truth; who was told no, too.
    fn assert_truth_of_answers(&self, deeds: &HashMap<String, Deeds>) {
        for (position, change) in &self.done {
            let intent = self.intent(&position.operation_id, "an acknowledged act");
            assert!(intent.end == Some(End::Outcome), "acknowledged, and interrupted: {}", position.operation_id);
            let call = match change {
                Change::Policy => "DeleteBucketPolicy",
                Change::Key => "DeleteAccessKey",
                Change::Nothing => continue,
            };
            let done = &deeds[&position.operation_id].changes;
            assert!(done.keys().any(|name| name.starts_with(call)), "{call} was acknowledged, and AWS knows nothing");
        }
        for (position, reason) in &self.not_done {
            let operation = &position.operation_id;
            match reason.as_str() {
                "OUTCOME_UNKNOWN" => {
                    let intent = self.intent(operation, "an act of which nobody knows how it ended");
                    assert!(intent.end == Some(End::Interrupted), "said to be unknown, and recorded: {operation}");
                }
                // Its session was opened for the same request before, and its credentials are told once.
                "ALREADY_ISSUED" => assert_eq!(deeds[operation].sessions, 1),
                "RESOURCE_BUSY" | "PERMISSION_DENIED" => {
                    assert!(self.refused.contains(operation), "{reason} is recorded as a refusal");
                    assert!(!deeds.contains_key(operation), "refused, and done all the same");
                }
                _ => panic!("nobody is told {reason} here"),
            }
        }
    }

    fn ended_in(&self, end: End) -> impl Iterator<Item = (&String, &Intent)> {
        self.intents.iter().filter(move |(_, intent)| intent.end == Some(end))
    }

    fn figures(&self, deeds: &HashMap<String, Deeds>) -> Figures {
        let (mut before, mut within, mut after) = (0, 0, 0);
        for (operation, _) in self.ended_in(End::Interrupted) {
            match deeds.get(operation) {
                None => before += 1,
                Some(deeds) if deeds.changes.is_empty() => within += 1,
                Some(_) => after += 1,
            }
        }
        let unknown = self.not_done.iter().filter(|(_, reason)| reason == "OUTCOME_UNKNOWN").count();
        Figures {
            records: self.records.len(),
            intents: self.intents.len(),
            sessions: deeds.values().map(|deeds| deeds.sessions).sum(),
            changes: deeds.values().flat_map(|deeds| deeds.changes.values()).sum(),
            acknowledged: self.done.len(),
            refused: self.not_done.len() - unknown,
            unknown,
            unanswered: self.unanswered,
            answered_again: self.answered_again,
            interrupted_before_session: before,
            interrupted_in_session: within,
            interrupted_after_change: after,
            double_acts: self.double_acts(deeds),
        }
    }

    /// Requests that were begun twice, and changes that one act made twice.
    fn double_acts(&self, deeds: &HashMap<String, Deeds>) -> usize {
        let ids = || self.intents.values().map(|intent| intent.request_id.as_str()).filter(|id| !id.is_empty());
        let begun_again = ids().count() - ids().collect::<BTreeSet<_>>().len();
        let changes = deeds.values().flat_map(|deeds| deeds.changes.values());
        begun_again + changes.filter(|times| **times > 1).count()
    }
}

impl Figures {
    /// Whether the kills fell everywhere, so that the run says something.
    pub fn assert_telling(&self) {
        assert_eq!(self.double_acts, 0, "nothing is done twice");
        let answers = [self.acknowledged, self.refused, self.unknown, self.unanswered];
        assert!(answers.iter().all(|count| *count > 0), "callers are told all that they can be told: {self:?}");
        let interrupted = [self.interrupted_before_session, self.interrupted_in_session, self.interrupted_after_change];
        assert!(interrupted.iter().all(|count| *count > 0), "kills fall before, within and after acts: {self:?}");
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, intents, sessions, changes, .. } = self;
        write!(f, "{records} records, {intents} intents, {sessions} root sessions, {changes} changes; ")?;
        let Self { acknowledged, refused, unknown, unanswered, answered_again, .. } = self;
        write!(f, "{acknowledged} acknowledged, {refused} refused, {unanswered} cut off and made again: ")?;
        write!(f, "{answered_again} were done already, of {unknown} the outcome is unknown; ")?;
        let (before, within, after) =
            (self.interrupted_before_session, self.interrupted_in_session, self.interrupted_after_change);
        let all = before + within + after;
        write!(f, "{all} interrupted: {before} before a root session, {within} in one, {after} after a change; ")?;
        // These two stop the test where they are found.
        write!(f, "0 acknowledged lost, 0 acts without intent, {} double acts", self.double_acts)
    }
}

/// The operation of a broker session.
fn operation(arn: &str) -> &str {
    let name = arn.rsplit('/').next().and_then(|name| name.strip_prefix("rootgate-"));
    name.unwrap_or_else(|| panic!("a root session was opened around the broker, by {arn}"))
}

/// A time down to the second, as CloudTrail has it.
fn second(time: &str) -> &str {
    &time[..time.len().min("2026-01-31T12:00:00".len())]
}
