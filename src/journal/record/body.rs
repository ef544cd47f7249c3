//! Bodies: written by the writer, read by whoever verifies.

mod facts;
mod scan;
mod time;

pub(in super::super) use facts::{Change, Facts};

use serde_json::Value;

use super::Effect;
use crate::clock::Timestamp;

/// The text that is stored and hashed: index and time before the event's own members.
pub(in super::super) fn body_text(index: u64, recorded_at: Timestamp, clock_behind: bool, event: &str) -> String {
    let mark = if clock_behind { "\"clock_behind\":true," } else { "" };
    let members = event.strip_prefix('{').unwrap_or(event);
    format!("{{\"index\":{index},\"recorded_at\":\"{recorded_at}\",{mark}{members}")
}

/// A stored body with all that it says. Who reads many and needs little of each takes [`Facts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Body {
    pub index: u64,
    pub recorded_at: Timestamp,
    pub effect: Effect,
    pub members: Value,
}

impl Body {
    /// Reads a stored body; says which member is wrong.
    pub(in super::super) fn parse(text: &str) -> Result<Self, &'static str> {
        let members: Value = serde_json::from_str(text).map_err(|_| "it is not JSON")?;
        let index = members.get("index").and_then(Value::as_u64).ok_or("it has no index")?;
        let recorded_at = text_of(&members, "recorded_at").and_then(time::parse).ok_or("it has no recorded_at")?;
        let event = text_of(&members, "event").ok_or("it has no event")?;
        let effect = effect(event, &members)?;
        Ok(Self { index, recorded_at, effect, members })
    }

    /// A member that is text.
    pub(in super::super) fn text(&self, member: &str) -> Option<&str> {
        text_of(&self.members, member)
    }
}

fn effect(event: &str, members: &Value) -> Result<Effect, &'static str> {
    let operation_id = || text_of(members, "operation_id").map(str::to_owned).ok_or("it has no operation_id");
    match event {
        "Intent" => Ok(Effect::Opens { operation_id: operation_id()? }),
        "Outcome" | "Interrupted" => Ok(Effect::Closes {
            operation_id: operation_id()?,
            intent_index: members.get("intent_index").and_then(Value::as_u64).ok_or("it has no intent_index")?,
        }),
        // Events that are added later change nothing about intents without a new version of the schema.
        _ => Ok(Effect::None),
    }
}

fn text_of<'a>(members: &'a Value, member: &str) -> Option<&'a str> {
    members.get(member).and_then(Value::as_str)
}
