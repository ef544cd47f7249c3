//! Which reasons pass by themselves.

use super::ErrorReason;

impl ErrorReason {
    /// Whether the very same request can succeed a moment later. An act that ends so has changed nothing: where that is not
    /// certain, the reason is [`ErrorReason::OutcomeUnknown`] or [`ErrorReason::Incomplete`].
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Overloaded
            | Self::RateLimited
            | Self::ResourceBusy
            | Self::RequestInFlight
            | Self::JournalUnavailable
            | Self::ShuttingDown
            | Self::GatewayCredentials
            | Self::AwsThrottled
            | Self::AwsUnavailable
            | Self::AwsConflict
            | Self::SessionExpired => true,
            Self::Unauthenticated
            | Self::PermissionDenied
            | Self::InvalidRequest
            | Self::NotServed
            | Self::RequestIdReused
            | Self::AlreadyIssued
            | Self::ManagementAccount
            | Self::OwnAccount
            | Self::ProtectedAccount
            | Self::AccountNotInOrganization
            | Self::AccountNotActive
            | Self::RegionNotAllowed
            | Self::BucketNotFound
            | Self::QueueNotFound
            | Self::AwsNotFound
            | Self::WrongRegion
            | Self::FeatureNotEnabled
            | Self::TrustedAccessNotEnabled
            | Self::ScpDeny
            | Self::RcpDeny
            | Self::AwsAccessDenied
            | Self::AwsRejected
            | Self::AwsRefused
            | Self::AwsMisconfigured
            | Self::RegionDisabled
            | Self::StaleEtag
            | Self::PolicyNotUnderstood
            | Self::StatementNotFound
            | Self::WouldLock
            | Self::WouldExpose
            | Self::BackupNotFound
            | Self::CheckpointsNotConfigured
            | Self::TaskNotOffered
            | Self::Incomplete
            | Self::OutcomeUnknown
            | Self::Internal => false,
        }
    }
}
