use std::{collections::BTreeSet, num::NonZeroU32};

use aws_root_simulator::{Fault, Scenario, Simulator};
use futures_util::future::join_all;

use super::*;
use crate::{
    aws::{
        Fate, GatewayCredentials, Platform, PlatformSettings, RootSession, broker::Origin,
        session::ROOT_SESSION_SECONDS, testing::Confirming,
    },
    error::ErrorReason,
    types::{BucketName, CredentialKind, Kind, QueueName, Region, TaskPolicy},
};

const PAYMENTS: &str = "333333333333";
const OPEN_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"*","Resource":"*"}]}"#;

/// A simulated AWS, and a root session on it.
struct World {
    aws: Simulator,
    session: RootSession,
    trail: Trail,
}

async fn world(task_policy: TaskPolicy) -> World {
    open_for(task_policy, ROOT_SESSION_SECONDS, Trail::default()).await
}

async fn open_for(task_policy: TaskPolicy, duration_seconds: u16, trail: Trail) -> World {
    let aws = Simulator::start(Scenario::example()).await.unwrap();
    open_on(aws, 1, task_policy, duration_seconds, trail).await
}

async fn open_on(
    aws: Simulator,
    attempts_max: u32,
    task_policy: TaskPolicy,
    duration_seconds: u16,
    trail: Trail,
) -> World {
    let key = aws.access_key("gateway").unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    let settings = PlatformSettings {
        allowed_regions: BTreeSet::from([region("us-east-1"), region("eu-west-1")]),
        home_region: region("us-east-1"),
        endpoint_override: Some(aws.endpoint()),
        connect_timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_secs(30),
        operation_timeout: Duration::from_secs(30),
        attempts_max,
        assume_root_per_second_max: NonZeroU32::new(100).unwrap(),
    };
    let credentials = GatewayCredentials::Provided(SharedCredentialsProvider::new(credentials));
    let platform = Arc::new(Platform::new(settings, credentials).await.unwrap());
    let origin = Origin { caller: "alice".to_owned(), kind: Kind::UnlockBucketPolicy, ticket: None };
    let ask = Ask { account: PAYMENTS.parse().unwrap(), task_policy, duration_seconds, origin };
    let sts = Arc::new(Sts::new(&platform, None));
    let lease = Lease::open(sts, ask, trail.clone()).await.unwrap();
    World { aws, session: RootSession::new(platform, lease), trail }
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn ledger() -> BucketName {
    "payments-ledger".parse().unwrap()
}

impl World {
    fn sent(&self, name: &str) -> usize {
        self.aws.calls().iter().filter(|call| call.name() == name).count()
    }
}

#[tokio::test]
async fn a_session_that_ran_out_before_the_first_read_is_opened_once_more() {
    let world = world(TaskPolicy::S3UnlockBucketPolicy).await;
    let first = world.trail.access_key_id().unwrap();
    assert!(world.trail.expired_access_key_ids().is_empty());
    world.aws.expire_root_sessions();
    let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
    assert!(policies.get(&ledger()).await.unwrap().is_some());
    assert_eq!((world.sent("sts:AssumeRoot"), world.sent("s3:GetBucketPolicy")), (2, 2));
    assert_ne!(world.trail.access_key_id().unwrap(), first);
    assert_eq!(world.trail.expired_access_key_ids(), [first]);
    let codes: Vec<_> = world.trail.calls().into_iter().map(|call| (call.operation, call.error_code)).collect();
    let expired = Some("ExpiredToken".to_owned());
    assert_eq!(
        codes,
        [("AssumeRoot", None), ("GetBucketPolicy", expired), ("AssumeRoot", None), ("GetBucketPolicy", None)]
    );
}

#[tokio::test]
async fn a_change_that_a_finished_session_refused_is_sent_again() {
    let world = world(TaskPolicy::S3UnlockBucketPolicy).await;
    let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
    policies.get(&ledger()).await.unwrap();
    world.aws.expire_root_sessions();
    policies.delete(&ledger()).await.unwrap();
    assert_eq!(policies.get(&ledger()).await.unwrap(), None);
    assert_eq!((world.sent("sts:AssumeRoot"), world.sent("s3:DeleteBucketPolicy")), (2, 2));
}

#[tokio::test]
async fn queues_resume_too_though_sqs_spells_it_otherwise() {
    let world = world(TaskPolicy::SqsUnlockQueuePolicy).await;
    let policies = world.session.queue_policies(&region("eu-west-1")).unwrap();
    let url = policies.url(&"payments-events".parse::<QueueName>().unwrap()).await.unwrap();
    // The code of the JSON protocol, and not that of the query protocol that SQS repeats in a header.
    world.aws.inject(Fault::on("sqs", "SetQueueAttributes").error(403, "ExpiredTokenException", "it is over"));
    policies.clear(&url).await.unwrap();
    world.aws.expire_root_sessions();
    let failure = policies.get(&url).await.unwrap_err();
    assert_eq!(failure.into_error().reason(), ErrorReason::SessionExpired, "the one renewal is used up");
    assert_eq!((world.sent("sts:AssumeRoot"), world.sent("sqs:SetQueueAttributes")), (2, 2));
    assert!(world.aws.edit(|aws| aws.queue(PAYMENTS, "eu-west-1", "payments-events").unwrap().policy.is_none()));
}

#[tokio::test]
async fn deletions_that_run_out_together_open_one_session_more() {
    let world = world(TaskPolicy::IamDeleteRootUserCredentials).await;
    let root = world.session.root_credentials();
    let mut items = Vec::new();
    for kind in [CredentialKind::LoginProfile, CredentialKind::AccessKey, CredentialKind::SigningCertificate] {
        items.extend(root.items(kind).await.unwrap());
    }
    assert_eq!(items.len(), 4);
    world.aws.expire_root_sessions();
    for answer in join_all(items.iter().map(|item| root.delete(item))).await {
        answer.unwrap();
    }
    assert_eq!(world.sent("sts:AssumeRoot"), 2);
    assert_eq!(world.trail.expired_access_key_ids().len(), 1);
    assert!(root.access_keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_second_end_ends_the_act() {
    let world = world(TaskPolicy::S3UnlockBucketPolicy).await;
    let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
    world.aws.expire_root_sessions();
    policies.get(&ledger()).await.unwrap();
    world.aws.expire_root_sessions();
    let failure = policies.delete(&ledger()).await.unwrap_err();
    assert_eq!(failure.fate, Fate::Refused);
    assert_eq!(failure.into_error().reason(), ErrorReason::SessionExpired);
    assert_eq!(world.sent("sts:AssumeRoot"), 2);
    assert!(world.aws.edit(|aws| aws.bucket("payments-ledger").unwrap().1.policy.is_some()));
}

#[tokio::test]
async fn a_session_that_is_over_by_the_clock_is_not_used() {
    // No longer than the margin: over as soon as it is there, and so is the one that follows.
    let world = open_for(TaskPolicy::S3UnlockBucketPolicy, 5, Trail::default()).await;
    let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
    let error = policies.get(&ledger()).await.unwrap_err().into_error();
    assert_eq!(error.reason(), ErrorReason::SessionExpired);
    assert!(!error.metadata().contains_key("aws_error_code"), "AWS was not asked");
    assert_eq!((world.sent("sts:AssumeRoot"), world.sent("s3:GetBucketPolicy")), (2, 0));
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_no_doubt_about_the_change() {
    for (fault, reason) in [
        (Fault::on("sts", "AssumeRoot").lose_reply(), ErrorReason::AwsUnavailable),
        (Fault::on("sts", "AssumeRoot").error(403, "ExpiredToken", "expired"), ErrorReason::GatewayCredentials),
    ] {
        let world = world(TaskPolicy::S3UnlockBucketPolicy).await;
        let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
        world.aws.expire_root_sessions();
        world.aws.inject(fault);
        let failure = policies.delete(&ledger()).await.unwrap_err();
        assert_ne!(failure.fate, Fate::Unknown, "the change was refused, whatever became of the session");
        assert_eq!(failure.into_error().reason(), reason);
        assert_eq!(world.sent("s3:DeleteBucketPolicy"), 1);
    }
}

#[tokio::test]
async fn an_act_that_may_not_go_on_opens_no_other_session_and_changes_nothing() {
    let trail = Trail::with_journal(Arc::new(Confirming::times(0)));
    let world = open_for(TaskPolicy::S3UnlockBucketPolicy, ROOT_SESSION_SECONDS, trail).await;
    let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
    assert!(policies.get(&ledger()).await.unwrap().is_some(), "it may look");
    let error = policies.delete(&ledger()).await.unwrap_err().into_error();
    assert_eq!((error.reason(), world.sent("s3:DeleteBucketPolicy")), (ErrorReason::JournalUnavailable, 0));
    assert!(!world.trail.change_begun());
    world.aws.expire_root_sessions();
    let error = policies.get(&ledger()).await.unwrap_err().into_error();
    assert_eq!((error.reason(), world.sent("sts:AssumeRoot")), (ErrorReason::JournalUnavailable, 1));
}

#[tokio::test]
async fn a_session_whose_answer_was_lost_stays_on_the_trail() {
    for (fault, code) in [
        (Fault::on("sts", "AssumeRoot").lose_reply(), "NoAnswer"),
        (Fault::on("sts", "AssumeRoot").throttle(), "Throttling"),
    ] {
        let aws = Simulator::start(Scenario::example()).await.unwrap();
        aws.inject(fault.times(1));
        let trail = Trail::default().planning();
        let world = open_on(aws, 3, TaskPolicy::S3UnlockBucketPolicy, ROOT_SESSION_SECONDS, trail).await;
        let noted: Vec<_> = world.trail.calls().into_iter().map(|call| (call.operation, call.error_code)).collect();
        assert_eq!(noted, [("AssumeRoot", Some(code.to_owned())), ("AssumeRoot", None)]);
        assert_eq!(world.sent("sts:AssumeRoot"), noted.len(), "AWS saw no attempt that the trail does not show");
        assert!(world.trail.session_asked() && !world.trail.change_begun());
        let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
        assert!(policies.get(&ledger()).await.unwrap().is_some(), "the session that was answered works");
    }
}

#[tokio::test]
async fn what_got_no_answer_is_not_sent_again() {
    let world = world(TaskPolicy::S3UnlockBucketPolicy).await;
    let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").lose_reply());
    assert_eq!(policies.delete(&ledger()).await.unwrap_err().fate, Fate::Unknown);
    assert_eq!((world.sent("sts:AssumeRoot"), world.sent("s3:DeleteBucketPolicy")), (1, 1));
}

#[tokio::test]
async fn a_bucket_policy_is_written_once_and_read_back() {
    let world = world(TaskPolicy::S3UnlockBucketPolicy).await;
    let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
    world.aws.inject(Fault::on("s3", "PutBucketPolicy").throttle().times(1));
    policies.put(&ledger(), OPEN_POLICY).await.unwrap();
    assert_eq!(policies.get(&ledger()).await.unwrap().unwrap(), OPEN_POLICY);
    assert_eq!(world.sent("s3:PutBucketPolicy"), 2, "what was throttled is sent again, and nothing else");
    let elsewhere: BucketName = "analytics-lake".parse().unwrap();
    assert!(policies.put(&elsewhere, OPEN_POLICY).await.is_err(), "another account's bucket");
}

#[tokio::test]
async fn a_queue_policy_is_written_and_an_empty_one_is_not_sent() {
    let world = world(TaskPolicy::SqsUnlockQueuePolicy).await;
    let policies = world.session.queue_policies(&region("eu-west-1")).unwrap();
    let url = policies.url(&"payments-events".parse::<QueueName>().unwrap()).await.unwrap();
    assert_eq!(policies.put(&url, "").await.unwrap_err().fate, Fate::NotSent);
    assert_eq!(world.sent("sqs:SetQueueAttributes"), 0);
    policies.put(&url, OPEN_POLICY).await.unwrap();
    assert_eq!(policies.get(&url).await.unwrap().unwrap(), OPEN_POLICY);
}

#[tokio::test]
async fn a_plan_reads_and_changes_nothing() {
    let trail = Trail::default().planning();
    let world = open_for(TaskPolicy::S3UnlockBucketPolicy, ROOT_SESSION_SECONDS, trail).await;
    let policies = world.session.bucket_policies(&region("eu-west-1")).unwrap();
    assert!(policies.get(&ledger()).await.unwrap().is_some());
    assert_eq!(policies.put(&ledger(), OPEN_POLICY).await.unwrap_err().into_error().reason(), ErrorReason::Internal);
    assert_eq!(policies.delete(&ledger()).await.unwrap_err().into_error().reason(), ErrorReason::Internal);
    assert!(world.aws.calls().iter().all(|call| !call.mutating || call.action == "AssumeRoot"));
}
