//! Bounds, as a caller meets them.

use std::time::Duration;

use aws_root_simulator::Fault;
use rootgate::pb;
use tonic::Code;

use crate::harness::{AUDITOR, OPERATOR, PAYMENTS, STRANGER, World, answer, refused, unlock_bucket};

#[tokio::test]
async fn a_message_of_five_mebibytes_is_refused() {
    let world = World::start().await;
    let request =
        pb::UnlockBucketPolicyRequest { reason: "x".repeat(5 << 20), ..unlock_bucket(PAYMENTS, "payments-ledger") };
    let refusal = answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(request).await).unwrap_err();
    assert_eq!(refusal.code, Code::OutOfRange);
    assert!(refusal.status.message().contains("65536"), "{}", refusal.status.message());
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn a_full_gate_says_come_back_and_frees_its_slot_only_with_the_outcome() {
    let world = World::start_configured("server.limits", "operations_in_flight_max = 1").await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").latency(Duration::from_millis(1500)));
    let mut slow = world.as_caller(OPERATOR).await;
    let mut fast = world.as_caller(AUDITOR).await;
    let slow = tokio::spawn(async move { slow.audit(PAYMENTS).await });
    until(|| !world.acts_on_aws().is_empty() || in_flight(&world)).await;
    let refusal = refused(fast.audit(PAYMENTS).await, Code::Unavailable, "OVERLOADED");
    assert!(tonic_types::StatusExt::get_details_retry_info(&refusal.status).is_some());
    slow.await.unwrap().unwrap();
    fast.audit(PAYMENTS).await.unwrap();
}

/// The journal knows of an intent without outcome.
fn in_flight(world: &World) -> bool {
    let path = world.journal_path();
    let verified = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(rootgate::journal::verify(&path, &[]))
    });
    verified.join().unwrap().is_ok_and(|verified| !verified.open_intents.is_empty())
}

#[tokio::test]
async fn two_acts_on_one_target_exclude_each_other() {
    let world = World::start().await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").latency(Duration::from_millis(1500)));
    let mut first = world.as_caller(OPERATOR).await;
    let mut second = world.as_caller(OPERATOR).await;
    let first = tokio::spawn(async move { first.unlock_bucket(PAYMENTS, "payments-ledger").await });
    until(|| in_flight(&world)).await;
    let refusal = refused(second.unlock_bucket(PAYMENTS, "payments-ledger").await, Code::Aborted, "RESOURCE_BUSY");
    assert_eq!(refusal.metadata("resource"), "arn:aws:s3:::payments-ledger");
    second.unlock_bucket(PAYMENTS, "payments-open").await.unwrap();
    assert!(first.await.unwrap().unwrap().changed);
}

/// Waits for a condition that something else makes true; fails loudly if nothing does.
pub async fn until(condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "it did not happen in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_caller_that_asks_too_often_is_told_when_to_come_back_and_others_are_served() {
    let limits = "operations_per_minute = 6\nburst = 3\nrefusals_recorded_per_minute = 2";
    let world = World::start_configured("limits.caller", limits).await;
    let mut auditor = world.as_caller(AUDITOR).await;
    for _ in 0..3 {
        auditor.audit(PAYMENTS).await.unwrap();
    }
    for _ in 0..5 {
        let refusal = refused(auditor.audit(PAYMENTS).await, Code::ResourceExhausted, "RATE_LIMITED");
        let retry = tonic_types::StatusExt::get_details_retry_info(&refusal.status).unwrap().retry_delay.unwrap();
        assert!(retry <= Duration::from_secs(10), "{retry:?}");
    }
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    let recorded = world.records().await.into_iter().filter(|record| record.text("error/reason") == "RATE_LIMITED");
    assert_eq!(recorded.count(), 2, "a flood of one caller is sampled");
}

#[tokio::test]
async fn one_caller_cannot_take_every_slot() {
    let world = World::start_configured("limits.caller", "in_flight_max = 1").await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").latency(Duration::from_millis(1500)));
    let mut slow = world.as_caller(AUDITOR).await;
    let mut same = world.as_caller(AUDITOR).await;
    let slow = tokio::spawn(async move { slow.audit(PAYMENTS).await });
    until(|| in_flight(&world)).await;
    refused(same.audit(PAYMENTS).await, Code::ResourceExhausted, "RATE_LIMITED");
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    slow.await.unwrap().unwrap();
    same.audit(PAYMENTS).await.unwrap();
}

#[tokio::test]
async fn a_kind_has_one_budget_for_everybody_which_the_refused_cannot_use_up() {
    let world = World::start_configured("limits.operations.AuditRootCredentials", "per_minute = 1\nburst = 2").await;
    for _ in 0..5 {
        let refusal = world.as_caller(STRANGER).await.audit(PAYMENTS).await;
        refused(refusal, Code::PermissionDenied, "PERMISSION_DENIED");
    }
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    let mut auditor = world.as_caller(AUDITOR).await;
    auditor.audit(PAYMENTS).await.unwrap();
    refused(auditor.audit(PAYMENTS).await, Code::ResourceExhausted, "RATE_LIMITED");
    world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
}
