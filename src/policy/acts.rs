//! The acts that somebody asks about: from the words of a test or of a command line to questions.

use std::collections::{BTreeMap, BTreeSet};

use super::arguments::{self, Given};
use crate::{
    authz::{Argument, Principal, Question, Target},
    clock::Timestamp,
    types::{AccountId, BucketName, Kind, QueueRef, Reason, Region, Rule, Ticket, Violation},
};

/// Acts: every kind on every account. Bucket, queue, region and arguments go to the kinds that know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acts {
    /// What is asked for. Not empty.
    pub kinds: Vec<Kind>,
    /// Where; none only if everything is asked of a queue, which names its account, or of the whole journal.
    pub accounts: Vec<AccountId>,
    /// The bucket of acts on buckets.
    pub bucket: Option<BucketName>,
    /// The queue of acts on queues.
    pub queue: Option<QueueRef>,
    /// The region that requests on the bucket name; a queue has its own.
    pub region: Option<Region>,
    /// Why.
    pub reason: Reason,
    /// A reference in the caller's tracker.
    pub ticket: Option<Ticket>,
    /// Arguments by name; what is not said has a default.
    pub arguments: BTreeMap<String, Given>,
    /// When.
    pub now: Timestamp,
}

/// What a kind acts on.
enum Aim {
    Account,
    Bucket,
    Queue,
    /// All of the journal, or what it holds about an account.
    Journal,
    /// All of the journal, whatever account is named for other acts.
    WholeJournal,
}

const ACCOUNT_MISSING: Rule = Rule::new("is required: 12 digits");
const BUCKET_MISSING: Rule = Rule::new("is required: the operation acts on a bucket");
const QUEUE_MISSING: Rule = Rule::new("is required: the operation acts on a queue");
const BUCKET_IDLE: Rule = Rule::new("must be left out: no operation here acts on a bucket");
const QUEUE_IDLE: Rule = Rule::new("must be left out: no operation here acts on a queue");
const QUEUE_ELSEWHERE: Rule = Rule::new("must be of the account that is named");
const REGION_IDLE: Rule = Rule::new("must be left out: no operation here names a region");
const REGION_ELSEWHERE: Rule = Rule::new("must be left out, or be the queue's own");

impl Acts {
    /// What this principal asks, in the order of kinds and accounts.
    ///
    /// # Errors
    /// Every rule that is broken. Fields are called `account`, `bucket`, `queue`, `region` and
    /// `arguments.NAME`.
    pub fn questions(&self, principal: &Principal) -> Result<Vec<Question>, Vec<Violation>> {
        let mut violations = self.unknown_arguments();
        let mut questions: Vec<Question> = Vec::new();
        let (mut bucket_idle, mut queue_idle) = (self.bucket.is_some(), self.queue.is_some());
        let mut region_idle = self.region.is_some();
        for kind in &self.kinds {
            let arguments = match arguments::of(*kind, &principal.subject, &self.arguments) {
                Ok(arguments) => arguments,
                Err(Violation { field, rule }) => {
                    violations.push(Violation::new(format!("arguments.{field}"), rule));
                    continue;
                }
            };
            let aim = aim(*kind, &arguments);
            bucket_idle &= !matches!(aim, Aim::Bucket);
            queue_idle &= !matches!(aim, Aim::Queue);
            region_idle &= !matches!(aim, Aim::Bucket | Aim::Queue);
            match self.targets(&aim) {
                Ok(targets) => questions.extend(
                    targets.into_iter().map(|target| self.question(principal, *kind, target, arguments.clone())),
                ),
                Err(violation) => violations.push(violation),
            }
        }
        // A kind that could not be read might have been the one that they are for.
        if violations.is_empty() {
            violations.extend(bucket_idle.then(|| Violation::new("bucket", BUCKET_IDLE)));
            violations.extend(queue_idle.then(|| Violation::new("queue", QUEUE_IDLE)));
            violations.extend(region_idle.then(|| Violation::new("region", REGION_IDLE)));
        }
        let mut told: Vec<Violation> = Vec::new();
        violations.retain(|violation| {
            !told.contains(violation) && {
                told.push(violation.clone());
                true
            }
        });
        if violations.is_empty() { Ok(questions) } else { Err(violations) }
    }

    fn unknown_arguments(&self) -> Vec<Violation> {
        let known = arguments::names(&self.kinds);
        let unknown = self.arguments.keys().filter(|name| !known.contains(name.as_str()));
        unknown.map(|name| Violation::new(format!("arguments.{name}"), unknown_argument(&known))).collect()
    }

    fn targets(&self, aim: &Aim) -> Result<Vec<Target>, Violation> {
        if let Aim::Queue = aim {
            let queue = self.queue.as_ref().ok_or_else(|| Violation::new("queue", QUEUE_MISSING))?;
            if !self.accounts.is_empty() && !self.accounts.contains(&queue.account) {
                return Err(Violation::new("queue", QUEUE_ELSEWHERE));
            }
            if self.region.as_ref().is_some_and(|region| *region != queue.region) {
                return Err(Violation::new("region", REGION_ELSEWHERE));
            }
            return Ok(vec![Target::Queue(queue.clone())]);
        }
        if let (Aim::WholeJournal, _) | (Aim::Journal, true) = (aim, self.accounts.is_empty()) {
            return Ok(vec![Target::Journal(None)]);
        }
        if self.accounts.is_empty() {
            return Err(Violation::new("account", ACCOUNT_MISSING));
        }
        let accounts = self.accounts.iter().copied();
        match (aim, &self.bucket) {
            (Aim::Bucket, Some(bucket)) => {
                Ok(accounts.map(|account| Target::Bucket(account, bucket.clone())).collect())
            }
            (Aim::Bucket, None) => Err(Violation::new("bucket", BUCKET_MISSING)),
            (Aim::Journal | Aim::WholeJournal, _) => {
                Ok(accounts.map(|account| Target::Journal(Some(account))).collect())
            }
            (Aim::Account | Aim::Queue, _) => Ok(accounts.map(Target::Account).collect()),
        }
    }

    /// What [`Ask::region`](crate::authz::Ask::region) says of a request for an act on this.
    fn region(&self, target: &Target) -> Option<Region> {
        match target {
            Target::Account(_) | Target::Journal(_) => None,
            Target::Bucket(..) => self.region.clone(),
            Target::Queue(queue) => Some(queue.region.clone()),
        }
    }

    fn question(
        &self,
        principal: &Principal,
        kind: Kind,
        target: Target,
        arguments: BTreeMap<String, Argument>,
    ) -> Question {
        Question {
            principal: principal.clone(),
            kind,
            region: self.region(&target),
            target,
            reason: self.reason.as_str().to_owned(),
            ticket: self.ticket.as_ref().map(|ticket| ticket.as_str().to_owned()),
            arguments,
            now: self.now,
        }
    }
}

fn unknown_argument(known: &BTreeSet<&'static str>) -> Rule {
    if known.is_empty() {
        return Rule::new("is not known: this operation has no arguments");
    }
    let known: Vec<&str> = known.iter().copied().collect();
    Rule(format!("is not known (known here: {})", known.join(", ")).into())
}

fn aim(kind: Kind, arguments: &BTreeMap<String, Argument>) -> Aim {
    acts_on(kind).or_else(|| acts_on(arguments::about(arguments))).unwrap_or(Aim::Account)
}

/// What an act is aimed at; an explanation at what the explained act is.
const fn acts_on(kind: Kind) -> Option<Aim> {
    match kind {
        Kind::UnlockBucketPolicy | Kind::RestoreBucketPolicy => Some(Aim::Bucket),
        Kind::UnlockQueuePolicy | Kind::RestoreQueuePolicy => Some(Aim::Queue),
        Kind::AssumeRoot
        | Kind::DeleteRootCredentials
        | Kind::AllowPasswordRecovery
        | Kind::AuditRootCredentials
        | Kind::ListPolicyBackups => Some(Aim::Account),
        Kind::ListRecords => Some(Aim::Journal),
        Kind::GetCheckpoint => Some(Aim::WholeJournal),
        Kind::ExplainAccess => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::Scheme;

    fn principal() -> Principal {
        Principal {
            scheme: Scheme::Mtls,
            subject: "spiffe://example.org/ops/alice".to_owned(),
            listener: "main".to_owned(),
            groups: BTreeSet::new(),
            attributes: BTreeMap::new(),
        }
    }

    fn acts(kinds: &[Kind], accounts: &[&str]) -> Acts {
        Acts {
            kinds: kinds.to_vec(),
            accounts: accounts.iter().map(|account| account.parse().unwrap()).collect(),
            bucket: None,
            queue: None,
            region: None,
            reason: "the deployment is locked out".parse().unwrap(),
            ticket: None,
            arguments: BTreeMap::new(),
            now: Timestamp::from_unix(0, 0),
        }
    }

    fn arns(acts: &Acts) -> Vec<String> {
        let questions = acts.questions(&principal()).unwrap();
        questions.iter().map(|question| format!("{} {}", question.kind, question.target.arn())).collect()
    }

    fn violations(acts: &Acts) -> Vec<String> {
        acts.questions(&principal()).unwrap_err().iter().map(ToString::to_string).collect()
    }

    const BOTH: [&str; 2] = ["333333333333", "444444444444"];

    #[test]
    fn every_kind_meets_every_account_and_a_queue_only_its_own() {
        let kinds = [Kind::UnlockBucketPolicy, Kind::UnlockQueuePolicy, Kind::AuditRootCredentials];
        let mut acts = acts(&kinds, &BOTH);
        acts.bucket = Some("ledger".parse().unwrap());
        acts.queue = Some(QueueRef::from_arn("arn:aws:sqs:eu-west-1:444444444444:jobs").unwrap());
        assert_eq!(
            arns(&acts),
            [
                "UnlockBucketPolicy arn:aws:s3:::ledger",
                "UnlockBucketPolicy arn:aws:s3:::ledger",
                "UnlockQueuePolicy arn:aws:sqs:eu-west-1:444444444444:jobs",
                "AuditRootCredentials arn:aws:iam::333333333333:root",
                "AuditRootCredentials arn:aws:iam::444444444444:root",
            ]
        );
        acts.accounts.clear();
        acts.kinds = vec![Kind::UnlockQueuePolicy];
        acts.bucket = None;
        assert_eq!(arns(&acts).len(), 1, "a queue names its account");
    }

    #[test]
    fn arguments_go_to_the_kinds_that_know_them() {
        let mut acts = acts(&[Kind::AssumeRoot, Kind::AuditRootCredentials], &BOTH[..1]);
        acts.arguments = BTreeMap::from([("duration_seconds".to_owned(), Given::Number(60))]);
        let questions = acts.questions(&principal()).unwrap();
        assert_eq!(questions[0].arguments["duration_seconds"], Argument::Number(60));
        assert_eq!(questions[0].arguments.len(), 3);
        assert_eq!(questions[1].arguments.len(), 0);
    }

    #[test]
    fn an_explanation_is_about_the_target_of_the_operation_that_it_is_about() {
        let mut acts = acts(&[Kind::ExplainAccess], &BOTH[..1]);
        assert_eq!(arns(&acts), ["ExplainAccess arn:aws:iam::333333333333:root"]);
        acts.arguments = BTreeMap::from([("about_operation".to_owned(), Given::Text("UnlockBucketPolicy".to_owned()))]);
        assert_eq!(violations(&acts), ["bucket: is required: the operation acts on a bucket"]);
        acts.bucket = Some("ledger".parse().unwrap());
        assert_eq!(arns(&acts), ["ExplainAccess arn:aws:s3:::ledger"]);
    }

    #[test]
    fn the_journal_is_asked_about_as_a_whole_or_by_account_and_signed_as_a_whole() {
        let targets = |acts: &Acts| -> Vec<Option<String>> {
            let questions = acts.questions(&principal()).unwrap();
            assert!(questions.iter().all(|question| question.target.arn() == "journal"));
            questions.iter().map(|question| question.target.account().map(|id| id.to_string())).collect()
        };
        assert_eq!(targets(&acts(&[Kind::ListRecords, Kind::GetCheckpoint], &[])), [None, None]);
        let each = BOTH.map(|account| Some(account.to_owned()));
        assert_eq!(targets(&acts(&[Kind::ListRecords], &BOTH)), each);
        assert_eq!(targets(&acts(&[Kind::GetCheckpoint], &BOTH)), [None]);
        let mut explained = acts(&[Kind::ExplainAccess], &[]);
        explained.arguments =
            BTreeMap::from([("about_operation".to_owned(), Given::Text(Kind::ListRecords.name().to_owned()))]);
        assert_eq!(targets(&explained), [None]);
    }

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:333333333333:jobs";

    /// An offline answer about another region than the gateway's would be an answer to another question.
    #[test]
    fn the_region_is_the_one_that_the_gateway_would_see() {
        let regions = |acts: &Acts| -> Vec<Option<String>> {
            let questions = acts.questions(&principal()).unwrap();
            questions.iter().map(|question| question.region.as_ref().map(ToString::to_string)).collect()
        };
        let some = |region: &str| Some(region.to_owned());
        let mut acts = acts(&[Kind::UnlockBucketPolicy, Kind::UnlockQueuePolicy, Kind::AssumeRoot], &BOTH[..1]);
        acts.bucket = Some("ledger".parse().unwrap());
        acts.queue = Some(QueueRef::from_arn(QUEUE).unwrap());
        assert_eq!(regions(&acts), [None, some("eu-west-1"), None], "a queue has its region, an account none");
        acts.region = Some("eu-west-1".parse().unwrap());
        assert_eq!(regions(&acts), [some("eu-west-1"), some("eu-west-1"), None]);
        acts.region = Some("us-east-1".parse().unwrap());
        assert_eq!(violations(&acts), ["region: must be left out, or be the queue's own"]);

        let explain = |about: Kind| {
            let mut explain = acts.clone();
            explain.kinds = vec![Kind::ExplainAccess];
            explain.arguments = BTreeMap::from([("about_operation".to_owned(), Given::Text(about.name().to_owned()))]);
            (explain.bucket, explain.queue, explain.region) = match about {
                Kind::UnlockBucketPolicy => (explain.bucket, None, explain.region),
                Kind::UnlockQueuePolicy => (None, explain.queue, None),
                _ => (None, None, None),
            };
            explain
        };
        assert_eq!(regions(&explain(Kind::UnlockBucketPolicy)), [some("us-east-1")]);
        assert_eq!(regions(&explain(Kind::UnlockQueuePolicy)), [some("eu-west-1")]);
        assert_eq!(regions(&explain(Kind::AssumeRoot)), [None]);
    }

    #[test]
    fn a_region_that_no_request_could_name_is_refused() {
        for kind in Kind::ALL {
            let mut acts = acts(&[kind], &BOTH[..1]);
            acts.region = Some("eu-west-1".parse().unwrap());
            match kind {
                Kind::UnlockBucketPolicy | Kind::RestoreBucketPolicy => acts.bucket = Some("ledger".parse().unwrap()),
                Kind::UnlockQueuePolicy | Kind::RestoreQueuePolicy => {
                    acts.queue = Some(QueueRef::from_arn(QUEUE).unwrap());
                }
                Kind::AssumeRoot
                | Kind::DeleteRootCredentials
                | Kind::AllowPasswordRecovery
                | Kind::AuditRootCredentials
                | Kind::ListPolicyBackups
                | Kind::ListRecords
                | Kind::GetCheckpoint
                | Kind::ExplainAccess => {
                    assert_eq!(violations(&acts), ["region: must be left out: no operation here names a region"]);
                    continue;
                }
            }
            assert_eq!(acts.questions(&principal()).unwrap().len(), 1, "{kind}");
        }
    }

    #[test]
    fn what_is_missing_idle_or_unknown_is_told() {
        let mut lacking = acts(&[Kind::UnlockBucketPolicy, Kind::UnlockQueuePolicy, Kind::AssumeRoot], &[]);
        lacking.arguments = BTreeMap::from([("colour".to_owned(), Given::Number(60))]);
        assert_eq!(
            violations(&lacking),
            [
                "arguments.colour: is not known (known here: accept_exposure, duration_seconds, mode, task_policy, \
                 validate_only)",
                "account: is required: 12 digits",
                "queue: is required: the operation acts on a queue",
            ]
        );
        let mut idle = acts(&[Kind::AuditRootCredentials], &BOTH[..1]);
        idle.bucket = Some("ledger".parse().unwrap());
        idle.queue = Some(QueueRef::from_arn("arn:aws:sqs:eu-west-1:444444444444:jobs").unwrap());
        assert_eq!(
            violations(&idle),
            [
                "bucket: must be left out: no operation here acts on a bucket",
                "queue: must be left out: no operation here acts on a queue",
            ]
        );
        idle.bucket = None;
        idle.kinds = vec![Kind::UnlockQueuePolicy];
        assert_eq!(violations(&idle), ["queue: must be of the account that is named"]);
        let mut argument = acts(&[Kind::AuditRootCredentials], &BOTH[..1]);
        argument.arguments = BTreeMap::from([("mode".to_owned(), Given::Text("DELETE_POLICY".to_owned()))]);
        assert_eq!(violations(&argument), ["arguments.mode: is not known: this operation has no arguments"]);
    }
}
