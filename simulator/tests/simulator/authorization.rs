use serde_json::json;

use crate::client::{Client, Outgoing};
use crate::{CLEAN, PAYMENTS, simulator};

const DENY_S3: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;
const ROOT_DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",
    "Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"},"Null":{"aws:AssumedRoot":"true"}}}]}"#;
const ROOT_KEY: &str = "AKIAROOTKEY01EXAMPLE";

#[tokio::test]
async fn the_owners_root_passes_the_bucket_policy_for_policy_calls_alone() {
    let simulator = simulator().await;
    simulator.edit(|world| {
        let key =
            world.account_mut(PAYMENTS).unwrap().root.access_keys.iter_mut().find(|key| key.id == ROOT_KEY).unwrap();
        key.secret_access_key = Some("s".repeat(40));
    });
    let root = Client::of(&simulator, "333333333333/root");
    assert_eq!(root.s3("GET", "/payments-ledger?policy").await.status, 200);
    let listing = root.s3("GET", "/payments-ledger?list-type=2").await;
    assert!(
        listing.xml("Message").unwrap().ends_with("with an explicit deny in a resource-based policy"),
        "{}",
        listing.body
    );
    assert_eq!(root.try_assume_root(CLEAN, "S3UnlockBucketPolicy", &[]).await.refusal(), (403, "AccessDenied".into()));
}

#[tokio::test]
async fn resource_control_policies_bind_root_sessions() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    simulator.edit(|world| world.organization.rcps.push(DENY_S3.into()));
    let answer = session.s3("DELETE", "/payments-ledger?policy").await;
    assert!(
        answer.xml("Message").unwrap().ends_with("with an explicit deny in a resource control policy"),
        "{}",
        answer.body
    );
    assert_eq!(answer.header("x-amz-bucket-region"), "eu-west-1");
}

#[tokio::test]
async fn an_scp_that_exempts_assumed_root_does_not_bind_it() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    simulator.edit(|world| world.account_mut("666666666666").unwrap().scps = vec![ROOT_DENY.into()]);
    let session = gateway.assume_root("666666666666", "IAMAuditRootUserCredentials").await;
    assert_eq!(session.query("iam", "GetLoginProfile", &[]).await.status, 200);
    let example = crate::simulator().await;
    let session = Client::of(&example, "gateway").assume_root("666666666666", "IAMAuditRootUserCredentials").await;
    let answer = session.query("iam", "GetLoginProfile", &[]).await;
    assert!(
        answer.xml("Message").unwrap().ends_with("with an explicit deny in a service control policy"),
        "{}",
        answer.body
    );
    assert_eq!(session.query("sts", "GetCallerIdentity", &[]).await.status, 200);
}

#[tokio::test]
async fn other_accounts_are_told_that_bucket_policies_are_not_theirs() {
    let simulator = simulator().await;
    let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*",
        "Resource":["arn:aws:s3:::payments-plain","arn:aws:s3:::payments-plain/*"]}]}"#;
    let stranger = Client::of(&simulator, "org-admin");
    assert_eq!(stranger.s3("GET", "/payments-plain?policy").await.refusal(), (403, "AccessDenied".into()));
    simulator.edit(|world| world.bucket_mut("payments-plain").unwrap().policy = Some(open.into()));
    assert_eq!(stranger.s3("GET", "/payments-plain?policy").await.refusal(), (405, "MethodNotAllowed".into()));
    assert_eq!(stranger.s3("GET", "/payments-plain?list-type=2").await.status, 200);
}

#[tokio::test]
async fn buckets_have_a_region_and_an_owner() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    let far = admin.s3("GET", "/payments-open?policy").await;
    assert_eq!(far.refusal(), (301, "PermanentRedirect".into()));
    assert_eq!(
        (far.header("x-amz-bucket-region"), far.xml("Bucket").unwrap().as_str()),
        ("us-east-1", "payments-open")
    );
    let head = admin.s3("HEAD", "/payments-open").await;
    assert_eq!((head.status, head.body.as_str(), head.header("x-amz-bucket-region")), (301, "", "us-east-1"));
    let near = Outgoing::new("s3", "GET", "/payments-open?policy").region("us-east-1");
    assert_eq!(admin.send(&near).await.unwrap().status, 200);
    let cases = [(PAYMENTS, 200, ""), (CLEAN, 403, "AccessDenied"), ("1", 400, "InvalidBucketOwnerAWSAccountID")];
    for (owner, status, code) in cases {
        let out = near.clone().header("x-amz-expected-bucket-owner", owner);
        assert_eq!(admin.send(&out).await.unwrap().refusal(), (status, code.to_owned()));
    }
    assert_eq!(admin.s3("GET", "/no-such-bucket?policy").await.refusal(), (404, "NoSuchBucket".into()));
    assert_eq!(admin.s3("GET", "/dir--usw2-az1--x-s3?policy").await.refusal(), (400, "InvalidBucketName".into()));
    assert_eq!(admin.s3("GET", "/payments-open?acl").await.status, 301);
    assert_eq!(admin.s3("GET", "/payments-plain?acl").await.refusal(), (501, "NotImplemented".into()));
}

#[tokio::test]
async fn plain_http_can_count_as_such() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    let out = Outgoing::new("s3", "GET", "/payments-open?list-type=2").region("us-east-1");
    assert_eq!(admin.send(&out).await.unwrap().status, 200);
    simulator.edit(|world| world.settings.pretend_tls = false);
    assert_eq!(admin.send(&out).await.unwrap().status, 403);
}

#[tokio::test]
async fn queues_of_other_accounts_stay_theirs() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let own = gateway.assume_root(PAYMENTS, "SQSUnlockQueuePolicy").await;
    let other = gateway.assume_root(CLEAN, "SQSUnlockQueuePolicy").await;
    let url = json!({ "QueueUrl": format!("http://x/{PAYMENTS}/payments-events"), "AttributeNames": ["Policy"] });
    assert_eq!(own.sqs("GetQueueAttributes", url.clone()).await.status, 200);
    let answer = other.sqs("GetQueueAttributes", url).await;
    assert_eq!(answer.refusal(), (403, "com.amazon.coral.service#AccessDeniedException".into()));
    assert_eq!(answer.header("x-amzn-query-error"), "AccessDenied;Sender");
    let clear = json!({ "QueueUrl": format!("http://x/{PAYMENTS}/payments-events"), "Attributes": { "Policy": "" } });
    assert_eq!(own.sqs("SetQueueAttributes", clear).await.status, 200);
    assert_eq!(
        simulator.edit(|world| world.queue(PAYMENTS, "eu-west-1", "payments-events").unwrap().policy.clone()),
        None
    );
    let none = own.sqs("GetQueueUrl", json!({ "QueueName": "none" })).await;
    assert_eq!(none.refusal(), (400, "com.amazonaws.sqs#QueueDoesNotExist".into()));
    assert_eq!(none.header("x-amzn-query-error"), "AWS.SimpleQueueService.NonExistentQueue;Sender");
}

#[tokio::test]
async fn features_are_the_management_accounts_to_enable() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "org-admin");
    simulator.edit(|world| {
        let account = world.account_mut("222222222222").unwrap();
        let role = account.principals.iter_mut().find(|role| role.name == "gateway").unwrap();
        role.policies =
            vec![r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#.into()];
    });
    let gateway = Client::of(&simulator, "gateway");
    let refused = gateway.query("iam", "EnableOrganizationsRootSessions", &[]).await;
    assert_eq!(refused.refusal(), (400, "CallerIsNotManagementAccountException".into()));
    assert_eq!(gateway.query("iam", "DisableOrganizationsRootSessions", &[]).await.status, 200);
    let member = Client::of(&simulator, "payments-admin").query("iam", "ListOrganizationsFeatures", &[]).await;
    assert_eq!(member.refusal(), (400, "AccountNotManagementOrDelegatedAdministratorException".into()));
    assert_eq!(admin.query("iam", "EnableOrganizationsRootSessions", &[]).await.status, 200);
    simulator.edit(|world| world.organization.trusted_services.clear());
    let answer = admin.query("iam", "ListOrganizationsFeatures", &[]).await;
    assert_eq!(answer.refusal(), (400, "ServiceAccessNotEnabledException".into()));
}
