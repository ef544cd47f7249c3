//! The acts. One file each: what it asks for, what it does with its permit, and what is recorded of it.

mod allow_password_recovery;
mod assume_root;
mod audit_root_credentials;
mod backups;
mod bucket;
mod delete_root_credentials;
mod explain_access;
mod get_checkpoint;
mod inventory;
mod list_policy_backups;
mod list_records;
mod plan;
mod policy_change;
mod policy_document;
mod queue;
mod records;
mod restore;
mod restore_bucket_policy;
mod restore_queue_policy;
mod state;
mod unlock;
mod unlock_bucket_policy;
mod unlock_queue_policy;

pub use allow_password_recovery::{AllowPasswordRecovery, RecoveryAllowed};
pub use assume_root::{AssumeRoot, RootAssumed, SessionDuration};
pub use audit_root_credentials::{AuditRootCredentials, RootCredentialsAudit, UsedAccessKey};
pub use backups::{BackupQuery, PolicyBackup, PolicyBackups};
pub use delete_root_credentials::{DeleteRootCredentials, Deletion, DeletionStatus, RootCredentialsDeletion};
pub use explain_access::{AccessExplained, ExplainAccess};
pub use get_checkpoint::GetCheckpoint;
pub use list_policy_backups::{ListPolicyBackups, PolicyBackupList};
pub use list_records::{ListRecords, RecordList};
pub use plan::{Plan, PlannedCall, PlannedPolicy};
pub use policy_change::{JudgedStatement, PolicyChange, PolicyResult, PreviousPolicy};
pub use policy_document::PolicyDocument;
pub use records::{JournalReader, JournalRecord, PagePlace, RecordFilter, RecordPage, RecordQuery, SignedCheckpoint};
pub use restore::Restoration;
pub use restore_bucket_policy::RestoreBucketPolicy;
pub use restore_queue_policy::RestoreQueuePolicy;
pub use unlock::UnlockMode;
pub use unlock_bucket_policy::{BucketPolicyChange, UnlockBucketPolicy};
pub use unlock_queue_policy::{QueuePolicyChange, UnlockQueuePolicy};

use serde_json::Value;

use crate::{
    authz::{Ask, Circumstances, Engine, Explanation, Permit, Question},
    aws::{Aws, Trail},
    clock::Timestamp,
    error::Error,
};

/// An act that can be asked for. Only the gate runs one, with the permit that only authorization makes.
pub trait Operation: Ask + Send + Sync + Sized + 'static {
    /// What the caller gets back.
    type Output: Send + 'static;

    /// Does it. The gate drops the future when the operation's time is over; what AWS answered until then is in the
    /// trail.
    fn act(
        permit: &Permit<Self>,
        means: Means<'_>,
        trail: &Trail,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;

    /// What the outcome record says of it. Secrets never go in.
    fn conclude(output: &Self::Output) -> Conclusion;
}

/// What an act may use.
#[derive(Clone, Copy)]
pub struct Means<'g> {
    /// The hold on AWS.
    pub aws: &'g Aws,
    /// The policies that allowed the act, for explanations.
    pub explainer: Explainer<'g>,
    /// What policies were before earlier acts.
    pub backups: &'g dyn PolicyBackups,
    /// What was recorded.
    pub journal: &'g dyn JournalReader,
    /// When the decision was made.
    pub now: Timestamp,
}

/// The policies in force, which can be asked and give no permit: an act can allow itself nothing.
#[derive(Clone, Copy)]
pub struct Explainer<'g> {
    policies: &'g Engine,
    at: &'g Circumstances,
}

impl<'g> Explainer<'g> {
    /// Of the policies that decide, and what they decide by.
    #[must_use]
    pub const fn new(policies: &'g Engine, at: &'g Circumstances) -> Self {
        Self { policies, at }
    }

    /// What the policies say to a question, and why.
    #[must_use]
    pub fn explain(&self, question: &Question) -> Explanation {
        self.policies.explain(question, self.at.tree.as_deref())
    }

    /// SHA-256 of the policies, as the journal has it.
    #[must_use]
    pub fn policy_sha256(&self) -> &'g str {
        self.policies.sha256()
    }
}

/// What became of an act that was carried through.
#[derive(Clone, Debug)]
pub struct Conclusion {
    /// Whether anything was changed; none if nobody can know.
    pub changed: Option<bool>,
    /// The facts for the journal, a JSON object.
    pub detail: Value,
    /// Set if not all of it was done.
    pub shortfall: Option<Error>,
}

/// Whether a change was seen by reading again after the act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Nothing was changed.
    NothingChanged,
    /// The state is as the act promises.
    Verified,
    /// AWS acknowledged the change; a read still shows the old state.
    PendingPropagation,
    /// AWS acknowledged the change; the state could not be read again.
    Unreadable,
    /// AWS acknowledged the change; a read shows neither the old nor the new state.
    Overtaken,
}

impl Verification {
    /// Name in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NothingChanged => "NOTHING_CHANGED",
            Self::Verified => "VERIFIED",
            Self::PendingPropagation => "PENDING_PROPAGATION",
            Self::Unreadable => "UNREADABLE",
            Self::Overtaken => "OVERTAKEN",
        }
    }
}
