//! How findings look.

mod json;

pub(in super::super) use json::report_json;

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};

use super::{
    cloudtrail::{Event, What},
    logs::Problem,
    matching::{Finding, Missing, Report, SessionUse, Summary, Verdict},
};
use crate::types::{AccountId, printable};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// Every finding, every problem, and what was compared.
pub(in super::super) fn report(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    for one in &report.findings {
        finding(out, one)?;
    }
    for one in &report.problems {
        problem(out, one)?;
    }
    summary(out, report)
}

fn finding(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    match finding {
        Finding::OutsideGateway { event, possible_intent } => {
            let (target, task, issued) = asked(event);
            let target = target.map_or_else(|| "an account that it does not name".to_owned(), |id| id.to_string());
            title(out, "not through the gateway", &format!("AssumeRoot on {target}"))?;
            event_facts(out, event)?;
            fact(out, "task_policy", task)?;
            fact(out, "access_key_id", issued)?;
            fact(out, "possible_operation_id", possible_intent.as_deref())
        }
        Finding::AccountDiffers { event, journal_index, account } => {
            let (target, ..) = asked(event);
            let target = target.map(|id| id.to_string()).unwrap_or_default();
            let words = format!("record {journal_index} says {account}, CloudTrail says {target}");
            title(out, "other account", &words)?;
            event_facts(out, event)
        }
        Finding::NotInCloudTrail(missing) => not_in_cloudtrail(out, missing),
        Finding::UnlistedCall { event, access_key_id, journal_index, operation } => {
            let words = format!(
                "{}:{} in the session of record {journal_index} ({})",
                printable(&event.service),
                printable(&event.operation),
                printable(operation.as_deref().unwrap_or("an act without intent")),
            );
            title(out, "not in the journal", &words)?;
            fact(out, "access_key_id", Some(access_key_id))?;
            event_facts(out, event)
        }
        Finding::UnknownSession(used) => unknown_session(out, used),
    }
}

fn not_in_cloudtrail(out: &mut dyn Write, missing: &Missing) -> io::Result<()> {
    let act = &missing.act;
    let operation = printable(act.operation.as_deref().unwrap_or("an act without intent"));
    title(out, "not in CloudTrail", &format!("{operation} of record {}", act.index))?;
    fact(out, "account_id", act.account.map(|id| id.to_string()).as_deref())?;
    fact(out, "began_at", Some(&act.began_at.to_string()))?;
    fact(out, "operation_id", Some(&act.operation_id))?;
    fact(out, "caller", act.caller.as_deref())?;
    fact(out, "access_key_ids", Some(&act.access_key_ids.join(" ")))?;
    for call in &missing.calls {
        let id = call.request_id.as_deref().unwrap_or_default();
        fact(out, "call", Some(&format!("{}:{} {id}", call.service, call.operation)))?;
    }
    Ok(())
}

fn unknown_session(out: &mut dyn Write, used: &SessionUse) -> io::Result<()> {
    let account = used.account.map(|id| id.to_string()).unwrap_or_default();
    title(out, "unknown root session", &format!("in {account}, {} events", used.events))?;
    if !used.assumed_root {
        fact(
            out,
            "note",
            Some("CloudTrail does not say that it was assumed: a sign-in of the root user looks the same"),
        )?;
    }
    fact(out, "access_key_id", used.access_key_id.as_deref())?;
    if let Some((first, last)) = used.span {
        fact(out, "from", Some(&first.to_string()))?;
        fact(out, "to", Some(&last.to_string()))?;
    }
    fact(out, "source_identity", used.source_identity.as_deref())?;
    fact(out, "operations", Some(&joined(&used.operations)))?;
    fact(out, "source_ips", Some(&joined(&used.source_ips)))
}

fn event_facts(out: &mut dyn Write, event: &Event) -> io::Result<()> {
    fact(out, "time", Some(&event.time.to_string()))?;
    fact(out, "caller", event.caller_arn.as_deref())?;
    fact(out, "source_identity", event.source_identity.as_deref())?;
    fact(out, "source_ip", event.source_ip.as_deref())?;
    fact(out, "error_code", event.error_code.as_deref())?;
    let place = event.region.as_ref().map_or_else(String::new, |region| format!(" {region}"));
    fact(out, "log", Some(&format!("{}{place}", event.account)))?;
    fact(out, "event_id", Some(&event.id))?;
    fact(out, "request_id", event.request_id.as_deref())
}

fn problem(out: &mut dyn Write, problem: &Problem) -> io::Result<()> {
    let record = problem.record.map_or_else(String::new, |number| format!(", record {number}"));
    let file = problem.file.display().to_string();
    title(out, "unreadable", &format!("{}{record}: {}", printable(&file), printable(&problem.what)))
}

fn summary(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let summary = &report.summary;
    let (requests, calls) = (summary.requests_matched, summary.calls_matched);
    let agree = format!("{requests} requests for root sessions and {calls} calls in them are in both");
    let (findings, problems) = (summary.findings, summary.counts.problems);
    match report.verdict() {
        Verdict::Agrees => writeln!(out, "{GOOD}reconciled{GOOD:#}: {agree}")?,
        Verdict::Differs => {
            writeln!(out, "{BAD}NOT reconciled{BAD:#}: {findings} findings, {problems} problems; {agree}")?;
        }
        Verdict::Nothing => writeln!(out, "{BAD}NOT reconciled{BAD:#}: nothing could be compared")?,
    }
    let told = report.findings.len() + report.problems.len();
    let untold = (summary.findings + summary.counts.problems).saturating_sub(told as u64);
    if untold > 0 {
        note(out, &format!("{untold} more findings and problems are not shown: narrow them with --since and --until"))?;
    }
    covered(out, summary)?;
    for (count, what) in [
        (summary.acts_too_new, "acts are too new to tell: CloudTrail delivers late (--grace)"),
        (summary.acts_before_logs, "acts are older than the oldest event of the logs"),
        (summary.acts_not_covered, "acts have calls in accounts or regions that there are no logs of"),
        (summary.calls_handed_out, "calls were made with credentials that AssumeRoot handed out"),
        (summary.calls_unanswered, "calls got no answer that the gateway saw, or were sent again"),
        (summary.counts.root_user_events, "events are of root users with credentials of their own"),
        (summary.counts.copies, "events were delivered more than once"),
        (summary.counts.skipped_folders, "folders of digests or insights were left out"),
        (summary.counts.skipped_files, "files that are no .json or .json.gz were left out"),
    ] {
        if count > 0 {
            writeln!(out, "{DIM}{count} {what}{DIM:#}")?;
        }
    }
    notes(out, summary)
}

fn covered(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let counts = &summary.counts;
    write!(out, "logs: {} files, {} records", counts.files, counts.records)?;
    if let Some((oldest, newest)) = summary.coverage.span {
        let regions: Vec<&str> = summary.coverage.regions().into_iter().map(|region| region.as_str()).collect();
        let accounts = summary.coverage.places.len();
        write!(out, ", from {oldest} to {newest}, of {accounts} accounts in {}", regions.join(" "))?;
    }
    writeln!(out)
}

fn notes(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    if !summary.verified {
        note(out, "the chain of the journal was not checked (--no-verify)")?;
    }
    if summary.gateway_accounts.is_empty() {
        let words =
            "no AssumeRoot of the gateway is in these logs: are those of its own account and STS region among them?";
        note(out, words)?;
    }
    Ok(())
}

fn asked(event: &Event) -> (Option<AccountId>, Option<&str>, Option<&str>) {
    match &event.what {
        What::AssumeRoot { target, task_policy, issued } => (*target, task_policy.as_deref(), issued.as_deref()),
        What::Session { .. } | What::RootUser => (None, None, None),
    }
}

fn joined(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn title(out: &mut dyn Write, what: &str, words: &str) -> io::Result<()> {
    writeln!(out, "{BAD}{what}{BAD:#}: {words}")
}

fn fact(out: &mut dyn Write, name: &str, value: Option<&str>) -> io::Result<()> {
    match value {
        Some(value) if !value.is_empty() => writeln!(out, "    {DIM}{name}{DIM:#} {}", printable(value)),
        _ => Ok(()),
    }
}

fn note(out: &mut dyn Write, words: &str) -> io::Result<()> {
    writeln!(out, "{NOTE}note{NOTE:#}: {words}")
}
