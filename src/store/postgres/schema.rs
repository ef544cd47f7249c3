//! The tables, their versions, and how they are made.

mod version_1;

use sqlx::{Connection as _, PgConnection, Row as _};

use super::{ServerProblem, opening, session::bounded};
use crate::store::{Location, OpenError, StoreError, WhenEmpty};

/// Version of the tables below.
const SCHEMA_VERSION: i64 = 1;
/// Whose tables they are.
const APPLICATION: &str = "rootgate journal";
/// One gateway makes the tables; the others wait for it. "RGJL" in ASCII, as in the header of an SQLite journal.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1380403788)";
/// Longer than for an append: an index over a large table takes its time.
const PATIENCE: &str = "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '10min'";

/// What a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Nothing at all.
    Nothing,
    /// Something else.
    Foreign(&'static str),
    /// A journal of this version.
    Version(i64),
}

/// Makes what the database lacks. Several gateways may do so at once.
pub(super) async fn bring_up_to_date(
    connection: &mut PgConnection,
    when_empty: WhenEmpty,
    location: &Location,
) -> Result<(), OpenError> {
    let failed = |error: StoreError| opening(error, location);
    match find(connection).await.map_err(failed)? {
        Found::Nothing if when_empty == WhenEmpty::Initialise => {}
        found => return known(found, location),
    }
    let found = initialise(connection).await.map_err(failed)?;
    known(found, location)
}

/// Fails unless there is a journal of the version that this release reads.
pub(super) async fn must_be_known(connection: &mut PgConnection, location: &Location) -> Result<(), OpenError> {
    let found = find(connection).await.map_err(|error| opening(error, location))?;
    known(found, location)
}

fn known(found: Found, location: &Location) -> Result<(), OpenError> {
    let place = location.clone();
    match found {
        Found::Version(SCHEMA_VERSION) => Ok(()),
        Found::Version(found) if found > SCHEMA_VERSION => {
            Err(OpenError::NewerDatabase { place, found, known: SCHEMA_VERSION })
        }
        Found::Version(_) => Err(OpenError::Foreign { place, what: "its schema version is one that no release wrote" }),
        Found::Foreign(what) => Err(OpenError::Foreign { place, what }),
        Found::Nothing => Err(OpenError::Empty(place)),
    }
}

async fn find(connection: &mut PgConnection) -> Result<Found, StoreError> {
    // Tables and views of anybody, but for those that the server and its extensions bring.
    const LOOK: &str = "SELECT to_regclass('rootgate.journal') IS NOT NULL, \
         EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_%' \
            AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend AS d \
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))";
    const VERSION: &str = "SELECT application, schema_version FROM rootgate.journal WHERE id = 1";
    let row = bounded(sqlx::query(LOOK).fetch_one(&mut *connection)).await?;
    match (row.try_get(0)?, row.try_get(1)?) {
        (false, false) => return Ok(Found::Nothing),
        (false, true) => return Ok(Found::Foreign("it holds tables of something else")),
        (true, _) => {}
    }
    let row = match bounded(sqlx::query(VERSION).fetch_optional(connection)).await {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(Found::Foreign("its table rootgate.journal is empty")),
        Err(error) if error.is_server(ServerProblem::Incomplete) => {
            return Ok(Found::Foreign("its table rootgate.journal is another"));
        }
        Err(error) => return Err(error),
    };
    let (application, version): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(if application == APPLICATION { Found::Version(version) } else { Found::Foreign("its tables say so") })
}

/// Makes the tables in one transaction, unless somebody else just has; what there is then.
async fn initialise(connection: &mut PgConnection) -> Result<Found, StoreError> {
    let mut transaction = bounded(connection.begin()).await?;
    sqlx::raw_sql(PATIENCE).execute(&mut *transaction).await?;
    sqlx::raw_sql(LOCK).execute(&mut *transaction).await?;
    let found = find(&mut transaction).await?;
    if found != Found::Nothing {
        bounded(transaction.rollback()).await?;
        return Ok(found);
    }
    for statement in version_1::STATEMENTS {
        sqlx::raw_sql(*statement).execute(&mut *transaction).await?;
    }
    bounded(transaction.commit()).await?;
    tracing::info!("the journal's tables were made, schema version {SCHEMA_VERSION}");
    Ok(Found::Version(SCHEMA_VERSION))
}
