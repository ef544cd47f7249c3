use rootgate::{
    journal::read_backup,
    pb::{self, Verification},
};
use tonic::Code;

use crate::harness::{ANALYTICS, AUDITOR, OPERATOR, PAYMENTS, STRANGER, World, answer, refused, unlock_bucket};

const LOCKED: &str = "payments-ledger";

#[tokio::test]
async fn a_locked_bucket_is_unlocked_and_its_old_policy_handed_back() {
    let world = World::start().await;
    let before = world.aws.edit(|aws| aws.bucket(LOCKED).unwrap().1.policy.clone()).unwrap();

    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, LOCKED).await.unwrap();

    assert!(done.changed);
    assert_eq!(done.previous_policy, before, "byte for byte");
    assert_eq!(done.verification(), Verification::Verified);
    assert_eq!(done.region, "eu-west-1");
    assert_eq!(world.aws.edit(|aws| aws.bucket(LOCKED).unwrap().1.policy.clone()), None);
    let calls =
        ["sts:AssumeRoot", "s3:ListBuckets", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy", "s3:GetBucketPolicy"];
    assert_eq!(world.acts_on_aws(), calls);
}

#[tokio::test]
async fn the_receipt_leads_to_the_journal_and_to_cloudtrail() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, LOCKED).await.unwrap();
    let receipt = done.receipt.unwrap();

    let records = world.records().await;
    let outcome = records.iter().find(|record| record.index == receipt.journal_index as u64).unwrap();
    assert_eq!(outcome.event(), "Outcome");
    assert_eq!(outcome.hash, receipt.record_hash);
    assert_eq!(outcome.text("operation_id"), receipt.operation_id);
    let intent = records.iter().find(|record| record.index == outcome.number("intent_index")).unwrap();
    assert_eq!(intent.text("caller/subject"), OPERATOR);
    assert_eq!(intent.text("account_id"), PAYMENTS);
    assert_eq!(intent.text("resource"), "arn:aws:s3:::payments-ledger");
    let backup = records.iter().find(|record| record.index == outcome.number("detail/backup_index")).unwrap();
    assert_eq!(backup.event(), "Backup", "the undo is recorded before the removal");
    let kept = read_backup(&world.journal_path(), &done.backup_id).await.unwrap().unwrap();
    assert_eq!((kept.journal_index, kept.policy.as_str()), (backup.index, done.previous_policy.as_str()));
    assert_eq!(backup.text("policy_sha256"), kept.policy_sha256);
    assert_eq!((kept.caller.as_str(), kept.account_id.as_str()), (OPERATOR, PAYMENTS));

    assert!(receipt.access_key_id.starts_with("ASIA"));
    let made: Vec<_> = receipt.aws_calls.iter().map(|call| call.request_id.clone()).collect();
    let logged: Vec<_> = world.aws.calls().iter().map(|call| call.request_id.clone()).collect();
    assert_eq!(made.len(), 5);
    assert!(made.iter().all(|id| logged.contains(id)), "{made:?} {logged:?}");
}

#[tokio::test]
async fn nothing_to_do_is_its_own_answer() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-plain").await.unwrap();
    assert!(!done.changed);
    assert!(done.previous_policy.is_empty());
    assert!(!world.acts_on_aws().contains(&"s3:DeleteBucketPolicy".to_owned()));
}

#[tokio::test]
async fn a_given_region_saves_the_search() {
    let world = World::start().await;
    let request = pb::UnlockBucketPolicyRequest { region: "eu-west-1".to_owned(), ..unlock_bucket(PAYMENTS, LOCKED) };
    answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(request).await).unwrap();
    let calls = ["sts:AssumeRoot", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy", "s3:GetBucketPolicy"];
    assert_eq!(world.acts_on_aws(), calls);
}

#[tokio::test]
async fn a_wrong_region_changes_nothing_and_names_the_right_one() {
    let world = World::start().await;
    let request = pb::UnlockBucketPolicyRequest { region: "us-east-1".to_owned(), ..unlock_bucket(PAYMENTS, LOCKED) };
    let result = answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(request).await);
    let refusal = refused(result, Code::FailedPrecondition, "WRONG_REGION");
    assert_eq!(refusal.metadata("bucket_region"), "eu-west-1");
    assert!(world.aws.edit(|aws| aws.bucket(LOCKED).unwrap().1.policy.is_some()));
}

#[tokio::test]
async fn a_bucket_of_another_account_is_not_found() {
    let world = World::start().await;
    let result = world.as_caller(OPERATOR).await.unlock_bucket(ANALYTICS, LOCKED).await;
    refused(result, Code::NotFound, "BUCKET_NOT_FOUND");
    assert!(world.aws.edit(|aws| aws.bucket(LOCKED).unwrap().1.policy.is_some()));
}

#[tokio::test]
async fn a_bucket_of_another_account_is_not_touched_even_with_its_region() {
    let world = World::start().await;
    let request = pb::UnlockBucketPolicyRequest { region: "eu-west-1".to_owned(), ..unlock_bucket(ANALYTICS, LOCKED) };
    let result = answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(request).await);
    refused(result, Code::PermissionDenied, "AWS_ACCESS_DENIED");
    assert!(world.aws.edit(|aws| aws.bucket(LOCKED).unwrap().1.policy.is_some()));
}

#[tokio::test]
async fn who_is_not_permitted_is_refused_before_aws_is_asked() {
    let world = World::start().await;
    for caller in [AUDITOR, STRANGER] {
        let result = world.as_caller(caller).await.unlock_bucket(PAYMENTS, LOCKED).await;
        let refusal = refused(result, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!(refusal.metadata("account_id"), PAYMENTS);
    }
    assert!(world.acts_on_aws().is_empty());
    let refusals: Vec<_> = world.records().await.into_iter().filter(|record| record.event() == "Refusal").collect();
    assert_eq!(refusals.len(), 2);
    assert_eq!(refusals[1].text("caller/subject"), STRANGER);
    assert_eq!(refusals[1].text("resource"), LOCKED);
}

#[tokio::test]
async fn malformed_requests_name_every_field_and_reach_nothing() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let good = unlock_bucket(PAYMENTS, LOCKED);
    let bad = [
        (pb::UnlockBucketPolicyRequest { account_id: "33".into(), ..good.clone() }, "account_id"),
        (pb::UnlockBucketPolicyRequest { bucket: "arn:aws:s3:::payments-ledger".into(), ..good.clone() }, "bucket"),
        (pb::UnlockBucketPolicyRequest { bucket: "dir--usw2-az1--x-s3".into(), ..good.clone() }, "bucket"),
        (pb::UnlockBucketPolicyRequest { bucket: "my-ap-s3alias".into(), ..good.clone() }, "bucket"),
        (pb::UnlockBucketPolicyRequest { region: "aws-global".into(), ..good.clone() }, "region"),
        (pb::UnlockBucketPolicyRequest { region: "us-east-1.evil".into(), ..good.clone() }, "region"),
        (pb::UnlockBucketPolicyRequest { reason: String::new(), ..good.clone() }, "reason"),
        (pb::UnlockBucketPolicyRequest { reason: "x".repeat(5000), ..good.clone() }, "reason"),
        (pb::UnlockBucketPolicyRequest { mode: 42, ..good.clone() }, "mode"),
    ];
    for (request, field) in bad {
        let result = answer(operator.root.unlock_bucket_policy(request).await);
        assert_eq!(refused(result, Code::InvalidArgument, "INVALID_REQUEST").fields(), [field]);
    }
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn what_is_not_served_is_refused_with_unimplemented() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let request = pb::UnlockBucketPolicyRequest { approval_id: "x".into(), ..unlock_bucket(PAYMENTS, LOCKED) };
    let result = answer(operator.root.unlock_bucket_policy(request).await);
    refused(result, Code::Unimplemented, "NOT_SERVED");
    assert!(world.acts_on_aws().is_empty());
}
