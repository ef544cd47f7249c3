//! A request with a `request_id` is carried out once, however often it is made.

mod answers;
mod replicas;
mod twins;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_root_simulator::Fault;
use rootgate::{
    clock::{Clock, SystemClock},
    journal::{CallerRecord, Event, Intent, Journal, RequestClaim},
    pb::{self, TaskPolicy},
    types::{Kind, OperationId},
};
use tonic::Code;

use crate::harness::{
    ANALYTICS, AUDITOR, Client, OPERATOR, PAYMENTS, Record, Refusal, STRANGER, Setup, World, answer, refused,
    unlock_bucket,
};

pub const ID: &str = "5f0c6b3a-6f0e-4f5e-9a55-0d6a3c1b2e7f";
pub const OTHER_ID: &str = "8c2e1d7a-3b4f-4c5d-8e6f-7a8b9c0d1e2f";
pub const LEDGER: &str = "payments-ledger";

/// The unlock of the ledger, which policy locks, under an id.
pub fn unlock(id: &str) -> pb::UnlockBucketPolicyRequest {
    pb::UnlockBucketPolicyRequest { request_id: id.to_owned(), ..unlock_bucket(PAYMENTS, LEDGER) }
}

pub async fn ask(
    client: &mut Client,
    request: pb::UnlockBucketPolicyRequest,
) -> Result<pb::UnlockBucketPolicyResponse, Refusal> {
    answer(client.root.unlock_bucket_policy(request).await)
}

fn events<'r>(records: &'r [Record], event: &str) -> Vec<&'r Record> {
    records.iter().filter(|record| record.event() == event).collect()
}

pub fn policy(world: &World) -> Option<String> {
    world.aws.edit(|aws| aws.bucket(LEDGER).unwrap().1.policy.clone())
}

#[tokio::test]
async fn a_repetition_after_a_restart_is_answered_the_same() {
    let mut world = World::start().await;
    let first = ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
    world.start_again().await;
    let acts = world.acts_on_aws();
    let again = ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(world.acts_on_aws(), acts);
    let records = world.records().await;
    let repeated = events(&records, "Repeated");
    assert_eq!((repeated.len(), events(&records, "Intent").len()), (1, 1));
    assert_eq!(repeated[0].text("operation_id"), first.receipt.unwrap().operation_id);
    assert_eq!((repeated[0].text("request_id"), repeated[0].text("caller/subject")), (ID, OPERATOR));
    assert_eq!(repeated[0].text("account_id"), PAYMENTS, "found where all about the account is");
}

#[tokio::test]
async fn another_request_under_the_same_id_is_refused_and_nothing_is_done() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let first = ask(&mut operator, unlock(ID)).await.unwrap();
    let acts = world.acts_on_aws().len();
    for other in [
        pb::UnlockBucketPolicyRequest { bucket: "payments-open".to_owned(), ..unlock(ID) },
        pb::UnlockBucketPolicyRequest { reason: "Another reason for the same".to_owned(), ..unlock(ID) },
        pb::UnlockBucketPolicyRequest { mode: pb::UnlockMode::RemoveLockingStatements.into(), ..unlock(ID) },
    ] {
        let refusal = refused(ask(&mut operator, other).await, Code::AlreadyExists, "REQUEST_ID_REUSED");
        assert_eq!(refusal.metadata("first_operation_id"), first.receipt.as_ref().unwrap().operation_id);
    }
    let recovery = pb::AllowPasswordRecoveryRequest {
        account_id: PAYMENTS.to_owned(),
        reason: unlock(ID).reason,
        request_id: ID.to_owned(),
        ..Default::default()
    };
    let refusal = answer(operator.root.allow_password_recovery(recovery).await);
    refused(refusal, Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!(world.acts_on_aws().len(), acts);
    assert_eq!(events(&world.records().await, "Refusal").len(), 4, "each is recorded");
}

#[tokio::test]
async fn ids_of_different_callers_have_nothing_to_do_with_each_other() {
    const SECOND: &str = "spiffe://example.org/ops/second";
    let policies = format!(
        "permit(principal == Rootgate::Caller::\"{OPERATOR}\", action, resource);\n\
         permit(principal == Rootgate::Caller::\"{SECOND}\", action, resource);"
    );
    let world = World::start_with(Setup { policies, ..Setup::default() }).await;
    let first = ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
    let second = ask(&mut world.as_caller(SECOND).await, unlock(ID)).await.unwrap();
    assert_ne!(first.receipt.unwrap().operation_id, second.receipt.unwrap().operation_id);
    assert!(!second.changed, "it was done, and there was nothing left to do");
    assert_eq!(events(&world.records().await, "Outcome").len(), 2);
}

#[tokio::test]
async fn who_may_not_act_does_not_learn_how_it_ended() {
    let world = World::start().await;
    ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
    for caller in [AUDITOR, STRANGER] {
        let refusal = ask(&mut world.as_caller(caller).await, unlock(ID)).await;
        refused(refusal, Code::PermissionDenied, "PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn what_was_refused_or_planned_uses_no_id_up() {
    let world = World::start_configured("aws", "protected_accounts = [\"444444444444\"]").await;
    let mut operator = world.as_caller(OPERATOR).await;
    let elsewhere = pb::UnlockBucketPolicyRequest { request_id: ID.to_owned(), ..unlock_bucket(ANALYTICS, LEDGER) };
    refused(ask(&mut operator, elsewhere).await, Code::PermissionDenied, "PROTECTED_ACCOUNT");
    let plan = pb::UnlockBucketPolicyRequest { validate_only: true, ..unlock(ID) };
    let planned = ask(&mut operator, plan.clone()).await.unwrap();
    let etag = planned.plan.unwrap().etag;
    let done = ask(&mut operator, pb::UnlockBucketPolicyRequest { etag, ..unlock(ID) }).await.unwrap();
    assert!(done.changed && policy(&world).is_none());
    assert!(ask(&mut operator, plan).await.unwrap().plan.is_some(), "a plan is computed anew");
}

#[tokio::test]
async fn credentials_are_handed_out_once_and_kept_nowhere() {
    let mut world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let request = || pb::AssumeRootRequest {
        request_id: ID.to_owned(),
        ..crate::harness::assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).into_inner()
    };
    let first = answer(operator.root.assume_root(request()).await).unwrap();
    let credentials = first.credentials.unwrap();
    let acts = world.acts_on_aws().len();
    for _ in 0..2 {
        let again = answer(operator.root.assume_root(request()).await);
        let refusal = refused(again, Code::FailedPrecondition, "ALREADY_ISSUED");
        assert_eq!(refusal.metadata("access_key_id"), credentials.access_key_id);
        assert_eq!(refusal.metadata("expiration"), credentials.expiration.unwrap().to_string());
        assert_eq!(refusal.metadata("operation_id"), first.receipt.as_ref().unwrap().operation_id);
        assert_eq!(refusal.metadata("account_id"), PAYMENTS);
    }
    assert_eq!(world.acts_on_aws().len(), acts, "no second session");
    world.stop().await;
    let files = ["db", "db-wal"].map(|end| std::fs::read(world.journal_path().with_extension(end)).unwrap_or_default());
    for secret in [&credentials.secret_access_key, &credentials.session_token] {
        let holds = |file: &Vec<u8>| file.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!files.iter().any(holds), "the journal holds a secret");
    }
}

#[tokio::test]
async fn what_aws_throttled_is_tried_again_under_the_same_id() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").throttle().times(20));
    refused(ask(&mut operator, unlock(ID)).await, Code::ResourceExhausted, "AWS_THROTTLED");
    world.aws.clear_faults();
    assert!(ask(&mut operator, unlock(ID)).await.unwrap().changed);
    let outcomes = world.records().await;
    assert_eq!(events(&outcomes, "Outcome").len(), 2);
}

#[tokio::test]
async fn a_request_that_a_gateway_died_in_is_not_tried_again() {
    let mut world = World::start().await;
    ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
    let records = world.records().await;
    let digest = events(&records, "Intent")[0].text("request/digest").to_owned();
    world.stop().await;
    leave_open_intent(&world, &records, RequestClaim { request_id: OTHER_ID.to_owned(), digest }).await;
    world.start_again().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let acts = world.acts_on_aws().len();
    for _ in 0..2 {
        let refusal = refused(ask(&mut operator, unlock(OTHER_ID)).await, Code::Unknown, "OUTCOME_UNKNOWN");
        let records = world.records().await;
        let interrupted = events(&records, "Interrupted")[0];
        assert_eq!(refusal.metadata("operation_id"), interrupted.text("operation_id"));
        assert_eq!(refusal.metadata("journal_index"), interrupted.index.to_string());
        let help = tonic_types::StatusExt::get_details_help(&refusal.status).unwrap();
        assert!(help.links[0].description.contains("new request_id"), "{help:?}");
    }
    assert_eq!(world.acts_on_aws().len(), acts);
}

/// What a gateway leaves that is killed between intent and outcome.
async fn leave_open_intent(world: &World, records: &[Record], claim: RequestClaim) {
    let opened = Journal::open(&world.journal_path(), Arc::new(SystemClock)).await.unwrap();
    let intent = events(records, "Intent")[0];
    let caller = CallerRecord {
        listener: intent.text("caller/listener").to_owned(),
        scheme: intent.text("caller/scheme").to_owned(),
        subject: intent.text("caller/subject").to_owned(),
        groups: BTreeSet::new(),
        attributes: BTreeMap::new(),
    };
    let intent = Intent {
        operation_id: OperationId::generate(),
        operation: Kind::UnlockBucketPolicy,
        caller,
        account_id: Some(PAYMENTS.parse().unwrap()),
        resource: Some(intent.text("resource").to_owned()),
        arguments: intent.body["arguments"].clone(),
        reason: intent.text("reason").to_owned(),
        ticket: None,
        policies: Vec::new(),
        request: Some(claim),
        exclusive: true,
    };
    opened.journal.append(Event::Intent(intent)).await.unwrap();
    opened.journal.close().await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_older_than_ids_are_kept_is_a_new_one() {
    let mut world = World::start().await;
    let first = ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
    world.stop().await;
    let opened = Journal::open(&world.journal_path(), Arc::new(SystemClock)).await.unwrap();
    assert_eq!(opened.journal.forget_requests(SystemClock.now()).await.unwrap(), 1);
    opened.journal.close().await.unwrap();
    world.start_again().await;
    let again = ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
    assert!(first.changed && !again.changed, "it acts again, and finds nothing to do");
    assert_eq!(events(&world.records().await, "RequestsForgotten").len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_tampered_with_is_never_handed_out() {
    let mut world = World::start().await;
    ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
    world.stop().await;
    for statement in ["UPDATE requests SET reply = CAST(reply || ' ' AS BLOB)", "UPDATE requests SET reply = NULL"] {
        edit(&world, statement).await;
        world.start_again().await;
        let acts = world.acts_on_aws().len();
        refused(ask(&mut world.as_caller(OPERATOR).await, unlock(ID)).await, Code::Internal, "INTERNAL");
        assert_eq!(world.acts_on_aws().len(), acts, "and nothing is done");
        let records = world.records().await;
        let refusal = events(&records, "Refusal").pop().unwrap();
        assert!(refusal.text("error/message").contains("reply"), "{refusal:?}");
        world.stop().await;
    }
}

async fn edit(world: &World, statement: &'static str) {
    use sqlx::{Connection as _, Executor as _};
    let url = format!("sqlite://{}", world.journal_path().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    assert_eq!(connection.execute(statement).await.unwrap().rows_affected(), 1);
    connection.close().await.unwrap();
}
