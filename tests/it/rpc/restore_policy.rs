//! Puts backed-up policies back.

use rootgate::pb::{self, PolicyResult, Verification};
use tonic::Code;

use crate::harness::{ANALYTICS, AUDITOR, OPERATOR, PAYMENTS, REASON, World, answer, refused};

const BUCKET: &str = "payments-ledger";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:333333333333:payments-events";

fn restore(account: &str, backup_id: &str) -> pb::RestoreBucketPolicyRequest {
    pb::RestoreBucketPolicyRequest {
        account_id: account.to_owned(),
        reason: REASON.to_owned(),
        bucket: BUCKET.to_owned(),
        backup_id: backup_id.to_owned(),
        accept_lockout: true,
        ..Default::default()
    }
}

fn policy(world: &World) -> Option<String> {
    world.aws.edit(|aws| aws.bucket(BUCKET).unwrap().1.policy.clone())
}

#[tokio::test]
async fn what_was_deleted_is_put_back_byte_for_byte_and_the_restore_has_its_own_undo() {
    let world = World::start().await;
    let before = policy(&world).unwrap();
    let mut operator = world.as_caller(OPERATOR).await;
    let deleted = operator.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();

    let done = answer(operator.root.restore_bucket_policy(restore(PAYMENTS, &deleted.backup_id)).await).unwrap();
    assert_eq!((done.result(), done.verification()), (PolicyResult::PolicyReplaced, Verification::Verified));
    assert_eq!(policy(&world).as_ref(), Some(&before));
    assert_eq!((done.region.as_str(), done.backup_id.as_str()), ("eu-west-1", ""), "there was nothing to back up");

    let again = answer(operator.root.restore_bucket_policy(restore(PAYMENTS, &deleted.backup_id)).await).unwrap();
    assert_eq!((again.changed, again.result()), (false, PolicyResult::NothingToDo));

    let other = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::payments-ledger/*"}]}"#;
    world.aws.edit(|aws| aws.bucket_mut(BUCKET).unwrap().policy = Some(other.to_owned()));
    let over = answer(operator.root.restore_bucket_policy(restore(PAYMENTS, &deleted.backup_id)).await).unwrap();
    assert_eq!(over.previous_policy, other);
    let undo = answer(operator.root.restore_bucket_policy(restore(PAYMENTS, &over.backup_id)).await).unwrap();
    assert_eq!((undo.result(), policy(&world).as_deref()), (PolicyResult::PolicyReplaced, Some(other)));
}

#[tokio::test]
async fn a_policy_that_locks_is_put_back_only_if_that_is_accepted() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let deleted = operator.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
    let request = pb::RestoreBucketPolicyRequest { accept_lockout: false, ..restore(PAYMENTS, &deleted.backup_id) };
    let refusal =
        refused(answer(operator.root.restore_bucket_policy(request).await), Code::FailedPrecondition, "WOULD_LOCK");
    assert!(refusal.status.message().contains("statement 0"), "{}", refusal.status.message());
    assert_eq!(policy(&world), None);
}

#[tokio::test]
async fn a_backup_belongs_to_its_own_bucket_and_account() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let deleted = operator.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
    let elsewhere =
        pb::RestoreBucketPolicyRequest { bucket: "payments-open".into(), ..restore(PAYMENTS, &deleted.backup_id) };
    let unknown = restore(PAYMENTS, "0197f1a2-0000-7000-8000-000000000001");
    for request in [elsewhere, restore(ANALYTICS, &deleted.backup_id), unknown] {
        refused(answer(operator.root.restore_bucket_policy(request).await), Code::NotFound, "BACKUP_NOT_FOUND");
    }
    let queue = pb::RestoreQueuePolicyRequest {
        account_id: PAYMENTS.to_owned(),
        reason: REASON.to_owned(),
        queue_arn: QUEUE.to_owned(),
        backup_id: deleted.backup_id.clone(),
        ..Default::default()
    };
    refused(answer(operator.root.restore_queue_policy(queue).await), Code::NotFound, "BACKUP_NOT_FOUND");
    assert_eq!(policy(&world), None);
}

#[tokio::test]
async fn a_queue_gets_its_policy_back_too() {
    let world = World::start().await;
    let before =
        world.aws.edit(|aws| aws.queue_mut(PAYMENTS, "eu-west-1", "payments-events").unwrap().policy.clone()).unwrap();
    let mut operator = world.as_caller(OPERATOR).await;
    let deleted = operator.unlock_queue(PAYMENTS, QUEUE).await.unwrap();
    let request = pb::RestoreQueuePolicyRequest {
        account_id: PAYMENTS.to_owned(),
        reason: REASON.to_owned(),
        queue_arn: QUEUE.to_owned(),
        backup_id: deleted.backup_id,
        accept_lockout: true,
        ..Default::default()
    };
    let done = answer(operator.root.restore_queue_policy(request).await).unwrap();
    assert_eq!((done.result(), done.verification()), (PolicyResult::PolicyReplaced, Verification::Verified));
    assert_eq!(
        world.aws.edit(|aws| aws.queue_mut(PAYMENTS, "eu-west-1", "payments-events").unwrap().policy.clone()),
        Some(before)
    );
}

#[tokio::test]
async fn who_may_not_restore_learns_nothing_of_backups() {
    let world = World::start().await;
    let deleted = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
    let mut auditor = world.as_caller(AUDITOR).await;
    for id in [deleted.backup_id.as_str(), "0197f1a2-0000-7000-8000-000000000001"] {
        let result = answer(auditor.root.restore_bucket_policy(restore(PAYMENTS, id)).await);
        refused(result, Code::PermissionDenied, "PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn the_intent_names_the_backup() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let deleted = operator.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
    answer(operator.root.restore_bucket_policy(restore(PAYMENTS, &deleted.backup_id)).await).unwrap();
    let records = world.records().await;
    let intent = records.iter().rfind(|record| record.event() == "Intent").unwrap();
    assert_eq!(intent.text("arguments/backup_id"), deleted.backup_id);
    assert_eq!(intent.text("operation"), "RestoreBucketPolicy");
}
