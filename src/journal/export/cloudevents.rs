//! CloudEvents 1.0.2 in the JSON format, one a line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use super::record::{Record, Told};
use crate::{clock::Timestamp, types::printable};

/// How each line begins.
pub(in crate::journal) const HEAD: &[u8] = b"{\"specversion\":\"1.0\",\"id\":";

/// Where the events happen: a URI reference. With the id, which holds a hash, it is unique.
const SOURCE: &str = "/rootgate/journal";
/// Types are in a namespace of reverse DNS form.
const TYPE_PREFIX: &str = "io.rootgate.journal.";

/// The attributes of an event. Those of our own may have lower-case letters and digits only.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    /// `INDEX:HASH`, as in a receipt.
    id: &'a str,
    source: &'static str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    datacontenttype: &'static str,
    /// A text, since integers of CloudEvents have 32 bits only.
    journalindex: String,
    journalhash: String,
    /// The record as it is stored.
    data: &'a RawValue,
}

pub(super) fn write(record: &Record, intent: Option<&Record>, out: &mut dyn Write) -> io::Result<()> {
    let event = CloudEvent {
        specversion: "1.0",
        id: &record.receipt(),
        source: SOURCE,
        r#type: &format!("{TYPE_PREFIX}{}", snake(record.event())),
        subject: subject(&Told { record, intent }),
        time: rfc3339(record.body.recorded_at),
        datacontenttype: "application/json",
        journalindex: record.stored.index.to_string(),
        journalhash: record.stored.hash.to_string(),
        data: serde_json::from_str(&record.stored.body)?,
    };
    serde_json::to_writer(&mut *out, &event)?;
    out.write_all(b"\n")
}

/// What was acted on. The attribute may be neither empty nor hold control characters.
fn subject(told: &Told<'_>) -> Option<String> {
    let text = told.text("/resource").or_else(|| told.text("/account_id"));
    text.map(|text| printable(&text)).filter(|text| !text.is_empty())
}

/// None outside the years that RFC 3339 knows.
fn rfc3339(at: Timestamp) -> Option<String> {
    Some(at.to_string()).filter(|text| text.ends_with('Z'))
}

/// `BackupsExpired` to `backups_expired`.
fn snake(event: &str) -> String {
    let mut name = String::with_capacity(event.len() + 4);
    for c in event.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(Some(c.to_ascii_lowercase()).filter(char::is_ascii_alphanumeric));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_events_become_parts_of_types() {
        for (event, name) in
            [("Intent", "intent"), ("BackupsExpired", "backups_expired"), ("A b\u{7}\"", "ab"), ("", "")]
        {
            assert_eq!(snake(event), name);
        }
    }

    #[test]
    fn only_times_of_rfc_3339_are_told() {
        assert_eq!(rfc3339(Timestamp::from_unix(0, 0)).as_deref(), Some("1970-01-01T00:00:00.000000Z"));
        assert_eq!(rfc3339(Timestamp::from_unix_micros(i64::MAX)), None);
    }
}
