//! The gateway's own account of what it did, from the journal.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{Fault, ListedRecord, Position, RecordHash, VerifyError, records::Records},
    matching::Matching,
    times,
};
use crate::{
    clock::Timestamp,
    store::Location,
    types::{AccountId, Region},
};

/// One act, from its intent to its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    /// Index of the outcome; of the intent, if there is none.
    pub(super) index: u64,
    pub(super) operation_id: String,
    /// Unknown for an outcome without intent.
    pub(super) operation: Option<String>,
    pub(super) account: Option<AccountId>,
    pub(super) caller: Option<String>,
    /// Region of the resource, where the record says it.
    pub(super) region: Option<Region>,
    /// When it began.
    pub(super) began_at: Timestamp,
    /// When it had ended; the last record's time, if nobody knows.
    pub(super) ended_at: Timestamp,
    /// Its root sessions.
    pub(super) access_key_ids: Vec<String>,
    pub(super) calls: Vec<Call>,
    /// Whether its outcome is known.
    pub(super) is_finished: bool,
}

impl Act {
    /// Whether its sessions are somebody else's to use.
    pub(super) fn hands_out(&self) -> bool {
        self.operation.as_deref() == Some("AssumeRoot")
    }
}

/// One call to AWS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Call {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) request_id: Option<String>,
    pub(super) error_code: Option<String>,
}

impl Call {
    pub(super) fn is(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operation == operation
    }
}

/// Reads every record, and hands over every act. With `head`, the records must be those that were verified up to there.
pub(super) async fn read(
    journal: &Location,
    head: Option<Position>,
    matching: &mut Matching,
) -> Result<(), VerifyError> {
    let mut acts = Acts::default();
    let mut chain = head.map(Chain::new);
    let mut records = Records::begin(journal).await?;
    let mut from = 0;
    loop {
        let page = records.page(from, None).await?;
        for record in &page {
            if let Some(chain) = &mut chain {
                chain.follow(record)?;
            }
            let act = acts.take(&record.body);
            let fault = |what| VerifyError::Tampered { index: record.index, fault: Fault::Body(what) };
            if let Some(act) = act.map_err(fault)? {
                matching.take(act);
            }
        }
        match page.last().and_then(|last| last.index.checked_add(1)) {
            Some(next) => from = next,
            None => break,
        }
    }
    records.end().await?;
    if let Some(chain) = &chain {
        chain.check_end()?;
    }
    for act in acts.unfinished() {
        matching.take(act);
    }
    Ok(())
}

/// The records that were verified are read a second time: they must be the same.
struct Chain {
    head: Position,
    last: Option<(u64, RecordHash)>,
}

impl Chain {
    const fn new(head: Position) -> Self {
        Self { head, last: None }
    }

    fn follow(&mut self, record: &ListedRecord) -> Result<(), VerifyError> {
        let tampered = |fault| Err(VerifyError::Tampered { index: record.index, fault });
        let previous = match self.last {
            // Where a journal begins later, `verify` has judged its beginning.
            None if record.index > 1 => None,
            None => Some(RecordHash::ZERO),
            Some((index, hash)) if index.checked_add(1) == Some(record.index) => Some(hash),
            Some(_) => return tampered(Fault::Gap(i64::try_from(record.index).unwrap_or(i64::MAX))),
        };
        if previous.is_some_and(|previous| RecordHash::of(record.index, previous, &record.body) != record.hash) {
            return tampered(Fault::Hash);
        }
        if record.index == self.head.index && record.hash != self.head.hash {
            return tampered(Fault::Receipt { found: record.hash, expected: self.head.hash });
        }
        self.last = Some((record.index, record.hash));
        Ok(())
    }

    fn check_end(&self) -> Result<(), VerifyError> {
        match self.last {
            Some((index, _)) if index >= self.head.index => Ok(()),
            last => {
                let index = last.map_or(1, |(index, _)| index.saturating_add(1));
                Err(VerifyError::Tampered { index, fault: Fault::Cut(self.head.index) })
            }
        }
    }
}

/// Acts that are under way at a place of the journal.
#[derive(Debug, Default)]
struct Acts {
    open: HashMap<u64, Act>,
    last: Option<Timestamp>,
}

impl Acts {
    /// Reads a record; the act that it ends.
    fn take(&mut self, body: &str) -> Result<Option<Act>, &'static str> {
        let head: Head = serde_json::from_str(body).map_err(|_| "it has no index, recorded_at and event")?;
        let at = times::moment(&head.recorded_at).map_err(|_| "its recorded_at is no time")?;
        self.last = Some(at);
        let malformed = |_| "its members are not those of its event";
        match head.event.as_str() {
            "Intent" => {
                let intent: Intent = serde_json::from_str(body).map_err(malformed)?;
                self.open.insert(head.index, intent.begin(head.index, at)?);
                Ok(None)
            }
            "Outcome" | "StrayOutcome" => {
                let outcome: Outcome = serde_json::from_str(body).map_err(malformed)?;
                let intent = if head.event == "Outcome" { self.open.remove(&outcome.intent_index) } else { None };
                Ok(Some(outcome.end(intent, head.index, at)))
            }
            "Interrupted" => {
                let interrupted: Interrupted = serde_json::from_str(body).map_err(malformed)?;
                let act = self.open.remove(&interrupted.intent_index);
                Ok(act.map(|act| Act { ended_at: at, ..act }))
            }
            // Everything else is no act on AWS.
            _ => Ok(None),
        }
    }

    /// Acts without any end: under way, or left behind.
    fn unfinished(self) -> impl Iterator<Item = Act> {
        let last = self.last;
        self.open.into_values().map(move |act| Act { ended_at: last.unwrap_or(act.ended_at), ..act })
    }
}

#[derive(Deserialize)]
struct Head {
    index: u64,
    recorded_at: String,
    event: String,
}

#[derive(Deserialize)]
struct Intent {
    operation_id: String,
    operation: String,
    /// None of an act on the whole journal.
    account_id: Option<String>,
    caller: Value,
    arguments: Value,
    resource: Option<String>,
}

impl Intent {
    fn begin(self, index: u64, at: Timestamp) -> Result<Act, &'static str> {
        let account = self.account_id.map(|account| account.parse()).transpose();
        let account = account.map_err(|_| "its account_id is no account id")?;
        let named = self.arguments.get("region").and_then(Value::as_str);
        Ok(Act {
            index,
            operation_id: self.operation_id,
            operation: Some(self.operation),
            account,
            caller: self.caller.get("subject").and_then(Value::as_str).map(ToOwned::to_owned),
            region: named.or_else(|| region_in(self.resource.as_deref()?)).and_then(|region| region.parse().ok()),
            began_at: at,
            ended_at: at,
            access_key_ids: Vec::new(),
            calls: Vec::new(),
            is_finished: false,
        })
    }
}

/// The region in an ARN.
fn region_in(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

#[derive(Deserialize)]
struct Outcome {
    operation_id: String,
    intent_index: u64,
    aws_calls: Vec<Call>,
    access_key_id: Option<String>,
    detail: Value,
}

impl Outcome {
    fn end(self, intent: Option<Act>, index: u64, at: Timestamp) -> Act {
        let unknown = Act {
            index,
            operation_id: self.operation_id,
            operation: None,
            account: None,
            caller: None,
            region: None,
            began_at: at,
            ended_at: at,
            access_key_ids: Vec::new(),
            calls: Vec::new(),
            is_finished: true,
        };
        let intent = intent.unwrap_or(unknown);
        let renewed = self.detail.get("expired_access_key_ids").and_then(Value::as_array).into_iter().flatten();
        let renewed = renewed.filter_map(Value::as_str).map(ToOwned::to_owned);
        let region = self.detail.get("region").and_then(Value::as_str).and_then(|region| region.parse().ok());
        Act {
            index,
            region: region.or(intent.region),
            ended_at: at,
            access_key_ids: renewed.chain(self.access_key_id).collect(),
            calls: self.aws_calls,
            is_finished: true,
            ..intent
        }
    }
}

#[derive(Deserialize)]
struct Interrupted {
    intent_index: u64,
}

#[cfg(test)]
mod tests;
