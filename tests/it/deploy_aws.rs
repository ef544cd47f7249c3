//! The IAM documents of deploy/aws, tried on the simulator.

use std::{collections::BTreeMap, fs, path::Path};

use aws_root_simulator::{
    Scenario, Simulator,
    world::{CredentialStatus, IamPrincipal, RootAccessKey},
};
use aws_sdk_sts::types::Tag;
use rootgate::pb::{CredentialKind, TaskPolicy};
use tonic::Code;

use crate::{
    broker::{assume_root, sts},
    harness::{ANALYTICS, OPERATOR, PAYMENTS, Setup, World, credentials, refused, sdk},
};

const GATEWAY_ACCOUNT: &str = "222222222222";
const TIERS: [(&str, &str); 5] = [
    ("audit", "IAMAuditRootUserCredentials"),
    ("unlock-bucket", "S3UnlockBucketPolicy"),
    ("unlock-queue", "SQSUnlockQueuePolicy"),
    ("delete", "IAMDeleteRootUserCredentials"),
    ("recovery", "IAMCreateRootUserPassword"),
];

/// A document, with the name that the gateway's role has in the simulated world.
pub fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/aws").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("role/rootgate\"", "role/gateway\"")
}

/// Gives the gateway its policy, and puts the broker roles beside it.
fn deploy(aws: &Simulator, gateway_policy: &str) {
    aws.edit(|aws| {
        let principals = &mut aws.account_mut(GATEWAY_ACCOUNT).unwrap().principals;
        let gateway = principals.iter_mut().find(|principal| principal.name == "gateway").unwrap();
        gateway.policies = vec![document(gateway_policy)];
        for (tier, _) in TIERS {
            let role = IamPrincipal::role(GATEWAY_ACCOUNT, &format!("rootgate-broker-{tier}"));
            let mut role = role.with_policy(&document(&format!("broker-{tier}.json")));
            role.trust = Some(document("broker-trust.json"));
            principals.push(role);
        }
    });
}

fn bind(aws: &Simulator, account: &str, scp: &str) {
    aws.edit(|aws| aws.account_mut(account).unwrap().scps.push(document(scp)));
}

fn with_brokers() -> Setup {
    let role = |(tier, task)| format!("{task} = \"arn:aws:iam::{GATEWAY_ACCOUNT}:role/rootgate-broker-{tier}\"");
    let roles: Vec<String> = TIERS.into_iter().map(role).collect();
    Setup::default().with("aws.broker.roles", &roles.join("\n")).with("organization", "source = \"aws\"\ntags = true")
}

async fn does_everything(world: &World) {
    let mut operator = world.as_caller(OPERATOR).await;
    operator.audit(PAYMENTS).await.unwrap();
    operator.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    operator.unlock_queue(PAYMENTS, "arn:aws:sqs:eu-west-1:333333333333:payments-events").await.unwrap();
    operator.delete(PAYMENTS, &[CredentialKind::All]).await.unwrap();
    operator.allow_recovery(PAYMENTS).await.unwrap();
    operator.assume_root(PAYMENTS, TaskPolicy::SqsUnlockQueuePolicy).await.unwrap();
}

#[tokio::test]
async fn the_gateway_does_everything_through_its_brokers_under_both_scps() {
    let world = World::start_with(with_brokers()).await;
    deploy(&world.aws, "gateway-role.json");
    bind(&world.aws, GATEWAY_ACCOUNT, "deny-assume-root-to-others.scp.json");
    bind(&world.aws, PAYMENTS, "deny-root-except-assumed-root.scp.json");
    does_everything(&world).await;
}

#[tokio::test]
async fn the_gateway_does_everything_without_brokers() {
    let world = World::start().await;
    deploy(&world.aws, "gateway-role-without-broker.json");
    bind(&world.aws, GATEWAY_ACCOUNT, "deny-assume-root-to-others-without-broker.scp.json");
    bind(&world.aws, PAYMENTS, "deny-root-except-assumed-root.scp.json");
    does_everything(&world).await;
}

#[tokio::test]
async fn the_gateway_with_brokers_opens_no_root_session_itself() {
    let world = World::start().await;
    deploy(&world.aws, "gateway-role.json");
    let result = world.as_caller(OPERATOR).await.audit(PAYMENTS).await;
    refused(result, Code::PermissionDenied, "AWS_ACCESS_DENIED");
}

#[tokio::test]
async fn no_tier_can_do_another_tiers_task_nor_reach_the_two_accounts_at_the_top() {
    let aws = Simulator::start(Scenario::example()).await.unwrap();
    deploy(&aws, "gateway-role.json");
    for (tier, own) in TIERS {
        let broker = sts(&aws, credentials(&aws, &format!("rootgate-broker-{tier}")));
        for (_, task) in TIERS {
            assert_eq!(assume_root(&broker, ANALYTICS, task).await.is_ok(), task == own, "{tier} {task}");
        }
        for top in ["111111111111", GATEWAY_ACCOUNT] {
            assert_eq!(assume_root(&broker, top, own).await, Err("AccessDenied".to_owned()), "{tier} {top}");
        }
    }
}

#[tokio::test]
async fn the_trust_policy_takes_the_gateway_only_and_only_with_a_caller() {
    let aws = Simulator::start(Scenario::example()).await.unwrap();
    deploy(&aws, "gateway-role.json");
    aws.edit(|aws| aws.account_mut(GATEWAY_ACCOUNT).unwrap().principals.push(power_user()));
    let role = format!("arn:aws:iam::{GATEWAY_ACCOUNT}:role/rootgate-broker-audit");
    let tags = ["operation", "operation_id", "caller"];
    for (who, source_identity, session, left_out, allowed) in [
        ("gateway", Some("alice"), "rootgate-1", None, true),
        ("gateway", None, "rootgate-1", None, false),
        ("gateway", Some("alice"), "other", None, false),
        ("gateway", Some("alice"), "rootgate-1", Some(tags[0]), false),
        ("gateway", Some("alice"), "rootgate-1", Some(tags[1]), false),
        ("gateway", Some("alice"), "rootgate-1", Some(tags[2]), false),
        ("power-user", Some("alice"), "rootgate-1", None, false),
    ] {
        let call = sts(&aws, credentials(&aws, who)).assume_role().role_arn(&role);
        let call = call.role_session_name(session).set_source_identity(source_identity.map(ToOwned::to_owned));
        let call = tags.into_iter().filter(|tag| left_out != Some(*tag)).fold(call, |call, tag| {
            call.tags(Tag::builder().key(format!("rootgate:{tag}")).value("x").build().unwrap())
        });
        assert_eq!(call.send().await.is_ok(), allowed, "{who} {source_identity:?} {session} {left_out:?}");
    }
}

/// What PowerUserAccess comes to, as far as this goes.
fn power_user() -> IamPrincipal {
    IamPrincipal::user(GATEWAY_ACCOUNT, "power-user")
        .with_policy(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#)
}

#[tokio::test]
async fn the_scps_keep_everybody_else_from_going_around_the_gateway() {
    let task = TIERS[0].1;
    let brokers = TIERS.map(|(tier, _)| format!("rootgate-broker-{tier}"));
    for (scp, exempt) in [
        ("deny-assume-root-to-others.scp.json", brokers.to_vec()),
        ("deny-assume-root-to-others-without-broker.scp.json", vec!["gateway".to_owned()]),
    ] {
        let aws = Simulator::start(Scenario::example()).await.unwrap();
        deploy(&aws, "gateway-role.json");
        let everything = power_user().policies;
        aws.edit(|aws| {
            let principals = &mut aws.account_mut(GATEWAY_ACCOUNT).unwrap().principals;
            principals.extend([power_user(), IamPrincipal::role(GATEWAY_ACCOUNT, "rootgate-broker-evil")]);
            // So that nothing but the SCP stops anybody.
            principals.iter_mut().for_each(|principal| principal.policies.clone_from(&everything));
        });
        let everybody: Vec<&str> =
            brokers.iter().map(String::as_str).chain(["gateway", "power-user", "rootgate-broker-evil"]).collect();
        let may = async |who: &str| assume_root(&sts(&aws, credentials(&aws, who)), PAYMENTS, task).await.is_ok();
        for who in &everybody {
            assert!(may(who).await, "without the SCP nothing stops {who}");
        }
        bind(&aws, GATEWAY_ACCOUNT, scp);
        for who in &everybody {
            assert_eq!(may(who).await, exempt.iter().any(|exempt| exempt == who), "{scp} {who}");
        }
    }
}

#[tokio::test]
async fn the_scp_on_members_denies_the_root_user_and_lets_root_sessions_through() {
    let world = World::start().await;
    world.aws.edit(|aws| {
        aws.account_mut(PAYMENTS).unwrap().root.access_keys.push(RootAccessKey {
            id: "AKIAROOTKEY03EXAMPLE".to_owned(),
            secret_access_key: Some("a-secret-of-the-simulated-root-user".to_owned()),
            status: CredentialStatus::Active,
            created: 0,
            last_used: None,
        });
    });
    let root = credentials(&world.aws, &format!("{PAYMENTS}/root"));
    let root_user = aws_sdk_iam::Client::new(&sdk(&world.aws, "us-east-1", root));
    root_user.get_account_summary().send().await.expect("the root user may do everything");
    bind(&world.aws, PAYMENTS, "deny-root-except-assumed-root.scp.json");
    assert!(root_user.get_account_summary().send().await.is_err());
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
}

#[test]
fn the_readme_names_every_document() {
    let readme = document("README.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/aws");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let named: BTreeMap<String, bool> =
        names.map(|name| (name.clone(), readme.contains(&format!("`{name}`")))).collect();
    assert!(named.len() >= 10, "{named:?}");
    assert!(named.iter().all(|(name, named)| *named || name == "README.md"), "{named:?}");
}
