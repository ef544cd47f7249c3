//! `journal prepare`: makes the tables, as somebody who may.

use std::{io::Write, process::ExitCode};

use clap::Args;

use super::CommandError;
use crate::store::{Location, WhenEmpty, open};

pub(super) const EXAMPLES: &str = "\
Examples:
  Over the server's Unix socket:
    rootgate journal prepare --journal 'postgresql://rootgate_owner@/rootgate?host=/var/run/postgresql'
  Over the network, with a password:
    rootgate journal prepare --journal 'postgresql://rootgate_owner@db.internal/rootgate?sslmode=verify-full&sslrootcert=/etc/rootgate/db-ca.pem&password_file=/run/secrets/owner'";

/// Arguments of `prepare`.
#[derive(Clone, Debug, Args)]
pub struct PrepareArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
}

pub(super) async fn run_prepare(arguments: &PrepareArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let connection = open(&arguments.journal).await?.connect(WhenEmpty::Initialise).await?;
    // What was made is committed; a farewell that nobody hears changes nothing.
    let _ = connection.close().await;
    writeln!(out, "{} has the tables of this release", arguments.journal)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use rootgate_test_postgres::Cluster;

    use super::*;

    #[tokio::test]
    async fn an_empty_database_gets_its_tables_and_a_second_time_changes_nothing() {
        let database = Cluster::shared().database("prepare");
        let journal: Location = database.url().parse().unwrap();
        for _ in 0..2 {
            let mut out = Vec::new();
            let arguments = PrepareArguments { journal: journal.clone() };
            assert_eq!(run_prepare(&arguments, &mut out).await.unwrap(), ExitCode::SUCCESS);
            assert!(String::from_utf8(out).unwrap().contains("has the tables"));
            assert_eq!(database.query("SELECT schema_version FROM rootgate.journal"), "1");
        }
        database.execute("UPDATE rootgate.journal SET schema_version = 99");
        let error = run_prepare(&PrepareArguments { journal }, &mut Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("run the newer release"), "{error}");
    }
}
