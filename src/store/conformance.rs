//! What every engine of [`Store`] promises, held against each of them: the same tests, once an engine.

use std::{sync::Arc, time::Duration};

use rootgate_test_postgres::{Cluster, Database};
use tempfile::TempDir;

use super::{
    Additions, BODY_BYTES_MAX, BackupFilter, Connection, Instance, IntentKey, Location, NewIntent, NewRecord,
    NewRequest, PolicyBackup, RecordFilter, RecordHash, RequestKey, SettledRequest, Snapshot, Store, StoredIntent,
    StoredRecord, WhenEmpty, open, open_within,
};
use crate::clock::Timestamp;

mod claims;
mod kept;
mod reading;
mod transactions;

/// Runs each test on each engine.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&mut $crate::store::conformance::Place::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&mut $crate::store::conformance::Place::postgres().await).await;
            })+
        }
    };
}
use on_both_engines;

/// An empty store of one engine, and what keeps it there.
pub(super) struct Place {
    location: Location,
    store: Arc<dyn Store>,
    me: Instance,
    _folder: Option<TempDir>,
    _database: Option<Database<'static>>,
}

impl Place {
    pub(super) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::File(folder.path().join("journal.db"));
        // Many wait for each other here, and the machine's disk may be slow.
        let store = open_within(&location, Duration::from_secs(600)).await.unwrap();
        Self { location, store, me: Instance::generate(), _folder: Some(folder), _database: None }
    }

    pub(super) async fn postgres() -> Self {
        let database = Cluster::shared().database("conformance");
        let location = Location::parse(database.url(), None).unwrap();
        let store = open(&location).await.unwrap();
        Self { location, store, me: Instance::generate(), _folder: None, _database: Some(database) }
    }

    async fn connection(&self) -> Box<dyn Connection> {
        self.store.connect(WhenEmpty::Initialise).await.unwrap()
    }

    async fn snapshot(&self) -> Box<dyn Snapshot> {
        self.store.snapshot().await.unwrap()
    }

    /// Stores that write the same journal; as many as the engine allows.
    async fn stores(&self, count: usize) -> Vec<Arc<dyn Store>> {
        let mut stores = vec![Arc::clone(&self.store)];
        while stores.len() < count {
            let other =
                if self.store.is_shared() { open(&self.location).await.unwrap() } else { Arc::clone(&self.store) };
            stores.push(other);
        }
        stores
    }

    fn intent(&self, index: u64, target: Option<&str>) -> NewIntent {
        NewIntent {
            index,
            operation_id: operation(index),
            target: target.map(str::to_owned),
            instance: self.me.clone(),
        }
    }
}

/// Adds in a transaction of its own.
async fn add(connection: &mut dyn Connection, additions: &Additions) {
    let mut append = connection.append().await.unwrap();
    append.add(additions).await.unwrap();
    append.commit().await.unwrap();
}

/// Whether this can be added. Nothing of it stays.
async fn can_add(connection: &mut dyn Connection, additions: &Additions) -> bool {
    let mut append = connection.append().await.unwrap();
    let added = append.add(additions).await.is_ok();
    append.rollback().await.unwrap();
    added
}

fn record(index: u64, body: &str) -> NewRecord {
    let mut hash = [0xff; 32];
    hash[..8].copy_from_slice(&index.to_be_bytes());
    NewRecord { index, hash: RecordHash::from_bytes(&hash).unwrap(), body: body.to_owned() }
}

fn records(indexes: impl IntoIterator<Item = u64>) -> Additions {
    let records = indexes.into_iter().map(|index| record(index, &format!(r#"{{"index":{index}}}"#))).collect();
    Additions { records, ..Additions::default() }
}

fn stored(new: &NewRecord) -> StoredRecord {
    StoredRecord { index: i64::try_from(new.index).unwrap(), hash: Some(new.hash), body: Some(new.body.clone()) }
}

fn operation(index: u64) -> String {
    format!("operation-{index}")
}

fn key(index: u64) -> IntentKey {
    IntentKey { index, operation_id: operation(index) }
}

fn indexes(records: &[StoredRecord]) -> Vec<i64> {
    records.iter().map(|record| record.index).collect()
}

fn request(caller: &str, request_id: &str, intent_index: u64) -> NewRequest {
    NewRequest {
        key: RequestKey { caller: caller.to_owned(), request_id: request_id.to_owned() },
        digest: "d1".to_owned(),
        operation_id: operation(intent_index),
        intent_index,
        created_at: Timestamp::from_unix_micros(1_000 * i64::try_from(intent_index).unwrap()),
    }
}

fn backup(index: u64, account: &str, resource: &str) -> PolicyBackup {
    PolicyBackup {
        id: operation(index),
        journal_index: index,
        created_at: Timestamp::from_unix_micros(1_000 * i64::try_from(index).unwrap()),
        account_id: account.to_owned(),
        resource: resource.to_owned(),
        region: "eu-west-1".to_owned(),
        operation: "UnlockBucketPolicy".to_owned(),
        caller: "spiffe://example.org/ops/älice".to_owned(),
        reason: "it's \"locked\"".to_owned(),
        ticket: None,
        policy_sha256: "00".repeat(32),
        policy: "{\n\t\"Statement\": [\"\\u0000 \u{1f512}\"] }".to_owned(),
    }
}
