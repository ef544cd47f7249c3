//! An outage of the journal, from before it until after it.

use std::{collections::BTreeSet, time::Duration};

use aws_root_simulator::{Fault, Simulator};
use rootgate::{
    journal::{self, Expectation},
    pb::{self, journal_service_client::JournalServiceClient},
    store::Location,
};
use tokio::task::JoinHandle;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    harness::{ANALYTICS, Client, PAYMENTS, REASON, Record, Refusal, answer, refused},
    limits::until,
};

/// What is served while acts can be recorded, by the names that load balancers ask for.
const SERVICES: [&str; 4] =
    ["", "rootgate.v1.RootAccessService", "rootgate.v1.PolicyService", "rootgate.v1.JournalService"];
/// How long AWS takes to answer the act that is under way: the outage has begun by then.
const ANSWER_TAKES: Duration = Duration::from_secs(4);
/// Longer than a stall and a probe take; nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// An act is under way when the journal goes away.
pub struct Outage<'a> {
    aws: &'a Simulator,
    operator: Client,
    stranger: Client,
    under_way: JoinHandle<Result<pb::UnlockBucketPolicyResponse, Refusal>>,
    receipts: Receipts,
}

/// What was acknowledged.
#[derive(Default)]
pub struct Receipts(Vec<pb::Receipt>);

impl<'a> Outage<'a> {
    /// All is well: one act is done, and another changes something right now.
    pub async fn begin(aws: &'a Simulator, mut operator: Client, stranger: Client) -> Self {
        let mut receipts = Receipts::default();
        receipts.keep(operator.audit(PAYMENTS).await.unwrap().receipt);
        assert_eq!(health(&operator).await, [ServingStatus::Serving; SERVICES.len()]);
        aws.inject(Fault::on("s3", "DeleteBucketPolicy").reply_latency(ANSWER_TAKES));
        let mut caller = operator.clone();
        let under_way = tokio::spawn(async move { caller.unlock_bucket(PAYMENTS, "payments-ledger").await });
        until(|| aws.edit(|aws| aws.bucket("payments-ledger").unwrap().1.policy.is_none())).await;
        Self { aws, operator, stranger, under_way, receipts }
    }

    /// Acts as long as there is room for records.
    pub async fn uses_up_what_is_left(&mut self) {
        for _ in 0..200 {
            match self.operator.audit(PAYMENTS).await {
                Ok(done) => self.receipts.keep(done.receipt),
                refusal => {
                    refused(refusal, Code::Unavailable, "JOURNAL_UNAVAILABLE");
                    return;
                }
            }
        }
        panic!("the journal never runs out of room");
    }

    /// The journal is away: nothing is done for anybody, health says so, and the act under way does not end unrecorded.
    pub async fn shows(&mut self) {
        let sessions = self.sessions_opened();
        let mut operator = [(); 5].map(|()| self.operator.clone());
        let [unlocks, deletes, opens, audits, reads] = &mut operator;
        let mut reads = JournalServiceClient::new(reads.channel.clone());
        let page = pb::ListRecordsRequest { reason: REASON.to_owned(), ..Default::default() };
        // All at once, since each may have to wait for the journal.
        let (unlocked, deleted, opened, audited, read, probed) = tokio::join!(
            unlocks.unlock_bucket(PAYMENTS, "payments-open"),
            deletes.delete(PAYMENTS, &[pb::CredentialKind::All]),
            opens.assume_root(PAYMENTS, pb::TaskPolicy::S3UnlockBucketPolicy),
            audits.audit(ANALYTICS),
            reads.list_records(page),
            self.stranger.unlock_bucket(PAYMENTS, "payments-open"),
        );
        unavailable(unlocked);
        unavailable(deleted);
        unavailable(opened);
        unavailable(audited);
        unavailable(answer(read));
        // Nobody may probe unseen: not even a refusal is told that is not recorded.
        unavailable(probed);
        assert_eq!(self.sessions_opened(), sessions, "no durable intent, no root session");
        self.until_health(ServingStatus::NotServing).await;

        let answered =
            || self.aws.calls().iter().any(|call| call.action == "DeleteBucketPolicy" && call.ended.is_some());
        until(answered).await;
        unavailable(self.operator.audit(PAYMENTS).await);
        assert!(!self.under_way.is_finished(), "no act without outcome");
    }

    /// The journal is back: what was under way ends, recorded, and all is well.
    pub async fn ends(mut self) -> Receipts {
        let done = tokio::time::timeout(PATIENCE, self.under_way).await.expect("the outcome lands").unwrap().unwrap();
        assert!(done.changed);
        self.receipts.keep(done.receipt);
        let operator = self.operator.clone();
        until_health(&operator, ServingStatus::Serving).await;
        self.receipts.keep(self.operator.audit(PAYMENTS).await.unwrap().receipt);
        self.receipts
    }

    async fn until_health(&self, wanted: ServingStatus) {
        until_health(&self.operator, wanted).await;
    }

    fn sessions_opened(&self) -> usize {
        self.aws.calls().iter().filter(|call| call.action == "AssumeRoot").count()
    }
}

fn unavailable<T: std::fmt::Debug>(result: Result<T, Refusal>) {
    let refusal = refused(result, Code::Unavailable, "JOURNAL_UNAVAILABLE");
    assert_eq!(refusal.metadata("journal_index"), "", "nothing claims to be recorded");
}

/// What load balancers read.
async fn health(client: &Client) -> [ServingStatus; SERVICES.len()] {
    let mut health = HealthClient::new(client.channel.clone());
    let mut all = [ServingStatus::Unknown; SERVICES.len()];
    for (status, service) in all.iter_mut().zip(SERVICES) {
        let check = HealthCheckRequest { service: service.to_owned() };
        *status = health.check(check).await.unwrap().into_inner().status();
    }
    all
}

/// Health follows the journal in a task of its own.
async fn until_health(client: &Client, wanted: ServingStatus) {
    let follows = async {
        while health(client).await != [wanted; SERVICES.len()] {
            tokio::task::yield_now().await;
        }
    };
    let followed = tokio::time::timeout(PATIENCE, follows).await;
    assert!(followed.is_ok(), "health does not become {wanted:?}");
}

impl Receipts {
    fn keep(&mut self, receipt: Option<pb::Receipt>) {
        self.0.push(receipt.expect("who is answered gets a receipt"));
    }

    /// Each act that was acknowledged is recorded as done, and there is no other.
    pub async fn are_all_in(&self, journal: impl Into<Location>) {
        assert_eq!(self.not_confirmed(&journal.into()).await, 0, "what was refused is not in it");
    }

    /// The same where a write took too long: it may have gone through after its caller was refused. Such an intent was
    /// closed as not confirmed, and nothing was done.
    pub async fn are_all_in_after_a_stall(&self, journal: impl Into<Location>) {
        self.not_confirmed(&journal.into()).await;
    }

    /// Checks all of it, and counts the intents that were not confirmed.
    async fn not_confirmed(&self, journal: &Location) -> usize {
        let told = |receipt: &pb::Receipt| format!("{}:{}", receipt.journal_index, receipt.record_hash);
        let told: Vec<Expectation> = self.0.iter().map(|receipt| told(receipt).parse().unwrap()).collect();
        let verified = journal::verify(journal, &told).await.unwrap_or_else(|error| panic!("it verifies: {error}"));
        assert!(verified.open_intents.is_empty() && verified.interrupted == 0, "{verified:?}");
        let records = crate::harness::records(journal).await;
        let operations = |of: &dyn Fn(&Record) -> bool| -> BTreeSet<String> {
            records.iter().filter(|record| of(record)).map(|record| record.text("operation_id").to_owned()).collect()
        };
        let not_confirmed = operations(&|record| record.text("error/reason") == "INTENT_NOT_CONFIRMED");
        let acknowledged: BTreeSet<String> = self.0.iter().map(|receipt| receipt.operation_id.clone()).collect();
        for event in ["Intent", "Outcome"] {
            let recorded = &operations(&|record| record.event() == event) - &not_confirmed;
            assert_eq!(recorded, acknowledged, "{event}");
        }
        not_confirmed.len()
    }
}
