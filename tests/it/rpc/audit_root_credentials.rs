use tonic::Code;

use crate::harness::{ANALYTICS, AUDITOR, PAYMENTS, STRANGER, World, refused};

#[tokio::test]
async fn an_audit_lists_every_kind_with_age_and_last_use() {
    let world = World::start().await;
    let audit = world.as_caller(AUDITOR).await.audit(PAYMENTS).await.unwrap();
    assert!(audit.has_credentials);
    assert!(audit.login_profile.unwrap().created_at.is_some());
    assert_eq!(audit.access_keys.len(), 2);
    assert_eq!(audit.signing_certificates.len(), 1);
    assert_eq!(audit.mfa_devices.len(), 1);
    let used = audit.access_keys.iter().find(|key| key.access_key_id == "AKIAROOTKEY01EXAMPLE").unwrap();
    assert_eq!((used.last_used_service.as_str(), used.last_used_region.as_str()), ("s3", "eu-west-1"));
    assert!(used.created_at.is_some() && used.last_used_at.is_some());
    let unused = audit.access_keys.iter().find(|key| key.access_key_id == "AKIAROOTKEY02EXAMPLE").unwrap();
    assert_eq!(unused.status, "Inactive");
    assert!(unused.last_used_at.is_none());
    assert!(world.aws.calls().iter().all(|call| !call.mutating), "an audit changes nothing");
}

#[tokio::test]
async fn a_clean_account_costs_two_calls() {
    let world = World::start().await;
    let audit = world.as_caller(AUDITOR).await.audit(ANALYTICS).await.unwrap();
    assert!(!audit.has_credentials);
    assert_eq!(world.acts_on_aws(), ["sts:AssumeRoot", "iam:GetAccountSummary"]);
}

#[tokio::test]
async fn every_page_is_read() {
    let world = World::start().await;
    world.aws.edit(|aws| aws.settings.page_size = Some(1));
    let audit = world.as_caller(AUDITOR).await.audit(PAYMENTS).await.unwrap();
    assert_eq!(audit.access_keys.len(), 2);
    let pages = world.acts_on_aws().iter().filter(|name| *name == "iam:ListAccessKeys").count();
    assert_eq!(pages, 2, "the page size really was one");
}

#[tokio::test]
async fn a_listing_that_fails_is_not_an_empty_list() {
    let world = World::start().await;
    world.aws.inject(aws_root_simulator::Fault::on("iam", "ListMFADevices").error(403, "AccessDenied", "no").times(10));
    let result = world.as_caller(AUDITOR).await.audit(PAYMENTS).await;
    let refusal = refused(result, Code::PermissionDenied, "AWS_ACCESS_DENIED");
    assert_eq!(refusal.metadata("aws_operation"), "ListMFADevices");
    assert!(!refusal.metadata("aws_request_id").is_empty());
}

#[tokio::test]
async fn a_stranger_may_not_audit() {
    let world = World::start().await;
    refused(world.as_caller(STRANGER).await.audit(PAYMENTS).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(world.acts_on_aws().is_empty());
}
