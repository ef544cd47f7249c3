//! What the chain has to know of a body, read without a copy: verifying reads millions.

use std::borrow::Cow;

use super::{
    Body,
    scan::{Quoted, Scan},
    time,
};
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

/// The members that are needed, of all that a body has.
#[derive(Default)]
struct Members<'a> {
    event: Text<'a>,
    operation_id: Text<'a>,
    intent_index: Option<u64>,
    older_than: Text<'a>,
}

/// None if there is no such member, `Some(None)` if it is null.
type Text<'a> = Option<Option<Quoted<'a>>>;

impl<'a> Facts<'a> {
    /// Reads a stored body, which has to be written as the gateway writes it; says what is wrong.
    pub(in super::super::super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        // Only what is bad is read again, to say why.
        Self::read(text).ok_or_else(|| Body::parse(text).err().unwrap_or("it is not written as the gateway writes it"))
    }

    fn read(text: &'a str) -> Option<Self> {
        let mut scan = Scan::new(text);
        scan.expect(b"{\"index\":")?;
        let index = scan.unsigned()?;
        scan.expect(b",\"recorded_at\":")?;
        let recorded_at = time::parse(scan.string()?.as_written()?)?;
        let mut members = Members::default();
        while scan.take(b',') {
            members.read(&mut scan)?;
        }
        scan.expect(b"}")?;
        let event = members.event.flatten()?.text()?;
        let older_than = members.older_than.flatten().and_then(Quoted::as_written).and_then(time::parse);
        let change = members.change(&event)?;
        scan.is_at_end().then_some(Self { index, recorded_at, event, change, older_than })
    }
}

impl<'a> Members<'a> {
    /// Reads a member. One that is needed must not stand there twice: others would read the other one.
    fn read(&mut self, scan: &mut Scan<'a>) -> Option<()> {
        let name = scan.string()?.bytes();
        scan.expect(b":")?;
        let text = match name {
            b"event" => &mut self.event,
            b"operation_id" => &mut self.operation_id,
            b"older_than" => &mut self.older_than,
            b"intent_index" => {
                let number = scan.unsigned()?;
                return self.intent_index.replace(number).is_none().then_some(());
            }
            b"index" | b"recorded_at" => return None,
            _ => return scan.value(),
        };
        let quoted = if scan.peek() == Some(b'"') { Some(scan.string()?) } else { None };
        if quoted.is_none() {
            scan.expect(b"null")?;
        }
        text.replace(quoted).is_none().then_some(())
    }

    fn change(&self, event: &str) -> Option<Change<'a>> {
        let operation_id = || self.operation_id.flatten()?.text();
        match event {
            "Intent" => Some(Change::Opens { operation_id: operation_id()? }),
            "Outcome" | "Interrupted" => {
                Some(Change::Closes { operation_id: operation_id()?, intent_index: self.intent_index? })
            }
            _ => Some(Change::None),
        }
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
            r#"{"index":1,"recorded_at":"1970-01-01T00:00:00.000000Z","event":"Intent","operation_id":"a\"b\u001b"}"#;
        let facts = Facts::parse(text).unwrap();
        assert_eq!(facts.change, Change::Opens { operation_id: "a\"b\u{1b}".into() });
    }

    proptest! {
        #[test]
        fn both_readers_say_the_same(
            at in any::<prop::sample::Index>(),
            to in prop_oneof![Just("".to_owned()), "[\\[\\]{}\",:0-9a-z\\\\ ]{1,3}"],
            event in "Intent|Outcome|Interrupted|Backup|BackupsExpired|Stopped|a\\\\u001f",
        ) {
            let text = format!(
                r#"{{"index":12,"recorded_at":"1970-01-01T00:00:00.000000Z","event":"{event}","operation_id":"x","intent_index":3,"ticket":null,"older_than":"1970-01-01T00:00:00.000000Z","detail":{{"index":4}}}}"#
            );
            prop_assert!(Facts::parse(&text).is_ok());
            agrees(&text)?;
            let at = at.index(text.len());
            agrees(&format!("{}{to}{}", &text[..at], &text[at + 1..]))?;
            agrees(&format!("{}{to}{}", &text[..at], &text[at..]))?;
        }
    }
}
