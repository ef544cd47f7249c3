//! Broker roles: AWS itself limits each act, and names its caller.

use aws_credential_types::Credentials;
use aws_root_simulator::{Fault, Simulator};
use aws_sdk_sts::{error::ProvideErrorMetadata, types::PolicyDescriptorType};
use rootgate::pb::{CredentialKind, TaskPolicy};
use tonic::Code;
use tonic_types::StatusExt;

use crate::harness::{ANALYTICS, OPERATOR, PAYMENTS, Setup, World, credentials, refused, sdk};

const BROKER: &str = "arn:aws:iam::222222222222:role/broker";
/// The caller's subject, as a source identity.
const ALICE: &str = "spiffe---example.org-ops-alice-03fcf1a0749ae80b";
const UNLOCK_BUCKET: &str = "S3UnlockBucketPolicy";
const AUDIT: &str = "IAMAuditRootUserCredentials";

async fn world() -> World {
    World::start_with(Setup::default().with("aws.broker", &format!("role = \"{BROKER}\""))).await
}

/// STS as somebody of the simulated world.
pub fn sts(aws: &Simulator, credentials: Credentials) -> aws_sdk_sts::Client {
    aws_sdk_sts::Client::new(&sdk(aws, "us-east-1", credentials))
}

/// What AWS answers somebody who asks for a root session: nothing, or its error code.
pub async fn assume_root(sts: &aws_sdk_sts::Client, account: &str, task: &str) -> Result<(), String> {
    let arn = format!("arn:aws:iam::aws:policy/root-task/{task}");
    let call = sts.assume_root().target_principal(account);
    let answer = call.task_policy_arn(PolicyDescriptorType::builder().arn(arn).build()).send().await;
    answer.map(drop).map_err(|error| error.code().unwrap_or("none").to_owned())
}

#[tokio::test]
async fn an_act_takes_one_more_call_and_aws_names_the_caller_in_all_of_them() {
    let world = world().await;
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    assert!(done.changed);
    let acts = world.acts_on_aws();
    assert_eq!(acts[..2], ["sts:AssumeRole", "sts:AssumeRoot"]);
    assert_eq!(acts.iter().filter(|name| name.starts_with("sts:")).count(), 2);
    for call in world.aws.calls() {
        let named = call.action == "AssumeRoot" || call.service == "s3";
        assert_eq!(call.source_identity.as_deref(), named.then_some(ALICE), "{call:?}");
    }
    let session = world.aws.edit(|aws| aws.role_sessions().pop().unwrap());
    let operation_id = done.receipt.unwrap().operation_id;
    assert_eq!(session.session_name, format!("rootgate-{operation_id}"));
    let tag = |key: &str| session.tags.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone());
    assert_eq!(tag("rootgate:caller").unwrap(), OPERATOR);
    assert_eq!(tag("rootgate:operation").unwrap(), "UnlockBucketPolicy");
    assert_eq!(tag("rootgate:operation_id").unwrap(), operation_id);
    assert_eq!(tag("rootgate:ticket"), None, "the caller named none");
}

#[tokio::test]
async fn sessions_whose_answers_were_lost_are_on_the_receipt() {
    let world = world().await;
    world.aws.inject(Fault::on("sts", "AssumeRole").lose_reply());
    world.aws.inject(Fault::on("sts", "AssumeRoot").lose_reply());
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    let asked = ["sts:AssumeRole", "sts:AssumeRole", "sts:AssumeRoot", "sts:AssumeRoot"];
    assert_eq!(world.acts_on_aws()[..4], asked);
    let told = done.receipt.unwrap().aws_calls;
    let told: Vec<_> = told[..4].iter().map(|call| (call.operation.as_str(), call.error_code.as_str())).collect();
    assert_eq!(told, [("AssumeRole", "NoAnswer"), ("AssumeRole", ""), ("AssumeRoot", "NoAnswer"), ("AssumeRoot", "")]);
}

#[tokio::test]
async fn every_act_works_through_a_broker() {
    let world = world().await;
    let mut operator = world.as_caller(OPERATOR).await;
    operator.audit(PAYMENTS).await.unwrap();
    operator.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    operator.unlock_queue(PAYMENTS, "arn:aws:sqs:eu-west-1:333333333333:payments-events").await.unwrap();
    operator.delete(PAYMENTS, &[CredentialKind::All]).await.unwrap();
    operator.allow_recovery(PAYMENTS).await.unwrap();
    operator.assume_root(PAYMENTS, TaskPolicy::SqsUnlockQueuePolicy).await.unwrap();
    let sessions = world.aws.edit(|aws| aws.role_sessions());
    let policies: std::collections::BTreeSet<_> = sessions.iter().flat_map(|session| &session.policies).collect();
    assert_eq!((sessions.len(), policies.len()), (6, 5), "a session each, limited to its own task");
}

#[tokio::test]
async fn the_session_policy_limits_the_session_to_the_account_and_the_task() {
    let world = world().await;
    world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    let sent = world.aws.edit(|aws| aws.role_sessions().pop().unwrap().policies.pop().unwrap());
    let gateway = sts(&world.aws, credentials(&world.aws, "gateway"));
    let broker = async |policy: Option<String>| {
        let call = gateway.assume_role().role_arn(BROKER).role_session_name("probe").set_policy(policy);
        let issued = call.send().await.unwrap().credentials.unwrap();
        let credentials =
            Credentials::new(issued.access_key_id, issued.secret_access_key, Some(issued.session_token), None, "test");
        sts(&world.aws, credentials)
    };
    let unlimited = broker(None).await;
    let limited = broker(Some(sent)).await;
    for (account, task) in [(ANALYTICS, UNLOCK_BUCKET), (PAYMENTS, AUDIT)] {
        assume_root(&unlimited, account, task).await.expect("the role itself may");
        assert_eq!(assume_root(&limited, account, task).await, Err("AccessDenied".to_owned()), "{account} {task}");
    }
    assume_root(&limited, PAYMENTS, UNLOCK_BUCKET).await.unwrap();
}

#[tokio::test]
async fn a_trust_policy_that_lacks_one_of_the_three_is_named_with_its_fix() {
    for allowed in ["sts:AssumeRole", r#"sts:AssumeRole","sts:TagSession"#, r#"sts:AssumeRole","sts:SetSourceIdentity"#]
    {
        let world = world().await;
        world.aws.edit(|aws| {
            let principals = &mut aws.account_mut("222222222222").unwrap().principals;
            let broker = principals.iter_mut().find(|principal| principal.name == "broker").unwrap();
            broker.trust = Some(format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"222222222222"}},"Action":["{allowed}"]}}]}}"#
            ));
        });
        let result = world.as_caller(OPERATOR).await.audit(PAYMENTS).await;
        let refusal = refused(result, Code::PermissionDenied, "AWS_ACCESS_DENIED");
        let help = refusal.status.get_details_help().unwrap();
        for action in ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"] {
            assert!(help.links[0].description.contains(action), "{help:?}");
        }
        assert_eq!(world.acts_on_aws(), ["sts:AssumeRole"], "nothing goes around the broker");
    }
}

#[tokio::test]
async fn a_task_without_a_broker_role_is_not_offered() {
    let roles = format!("roles = {{ {AUDIT} = \"{BROKER}\" }}");
    let world = World::start_with(Setup::default().with("aws.broker", &roles)).await;
    let mut operator = world.as_caller(OPERATOR).await;
    let result = operator.unlock_bucket(PAYMENTS, "payments-ledger").await;
    let refusal = refused(result, Code::FailedPrecondition, "TASK_NOT_OFFERED");
    assert_eq!(refusal.metadata("aws_error_code"), "");
    assert!(world.acts_on_aws().is_empty());
    operator.audit(PAYMENTS).await.unwrap();
}

#[tokio::test]
async fn a_session_that_runs_out_is_renewed_through_the_broker_and_only_once() {
    let world = world().await;
    let expired =
        || Fault::on("s3", "DeleteBucketPolicy").error(400, "ExpiredToken", "The provided token has expired.");
    world.aws.inject(expired());
    let mut operator = world.as_caller(OPERATOR).await;
    assert!(operator.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap().changed);
    let acts = world.acts_on_aws();
    let sent = |name: &str| acts.iter().filter(|act| *act == name).count();
    assert_eq!((sent("sts:AssumeRole"), sent("sts:AssumeRoot"), sent("s3:DeleteBucketPolicy")), (2, 2, 2));

    world.aws.inject(expired().times(2));
    let result = operator.unlock_bucket(PAYMENTS, "payments-open").await;
    refused(result, Code::Aborted, "SESSION_EXPIRED");
    assert!(world.aws.edit(|aws| aws.bucket("payments-open").unwrap().1.policy.is_some()));
}
