//! What the SDK's error says of an answer: its request id, its words, and whether the call can have acted.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_types::request_id::RequestId;

use super::{Fate, THROTTLED, bare};

pub(super) fn request_id<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let headers = error.raw_response()?.headers();
    ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
        .into_iter()
        .find_map(|name| headers.get(name))
        .map(ToOwned::to_owned)
        .or_else(|| error.request_id().map(ToOwned::to_owned))
}

/// The SDK's own words, which name causes such as "connection refused".
pub(super) fn sdk_words<E>(error: &SdkError<E, HttpResponse>) -> String {
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

pub(super) fn fate<E>(error: &SdkError<E, HttpResponse>, status: Option<u16>, code: Option<&str>) -> Fate {
    match error {
        // S3 sends `SlowDown` with status 503; whatever the status, what is throttled was not done.
        SdkError::ServiceError(_) if code.is_some_and(|code| THROTTLED.contains(&bare(code))) => Fate::Refused,
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
