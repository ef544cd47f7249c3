use rootgate::pb::{self, Verification};
use tonic::Code;

use crate::harness::{ANALYTICS, OPERATOR, PAYMENTS, STRANGER, World, answer, refused, unlock_queue};

const LOCKED: &str = "arn:aws:sqs:eu-west-1:333333333333:payments-events";

fn policy(world: &World) -> Option<String> {
    world.aws.edit(|aws| aws.queue(PAYMENTS, "eu-west-1", "payments-events").unwrap().policy.clone())
}

#[tokio::test]
async fn a_locked_queue_is_unlocked_and_its_old_policy_handed_back() {
    let world = World::start().await;
    let before = policy(&world).unwrap();
    let done = world.as_caller(OPERATOR).await.unlock_queue(PAYMENTS, LOCKED).await.unwrap();
    assert!(done.changed);
    assert_eq!(done.previous_policy, before);
    assert_eq!(done.verification(), Verification::Verified);
    assert!(done.queue_url.ends_with("/333333333333/payments-events"), "{}", done.queue_url);
    assert_eq!(policy(&world), None);
    let calls = [
        "sts:AssumeRoot",
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
        "sqs:SetQueueAttributes",
        "sqs:GetQueueAttributes",
    ];
    assert_eq!(world.acts_on_aws(), calls);
}

#[tokio::test]
async fn a_queue_can_be_named_by_url_or_by_name_and_region() {
    let url = "https://sqs.eu-west-1.amazonaws.com/333333333333/payments-events".to_owned();
    let by_url =
        pb::UnlockQueuePolicyRequest { queue_arn: String::new(), queue_url: url, ..unlock_queue(PAYMENTS, "") };
    let by_name = pb::UnlockQueuePolicyRequest {
        queue_name: "payments-events".to_owned(),
        region: "eu-west-1".to_owned(),
        ..unlock_queue(PAYMENTS, "")
    };
    for request in [by_url, by_name] {
        let world = World::start().await;
        let done = answer(world.as_caller(OPERATOR).await.root.unlock_queue_policy(request).await).unwrap();
        assert!(done.changed);
        assert_eq!(policy(&world), None);
    }
}

#[tokio::test]
async fn a_queue_without_policy_is_nothing_to_do() {
    let world = World::start().await;
    let arn = "arn:aws:sqs:eu-west-1:333333333333:payments-audit";
    let done = world.as_caller(OPERATOR).await.unlock_queue(PAYMENTS, arn).await.unwrap();
    assert!(!done.changed);
    assert!(!world.acts_on_aws().contains(&"sqs:SetQueueAttributes".to_owned()));
}

#[tokio::test]
async fn a_queue_of_another_account_is_refused_before_aws_is_asked() {
    let world = World::start().await;
    let result = world.as_caller(OPERATOR).await.unlock_queue(ANALYTICS, LOCKED).await;
    assert_eq!(refused(result, Code::InvalidArgument, "INVALID_REQUEST").fields(), ["queue_arn"]);
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn an_unknown_queue_is_not_found() {
    let world = World::start().await;
    let arn = "arn:aws:sqs:eu-west-1:333333333333:nobody-made-this";
    let result = world.as_caller(OPERATOR).await.unlock_queue(PAYMENTS, arn).await;
    refused(result, Code::NotFound, "QUEUE_NOT_FOUND");
}

#[tokio::test]
async fn a_region_off_the_allow_list_is_refused_before_aws_is_asked() {
    let world = World::start().await;
    let arn = "arn:aws:sqs:ap-south-1:333333333333:payments-events";
    let result = world.as_caller(OPERATOR).await.unlock_queue(PAYMENTS, arn).await;
    refused(result, Code::FailedPrecondition, "REGION_NOT_ALLOWED");
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let world = World::start().await;
    let result = world.as_caller(STRANGER).await.unlock_queue(PAYMENTS, LOCKED).await;
    refused(result, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(policy(&world).is_some());
}
