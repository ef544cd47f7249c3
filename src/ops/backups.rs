//! What acts may know of the policies that earlier acts changed.

use std::pin::Pin;

use crate::{
    clock::Timestamp,
    error::Error,
    types::{AccountId, BackupId},
};

/// Where backups are read. The gate hands it to acts; only the gate writes one.
pub trait PolicyBackups: Send + Sync {
    /// The backup with this id, with its policy.
    fn get(&self, id: BackupId) -> Pin<Box<dyn Future<Output = Result<Option<PolicyBackup>, Error>> + Send + '_>>;

    /// Backups of an account, newest first.
    fn list(&self, query: BackupQuery) -> Pin<Box<dyn Future<Output = Result<Vec<PolicyBackup>, Error>> + Send + '_>>;
}

/// Which backups are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupQuery {
    /// Whose policies.
    pub account: AccountId,
    /// Only of the resource with this ARN.
    pub resource: Option<String>,
    /// Only from before this index of the journal.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: u32,
    /// With the policies themselves.
    pub include_policies: bool,
}

/// A policy as it was before an act changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyBackup {
    /// Its id.
    pub id: String,
    /// Index of its record in the journal.
    pub journal_index: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who owns the resource.
    pub account_id: String,
    /// ARN of the resource.
    pub resource: String,
    /// Its region.
    pub region: String,
    /// The act that changed the policy.
    pub operation: String,
    /// Subject of its caller.
    pub caller: String,
    /// The reason given for it.
    pub reason: String,
    /// The ticket given for it.
    pub ticket: Option<String>,
    /// SHA-256 of the policy, 64 lower-case hexadecimal digits.
    pub policy_sha256: String,
    /// Length of the policy in bytes.
    pub policy_bytes: usize,
    /// The policy, if it was asked for.
    pub policy: Option<String>,
}
