//! CloudTrail: what a trail of the organization would have delivered of the calls.
//!
//! Source: CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element"; IAM User Guide, "Track
//! privileged tasks in CloudTrail"; Amazon S3 and Amazon SQS guides on which calls are management events.

mod deliver;
mod event;

use std::collections::VecDeque;

use serde_json::{Value, json};

pub(crate) use self::deliver::deliver;
pub(crate) use self::event::Draft;

/// How many events are kept.
const MAX_EVENTS: usize = 100_000;

/// One management event, and where it is delivered.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The account in whose log it stands.
    pub(crate) account: String,
    /// The region in whose log it stands.
    pub(crate) region: String,
    /// The organization whose trail delivers it; `None` for accounts outside of it.
    pub(crate) organization: Option<String>,
    /// When the call came, as `2026-01-31T12:00:00Z`.
    pub(crate) time: String,
    /// The record as it is delivered.
    pub(crate) record: Value,
}

/// The last events.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    events: VecDeque<Event>,
}

impl Trail {
    /// Keeps an event.
    pub(crate) fn push(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// All events, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.iter().cloned().collect()
    }
}

/// Events as the content of one log file.
pub(crate) fn log_file(events: &[Event]) -> Value {
    json!({ "Records": events.iter().map(|event| &event.record).collect::<Vec<_>>() })
}
