//! A private PostgreSQL cluster for tests and benches.
//!
//! ```no_run
//! use rootgate_test_postgres::Cluster;
//!
//! let database = Cluster::shared().database("journal");
//! database.execute("CREATE TABLE records (idx bigint PRIMARY KEY)");
//! assert_eq!(database.query("SELECT count(*) FROM records"), "0");
//! connect(database.url());
//! # fn connect(_: &str) {}
//! ```
//!
//! A cluster lives in a folder of its own, listens on a Unix socket in there and is gone when its [`Cluster`] is dropped or
//! the process ends in whatever way: a watchdog waits for that. Started by root, PostgreSQL runs as the user `postgres`,
//! since it refuses root. Everything here panics when it cannot go on: a test that could not run has failed.

#![allow(clippy::panic, clippy::expect_used, reason = "test support: a test that cannot go on fails, and says why")]

mod binaries;
mod cluster;
mod database;
mod freeze;
mod watchdog;

pub use cluster::{Cluster, Options, Tls};
pub use database::{Database, PASSWORD_ROLE, SUPERUSER};
pub use freeze::Frozen;
