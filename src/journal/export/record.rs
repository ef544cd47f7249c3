//! A record as other tools want it: who, what, where, why, and how it ended.

use serde_json::Value;

use crate::journal::{
    Fault, ListedRecord, VerifyError,
    record::{Body, Effect},
};

/// A record that was read.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub stored: ListedRecord,
    pub body: Body,
}

/// A record, and the intent that it belongs to: an outcome itself says neither who nor why.
#[derive(Clone, Copy)]
pub(super) struct Told<'r> {
    pub record: &'r Record,
    pub intent: Option<&'r Record>,
}

impl Record {
    pub(super) fn read(stored: ListedRecord) -> Result<Self, VerifyError> {
        let body = Body::parse(&stored.body);
        let body = body.map_err(|what| VerifyError::Tampered { index: stored.index, fault: Fault::Body(what) })?;
        Ok(Self { stored, body })
    }

    /// Its receipt, `INDEX:HASH`.
    pub(super) fn receipt(&self) -> String {
        format!("{}:{}", self.stored.index, self.stored.hash)
    }

    pub(super) fn event(&self) -> &str {
        self.body.text("event").unwrap_or_default()
    }

    pub(super) fn operation_id(&self) -> Option<&str> {
        self.body.text("operation_id")
    }

    pub(super) fn number(&self, member: &str) -> Option<u64> {
        self.body.members.get(member).and_then(Value::as_u64)
    }

    /// Whether it ends an intent.
    pub(super) fn closes(&self) -> bool {
        matches!(self.body.effect, Effect::Closes { .. })
    }

    fn value(&self, pointer: &str) -> Option<&Value> {
        self.body.members.pointer(pointer).filter(|value| !value.is_null())
    }
}

impl<'r> Told<'r> {
    /// What the record, else its intent, has at this JSON pointer.
    pub(super) fn value(&self, pointer: &str) -> Option<&'r Value> {
        let in_intent = || self.intent.and_then(|intent| intent.value(pointer));
        self.record.value(pointer).or_else(in_intent)
    }

    /// The same as text; what is no text as JSON, such as the mark in place of a part that was too large.
    pub(super) fn text(&self, pointer: &str) -> Option<String> {
        match self.value(pointer)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// The texts of a list.
    pub(super) fn texts(&self, pointer: &str) -> Vec<&'r str> {
        let values = self.value(pointer).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What was asked for.
    pub(super) fn operation(&self) -> Option<String> {
        self.text("/operation").or_else(|| self.text("/rpc"))
    }

    /// Who asked. In a backup the caller is the subject alone.
    pub(super) fn subject(&self) -> Option<String> {
        let alone = || self.value("/caller").and_then(Value::as_str).map(str::to_owned);
        self.text("/caller/subject").or_else(alone)
    }

    /// Request ids of the calls to AWS, in their order.
    pub(super) fn aws_request_ids(&self) -> Vec<&'r str> {
        let calls = self.value("/aws_calls").and_then(Value::as_array);
        calls.into_iter().flatten().filter_map(|call| call.get("request_id")?.as_str()).collect()
    }
}
