//! A canary: the secrets of a root session turn up nowhere but in the one answer that hands them out.

use rootgate::pb::TaskPolicy;

use crate::harness::{OPERATOR, PAYMENTS, World};

#[tokio::test]
async fn handed_out_credentials_are_neither_recorded_nor_printed() {
    let mut world = World::start().await;
    let done = world.as_caller(OPERATOR).await.assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).await.unwrap();
    let printed = format!("{done:?}");
    let credentials = done.credentials.unwrap();
    let printed = printed + &format!("{credentials:?}");
    world.stop().await;
    let journal = std::fs::read(world.journal_path()).unwrap();
    assert!(contains(&journal, credentials.access_key_id.as_bytes()), "the access key id is recorded");
    for secret in [&credentials.secret_access_key, &credentials.session_token] {
        assert!(!printed.contains(secret.as_str()), "Debug shows a secret");
        assert!(!contains(&journal, secret.as_bytes()), "the journal holds a secret");
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
