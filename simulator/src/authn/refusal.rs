//! Why a request was not authenticated, in each service's own words.
//!
//! Sources: S3 and SQS error lists, IAM and STS "Common Errors"; Organizations answers 400 to everything.

use crate::error::ApiError;
use crate::service::Service;
use crate::sigv4::Malformed;

/// Why a request was not authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not signed.
    Missing,
    /// The signature says too little.
    Incomplete(String),
    /// Signed for another region or service.
    WrongScope(String),
    /// The request is too old, or from the future.
    Skewed(String),
    /// There is no such key.
    UnknownKey,
    /// A temporary key without its token.
    MissingToken,
    /// Another token than the key's.
    WrongToken,
    /// The session is over.
    Expired,
    /// S3 without `x-amz-content-sha256`.
    NoContentDigest,
    /// The body is another than the stated digest's.
    WrongContentDigest,
    /// The signature is wrong.
    WrongSignature,
}

const INVALID_TOKEN: &str = "The security token included in the request is invalid.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Missing => Refusal::Missing,
            Malformed::Incomplete(text) => Refusal::Incomplete(text),
        }
    }
}

impl Refusal {
    /// The error that the service gives.
    pub(crate) fn error(self, service: Service) -> ApiError {
        match service {
            Service::S3 => self.s3(),
            Service::Sts | Service::Iam => self.query(),
            Service::Sqs => self.json(|error, shape| error.shape(&format!("com.amazon.coral.service#{shape}"))),
            Service::Organizations => self.json(|mut error, shape| {
                error.status = 400;
                error.code = shape.to_owned();
                error
            }),
        }
    }

    fn query(self) -> ApiError {
        match self {
            Refusal::Missing => {
                ApiError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
            }
            Refusal::Incomplete(text) => ApiError::new(400, "IncompleteSignature", text),
            Refusal::WrongScope(text) | Refusal::Skewed(text) => ApiError::new(403, "SignatureDoesNotMatch", text),
            Refusal::UnknownKey | Refusal::MissingToken | Refusal::WrongToken => {
                ApiError::new(403, "InvalidClientTokenId", INVALID_TOKEN)
            }
            Refusal::Expired => {
                ApiError::new(403, "ExpiredToken", "The security token included in the request is expired")
            }
            Refusal::NoContentDigest | Refusal::WrongContentDigest | Refusal::WrongSignature => {
                ApiError::new(403, "SignatureDoesNotMatch", MISMATCH)
            }
        }
    }

    /// The JSON services name the same refusals by their shapes.
    fn json(self, name: impl FnOnce(ApiError, &str) -> ApiError) -> ApiError {
        let shape = match self {
            Refusal::Missing => "MissingAuthenticationTokenException",
            Refusal::Incomplete(_) => "IncompleteSignatureException",
            Refusal::UnknownKey | Refusal::MissingToken | Refusal::WrongToken => "UnrecognizedClientException",
            Refusal::Expired => "ExpiredTokenException",
            Refusal::WrongScope(_)
            | Refusal::Skewed(_)
            | Refusal::NoContentDigest
            | Refusal::WrongContentDigest
            | Refusal::WrongSignature => "InvalidSignatureException",
        };
        name(self.query(), shape)
    }

    fn s3(self) -> ApiError {
        match self {
            Refusal::Missing => ApiError::new(403, "AccessDenied", "Access Denied"),
            Refusal::Incomplete(text) | Refusal::WrongScope(text) => ApiError::new(
                400,
                "AuthorizationHeaderMalformed",
                format!("The authorization header is malformed; {text}"),
            ),
            Refusal::Skewed(_) => ApiError::new(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            Refusal::UnknownKey | Refusal::MissingToken => ApiError::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Refusal::WrongToken => {
                ApiError::new(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
            }
            Refusal::Expired => ApiError::new(400, "ExpiredToken", "The provided token has expired."),
            Refusal::NoContentDigest => {
                ApiError::new(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
            }
            Refusal::WrongContentDigest => ApiError::new(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ),
            Refusal::WrongSignature => ApiError::new(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
            ),
        }
    }
}
