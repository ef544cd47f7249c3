//! Lists what policies were before acts changed them.

use rootgate::pb;
use tonic::Code;

use crate::harness::{ANALYTICS, AUDITOR, OPERATOR, PAYMENTS, REASON, STRANGER, World, answer, refused};

const BUCKET: &str = "payments-ledger";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:333333333333:payments-events";

fn list(account: &str) -> pb::ListPolicyBackupsRequest {
    pb::ListPolicyBackupsRequest { account_id: account.to_owned(), reason: REASON.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn a_backup_says_who_what_when_and_why() {
    let world = World::start().await;
    let before = world.aws.edit(|aws| aws.bucket(BUCKET).unwrap().1.policy.clone()).unwrap();
    let mut operator = world.as_caller(OPERATOR).await;
    let deleted = operator.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
    let listed = answer(operator.root.list_policy_backups(list(PAYMENTS)).await).unwrap();
    let [backup] = listed.backups.as_slice() else { panic!("one backup: {listed:?}") };
    assert_eq!(backup.backup_id, deleted.backup_id);
    assert_eq!((backup.resource.as_str(), backup.region.as_str()), ("arn:aws:s3:::payments-ledger", "eu-west-1"));
    assert_eq!((backup.caller.as_str(), backup.reason.as_str()), (OPERATOR, REASON));
    assert_eq!(backup.operation, "UnlockBucketPolicy");
    assert_eq!(backup.policy_bytes as usize, before.len());
    assert!(backup.policy.is_empty(), "it was not asked for");
    let records = world.records().await;
    let record = records.iter().find(|record| record.index == backup.journal_index as u64).unwrap();
    assert_eq!((record.event(), record.text("policy_sha256")), ("Backup", backup.policy_sha256.as_str()));
    assert!(!record.body.to_string().contains("Principal"), "the journal keeps the digest, the text can expire");
    assert_eq!(records.last().unwrap().event(), "Outcome", "a look is recorded too");

    let with = pb::ListPolicyBackupsRequest { include_policies: true, ..list(PAYMENTS) };
    let listed = answer(operator.root.list_policy_backups(with).await).unwrap();
    assert_eq!(listed.backups[0].policy, before);
}

#[tokio::test]
async fn pages_are_newest_first_and_hold_each_backup_once() {
    let world = World::start().await;
    let policy = world.aws.edit(|aws| aws.bucket(BUCKET).unwrap().1.policy.clone());
    let mut operator = world.as_caller(OPERATOR).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        world.aws.edit(|aws| aws.bucket_mut(BUCKET).unwrap().policy.clone_from(&policy));
        made.push(operator.unlock_bucket(PAYMENTS, BUCKET).await.unwrap().backup_id);
    }
    operator.unlock_queue(PAYMENTS, QUEUE).await.unwrap();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListPolicyBackupsRequest {
            bucket: BUCKET.to_owned(),
            page_size: 2,
            page_token: token.clone(),
            ..list(PAYMENTS)
        };
        let page = answer(operator.root.list_policy_backups(request).await).unwrap();
        assert!(page.backups.len() <= 2);
        seen.extend(page.backups.into_iter().map(|backup| backup.backup_id));
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
    }
    made.reverse();
    assert_eq!(seen, made);
    let other = pb::ListPolicyBackupsRequest { page_token: token, ..list(PAYMENTS) };
    let refusal =
        refused(answer(operator.root.list_policy_backups(other).await), Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(refusal.fields(), ["page_token"]);
    let nothing = answer(operator.root.list_policy_backups(list(ANALYTICS)).await).unwrap();
    assert!(nothing.backups.is_empty());
}

#[tokio::test]
async fn auditors_may_look_and_strangers_may_not() {
    let world = World::start().await;
    assert!(answer(world.as_caller(AUDITOR).await.root.list_policy_backups(list(PAYMENTS)).await).is_ok());
    let result = answer(world.as_caller(STRANGER).await.root.list_policy_backups(list(PAYMENTS)).await);
    refused(result, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(world.acts_on_aws().is_empty());
}
