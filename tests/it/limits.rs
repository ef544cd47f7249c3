//! Bounds, as a caller meets them.

use std::time::Duration;

use aws_root_simulator::Fault;
use rootgate::pb;
use tonic::Code;

use crate::harness::{AUDITOR, OPERATOR, PAYMENTS, World, answer, refused, unlock_bucket};

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
