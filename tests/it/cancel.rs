//! A caller's deadline or disconnect never parts an act from its outcome record.

use std::time::Duration;

use aws_root_simulator::Fault;
use tonic::{Code, Request};

use crate::{
    harness::{OPERATOR, PAYMENTS, World, answer, unlock_bucket},
    limits::until,
};

/// The number of outcome records so far.
async fn outcomes(world: &World) -> usize {
    world.records().await.iter().filter(|record| record.event() == "Outcome").count()
}

#[tokio::test]
async fn a_passed_deadline_leaves_the_act_and_its_outcome_whole() {
    let mut world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").latency(Duration::from_millis(800)));
    let mut request = Request::new(unlock_bucket(PAYMENTS, "payments-ledger"));
    request.set_timeout(Duration::from_millis(300));
    let refusal = answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(request).await).unwrap_err();
    assert!(matches!(refusal.code, Code::Cancelled | Code::DeadlineExceeded), "{refusal:?}");

    // Stopping waits for what is in flight.
    world.stop().await;
    assert_eq!(outcomes(&world).await, 1);
    assert!(world.aws.edit(|aws| aws.bucket("payments-ledger").unwrap().1.policy.is_none()));
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_the_act_and_its_outcome_whole() {
    let mut world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").latency(Duration::from_millis(800)));
    let mut operator = world.as_caller(OPERATOR).await;
    let call = tokio::spawn(async move { operator.unlock_bucket(PAYMENTS, "payments-ledger").await });
    until(|| world.acts_on_aws().contains(&"s3:GetBucketPolicy".to_owned())).await;
    call.abort();

    world.stop().await;
    assert_eq!(outcomes(&world).await, 1);
    assert!(world.aws.edit(|aws| aws.bucket("payments-ledger").unwrap().1.policy.is_none()));
}
