use rootgate::pb::{self, TaskPolicy};
use tonic::Code;

use crate::harness::{AUDITOR, OPERATOR, PAYMENTS, World, answer, assume_root, refused};

#[tokio::test]
async fn credentials_are_handed_out_once_and_work_for_their_task() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).await.unwrap();
    let credentials = done.credentials.unwrap();
    assert!(credentials.access_key_id.starts_with("ASIA"));
    assert!(!credentials.secret_access_key.is_empty() && !credentials.session_token.is_empty());
    assert_eq!(done.receipt.unwrap().access_key_id, credentials.access_key_id);
    assert_eq!(world.acts_on_aws(), ["sts:AssumeRoot"]);
}

#[tokio::test]
async fn the_default_life_is_five_minutes() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).await.unwrap();
    let recorded = done.receipt.unwrap().recorded_at.unwrap().seconds;
    let life = done.credentials.unwrap().expiration.unwrap().seconds - recorded;
    assert!((295..=301).contains(&life), "{life}");
}

#[tokio::test]
async fn a_duration_beyond_aws_or_the_cap_is_refused_before_aws_is_asked() {
    let world = World::start_configured("aws", "session_duration_max = \"10m\"").await;
    let mut operator = world.as_caller(OPERATOR).await;
    for seconds in [901, -1, 0, 601] {
        let mut request = assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy);
        request.get_mut().duration = Some(prost_types::Duration { seconds, nanos: 0 });
        let refusal =
            refused(answer(operator.root.assume_root(request).await), Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(refusal.fields(), ["duration"], "{seconds}");
    }
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn an_unknown_task_policy_is_refused() {
    let world = World::start().await;
    let request = pb::AssumeRootRequest {
        task_policy: 17,
        ..assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).into_inner()
    };
    let result = answer(world.as_caller(OPERATOR).await.root.assume_root(request).await);
    assert_eq!(refused(result, Code::InvalidArgument, "INVALID_REQUEST").fields(), ["task_policy"]);
}

#[tokio::test]
async fn an_auditor_gets_no_credentials() {
    let world = World::start().await;
    let result = world.as_caller(AUDITOR).await.assume_root(PAYMENTS, TaskPolicy::IamAuditRootUserCredentials).await;
    refused(result, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(world.acts_on_aws().is_empty());
}
