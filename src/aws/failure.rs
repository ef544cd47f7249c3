//! A failed AWS call: what AWS said, whether it can have acted nevertheless, and what the caller is told.

mod to_gateway;

use std::{fmt, time::Duration};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use aws_types::request_id::RequestId;

use crate::error::{Error, ErrorReason, Help};

/// Whether a failed call can have acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The request was never sent.
    NotSent,
    /// AWS refused it: nothing was done.
    Refused,
    /// No answer, or one that does not say: it may have been done.
    Unknown,
}

/// A failed AWS call.
#[derive(Clone, Debug)]
pub struct AwsFailure {
    /// Signing name of the service.
    pub service: &'static str,
    /// API operation.
    pub operation: &'static str,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// AWS error code, as sent.
    pub code: Option<String>,
    /// AWS's words, or those of the SDK. For operators: they can name the gateway's own role.
    pub message: Box<str>,
    /// AWS request id.
    pub request_id: Option<String>,
    /// Where S3 says that the bucket is.
    pub bucket_region: Option<Box<str>>,
    /// Whether it can have acted.
    pub fate: Fate,
}

/// Enough for every message in the AWS references; an HTML error page is cut.
const MESSAGE_LENGTH_MAX: usize = 1024;

/// What AWS services answer when they throttle.
pub(super) const THROTTLED: [&str; 6] = [
    "Throttling",
    "ThrottlingException",
    "SlowDown",
    "RequestThrottled",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];

/// Stands in place of AWS's code where a plan tried to change something.
const IN_A_PLAN: &str = "ChangeInPlan";
/// The same where there is no broker role for a task.
const NOT_OFFERED: &str = "TaskNotOffered";

/// What services answer when a session is over. STS, IAM and S3 say the first, SQS the second.
const EXPIRED: [&str; 2] = ["ExpiredToken", "ExpiredTokenException"];
/// The services that are only ever called with a root session's credentials.
const IN_ROOT_SESSIONS: [&str; 3] = ["iam", "s3", "sqs"];

/// After so long, a throttled call may be tried again.
const THROTTLED_RETRY_AFTER: Duration = Duration::from_secs(5);
const FEATURES_PAGE: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html";

impl AwsFailure {
    /// Reads the SDK's error.
    pub(super) fn of<E: ProvideErrorMetadata>(
        service: &'static str,
        operation: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self {
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let said = error.message().map_or_else(|| sdk_words(error), ToOwned::to_owned);
        Self {
            service,
            operation,
            status,
            code: error.code().map(ToOwned::to_owned),
            message: said.chars().take(MESSAGE_LENGTH_MAX).collect(),
            request_id: request_id(error),
            bucket_region: response.and_then(|response| response.headers().get("x-amz-bucket-region")).map(Into::into),
            fate: fate(error, status, error.code()),
        }
    }

    /// An answer that AWS should not have given, such as a success without its required content.
    pub(super) fn nonsense(service: &'static str, operation: &'static str, what: &str) -> Self {
        Self {
            service,
            operation,
            status: None,
            code: None,
            message: what.into(),
            request_id: None,
            bucket_region: None,
            fate: Fate::Unknown,
        }
    }

    /// A request that was not sent, and why.
    pub(super) fn not_sent(service: &'static str, operation: &'static str, why: &str) -> Self {
        Self { fate: Fate::NotSent, ..Self::nonsense(service, operation, why) }
    }

    /// A change that was not sent, because only a plan was asked for: a defect of the gateway.
    pub(super) fn of_a_plan(service: &'static str, operation: &'static str) -> Self {
        let words = format!("a plan tried to change something: {service}:{operation}");
        Self { code: Some(IN_A_PLAN.to_owned()), ..Self::not_sent(service, operation, &words) }
    }

    /// A task for which no broker role is configured.
    pub(super) fn not_offered() -> Self {
        let words = "no broker role for this task";
        Self { code: Some(NOT_OFFERED.to_owned()), ..Self::not_sent("sts", "AssumeRole", words) }
    }

    /// A call that was not sent, because its root session is over by the clock.
    pub(super) fn session_over(service: &'static str, operation: &'static str) -> Self {
        let words = "the root session is over";
        Self { code: Some(EXPIRED[0].to_owned()), ..Self::not_sent(service, operation, words) }
    }

    /// Whether a root session was over, so that the call was surely not carried out.
    pub(super) fn is_session_expired(&self) -> bool {
        IN_ROOT_SESSIONS.contains(&self.service) && self.is(&EXPIRED) && self.fate != Fate::Unknown
    }

    /// The failure of a call that stood before the act: whatever became of it, the act was not begun.
    pub(super) fn before_the_act(self) -> Self {
        let fate = if self.fate == Fate::Unknown { Fate::NotSent } else { self.fate };
        Self { fate, ..self }
    }

    /// Whether AWS answered with one of these codes. Services spell some codes in two ways, so several can be given.
    #[must_use]
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// The error code, or what became of the call where there is none.
    #[must_use]
    pub fn code_or_fate(&self) -> &str {
        self.code.as_deref().unwrap_or(match self.fate {
            Fate::NotSent => "NotSent",
            Fate::Refused => "Refused",
            Fate::Unknown => "NoAnswer",
        })
    }

    /// What the caller is told where this failure ends the operation and the call itself changes nothing.
    #[must_use]
    pub fn into_error(self) -> Error {
        if self.fate == Fate::NotSent && self.is(&[IN_A_PLAN]) {
            return Error::internal(self.to_string());
        }
        let (reason, words, help) = self.explain();
        let place = self.bucket_region.iter().filter(|_| reason == ErrorReason::WrongRegion);
        let place: String = place.map(|region| format!(", {region}; say that, or leave region unset")).collect();
        let error = Error::new(reason, format!("{}:{}: {words}{place}", self.service, self.operation))
            .with_private(self.to_string())
            .with_metadata("aws_service", self.service)
            .with_metadata("aws_operation", self.operation);
        let error = match reason {
            ErrorReason::AwsThrottled => error.with_retry_after(THROTTLED_RETRY_AFTER),
            _ => error,
        };
        let error = help.into_iter().fold(error, Error::with_help);
        let region = self.bucket_region.into_iter();
        let error = region.fold(error, |error, region| error.with_metadata("bucket_region", region));
        // Without an answer the code is our own word.
        let code = self.code.into_iter().filter(|_| self.status.is_some());
        let error = code.fold(error, |error, code| error.with_metadata("aws_error_code", code));
        self.request_id.into_iter().fold(error, |error, id| error.with_metadata("aws_request_id", id))
    }

    /// What the caller is told where a change may or may not have been made, and no read could tell.
    #[must_use]
    pub fn into_unknown(self) -> Error {
        let words = format!(
            "{}:{} got no clear answer, and a second read could not tell whether it was done; look before you try again",
            self.service, self.operation
        );
        let error = Error::new(ErrorReason::OutcomeUnknown, words).with_private(self.to_string());
        let error = self.request_id.into_iter().fold(error, |error, id| error.with_metadata("aws_request_id", id));
        self.code.into_iter().fold(error, |error, code| error.with_metadata("aws_error_code", code))
    }

    /// Reason, words and fix. AWS has one code for six causes of a denial: the message text is a hint for people, and
    /// never grants anything.
    fn explain(&self) -> (ErrorReason, &'static str, Option<Help>) {
        if let Some(denial) = self.denied_to_the_gateway() {
            return denial;
        }
        let message = self.message.to_ascii_lowercase();
        match self.code.as_deref().unwrap_or_default() {
            NOT_OFFERED if self.fate == Fate::NotSent => (
                ErrorReason::TaskNotOffered,
                "this gateway has no broker role for the task, see aws.broker.roles in its configuration",
                None,
            ),
            _ if self.is_session_expired() => {
                (ErrorReason::SessionExpired, "the root session was renewed once and is over again", None)
            }
            "AccessDenied" if self.operation == "AssumeRole" => (
                ErrorReason::AwsAccessDenied,
                "AWS does not let the gateway assume the broker role",
                Some(to_gateway::BROKER_HELP),
            ),
            "AccessDenied" | "AccessDeniedException" | "AllAccessDisabled" | "MethodNotAllowed" => denied(&message),
            code if THROTTLED.contains(&code) => (ErrorReason::AwsThrottled, "AWS throttles this call", None),
            "InvalidAction" => (
                ErrorReason::AwsMisconfigured,
                "this AWS endpoint does not know the operation; the gateway's region or endpoint is wrong",
                None,
            ),
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestTimeTooSkewed" => {
                (ErrorReason::GatewayCredentials, "AWS does not accept the credentials that the gateway used", None)
            }
            "RegionDisabledException" | "RegionDisabled" => (
                ErrorReason::RegionDisabled,
                "STS is not active in the gateway's home region for this account",
                Some(Help {
                    words: "activate the region for STS in the member account, or choose us-east-1 as aws.home_region",
                    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html",
                }),
            ),
            "NoSuchBucket" => (ErrorReason::BucketNotFound, "there is no such bucket in this account", None),
            "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" => {
                (ErrorReason::QueueNotFound, "there is no such queue in this account and region", None)
            }
            "EntityTemporarilyUnmodifiable" | "ConcurrentModification" | "DeleteConflict" | "OperationAborted" => {
                (ErrorReason::AwsConflict, "the target is being changed by somebody else at the moment", None)
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                (ErrorReason::WrongRegion, "the bucket is in another region", None)
            }
            "ValidationError"
            | "ValidationException"
            | "MalformedPolicy"
            | "MalformedPolicyDocument"
            | "InvalidArgument"
            | "InvalidAttributeName"
            | "InvalidAttributeValue"
            | "InvalidInput"
            | "InvalidInputException"
            | "InvalidBucketName" => (ErrorReason::AwsRejected, "AWS does not accept a value of the request", None),
            _ => self.explain_status(),
        }
    }

    fn explain_status(&self) -> (ErrorReason, &'static str, Option<Help>) {
        match (self.fate, self.status) {
            (_, Some(301)) => (ErrorReason::WrongRegion, "the bucket is in another region", None),
            (Fate::Refused, Some(403)) => denied(""),
            (Fate::Refused, Some(429)) => (ErrorReason::AwsThrottled, "AWS throttles this call", None),
            (Fate::Refused, Some(408)) => (ErrorReason::AwsUnavailable, "AWS waited too long for the request", None),
            (Fate::Refused, _) => (ErrorReason::AwsRefused, "AWS refused, see aws_error_code", None),
            (Fate::NotSent, _) => (ErrorReason::AwsUnavailable, "the request could not be sent to AWS", None),
            (Fate::Unknown, _) => (ErrorReason::AwsUnavailable, "AWS did not answer properly", None),
        }
    }
}

fn denied(message: &str) -> (ErrorReason, &'static str, Option<Help>) {
    if message.contains("root sessions feature is not enabled") {
        let words = "aws iam enable-organizations-root-sessions, as the management account";
        let help = Some(Help { words, url: FEATURES_PAGE });
        (ErrorReason::FeatureNotEnabled, "the RootSessions feature of the organization is off", help)
    } else if message.contains("root credentials management feature is not enabled") {
        let words = "aws iam enable-organizations-root-credentials-management, as the management account";
        let help = Some(Help { words, url: FEATURES_PAGE });
        (ErrorReason::FeatureNotEnabled, "the RootCredentialsManagement feature of the organization is off", help)
    } else if message.contains("service not enabled for aws organizations") {
        let words = "aws organizations enable-aws-service-access --service-principal iam.amazonaws.com";
        let help = Some(Help { words, url: FEATURES_PAGE });
        (ErrorReason::TrustedAccessNotEnabled, "trusted access for IAM is off in the organization", help)
    } else if message.contains("service control policy") {
        let words = "exempt centralized root in the SCP: add \"Null\": {\"aws:AssumedRoot\": \"true\"} to the condition of the Deny";
        let url = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_examples_general.html";
        (ErrorReason::ScpDeny, "a service control policy denies it to root", Some(Help { words, url }))
    } else if message.contains("resource control policy") {
        (ErrorReason::RcpDeny, "a resource control policy denies it, which binds root too", None)
    } else {
        (ErrorReason::AwsAccessDenied, "AWS denies it", None)
    }
}

/// For operators: everything that AWS said.
impl fmt::Display for AwsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} failed: {}", self.service, self.operation, self.code_or_fate())?;
        if let Some(status) = self.status {
            write!(f, " (HTTP {status})")?;
        }
        write!(f, ": {}", self.message)
    }
}

fn request_id<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let headers = error.raw_response()?.headers();
    ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
        .into_iter()
        .find_map(|name| headers.get(name))
        .map(ToOwned::to_owned)
        .or_else(|| error.request_id().map(ToOwned::to_owned))
}

/// The SDK's own words, which name causes such as "connection refused".
fn sdk_words<E>(error: &SdkError<E, HttpResponse>) -> String {
    match error {
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) => {
            failure.as_connector_error().map_or_else(|| "not sent".to_owned(), |e| DisplayErrorContext(e).to_string())
        }
        SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
        SdkError::ServiceError(_) => "AWS gave no message".to_owned(),
        _ => "an error of a kind that this version does not know".to_owned(),
    }
}

fn fate<E>(error: &SdkError<E, HttpResponse>, status: Option<u16>, code: Option<&str>) -> Fate {
    match error {
        // S3 sends `SlowDown` with status 503; whatever the status, what is throttled was not done.
        SdkError::ServiceError(_) if code.is_some_and(|code| THROTTLED.contains(&code)) => Fate::Refused,
        SdkError::ConstructionFailure(_) => Fate::NotSent,
        // Even "connection refused" says nothing: an earlier attempt of the SDK may have got through.
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Fate::Unknown,
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => match status {
            // A success whose body was cut or makes no sense is no refusal: AWS has acted.
            Some(300..=499) => Fate::Refused,
            _ => Fate::Unknown,
        },
        _ => Fate::Unknown,
    }
}
