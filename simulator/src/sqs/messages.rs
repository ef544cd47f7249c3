//! Messages: enough to see whether a queue's policy lets one in.

use serde_json::{Value, json};

use super::{Name, authorize, error, find, find_mut, missing};
use crate::crypto::{md5_hex, request_id};
use crate::error::ApiError;
use crate::protocol::json::Input;
use crate::turn::Turn;
use crate::world::Message;

/// How many messages one queue holds.
const MAX_MESSAGES: usize = 10_000;

pub(super) fn send(turn: &mut Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let name = Name::of_url(input)?;
    authorize(turn, "SendMessage", &name)?;
    let body = input.text("MessageBody").ok_or_else(|| missing("MessageBody"))?.to_owned();
    let queue = find_mut(turn, &name)?;
    if queue.messages.len() >= MAX_MESSAGES {
        return Err(error(403, "OverLimit", "The simulated queue is full."));
    }
    let message = Message { id: request_id(), body };
    let reply = json!({ "MessageId": message.id, "MD5OfMessageBody": md5_hex(message.body.as_bytes()) });
    queue.messages.push(message);
    Ok(reply)
}

/// Messages stay in the queue: there is no visibility timeout and no deletion.
pub(super) fn receive(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let name = Name::of_url(input)?;
    authorize(turn, "ReceiveMessage", &name)?;
    let wanted = usize::try_from(input.number("MaxNumberOfMessages").unwrap_or(1)).unwrap_or(0);
    if !(1..=10).contains(&wanted) {
        let text = "Value for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.";
        return Err(error(400, "InvalidParameterValue", text));
    }
    let queue = find(turn, &name)?;
    let messages: Vec<Value> = queue
        .messages
        .iter()
        .take(wanted)
        .map(|message| {
            json!({
                "MessageId": message.id,
                "ReceiptHandle": crate::crypto::sha256_hex(message.id.as_bytes()),
                "MD5OfBody": md5_hex(message.body.as_bytes()),
                "Body": message.body,
            })
        })
        .collect();
    Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
}
