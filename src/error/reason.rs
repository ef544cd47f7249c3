//! The reasons, by their stable names.

use serde::{Deserialize, Serialize};

/// Why an act was not done, or not known to be done. `name` is the `reason` of the `google.rpc.ErrorInfo`, and stable.
///
/// The one table to gRPC codes is in `rpc/status.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorReason {
    /// No identity was proven.
    Unauthenticated,
    /// Policy does not allow this act.
    PermissionDenied,
    /// The request itself is malformed.
    InvalidRequest,
    /// What was asked for is not served yet.
    NotServed,
    /// Too many operations are in flight.
    Overloaded,
    /// The caller, or everybody together, asks for more than the configured rate or number at a time.
    RateLimited,
    /// Another operation works on the same target.
    ResourceBusy,
    /// The request id stands for another request of the same caller.
    RequestIdReused,
    /// The request with this id still runs.
    RequestInFlight,
    /// The credentials that this request asked for were handed out before, and are stored nowhere.
    AlreadyIssued,
    /// The journal cannot be written, so nothing may be done.
    JournalUnavailable,
    /// The gateway is stopping.
    ShuttingDown,
    /// The target is the organization's management account.
    ManagementAccount,
    /// The target is the account that the gateway itself runs in.
    OwnAccount,
    /// The target is protected by configuration.
    ProtectedAccount,
    /// The target does not belong to the organization.
    AccountNotInOrganization,
    /// The target's state is not ACTIVE.
    AccountNotActive,
    /// The region is not on the allow-list.
    RegionNotAllowed,
    /// The account owns no such bucket.
    BucketNotFound,
    /// The account owns no such queue.
    QueueNotFound,
    /// What AWS was asked for is not there.
    AwsNotFound,
    /// The bucket is in another region than the request says.
    WrongRegion,
    /// One of the two features for centralized root access is off.
    FeatureNotEnabled,
    /// Trusted access for IAM is off.
    TrustedAccessNotEnabled,
    /// A service control policy denies.
    ScpDeny,
    /// A resource control policy denies.
    RcpDeny,
    /// AWS denies, and does not say why.
    AwsAccessDenied,
    /// AWS does not accept the gateway's own credentials.
    GatewayCredentials,
    /// AWS throttles, after retries.
    AwsThrottled,
    /// AWS cannot be reached or fails, and nothing was changed.
    AwsUnavailable,
    /// AWS refuses a value that was asked for.
    AwsRejected,
    /// AWS refuses for a reason of its own, which the error code says.
    AwsRefused,
    /// AWS says that the target changes at the moment.
    AwsConflict,
    /// AWS does not know what it was asked, which points to a wrong endpoint.
    AwsMisconfigured,
    /// STS is not active in the region for the target account.
    RegionDisabled,
    /// The state is not the one that the plan saw.
    StaleEtag,
    /// The policy is not understood well enough to change a part of it.
    PolicyNotUnderstood,
    /// The policy has no such statement, or several.
    StatementNotFound,
    /// The policy to install would lock the account's administrators out.
    WouldLock,
    /// The policy to install grants more than was accepted.
    WouldExpose,
    /// There is no such backup of this resource.
    BackupNotFound,
    /// The gateway has no key for checkpoints of its journal.
    CheckpointsNotConfigured,
    /// The root session ran out again after it had been renewed.
    SessionExpired,
    /// The gateway has no broker role for this task.
    TaskNotOffered,
    /// Part of what was asked for was done; the details say which part.
    Incomplete,
    /// The act may have been done, and no read could tell.
    OutcomeUnknown,
    /// A defect of the gateway.
    Internal,
}

impl ErrorReason {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::NotServed => "NOT_SERVED",
            Self::Overloaded => "OVERLOADED",
            Self::RateLimited => "RATE_LIMITED",
            Self::ResourceBusy => "RESOURCE_BUSY",
            Self::RequestIdReused => "REQUEST_ID_REUSED",
            Self::RequestInFlight => "REQUEST_IN_FLIGHT",
            Self::AlreadyIssued => "ALREADY_ISSUED",
            Self::JournalUnavailable => "JOURNAL_UNAVAILABLE",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::ManagementAccount => "MANAGEMENT_ACCOUNT",
            Self::OwnAccount => "OWN_ACCOUNT",
            Self::ProtectedAccount => "PROTECTED_ACCOUNT",
            Self::AccountNotInOrganization => "ACCOUNT_NOT_IN_ORGANIZATION",
            Self::AccountNotActive => "ACCOUNT_NOT_ACTIVE",
            Self::RegionNotAllowed => "REGION_NOT_ALLOWED",
            Self::BucketNotFound => "BUCKET_NOT_FOUND",
            Self::QueueNotFound => "QUEUE_NOT_FOUND",
            Self::AwsNotFound => "AWS_NOT_FOUND",
            Self::WrongRegion => "WRONG_REGION",
            Self::FeatureNotEnabled => "FEATURE_NOT_ENABLED",
            Self::TrustedAccessNotEnabled => "TRUSTED_ACCESS_NOT_ENABLED",
            Self::ScpDeny => "SCP_DENY",
            Self::RcpDeny => "RCP_DENY",
            Self::AwsAccessDenied => "AWS_ACCESS_DENIED",
            Self::GatewayCredentials => "GATEWAY_CREDENTIALS",
            Self::AwsThrottled => "AWS_THROTTLED",
            Self::AwsUnavailable => "AWS_UNAVAILABLE",
            Self::AwsRejected => "AWS_REJECTED",
            Self::AwsRefused => "AWS_REFUSED",
            Self::AwsConflict => "AWS_CONFLICT",
            Self::AwsMisconfigured => "AWS_MISCONFIGURED",
            Self::RegionDisabled => "REGION_DISABLED",
            Self::StaleEtag => "STALE_ETAG",
            Self::PolicyNotUnderstood => "POLICY_NOT_UNDERSTOOD",
            Self::StatementNotFound => "STATEMENT_NOT_FOUND",
            Self::WouldLock => "WOULD_LOCK",
            Self::WouldExpose => "WOULD_EXPOSE",
            Self::BackupNotFound => "BACKUP_NOT_FOUND",
            Self::CheckpointsNotConfigured => "CHECKPOINTS_NOT_CONFIGURED",
            Self::SessionExpired => "SESSION_EXPIRED",
            Self::TaskNotOffered => "TASK_NOT_OFFERED",
            Self::Incomplete => "INCOMPLETE",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::Internal => "INTERNAL",
        }
    }
}
