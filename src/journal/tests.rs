//! The journal as its users see it. What the tests share is here.

mod append;
pub(super) mod archive;
mod archived;
pub(super) mod backups;
mod failures;
mod opening;
mod replicas;
pub(super) mod tampering;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;
use crate::{
    clock::{Clock, ManualClock, Timestamp},
    store,
    types::{Kind, OperationId},
};

pub(super) struct Fixture {
    pub directory: TempDir,
    pub path: PathBuf,
    pub clock: Arc<ManualClock>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        Self { path, directory, clock: Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0))) }
    }

    /// What the clock said when the fixture was made.
    pub(super) fn clock_start(&self) -> Timestamp {
        Timestamp::from_unix(1_795_286_154, 0)
    }

    pub(super) async fn open(&self) -> Opened {
        self.open_patient(patient(), Duration::from_secs(60)).await.unwrap()
    }

    pub(super) async fn open_within(&self, bounds: Bounds) -> Result<Opened, OpenError> {
        self.open_patient(bounds, Duration::from_millis(20)).await
    }

    /// With this patience for whoever else holds the file.
    pub(super) async fn open_patient(&self, bounds: Bounds, busy_timeout: Duration) -> Result<Opened, OpenError> {
        let store = store::open_within(&(&self.path).into(), busy_timeout).await?;
        Journal::open_within(store, self.clock.clone(), bounds).await
    }

    pub(super) async fn verify(&self) -> Verified {
        verify(&self.path, &[]).await.unwrap()
    }

    pub(super) async fn bodies(&self) -> Vec<Value> {
        let records = list(&self.path, 1, LIST_RECORDS_MAX).await.unwrap();
        records.iter().map(|record| serde_json::from_str(&record.body).unwrap()).collect()
    }

    pub(super) async fn events(&self) -> Vec<String> {
        self.bodies().await.iter().map(|body| body["event"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        store::suffixed(&self.path, suffix)
    }
}

/// Bounds for which the disk of the machine that runs the tests cannot be too slow.
pub(super) fn patient() -> Bounds {
    Bounds { stall_after: Duration::from_secs(600), ..Bounds::default() }
}

/// Bounds under which failures and repairs are noticed at once.
pub(super) fn quick() -> Bounds {
    let short = Duration::from_millis(20);
    Bounds { probe_interval: short, backoff_max: short, ..patient() }
}

/// A connection that is not the journal's.
pub(super) async fn stranger(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

/// By somebody who is gone again afterwards: a connection that is only dropped is closed later, and holds the file meanwhile.
pub(super) async fn run_on(path: &Path, statement: &'static str) {
    let mut stranger = stranger(path).await;
    run(&mut stranger, statement).await;
    stranger.close().await.unwrap();
}

pub(super) async fn run(connection: &mut SqliteConnection, statement: &'static str) {
    sqlx::query(statement).execute(connection).await.unwrap();
}

impl Journal {
    /// [`Journal::open`] for tests that are not about slow disks.
    pub(crate) async fn open_patiently(path: &Path, clock: Arc<dyn Clock>) -> Opened {
        let store = store::open(&path.into()).await.unwrap();
        Self::open_within(store, clock, patient()).await.unwrap()
    }

    pub(super) async fn execute(&self, statement: &'static str) {
        let (done, finished) = oneshot::channel();
        self.commands.send(writer::Command::Execute(statement, done)).await.unwrap();
        finished.await.unwrap();
    }

    pub(super) async fn commits(&self) -> u64 {
        let (reply, commits) = oneshot::channel();
        self.commands.send(writer::Command::CountCommits(reply)).await.unwrap();
        commits.await.unwrap()
    }

    pub(super) async fn lose_next_reply(&self) {
        let (done, finished) = oneshot::channel();
        self.commands.send(writer::Command::LoseNextReply(done)).await.unwrap();
        finished.await.unwrap();
    }

    pub(super) async fn until(&self, health: impl Fn(&Health) -> bool) {
        self.health().wait_for(health).await.unwrap();
    }

    pub(super) async fn until_writable(&self) {
        self.until(|health| *health == Health::Writable).await;
    }
}

pub(crate) fn intent(operation_id: OperationId) -> Event {
    Event::Intent(Intent {
        operation_id,
        operation: Kind::UnlockBucketPolicy,
        caller: caller(),
        account_id: Some("333333333333".parse().unwrap()),
        resource: Some("arn:aws:s3:::payments".to_owned()),
        arguments: json!({ "mode": "DEFAULT" }),
        reason: "Locked out by policy change".to_owned(),
        ticket: Some("SEC-1".to_owned()),
        policies: vec!["operators".to_owned()],
        request: None,
        exclusive: false,
    })
}

fn caller() -> CallerRecord {
    CallerRecord {
        listener: "main".to_owned(),
        scheme: "mtls".to_owned(),
        subject: "spiffe://example/ns/a".to_owned(),
        groups: std::collections::BTreeSet::new(),
        attributes: BTreeMap::from([("trust_domain".to_owned(), "example".to_owned())]),
    }
}

pub(super) fn outcome(operation_id: OperationId, intent_index: u64) -> Event {
    Event::Outcome(Outcome {
        operation_id,
        intent_index,
        account_id: Some("333333333333".parse().unwrap()),
        result: OutcomeResult::Succeeded,
        changed: Some(true),
        error: None,
        detail: json!({ "removed": ["Deny"] }),
        aws_calls: vec![AwsCallRecord {
            service: "sts".to_owned(),
            operation: "AssumeRoot".to_owned(),
            request_id: Some("r-1".to_owned()),
            error_code: None,
        }],
        access_key_id: Some("ASIAEXAMPLE".to_owned()),
        request: RequestEnd::NoRequest,
    })
}

pub(super) fn refusal(reason: &str) -> Event {
    Event::Refusal(Refusal {
        operation_id: OperationId::generate(),
        rpc: "AssumeRoot".to_owned(),
        caller: None,
        account_id: Some("not an account".to_owned()),
        resource: None,
        reason: Some(reason.to_owned()),
        ticket: None,
        error: ErrorRecord { reason: "UNAUTHENTICATED".to_owned(), message: "nobody was proven".to_owned() },
        policies: Vec::new(),
        unrecorded_before: 3,
    })
}

pub(super) fn started() -> Event {
    Event::Started { version: "0.1.0".to_owned(), configuration_sha256: None, policy_sha256: None }
}
