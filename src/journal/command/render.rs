//! How the answers look.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::{
    super::{Expectation, ExportSource, Fault, ListedRecord, Place, PolicyBackup, Verified, export::jsonl},
    Against,
};
use crate::types::printable;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// The first bad record.
pub(super) struct Bad<'a> {
    pub place: Option<&'a Place>,
    pub index: u64,
    pub fault: &'a Fault,
}

pub(super) fn verified(out: &mut dyn Write, verified: &Verified, against: Against) -> io::Result<()> {
    let Against { receipts, checkpoints } = against;
    let signed = if checkpoints > 0 { format!(", {checkpoints} checkpoints") } else { String::new() };
    writeln!(out, "{GOOD}verified{GOOD:#}: {} records, {receipts} receipts{signed}", verified.records)?;
    if let Some(after) = verified.after {
        writeln!(out, "segment behind record: {after}")?;
    }
    if let Some(head) = verified.head {
        writeln!(out, "last record: {} of {}", Expectation::from(head), head.recorded_at)?;
    }
    if verified.interrupted > 0 {
        writeln!(out, "interrupted acts: {}", verified.interrupted)?;
    }
    for intent in &verified.open_intents {
        let operation_id = printable(&intent.operation_id);
        writeln!(out, "{NOTE}without outcome{NOTE:#}: intent {} of operation {operation_id}", intent.index)?;
    }
    let not_checked = verified.checkpoints_not_checked;
    if not_checked > 0 {
        let note = "checkpoints are of archived records: give the archives with --export to check them";
        writeln!(out, "{NOTE}note{NOTE:#}: {not_checked} {note}")?;
    }
    if receipts as u64 + checkpoints as u64 <= not_checked {
        let note = "no receipt was given: records cut off at the end would not be noticed (--expect INDEX:HASH, or --checkpoint FILE)";
        writeln!(out, "{NOTE}note{NOTE:#}: {note}")?;
    }
    Ok(())
}

pub(super) fn verified_json(out: &mut dyn Write, verified: &Verified, against: Against) -> io::Result<()> {
    let head = verified.head.map(|head| {
        json!({ "index": head.index, "hash": head.hash.to_string(), "recorded_at": head.recorded_at.to_string() })
    });
    let open = verified
        .open_intents
        .iter()
        .map(|intent| json!({ "index": intent.index, "operation_id": intent.operation_id }));
    let answer = json!({
        "verified": true,
        "records": verified.records,
        "after": verified.after.map(|after| after.to_string()),
        "receipts": against.receipts,
        "checkpoints": against.checkpoints,
        "checkpoints_not_checked": verified.checkpoints_not_checked,
        "head": head,
        "open_intents": open.collect::<Vec<_>>(),
        "interrupted": verified.interrupted,
    });
    writeln!(out, "{answer}")
}

pub(super) fn tampered(out: &mut dyn Write, bad: &Bad<'_>) -> io::Result<()> {
    let place = bad.place.map(|place| format!(" ({place})")).unwrap_or_default();
    let (place, fault) = (printable(&place), printable(&bad.fault.to_string()));
    writeln!(out, "{BAD}NOT verified{BAD:#}: record {}{place}: {fault}", bad.index)?;
    writeln!(out, "Keep the file as it is, as evidence, and compare it with a backup.")
}

pub(super) fn tampered_json(out: &mut dyn Write, bad: &Bad<'_>) -> io::Result<()> {
    let (index, fault) = (bad.index, bad.fault.to_string());
    let answer = match bad.place {
        None => json!({ "verified": false, "index": index, "fault": fault }),
        Some(Place { source, line }) => {
            let export = match source {
                ExportSource::File(path) => path.to_string_lossy(),
                ExportSource::StandardInput => "-".into(),
            };
            json!({ "verified": false, "index": index, "fault": fault, "export": export, "line": line })
        }
    };
    writeln!(out, "{answer}")
}

pub(super) fn record_json(out: &mut dyn Write, record: &ListedRecord) -> io::Result<()> {
    // A body as the gateway writes it is put in as it is, so that its hash can be computed from this line.
    let one_line = !record.body.contains(['\n', '\r']);
    if one_line && serde_json::from_str::<Value>(&record.body).is_ok() {
        jsonl(record, out)
    } else {
        writeln!(out, "{}", json!({ "hash": record.hash.to_string(), "unreadable_record": record.body }))
    }
}

pub(super) fn record(out: &mut dyn Write, record: &ListedRecord) -> io::Result<()> {
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(&record.body) else {
        return writeln!(out, "{} {BAD}unreadable{BAD:#} {}", record.index, printable(&record.body));
    };
    let in_title = |name: &str| members.get(name).map(plain).unwrap_or_default();
    let (recorded_at, event) = (in_title("recorded_at"), in_title("event"));
    let style = style_of(&event, &members);
    writeln!(out, "{} {DIM}{recorded_at}{DIM:#} {style}{event}{style:#}", record.index)?;
    let titles = ["index", "recorded_at", "event"];
    for (name, value) in members.iter().filter(|(name, value)| !titles.contains(&name.as_str()) && !is_empty(value)) {
        writeln!(out, "    {DIM}{}{DIM:#} {}", printable(name), plain(value))?;
    }
    writeln!(out, "    {DIM}hash {}{DIM:#}", record.hash)
}

pub(super) fn backup(out: &mut dyn Write, backup: &PolicyBackup) -> io::Result<()> {
    let bold = Style::new().bold();
    writeln!(
        out,
        "{bold}{}{bold:#} {DIM}{}{DIM:#} record {}",
        printable(&backup.id),
        backup.created_at,
        backup.journal_index
    )?;
    let facts = [
        ("account_id", backup.account_id.as_str()),
        ("resource", &backup.resource),
        ("region", &backup.region),
        ("operation", &backup.operation),
        ("caller", &backup.caller),
        ("reason", &backup.reason),
        ("ticket", backup.ticket.as_deref().unwrap_or_default()),
        ("policy_sha256", &backup.policy_sha256),
    ];
    for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "    {DIM}{name}{DIM:#} {}", printable(value))?;
    }
    writeln!(out, "    {DIM}policy_bytes{DIM:#} {}", backup.policy.len())
}

pub(super) fn backup_json(out: &mut dyn Write, backup: &PolicyBackup) -> io::Result<()> {
    let answer = json!({
        "id": backup.id,
        "journal_index": backup.journal_index,
        "created_at": backup.created_at.to_string(),
        "account_id": backup.account_id,
        "resource": backup.resource,
        "region": backup.region,
        "operation": backup.operation,
        "caller": backup.caller,
        "reason": backup.reason,
        "ticket": backup.ticket,
        "policy_sha256": backup.policy_sha256,
        "policy_bytes": backup.policy.len(),
    });
    writeln!(out, "{answer}")
}

fn style_of(event: &str, members: &serde_json::Map<String, Value>) -> Style {
    match event {
        "Refusal" => NOTE,
        "Interrupted" | "StrayOutcome" => BAD,
        "Outcome" if members.get("result").and_then(Value::as_str) == Some("Succeeded") => GOOD,
        "Outcome" => BAD,
        _ => Style::new().bold(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}
