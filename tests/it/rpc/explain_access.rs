use rootgate::pb::{
    self, ExplainAccessRequest, ExplainedCaller, PolicyEffect, explain_access_request::Act,
    policy_service_client::PolicyServiceClient,
};
use tonic::Code;

use crate::harness::{AUDITOR, Client, OPERATOR, PAYMENTS, REASON, Refusal, STRANGER, World, answer, refused};

async fn explain(client: &Client, subject: &str, act: Act) -> Result<pb::ExplainAccessResponse, Refusal> {
    let caller =
        ExplainedCaller { subject: subject.to_owned(), scheme: "mtls".to_owned(), ..ExplainedCaller::default() };
    let request = ExplainAccessRequest {
        reason: REASON.to_owned(),
        caller: Some(caller),
        act: Some(act),
        ..ExplainAccessRequest::default()
    };
    answer(PolicyServiceClient::new(client.channel.clone()).explain_access(request).await)
}

fn audit() -> Act {
    Act::AuditRootCredentials(pb::AuditRootCredentialsRequest {
        account_id: PAYMENTS.to_owned(),
        reason: "a supposed reason".to_owned(),
        ..Default::default()
    })
}

fn delete() -> Act {
    Act::DeleteRootCredentials(pb::DeleteRootCredentialsRequest {
        account_id: PAYMENTS.to_owned(),
        reason: "a supposed reason".to_owned(),
        credential_kinds: vec![pb::CredentialKind::All.into()],
        ..Default::default()
    })
}

#[tokio::test]
async fn it_says_who_may_and_which_policy_decides_and_touches_nothing() {
    let world = World::start().await;
    let auditor = world.as_caller(AUDITOR).await;
    let yes = explain(&auditor, AUDITOR, audit()).await.unwrap();
    assert!(yes.allowed);
    assert_eq!(yes.groups, ["auditors"]);
    assert_eq!(yes.deciding_policies.len(), 1);
    assert!(yes.deciding_policies[0].policy_id.ends_with("#auditors"), "{yes:?}");
    assert_eq!(yes.deciding_policies[0].effect(), PolicyEffect::Permit);
    let no = explain(&auditor, AUDITOR, delete()).await.unwrap();
    assert!(!no.allowed && no.deciding_policies.is_empty() && no.errors.is_empty(), "{no:?}");
    assert!(explain(&auditor, OPERATOR, delete()).await.unwrap().allowed);
    assert!(world.acts_on_aws().is_empty(), "an explanation reaches no account");
}

#[tokio::test]
async fn what_it_says_is_what_happens() {
    let world = World::start().await;
    let auditor = world.as_caller(AUDITOR).await;
    for subject in [OPERATOR, AUDITOR, STRANGER] {
        let mut caller = world.as_caller(subject).await;
        let audited = caller.audit(PAYMENTS).await.is_ok();
        let deleted = caller.delete(PAYMENTS, &[pb::CredentialKind::All]).await.is_ok();
        assert_eq!(explain(&auditor, subject, audit()).await.unwrap().allowed, audited, "{subject}");
        assert_eq!(explain(&auditor, subject, delete()).await.unwrap().allowed, deleted, "{subject}");
    }
}

#[tokio::test]
async fn asking_needs_permission_and_is_recorded_with_who_was_asked_about() {
    let world = World::start().await;
    let stranger = world.as_caller(STRANGER).await;
    refused(explain(&stranger, OPERATOR, audit()).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let auditor = world.as_caller(AUDITOR).await;
    let explained = explain(&auditor, OPERATOR, delete()).await.unwrap();
    let records = world.records().await;
    let intent = records.iter().find(|record| record.event() == "Intent").unwrap();
    assert_eq!(intent.text("operation"), "ExplainAccess");
    assert_eq!(intent.text("caller/subject"), AUDITOR);
    assert_eq!(intent.text("arguments/about_subject"), OPERATOR);
    assert_eq!(intent.text("arguments/about_operation"), "DeleteRootCredentials");
    let last = records.last().unwrap();
    assert_eq!(last.index, u64::try_from(explained.receipt.unwrap().journal_index).unwrap());
    assert_eq!(records.iter().filter(|record| record.text("error/reason") == "PERMISSION_DENIED").count(), 1);
}

#[tokio::test]
async fn a_question_that_is_none_is_refused_with_every_field() {
    let world = World::start().await;
    let auditor = world.as_caller(AUDITOR).await;
    let empty = PolicyServiceClient::new(auditor.channel.clone()).explain_access(ExplainAccessRequest::default()).await;
    let refusal = refused(answer(empty), Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(refusal.fields(), ["reason", "caller", "act"]);
}
