//! Policies that were kept: written with their record, read back as they were, expired, and never believed blindly.

mod retention;

use std::{fs, os::unix::fs::PermissionsExt as _};

use futures_util::future::join_all;
use sqlx::Row as _;

use super::*;

const POLICY: &str = "{\"Version\": \"2012-10-17\",\n \"Statement\": []}\u{e9} ";

pub(super) fn backup_of(operation_id: OperationId, intent_index: u64, resource: &str, policy: &str) -> Event {
    Event::Backup(Backup {
        operation_id,
        intent_index,
        operation: Kind::UnlockBucketPolicy,
        account_id: "333333333333".parse().unwrap(),
        resource: format!("arn:aws:s3:::{resource}"),
        region: "eu-west-1".to_owned(),
        caller: "spiffe://example/ns/a".to_owned(),
        reason: "Locked out by policy change".to_owned(),
        ticket: Some("SEC-1".to_owned()),
        policy: policy.to_owned(),
    })
}

/// Intents that are open: their operations and indexes.
async fn acting(journal: &Journal, count: u64) -> Vec<(OperationId, u64)> {
    let acts = (0..count).map(async |_| {
        let id = OperationId::generate();
        (id, journal.append(intent(id)).await.unwrap().index)
    });
    join_all(acts).await
}

/// Keeps a policy between an intent and its outcome; its id and the position of the record.
pub(in crate::journal) async fn keep(journal: &Journal, resource: &str, policy: &str) -> (String, Position) {
    let id = OperationId::generate();
    let opened = journal.append(intent(id)).await.unwrap();
    let kept = journal.append(backup_of(id, opened.index, resource, policy)).await.unwrap();
    journal.append(outcome(id, opened.index)).await.unwrap();
    (id.to_string(), kept)
}

fn query(resource: Option<&str>, before: Option<u64>, limit: u32) -> BackupQuery {
    let resource = resource.map(|resource| format!("arn:aws:s3:::{resource}"));
    BackupQuery { account: "333333333333".parse().unwrap(), resource, before, limit }
}

async fn count(path: &Path) -> i64 {
    let mut stranger = stranger(path).await;
    let row = sqlx::query("SELECT count(*) FROM policy_backups").fetch_one(&mut stranger).await.unwrap();
    stranger.close().await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn a_policy_is_durable_with_its_record_before_the_answer_and_read_back_as_it_was() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (id, kept) = keep(&journal, "payments", POLICY).await;
    // What a crash at this moment would leave.
    let copy = Fixture::new();
    for suffix in ["", "-wal"] {
        fs::copy(fixture.beside(suffix), copy.beside(suffix)).unwrap();
    }
    let expected = PolicyBackup {
        id: id.clone(),
        journal_index: 2,
        created_at: kept.recorded_at,
        account_id: "333333333333".to_owned(),
        resource: "arn:aws:s3:::payments".to_owned(),
        region: "eu-west-1".to_owned(),
        operation: "UnlockBucketPolicy".to_owned(),
        caller: "spiffe://example/ns/a".to_owned(),
        reason: "Locked out by policy change".to_owned(),
        ticket: Some("SEC-1".to_owned()),
        policy_sha256: crate::types::sha256_hex(POLICY),
        policy: POLICY.to_owned(),
    };
    assert_eq!(journal.backup(&id).await.unwrap(), Some(expected.clone()));
    assert_eq!(journal.backups(&query(None, None, 10)).await.unwrap(), std::slice::from_ref(&expected));
    assert_eq!(read_backup(&copy.path, &id).await.unwrap(), Some(expected));
    for absent in [OperationId::generate().to_string(), String::new(), "x".repeat(10_000)] {
        assert_eq!(journal.backup(&absent).await.unwrap(), None);
    }
    let body = &fixture.bodies().await[1];
    assert_eq!((&body["policy_bytes"], &body["operation_id"]), (&json!(POLICY.len()), &json!(id)));
    assert_eq!(body["policy_sha256"], crate::types::sha256_hex(POLICY));
    assert!(!body.to_string().contains("2012-10-17"), "the text would never expire there");
    assert_eq!(fixture.verify().await.records, 3);
}

#[test]
fn a_crash_leaves_record_and_policy_or_neither() {
    let fixture = Fixture::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    first.block_on(async {
        let journal = fixture.open().await.journal;
        keep(&journal, "payments", POLICY).await;
        for (id, index) in acting(&journal, 50).await {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append(backup_of(id, index, "b", POLICY)).await });
        }
        tokio::task::yield_now().await;
    });
    drop(first);
    runtime().block_on(async {
        let journal = fixture.open().await.journal;
        fixture.verify().await;
        let recorded = fixture.events().await.iter().filter(|event| *event == "Backup").count();
        assert_eq!(count(&fixture.path).await, i64::try_from(recorded).unwrap());
        assert_eq!(journal.backups(&query(None, None, 100)).await.unwrap().len(), recorded);
    });
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_leaves_record_and_policy() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    let (id, index) = acting(&journal, 1).await[0];
    journal.lose_next_reply().await;
    let answer = journal.append(backup_of(id, index, "payments", POLICY)).await;
    assert!(matches!(answer, Err(AppendError::Unwritable(_))), "{answer:?}");
    journal.until_writable().await;
    assert_eq!(journal.backup(&id.to_string()).await.unwrap().unwrap().policy, POLICY);
    assert_eq!(fixture.verify().await.records, 2);
}

#[tokio::test]
async fn a_backup_needs_its_open_intent_and_without_one_harms_nobody_else() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let [(first, one), (second, two)] = acting(&journal, 2).await[..] else { unreachable!() };
    let events = [
        backup_of(first, two, "payments", POLICY),
        backup_of(OperationId::generate(), one, "payments", POLICY),
        backup_of(first, 9, "payments", POLICY),
        backup_of(second, two, "payments", POLICY),
        backup_of(first, one, "payments", POLICY),
        outcome(first, one),
        refusal("of somebody else"),
    ];
    let answers = join_all(events.map(|event| journal.append(event))).await;
    for (answer, index) in answers[..3].iter().zip([two, one, 9]) {
        assert!(matches!(answer, Err(AppendError::NoOpenIntent(found)) if *found == index), "{answer:?}");
    }
    assert!(matches!(answers[4], Err(AppendError::NoOpenIntent(_))), "its act ends in the same transaction");
    assert!([3, 5, 6].iter().all(|at| answers[*at].is_ok()), "{answers:?}");
    assert!(journal.append(backup_of(first, one, "payments", POLICY)).await.is_err());
    assert_eq!(count(&fixture.path).await, 1);
    journal.confirm(first, one).await.unwrap();
    fixture.verify().await;
}

#[tokio::test]
async fn a_text_that_a_store_cannot_hold_is_refused_by_itself() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (id, index) = acting(&journal, 1).await[0];
    let Event::Intent(plain) = intent(id) else { unreachable!() };
    let request = RequestClaim { request_id: "r\0".to_owned(), digest: "d".to_owned() };
    let resource = Some("arn:aws:s3:::pay\0ments".to_owned());
    let events = [
        backup_of(id, index, "payments", "{\0}"),
        backup_of(id, index, "pay\0ments", POLICY),
        Event::Intent(Intent { request: Some(request), ..plain.clone() }),
        Event::Intent(Intent { resource, exclusive: true, ..plain }),
        refusal("of\0somebody else"),
    ];
    let answers = join_all(events.map(|event| journal.append(event))).await;
    for answer in &answers[..4] {
        assert!(matches!(answer, Err(AppendError::Unencodable(_))), "{answer:?}");
    }
    assert!(answers[4].is_ok(), "JSON escapes it");
}

#[tokio::test]
async fn an_operation_has_one_backup_and_a_second_one_harms_nobody_else() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (id, at) = acting(&journal, 1).await[0];
    let events =
        [backup_of(id, at, "payments", POLICY), backup_of(id, at, "payments", "other"), refusal("of somebody else")];
    let answers = join_all(events.map(|event| journal.append(event))).await;
    assert!(matches!(answers[1], Err(AppendError::SecondBackup(second)) if second == id));
    assert_eq!((answers[0].as_ref().unwrap().index, answers[2].as_ref().unwrap().index), (2, 3));
    assert_eq!(journal.backup(&id.to_string()).await.unwrap().unwrap().policy, POLICY);
    fixture.verify().await;
}

#[tokio::test]
async fn sixty_four_kib_are_kept_and_one_byte_more_is_refused() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    // Of characters that JSON would write six bytes for.
    let largest = "\u{1}".repeat(POLICY_BYTES_MAX);
    let (id, _) = keep(&journal, "payments", &largest).await;
    assert_eq!(journal.backup(&id).await.unwrap().unwrap().policy, largest);
    let refused = journal.append(backup_of(OperationId::generate(), 1, "b", &format!("{largest}x"))).await.unwrap_err();
    let words = "the policy has 65537 bytes, a backup holds at most 65536: change it by hand, with a copy of it";
    assert_eq!(refused.to_string(), words);
    assert_eq!((fixture.verify().await.records, count(&fixture.path).await), (3, 1));
}

#[tokio::test]
async fn backups_are_listed_newest_first_page_by_page() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(keep(&journal, if number % 2 == 0 { "even" } else { "odd" }, &number.to_string()).await.0);
    }
    ids.reverse();
    let listed = async |query: BackupQuery| journal.backups(&query).await.unwrap();
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = listed(query(None, before, 3)).await;
        let Some(last) = page.last() else { break };
        before = Some(last.journal_index);
        pages.push(page.into_iter().map(|backup| backup.id).collect::<Vec<_>>());
    }
    assert_eq!(pages, [&ids[..3], &ids[3..6], &ids[6..]]);
    let odd: Vec<String> =
        listed(query(Some("odd"), None, 100)).await.into_iter().map(|backup| backup.policy).collect();
    assert_eq!(odd, ["5", "3", "1"]);
    assert_eq!(listed(query(Some("none"), None, 100)).await, []);
    assert_eq!(listed(query(None, None, 0)).await, []);
    assert_eq!(listed(query(None, Some(0), 100)).await, []);
    assert_eq!(listed(query(None, Some(u64::MAX), u32::MAX)).await.len(), 7);
    let elsewhere = BackupQuery { account: "444444444444".parse().unwrap(), ..query(None, None, 100) };
    assert_eq!(listed(elsewhere).await, []);
}

/// As somebody would who owns the file.
async fn tampered_with(statement: &'static str) -> (Fixture, String) {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (id, _) = keep(&journal, "payments", POLICY).await;
    keep(&journal, "ledger", "other").await;
    journal.close().await.unwrap();
    run_on(&fixture.path, "DROP TRIGGER policy_backups_no_update").await;
    run_on(&fixture.path, statement).await;
    (fixture, id)
}

#[tokio::test]
async fn a_policy_that_somebody_else_wrote_is_never_handed_out() {
    for statement in [
        "UPDATE policy_backups SET policy = 'other' WHERE journal_index = 2",
        "UPDATE policy_backups SET policy = policy || ' ' WHERE journal_index = 2",
        "UPDATE policy_backups SET policy = printf('%70000s', 'x') WHERE journal_index = 2",
        "UPDATE policy_backups SET policy = 'other', policy_sha256 = \
         'd9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa' WHERE journal_index = 2",
        "UPDATE policy_backups SET resource = 'arn:aws:s3:::ledger' WHERE journal_index = 2",
        "UPDATE policy_backups SET created_at = 0 WHERE journal_index = 2",
        "UPDATE policy_backups SET caller = 'somebody else' WHERE journal_index = 2",
        "UPDATE policy_backups SET ticket = NULL WHERE journal_index = 2",
        "UPDATE policy_backups SET region = '' WHERE journal_index = 2",
    ] {
        let (fixture, id) = tampered_with(statement).await;
        let found = fault(&fixture).await;
        assert!(matches!(found, (2, Fault::Backup(_))), "{statement}: {found:?}");
        let journal = fixture.open().await.journal;
        let error = journal.backup(&id).await.unwrap_err();
        assert!(matches!(error, ReadError::Tampered { index: 2, .. }), "{statement}: {error}");
        let error = journal.backups(&query(None, None, 10)).await.unwrap_err();
        assert!(error.to_string().contains("do not act on it"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn rows_that_do_not_belong_to_the_records_are_found() {
    for (statement, index, expected) in [
        ("DELETE FROM policy_backups WHERE journal_index = 2", 2, Fault::BackupMissing),
        ("DELETE FROM policy_backups", 2, Fault::BackupMissing),
        ("DELETE FROM policy_backups WHERE journal_index = 5", 5, Fault::BackupMissing),
        ("UPDATE policy_backups SET journal_index = 9 WHERE journal_index = 5", 5, Fault::BackupMissing),
        ("UPDATE policy_backups SET journal_index = 3 WHERE journal_index = 5", 3, Fault::StrayBackup),
        (
            "INSERT INTO policy_backups SELECT 'x', 9, created_at, account_id, resource, region, operation, caller, \
             reason, ticket, policy_sha256, policy FROM policy_backups WHERE journal_index = 2",
            9,
            Fault::StrayBackup,
        ),
        (
            "INSERT INTO policy_backups SELECT 'x', -9, created_at, account_id, resource, region, operation, caller, \
             reason, ticket, policy_sha256, policy FROM policy_backups WHERE journal_index = 2",
            0,
            Fault::StrayBackup,
        ),
    ] {
        let (fixture, _) = tampered_with(statement).await;
        assert_eq!(fault(&fixture).await, (index, expected), "{statement}");
    }
    let (fixture, id) = tampered_with("UPDATE policy_backups SET account_id = '444444444444'").await;
    let journal = fixture.open().await.journal;
    let elsewhere = BackupQuery { account: "444444444444".parse().unwrap(), ..query(None, None, 10) };
    assert!(matches!(journal.backups(&elsewhere).await, Err(ReadError::Tampered { index: 5, .. })));
    assert!(matches!(journal.backup(&id).await, Err(ReadError::Tampered { index: 2, .. })));
    let (fixture, _) = tampered_with("UPDATE policy_backups SET id = 'x' || journal_index").await;
    assert!(matches!(read_backup(&fixture.path, "x2").await, Err(ReadError::Tampered { index: 2, .. })));
}

#[tokio::test]
async fn a_record_that_was_edited_with_its_policy_is_found_too() {
    let (fixture, id) = tampered_with(
        "UPDATE policy_backups SET policy = 'other', policy_sha256 = \
         'd9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa' WHERE journal_index = 2",
    )
    .await;
    let edit = "UPDATE records SET body = replace(body, substr(body, instr(body, 'policy_sha256') + 16, 64), \
                'd9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa') WHERE idx = 2";
    tampering::tamper(&fixture.path, edit).await;
    assert_eq!(crate::types::sha256_hex("other"), "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa");
    let error = read_backup(&fixture.path, &id).await.unwrap_err();
    assert!(error.to_string().contains("record 2 has a hash that does not match"), "{error}");
    assert_eq!(fault(&fixture).await, (2, Fault::Hash));
}

pub(super) async fn fault(fixture: &Fixture) -> (u64, Fault) {
    match verify(&fixture.path, &[]).await.unwrap_err() {
        VerifyError::Tampered { index, fault } => (index, fault),
        VerifyError::Unreadable(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_file_itself_refuses_to_change_a_backup() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    keep(&journal, "payments", POLICY).await;
    let update =
        sqlx::query("UPDATE policy_backups SET policy = 'x'").execute(&mut stranger(&fixture.path).await).await;
    assert!(update.unwrap_err().to_string().contains("never changed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn backups_are_read_while_the_gateway_writes() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (id, _) = keep(&journal, "payments", POLICY).await;
    let writing = journal.clone();
    let writer = tokio::spawn(async move {
        for number in 0..60 {
            keep(&writing, "ledger", &number.to_string()).await;
        }
    });
    let readers = (0..8).map(|_| {
        let (journal, id) = (journal.clone(), id.clone());
        tokio::spawn(async move {
            let mut seen = 0;
            for _ in 0..10 {
                assert_eq!(journal.backup(&id).await.unwrap().unwrap().policy, POLICY);
                let listed = journal.backups(&query(None, None, BACKUPS_MAX)).await.unwrap().len();
                assert!(listed >= seen);
                seen = listed;
            }
        })
    });
    join_all(readers).await.into_iter().for_each(Result::unwrap);
    writer.await.unwrap();
    assert_eq!(journal.backups(&query(None, None, BACKUPS_MAX)).await.unwrap().len(), 61);
    fixture.verify().await;
}

#[tokio::test]
async fn reading_does_not_wait_for_a_writer_that_is_stuck() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    let (id, _) = keep(&journal, "payments", POLICY).await;
    let mut stranger = stranger(&fixture.path).await;
    run(&mut stranger, "BEGIN IMMEDIATE").await;
    assert!(matches!(journal.append(refusal("x")).await, Err(AppendError::Unwritable(_))));
    assert_eq!(journal.backup(&id).await.unwrap().unwrap().policy, POLICY);
    run(&mut stranger, "ROLLBACK").await;
}

#[tokio::test]
async fn on_a_read_only_volume_backups_are_read_and_none_expires() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    let (id, _) = keep(&journal, "payments", POLICY).await;
    journal.execute("PRAGMA query_only = ON").await;
    fixture.clock.advance(Duration::from_secs(10));
    let refused = journal.expire_backups(fixture.clock.now()).await.unwrap_err();
    assert!(
        matches!(&refused, AppendError::Unwritable(why) if matches!(**why, WriteFailure::ReadOnly(_))),
        "{refused}"
    );
    assert_eq!(journal.backup(&id).await.unwrap().unwrap().policy, POLICY);
    journal.until_writable().await;
    journal.close().await.unwrap();
    fs::set_permissions(&fixture.path, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(read_backup(&fixture.path, &id).await.unwrap().unwrap().policy, POLICY);
}
