//! Opening: what is refused, and what a restart finds.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use super::*;

async fn refused(fixture: &Fixture) -> OpenError {
    let error = fixture.open_within(quick()).await.unwrap_err();
    let text = error.to_string();
    let fix = ["create", "name", "run", "stop", "let", "free", "put", "check", "restore"];
    assert!(fix.iter().any(|fix| text.contains(fix)), "{text}");
    error
}

async fn closed_with(events: Vec<Event>) -> Fixture {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    for event in events {
        journal.append(event).await.unwrap();
    }
    journal.close().await.unwrap();
    fixture
}

#[tokio::test]
async fn a_new_journal_is_for_its_owner_only() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    journal.append(started()).await.unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mode = fs::metadata(fixture.beside(suffix)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn a_missing_directory_is_refused() {
    let mut fixture = Fixture::new();
    fixture.path = fixture.directory.path().join("absent").join("journal.db");
    assert!(matches!(refused(&fixture).await, OpenError::DirectoryMissing(path) if path.ends_with("absent")));
}

#[tokio::test]
async fn a_directory_is_no_journal() {
    let mut fixture = Fixture::new();
    fixture.path = fixture.directory.path().to_owned();
    assert!(matches!(refused(&fixture).await, OpenError::NotAFile(_)));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let fixture = Fixture::new();
    let text = "all work and no play makes a dull journal\n".repeat(100);
    fs::write(&fixture.path, &text).unwrap();
    fs::set_permissions(&fixture.path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(refused(&fixture).await, OpenError::NotADatabase(_)));
    assert_eq!(fs::read_to_string(&fixture.path).unwrap(), text);
}

#[tokio::test]
async fn somebody_elses_database_is_refused_and_left_alone() {
    let fixture = Fixture::new();
    fs::write(&fixture.path, "").unwrap();
    fs::set_permissions(&fixture.path, fs::Permissions::from_mode(0o600)).unwrap();
    run_on(&fixture.path, "CREATE TABLE accounts (id INTEGER)").await;
    let before = fs::read(&fixture.path).unwrap();
    assert!(matches!(refused(&fixture).await, OpenError::NotAJournal { application_id: 0, .. }));
    assert_eq!(fs::read(&fixture.path).unwrap(), before, "not even its journal mode changes");
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_writer_and_reader() {
    let fixture = closed_with(vec![started()]).await;
    run_on(&fixture.path, "PRAGMA user_version = 4").await;
    assert!(matches!(refused(&fixture).await, OpenError::NewerSchema { found: 4, known: 3, .. }));
    let error = verify(&fixture.path, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unreadable(OpenError::NewerSchema { .. })), "{error}");
}

#[tokio::test]
async fn a_schema_that_no_release_wrote_is_refused_by_writer_and_reader() {
    let fixture = closed_with(vec![started()]).await;
    run_on(&fixture.path, "PRAGMA user_version = 1").await;
    assert!(matches!(fixture.open_within(quick()).await, Err(OpenError::OlderSchema { found: 1, .. })));
    let error = verify(&fixture.path, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unreadable(OpenError::OlderSchema { .. })), "{error}");
}

#[tokio::test]
async fn a_file_open_to_everybody_is_refused() {
    let fixture = closed_with(vec![started()]).await;
    fs::set_permissions(&fixture.path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(refused(&fixture).await, OpenError::Exposed { mode: 0o644, .. }));
    // Volume managers open files to a group.
    fs::set_permissions(&fixture.path, fs::Permissions::from_mode(0o660)).unwrap();
    fixture.open().await;
}

#[tokio::test]
async fn a_second_writer_is_refused_by_any_name_until_the_first_is_gone() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let holder = format!(" (process {})", std::process::id());
    assert!(matches!(refused(&fixture).await, OpenError::Locked { holder: found, .. } if found == holder));
    let mut alias = Fixture::new();
    alias.path = alias.directory.path().join("alias.db");
    symlink(&fixture.path, &alias.path).unwrap();
    assert!(matches!(refused(&alias).await, OpenError::Locked { .. }));
    journal.append(started()).await.unwrap();
    journal.close().await.unwrap();
    assert_eq!(fixture.open().await.head.unwrap().index, 2);
}

#[tokio::test]
async fn a_damaged_last_record_is_refused() {
    for (statement, expected) in [
        ("UPDATE records SET body = replace(body, 'x', 'y') WHERE idx = 3", "its hash does not match"),
        ("UPDATE records SET hash = zeroblob(32) WHERE idx = 3", "its hash does not match"),
        ("UPDATE records SET hash = zeroblob(32) WHERE idx = 2", "its hash does not match"),
        ("UPDATE records SET hash = zeroblob(31) WHERE idx = 3", "32 bytes"),
        ("DELETE FROM records WHERE idx = 2", "the record before it is missing"),
        ("UPDATE records SET idx = -idx", "negative"),
        ("UPDATE records SET body = printf('%70000s', 'x') WHERE idx = 3", "hash does not match"),
        ("INSERT INTO open_intents (idx, operation_id) VALUES (1, 'x')", "listed as an open intent"),
        ("INSERT INTO open_intents (idx, operation_id) VALUES (9, 'x')", "no such record"),
    ] {
        let fixture = closed_with(vec![started(), refusal("x")]).await;
        tampering::tamper(&fixture.path, statement).await;
        let error = refused(&fixture).await;
        let expected = if statement.contains("70000s") { "not a text" } else { expected };
        assert!(matches!(&error, OpenError::Damaged { what, .. } if what.contains(expected)), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_restart_keeps_the_chain() {
    let fixture = Fixture::new();
    let mut receipts = Vec::new();
    for run in 0..4 {
        let opened = fixture.open().await;
        assert_eq!(opened.head.map_or(0, |head| head.index), 3 * run);
        receipts.push(opened.journal.append(started()).await.unwrap().into());
        receipts.push(opened.journal.append(refusal("x")).await.unwrap().into());
        opened.journal.close().await.unwrap();
    }
    assert_eq!(verify(&fixture.path, &receipts).await.unwrap().records, 12);
}

#[tokio::test]
async fn an_intent_without_outcome_is_interrupted_once() {
    let (done, left) = (OperationId::generate(), OperationId::generate());
    let fixture = closed_with(vec![intent(done), intent(left), outcome(done, 1)]).await;
    let opened = fixture.open().await;
    assert_eq!(opened.head.unwrap().index, 5);
    assert_eq!(
        opened.interrupted,
        [InterruptedIntent {
            index: 2,
            recorded_at: Timestamp::from_unix(1_795_286_154, 0),
            operation_id: left.to_string(),
            operation: "UnlockBucketPolicy".to_owned(),
            account_id: "333333333333".to_owned(),
            resource: Some("arn:aws:s3:::payments".to_owned()),
            caller: "spiffe://example/ns/a".to_owned(),
            reason: "Locked out by policy change".to_owned(),
        }]
    );
    opened.journal.close().await.unwrap();
    assert!(fixture.open().await.interrupted.is_empty());
    let verified = fixture.verify().await;
    assert_eq!((verified.interrupted, verified.open_intents.len()), (1, 0));
    let interrupted = &fixture.bodies().await[4];
    assert_eq!((&interrupted["event"], &interrupted["intent_index"]), (&json!("Interrupted"), &json!(2)));
}

#[tokio::test]
async fn more_interrupted_intents_than_fit_a_page_or_a_batch() {
    let count = usize::try_from(open::PAGE_RECORDS).unwrap() + 10;
    let fixture = closed_with((0..count).map(|_| intent(OperationId::generate())).collect()).await;
    let opened = fixture.open().await;
    assert_eq!(opened.interrupted.len(), count);
    let verified = fixture.verify().await;
    assert_eq!((verified.interrupted, verified.records), (count as u64, 2 * count as u64 + 1));
}

/// The writer runs on a thread of its own here, and has given the lock back before it answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_told_that_it_is_closed_can_open_it() {
    let fixture = Fixture::new();
    for _ in 0..50 {
        fixture.open().await.journal.close().await.unwrap();
    }
}

/// What a process that is killed leaves behind: no `Stopped`, the log not moved into the file.
#[test]
fn what_was_durable_survives_an_abrupt_end() {
    let fixture = Fixture::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let receipts = first.block_on(async {
        let journal = fixture.open().await.journal;
        let mut receipts = vec![Expectation::from(journal.append(intent(OperationId::generate())).await.unwrap())];
        receipts.push(journal.append(refusal("x")).await.unwrap().into());
        // Some more that nobody waits for: they are in the journal as a whole or not at all.
        for _ in 0..50 {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append(intent(OperationId::generate())).await });
        }
        tokio::task::yield_now().await;
        receipts
    });
    drop(first);
    runtime().block_on(async {
        let opened = fixture.open().await;
        let verified = verify(&fixture.path, &receipts).await.unwrap();
        assert_eq!(verified.interrupted, opened.interrupted.len() as u64);
        assert!(verified.open_intents.is_empty() && verified.interrupted >= 1);
        assert_eq!(fixture.events().await.iter().filter(|event| *event == "Stopped").count(), 0);
    });
}

#[tokio::test]
async fn a_copy_of_the_files_in_mid_flight_opens_as_the_process_left_it() {
    let (fixture, copy) = (Fixture::new(), Fixture::new());
    let journal = fixture.open().await.journal;
    let opened = journal.append(intent(OperationId::generate())).await.unwrap();
    for suffix in ["", "-wal"] {
        fs::copy(fixture.beside(suffix), copy.beside(suffix)).unwrap();
    }
    journal.append(refusal("later")).await.unwrap();
    let restarted = copy.open().await;
    assert_eq!(restarted.interrupted.len(), 1);
    assert_eq!(verify(&copy.path, &[opened.into()]).await.unwrap().records, 2);
}

#[tokio::test]
async fn reading_what_is_not_there_or_no_journal() {
    let fixture = Fixture::new();
    let error = verify(&fixture.path, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unreadable(OpenError::Missing(_))), "{error}");
    let error = verify(fixture.directory.path(), &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unreadable(OpenError::NotAFile(_))), "{error}");
    fs::write(&fixture.path, "").unwrap();
    let error = list(&fixture.path, 1, 1).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unreadable(OpenError::NotAJournal { .. })), "{error}");
    fs::write(&fixture.path, "no database at all, but long enough to have a header of a hundred bytes ".repeat(10))
        .unwrap();
    let error = verify(&fixture.path, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unreadable(OpenError::NotADatabase(_))), "{error}");
}
