mod archive;
mod checkpoint;
mod export;
mod tail;
mod verify;

use clap::Parser;
use serde_json::Value;

use super::{
    super::{
        BACKUPS_MAX, Expectation, Opened, RecordHash,
        tests::{Fixture, backups::keep, intent, refusal, started},
    },
    *,
};
use crate::types::OperationId;

#[derive(Debug, Parser)]
#[command(name = "journal")]
struct Cli {
    #[command(subcommand)]
    command: JournalCommand,
}

async fn answer(fixture: &Fixture, arguments: &[&str]) -> Result<(ExitCode, String), CommandError> {
    let path = fixture.path.to_str().unwrap();
    let (verb, rest) = arguments.split_first().unwrap();
    said(&[&[verb, "--journal", path], rest].concat()).await
}

async fn said(arguments: &[&str]) -> Result<(ExitCode, String), CommandError> {
    let command = Cli::parse_from(["journal"].iter().chain(arguments)).command;
    let mut out = Vec::new();
    let code = run(command, &mut out).await?;
    Ok((code, anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()))
}

async fn filled() -> (Fixture, Expectation) {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    journal.append(started()).await.unwrap();
    let receipt = journal.append(intent(OperationId::generate())).await.unwrap();
    journal.append(refusal("\u{1b}[2J\u{202e}evil\u{9b}")).await.unwrap();
    journal.close().await.unwrap();
    (fixture, receipt.into())
}

#[tokio::test]
async fn verify_exits_with_zero_only_when_all_is_well() {
    let (fixture, receipt) = filled().await;
    let (code, text) = answer(&fixture, &["verify"]).await.unwrap();
    assert_eq!(code, ExitCode::SUCCESS);
    assert!(text.starts_with("verified: 4 records, 0 receipts\nlast record: 4:"), "{text}");
    assert!(text.contains("without outcome: intent 2 of operation"), "{text}");
    assert!(text.contains("no receipt was given"), "{text}");

    let (code, text) = answer(&fixture, &["verify", "--expect", &receipt.to_string()]).await.unwrap();
    assert!(code == ExitCode::SUCCESS && !text.contains("no receipt"), "{text}");

    let wrong = format!("2:{}", "0".repeat(64));
    let (code, text) = answer(&fixture, &["verify", "--expect", &wrong]).await.unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    assert!(text.starts_with("NOT verified: record 2: its hash is"), "{text}");

    let beyond = format!("5:{}", "0".repeat(64));
    let (code, text) = answer(&fixture, &["verify", "--expect", &beyond, "--json"]).await.unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    assert_eq!((&json["verified"], &json["index"]), (&Value::from(false), &Value::from(5)));
}

#[tokio::test]
async fn verify_says_the_same_to_machines() {
    let (fixture, receipt) = filled().await;
    let (code, text) = answer(&fixture, &["verify", "--json", "--expect", &receipt.to_string()]).await.unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, ExitCode::SUCCESS);
    assert_eq!((&json["verified"], &json["records"]), (&Value::from(true), &Value::from(4)));
    assert_eq!((&json["receipts"], &json["head"]["index"]), (&Value::from(1), &Value::from(4)));
    assert_eq!(json["open_intents"][0]["index"], 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_no_answer() {
    let fixture = Fixture::new();
    for verb in ["verify", "list", "tail", "export", "backups"] {
        let error = answer(&fixture, &[verb]).await.unwrap_err();
        assert!(error.to_string().contains("there is no journal at"), "{error}");
    }
}

#[tokio::test]
async fn list_shows_the_records_asked_for() {
    let (fixture, _) = filled().await;
    let (_, text) = answer(&fixture, &["list", "--from", "2", "--limit", "1"]).await.unwrap();
    assert!(text.starts_with("2 2026-11-21T18:35:54.000000Z Intent\n"), "{text}");
    for line in ["    account_id 333333333333\n", "    arguments {\"mode\":\"DEFAULT\"}\n"] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(text.matches("hash ").count(), 1);
    let (_, all) = answer(&fixture, &["list"]).await.unwrap();
    assert_eq!(all.matches("    hash ").count(), 4);
    let (_, none) = answer(&fixture, &["list", "--limit", "0"]).await.unwrap();
    assert_eq!(none, "");
}

#[tokio::test]
async fn a_line_of_json_is_enough_to_compute_the_hash() {
    let (fixture, _) = filled().await;
    let (_, text) = answer(&fixture, &["list", "--json"]).await.unwrap();
    let mut previous = RecordHash::ZERO;
    for (line, index) in text.lines().zip(1..) {
        let (hash, record) = line.strip_prefix("{\"hash\":\"").unwrap().split_once("\",\"record\":").unwrap();
        previous = RecordHash::of(index, previous, record.strip_suffix('}').unwrap());
        assert_eq!(previous.to_string(), hash);
        serde_json::from_str::<Value>(line).unwrap();
    }
    assert_eq!(text.lines().count(), 4);
}

#[tokio::test]
async fn nothing_that_a_stranger_sent_steers_the_terminal() {
    let (fixture, _) = filled().await;
    let mut out = Vec::new();
    let command = Cli::parse_from(["journal", "list", "--journal", fixture.path.to_str().unwrap()]).command;
    run(command, &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\\u{1b}[2J\\u{202e}evil\\u{9b}"), "{text}");
    assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{202e}') && !text.contains('\u{9b}'));
}

#[test]
fn refuses_arguments_that_are_no_receipt_and_shows_examples() {
    let error = Cli::try_parse_from(["journal", "verify", "--journal", "j", "--expect", "12"]).unwrap_err();
    assert!(error.to_string().contains("must be INDEX:HASH"), "{error}");
    let help = |verb| Cli::try_parse_from(["journal", verb, "--help"]).unwrap_err().to_string();
    assert!(help("verify").contains("rootgate journal verify --journal journal.db --expect 42:"));
    assert!(help("list").contains("rootgate journal list --journal journal.db --from 1000"));
}

#[tokio::test]
async fn a_policy_is_found_in_the_list_and_printed_byte_for_byte() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    let policy = "{ \"Statement\": [],\n\t\"Id\": \"\u{202e}\u{e9}\" } ";
    let (first, _) = keep(&journal, "payments", policy).await;
    let (second, _) = keep(&journal, "ledger", "{}").await;
    // While the gateway writes.
    let (code, text) = answer(&fixture, &["backup", &first]).await.unwrap();
    assert_eq!((code, text.as_str()), (ExitCode::SUCCESS, policy));
    let (_, text) = answer(&fixture, &["backups"]).await.unwrap();
    assert!(text.find(&second).unwrap() < text.find(&first).unwrap(), "newest first: {text}");
    assert!(text.contains("    resource arn:aws:s3:::payments\n    region eu-west-1\n"), "{text}");
    let resource = ["backups", "--account", "333333333333", "--resource", "arn:aws:s3:::payments", "--json"];
    let (_, text) = answer(&fixture, &resource).await.unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["id"], &json["journal_index"]), (&Value::from(first), &Value::from(2)));
    assert_eq!((&json["policy_bytes"], &json["policy"]), (&Value::from(policy.len()), &Value::Null));
    let (_, none) = answer(&fixture, &["backups", "--account", "444444444444"]).await.unwrap();
    assert_eq!(none, "");
    let error = answer(&fixture, &["backup", "x"]).await.unwrap_err();
    assert!(matches!(error, CommandError::NoBackup), "{error}");
    let (escape, _) = keep(&journal, "ledger", "\u{1b}[2J").await;
    let error = answer(&fixture, &["backup", &escape]).await.unwrap_err();
    assert!(error.to_string().contains("control characters"), "{error}");
}

#[tokio::test]
async fn the_list_goes_on_over_pages() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    for _ in 0..=BACKUPS_MAX {
        keep(&journal, "payments", "{}").await;
    }
    let (_, text) = answer(&fixture, &["backups", "--json"]).await.unwrap();
    assert_eq!(text.lines().count(), BACKUPS_MAX as usize + 1);
}
