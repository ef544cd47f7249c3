//! What is put into a store and what comes out of it.

use uuid::Uuid;

use super::RecordHash;
use crate::clock::Timestamp;

/// Longest body of a record in bytes. Far above what an act needs, and small enough that a full batch is some megabytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest policy that is kept, in bytes. AWS allows 20 KiB for a bucket and less for a queue.
pub const POLICY_BYTES_MAX: usize = 64 * 1024;

/// One process that writes, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance(String);

impl Instance {
    /// A new one, like no other.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// Its name in the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What one transaction adds.
#[derive(Clone, Debug, Default)]
pub struct Additions {
    /// Records, each after the one before.
    pub records: Vec<NewRecord>,
    /// Intents that are open from now on.
    pub intents: Vec<NewIntent>,
    /// Policies.
    pub backups: Vec<PolicyBackup>,
    /// Requests that are known from now on.
    pub requests: Vec<NewRequest>,
    /// How requests ended.
    pub settled: Vec<SettledRequest>,
    /// Intents whose requests are forgotten, so that they can be made again.
    pub released: Vec<u64>,
}

/// A record to store.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// Its index, from 1.
    pub index: u64,
    /// Its hash.
    pub hash: RecordHash,
    /// Its body.
    pub body: String,
}

/// An intent to list as open.
#[derive(Clone, Debug)]
pub struct NewIntent {
    /// Index of its record.
    pub index: u64,
    /// Its operation.
    pub operation_id: String,
    /// The target that it holds alone; none if others may work on it too.
    pub target: Option<String>,
    /// Who acts.
    pub instance: Instance,
}

/// Which open intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentKey {
    /// Index of its record.
    pub index: u64,
    /// Its operation.
    pub operation_id: String,
}

/// Which request: ids of different callers have nothing to do with each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// Who asked: scheme and subject.
    pub caller: String,
    /// The caller's id.
    pub request_id: String,
}

/// A request that is about to be carried out.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// Which.
    pub key: RequestKey,
    /// SHA-256 of what was asked, as hexadecimal digits.
    pub digest: String,
    /// Its operation.
    pub operation_id: String,
    /// Index of its intent.
    pub intent_index: u64,
    /// When the intent was recorded.
    pub created_at: Timestamp,
}

/// How a request ended.
#[derive(Clone, Debug)]
pub struct SettledRequest {
    /// Index of its intent.
    pub intent_index: u64,
    /// Index of the record that closed the intent.
    pub outcome_index: u64,
    /// What was answered, where that is to be said again.
    pub reply: Option<Vec<u8>>,
}

/// A request as it is stored, believed in nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRequest {
    /// Which.
    pub key: RequestKey,
    /// SHA-256 of what was asked, as hexadecimal digits.
    pub digest: String,
    /// Its operation.
    pub operation_id: String,
    /// Index of its intent.
    pub intent_index: i64,
    /// Index of the record that closed the intent; none while it is open.
    pub outcome_index: Option<i64>,
    /// What was answered.
    pub reply: Option<Vec<u8>>,
}

/// A record as it is stored, believed in nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its index.
    pub index: i64,
    /// None when it is not 32 bytes.
    pub hash: Option<RecordHash>,
    /// None when it is not text, or longer than a body may be.
    pub body: Option<String>,
}

/// A record that was looked for, believed in nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// The record.
    pub record: StoredRecord,
    /// Hash of the record before it, from which it has to follow; none where there is no such record, or it has no hash.
    pub previous: Option<RecordHash>,
}

/// An open intent as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIntent {
    /// Index of its record.
    pub index: i64,
    /// Its operation.
    pub operation_id: String,
}

/// Which records to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// About this account.
    pub account_id: Option<String>,
    /// About this operation.
    pub operation_id: Option<String>,
}

/// Which backups to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupFilter {
    /// Of resources in this account.
    pub account: Option<String>,
    /// Of the resource with this ARN.
    pub resource: Option<String>,
    /// Only those with a lower index.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// A policy as it was before an act changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyBackup {
    /// Id of the backup: the id of the operation that changed the policy.
    pub id: String,
    /// Index of the `Backup` record.
    pub journal_index: u64,
    /// When it was recorded, before the change.
    pub created_at: Timestamp,
    /// Account that the resource is in.
    pub account_id: String,
    /// ARN of the resource.
    pub resource: String,
    /// Region of the resource; empty where the act was not told.
    pub region: String,
    /// Name of the kind of act.
    pub operation: String,
    /// Subject of the caller.
    pub caller: String,
    /// The caller's reason.
    pub reason: String,
    /// The caller's ticket.
    pub ticket: Option<String>,
    /// SHA-256 of the policy, as hexadecimal digits.
    pub policy_sha256: String,
    /// The policy document, byte for byte as AWS returned it.
    pub policy: String,
}
