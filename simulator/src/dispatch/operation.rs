//! The operation that a request asks for, read in its service's protocol.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::message::Message;
use crate::protocol::Reply;
use crate::protocol::json::{self, Input};
use crate::protocol::query::{self, Params};
use crate::service::Service;
use crate::turn::Turn;
use crate::{iam, organizations, s3, sqs, sts};

/// An operation and its input.
pub(super) enum Operation {
    Sts(String, Params),
    Iam(String, Params),
    Organizations(String, Input),
    Sqs(String, Input),
    S3(&'static str, s3::Address),
}

impl Operation {
    pub(super) fn read(service: Service, message: &Message) -> Result<Self, ApiError> {
        let named = |prefix| json::operation(message, prefix).unwrap_or_default().to_owned();
        Ok(match service {
            Service::Sts | Service::Iam => {
                let params = Params::read(message);
                let action = params.get("Action").unwrap_or_default().to_owned();
                if service == Service::Sts { Self::Sts(action, params) } else { Self::Iam(action, params) }
            }
            Service::Organizations => Self::Organizations(named(organizations::TARGET), Input::read(message)?),
            Service::Sqs => Self::Sqs(named(sqs::TARGET), Input::read(message)?),
            Service::S3 => {
                let address = s3::Address::read(message);
                Self::S3(address.operation(message), address)
            }
        })
    }

    /// Its service.
    pub(super) fn service(&self) -> Service {
        match self {
            Self::Sts(..) => Service::Sts,
            Self::Iam(..) => Service::Iam,
            Self::Organizations(..) => Service::Organizations,
            Self::Sqs(..) => Service::Sqs,
            Self::S3(..) => Service::S3,
        }
    }

    /// Its name.
    pub(super) fn action(&self) -> &str {
        match self {
            Self::Sts(action, _) | Self::Iam(action, _) | Self::Organizations(action, _) | Self::Sqs(action, _) => {
                action
            }
            Self::S3(action, _) => action,
        }
    }

    /// Its input as CloudTrail logs it.
    pub(super) fn logged(&self) -> Value {
        match self {
            Self::Sts(_, params) | Self::Iam(_, params) => params.logged(),
            Self::Organizations(_, input) | Self::Sqs(_, input) => input.logged(),
            Self::S3(_, address) => address.bucket.as_ref().map_or(Value::Null, |name| json!({ "bucketName": name })),
        }
    }

    /// Carries it out.
    pub(super) fn act(&self, turn: &mut Turn<'_>, request_id: &str) -> Result<Reply, ApiError> {
        match self {
            Self::Sts(action, _) if action == "GetCallerIdentity" && query::asks_for_json(turn.message) => {
                Ok(query::json_success(action, &sts::caller_identity_json(turn), request_id))
            }
            Self::Sts(action, params) => {
                let result = sts::handle(turn, action, params)?;
                Ok(query::success(query::STS, action, Some(&result), request_id))
            }
            Self::Iam(action, params) => {
                let result = iam::handle(turn, action, params)?;
                Ok(query::success(query::IAM, action, result.as_ref(), request_id))
            }
            Self::Organizations(action, input) => Ok(json::organizations(&organizations::handle(turn, action, input)?)),
            Self::Sqs(action, input) => Ok(json::sqs(&sqs::handle(turn, action, input)?)),
            Self::S3(action, address) => s3::handle(turn, action, address),
        }
    }
}
