//! Targets that no act may reach are refused with a clear reason, before any root session.

use tonic::Code;

use crate::harness::{OPERATOR, PAYMENTS, STRANGER, World, refused};

const MANAGEMENT: &str = "111111111111";
const DELEGATED_ADMINISTRATOR: &str = "222222222222";
const SUSPENDED: &str = "555555555555";
const NOBODYS: &str = "999999999999";

#[tokio::test]
async fn accounts_that_cannot_be_a_target_are_refused_before_any_session() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    refused(operator.audit(MANAGEMENT).await, Code::FailedPrecondition, "MANAGEMENT_ACCOUNT");
    refused(operator.audit(DELEGATED_ADMINISTRATOR).await, Code::FailedPrecondition, "OWN_ACCOUNT");
    refused(operator.audit(NOBODYS).await, Code::NotFound, "ACCOUNT_NOT_IN_ORGANIZATION");
    let refusal = refused(operator.audit(SUSPENDED).await, Code::FailedPrecondition, "ACCOUNT_NOT_ACTIVE");
    assert_eq!(refusal.metadata("account_state"), "SUSPENDED");
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn every_refusal_is_recorded_with_what_was_asked() {
    let world = World::start().await;
    let _ = world.as_caller(OPERATOR).await.audit(MANAGEMENT).await;
    let refusal = world.records().await.pop().unwrap();
    assert_eq!(refusal.event(), "Refusal");
    assert_eq!(refusal.text("account_id"), MANAGEMENT);
    assert_eq!(refusal.text("error/reason"), "MANAGEMENT_ACCOUNT");
    assert_eq!(refusal.text("caller/subject"), OPERATOR);
}

#[tokio::test]
async fn a_protected_account_is_refused() {
    let world = World::start_configured("aws", &format!("protected_accounts = [\"{PAYMENTS}\"]")).await;
    let result = world.as_caller(OPERATOR).await.audit(PAYMENTS).await;
    refused(result, Code::PermissionDenied, "PROTECTED_ACCOUNT");
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn the_gateways_own_account_can_be_allowed() {
    let world = World::start_configured("aws", "delegated_administrator_allowed = true").await;
    let audit = world.as_caller(OPERATOR).await.audit(DELEGATED_ADMINISTRATOR).await;
    assert!(audit.is_ok(), "{audit:?}");
}

#[tokio::test]
async fn who_is_not_permitted_does_not_learn_whether_an_account_exists() {
    let world = World::start().await;
    let mut stranger = world.as_caller(STRANGER).await;
    for account in [PAYMENTS, MANAGEMENT, SUSPENDED, NOBODYS] {
        let refusal = refused(stranger.audit(account).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!(refusal.status.message(), "policy does not allow this AuditRootCredentials", "{account}");
    }
}

#[tokio::test]
async fn an_account_is_looked_up_once_while_its_state_is_believed() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    for _ in 0..3 {
        operator.audit(PAYMENTS).await.unwrap();
    }
    let lookups = world.aws.calls().iter().filter(|call| call.name() == "organizations:DescribeAccount").count();
    assert_eq!(lookups, 1);
}
