//! The one mapping from errors to `google.rpc.Status`.

use std::collections::HashMap;

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::error::{Error, ErrorReason};

/// The `domain` of every ErrorInfo.
const DOMAIN: &str = "rootgate";

/// The gRPC code of a reason. Only UNAVAILABLE may be retried as it is; an outcome that is not known never is.
const fn code(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::Unauthenticated => Code::Unauthenticated,
        ErrorReason::PermissionDenied
        | ErrorReason::ProtectedAccount
        | ErrorReason::ScpDeny
        | ErrorReason::RcpDeny
        | ErrorReason::AwsAccessDenied => Code::PermissionDenied,
        ErrorReason::InvalidRequest | ErrorReason::AwsRejected => Code::InvalidArgument,
        ErrorReason::NotServed => Code::Unimplemented,
        // Not INVALID_ARGUMENT, which is wrong by itself: this message is well-formed, and another one has its id.
        ErrorReason::RequestIdReused => Code::AlreadyExists,
        ErrorReason::Overloaded
        | ErrorReason::JournalUnavailable
        | ErrorReason::ShuttingDown
        | ErrorReason::RequestInFlight
        | ErrorReason::GatewayCredentials
        | ErrorReason::AwsUnavailable => Code::Unavailable,
        ErrorReason::ResourceBusy
        | ErrorReason::AwsConflict
        | ErrorReason::SessionExpired
        | ErrorReason::StaleEtag
        | ErrorReason::Incomplete => Code::Aborted,
        ErrorReason::ManagementAccount
        | ErrorReason::OwnAccount
        | ErrorReason::AccountNotActive
        | ErrorReason::RegionNotAllowed
        | ErrorReason::WrongRegion
        | ErrorReason::AwsRefused
        | ErrorReason::FeatureNotEnabled
        | ErrorReason::TrustedAccessNotEnabled
        | ErrorReason::PolicyNotUnderstood
        | ErrorReason::StatementNotFound
        | ErrorReason::WouldLock
        | ErrorReason::WouldExpose
        | ErrorReason::TaskNotOffered
        | ErrorReason::AlreadyIssued
        | ErrorReason::CheckpointsNotConfigured
        | ErrorReason::RegionDisabled => Code::FailedPrecondition,
        ErrorReason::AccountNotInOrganization
        | ErrorReason::BucketNotFound
        | ErrorReason::QueueNotFound
        | ErrorReason::AwsNotFound
        | ErrorReason::BackupNotFound => Code::NotFound,
        ErrorReason::AwsThrottled | ErrorReason::RateLimited => Code::ResourceExhausted,
        ErrorReason::OutcomeUnknown => Code::Unknown,
        ErrorReason::AwsMisconfigured | ErrorReason::Internal => Code::Internal,
    }
}

/// An error as a status: exactly one ErrorInfo, and what else helps.
#[must_use]
pub fn status(error: &Error) -> Status {
    status_with(error, None)
}

/// The same, with one more detail.
#[must_use]
pub fn status_with(error: &Error, detail: Option<Any>) -> Status {
    let code = code(error.reason());
    let status = Status::with_error_details(code, error.to_string(), details(error, code));
    let Some(detail) = detail else { return status };
    // What tonic-types has just encoded decodes; were it not so, the details would be left as they are.
    let Ok(mut wire) = tonic_types::pb::Status::decode(status.details()) else { return status };
    wire.details.push(detail);
    Status::with_details(code, error.to_string(), wire.encode_to_vec().into())
}

fn details(error: &Error, code: Code) -> ErrorDetails {
    let reason = error.reason().name();
    let metadata: HashMap<String, String> =
        error.metadata().iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
    let subject = metadata.get("account_id").cloned().unwrap_or_default();
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    for violation in error.violations() {
        details.add_bad_request_violation(violation.field.as_str(), violation.rule.to_string());
    }
    if code == Code::FailedPrecondition {
        details.add_precondition_failure_violation(reason, subject, error.to_string());
    }
    if let Some(wait) = error.retry_after() {
        details.set_retry_info(Some(wait));
    }
    if let Some(help) = error.help() {
        details.add_help_link(help.words, help.url);
    }
    details
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        error::Help,
        types::{Rule, Violation},
    };

    fn wire(status: &Status) -> tonic_types::pb::Status {
        tonic_types::pb::Status::decode(status.details()).unwrap()
    }

    #[test]
    fn an_error_has_exactly_one_error_info() {
        let error = Error::new(ErrorReason::ScpDeny, "words").with_metadata("aws_error_code", "AccessDenied");
        let status = status(&error);
        let infos = wire(&status).details.iter().filter(|any| any.type_url.ends_with("ErrorInfo")).count();
        assert_eq!(infos, 1);
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("SCP_DENY", "rootgate"));
        assert_eq!(info.metadata["aws_error_code"], "AccessDenied");
    }

    #[test]
    fn violations_retry_help_and_precondition_are_told() {
        let invalid = status(&Error::invalid(vec![Violation::new("bucket", Rule::new("must be a name"))]));
        assert_eq!(invalid.code(), Code::InvalidArgument);
        assert_eq!(invalid.get_details_bad_request().unwrap().field_violations[0].field, "bucket");

        let throttled = Error::new(ErrorReason::AwsThrottled, "x").with_retry_after(Duration::from_secs(5));
        assert_eq!(status(&throttled).get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(5)));

        let help = Help { words: "turn it on", url: "https://example.org" };
        let feature = status(&Error::new(ErrorReason::FeatureNotEnabled, "off").with_help(help));
        assert_eq!(feature.get_details_help().unwrap().links[0].description, "turn it on");
        assert_eq!(feature.get_details_precondition_failure().unwrap().violations[0].r#type, "FEATURE_NOT_ENABLED");
    }

    #[test]
    fn private_words_never_leave() {
        let error = Error::internal("the password is swordfish").with_metadata("k", "v");
        let status = status(&error);
        assert!(!format!("{status:?}").contains("swordfish"));
        assert!(!status.details().windows(9).any(|window| window == b"swordfish"));
    }

    #[test]
    fn an_extra_detail_rides_behind_the_error_info() {
        let any = Any { type_url: "type.googleapis.com/x".to_owned(), value: vec![1, 2] };
        let status = status_with(&Error::new(ErrorReason::Incomplete, "part"), Some(any.clone()));
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(wire(&status).details.last(), Some(&any));
        assert!(status.get_details_error_info().is_some());
    }
}
