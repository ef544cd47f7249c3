//! A table's row: how a refusal is brought about, and what its caller must read.

use aws_root_simulator::{Call, Fault, Simulator};
use prost::Message;
use rootgate::pb::{self, CredentialKind, TaskPolicy, UnlockMode};
use tonic::Code;
use tonic_types::StatusExt;

use crate::harness::{
    ANALYTICS, Client, OPERATOR, PAYMENTS, Refusal, World, answer, unlock_bucket as bucket_request,
    unlock_queue as queue_request,
};

pub(super) const BUCKET: &str = "payments-ledger";
pub(super) const QUEUE: &str = "arn:aws:sqs:eu-west-1:333333333333:payments-events";
/// Locks nobody out, and grants nothing.
const HARMLESS: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// What the caller asks for; of the account with something in every drawer, where nothing else is said.
#[derive(Clone, Copy)]
pub(super) enum Ask {
    Audit,
    UnlockBucket,
    UnlockBucketIn(&'static str),
    ReplaceBucketPolicy,
    UnlockQueue,
    ReplaceQueuePolicy,
    Delete(CredentialKind),
    /// Of the account without a login profile.
    AllowRecovery,
    AssumeRoot(TaskPolicy),
}

impl Ask {
    const fn account(self) -> &'static str {
        match self {
            Self::AllowRecovery => ANALYTICS,
            _ => PAYMENTS,
        }
    }

    async fn of(self, caller: &mut Client) -> Result<(), Refusal> {
        let account = self.account();
        let bucket = bucket_request(account, BUCKET);
        let queue = queue_request(account, QUEUE);
        let (replacement_policy, mode) = (HARMLESS.to_owned(), UnlockMode::ReplacePolicy.into());
        match self {
            Self::Audit => caller.audit(account).await.map(drop),
            Self::UnlockBucket => caller.unlock_bucket(account, BUCKET).await.map(drop),
            Self::UnlockBucketIn(region) => {
                let request = pb::UnlockBucketPolicyRequest { region: region.to_owned(), ..bucket };
                answer(caller.root.unlock_bucket_policy(request).await).map(drop)
            }
            Self::ReplaceBucketPolicy => {
                let request = pb::UnlockBucketPolicyRequest { replacement_policy, mode, ..bucket };
                answer(caller.root.unlock_bucket_policy(request).await).map(drop)
            }
            Self::UnlockQueue => caller.unlock_queue(account, QUEUE).await.map(drop),
            Self::ReplaceQueuePolicy => {
                let request = pb::UnlockQueuePolicyRequest { replacement_policy, mode, ..queue };
                answer(caller.root.unlock_queue_policy(request).await).map(drop)
            }
            Self::Delete(kind) => caller.delete(account, &[kind]).await.map(drop),
            Self::AllowRecovery => caller.allow_recovery(account).await.map(drop),
            Self::AssumeRoot(task) => caller.assume_root(account, task).await.map(drop),
        }
    }
}

/// How it is brought about.
enum How {
    Faults(Vec<Fault>),
    State(Box<dyn Fn(&Simulator) + Send + Sync>),
}

pub(super) struct Row {
    name: &'static str,
    ask: Ask,
    how: How,
    /// The AWS call that failed.
    call: &'static str,
    /// HTTP status; 0 if no answer came.
    status: u16,
    /// As SDKs report it; empty if the answer had none, or none came.
    aws_code: &'static str,
    code: Code,
    reason: &'static str,
    /// What the fix says; empty if there is none.
    help: &'static str,
    bucket_region: &'static str,
    /// Whether the gateway waits for two seconds only.
    impatient: bool,
}

impl Row {
    pub(super) fn fault(name: &'static str, ask: Ask, fault: Fault) -> Self {
        Self::faults(name, ask, vec![fault])
    }

    pub(super) fn faults(name: &'static str, ask: Ask, faults: Vec<Fault>) -> Self {
        Self::new(name, ask, How::Faults(faults))
    }

    pub(super) fn state(name: &'static str, ask: Ask, prepare: impl Fn(&Simulator) + Send + Sync + 'static) -> Self {
        Self::new(name, ask, How::State(Box::new(prepare)))
    }

    fn new(name: &'static str, ask: Ask, how: How) -> Self {
        let (call, aws_code, reason, help, bucket_region) = ("", "", "", "", "");
        Self {
            name,
            ask,
            how,
            call,
            status: 0,
            aws_code,
            code: Code::Ok,
            reason,
            help,
            bucket_region,
            impatient: false,
        }
    }

    /// What AWS says, to which call.
    pub(super) fn said(self, call: &'static str, status: u16, aws_code: &'static str) -> Self {
        Self { call, status, aws_code, ..self }
    }

    /// That no answer comes, to which call.
    pub(super) fn unanswered(self, call: &'static str) -> Self {
        Self { call, ..self }
    }

    /// What the caller is told.
    pub(super) fn told(self, code: Code, reason: &'static str) -> Self {
        Self { code, reason, ..self }
    }

    pub(super) fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// With a gateway that waits for two seconds only.
    pub(super) fn impatient(self) -> Self {
        Self { impatient: true, ..self }
    }

    pub(super) fn region(self, bucket_region: &'static str) -> Self {
        Self { bucket_region, ..self }
    }
}

/// A world waits more than it works, so a few rows can share the time.
const AT_ONCE: usize = 4;

/// Brings each row about, in a world of its own, over the wire. Says of all rows that fail, not of the first only.
pub(super) async fn hold(rows: Vec<Row>) {
    let mut failed = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let begun = rows.by_ref().take(AT_ONCE).map(|row| (row.to_string(), tokio::spawn(Box::pin(hold_one(row)))));
        for (name, held) in begun.collect::<Vec<_>>() {
            failed.extend(held.await.is_err().then_some(name));
        }
    }
    assert!(failed.is_empty(), "rows that do not hold: {failed:#?}");
}

async fn hold_one(row: Row) {
    let patience = if row.impatient { "connect_timeout = \"2s\"\nattempt_timeout = \"2s\"" } else { "" };
    let world = World::start_configured("aws", &format!("attempts_max = 1\n{patience}")).await;
    match &row.how {
        How::Faults(faults) => faults.iter().for_each(|fault| world.aws.inject(fault.clone())),
        How::State(prepare) => prepare(&world.aws),
    }
    let refusal = row.ask.of(&mut world.as_caller(OPERATOR).await).await.expect_err(row.name);
    let about = format!("{}: {} {} {:?}", row.name, refusal.code, refusal.reason, refusal.status);
    assert_eq!((refusal.code, refusal.reason.as_str()), (row.code, row.reason), "{about}");
    let failed = failed_call(&world, &row).unwrap_or_else(|| panic!("{about}\nwas told of another call"));
    check_aws_facts(&row, &refusal, &failed, &about);
    check_details(&row, &refusal, &about);
    check_journal(&world, &row, &failed, &about).await;
    assert!(row.code != Code::Unavailable || !changed(&world), "{about}\nis retryable after a change");
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.name, self.call, self.aws_code)
    }
}

/// The call of the row, as AWS saw it: the last of that name, for only throttling is tried again.
fn failed_call(world: &World, row: &Row) -> Option<Call> {
    let calls = world.aws.calls();
    let hit = calls.iter().filter(|call| call.fault.is_some()).count();
    if let How::Faults(faults) = &row.how {
        assert!(hit >= faults.len(), "{}: a fault was not hit", row.name);
    }
    calls.into_iter().rfind(|call| call.name() == row.call && failed(call))
}

fn failed(call: &Call) -> bool {
    call.status >= 300 || call.status == 0 || !call.delivered || call.fault.is_some()
}

/// Whether a call changed something.
fn changed(world: &World) -> bool {
    world.aws.calls().iter().any(|call| call.mutating && call.service != "sts" && (200..300).contains(&call.status))
}

fn check_aws_facts(row: &Row, refusal: &Refusal, failed: &Call, about: &str) {
    let call = format!("{}:{}", refusal.metadata("aws_service"), refusal.metadata("aws_operation"));
    assert_eq!(call, row.call, "{about}");
    assert_eq!(refusal.metadata("account_id"), row.ask.account(), "{about}");
    assert_eq!(refusal.metadata("aws_error_code"), row.aws_code, "{about}");
    assert_eq!(refusal.metadata("bucket_region"), row.bucket_region, "{about}");
    let (status, request_id) = (refusal.metadata("aws_http_status"), refusal.metadata("aws_request_id"));
    if row.status == 0 {
        assert_eq!((status.as_str(), request_id.as_str()), ("", ""), "{about}");
    } else {
        assert_eq!(status, row.status.to_string(), "{about}");
        assert_eq!(request_id, failed.request_id, "the id of the very call, {about}");
    }
}

fn check_details(row: &Row, refusal: &Refusal, about: &str) {
    let wire = tonic_types::pb::Status::decode(refusal.status.details()).expect("details decode");
    let of_type = |name: &str| wire.details.iter().filter(|any| any.type_url.ends_with(name)).count();
    assert_eq!(of_type("google.rpc.ErrorInfo"), 1, "{about}");
    assert_eq!(refusal.status.get_details_error_info().unwrap().domain, "rootgate", "{about}");
    assert_eq!(of_type("google.rpc.RetryInfo"), usize::from(row.reason == "AWS_THROTTLED"), "{about}");
    let precondition = usize::from(row.code == Code::FailedPrecondition);
    assert_eq!(of_type("google.rpc.PreconditionFailure"), precondition, "{about}");
    let links = refusal.status.get_details_help().map(|help| help.links).unwrap_or_default();
    assert_eq!(links.is_empty(), row.help.is_empty(), "{about}");
    for link in &links {
        assert!(link.description.contains(row.help), "{link:?}, {about}");
        assert!(link.url.starts_with("https://docs.aws.amazon.com/"), "{link:?}, {about}");
    }
    assert!(!refusal.status.message().contains("222222222222"), "AWS's words can name the gateway's role; {about}");
}

/// What the caller is told is in the journal too.
async fn check_journal(world: &World, row: &Row, failed: &Call, about: &str) {
    let last = world.records().await.pop().expect("records");
    assert!(["Outcome", "Refusal"].contains(&last.event()), "{about}");
    assert_eq!(last.text("error/reason"), row.reason, "{about}\n{last:?}");
    if row.status != 0 && last.event() == "Outcome" {
        assert!(last.body.to_string().contains(&failed.request_id), "{about}\n{last:?}");
    }
}
