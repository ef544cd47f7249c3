//! Finding and making queues.

use serde_json::{Value, json};

use super::{Name, access_denied, authorize, error, find, is_queue_name, missing};
use crate::authz::{self, Access};
use crate::error::ApiError;
use crate::protocol::json::Input;
use crate::protocol::page;
use crate::turn::Turn;
use crate::world::Queue;

pub(super) fn get_url(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let queue = input.text("QueueName").ok_or_else(|| missing("QueueName"))?.to_owned();
    let account = input.text("QueueOwnerAWSAccountId").unwrap_or(turn.account()).to_owned();
    let name = Name { account, queue };
    authorize(turn, "GetQueueUrl", &name)?;
    find(turn, &name)?;
    Ok(json!({ "QueueUrl": url(turn, &name.account, &name.queue) }))
}

/// Only the caller's own queues: "Cross-account permissions don't apply to this action."
pub(super) fn list(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let resource = format!("arn:aws:sqs:{}:{}:*", turn.region, turn.account());
    let access = Access::new("sqs:ListQueues", &resource, turn.account());
    if let Err(by) = turn.decide(&access)? {
        return Err(access_denied(&authz::sentence(&turn.caller.caller.arn, "sqs:listqueues", &resource, by)));
    }
    let prefix = input.text("QueueNamePrefix").unwrap_or_default();
    let queues = turn.world.account(turn.account()).map(|account| account.queues.as_slice()).unwrap_or_default();
    let here = queues.iter().filter(|queue| queue.region == turn.region && queue.name.starts_with(prefix));
    let urls: Vec<String> = here.map(|queue| url(turn, turn.account(), &queue.name)).collect();
    // Without MaxResults there is one page of at most 1000, and no token.
    let Some(wanted) = input.number("MaxResults") else {
        let urls: Vec<_> = urls.into_iter().take(1000).collect();
        return Ok(if urls.is_empty() { json!({}) } else { json!({ "QueueUrls": urls }) });
    };
    let wanted = usize::try_from(wanted).ok().filter(|count| (1..=1000).contains(count)).ok_or_else(|| {
        error(
            400,
            "InvalidParameterValue",
            "Value for parameter MaxResults is invalid. Reason: must be between 1 and 1000.",
        )
    })?;
    let page = page::cut(urls, input.text("NextToken"), wanted, &turn.world.settings)
        .map_err(|_| error(400, "InvalidParameterValue", "Invalid or expired next token."))?;
    Ok(match page.next {
        Some(token) => json!({ "QueueUrls": page.items, "NextToken": token }),
        None => json!({ "QueueUrls": page.items }),
    })
}

pub(super) fn create(turn: &mut Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let queue = input.text("QueueName").ok_or_else(|| missing("QueueName"))?;
    if !is_queue_name(queue) {
        return Err(error(
            400,
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    let name = Name { account: turn.account().to_owned(), queue: queue.to_owned() };
    authorize(turn, "CreateQueue", &name)?;
    let attributes = super::attributes::checked(input)?;
    if find(turn, &name).is_err() {
        let mut made = Queue { created: turn.now, ..Queue::new(queue, turn.region) };
        super::attributes::apply(&mut made, attributes);
        if let Some(account) = turn.world.account_mut(&name.account) {
            account.queues.push(made);
        }
    }
    Ok(json!({ "QueueUrl": url(turn, &name.account, &name.queue) }))
}

/// The URL of a queue: at the endpoint that was asked, or at AWS's own host if the scenario wants that.
fn url(turn: &Turn<'_>, account: &str, queue: &str) -> String {
    match turn.message.header("host").filter(|_| !turn.world.settings.aws_queue_urls) {
        Some(host) => format!("http://{host}/{account}/{queue}"),
        None => format!("https://sqs.{}.amazonaws.com/{account}/{queue}", turn.region),
    }
}
