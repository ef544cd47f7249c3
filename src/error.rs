//! What can go wrong, for two audiences: a stable reason with public words for the caller, and private words for the
//! journal and the log.

mod recorded;
mod transient;

pub use recorded::RecordedError;

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::types::{AccountId, Violation};

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

/// What the caller can do about it: words and the page that they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Help<'a> {
    /// The fix.
    pub words: &'a str,
    /// Where it is documented.
    pub url: &'a str,
}

/// An act that was not done, or is not known to be done.
///
/// `Display` prints the public words; [`Error::private`] is for the journal and the log only.
#[derive(Clone, Debug)]
pub struct Error(Box<Facts>);

/// Boxed, because an error travels through every `Result` of the request's way.
#[derive(Clone, Debug)]
struct Facts {
    reason: ErrorReason,
    public: String,
    private: Option<String>,
    violations: Vec<Violation>,
    metadata: BTreeMap<Cow<'static, str>, String>,
    retry_after: Option<Duration>,
    /// Words and page.
    help: Option<(Cow<'static, str>, Cow<'static, str>)>,
}

impl Error {
    /// An error with words for the caller.
    #[must_use]
    pub fn new(reason: ErrorReason, public: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            reason,
            public: public.into(),
            private: None,
            violations: Vec::new(),
            metadata: BTreeMap::new(),
            retry_after: None,
            help: None,
        }))
    }

    /// A malformed request: every field that broke a rule.
    #[must_use]
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let words: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let mut error = Self::new(ErrorReason::InvalidRequest, words.join("; "));
        error.0.violations = violations;
        error
    }

    /// A defect of the gateway; the caller learns no more than that.
    #[must_use]
    pub fn internal(private: impl Into<String>) -> Self {
        Self::new(ErrorReason::Internal, "the gateway failed; its operators find the cause in the log and the journal")
            .with_private(private)
    }

    /// Adds words for the journal and the log.
    #[must_use]
    pub fn with_private(mut self, words: impl Into<String>) -> Self {
        self.0.private = Some(words.into());
        self
    }

    /// Adds a machine-readable fact for the caller.
    #[must_use]
    pub fn with_metadata(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.metadata.insert(Cow::Borrowed(key), value.into());
        self
    }

    /// Says which account it is about, if it is about one.
    #[must_use]
    pub fn about(self, account: impl Into<Option<AccountId>>) -> Self {
        match account.into() {
            Some(account) => self.with_metadata("account_id", account.to_string()),
            None => self,
        }
    }

    /// Says how long to wait before a retry.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds the fix.
    #[must_use]
    pub fn with_help(mut self, help: Help<'static>) -> Self {
        self.0.help = Some((Cow::Borrowed(help.words), Cow::Borrowed(help.url)));
        self
    }

    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        self.0.reason
    }

    /// Words for the journal and the log; the public ones where there are no others.
    #[must_use]
    pub fn private(&self) -> &str {
        self.0.private.as_deref().unwrap_or(&self.0.public)
    }

    /// The fields that broke a rule.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Machine-readable facts.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<Cow<'static, str>, String> {
        &self.0.metadata
    }

    /// How long to wait before a retry.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The fix.
    #[must_use]
    pub fn help(&self) -> Option<Help<'_>> {
        self.0.help.as_ref().map(|(words, url)| Help { words, url })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.public)
    }
}

impl std::error::Error for Error {}
