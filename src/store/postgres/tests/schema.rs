//! Making the tables, and refusing those of others.

use super::*;

#[tokio::test]
async fn gateways_that_start_at_once_make_the_tables_once() {
    let database = Cluster::shared().database("race");
    let mut starts = Vec::new();
    for _ in 0..6 {
        let store = store(&database).await;
        starts.push(tokio::spawn(async move { store.connect(WhenEmpty::Initialise).await.map(drop) }));
    }
    for start in starts {
        start.await.unwrap().unwrap();
    }
    assert_eq!(database.query("SELECT application, schema_version FROM rootgate.journal"), "rootgate journal|1");
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_refused_and_left_alone() {
    for (sql, word) in [
        ("CREATE TABLE invoices (id int)", "tables of something else"),
        ("CREATE SCHEMA shop; CREATE VIEW shop.v AS SELECT 1", "tables of something else"),
        ("CREATE SCHEMA rootgate; CREATE TABLE rootgate.other (id int)", "tables of something else"),
        ("CREATE SCHEMA rootgate; CREATE TABLE rootgate.journal (x int)", "is another"),
        (
            "CREATE SCHEMA rootgate; CREATE TABLE rootgate.journal (id int2, application text, schema_version int8)",
            "is empty",
        ),
    ] {
        let database = Cluster::shared().database("foreign");
        database.execute(sql);
        let error = refused(&location(&database)).await;
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        assert!(error.to_string().contains(word) && error.to_string().contains("database of its own"), "{error}");
        assert_eq!(database.query("SELECT to_regclass('rootgate.records') IS NULL"), "t", "{sql}");
    }
}

#[tokio::test]
async fn what_the_server_itself_brings_is_nobodys() {
    let database = Cluster::shared().database("prepared");
    // An administrator may prepare the schema, so that the gateway's role needs no right to make one.
    database.execute("CREATE SCHEMA rootgate");
    connect(&database).await;
}

#[tokio::test]
async fn a_newer_version_is_refused_by_writers_and_readers() {
    let database = Cluster::shared().database("newer");
    connect(&database).await;
    database.execute("UPDATE rootgate.journal SET schema_version = 99");
    let store = store(&database).await;
    let (writer, reader) = (refused(&location(&database)).await, store.snapshot().await.err().unwrap());
    for error in [writer, reader] {
        assert!(matches!(error, OpenError::NewerDatabase { found: 99, known: 1, .. }), "{error:?}");
        assert!(error.to_string().contains("run the newer release"), "{error}");
    }
    database.execute("UPDATE rootgate.journal SET schema_version = 0");
    assert!(matches!(refused(&location(&database)).await, OpenError::Foreign { .. }));
}

#[tokio::test]
async fn an_empty_database_is_made_a_journal_only_when_that_is_wanted() {
    let database = Cluster::shared().database("empty");
    let store = store(&database).await;
    for error in [store.connect(WhenEmpty::Refuse).await.err().unwrap(), store.snapshot().await.err().unwrap()] {
        assert!(matches!(error, OpenError::Empty(_)), "{error:?}");
    }
    assert_eq!(database.query("SELECT to_regnamespace('rootgate') IS NULL"), "t");
}

#[tokio::test]
async fn not_even_the_owner_changes_records_by_accident() {
    let database = Cluster::shared().database("guarded");
    let mut connection = connect(&database).await;
    append(connection.as_mut(), 1).await.unwrap();
    for sql in [
        "UPDATE rootgate.records SET body = 'x'",
        "DELETE FROM rootgate.records",
        "TRUNCATE rootgate.records",
        "INSERT INTO rootgate.records VALUES (1, '\\x00', 'x') ON CONFLICT (idx) DO UPDATE SET body = 'x'",
    ] {
        let error = database.try_query(sql).unwrap_err();
        assert!(error.contains("records are append-only"), "{sql}: {error}");
    }
    assert_eq!(database.query("SELECT body FROM rootgate.records"), "{}");
}

#[tokio::test]
async fn facts_are_looked_up_by_an_index() {
    let database = Cluster::shared().database("indexed");
    connect(&database).await;
    database.execute("SET enable_seqscan = off");
    for (fact, index) in [("account_id", "records_of_account"), ("operation_id", "records_of_operation")] {
        let sql = format!(
            "SET enable_seqscan = off; EXPLAIN SELECT idx FROM rootgate.records WHERE rootgate.fact(body, '{fact}') = 'a' AND idx >= 1"
        );
        assert!(database.query(&sql).contains(index), "{}", database.query(&sql));
    }
}
