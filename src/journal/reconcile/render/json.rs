//! The same for machines: one object a line, the summary last.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{
    super::{
        cloudtrail::Event,
        logs::Problem,
        matching::{Finding, Report, Summary, Verdict},
    },
    asked,
};

/// Every finding, every problem, and what was compared.
pub(in super::super::super) fn report_json(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    for one in &report.findings {
        writeln!(out, "{}", finding(one))?;
    }
    for one in &report.problems {
        writeln!(out, "{}", problem(one))?;
    }
    writeln!(out, "{}", json!({ "summary": summary(&report.summary, report.verdict()) }))
}

fn finding(finding: &Finding) -> Value {
    let name = finding.name();
    match finding {
        Finding::OutsideGateway { event: e, possible_intent } => {
            json!({ "finding": name, "event": event(e), "possible_operation_id": possible_intent })
        }
        Finding::AccountDiffers { event: e, journal_index, account } => {
            json!({ "finding": name, "event": event(e), "journal_index": journal_index, "account_id": account.as_str() })
        }
        Finding::NotInCloudTrail(missing) => {
            let act = &missing.act;
            let calls = missing.calls.iter().map(
                |call| json!({ "service": call.service, "operation": call.operation, "request_id": call.request_id }),
            );
            json!({
                "finding": name,
                "journal_index": act.index,
                "operation_id": act.operation_id,
                "operation": act.operation,
                "account_id": act.account.map(|account| account.to_string()),
                "caller": act.caller,
                "began_at": act.began_at.to_string(),
                "access_key_ids": act.access_key_ids,
                "calls": calls.collect::<Vec<_>>(),
            })
        }
        Finding::UnlistedCall { event: e, access_key_id, journal_index, operation } => json!({
            "finding": name,
            "event": event(e),
            "access_key_id": access_key_id,
            "journal_index": journal_index,
            "operation": operation,
        }),
        Finding::UnknownSession(used) => json!({
            "finding": name,
            "access_key_id": used.access_key_id,
            "account_id": used.account.map(|account| account.to_string()),
            "assumed_root": used.assumed_root,
            "events": used.events,
            "first_event_at": used.span.map(|(first, _)| first.to_string()),
            "last_event_at": used.span.map(|(_, last)| last.to_string()),
            "operations": used.operations,
            "source_ips": used.source_ips,
            "source_identity": used.source_identity,
        }),
    }
}

fn event(event: &Event) -> Value {
    let (target, task_policy, issued) = asked(event);
    json!({
        "event_id": event.id,
        "request_id": event.request_id,
        "time": event.time.to_string(),
        "operation": format!("{}:{}", event.service, event.operation),
        "error_code": event.error_code,
        "caller_arn": event.caller_arn,
        "source_identity": event.source_identity,
        "source_ip": event.source_ip,
        "log_account_id": event.account.as_str(),
        "region": event.region.as_ref().map(ToString::to_string),
        "target_account_id": target.map(|account| account.to_string()),
        "task_policy": task_policy,
        "issued_access_key_id": issued,
    })
}

fn problem(problem: &Problem) -> Value {
    let file = problem.file.display().to_string();
    json!({ "finding": "UNREADABLE_LOG", "file": file, "record": problem.record, "problem": problem.what })
}

fn summary(summary: &Summary, verdict: Verdict) -> Value {
    let counts = &summary.counts;
    let span = summary.coverage.span;
    json!({
        "reconciled": verdict == Verdict::Agrees,
        "verified": summary.verified,
        "findings": summary.findings,
        "problems": counts.problems,
        "requests_matched": summary.requests_matched,
        "calls_matched": summary.calls_matched,
        "calls_handed_out": summary.calls_handed_out,
        "calls_unanswered": summary.calls_unanswered,
        "acts_matched": summary.acts_matched,
        "acts_too_new": summary.acts_too_new,
        "acts_before_logs": summary.acts_before_logs,
        "acts_not_covered": summary.acts_not_covered,
        "root_user_events": counts.root_user_events,
        "gateway_accounts": summary.gateway_accounts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "files": counts.files,
        "records": counts.records,
        "copies": counts.copies,
        "skipped_folders": counts.skipped_folders,
        "skipped_files": counts.skipped_files,
        "oldest_event_at": span.map(|(oldest, _)| oldest.to_string()),
        "newest_event_at": span.map(|(_, newest)| newest.to_string()),
        "accounts": summary.coverage.places.len(),
        "regions": summary.coverage.regions().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
