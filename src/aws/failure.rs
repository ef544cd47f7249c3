//! A failed AWS call: what AWS said, whether it can have acted nevertheless, and what the caller is told.

mod denied;
mod sdk;

use std::{fmt, time::Duration};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use self::{
    denied::{BROKER_HELP, denied},
    sdk::{fate, request_id, sdk_words},
};
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

/// What AWS services answer when they throttle, as [`bare`] codes.
pub(super) const THROTTLED: [&str; 8] = [
    "Throttling",
    "Throttled",
    "SlowDown",
    "RequestThrottled",
    "TooManyRequests",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "KmsThrottled",
];

/// Noted of a call that may have arrived.
pub(super) const NO_ANSWER: &str = "NoAnswer";
/// Stands in place of AWS's code where a plan tried to change something.
const IN_A_PLAN: &str = "ChangeInPlan";
/// The same where the journal did not let the act go on.
const NOT_CONFIRMED: &str = "ActNotConfirmed";
/// The same where there is no broker role for a task.
const NOT_OFFERED: &str = "TaskNotOffered";

/// What services answer when a session is over.
const EXPIRED: &str = "ExpiredToken";
/// The services that acts call with a root session's credentials alone. (Checkpoints are put with the gateway's own; of
/// their failures only the log is told.)
const IN_ROOT_SESSIONS: [&str; 3] = ["iam", "s3", "sqs"];

/// After so long, a throttled call may be tried again.
const THROTTLED_RETRY_AFTER: Duration = Duration::from_secs(5);

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

    /// A call that was not sent, because the journal did not let the act go on. These words are for callers too.
    pub(super) fn unconfirmed(service: &'static str, operation: &'static str, error: &Error) -> Self {
        let words = error.to_string();
        Self { code: Some(NOT_CONFIRMED.to_owned()), ..Self::not_sent(service, operation, &words) }
    }

    /// A task for which no broker role is configured.
    pub(super) fn not_offered() -> Self {
        let words = "no broker role for this task";
        Self { code: Some(NOT_OFFERED.to_owned()), ..Self::not_sent("sts", "AssumeRole", words) }
    }

    /// A call that was not sent, because its root session is over by the clock.
    pub(super) fn session_over(service: &'static str, operation: &'static str) -> Self {
        let words = "the root session is over";
        Self { code: Some(EXPIRED.to_owned()), ..Self::not_sent(service, operation, words) }
    }

    /// Whether a root session was over, so that the call was surely not carried out.
    pub(super) fn is_session_expired(&self) -> bool {
        IN_ROOT_SESSIONS.contains(&self.service) && self.is(&[EXPIRED]) && self.fate != Fate::Unknown
    }

    /// The failure of a call that stood before the act: whatever became of it, the act was not begun.
    pub(super) fn before_the_act(self) -> Self {
        let fate = if self.fate == Fate::Unknown { Fate::NotSent } else { self.fate };
        Self { fate, ..self }
    }

    /// Whether AWS answered with one of these codes, in any of its spellings: a name of SQS in front, an `Exception` at the end.
    #[must_use]
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.iter().any(|known| bare(known) == bare(code)))
    }

    /// The error code, or what became of the call where there is none.
    #[must_use]
    pub fn code_or_fate(&self) -> &str {
        self.code.as_deref().unwrap_or(match self.fate {
            Fate::NotSent => "NotSent",
            Fate::Refused => "Refused",
            Fate::Unknown => NO_ANSWER,
        })
    }

    /// What the caller is told where this failure ends the operation and the call itself changes nothing.
    #[must_use]
    pub fn into_error(self) -> Error {
        if self.fate == Fate::NotSent && self.is(&[IN_A_PLAN]) {
            return Error::internal(self.to_string());
        }
        if self.fate == Fate::NotSent && self.is(&[NOT_CONFIRMED]) {
            let words = format!("{}:{} was not sent: {}", self.service, self.operation, self.message);
            return Error::new(ErrorReason::JournalUnavailable, words);
        }
        let (reason, words, help) = self.explain();
        let place = self.bucket_region.iter().filter(|_| reason == ErrorReason::WrongRegion);
        let place: String = place.map(|region| format!(", {region}; say that, or leave region unset")).collect();
        let error = Error::new(reason, format!("{}:{}: {words}{place}", self.service, self.operation))
            .with_private(self.to_string());
        let error = match reason {
            ErrorReason::AwsThrottled => error.with_retry_after(THROTTLED_RETRY_AFTER),
            _ => error,
        };
        self.attach_to(help.into_iter().fold(error, Error::with_help))
    }

    /// What the caller is told where a change may or may not have been made, and no read could tell.
    #[must_use]
    pub fn into_unknown(self) -> Error {
        let words = format!(
            "{}:{} got no clear answer, and a second read could not tell whether it was done; look before you try again",
            self.service, self.operation
        );
        let error = Error::new(ErrorReason::OutcomeUnknown, words).with_private(self.to_string());
        self.attach_to(error)
    }

    /// Adds what AWS said, for programs.
    fn attach_to(self, error: Error) -> Error {
        let answered = self.status.is_some();
        let facts = [
            ("aws_service", Some(self.service.to_owned())),
            ("aws_operation", Some(self.operation.to_owned())),
            ("aws_http_status", self.status.map(|status| status.to_string())),
            // Without an answer the code is our own word.
            ("aws_error_code", self.code.filter(|_| answered)),
            ("aws_request_id", self.request_id),
            ("bucket_region", self.bucket_region.map(String::from)),
        ];
        let told = facts.into_iter().filter_map(|(key, value)| Some((key, value?)));
        told.fold(error, |error, (key, value)| error.with_metadata(key, value))
    }

    /// Reason, words and fix. AWS has one code for six causes of a denial: the message text is a hint for people, and
    /// never grants anything.
    fn explain(&self) -> (ErrorReason, &'static str, Option<Help<'static>>) {
        if let Some(denial) = self.denied_to_the_gateway() {
            return denial;
        }
        let message = self.message.to_ascii_lowercase();
        match self.code.as_deref().map(bare).unwrap_or_default() {
            NOT_OFFERED if self.fate == Fate::NotSent => (
                ErrorReason::TaskNotOffered,
                "this gateway has no broker role for the task, see aws.broker.roles in its configuration",
                None,
            ),
            _ if self.is_session_expired() => {
                (ErrorReason::SessionExpired, "the root session was renewed once and is over again", None)
            }
            "AccessDenied" if self.operation == "AssumeRole" => {
                (ErrorReason::AwsAccessDenied, "AWS does not let the gateway assume the broker role", Some(BROKER_HELP))
            }
            "AccessDenied" | "AllAccessDisabled" | "MethodNotAllowed" | "KmsAccessDenied" => denied(&message),
            code if THROTTLED.contains(&code) => (ErrorReason::AwsThrottled, "AWS throttles this call", None),
            "InvalidAction" | "UnknownOperation" | "InvalidSecurity" => (
                ErrorReason::AwsMisconfigured,
                "this AWS endpoint does not know the operation; the gateway's region or endpoint is wrong",
                None,
            ),
            "InvalidClientTokenId"
            | "UnrecognizedClient"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "MissingAuthenticationToken"
            | "IncompleteSignature"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "RequestExpired"
            | "RequestTimeTooSkewed" => {
                (ErrorReason::GatewayCredentials, "AWS does not accept the credentials that the gateway used", None)
            }
            "RegionDisabled" => (
                ErrorReason::RegionDisabled,
                "STS is not active in the gateway's home region for this account",
                Some(Help {
                    words: "activate the region for STS in the member account, or choose us-east-1 as aws.home_region",
                    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html",
                }),
            ),
            "NoSuchBucket" => (ErrorReason::BucketNotFound, "there is no such bucket in this account", None),
            "QueueDoesNotExist" | "NonExistentQueue" => {
                (ErrorReason::QueueNotFound, "there is no such queue in this account and region", None)
            }
            "NoSuchEntity" => (ErrorReason::AwsNotFound, "what it asked for is not there, or not any more", None),
            "EntityTemporarilyUnmodifiable" | "ConcurrentModification" | "DeleteConflict" | "OperationAborted" => {
                (ErrorReason::AwsConflict, "the target is being changed by somebody else at the moment", None)
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraint" => {
                (ErrorReason::WrongRegion, "the bucket is in another region", None)
            }
            "ValidationError"
            | "Validation"
            | "MalformedPolicy"
            | "MalformedPolicyDocument"
            | "InvalidAddress"
            | "InvalidArgument"
            | "InvalidAttributeName"
            | "InvalidAttributeValue"
            | "InvalidInput"
            | "InvalidBucketName" => (ErrorReason::AwsRejected, "AWS does not accept a value of the request", None),
            // S3 says so with status 400.
            "RequestTimeout" => (ErrorReason::AwsUnavailable, "AWS waited too long for the request", None),
            _ => self.explain_status(),
        }
    }

    fn explain_status(&self) -> (ErrorReason, &'static str, Option<Help<'static>>) {
        match (self.fate, self.status) {
            (_, Some(301)) => (ErrorReason::WrongRegion, "the bucket is in another region", None),
            (Fate::Refused, Some(403)) => denied(""),
            (Fate::Refused, Some(404)) => (ErrorReason::AwsNotFound, "what it asked for is not there", None),
            (Fate::Refused, Some(429)) => (ErrorReason::AwsThrottled, "AWS throttles this call", None),
            (Fate::Refused, Some(408)) => (ErrorReason::AwsUnavailable, "AWS waited too long for the request", None),
            (Fate::Refused, _) => (ErrorReason::AwsRefused, "AWS refused, see aws_error_code", None),
            (Fate::NotSent, _) => (ErrorReason::AwsUnavailable, "the request could not be sent to AWS", None),
            (Fate::Unknown, _) => (ErrorReason::AwsUnavailable, "AWS did not answer properly", None),
        }
    }
}

/// A code without what depends on whom one asks: SQS puts its name in front in answers for clients of its older protocol,
/// and an `Exception` at the end comes and goes with the protocol and with the page of the reference.
fn bare(code: &str) -> &str {
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    code.strip_suffix("Exception").unwrap_or(code)
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

#[cfg(test)]
mod tests;
