//! Requests at the same time.

use std::time::Duration;

use aws_root_simulator::Fault;
use rootgate::pb;
use tokio::task::JoinSet;
use tonic::{Code, Request};

use super::{ID, OTHER_ID, ask, events, unlock};
use crate::{
    harness::{Client, OPERATOR, World, answer, refused},
    limits::until,
};

const TWINS: usize = 32;

/// Room for all of them.
async fn world() -> World {
    World::start_configured("limits.caller", "operations_per_minute = 6000\nburst = 1000\nin_flight_max = 64").await
}

async fn all(world: &World, requests: usize) -> Vec<Result<pb::UnlockBucketPolicyResponse, crate::harness::Refusal>> {
    let mut calls = JoinSet::new();
    for _ in 0..requests {
        let mut client: Client = world.as_caller(OPERATOR).await;
        calls.spawn(async move { ask(&mut client, unlock(ID)).await });
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_at_the_same_time_act_once_and_are_answered_the_same() {
    let world = world().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").latency(Duration::from_millis(300)));
    let answers = all(&world, TWINS).await;
    let first = answers[0].as_ref().unwrap();
    assert!(first.changed);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == first));
    let acts = world.acts_on_aws();
    assert_eq!(acts.iter().filter(|name| *name == "s3:DeleteBucketPolicy").count(), 1, "{acts:?}");
    assert_eq!(acts.iter().filter(|name| *name == "sts:AssumeRoot").count(), 1, "{acts:?}");
    let records = world.records().await;
    assert_eq!((events(&records, "Intent").len(), events(&records, "Repeated").len()), (1, TWINS - 1));
    assert!(events(&records, "Refusal").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twin_acts_itself_where_the_first_released_the_id() {
    let world = world().await;
    // As often as one act asks, so that whoever comes next gets through.
    let fault = || Fault::on("sts", "AssumeRoot").error(403, "ExpiredToken", "no").latency(Duration::from_millis(300));
    world.aws.inject(fault());
    let answers = all(&world, 4).await;
    let done: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert!(!done.is_empty() && done.iter().all(|answer| *answer == done[0]), "one act, and the others are told of it");
    assert!(answers.iter().any(Result::is_err), "the first one failed");
    let acts = world.acts_on_aws();
    assert_eq!(acts.iter().filter(|name| *name == "s3:DeleteBucketPolicy").count(), 1, "{acts:?}");
}

#[tokio::test]
async fn who_lost_its_connection_asks_again_and_is_told_how_it_ended() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").latency(Duration::from_millis(800)));
    let mut operator = world.as_caller(OPERATOR).await;
    let mut request = Request::new(unlock(ID));
    request.set_timeout(Duration::from_millis(300));
    let lost = answer(operator.root.unlock_bucket_policy(request).await).unwrap_err();
    assert!(matches!(lost.code, Code::Cancelled | Code::DeadlineExceeded), "{lost:?}");
    let told = ask(&mut operator, unlock(ID)).await.unwrap();
    assert!(told.changed);
    let records = world.records().await;
    assert_eq!((events(&records, "Intent").len(), events(&records, "Outcome").len()), (1, 1));
}

#[tokio::test]
async fn another_request_for_the_same_target_is_busy_while_a_twin_waits() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").latency(Duration::from_millis(800)));
    let (mut first, mut second) = (world.as_caller(OPERATOR).await, world.as_caller(OPERATOR).await);
    let mut third = world.as_caller(OPERATOR).await;
    let first = tokio::spawn(async move { ask(&mut first, unlock(ID)).await });
    until(|| world.acts_on_aws().contains(&"s3:GetBucketPolicy".to_owned())).await;
    let twin = tokio::spawn(async move { ask(&mut second, unlock(ID)).await });
    refused(ask(&mut third, unlock(OTHER_ID)).await, Code::Aborted, "RESOURCE_BUSY");
    let (first, twin) = (first.await.unwrap().unwrap(), twin.await.unwrap().unwrap());
    assert_eq!(first, twin);
    assert!(!ask(&mut third, unlock(OTHER_ID)).await.unwrap().changed, "what was busy has used no id up");
}
