//! What can happen to a file under its writer.

use std::fs;

use super::*;
use crate::store::Location;

fn failure(answer: Result<Position, AppendError>) -> Arc<WriteFailure> {
    match answer {
        Err(AppendError::Unwritable(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

fn report(journal: &Journal) -> String {
    match journal.health().borrow().clone() {
        Health::Unwritable(report) => report,
        Health::Writable => panic!("is writable"),
    }
}

#[tokio::test]
async fn a_removed_file_is_noticed_and_taken_up_again_when_it_is_back() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    let id = OperationId::generate();
    let opened = journal.append(intent(id)).await.unwrap();
    let aside = fixture.beside(".aside");
    fs::rename(&fixture.path, &aside).unwrap();
    assert!(matches!(*failure(journal.append(refusal("x")).await), WriteFailure::Removed(_)));
    assert!(report(&journal).contains("put that file back"));

    let ending = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append_until_durable(outcome(id, opened.index)).await }
    });
    assert!(matches!(*failure(journal.append(refusal("x")).await), WriteFailure::Removed(_)));
    assert!(!ending.is_finished());
    fs::rename(&aside, &fixture.path).unwrap();
    journal.until_writable().await;
    assert_eq!(ending.await.unwrap().index, 2);
    assert_eq!(fixture.verify().await.records, 2);
    assert_eq!(fixture.events().await, ["Intent", "Outcome"], "what was refused is not in it");
}

#[tokio::test]
async fn a_removed_log_is_noticed_and_loses_nothing() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    let first = journal.append(refusal("x")).await.unwrap();
    fs::remove_file(fixture.beside("-wal")).unwrap();
    let removed = failure(journal.append(refusal("y")).await);
    assert!(matches!(&*removed, WriteFailure::Removed(path) if path.ends_with("journal.db-wal")), "{removed}");
    journal.until_writable().await;
    let second = journal.append(refusal("z")).await.unwrap();
    let receipts = [first.into(), second.into()];
    assert_eq!(verify(&fixture.path, &receipts).await.unwrap().records, 2);
}

#[tokio::test]
async fn another_journal_in_its_place_is_never_written() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    journal.append(refusal("x")).await.unwrap();
    let elsewhere = other.open().await.journal;
    elsewhere.append(refusal("other")).await.unwrap();
    elsewhere.close().await.unwrap();

    fs::remove_file(fixture.beside("-wal")).unwrap();
    fs::copy(&other.path, fixture.beside(".new")).unwrap();
    fs::rename(fixture.beside(".new"), &fixture.path).unwrap();
    let replaced = failure(journal.append(refusal("x")).await);
    assert!(matches!(*replaced, WriteFailure::Replaced(_) | WriteFailure::Removed(_)), "{replaced}");
    let another = failure(journal.append(refusal("x")).await);
    assert!(matches!(*another, WriteFailure::AnotherChain { index: 1, .. }), "{another}");
    assert!(report(&journal).contains("another chain"));
    assert_eq!(fixture.events().await, ["Refusal", "Stopped"]);
}

#[tokio::test]
async fn an_empty_file_in_its_place_does_not_become_a_new_chain() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    journal.append(refusal("x")).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(fixture.beside(suffix)).unwrap();
    }
    fs::write(&fixture.path, "").unwrap();
    failure(journal.append(refusal("x")).await);
    let refused = failure(journal.append(refusal("x")).await);
    assert!(
        matches!(&*refused, WriteFailure::Reopen(error) if matches!(**error, OpenError::NotAJournal { .. })),
        "{refused}"
    );
    assert_eq!(fs::metadata(&fixture.path).unwrap().len(), 0);
}

#[tokio::test]
async fn records_that_somebody_else_wrote_stop_the_writer() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    journal.append(refusal("x")).await.unwrap();
    let mut stranger = stranger(&fixture.path).await;
    run(&mut stranger, "INSERT INTO records (idx, hash, body) VALUES (2, zeroblob(32), '{}')").await;
    let another = failure(journal.append(refusal("x")).await);
    assert!(matches!(*another, WriteFailure::AnotherChain { index: 1, .. }), "{another}");
}

#[tokio::test]
async fn a_full_volume_refuses_what_is_new_and_ends_what_is_in_flight() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    let id = OperationId::generate();
    let opened = journal.append(intent(id)).await.unwrap();
    journal.execute("PRAGMA max_page_count = 1").await;
    let Event::Refusal(mut large) = refusal("x") else { unreachable!() };
    large.reason = Some("x".repeat(BODY_BYTES_MAX / 2));
    // What probes gave back is still in the file, so a few fit.
    let mut recorded = 1;
    let full = loop {
        match journal.append(Event::Refusal(large.clone())).await {
            Ok(_) => recorded += 1,
            refused => break failure(refused),
        }
    };
    assert!(matches!(*full, WriteFailure::DiskFull(_)), "{full}");
    assert!(report(&journal).contains("free space"));

    let ending = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append_until_durable(outcome(id, opened.index)).await }
    });
    // The probe takes the room of a whole record, so even a small event does not make it look healthy.
    failure(journal.append(refusal("small")).await);
    assert!(!ending.is_finished());
    journal.execute("PRAGMA max_page_count = 1000000").await;
    journal.until_writable().await;
    assert_eq!(ending.await.unwrap().index, recorded + 1);
    assert_eq!(fixture.verify().await.records, recorded + 1);
}

#[tokio::test]
async fn a_read_only_file_is_its_own_failure() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    journal.execute("PRAGMA query_only = ON").await;
    let refused = failure(journal.append(refusal("x")).await);
    assert!(matches!(*refused, WriteFailure::ReadOnly(_)), "{refused}");
    journal.until_writable().await;
    journal.append(refusal("x")).await.unwrap();
}

#[tokio::test]
async fn a_file_that_somebody_keeps_locked_is_not_written_until_it_is_free() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    let mut stranger = stranger(&fixture.path).await;
    run(&mut stranger, "BEGIN IMMEDIATE").await;
    let locked = failure(journal.append(refusal("x")).await);
    assert!(matches!(*locked, WriteFailure::Locked(_)), "{locked}");
    let waiting = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append_until_durable(started()).await }
    });
    failure(journal.append(refusal("x")).await);
    run(&mut stranger, "ROLLBACK").await;
    assert_eq!(waiting.await.unwrap().index, 1);
    assert_eq!(*journal.health().borrow(), Health::Writable);
}

#[tokio::test]
async fn a_write_that_hangs_is_reported_and_its_intent_closed_later() {
    let fixture = Fixture::new();
    let bounds = Bounds { stall_after: Duration::from_millis(20), ..patient() };
    let journal = fixture.open_patient(bounds, Duration::from_secs(60)).await.unwrap().journal;
    let mut stranger = stranger(&fixture.path).await;
    run(&mut stranger, "BEGIN IMMEDIATE").await;
    let stalled = failure(journal.append(intent(OperationId::generate())).await);
    assert!(matches!(*stalled, WriteFailure::Stalled(_)), "{stalled}");
    assert_eq!(report(&journal), stalled.to_string());
    run(&mut stranger, "ROLLBACK").await;
    journal.until_writable().await;
    journal.close().await.unwrap();
    assert_eq!(fixture.events().await, ["Intent", "Outcome", "Stopped"]);
    assert_eq!(fixture.bodies().await[1]["error"]["reason"], "INTENT_NOT_CONFIRMED");
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_neither_lost_nor_repeated() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    let (known, unknown) = (OperationId::generate(), OperationId::generate());
    let opened = journal.append(intent(known)).await.unwrap();
    journal.lose_next_reply().await;
    let (ended, refused) =
        tokio::join!(journal.append_until_durable(outcome(known, opened.index)), journal.append(intent(unknown)),);
    assert!(matches!(*failure(refused), WriteFailure::Storage { .. }));
    journal.close().await.unwrap();
    assert_eq!(fixture.events().await, ["Intent", "Outcome", "Intent", "Outcome", "Stopped"]);
    assert_eq!(ended.index, 2);
    let bodies = fixture.bodies().await;
    assert_eq!(bodies[3]["operation_id"], unknown.to_string());
    assert_eq!(bodies[3]["error"]["reason"], "INTENT_NOT_CONFIRMED");
    assert!(verify(&fixture.path, &[ended.into()]).await.unwrap().open_intents.is_empty());
}

#[tokio::test]
async fn every_failure_names_the_file_and_a_fix() {
    let path = || PathBuf::from("/var/lib/journal.db");
    for failure in [
        WriteFailure::DiskFull(path()),
        WriteFailure::ReadOnly(path()),
        WriteFailure::Removed(path()),
        WriteFailure::Replaced(path()),
        WriteFailure::AnotherChain { place: Location::File(path()), index: 7 },
        WriteFailure::Locked(path()),
        WriteFailure::Stalled(Location::File(path())),
        WriteFailure::Storage { path: path(), message: "m".to_owned() },
    ] {
        let text = failure.to_string();
        let fix = ["free space", "make", "put", "end it", "check"].iter().any(|fix| text.contains(fix));
        assert!(text.contains("/var/lib/journal.db") && fix, "{text}");
    }
}
