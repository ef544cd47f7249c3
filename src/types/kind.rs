//! The kinds of operations.

use std::fmt;

/// What can be asked of the gateway, one kind for each served RPC.
///
/// Every table over kinds is an exhaustive match without wildcard, so that a new kind does not compile until limits,
/// policy, journal and timeouts know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Hands out temporary root credentials.
    AssumeRoot,
    /// Makes a bucket's policy manageable again.
    UnlockBucketPolicy,
    /// Makes a queue's policy manageable again.
    UnlockQueuePolicy,
    /// Deletes root credentials.
    DeleteRootCredentials,
    /// Lets the owner of the root mailbox recover the password.
    AllowPasswordRecovery,
    /// Lists root credentials.
    AuditRootCredentials,
    /// Puts a bucket's policy of before back.
    RestoreBucketPolicy,
    /// Puts a queue's policy of before back.
    RestoreQueuePolicy,
    /// Lists the policies that acts have changed. Reaches no account.
    ListPolicyBackups,
    /// Says whether somebody may do an act, and why. Reaches no account.
    ExplainAccess,
    /// Reads records of the journal. Reaches no account.
    ListRecords,
    /// Signs where the journal ends. Reaches no account.
    GetCheckpoint,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::AssumeRoot,
        Self::UnlockBucketPolicy,
        Self::UnlockQueuePolicy,
        Self::DeleteRootCredentials,
        Self::AllowPasswordRecovery,
        Self::AuditRootCredentials,
        Self::RestoreBucketPolicy,
        Self::RestoreQueuePolicy,
        Self::ListPolicyBackups,
        Self::ExplainAccess,
        Self::ListRecords,
        Self::GetCheckpoint,
    ];

    /// Name of the RPC, of the Cedar action and in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AssumeRoot => "AssumeRoot",
            Self::UnlockBucketPolicy => "UnlockBucketPolicy",
            Self::UnlockQueuePolicy => "UnlockQueuePolicy",
            Self::DeleteRootCredentials => "DeleteRootCredentials",
            Self::AllowPasswordRecovery => "AllowPasswordRecovery",
            Self::AuditRootCredentials => "AuditRootCredentials",
            Self::RestoreBucketPolicy => "RestoreBucketPolicy",
            Self::RestoreQueuePolicy => "RestoreQueuePolicy",
            Self::ListPolicyBackups => "ListPolicyBackups",
            Self::ExplainAccess => "ExplainAccess",
            Self::ListRecords => "ListRecords",
            Self::GetCheckpoint => "GetCheckpoint",
        }
    }

    /// Whether the act changes anything, or lets somebody change something. An interrupted act that does must be looked
    /// at by a person.
    #[must_use]
    pub const fn mutates(self) -> bool {
        match self {
            Self::AssumeRoot
            | Self::UnlockBucketPolicy
            | Self::UnlockQueuePolicy
            | Self::DeleteRootCredentials
            | Self::AllowPasswordRecovery
            | Self::RestoreBucketPolicy
            | Self::RestoreQueuePolicy => true,
            Self::AuditRootCredentials
            | Self::ListPolicyBackups
            | Self::ExplainAccess
            | Self::ListRecords
            | Self::GetCheckpoint => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
