//! Gateways that share a database and do not wait for each other's dead.

use super::*;

#[tokio::test]
async fn intents_of_whoever_lives_are_no_orphans_until_the_lease_ends() {
    let database = Cluster::shared().database("leases");
    let mut connection = connect(&database).await;
    let (me, other) = (Instance::generate(), Instance::generate());
    let intent = NewIntent { index: 1, operation_id: "o".to_owned(), target: None, instance: other.clone() };
    let mut append = connection.append().await.unwrap();
    append.add(&Additions { intents: vec![intent], ..one(1) }).await.unwrap();
    append.renew(&other, Duration::from_secs(60)).await.unwrap();
    assert_eq!(append.orphaned(&me, 0, 10).await.unwrap(), []);
    append.renew(&other, Duration::from_secs(120)).await.unwrap();
    assert_eq!(append.orphaned(&me, 0, 10).await.unwrap(), []);
    append.commit().await.unwrap();
    // By the server's clock, so no gateway's own clock matters.
    database.execute("UPDATE rootgate.instances SET lives_until = now() - interval '1 second'");
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.orphaned(&me, 0, 10).await.unwrap().len(), 1);
    append.renew(&other, Duration::from_secs(60)).await.unwrap();
    assert_eq!(append.orphaned(&me, 0, 10).await.unwrap(), [], "it lives after all");
    append.renew(&other, Duration::ZERO).await.unwrap();
    assert_eq!(append.orphaned(&me, 0, 10).await.unwrap(), [], "nobody leaves in the middle of an act");
    append.close_intents(&[IntentKey { index: 1, operation_id: "o".to_owned() }]).await.unwrap();
    append.renew(&other, Duration::ZERO).await.unwrap();
    append.commit().await.unwrap();
    assert_eq!(database.query("SELECT count(*) FROM rootgate.instances"), "0");
}

#[tokio::test]
async fn a_transaction_begins_with_what_is_left_of_the_own_lease() {
    let database = Cluster::shared().database("own_lease");
    let (store, other) = (store(&database).await, store(&database).await);
    let mut connection = store.connect(WhenEmpty::Initialise).await.unwrap();
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.lease_left(), Duration::ZERO, "none was taken");
    append.renew(store.instance(), Duration::from_secs(240)).await.unwrap();
    append.renew(other.instance(), Duration::from_secs(10)).await.unwrap();
    append.commit().await.unwrap();
    let near = |left: Duration, seconds: u64| {
        let seconds = Duration::from_secs(seconds);
        left <= seconds && left + Duration::from_secs(9) > seconds
    };
    assert!(near(lease_left(connection.as_mut()).await, 240));
    // Another session of the same gateway.
    let mut again = store.connect(WhenEmpty::Refuse).await.unwrap();
    assert!(near(lease_left(again.as_mut()).await, 240));
    let mut elsewhere = other.connect(WhenEmpty::Refuse).await.unwrap();
    assert!(near(lease_left(elsewhere.as_mut()).await, 10));
    database.execute("UPDATE rootgate.instances SET lives_until = now() - interval '1 year'");
    assert_eq!(lease_left(connection.as_mut()).await, Duration::ZERO);
}

async fn lease_left(connection: &mut dyn Connection) -> Duration {
    let append = connection.append().await.unwrap();
    let left = append.lease_left();
    append.rollback().await.unwrap();
    left
}

#[tokio::test]
async fn the_dead_are_forgotten_in_the_end() {
    let database = Cluster::shared().database("dead");
    let mut connection = connect(&database).await;
    database.execute("INSERT INTO rootgate.instances VALUES ('old', now() - interval '2 days'), ('new', now())");
    let mut append = connection.append().await.unwrap();
    append.renew(&Instance::generate(), Duration::ZERO).await.unwrap();
    append.commit().await.unwrap();
    assert_eq!(database.query("SELECT instance FROM rootgate.instances"), "new");
}

/// A gateway that hangs within a transaction must not keep the others from recording for ever.
#[tokio::test]
async fn who_stands_still_within_a_transaction_loses_it() {
    let database = Cluster::shared().database("hanging");
    let mut hanging = connect(&database).await;
    let mut other = connect(&database).await;
    let mut hangs = hanging.append().await.unwrap();
    hangs.add(&one(1)).await.unwrap();
    let failure = append(other.as_mut(), 1).await.unwrap_err();
    assert_eq!(write_problem(&failure), ServerProblem::Held, "{failure}");
    // The server's patience ends a little later.
    append(other.as_mut(), 1).await.unwrap();
    let failure = hangs.commit().await.unwrap_err();
    assert_eq!(write_problem(&failure), ServerProblem::Lost, "{failure}");
    assert_eq!(database.query("SELECT count(*) FROM rootgate.records"), "1");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let cluster = Cluster::start_new(&Options::default());
    let database = cluster.database("frozen");
    let mut connection = connect(&database).await;
    let frozen = cluster.freeze();
    let failure = append(connection.as_mut(), 1).await.unwrap_err();
    assert_eq!(write_problem(&failure), ServerProblem::Lost, "{failure}");
    assert!(failure.to_string().contains("no answer within"), "{failure}");
    drop(frozen);
    // The server learns that nobody waits for its answer any more, and frees what it had locked.
    connection.close().await.unwrap();
    append(connect(&database).await.as_mut(), 1).await.unwrap();
}
