use aws_root_simulator::world::AccountState;

use crate::client::{Answer, Client};
use crate::{CLEAN, PAYMENTS, simulator};

const IAM: &str = "iam.amazonaws.com";
const S3: &str = "S3UnlockBucketPolicy";

fn message(answer: &Answer) -> String {
    assert_eq!(answer.refusal(), (403, "AccessDenied".into()));
    answer.xml("Message").unwrap()
}

#[tokio::test]
async fn validation_comes_first_and_names_every_fault() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let none = gateway.query("sts", "AssumeRoot", &[]).await;
    assert_eq!(
        none.xml("Message").unwrap(),
        "2 validation errors detected: Value null at 'targetPrincipal' failed to satisfy constraint: Member must not be null; \
         Value null at 'taskPolicyArn' failed to satisfy constraint: Member must not be null"
    );
    let short = gateway.try_assume_root("1", S3, &[("DurationSeconds", "-1")]).await;
    assert!(short.xml("Message").unwrap().contains("'1' at 'targetPrincipal'"), "{}", short.body);
    assert!(short.xml("Message").unwrap().contains("greater than or equal to 0"), "{}", short.body);
    assert_eq!(
        gateway.try_assume_root(PAYMENTS, S3, &[("DurationSeconds", "x")]).await.refusal(),
        (400, "MalformedInput".into())
    );
    let arn = format!("arn:aws:iam::{PAYMENTS}:root");
    assert_eq!(gateway.try_assume_root(&arn, S3, &[("DurationSeconds", "900")]).await.status, 200);
}

#[tokio::test]
async fn what_is_switched_off_is_said() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    simulator.edit(|world| world.organization.trusted_services.clear());
    let answer = gateway.try_assume_root(PAYMENTS, S3, &[]).await;
    assert_eq!(message(&answer), "Service not enabled for AWS Organizations.");
    simulator.edit(|world| world.organization.trusted_services.insert(IAM.into(), 0));
    simulator.edit(|world| world.organization.root_features.remove("RootSessions"));
    let answer = gateway.try_assume_root(PAYMENTS, S3, &[]).await;
    assert_eq!(message(&answer), "Root sessions feature is not enabled for your AWS Organization.");
    assert_eq!(gateway.try_assume_root(PAYMENTS, "IAMAuditRootUserCredentials", &[]).await.status, 200);
    simulator.edit(|world| world.account_mut(PAYMENTS).unwrap().disabled_sts_regions.insert("eu-west-1".into()));
    let answer = gateway.try_assume_root(PAYMENTS, "IAMAuditRootUserCredentials", &[]).await;
    assert_eq!(answer.refusal(), (403, "RegionDisabledException".into()));
}

#[tokio::test]
async fn only_an_administrator_of_the_organization_may() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    assert_eq!(Client::of(&simulator, "org-admin").try_assume_root(PAYMENTS, S3, &[]).await.status, 200);
    for state in
        [AccountState::Suspended, AccountState::Closed, AccountState::PendingClosure, AccountState::PendingActivation]
    {
        simulator.edit(|world| world.account_mut(CLEAN).unwrap().state = state);
        assert!(
            message(&gateway.try_assume_root(CLEAN, S3, &[]).await)
                .contains("is not authorized to perform: sts:AssumeRoot")
        );
    }
    simulator.edit(|world| world.account_mut(PAYMENTS).unwrap().in_organization = false);
    message(&gateway.try_assume_root(PAYMENTS, S3, &[]).await);
    simulator.edit(|world| world.account_mut(PAYMENTS).unwrap().in_organization = true);
    assert_eq!(gateway.try_assume_root(PAYMENTS, S3, &[]).await.status, 200);
    simulator.edit(|world| world.organization.delegations.clear());
    message(&gateway.try_assume_root(PAYMENTS, S3, &[]).await);
}

#[tokio::test]
async fn policies_of_the_caller_decide_per_account_and_task() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let only = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRoot","Resource":"arn:aws:iam::{PAYMENTS}:root",
        "Condition":{{"StringEquals":{{"sts:TaskPolicyArn":"arn:aws:iam::aws:policy/root-task/{S3}"}}}}}}]}}"#
    );
    simulator.edit(|world| {
        let account = world.account_mut("222222222222").unwrap();
        account.principals.iter_mut().find(|role| role.name == "gateway").unwrap().policies = vec![only];
    });
    assert_eq!(gateway.try_assume_root(PAYMENTS, S3, &[]).await.status, 200);
    message(&gateway.try_assume_root(PAYMENTS, "SQSUnlockQueuePolicy", &[]).await);
    message(&gateway.try_assume_root(CLEAN, S3, &[]).await);
    let scp = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sts:AssumeRoot","Resource":"*"}]}"#;
    simulator.edit(|world| world.account_mut("222222222222").unwrap().scps.push(scp.into()));
    message(&gateway.try_assume_root(PAYMENTS, S3, &[]).await);
}

#[tokio::test]
async fn sessions_outlive_what_allowed_them_but_not_their_time() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let session = gateway.assume_root(PAYMENTS, S3).await;
    simulator.edit(|world| {
        world.organization.delegations.clear();
        world.organization.root_features.clear();
    });
    assert_eq!(session.s3("GET", "/payments-ledger?policy").await.status, 200);
    assert_eq!(simulator.edit(|world| world.live_root_sessions(PAYMENTS)), 1);
    simulator.expire_root_sessions();
    assert_eq!(session.s3("GET", "/payments-ledger?policy").await.refusal(), (400, "ExpiredToken".into()));
}

#[tokio::test]
async fn the_log_tells_who_and_what() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let session = gateway.assume_root(PAYMENTS, S3).await;
    session.s3("DELETE", "/payments-ledger?policy").await;
    let calls = simulator.calls();
    let names: Vec<String> = calls.iter().map(aws_root_simulator::Call::name).collect();
    assert_eq!(names, ["sts:AssumeRoot", "s3:DeleteBucketPolicy"]);
    assert_eq!(calls[0].target.as_deref(), Some(PAYMENTS));
    assert_eq!(calls[1].caller_arn.as_deref(), Some("arn:aws:iam::333333333333:root"));
    assert_eq!(calls[1].access_key_id.as_deref(), Some(session.credentials.access_key_id()));
    assert_eq!((calls[0].mutating, calls[1].mutating, calls[1].status), (false, true, 204));
    let log = format!("{calls:?}");
    assert!(
        !log.contains(session.credentials.secret_access_key())
            && !log.contains(session.credentials.session_token().unwrap())
    );
}
