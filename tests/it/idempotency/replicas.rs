//! Twins that come to different gateways on one database.

use std::time::Duration;

use aws_root_simulator::Fault;
use rootgate_test_postgres::Cluster;
use tokio::task::JoinSet;

use super::{ID, ask, events, unlock};
use crate::{harness::OPERATOR, replicas::replicas};

const TWINS_EACH: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_at_different_replicas_act_once_and_are_answered_the_same() {
    let database = Cluster::shared().database("twins");
    let mut worlds = replicas(3, &database).await;
    let aws = worlds[0].aws.clone();
    aws.inject(Fault::on("s3", "DeleteBucketPolicy").latency(Duration::from_secs(1)));
    let mut calls = JoinSet::new();
    for world in &worlds {
        for _ in 0..TWINS_EACH {
            let mut client = world.as_caller(OPERATOR).await;
            calls.spawn(async move { ask(&mut client, unlock(ID)).await.unwrap() });
        }
    }
    let answers = calls.join_all().await;
    assert!(answers[0].changed && answers.iter().all(|answer| *answer == answers[0]));

    // Whichever of them acted, the others know its answer when it is gone.
    for gone in 0..2 {
        worlds[gone].stop().await;
        let again = ask(&mut worlds[gone + 1].as_caller(OPERATOR).await, unlock(ID)).await.unwrap();
        assert_eq!(again, answers[0]);
    }
    let acts = |name: &str| aws.calls().iter().filter(|call| call.name() == name).count();
    assert_eq!((acts("sts:AssumeRoot"), acts("s3:DeleteBucketPolicy")), (1, 1));
    let records = worlds[0].records().await;
    assert_eq!((events(&records, "Intent").len(), events(&records, "Outcome").len()), (1, 1));
    assert_eq!(events(&records, "Repeated").len(), 3 * TWINS_EACH - 1 + 2);
    assert!(events(&records, "Refusal").is_empty());
}
