//! A canary: the secrets of root sessions turn up nowhere but in the one answer that hands them out.

use aws_root_simulator::Fault;
use rootgate::pb::{CredentialKind, TaskPolicy};

use crate::harness::{ANALYTICS, OPERATOR, PAYMENTS, World};

#[tokio::test]
async fn secrets_of_no_session_are_recorded_or_told() {
    let mut world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let mut told = Vec::new();
    told.push(format!("{:?}", operator.assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).await));
    told.push(format!("{:?}", operator.unlock_bucket(PAYMENTS, "payments-ledger").await));
    told.push(format!("{:?}", operator.audit(PAYMENTS).await));
    // Failures as well: errors like to carry what they were about.
    world.aws.inject(Fault::on("iam", "DeactivateMFADevice").error(403, "AccessDenied", "no"));
    told.push(format!("{:?}", operator.delete(PAYMENTS, &[CredentialKind::All]).await));
    world.aws.inject(Fault::on("iam", "CreateLoginProfile").html_500());
    told.push(format!("{:?}", operator.allow_recovery(ANALYTICS).await));
    world.stop().await;

    let secrets = world.aws.issued_secrets();
    assert!(secrets.len() >= 10, "five sessions were opened: {}", secrets.len() / 2);
    let journal = std::fs::read(world.journal_path()).unwrap();
    let log_file = std::fs::read(world.journal_path().with_extension("db-wal")).unwrap_or_default();
    for secret in &secrets {
        assert!(told.iter().all(|text| !text.contains(secret.as_str())), "a reply or its Debug shows a secret");
        assert!(!contains(&journal, secret.as_bytes()), "the journal holds a secret");
        assert!(!contains(&log_file, secret.as_bytes()), "the journal's write-ahead log holds a secret");
    }
}

#[tokio::test]
async fn handed_out_credentials_are_recorded_by_their_id_alone() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).await.unwrap();
    let credentials = done.credentials.unwrap();
    assert!(world.aws.issued_secrets().contains(&credentials.secret_access_key), "the canary knows what to look for");
    let outcome = world.records().await.pop().unwrap();
    assert_eq!(outcome.text("access_key_id"), credentials.access_key_id);
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
