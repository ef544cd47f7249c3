//! One root session as CloudTrail saw it, against the acts that name it.

use super::super::{
    acts::{Act, Call},
    cloudtrail::Event,
};
use crate::clock::Timestamp;

/// Codes of answers after which the SDK sends a call again by itself. Only the last answer reaches the journal.
const SENT_AGAIN: [&str; 12] = [
    "InternalError",
    "InternalFailure",
    "RequestThrottled",
    "RequestTimeout",
    "ServiceFailure",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "503 Service Unavailable",
];

#[derive(Debug)]
pub(super) struct Session {
    events: Vec<(Event, bool)>,
    /// The act that it belongs to.
    pub(super) known: Option<Owner>,
    pub(super) matched: u64,
    pub(super) handed_out: u64,
    pub(super) unanswered: u64,
}

/// The act that a session belongs to.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) index: u64,
    pub(super) operation: Option<String>,
}

impl Session {
    pub(super) fn new(mut events: Vec<Event>) -> Self {
        events.sort_by_key(|event| event.time);
        let events = events.into_iter().map(|event| (event, false)).collect();
        Self { events, known: None, matched: 0, handed_out: 0, unanswered: 0 }
    }

    /// When it was first used.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.events.first().map(|(event, _)| event.time)
    }

    pub(super) fn has_request(&self, id: &str) -> bool {
        self.events.iter().any(|(event, _)| event.request_id.as_deref() == Some(id))
    }

    /// Marks what the act accounts for.
    pub(super) fn know(&mut self, act: &Act) {
        self.known = Some(Owner { index: act.index, operation: act.operation.clone() });
        let lost = |call: &&Call| call.request_id.is_none() && call.error_code.as_deref() != Some("NotSent");
        let mut unanswered: Vec<&Call> = act.calls.iter().filter(lost).collect();
        for (event, is_known) in self.events.iter_mut().filter(|(_, is_known)| !is_known) {
            let listed = |call: &Call| call.request_id.is_some() && call.request_id == event.request_id;
            let same = |call: &Call| call.is(&event.service, &event.operation);
            *is_known = if act.calls.iter().any(listed) {
                self.matched += 1;
                true
            } else if act.hands_out() {
                self.handed_out += 1;
                true
            } else if let Some(at) = unanswered.iter().position(|call| same(call)) {
                unanswered.swap_remove(at);
                self.unanswered += 1;
                true
            } else if was_sent_again(event) && act.calls.iter().any(same) {
                self.unanswered += 1;
                true
            } else {
                false
            };
        }
    }

    /// The events that nothing accounts for.
    pub(super) fn left(self) -> Vec<Event> {
        self.events.into_iter().filter(|(_, is_known)| !is_known).map(|(event, _)| event).collect()
    }
}

fn was_sent_again(event: &Event) -> bool {
    event.error_code.as_deref().is_some_and(|code| SENT_AGAIN.contains(&code))
}
