use aws_root_simulator::Fault;
use prost::Message;
use rootgate::pb::{self, CredentialKind, DeletionStatus, Verification};
use tonic::Code;

use crate::harness::{ANALYTICS, AUDITOR, OPERATOR, PAYMENTS, Refusal, World, refused};

/// The response that rides in the details of an incomplete deletion.
fn items(refusal: &Refusal) -> pb::DeleteRootCredentialsResponse {
    let status = tonic_types::pb::Status::decode(refusal.status.details()).unwrap();
    let any = status.details.iter().find(|any| any.type_url.ends_with("/rootgate.v1.DeleteRootCredentialsResponse"));
    pb::DeleteRootCredentialsResponse::decode(any.expect("the items are told").value.as_slice()).unwrap()
}

#[tokio::test]
async fn all_credentials_are_deleted_and_listed_again() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[CredentialKind::All]).await.unwrap();
    assert!(done.changed);
    assert_eq!(done.verification(), Verification::Verified);
    assert_eq!(done.items.len(), 5);
    assert!(done.items.iter().all(|item| item.status() == DeletionStatus::Deleted), "{:?}", done.items);
    let root_is_clean = world.aws.edit(|aws| {
        let root = &aws.account(PAYMENTS).unwrap().root;
        root.login_profile.is_none()
            && root.access_keys.is_empty()
            && root.signing_certificates.is_empty()
            && root.mfa_devices.is_empty()
    });
    assert!(root_is_clean);
}

#[tokio::test]
async fn only_the_kinds_that_were_named_are_touched() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[CredentialKind::AccessKey]).await.unwrap();
    assert_eq!(done.items.len(), 2);
    let left = world.aws.edit(|aws| {
        let root = &aws.account(PAYMENTS).unwrap().root;
        (root.login_profile.is_some(), root.access_keys.len(), root.mfa_devices.len())
    });
    assert_eq!(left, (true, 0, 1));
}

#[tokio::test]
async fn nothing_to_delete_is_its_own_answer() {
    let world = World::start().await;
    let done = world.as_caller(OPERATOR).await.delete(ANALYTICS, &[CredentialKind::All]).await.unwrap();
    assert!(!done.changed);
    assert!(done.items.is_empty());
    assert!(world.aws.calls().iter().all(|call| !call.name().starts_with("iam:Delete")));
}

#[tokio::test]
async fn every_page_is_read_before_deleting() {
    let world = World::start().await;
    world.aws.edit(|aws| aws.settings.page_size = Some(1));
    let done = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[CredentialKind::All]).await.unwrap();
    assert_eq!(done.items.len(), 5);
}

#[tokio::test]
async fn one_failing_item_does_not_stop_the_rest_and_is_no_success() {
    let world = World::start().await;
    world.aws.inject(Fault::on("iam", "DeactivateMFADevice").error(403, "AccessDenied", "no").times(10));
    let result = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[CredentialKind::All]).await;
    let refusal = refused(result, Code::Aborted, "INCOMPLETE");
    let told = items(&refusal);
    let count = |status| told.items.iter().filter(|item| item.status() == status).count();
    assert_eq!((count(DeletionStatus::Deleted), count(DeletionStatus::Failed)), (4, 1));
    let failed = told.items.iter().find(|item| item.status() == DeletionStatus::Failed).unwrap();
    assert_eq!((failed.kind(), failed.aws_error_code.as_str()), (CredentialKind::MfaDevice, "AccessDenied"));
    let outcome = world.records().await.pop().unwrap();
    assert_eq!((outcome.event(), outcome.text("result")), ("Outcome", "Failed"));
}

#[tokio::test]
async fn a_kind_that_cannot_be_listed_is_a_failure_of_its_own() {
    let world = World::start().await;
    world.aws.inject(Fault::on("iam", "ListAccessKeys").error(403, "AccessDenied", "no").times(10));
    let result = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[CredentialKind::All]).await;
    let told = items(&refused(result, Code::Aborted, "INCOMPLETE"));
    let unlisted = told.items.iter().find(|item| item.kind() == CredentialKind::AccessKey).unwrap();
    assert_eq!((unlisted.status(), unlisted.id.as_str()), (DeletionStatus::Failed, ""));
    assert_eq!(world.aws.edit(|aws| aws.account(PAYMENTS).unwrap().root.access_keys.len()), 2);
}

#[tokio::test]
async fn a_lost_reply_ends_as_the_truth() {
    let world = World::start().await;
    world.aws.inject(Fault::on("iam", "DeleteLoginProfile").lose_reply().times(1));
    let done = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[CredentialKind::LoginProfile]).await.unwrap();
    assert_eq!(done.items[0].status(), DeletionStatus::Deleted, "the second listing shows it");
    assert!(done.changed, "it was this act that deleted it");
    let sent = world.acts_on_aws().iter().filter(|name| *name == "iam:DeleteLoginProfile").count();
    assert_eq!(sent, 1, "a change is sent once");
    assert!(world.aws.edit(|aws| aws.account(PAYMENTS).unwrap().root.login_profile.is_none()));
}

#[tokio::test]
async fn mfa_stays_while_the_password_stays() {
    let world = World::start().await;
    world.aws.inject(Fault::on("iam", "DeleteLoginProfile").error(403, "AccessDenied", "no").times(10));
    let result = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[CredentialKind::All]).await;
    let told = items(&refused(result, Code::Aborted, "INCOMPLETE"));
    let mfa = told.items.iter().find(|item| item.kind() == CredentialKind::MfaDevice).unwrap();
    assert_eq!(mfa.status(), DeletionStatus::Failed);
    assert!(mfa.note.contains("password"), "{mfa:?}");
    assert!(!world.acts_on_aws().contains(&"iam:DeactivateMFADevice".to_owned()));
}

#[tokio::test]
async fn leaving_the_kinds_out_never_means_all() {
    let world = World::start().await;
    let result = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[]).await;
    assert_eq!(refused(result, Code::InvalidArgument, "INVALID_REQUEST").fields(), ["credential_kinds"]);
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn an_auditor_may_not_delete() {
    let world = World::start().await;
    let result = world.as_caller(AUDITOR).await.delete(PAYMENTS, &[CredentialKind::All]).await;
    refused(result, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(world.acts_on_aws().is_empty());
}
