//! Several gateways that share one PostgreSQL database.

use std::{sync::Arc, time::Duration};

use aws_root_simulator::{Fault, Scenario, Simulator};
use rootgate_test_postgres::{Cluster, Database};
use tonic::Code;

use crate::harness::{ANALYTICS, AUDITOR, OPERATOR, PAYMENTS, Setup, World, refused};

/// Gateways on one AWS and one database.
pub async fn replicas(count: usize, database: &Database<'_>) -> Vec<World> {
    let aws = Arc::new(Simulator::start(Scenario::example()).await.unwrap());
    let mut worlds = Vec::new();
    for _ in 0..count {
        worlds.push(World::start_on(Arc::clone(&aws), Setup::default().on_postgres(database)).await);
    }
    worlds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_under_load_write_one_unbroken_chain_and_lose_no_outcome() {
    const CALLERS_EACH: usize = 4;
    const CALLS_EACH: usize = 10;
    let database = Cluster::shared().database("load");
    let mut worlds = replicas(3, &database).await;
    let mut callers = Vec::new();
    for world in &worlds {
        for number in 0..CALLERS_EACH {
            let mut caller = world.as_caller(if number % 2 == 0 { AUDITOR } else { OPERATOR }).await;
            callers.push(tokio::spawn(async move {
                let mut receipts = Vec::new();
                for call in 0..CALLS_EACH {
                    let account = if call % 2 == 0 { PAYMENTS } else { ANALYTICS };
                    receipts.push(caller.audit(account).await.unwrap().receipt.unwrap());
                }
                receipts
            }));
        }
    }
    let mut receipts = Vec::new();
    for caller in callers {
        receipts.extend(caller.await.unwrap());
    }
    for world in &mut worlds {
        world.stop().await;
    }
    // Verified from the first record to the last.
    let records = worlds[0].records().await;
    assert_eq!(receipts.len(), 3 * CALLERS_EACH * CALLS_EACH);
    for receipt in &receipts {
        let record = &records[usize::try_from(receipt.journal_index).unwrap() - 1];
        assert_eq!((record.event(), &record.hash), ("Outcome", &receipt.record_hash), "nothing acknowledged is lost");
    }
    let count = |event: &str| records.iter().filter(|record| record.event() == event).count();
    assert_eq!((count("Intent"), count("Outcome")), (receipts.len(), receipts.len()));
    assert_eq!((count("Started"), count("Stopped"), count("Interrupted")), (3, 3, 0));
    assert_eq!(database.query("SELECT count(*) FROM rootgate.open_intents"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_acts_on_one_target_at_different_replicas_one_is_done() {
    let database = Cluster::shared().database("target");
    let worlds = replicas(2, &database).await;
    let aws = &worlds[0].aws;
    aws.inject(Fault::on("sts", "AssumeRoot").latency(Duration::from_secs(3)));
    let mut first = worlds[0].as_caller(OPERATOR).await;
    let mut second = worlds[1].as_caller(OPERATOR).await;
    let first = tokio::spawn(async move { first.unlock_bucket(PAYMENTS, "payments-ledger").await });
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while database.query("SELECT count(*) FROM rootgate.open_intents") != "1" {
        assert!(tokio::time::Instant::now() < deadline, "the first act does not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    refused(second.unlock_bucket(PAYMENTS, "payments-ledger").await, Code::Aborted, "RESOURCE_BUSY");
    assert!(first.await.unwrap().unwrap().changed);
    aws.clear_faults();
    assert!(!second.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap().changed, "it is free again, and done");
    let deletions = aws.calls().iter().filter(|call| call.name() == "s3:DeleteBucketPolicy").count();
    assert_eq!(deletions, 1, "no act is done twice");
}

/// Waits until an act is under way, and closes its intent as another replica would that takes its gateway for dead.
async fn close_the_intent_of_a_running_act(database: &Database<'_>, world: &World) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !world.aws.calls().iter().any(|call| call.name() == "sts:AssumeRoot") {
        assert!(tokio::time::Instant::now() < deadline, "the act does not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    database.execute("DELETE FROM rootgate.open_intents");
}

fn names(world: &World) -> Vec<String> {
    world.aws.calls().iter().map(|call| call.name()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_whose_intent_another_replica_closed_changes_nothing() {
    let database = Cluster::shared().database("fenced");
    let worlds = replicas(1, &database).await;
    let world = &worlds[0];
    let mut operator = world.as_caller(OPERATOR).await;
    // Before the backup of a policy.
    world.aws.inject(Fault::on("s3", "GetBucketPolicy").latency(Duration::from_secs(3)));
    let (refusal, ()) = tokio::join!(
        operator.unlock_bucket(PAYMENTS, "payments-ledger"),
        close_the_intent_of_a_running_act(&database, world)
    );
    let refusal = refused(refusal, Code::Unavailable, "JOURNAL_UNAVAILABLE");
    assert!(refusal.status.message().contains("another one has closed the act's intent"), "{refusal:?}");
    assert_eq!(database.query("SELECT count(*) FROM rootgate.policy_backups"), "0");
    assert!(!names(world).iter().any(|name| name.contains("PutBucketPolicy") || name.contains("DeleteBucketPolicy")));
    world.aws.clear_faults();
    world.aws.clear_calls();
    // Where no backup is kept: before the change itself.
    world.aws.inject(Fault::on("iam", "GetLoginProfile").latency(Duration::from_secs(3)));
    let (refusal, ()) =
        tokio::join!(operator.allow_recovery(ANALYTICS), close_the_intent_of_a_running_act(&database, world));
    refused(refusal, Code::Unavailable, "JOURNAL_UNAVAILABLE");
    assert!(
        names(world).ends_with(&["sts:AssumeRoot".to_owned(), "iam:GetLoginProfile".to_owned()]),
        "{:?}",
        names(world)
    );
    // Not verified: nobody has recorded here why the intents are not open.
    let stray = "SELECT count(*) FROM rootgate.records WHERE rootgate.fact(body, 'event') = 'StrayOutcome' \
         AND rootgate.fact(body, 'result') = 'Failed'";
    assert_eq!(database.query(stray), "2", "what became of them is recorded all the same");
}
