//! What is told of an act is what a second look showed: late changes, lost answers, sessions that end half-way.

use aws_root_simulator::Fault;
use rootgate::pb::{self, PolicyResult, UnlockMode, Verification};
use tonic::Code;

use crate::harness::{OPERATOR, PAYMENTS, World, answer, refused, unlock_bucket, unlock_queue};

const BUCKET: &str = "payments-ledger";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:333333333333:payments-events";
const KEPT: &str = r#"{"Sid":"Read","Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::payments-ledger/*"}"#;
const LOCK: &str =
    r#"{"Sid":"Locked","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-ledger"}"#;

fn policy(statements: &[&str]) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(", "))
}

fn surgical() -> pb::UnlockBucketPolicyRequest {
    let mode = UnlockMode::RemoveLockingStatements.into();
    pb::UnlockBucketPolicyRequest { mode, ..unlock_bucket(PAYMENTS, BUCKET) }
}

fn sent(world: &World, name: &str) -> usize {
    world.acts_on_aws().iter().filter(|call| *call == name).count()
}

#[tokio::test]
async fn a_queue_that_still_shows_its_old_policy_is_pending_and_not_verified() {
    let world = World::start().await;
    world.aws.inject(Fault::on("sqs", "SetQueueAttributes").slow_to_show(1));
    let done = world.as_caller(OPERATOR).await.unlock_queue(PAYMENTS, QUEUE).await.unwrap();
    assert_eq!((done.changed, done.verification()), (true, Verification::PendingPropagation));
    let again = world.as_caller(OPERATOR).await.unlock_queue(PAYMENTS, QUEUE).await.unwrap();
    assert_eq!((again.changed, again.result()), (false, PolicyResult::NothingToDo));
}

#[tokio::test]
async fn white_space_that_aws_takes_out_does_not_make_a_policy_another() {
    let world = World::start().await;
    world.aws.edit(|aws| {
        aws.settings.compact_policies = true;
        aws.bucket_mut(BUCKET).unwrap().policy = Some(policy(&[LOCK, KEPT]));
    });
    let done = answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(surgical()).await).unwrap();
    assert_eq!((done.result(), done.verification()), (PolicyResult::StatementsRemoved, Verification::Verified));
}

#[tokio::test]
async fn an_installed_policy_whose_answer_is_lost_ends_as_the_truth() {
    let world = World::start().await;
    world.aws.edit(|aws| aws.bucket_mut(BUCKET).unwrap().policy = Some(policy(&[LOCK, KEPT])));
    world.aws.inject(Fault::on("s3", "PutBucketPolicy").lose_reply());
    let mut operator = world.as_caller(OPERATOR).await;
    let done = answer(operator.root.unlock_bucket_policy(surgical()).await).unwrap();
    assert_eq!((done.changed, done.verification()), (true, Verification::Verified));
    assert_eq!(sent(&world, "s3:PutBucketPolicy"), 1, "a change is sent once");
}

#[tokio::test]
async fn a_lost_answer_that_no_read_can_settle_is_unknown_and_its_undo_is_kept() {
    let world = World::start().await;
    world.aws.inject(Fault::on("sqs", "SetQueueAttributes").lose_reply().slow_to_show(100));
    let request = unlock_queue(PAYMENTS, QUEUE);
    let result = answer(world.as_caller(OPERATOR).await.root.unlock_queue_policy(request).await);
    let refusal = refused(result, Code::Unknown, "OUTCOME_UNKNOWN");
    let records = world.records().await;
    let outcome = records.last().unwrap();
    assert_eq!((outcome.event(), outcome.text("result")), ("Outcome", "Unknown"));
    assert!(outcome.body["changed"].is_null(), "nobody knows");
    assert_eq!(outcome.index.to_string(), refusal.metadata("journal_index"));
    assert!(records.iter().any(|record| record.event() == "Backup"));
}

#[tokio::test]
async fn a_session_that_ends_half_way_is_renewed_once_and_the_act_goes_on() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").expire_session());
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
    assert_eq!((done.changed, done.verification()), (true, Verification::Verified));
    assert_eq!((sent(&world, "sts:AssumeRoot"), sent(&world, "s3:DeleteBucketPolicy")), (2, 2));
    let receipt = done.receipt.unwrap();
    assert_eq!(receipt.expired_access_key_ids.len(), 1);
    assert_ne!(receipt.expired_access_key_ids[0], receipt.access_key_id);
    let outcome = world.records().await.pop().unwrap();
    assert_eq!(outcome.body["detail"]["expired_access_key_ids"][0], receipt.expired_access_key_ids[0].as_str());
    assert_eq!(outcome.text("access_key_id"), receipt.access_key_id);
}

#[tokio::test]
async fn a_session_that_ends_twice_ends_the_act_which_changed_nothing() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").expire_session().times(2));
    let result = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, BUCKET).await;
    refused(result, Code::Aborted, "SESSION_EXPIRED");
    assert!(world.aws.edit(|aws| aws.bucket(BUCKET).unwrap().1.policy.is_some()));
    assert_eq!(sent(&world, "sts:AssumeRoot"), 2);
}
