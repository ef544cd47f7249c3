//! `archive`, and verifying what it leaves.

use super::*;
use crate::{
    clock::{ManualClock, Timestamp},
    journal::{CheckpointKey, read_checkpoints, tests::archive::until_closed},
};

/// A journal of ten records that is old enough to be archived, and a path beside it.
async fn old() -> (Fixture, impl Fn(&str) -> String) {
    let clock = std::sync::Arc::new(ManualClock::new(Timestamp::from_unix(1_600_000_000, 0)));
    let fixture = Fixture { clock, ..Fixture::new() };
    let Opened { journal, .. } = fixture.open().await;
    for _ in 0..9 {
        journal.append(refusal("x")).await.unwrap();
    }
    journal.close().await.unwrap();
    let folder = fixture.directory.path().to_owned();
    (fixture, move |name: &str| folder.join(name).to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_journal_is_verified_with_and_without_its_archives() {
    let (fixture, path) = old().await;
    let (key, checkpoints) = (path("key"), path("checkpoints"));
    let public = said(&["key", "generate", "--name", "j.example", "--output", &key]).await.unwrap().1;
    let public = public.trim_end();
    // Of 10, 12 and 14 records, each time with the opening's and the closing's.
    for _ in 0..3 {
        answer(&fixture, &["checkpoint", "--key", &key, "--output", &checkpoints]).await.unwrap();
        let Opened { journal, .. } = fixture.open().await;
        journal.append(started()).await.unwrap();
        journal.close().await.unwrap();
    }
    let second = list(&fixture.path, 2, 1).await.unwrap()[0].clone();
    let (code, text) = answer(&fixture, &["archive", "--until", "10", "--output", &path("1")]).await.unwrap();
    assert!(code == ExitCode::SUCCESS && text.starts_with("archived: records 1 to 10 in "), "{text}");
    until_closed(&fixture).await;
    let (_, text) = answer(&fixture, &["archive", "--until", "12", "--output", &path("2")]).await.unwrap();
    assert!(text.starts_with("archived: records 11 to 12 in "), "{text}");
    until_closed(&fixture).await;

    let held = ["verify", "--checkpoint", &checkpoints, "--public-key", public];
    let (code, text) = answer(&fixture, &held).await.unwrap();
    assert_eq!(code, ExitCode::SUCCESS, "{text}");
    let note = "note: 1 checkpoints are of archived records: give the archives with --export to check them";
    assert!(text.contains(note), "the second is of the record of the mark: {text}");
    let (_, text) = answer(&fixture, &[&held[..], &["--json"]].concat()).await.unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["checkpoints"], &json["checkpoints_not_checked"]), (&3.into(), &1.into()));

    let (one, two) = (path("1"), path("2"));
    let whole = [&held[..], &["--export", &one, "--export", &two]].concat();
    let (code, text) = answer(&fixture, &whole).await.unwrap();
    assert!(code == ExitCode::SUCCESS && text.starts_with("verified: 18 records, 0 receipts, 3 checkpoints"), "{text}");
    assert!(!text.contains("archived records"), "{text}");

    let receipt = format!("2:{}", second.hash);
    let (code, text) = answer(&fixture, &["verify", "--expect", &receipt]).await.unwrap();
    assert!(code == ExitCode::FAILURE && text.contains("comes before this segment"), "{text}");
    let (code, _) = answer(&fixture, &[&whole[..], &["--expect", &receipt]].concat()).await.unwrap();
    assert_eq!(code, ExitCode::SUCCESS);

    let (code, text) = answer(&fixture, &[&held[..], &["--export", &one]].concat()).await.unwrap();
    assert!(code == ExitCode::FAILURE && text.contains("give all its archives"), "{text}");
    let changed = std::fs::read_to_string(&two).unwrap().replacen("0.1.0", "0.2.0", 1);
    std::fs::write(&two, changed).unwrap();
    let (code, text) = answer(&fixture, &whole).await.unwrap();
    assert!(
        code == ExitCode::FAILURE && text.starts_with(&format!("NOT verified: record 11 ({two}, line 1)")),
        "{text}"
    );
}

/// Anybody who may append to the file can repeat what stands in it.
#[tokio::test]
async fn an_older_checkpoint_that_is_repeated_does_not_let_a_cut_journal_be_signed() {
    let (fixture, path) = old().await;
    let (key, checkpoints) = (path("key"), path("checkpoints"));
    CheckpointKey::generate("j.example".parse().unwrap()).unwrap().write(key.as_ref()).unwrap();
    let sign = ["checkpoint", "--key", &key, "--output", &checkpoints];
    answer(&fixture, &sign).await.unwrap();
    let older = std::fs::read(&checkpoints).unwrap();
    let Opened { journal, .. } = fixture.open().await;
    journal.append(started()).await.unwrap();
    journal.close().await.unwrap();
    answer(&fixture, &sign).await.unwrap();
    std::fs::write(&checkpoints, [std::fs::read(&checkpoints).unwrap(), older].concat()).unwrap();
    super::super::super::checkpoint::tests::forge(&fixture.path, "DELETE FROM records WHERE idx > 10").await;
    let error = answer(&fixture, &sign).await.unwrap_err();
    assert!(error.is_finding() && error.to_string().contains("record 12 was signed"), "{error}");
    assert_eq!(read_checkpoints(checkpoints.as_ref()).unwrap().len(), 3);
}

#[tokio::test]
async fn a_last_record_that_is_damaged_is_a_finding() {
    let (fixture, path) = old().await;
    let key = path("key");
    CheckpointKey::generate("j.example".parse().unwrap()).unwrap().write(key.as_ref()).unwrap();
    let damage = "UPDATE records SET body = replace(body, 'Stopped', 'stopped') WHERE idx = 10";
    super::super::super::checkpoint::tests::forge(&fixture.path, damage).await;
    let error = answer(&fixture, &["checkpoint", "--key", &key]).await.unwrap_err();
    assert!(error.is_finding() && error.to_string().contains("record 10 is damaged"), "{error}");
}

#[tokio::test]
async fn what_is_younger_than_a_day_is_not_archived() {
    let fixture = Fixture { clock: now(), ..Fixture::new() };
    let Opened { journal, .. } = fixture.open().await;
    for _ in 0..9 {
        journal.append(refusal("x")).await.unwrap();
    }
    journal.close().await.unwrap();
    let output = fixture.beside(".1");
    let error = answer(&fixture, &["archive", "--until", "4", "--output", output.to_str().unwrap()]).await.unwrap_err();
    assert!(error.is_finding() && error.to_string().contains("within the last 24 hours"), "{error}");
    let help = Cli::try_parse_from(["journal", "archive", "--help"]).unwrap_err().to_string();
    assert!(help.contains("within the last 24 hours"), "{help}");
    assert!(help.contains("rootgate journal verify --journal journal.db --export journal-1.jsonl"), "{help}");
}

fn now() -> std::sync::Arc<ManualClock> {
    use crate::clock::{Clock as _, SystemClock};
    std::sync::Arc::new(ManualClock::new(SystemClock.now()))
}
