//! Files of version 1, which had the policies in their records.

use super::*;

const OLD_SCHEMA: [&str; 7] = [
    "CREATE TABLE records (idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, body TEXT NOT NULL) STRICT",
    "CREATE TABLE open_intents (idx INTEGER PRIMARY KEY, operation_id TEXT NOT NULL) STRICT",
    "CREATE TABLE probe (id INTEGER PRIMARY KEY, room BLOB NOT NULL) STRICT",
    "CREATE TRIGGER records_no_update BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'records are append-only'); END",
    "CREATE TRIGGER records_no_delete BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'records are append-only'); END",
    "PRAGMA application_id = 1380403788",
    "PRAGMA user_version = 1",
];

/// An act as version 1 recorded it.
fn act(id: &str, intent_index: u64, policies: &[&str]) -> Vec<String> {
    let intent = json!({
        "event": "Intent", "operation_id": id, "operation": "UnlockBucketPolicy",
        "caller": { "listener": "main", "scheme": "mtls", "subject": "spiffe://example/ns/a", "groups": [],
            "attributes": {} },
        "account_id": "333333333333", "resource": "arn:aws:s3:::payments", "arguments": { "region": "eu-west-1" },
        "reason": "Locked out by policy change", "ticket": null, "policies": ["operators"],
    });
    let backup = |policy: &&str| {
        let policy = serde_json::to_string(policy).unwrap();
        format!(
            r#"{{"event":"Backup","operation_id":"{id}","intent_index":{intent_index},"previous_policy":{policy}}}"#
        )
    };
    let outcome = json!({ "event": "Outcome", "operation_id": id, "intent_index": intent_index });
    let backups = policies.iter().map(backup);
    std::iter::once(intent.to_string()).chain(backups).chain([outcome.to_string()]).collect()
}

/// A closed file of version 1 that holds these events.
async fn old(events: &[String]) -> Fixture {
    let fixture = Fixture::new();
    fs::write(&fixture.path, "").unwrap();
    fs::set_permissions(&fixture.path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut file = stranger(&fixture.path).await;
    for statement in OLD_SCHEMA {
        run(&mut file, statement).await;
    }
    let mut previous = RecordHash::ZERO;
    for (event, index) in events.iter().zip(1..) {
        let body = record::body_text(index, fixture.clock.now(), false, event);
        fixture.clock.advance(Duration::from_secs(1));
        previous = RecordHash::of(index, previous, &body);
        let insert = sqlx::query("INSERT INTO records (idx, hash, body) VALUES (?1, ?2, ?3)");
        let insert = insert.bind(i64::try_from(index).unwrap()).bind(previous.as_bytes().to_vec()).bind(body);
        insert.execute(&mut file).await.unwrap();
    }
    fixture
}

async fn version(path: &Path) -> i64 {
    sqlx::query("PRAGMA user_version").fetch_one(&mut stranger(path).await).await.unwrap().get(0)
}

fn expected(fixture: &Fixture, id: &str) -> PolicyBackup {
    let later = fixture.clock.now().unix_micros();
    PolicyBackup {
        id: id.to_owned(),
        journal_index: 2,
        created_at: Timestamp::from_unix_micros(later - 2_000_000),
        account_id: "333333333333".to_owned(),
        resource: "arn:aws:s3:::payments".to_owned(),
        region: "eu-west-1".to_owned(),
        operation: "UnlockBucketPolicy".to_owned(),
        caller: "spiffe://example/ns/a".to_owned(),
        reason: "Locked out by policy change".to_owned(),
        ticket: None,
        policy_sha256: crate::types::sha256_hex(POLICY),
        policy: POLICY.to_owned(),
    }
}

#[tokio::test]
async fn an_old_file_is_read_as_it_is() {
    let fixture = old(&act("a", 1, &[POLICY])).await;
    let before = fs::read(&fixture.path).unwrap();
    assert_eq!(fixture.verify().await.records, 3);
    assert_eq!(read_backup(&fixture.path, "a").await.unwrap(), Some(expected(&fixture, "a")));
    assert_eq!(read_backup(&fixture.path, "b").await.unwrap(), None);
    assert_eq!(fs::read(&fixture.path).unwrap(), before);
}

#[tokio::test]
async fn an_old_file_is_brought_up_to_date_and_its_chain_goes_on() {
    let fixture = old(&act("a", 1, &[POLICY])).await;
    let (before, expected) = (fixture.bodies().await, expected(&fixture, "a"));
    let journal = fixture.open().await.journal;
    assert_eq!(version(&fixture.path).await, 2);
    assert_eq!(journal.backup("a").await.unwrap(), Some(expected.clone()));
    let (new, _) = keep(&journal, "payments", "new").await;
    let listed = journal.backups(&query(Some("payments"), None, 10)).await.unwrap();
    assert_eq!(listed.iter().map(|backup| backup.id.as_str()).collect::<Vec<_>>(), [new.as_str(), "a"]);
    assert_eq!(fixture.bodies().await[..3], before, "no record was touched");
    assert_eq!(fixture.verify().await.records, 6);
    journal.close().await.unwrap();

    let journal = fixture.open().await.journal;
    assert_eq!(journal.backup("a").await.unwrap(), Some(expected));
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(journal.expire_backups(fixture.clock.now()).await.unwrap(), 2);
    assert_eq!(journal.backup("a").await.unwrap(), None);
    fixture.verify().await;
}

#[tokio::test]
async fn of_two_policies_of_one_old_act_the_first_counts() {
    let fixture = old(&act("a", 1, &[POLICY, "what was there later"])).await;
    let journal = fixture.open().await.journal;
    assert_eq!(journal.backup("a").await.unwrap().unwrap().policy, POLICY);
    assert_eq!(fixture.verify().await.records, 4);
}

#[tokio::test]
async fn more_old_backups_than_fit_a_page() {
    let count = u64::from(open::PAGE_RECORDS) + 5;
    let events: Vec<String> =
        (0..count).flat_map(|number| act(&number.to_string(), 3 * number + 1, &[POLICY])).collect();
    let fixture = old(&events).await;
    let journal = fixture.open().await.journal;
    assert_eq!(super::count(&fixture.path).await, i64::try_from(count).unwrap());
    assert_eq!(journal.backup("260").await.unwrap().unwrap().journal_index, 782);
    assert_eq!(fixture.verify().await.records, 3 * count);
}

#[tokio::test]
async fn an_old_file_with_a_damaged_backup_is_refused_and_stays_as_it_is() {
    for (statement, index, expected) in [
        ("UPDATE records SET body = replace(body, '2012', '2013') WHERE idx = 2", 2, "hash"),
        ("UPDATE records SET body = replace(body, 'ns/a', 'ns/b') WHERE idx = 1", 1, "hash"),
        ("DELETE FROM records WHERE idx = 1", 2, "missing"),
    ] {
        let fixture = old(&act("a", 1, &[POLICY])).await;
        tampering::tamper(&fixture.path, statement).await;
        let error = fixture.open_within(quick()).await.unwrap_err();
        let OpenError::Damaged { index: found, what, .. } = &error else { panic!("{statement}: {error}") };
        assert!(*found == index && what.contains(expected), "{statement}: {error}");
        assert_eq!(version(&fixture.path).await, 1, "{statement}");
        assert!(matches!(read_backup(&fixture.path, "a").await, Err(ReadError::Tampered { .. })), "{statement}");
    }
}

#[tokio::test]
async fn a_new_record_in_a_file_that_says_to_be_old_lacks_its_policy() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    keep(&journal, "payments", POLICY).await;
    journal.close().await.unwrap();
    run(&mut stranger(&fixture.path).await, "DROP TABLE policy_backups").await;
    run(&mut stranger(&fixture.path).await, "PRAGMA user_version = 1").await;
    assert_eq!(fault(&fixture).await, (2, Fault::BackupMissing));
}
