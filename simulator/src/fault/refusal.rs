//! How each service refuses when it has too much to do, or fails.

use crate::error::ApiError;
use crate::service::Service;

/// A status that cannot be sent becomes 500.
pub(super) fn valid(status: u16) -> u16 {
    if (200..=599).contains(&status) { status } else { 500 }
}

/// What a test wrote. SQS has two names for an error, and a test knows the one that SDKs report.
pub(super) fn exactly(service: Service, status: u16, code: &str, message: &str) -> ApiError {
    let error = ApiError::new(valid(status), code, message);
    match (service, code) {
        (Service::Sqs, "AWS.SimpleQueueService.NonExistentQueue") => error.shape("com.amazonaws.sqs#QueueDoesNotExist"),
        (Service::Sqs, "AccessDenied") => error.shape("com.amazon.coral.service#AccessDeniedException"),
        (Service::Sqs, "ExpiredToken") => error.shape("com.amazon.coral.service#ExpiredTokenException"),
        _ => error,
    }
}

pub(super) fn throttled(service: Service) -> ApiError {
    match service {
        Service::Sts | Service::Iam => ApiError::new(400, "Throttling", "Rate exceeded"),
        Service::S3 => ApiError::new(503, "SlowDown", "Please reduce your request rate."),
        Service::Sqs => ApiError::new(400, "RequestThrottled", "The request was denied due to request throttling."),
        Service::Organizations => ApiError::new(
            400,
            "TooManyRequestsException",
            "You have sent too many requests in too short a period of time.",
        ),
    }
}

pub(super) fn failed(service: Service, status: u16) -> ApiError {
    let (code, text) = match (service, status) {
        (_, 503) if service != Service::Organizations => {
            ("ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
        }
        (Service::Iam, 500..) => ("ServiceFailure", "The request processing has failed because of an unknown error."),
        (Service::S3, 500..) => ("InternalError", "We encountered an internal error. Please try again."),
        (Service::Organizations, 500..) => {
            ("ServiceException", "AWS Organizations can't complete your request because of an internal service error.")
        }
        (_, 500..) => {
            ("InternalFailure", "The request processing has failed because of an unknown error, exception or failure.")
        }
        (Service::Organizations, 403) => ("AccessDeniedException", "Access Denied"),
        (_, 403) => ("AccessDenied", "Access Denied"),
        (_, 404) => ("NotFound", "Not Found"),
        (_, _) => ("InvalidRequest", "The request was refused on request."),
    };
    ApiError::new(status, code, text)
}
