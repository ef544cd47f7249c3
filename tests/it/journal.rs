//! No durable intent, no act; no act without outcome.

use aws_root_simulator::Fault;

use crate::harness::{OPERATOR, PAYMENTS, World};

#[tokio::test]
async fn an_act_stands_between_its_intent_and_its_outcome() {
    let mut world = World::start().await;
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    world.stop().await;
    let events: Vec<String> = world.records().await.iter().map(|record| record.event().to_owned()).collect();
    assert_eq!(events, ["Started", "Intent", "Outcome", "Stopped"]);
}

#[tokio::test]
async fn a_failed_act_has_its_outcome_too() {
    let world = World::start_configured("aws", "attempts_max = 1").await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").status(503));
    let refusal = world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap_err();
    let outcome = world.records().await.pop().unwrap();
    assert_eq!((outcome.event(), outcome.text("result")), ("Outcome", "Failed"));
    assert_eq!(refusal.metadata("journal_index"), outcome.index.to_string());
    assert_eq!(refusal.metadata("record_hash"), outcome.hash);
}

#[tokio::test]
async fn the_chain_goes_on_over_a_restart() {
    let mut world = World::start().await;
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    world.start_again().await;
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    let records = world.records().await;
    assert_eq!(records.iter().filter(|record| record.event() == "Outcome").count(), 2);
    let indexes: Vec<u64> = records.iter().map(|record| record.index).collect();
    assert_eq!(indexes, (1..=records.len() as u64).collect::<Vec<_>>());
}
