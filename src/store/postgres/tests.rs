//! What only PostgreSQL has: several gateways at once, roles, a network, and a server that fails by itself.

use std::{sync::Arc, time::Duration};

use rootgate_test_postgres::{Cluster, Database, Options, PASSWORD_ROLE, Tls};

use crate::store::{
    Additions, Connection, Instance, IntentKey, Location, NewIntent, NewRecord, OpenError, RecordHash, ServerProblem,
    Store, WhenEmpty, WriteFailure, open,
};

mod failures;
mod logins;
mod replicas;
mod schema;

fn location(database: &Database) -> Location {
    Location::parse(database.url(), None).unwrap()
}

async fn store(database: &Database<'_>) -> Arc<dyn Store> {
    open(&location(database)).await.unwrap()
}

async fn connect(database: &Database<'_>) -> Box<dyn Connection> {
    store(database).await.connect(WhenEmpty::Initialise).await.unwrap()
}

/// Why this database cannot be opened.
async fn refused(location: &Location) -> OpenError {
    match open(location).await.unwrap().connect(WhenEmpty::Initialise).await {
        Ok(_) => panic!("{location} opens"),
        Err(error) => error,
    }
}

fn problem(error: &OpenError) -> ServerProblem {
    match error {
        OpenError::Server(fault) => fault.problem(),
        other => panic!("{other:?}"),
    }
}

fn one(index: u64) -> Additions {
    let hash = RecordHash::from_bytes(&[7; 32]).unwrap();
    Additions { records: vec![NewRecord { index, hash, body: "{}".to_owned() }], ..Additions::default() }
}

/// A transaction with one record.
async fn append(connection: &mut dyn Connection, index: u64) -> Result<(), WriteFailure> {
    let place = Location::File("of no account".into());
    let mut append = connection.append().await?;
    append.add(&one(index)).await.map_err(|error| super::writing(error, &place))?;
    append.commit().await
}

fn write_problem(failure: &WriteFailure) -> ServerProblem {
    match failure {
        WriteFailure::Server(fault) => fault.problem(),
        other => panic!("{other:?}"),
    }
}
