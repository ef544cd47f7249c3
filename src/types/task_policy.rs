//! The five root-task policies of AWS.

/// One of the five AWS managed policies that `sts:AssumeRoot` accepts (IAM User Guide, "AWS managed policies for IAM").
/// AWS accepts no other and no narrower one, so the gateway itself limits a session to one bucket or queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskPolicy {
    /// List root credentials.
    IamAuditRootUserCredentials,
    /// Create the root user's login profile.
    IamCreateRootUserPassword,
    /// Delete root credentials.
    IamDeleteRootUserCredentials,
    /// Read, write and delete bucket policies.
    S3UnlockBucketPolicy,
    /// Read and write queue attributes.
    SqsUnlockQueuePolicy,
}

impl TaskPolicy {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::IamAuditRootUserCredentials,
        Self::IamCreateRootUserPassword,
        Self::IamDeleteRootUserCredentials,
        Self::S3UnlockBucketPolicy,
        Self::SqsUnlockQueuePolicy,
    ];

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// The policy's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IamAuditRootUserCredentials => "IAMAuditRootUserCredentials",
            Self::IamCreateRootUserPassword => "IAMCreateRootUserPassword",
            Self::IamDeleteRootUserCredentials => "IAMDeleteRootUserCredentials",
            Self::S3UnlockBucketPolicy => "S3UnlockBucketPolicy",
            Self::SqsUnlockQueuePolicy => "SQSUnlockQueuePolicy",
        }
    }

    /// The policy's ARN.
    #[must_use]
    pub const fn arn(self) -> &'static str {
        match self {
            Self::IamAuditRootUserCredentials => "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials",
            Self::IamCreateRootUserPassword => "arn:aws:iam::aws:policy/root-task/IAMCreateRootUserPassword",
            Self::IamDeleteRootUserCredentials => "arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials",
            Self::S3UnlockBucketPolicy => "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy",
            Self::SqsUnlockQueuePolicy => "arn:aws:iam::aws:policy/root-task/SQSUnlockQueuePolicy",
        }
    }
}
