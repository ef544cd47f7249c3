use aws_root_simulator::Fault;
use rootgate::pb::Verification;
use tonic::Code;

use crate::harness::{ANALYTICS, AUDITOR, OPERATOR, PAYMENTS, World, refused};

#[tokio::test]
async fn recovery_is_allowed_by_a_login_profile_that_is_read_back() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.allow_recovery(ANALYTICS).await.unwrap();
    assert!(done.changed);
    assert_eq!(done.verification(), Verification::Verified);
    assert!(done.login_profile_created_at.is_some());
    assert!(world.aws.edit(|aws| aws.account(ANALYTICS).unwrap().root.login_profile.is_some()));
}

#[tokio::test]
async fn already_allowed_is_a_success_that_says_so() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.allow_recovery(PAYMENTS).await.unwrap();
    assert!(!done.changed);
    assert!(done.login_profile_created_at.is_some());
    assert!(!world.acts_on_aws().contains(&"iam:CreateLoginProfile".to_owned()));
}

#[tokio::test]
async fn a_lost_reply_ends_as_the_truth() {
    let world = World::start().await;
    world.aws.inject(Fault::on("iam", "CreateLoginProfile").lose_reply().times(1));
    let done = world.as_caller(OPERATOR).await.allow_recovery(ANALYTICS).await.unwrap();
    assert!(done.changed, "it was this act that created the profile");
    let sent = world.acts_on_aws().iter().filter(|name| *name == "iam:CreateLoginProfile").count();
    assert_eq!(sent, 1, "a change is sent once");
    assert_eq!(done.verification(), Verification::Verified);
}

#[tokio::test]
async fn an_auditor_may_not_allow_it() {
    let world = World::start().await;
    let result = world.as_caller(AUDITOR).await.allow_recovery(ANALYTICS).await;
    refused(result, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(world.acts_on_aws().is_empty());
}
