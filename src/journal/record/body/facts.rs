//! What the chain has to know of a body, read without a copy: verifying reads millions.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Body, time};
use crate::clock::Timestamp;

/// What the chain has to know of a stored body.
#[derive(Debug)]
pub(in super::super::super) struct Facts<'a> {
    pub index: u64,
    pub recorded_at: Timestamp,
    pub event: Cow<'a, str>,
    pub change: Change<'a>,
    /// Only in `BackupsExpired`.
    pub older_than: Option<Timestamp>,
}

/// [`Effect`](super::Effect), borrowed.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super::super) enum Change<'a> {
    None,
    Opens { operation_id: Cow<'a, str> },
    Closes { operation_id: Cow<'a, str>, intent_index: u64 },
}

/// A member that is read twice is refused by serde, a member that is none of these is read over.
#[derive(Deserialize)]
struct Members<'a> {
    index: u64,
    recorded_at: &'a str,
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(borrow)]
    operation_id: Option<Text<'a>>,
    intent_index: Option<u64>,
    #[serde(borrow)]
    older_than: Option<Text<'a>>,
}

/// Borrowed unless something in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Facts<'a> {
    /// Reads a stored body, which has to be written as the gateway writes it; says what is wrong.
    pub(in super::super::super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        // Only what is bad is read again, to say why.
        Self::read(text).ok_or_else(|| Body::parse(text).err().unwrap_or("it is not written as the gateway writes it"))
    }

    fn read(text: &'a str) -> Option<Self> {
        let members: Members<'_> = serde_json::from_str(text).ok()?;
        let behind_index = text.strip_prefix("{\"index\":")?.trim_start_matches(|c: char| c.is_ascii_digit());
        // What is behind the time is read by now: quote and comma, or quote and brace.
        behind_index.strip_prefix(",\"recorded_at\":\"")?.strip_prefix(members.recorded_at)?;
        let change = change(&members.event.0, members.operation_id, members.intent_index)?;
        Some(Self {
            index: members.index,
            recorded_at: time::parse(members.recorded_at)?,
            event: members.event.0,
            change,
            older_than: members.older_than.and_then(|text| time::parse(&text.0)),
        })
    }
}

fn change<'a>(event: &str, operation_id: Option<Text<'a>>, intent_index: Option<u64>) -> Option<Change<'a>> {
    match event {
        "Intent" => Some(Change::Opens { operation_id: operation_id?.0 }),
        "Outcome" | "Interrupted" => {
            Some(Change::Closes { operation_id: operation_id?.0, intent_index: intent_index? })
        }
        _ => Some(Change::None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::super::Effect, *};

    fn agrees(text: &str) -> Result<(), TestCaseError> {
        let Ok(facts) = Facts::parse(text) else { return Ok(()) };
        let body = Body::parse(text).map_err(TestCaseError::fail)?;
        prop_assert_eq!((facts.index, facts.recorded_at), (body.index, body.recorded_at));
        prop_assert_eq!(Some(&*facts.event), body.text("event"));
        prop_assert_eq!(facts.older_than, body.text("older_than").and_then(time::parse));
        let effect = match facts.change {
            Change::None => Effect::None,
            Change::Opens { operation_id } => Effect::Opens { operation_id: operation_id.into_owned() },
            Change::Closes { operation_id, intent_index } => {
                Effect::Closes { operation_id: operation_id.into_owned(), intent_index }
            }
        };
        prop_assert_eq!(effect, body.effect);
        Ok(())
    }

    #[test]
    fn what_is_escaped_is_read_too() {
        let text =
            r#"{"index":1,"recorded_at":"1970-01-01T00:00:00.000000Z","event":"\u0049ntent","operation_id":"a\"b"}"#;
        let facts = Facts::parse(text).unwrap();
        assert_eq!(facts.change, Change::Opens { operation_id: "a\"b".into() });
    }

    proptest! {
        #[test]
        fn both_readers_say_the_same(
            at in any::<prop::sample::Index>(),
            to in prop_oneof![Just("".to_owned()), "[\\[\\]{}\",:0-9a-z\\\\ ]{1,3}"],
            event in "Intent|Outcome|Interrupted|Backup|BackupsExpired|Stopped|\\\\u0049ntent",
        ) {
            let text = format!(
                r#"{{"index":12,"recorded_at":"1970-01-01T00:00:00.000000Z","event":"{event}","operation_id":"x","intent_index":3,"policy_sha256":null,"older_than":"1970-01-01T00:00:00.000000Z","detail":{{"index":4}}}}"#
            );
            prop_assert!(Facts::parse(&text).is_ok());
            agrees(&text)?;
            let at = at.index(text.len());
            agrees(&format!("{}{to}{}", &text[..at], &text[at + 1..]))?;
            agrees(&format!("{}{to}{}", &text[..at], &text[at..]))?;
        }
    }
}
