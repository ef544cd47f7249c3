//! Moving old records into files.

use std::fs;

use super::{super::writer::Chore, *};

/// Longer than what stays because it is young.
const DAYS: Duration = Duration::from_secs(25 * 60 * 60);

/// Nine records: starts, a whole act, refusals.
pub(super) async fn filled() -> Fixture {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let id = OperationId::generate();
    journal.append(started()).await.unwrap();
    journal.append(intent(id)).await.unwrap();
    journal.append(outcome(id, 2)).await.unwrap();
    for _ in 0..6 {
        journal.append(refusal("x")).await.unwrap();
    }
    drop(journal);
    until_closed(&fixture).await;
    fixture
}

/// Until the writer has let go of the file.
pub(in crate::journal) async fn until_closed(fixture: &Fixture) {
    while let Err(error) = store::open(&(&fixture.path).into()).await {
        assert!(matches!(error, OpenError::Locked { .. }), "{error}");
        tokio::task::yield_now().await;
    }
}

pub(super) async fn archived(fixture: &Fixture, until: u64, name: &str) -> Result<Archived, ArchiveError> {
    fixture.clock.advance(DAYS);
    archived_now(fixture, until, name).await
}

async fn archived_now(fixture: &Fixture, until: u64, name: &str) -> Result<Archived, ArchiveError> {
    let moved =
        archive(&(&fixture.path).into(), fixture.clock.clone(), until, &fixture.directory.path().join(name)).await;
    until_closed(fixture).await;
    moved
}

fn segments(fixture: &Fixture, names: &[&str]) -> Result<Verified, ExportError> {
    let sources: Vec<_> = names.iter().map(|name| ExportSource::File(fixture.directory.path().join(name))).collect();
    verify_exports(&sources, None, &[], &mut |_| {})
}

#[tokio::test]
async fn what_is_archived_verifies_and_so_does_what_is_left() {
    let fixture = filled().await;
    let before = fixture.verify().await;
    let first = archived(&fixture, 4, "1.jsonl").await.unwrap();
    assert_eq!((first.first, first.last.index), (1, 4));
    let text = fs::read(fixture.directory.path().join("1.jsonl")).unwrap();
    assert_eq!(crate::types::hex(&first.file_sha256), crate::types::sha256_hex(&text));
    let second = archived(&fixture, 6, "2.jsonl").await.unwrap();
    assert_eq!((second.first, second.last.index), (5, 6));

    let left = fixture.verify().await;
    assert_eq!((left.after, left.records), (Some(second.last), 5), "three of before and two that tell of the archives");
    assert_eq!(segments(&fixture, &["1.jsonl", "2.jsonl"]).unwrap().head.map(Expectation::from), Some(second.last));
    let receipt = Expectation::from(before.head.unwrap());
    assert_eq!(verify(&fixture.path, &[receipt]).await.unwrap().records, 5, "receipts of before hold");
    let journal = fixture.open().await.journal;
    assert_eq!(journal.append(refusal("y")).await.unwrap().index, 12, "the chain goes on");
}

#[tokio::test]
async fn what_is_still_needed_stays() {
    let fixture = filled().await;
    let journal = fixture.open().await.journal;
    journal.append(intent(OperationId::generate())).await.unwrap();
    for _ in 0..3 {
        journal.append(refusal("x")).await.unwrap();
    }
    drop(journal);
    until_closed(&fixture).await;
    // Opening closes the intent as interrupted, so that it is not open any more; a kept request is.
    let mut owner = stranger(&fixture.path).await;
    run(&mut owner, "INSERT INTO requests VALUES ('c', 'r', 'd', 'o', 7, 9, NULL, 0)").await;
    owner.close().await.unwrap();
    let moved = archived(&fixture, 100, "1.jsonl").await.unwrap();
    assert_eq!(moved.last.index, 5, "the request needs record 7, and that needs the one before");
    let error = archived(&fixture, 100, "2.jsonl").await.unwrap_err();
    assert!(matches!(error, ArchiveError::Nothing { first: 6, needed: 6, .. }), "{error}");
    assert!(!fixture.directory.path().join("2.jsonl").exists());
}

#[tokio::test]
async fn what_was_recorded_within_a_day_stays() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    for _ in 0..6 {
        journal.append(refusal("x")).await.unwrap();
        fixture.clock.advance(Duration::from_secs(6 * 60 * 60));
    }
    drop(journal);
    until_closed(&fixture).await;
    let moved = archived_now(&fixture, 100, "1.jsonl").await.unwrap();
    assert_eq!((moved.first, moved.last.index), (1, 2), "the third is a day old and not older");
    let error = archived_now(&fixture, 100, "2.jsonl").await.unwrap_err();
    assert!(matches!(error, ArchiveError::Nothing { first: 3, needed: 3, .. }), "{error}");
    assert!(error.to_string().contains("within the last 24 hours"), "{error}");
    fixture.clock.advance(Duration::from_micros(1));
    assert_eq!(archived_now(&fixture, 100, "3.jsonl").await.unwrap().last.index, 3);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named_and_nothing_moved() {
    let fixture = filled().await;
    tampering::tamper(&fixture.path, "UPDATE records SET body = 'x' WHERE idx = 4").await;
    let error = archived(&fixture, 100, "1.jsonl").await.unwrap_err();
    assert!(matches!(error, ArchiveError::Read(ReadError::Tampered { index: 4, .. })), "{error}");
    assert!(!fixture.directory.path().join("1.jsonl").exists());
}

/// How many of the first records are still there.
async fn left_of(fixture: &Fixture, last: i64) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM records WHERE idx <= ?1").bind(last);
    let mut stranger = stranger(&fixture.path).await;
    let left = count.fetch_one(&mut stranger).await.unwrap();
    stranger.close().await.unwrap();
    left
}

#[tokio::test]
async fn an_archive_that_ended_before_it_deleted_anything_is_finished_by_the_next_one() {
    let fixture = filled().await;
    let journal = fixture.open().await.journal;
    let hash = list(&fixture.path, 4, 1).await.unwrap()[0].hash;
    let moved = Archived { first: 1, last: Expectation { index: 4, hash }, file_sha256: [7; 32] };
    journal.do_chore(Chore::Archive(moved)).await.unwrap();
    drop(journal);
    until_closed(&fixture).await;
    assert_eq!(left_of(&fixture, 4).await, 4);
    let verified = fixture.verify().await;
    assert_eq!((verified.after, verified.records), (Some(moved.last), 6), "marked, and the record says so");
    let told = fixture.bodies().await.pop().unwrap();
    assert_eq!((&told["event"], &told["file_sha256"]), (&json!("Archived"), &json!("07".repeat(32))));

    // Though there is nothing for it to move.
    let error = archived(&fixture, 4, "2.jsonl").await.unwrap_err();
    assert!(matches!(error, ArchiveError::Nothing { .. }), "{error}");
    assert_eq!(left_of(&fixture, 4).await, 0);
    assert_eq!(fixture.verify().await.after, Some(moved.last));
}

#[tokio::test]
async fn what_cannot_be_marked_is_not_said_to_be_archived() {
    let fixture = filled().await;
    // As the gateway's own role in PostgreSQL, which has no right to it.
    let refuse = "CREATE TRIGGER no_mark BEFORE INSERT ON archived BEGIN SELECT RAISE(ABORT, 'no right'); END";
    run_on(&fixture.path, refuse).await;
    let error = archived(&fixture, 4, "1.jsonl").await.unwrap_err();
    assert!(matches!(error, ArchiveError::Append(_)), "{error}");
    assert!(!fixture.events().await.contains(&"Archived".to_owned()));
    assert_eq!(fixture.verify().await.after, None);
}

#[tokio::test]
async fn a_file_that_is_there_is_never_overwritten_and_nothing_is_deleted() {
    let fixture = filled().await;
    fs::write(fixture.directory.path().join("1.jsonl"), "kept").unwrap();
    let error = archived(&fixture, 4, "1.jsonl").await.unwrap_err();
    assert!(matches!(error, ArchiveError::File(FileError::Exists(_))), "{error}");
    assert_eq!(fixture.verify().await.after, None);
    assert_eq!(fs::read(fixture.directory.path().join("1.jsonl")).unwrap(), b"kept");
}

#[tokio::test]
async fn records_that_nobody_archived_are_missed_whatever_the_table_says() {
    let fixture = filled().await;
    let mut owner = stranger(&fixture.path).await;
    run(&mut owner, "INSERT INTO archived (id, last_index, hash) SELECT 1, idx, hash FROM records WHERE idx = 3").await;
    run(&mut owner, "DELETE FROM records WHERE idx <= 3").await;
    owner.close().await.unwrap();
    let error = verify(&fixture.path, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Tampered { index: 3, fault: Fault::Archive }), "{error}");
}

#[tokio::test]
async fn a_gateway_that_runs_keeps_its_file() {
    let fixture = filled().await;
    let journal = fixture.open().await.journal;
    let output = fixture.directory.path().join("1.jsonl");
    let error = archive(&(&fixture.path).into(), fixture.clock.clone(), 4, &output).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Open(OpenError::Locked { .. })), "{error}");
    assert!(!output.exists());
    drop(journal);
}
