//! `validate_only` and `etag`: what would be done, and nothing done; what is done only on the state that was seen.

use aws_root_simulator::Fault;
use rootgate::pb::{self, CredentialKind, PolicyResult, TaskPolicy};
use tonic::Code;

use crate::harness::{ANALYTICS, OPERATOR, PAYMENTS, REASON, World, answer, refused, unlock_bucket, unlock_queue};

const BUCKET: &str = "payments-ledger";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:333333333333:payments-events";

fn deletion(account: &str) -> pb::DeleteRootCredentialsRequest {
    pb::DeleteRootCredentialsRequest {
        account_id: account.to_owned(),
        reason: REASON.to_owned(),
        credential_kinds: vec![CredentialKind::All.into()],
        ..Default::default()
    }
}

fn recovery(account: &str) -> pb::AllowPasswordRecoveryRequest {
    pb::AllowPasswordRecoveryRequest {
        account_id: account.to_owned(),
        reason: REASON.to_owned(),
        ticket: "SEC-7".to_owned(),
        ..Default::default()
    }
}

fn mutating(world: &World) -> Vec<String> {
    world.aws.calls().iter().filter(|call| call.mutating).map(aws_root_simulator::Call::name).collect()
}

/// The planned calls, by name.
fn planned(plan: &pb::Plan) -> Vec<String> {
    plan.calls.iter().map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

/// The calls that were made, by name.
fn made(receipt: Option<pb::Receipt>) -> Vec<String> {
    receipt.unwrap().aws_calls.iter().map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

#[tokio::test]
async fn the_plan_of_an_unlock_is_what_the_act_then_does() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let bucket = unlock_bucket(PAYMENTS, BUCKET);
    let before = world.aws.edit(|aws| aws.bucket(BUCKET).unwrap().1.policy.clone()).unwrap();
    let look = pb::UnlockBucketPolicyRequest { validate_only: true, ..bucket.clone() };
    let looked = answer(operator.root.unlock_bucket_policy(look).await).unwrap();
    assert_eq!(mutating(&world), Vec::<String>::new());
    assert_eq!((looked.changed, looked.result()), (false, PolicyResult::PolicyDeleted));
    let plan = looked.plan.unwrap();
    assert!(plan.would_change);
    assert_eq!((plan.policy_before.as_str(), plan.policy_after.as_str()), (before.as_str(), ""));
    assert!(plan.policy_diff.contains("-      \"Sid\": \"Locked\""), "{}", plan.policy_diff);
    let act = pb::UnlockBucketPolicyRequest { etag: plan.etag.clone(), ..bucket };
    let done = answer(operator.root.unlock_bucket_policy(act).await).unwrap();
    assert_eq!(made(done.receipt), planned(&plan));

    let queue = unlock_queue(PAYMENTS, QUEUE);
    let look = pb::UnlockQueuePolicyRequest { validate_only: true, ..queue.clone() };
    let plan = answer(operator.root.unlock_queue_policy(look).await).unwrap().plan.unwrap();
    let act = pb::UnlockQueuePolicyRequest { etag: plan.etag.clone(), ..queue };
    let done = answer(operator.root.unlock_queue_policy(act).await).unwrap();
    assert_eq!(made(done.receipt), planned(&plan));
}

#[tokio::test]
async fn a_planned_call_names_its_resource_and_its_parameters_and_no_secret() {
    let world = World::start().await;
    let look = pb::UnlockBucketPolicyRequest { validate_only: true, ..unlock_bucket(PAYMENTS, BUCKET) };
    let plan = answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(look).await).unwrap().plan.unwrap();
    let assume = &plan.calls[0];
    assert_eq!(assume.resource, format!("arn:aws:iam::{PAYMENTS}:root"));
    assert_eq!(assume.parameters["TaskPolicyArn"], "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy");
    let delete = plan.calls.iter().find(|call| call.operation == "DeleteBucketPolicy").unwrap();
    assert_eq!(delete.resource, "arn:aws:s3:::payments-ledger");
    assert_eq!(delete.parameters["ExpectedBucketOwner"], PAYMENTS);
}

#[tokio::test]
async fn the_plan_of_a_deletion_lists_every_credential_with_age_and_last_use_and_holds_no_power_to_delete() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let look = pb::DeleteRootCredentialsRequest { validate_only: true, ..deletion(PAYMENTS) };
    let looked = answer(operator.root.delete_root_credentials(look).await).unwrap();
    assert!(looked.items.is_empty() && !looked.changed);
    assert_eq!(mutating(&world), Vec::<String>::new());
    let assumed = world.aws.calls().into_iter().find(|call| call.action == "AssumeRoot").unwrap();
    assert_eq!(assumed.error_code, None);
    let plan = looked.plan.unwrap();
    let found = plan.credentials.as_ref().unwrap();
    assert_eq!((found.access_keys.len(), found.signing_certificates.len(), found.mfa_devices.len()), (2, 1, 1));
    assert!(found.login_profile.as_ref().unwrap().age.unwrap().seconds > 86_400);
    let used = found.access_keys.iter().find(|key| key.last_used_at.is_some()).unwrap();
    assert_eq!((used.last_used_service.as_str(), used.last_used_region.as_str()), ("s3", "eu-west-1"));
    assert!(used.age.unwrap().seconds > 86_400);

    let act = pb::DeleteRootCredentialsRequest { etag: plan.etag.clone(), ..deletion(PAYMENTS) };
    let done = answer(operator.root.delete_root_credentials(act).await).unwrap();
    let (mut planned, mut made) = (planned(&plan), made(done.receipt));
    planned.sort();
    made.sort();
    assert_eq!(made, planned);
}

#[tokio::test]
async fn the_plans_of_recovery_and_of_credentials_change_nothing_either() {
    let world = World::start().await;
    let mut officer = world.as_caller(OPERATOR).await;
    let look = pb::AllowPasswordRecoveryRequest { validate_only: true, ..recovery(ANALYTICS) };
    let looked = answer(officer.root.allow_password_recovery(look).await).unwrap();
    let plan = looked.plan.unwrap();
    assert!(plan.would_change && !looked.changed);
    assert_eq!(mutating(&world), Vec::<String>::new());
    let act = pb::AllowPasswordRecoveryRequest { etag: plan.etag.clone(), ..recovery(ANALYTICS) };
    let done = answer(officer.root.allow_password_recovery(act).await).unwrap();
    assert!(done.changed);
    assert_eq!(made(done.receipt), planned(&plan));

    let world = World::start().await;
    let request = pb::AssumeRootRequest {
        account_id: PAYMENTS.to_owned(),
        reason: REASON.to_owned(),
        task_policy: TaskPolicy::S3UnlockBucketPolicy.into(),
        validate_only: true,
        ..Default::default()
    };
    let mut operator = world.as_caller(OPERATOR).await;
    let looked = answer(operator.root.assume_root(request.clone()).await).unwrap();
    assert!(looked.credentials.is_none());
    assert!(world.acts_on_aws().is_empty(), "no session is opened for a look at a session");
    let plan = looked.plan.unwrap();
    let act = pb::AssumeRootRequest { validate_only: false, etag: plan.etag.clone(), ..request };
    let done = answer(operator.root.assume_root(act).await).unwrap();
    assert_eq!(made(done.receipt), planned(&plan));
}

#[tokio::test]
async fn an_act_on_another_state_than_the_one_that_was_seen_is_aborted_and_told_what_changed() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let look = pb::DeleteRootCredentialsRequest { validate_only: true, ..deletion(PAYMENTS) };
    let etag = answer(operator.root.delete_root_credentials(look).await).unwrap().plan.unwrap().etag;
    world.aws.edit(|aws| aws.account_mut(PAYMENTS).unwrap().root.access_keys.pop());
    let act = pb::DeleteRootCredentialsRequest { etag, ..deletion(PAYMENTS) };
    let refusal = refused(answer(operator.root.delete_root_credentials(act).await), Code::Aborted, "STALE_ETAG");
    assert!(refusal.status.message().contains("1 access key that the plan saw is gone"), "{:?}", refusal.status);
    assert_eq!(mutating(&world), Vec::<String>::new());
    assert_eq!(refusal.metadata("etag"), "", "nobody has looked at this state");

    let look = pb::UnlockBucketPolicyRequest { validate_only: true, ..unlock_bucket(PAYMENTS, BUCKET) };
    let etag = answer(operator.root.unlock_bucket_policy(look).await).unwrap().plan.unwrap().etag;
    let other = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Fresh","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-ledger"}]}"#;
    world.aws.edit(|aws| aws.bucket_mut(BUCKET).unwrap().policy = Some(other.to_owned()));
    let act = pb::UnlockBucketPolicyRequest { etag, ..unlock_bucket(PAYMENTS, BUCKET) };
    let refusal = refused(answer(operator.root.unlock_bucket_policy(act).await), Code::Aborted, "STALE_ETAG");
    assert!(refusal.status.message().contains("Fresh"), "{:?}", refusal.status);
    assert_eq!(mutating(&world), Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_is_recorded_as_a_use_of_root_that_changed_nothing() {
    let world = World::start().await;
    let look = pb::UnlockBucketPolicyRequest { validate_only: true, ..unlock_bucket(PAYMENTS, BUCKET) };
    let looked = answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(look).await).unwrap();
    let records = world.records().await;
    let outcome = records.iter().find(|record| record.index == looked.receipt.as_ref().unwrap().journal_index as u64);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.body["changed"], false);
    assert_eq!(outcome.text("detail/etag"), looked.plan.unwrap().etag);
    let intent = records.iter().find(|record| record.index == outcome.number("intent_index")).unwrap();
    assert_eq!(intent.body["arguments"]["validate_only"], true);
    assert!(records.iter().all(|record| record.event() != "Backup"));
}

#[tokio::test]
async fn a_plan_runs_the_checks_of_the_act() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let look = |account: &str| pb::UnlockBucketPolicyRequest { validate_only: true, ..unlock_bucket(account, BUCKET) };
    refused(answer(operator.root.unlock_bucket_policy(look(ANALYTICS)).await), Code::NotFound, "BUCKET_NOT_FOUND");
    let management = answer(operator.root.unlock_bucket_policy(look("111111111111")).await);
    refused(management, Code::FailedPrecondition, "MANAGEMENT_ACCOUNT");
    world.aws.edit(|aws| aws.organization.root_features.clear());
    let off = answer(operator.root.unlock_bucket_policy(look(PAYMENTS)).await);
    refused(off, Code::FailedPrecondition, "FEATURE_NOT_ENABLED");
}

#[tokio::test]
async fn what_cannot_be_listed_has_no_plan() {
    let world = World::start().await;
    world.aws.inject(Fault::on("iam", "ListAccessKeys").error(403, "AccessDenied", "no").times(10));
    let look = pb::DeleteRootCredentialsRequest { validate_only: true, ..deletion(PAYMENTS) };
    let result = answer(world.as_caller(OPERATOR).await.root.delete_root_credentials(look).await);
    refused(result, Code::PermissionDenied, "AWS_ACCESS_DENIED");
}
