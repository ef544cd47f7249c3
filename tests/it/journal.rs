//! No durable intent, no act; no act without outcome.

use std::{
    fs::OpenOptions,
    path::Path,
    process::{Command, Output, Stdio},
};

use aws_root_simulator::Fault;

use crate::harness::{OPERATOR, PAYMENTS, World};

#[tokio::test]
async fn an_act_stands_between_its_intent_and_its_outcome() {
    let mut world = World::start().await;
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    world.stop().await;
    let events: Vec<String> = world.records().await.iter().map(|record| record.event().to_owned()).collect();
    assert_eq!(events, ["Started", "Intent", "Outcome", "Stopped"]);
}

#[tokio::test]
async fn a_failed_act_has_its_outcome_too() {
    let world = World::start_configured("aws", "attempts_max = 1").await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").status(503));
    let refusal = world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap_err();
    let outcome = world.records().await.pop().unwrap();
    assert_eq!((outcome.event(), outcome.text("result")), ("Outcome", "Failed"));
    assert_eq!(refusal.metadata("journal_index"), outcome.index.to_string());
    assert_eq!(refusal.metadata("record_hash"), outcome.hash);
}

#[tokio::test]
async fn the_chain_goes_on_over_a_restart() {
    let mut world = World::start().await;
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    world.start_again().await;
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    let records = world.records().await;
    assert_eq!(records.iter().filter(|record| record.event() == "Outcome").count(), 2);
    let indexes: Vec<u64> = records.iter().map(|record| record.index).collect();
    assert_eq!(indexes, (1..=records.len() as u64).collect::<Vec<_>>());
}

/// The real binary.
fn rootgate(arguments: &[&str], journal: Option<&Path>, out: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootgate"));
    command.arg("journal").args(arguments).env_clear().stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
    if let Some(journal) = journal {
        command.arg("--journal").arg(journal);
    }
    command.spawn().unwrap().wait_with_output().unwrap()
}

/// A world whose journal holds what takes a writer for terminals to pieces.
async fn with_strange_reasons() -> World {
    let mut world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    operator.audit(PAYMENTS).await.unwrap();
    operator.unlock_bucket("\u{7f}\u{9b}31m\u{202e}=1+1", "payments-ledger").await.unwrap_err();
    world.stop().await;
    world
}

#[tokio::test]
async fn what_the_binary_exports_verifies_to_the_byte() {
    let world = with_strange_reasons().await;
    let journal = world.journal_path();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    let head = world.records().await.pop().unwrap();
    let receipt = format!("{}:{}", head.index, head.hash);

    for verb in [&["export"][..], &["list", "--json"], &["tail", "--json"]] {
        let said = rootgate(verb, Some(&journal), Stdio::piped());
        assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
        assert!(said.stdout.contains(&0x7f), "nothing is taken out");
        std::fs::write(&path, &said.stdout).unwrap();
        let verified =
            rootgate(&["verify", "--export", path.to_str().unwrap(), "--expect", &receipt], None, Stdio::piped());
        assert!(verified.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&verified.stdout));
    }
    let of_journal = rootgate(&["verify", "--json"], Some(&journal), Stdio::piped());
    let of_export = rootgate(&["verify", "--json", "--export", path.to_str().unwrap()], None, Stdio::piped());
    assert_eq!(of_export.stdout, of_journal.stdout);

    let edited = std::fs::read(&path).unwrap().into_iter().filter(|byte| *byte != 0x7f).collect::<Vec<_>>();
    std::fs::write(&path, edited).unwrap();
    let verified = rootgate(&["verify", "--export", path.to_str().unwrap()], None, Stdio::piped());
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
}

#[tokio::test]
async fn an_export_to_a_full_volume_fails_and_says_so() {
    let world = with_strange_reasons().await;
    for format in ["jsonl", "csv", "ocsf", "cloudevents"] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let said = rootgate(&["export", "--format", format], Some(&world.journal_path()), full.into());
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        let words = String::from_utf8(said.stderr).unwrap();
        assert!(words.contains("the output cannot be written: No space left on device"), "{words}");
    }
}

#[tokio::test]
async fn a_follower_ends_in_order_with_ctrl_c() {
    use std::io::{BufRead as _, BufReader};
    let world = World::start().await;
    let mut tail = Command::new(env!("CARGO_BIN_EXE_rootgate"))
        .args(["journal", "tail", "--follow", "--json", "--lines", "1", "--journal"])
        .arg(world.journal_path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"Started\""));
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    for event in ["\"Intent\"", "\"Outcome\""] {
        assert!(lines.next().unwrap().unwrap().contains(event), "new records come by themselves");
    }
    let sent = Command::new("kill").args(["-INT", &tail.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(tail.wait().unwrap().code(), Some(0));
}
