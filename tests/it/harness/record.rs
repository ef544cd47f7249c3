//! Journal records, to be asked about.

use rootgate::journal::ListedRecord;
use serde_json::Value;

/// One record.
#[derive(Debug)]
pub struct Record {
    pub index: u64,
    pub hash: String,
    pub body: Value,
}

impl Record {
    pub fn new(listed: ListedRecord) -> Self {
        let body = serde_json::from_str(&listed.body).expect("a body is JSON");
        Self { index: listed.index, hash: listed.hash.to_string(), body }
    }

    /// Which event it is.
    pub fn event(&self) -> &str {
        self.text("event")
    }

    /// A text in it; `/` leads into objects.
    pub fn text(&self, path: &str) -> &str {
        self.body.pointer(&format!("/{path}")).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number in it.
    pub fn number(&self, path: &str) -> u64 {
        self.body.pointer(&format!("/{path}")).and_then(Value::as_u64).unwrap_or_default()
    }
}
