//! Amazon SQS over AWS JSON 1.0. Source: SQS API Reference; AWS-validated captures for codes and messages.

mod attributes;
mod messages;
mod queues;

use serde_json::Value;

use crate::authz::{self, Access};
use crate::error::ApiError;
use crate::policy::CallerKind;
use crate::protocol::json::Input;
use crate::turn::Turn;
use crate::world::Queue;

/// What `X-Amz-Target` begins with.
pub(crate) const TARGET: &str = "AmazonSQS";

/// Answers one call.
pub(crate) fn handle(turn: &mut Turn<'_>, action: &str, input: &Input) -> Result<Value, ApiError> {
    turn.target = input.text("QueueUrl").or_else(|| input.text("QueueName")).map(str::to_owned);
    match action {
        "GetQueueUrl" => queues::get_url(turn, input),
        "ListQueues" => queues::list(turn, input),
        "CreateQueue" => queues::create(turn, input),
        "GetQueueAttributes" => attributes::get(turn, input),
        "SetQueueAttributes" => attributes::set(turn, input),
        "SendMessage" => messages::send(turn, input),
        "ReceiveMessage" => messages::receive(turn, input),
        _ => Err(error(400, "InvalidAction", &format!("aws-root-simulator does not know {action}"))),
    }
}

/// Which queue a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    account: String,
    queue: String,
}

impl Name {
    /// The last two segments of a queue's URL; the host does not matter, because requests go to the endpoint that was asked.
    fn of_url(input: &Input) -> Result<Self, ApiError> {
        let url = input.text("QueueUrl").ok_or_else(|| missing("QueueUrl"))?;
        let mut segments = url.rsplit('/');
        match (segments.next(), segments.next()) {
            (Some(queue), Some(account)) if account.len() == 12 && is_queue_name(queue) => {
                Ok(Self { account: account.to_owned(), queue: queue.to_owned() })
            }
            _ => Err(error(404, "InvalidAddress", &format!("The address {url} is not valid for this endpoint."))),
        }
    }

    fn arn(&self, region: &str) -> String {
        format!("arn:aws:sqs:{region}:{}:{}", self.account, self.queue)
    }
}

/// Whether the caller may do this to the queue. The root of the queue's account is not bound by the queue's policy in the four
/// calls by which a queue is unlocked; AWS gives them as the procedure, without a rule as explicit as that of S3.
fn authorize(turn: &Turn<'_>, action: &str, name: &Name) -> Result<(), ApiError> {
    let unlocking = matches!(action, "GetQueueUrl" | "GetQueueAttributes" | "SetQueueAttributes" | "ListQueues");
    let root = matches!(turn.caller.caller.kind, CallerKind::RootUser | CallerKind::RootSession);
    let exempt = unlocking && root && turn.account() == name.account;
    let policy = turn.world.queue(&name.account, turn.region, &name.queue).and_then(|queue| queue.policy.as_deref());
    let (iam_action, arn) = (format!("sqs:{action}"), name.arn(turn.region));
    let access =
        Access { policy: policy.filter(|_| !exempt), rcps: true, ..Access::new(&iam_action, &arn, &name.account) };
    match turn.decide(&access)? {
        Ok(()) => Ok(()),
        // SQS writes the action in lower case.
        Err(by) => {
            Err(access_denied(&authz::sentence(&turn.caller.caller.arn, &iam_action.to_ascii_lowercase(), &arn, by)))
        }
    }
}

fn find<'a>(turn: &'a Turn<'_>, name: &Name) -> Result<&'a Queue, ApiError> {
    turn.world.queue(&name.account, turn.region, &name.queue).ok_or_else(not_found)
}

fn find_mut<'a>(turn: &'a mut Turn<'_>, name: &Name) -> Result<&'a mut Queue, ApiError> {
    turn.world.queue_mut(&name.account, turn.region, &name.queue).ok_or_else(not_found)
}

/// Whether the text can be a queue's name.
pub(crate) fn is_queue_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !stem.is_empty() && name.len() <= 80 && stem.bytes().all(fine)
}

fn not_found() -> ApiError {
    ApiError::new(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        .shape("com.amazonaws.sqs#QueueDoesNotExist")
}

fn access_denied(text: &str) -> ApiError {
    ApiError::new(403, "AccessDenied", text).shape("com.amazon.coral.service#AccessDeniedException")
}

fn missing(name: &str) -> ApiError {
    error(400, "MissingParameter", &format!("The request must contain the parameter {name}."))
}

fn error(status: u16, code: &str, text: &str) -> ApiError {
    ApiError::new(status, code, text)
}
