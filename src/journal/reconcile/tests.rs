//! The command on files: what is found, skipped, refused.

use std::{fs, io::Write as _, path::Path, process::ExitCode};

use clap::Parser;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::{
    super::{
        Opened,
        command::{CommandError, JournalCommand, run},
        tests::{self as journal, Fixture},
    },
    *,
};
use crate::types::OperationId;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: JournalCommand,
}

/// A journal with one act, and the folder that its logs go to.
async fn site() -> (Fixture, PathBuf) {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    let id = OperationId::generate();
    let intent = journal.append(journal::intent(id)).await.unwrap();
    journal.append(journal::outcome(id, intent.index)).await.unwrap();
    journal.close().await.unwrap();
    let logs = fixture.directory.path().join("logs");
    fs::create_dir(&logs).unwrap();
    (fixture, logs)
}

/// The request that the act's outcome tells of.
fn its_request() -> Value {
    json!({
        "eventID": "e-1",
        "eventTime": "2026-11-21T18:35:54Z",
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRoot",
        "awsRegion": "us-east-1",
        "recipientAccountId": "222222222222",
        "requestID": "r-1",
        "requestParameters": { "targetPrincipal": "333333333333" },
        "responseElements": { "credentials": { "accessKeyId": "ASIAEXAMPLE" } },
        "userIdentity": { "type": "AssumedRole", "arn": "arn:aws:sts::222222222222:assumed-role/gateway/s" },
    })
}

fn log(records: &[Value]) -> Vec<u8> {
    json!({ "Records": records }).to_string().into_bytes()
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    file.write_all(content).unwrap();
    file.finish().unwrap()
}

async fn answer(fixture: &Fixture, logs: &Path, more: &[&str]) -> Result<(ExitCode, String), CommandError> {
    let (path, logs) = (fixture.path.to_str().unwrap(), logs.to_str().unwrap());
    let line = ["journal", "reconcile", "--journal", path, "--cloudtrail", logs];
    let command = Cli::parse_from(line.iter().chain(more)).command;
    let mut out = Vec::new();
    let code = run(command, &mut out).await?;
    Ok((code, anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()))
}

#[tokio::test]
async fn logs_are_found_in_the_layout_of_a_trail_and_copies_count_once() {
    let (fixture, logs) = site().await;
    let layout = "AWSLogs/o-exampleorgid/222222222222/CloudTrail/us-east-1/2026/11/21";
    fs::create_dir_all(logs.join(layout)).unwrap();
    fs::create_dir_all(logs.join("AWSLogs/o-exampleorgid/222222222222/CloudTrail-Digest/us-east-1")).unwrap();
    fs::write(logs.join("AWSLogs/o-exampleorgid/222222222222/CloudTrail-Digest/digest.json.gz"), "no log").unwrap();
    fs::write(logs.join(layout).join("a.json.gz"), packed(&log(&[its_request()]))).unwrap();
    // Another trail delivers a copy, and the member account has an event of its own of the same call.
    let mut of_member = its_request();
    of_member["eventID"] = json!("e-2");
    of_member["responseElements"] = json!({ "credentials": { "accessKeyId": "ASIAEXAMPLE" } });
    of_member["recipientAccountId"] = json!("333333333333");
    fs::write(logs.join("copy.json"), log(&[its_request(), of_member])).unwrap();
    fs::write(logs.join("notes.txt"), "mine").unwrap();
    let (code, text) = answer(&fixture, &logs, &["--grace", "0s"]).await.unwrap();
    assert_eq!(code, ExitCode::SUCCESS, "{text}");
    for line in [
        "reconciled: 1 requests for root sessions and 0 calls in them are in both\n",
        "logs: 2 files, 3 records, from 2026-11-21T18:35:54.000000Z to 2026-11-21T18:35:54.000000Z, of 2 accounts in us-east-1\n",
        "2 events were delivered more than once\n",
        "1 folders of digests or insights were left out\n",
        "1 files that are no .json or .json.gz were left out\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_file_and_record_and_is_no_success() {
    let (fixture, logs) = site().await;
    let whole = packed(&log(&[its_request(), json!(7), json!({ "eventTime": 1 })]));
    fs::write(logs.join("a.json.gz"), &whole).unwrap();
    fs::write(logs.join("b.json.gz"), &whole[..whole.len() - 12]).unwrap();
    fs::write(logs.join("c.json"), "{\"Events\":[]}").unwrap();
    fs::write(logs.join("d.json"), packed(&log(&[json!("x".repeat(5 << 20))]))).unwrap();
    let (code, text) = answer(&fixture, &logs, &["--json"]).await.unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let problem = |file: &str, record: Value, said: &str| {
        let path = logs.join(file).display().to_string();
        let found = lines.iter().any(|line| {
            line["file"] == path
                && line["record"] == record
                && line["problem"].as_str().is_some_and(|problem| problem.contains(said))
        });
        assert!(found, "{file} {said}: {text}");
    };
    problem("a.json.gz", json!(2), "invalid type: integer `7`");
    problem("a.json.gz", json!(3), "invalid type: integer `1`, expected a string");
    problem("b.json.gz", Value::Null, "it cannot be read after record");
    problem("c.json", Value::Null, "has no Records");
    problem("d.json", Value::Null, "a record is larger than 4 MiB");
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!((&summary["reconciled"], &summary["requests_matched"]), (&json!(false), &json!(1)));
}

#[tokio::test]
async fn without_logs_or_journal_there_is_no_answer() {
    let (fixture, logs) = site().await;
    let error = answer(&fixture, &logs, &[]).await.unwrap_err().to_string();
    assert!(error.contains("no CloudTrail log files"), "{error}");
    let error = answer(&fixture, &logs.join("nowhere"), &[]).await.unwrap_err().to_string();
    assert!(error.contains("logs/nowhere: "), "{error}");
    fs::write(logs.join("a.json"), log(&[])).unwrap();
    let error = answer(&Fixture::new(), &logs, &[]).await.unwrap_err().to_string();
    assert!(error.contains("there is no journal at"), "{error}");
}

#[tokio::test]
async fn empty_logs_cover_nothing() {
    let (fixture, logs) = site().await;
    fs::write(logs.join("a.json"), log(&[])).unwrap();
    let error = answer(&fixture, &logs, &[]).await.unwrap_err();
    assert!(error.to_string().contains("no record of what the journal tells of") && !error.is_finding(), "{error}");
    let mut of_another_month = its_request();
    of_another_month["eventTime"] = json!("2026-12-21T18:35:54Z");
    of_another_month["eventName"] = json!("GetCallerIdentity");
    fs::write(logs.join("b.json"), log(&[of_another_month])).unwrap();
    let mut out = Vec::new();
    let arguments = ["journal", "reconcile", "--journal", fixture.path.to_str().unwrap(), "--cloudtrail"];
    let command = Cli::parse_from(arguments.iter().copied().chain([logs.to_str().unwrap()])).command;
    assert!(matches!(run(command, &mut out).await, Err(CommandError::Reconcile(ReconcileError::NothingCompared))));
    let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
    assert!(text.starts_with("NOT reconciled: nothing could be compared\n"), "{text}");
    assert!(text.contains("1 acts are older than the oldest event of the logs"), "{text}");
    assert!(text.contains("note: no AssumeRoot of the gateway is in these logs"), "{text}");
}

#[tokio::test]
async fn a_journal_that_is_not_what_was_written_proves_nothing() {
    let (fixture, logs) = site().await;
    fs::write(logs.join("a.json"), log(&[its_request()])).unwrap();
    let mut connection = journal::stranger(&fixture.path).await;
    journal::run(&mut connection, "DROP TRIGGER records_no_update").await;
    journal::run(&mut connection, "UPDATE records SET body = replace(body, 'SEC-1', 'SEC-2')").await;
    connection.close().await.unwrap();
    let (code, text) = answer(&fixture, &logs, &[]).await.unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    assert!(text.starts_with("NOT verified: record 1: "), "{text}");
    let (code, text) = answer(&fixture, &logs, &["--no-verify", "--grace", "0s"]).await.unwrap();
    assert_eq!(code, ExitCode::SUCCESS, "{text}");
    assert!(text.contains("note: the chain of the journal was not checked (--no-verify)"), "{text}");
}

#[tokio::test]
async fn nothing_in_a_log_steers_the_terminal() {
    let (fixture, logs) = site().await;
    let mut evil = its_request();
    evil["requestID"] = json!("r-\u{1b}[2J");
    evil["responseElements"]["credentials"]["accessKeyId"] = json!("ASIAOTHER");
    evil["userIdentity"]["arn"] = json!("\u{202e}gateway\n");
    fs::write(logs.join("a.json"), log(&[evil])).unwrap();
    let (code, text) = answer(&fixture, &logs, &[]).await.unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    assert!(text.contains("    caller \\u{202e}gateway\\u{a}\n") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn the_arguments_say_what_they_take() {
    let parse = |more: &[&str]| {
        let line = ["journal", "reconcile", "--journal", "j", "--cloudtrail", "a", "b"];
        Cli::try_parse_from(line.iter().chain(more))
    };
    assert!(parse(&["--since", "2026-11-21T00:00:00Z", "--grace", "1h", "--account", "333333333333"]).is_ok());
    for (wrong, said) in [
        (["--since", "yesterday"], "must be an RFC 3339 time"),
        (["--grace", "soon"], "must be a number and a unit"),
        (["--account", "12"], "exactly 12 digits"),
    ] {
        let error = parse(&wrong).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let help = Cli::try_parse_from(["journal", "reconcile", "--help"]).unwrap_err().to_string();
    assert!(help.contains("rootgate journal reconcile --journal journal.db --cloudtrail logs"), "{help}");
}
