//! What AWS says, as a caller reads it: one reason each, the AWS code and request id, and the fix.

mod iam;
mod row;
mod s3;
mod session;
mod sqs;
mod sts;

use aws_root_simulator::Fault;
use rootgate::pb::TaskPolicy;
use tonic::Code;
use tonic_types::StatusExt;

use crate::harness::{ANALYTICS, AUDITOR, OPERATOR, PAYMENTS, Setup, World, refused};

/// An SCP that denies root everything.
const DENY_ROOT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",
    "Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}]}"#;
/// The same, mended as its denial says.
const EXEMPTED_ROOT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",
    "Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"},"Null":{"aws:AssumedRoot":"true"}}}]}"#;
/// An RCP that denies everybody everything.
const RESOURCE_DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;
/// The same, mended as its denial says.
const RESOURCE_EXEMPTED: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*",
    "Condition":{"Null":{"aws:AssumedRoot":"true"}}}]}"#;
/// The member account that an SCP denies root in.
const RESTRICTED: &str = "666666666666";

#[tokio::test]
async fn an_scp_that_denies_root_is_recognised_with_its_fix() {
    let world = World::start().await;
    let refusal = refused(world.as_caller(OPERATOR).await.audit(RESTRICTED).await, Code::PermissionDenied, "SCP_DENY");
    let help = refusal.status.get_details_help().unwrap();
    assert!(help.links[0].description.contains("aws:AssumedRoot"), "{help:?}");
}

#[tokio::test]
async fn a_gateway_without_permission_says_so() {
    let world = World::start_with(Setup { credentials_of: "readonly", ..Setup::default() }).await;
    let result = world.as_caller(OPERATOR).await.audit(PAYMENTS).await;
    let refusal = refused(result, Code::PermissionDenied, "AWS_ACCESS_DENIED");
    assert!(
        !refusal.status.message().contains("222222222222"),
        "AWS's words name the gateway's role; they stay private"
    );
    let outcome = world.records().await.pop().unwrap();
    assert!(outcome.text("error/message").contains("is not authorized to perform: sts:AssumeRoot"), "{outcome:?}");
}

#[tokio::test]
async fn throttling_is_retried_by_the_sdk_and_then_told_with_a_time() {
    let world = World::start().await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").throttle().times(1));
    world.as_caller(AUDITOR).await.audit(ANALYTICS).await.unwrap();

    let world = World::start_configured("aws", "attempts_max = 1").await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").throttle().times(1));
    let refusal =
        refused(world.as_caller(AUDITOR).await.audit(ANALYTICS).await, Code::ResourceExhausted, "AWS_THROTTLED");
    assert!(refusal.status.get_details_retry_info().unwrap().retry_delay.is_some());
}

#[tokio::test]
async fn a_removal_whose_reply_is_lost_ends_as_the_truth() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").lose_reply());
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    assert!(done.changed);
    assert!(!done.previous_policy.is_empty());
    assert_eq!(sent(&world, "s3:DeleteBucketPolicy"), 1, "a change is sent once");
}

#[tokio::test]
async fn a_queue_change_is_sent_once_too() {
    let world = World::start().await;
    world.aws.inject(Fault::on("sqs", "SetQueueAttributes").lose_reply());
    let arn = "arn:aws:sqs:eu-west-1:333333333333:payments-events";
    let done = world.as_caller(OPERATOR).await.unlock_queue(PAYMENTS, arn).await.unwrap();
    assert!(done.changed);
    assert_eq!(sent(&world, "sqs:SetQueueAttributes"), 1);
}

#[tokio::test]
async fn a_throttled_change_is_sent_again_because_it_was_surely_not_done() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").throttle().times(1));
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    assert!(done.changed);
    assert_eq!(sent(&world, "s3:DeleteBucketPolicy"), 2);
}

#[tokio::test]
async fn a_lost_answer_to_assume_root_is_not_called_failed() {
    let world = World::start().await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").lose_reply());
    let result = world.as_caller(OPERATOR).await.assume_root(PAYMENTS, TaskPolicy::SqsUnlockQueuePolicy).await;
    refused(result, Code::Unknown, "OUTCOME_UNKNOWN");
    assert_eq!(sent(&world, "sts:AssumeRoot"), 1);
    assert_eq!(world.records().await.pop().unwrap().text("result"), "Unknown");
}

/// How often a call reached AWS.
fn sent(world: &World, name: &str) -> usize {
    world.acts_on_aws().iter().filter(|sent| *sent == name).count()
}

#[tokio::test]
async fn an_outcome_that_no_read_can_tell_is_unknown_and_recorded_so() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").lose_reply());
    // The second read, after the removal, fails too.
    world.aws.inject(Fault::on("s3", "GetBucketPolicy").status(503).after(1).times(20));
    let result = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await;
    let refusal = refused(result, Code::Unknown, "OUTCOME_UNKNOWN");
    assert!(!refusal.metadata("journal_index").is_empty());
    let outcome = world.records().await.pop().unwrap();
    assert_eq!((outcome.event(), outcome.text("result")), ("Outcome", "Unknown"));
}

#[tokio::test]
async fn a_dropped_connection_before_the_act_is_not_taken_for_done() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").drop_connection());
    let result = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await;
    refused(result, Code::Unknown, "OUTCOME_UNKNOWN");
    assert!(world.aws.edit(|aws| aws.bucket("payments-ledger").unwrap().1.policy.is_some()));
}

#[tokio::test]
async fn a_policy_that_may_not_be_read_does_not_stop_its_deletion() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "GetBucketPolicy").error(403, "AccessDenied", "Access Denied").times(1));
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    assert!(done.changed);
    assert_eq!((done.previous_policy.as_str(), done.previous_policy_unreadable.as_str()), ("", "AccessDenied"));
}
