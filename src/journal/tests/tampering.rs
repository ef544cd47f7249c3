//! Every edit is found.

use std::{fs, sync::OnceLock};

use proptest::prelude::*;
use sqlx::Row as _;

use super::*;

/// Runs a statement as somebody would who owns the file.
pub(in crate::journal) async fn tamper(path: &Path, statement: &'static str) {
    let mut owner = owner(path).await;
    run(&mut owner, statement).await;
    owner.close().await.unwrap();
}

async fn owner(path: &Path) -> SqliteConnection {
    let mut owner = stranger(path).await;
    run(&mut owner, "DROP TRIGGER records_no_update").await;
    run(&mut owner, "DROP TRIGGER records_no_delete").await;
    owner
}

/// Records of the journal below.
const RECORDS: i64 = 9;

struct Original {
    bytes: Vec<u8>,
    verified: Verified,
    records: Vec<ListedRecord>,
}

impl Original {
    fn head(&self) -> Expectation {
        self.verified.head.unwrap().into()
    }

    fn copy(&self) -> Fixture {
        let fixture = Fixture::new();
        fs::write(&fixture.path, &self.bytes).unwrap();
        fixture
    }
}

/// Two closed operations, one open, refusals between them.
fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        block_on(async {
            let fixture = Fixture::new();
            let journal = fixture.open().await.journal;
            let ids = [(); 3].map(|()| OperationId::generate());
            for event in [
                started(),
                intent(ids[0]),
                refusal("first"),
                intent(ids[1]),
                outcome(ids[0], 2),
                outcome(ids[1], 4),
                intent(ids[2]),
                refusal("second"),
            ] {
                fixture.clock.advance(Duration::from_secs(1));
                journal.append(event).await.unwrap();
            }
            journal.close().await.unwrap();
            let records = list(&fixture.path, 1, 100).await.unwrap();
            assert_eq!(i64::try_from(records.len()).unwrap(), RECORDS);
            Original { bytes: fs::read(&fixture.path).unwrap(), verified: fixture.verify().await, records }
        })
    })
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn fault(path: &Path, expect: &[Expectation]) -> (u64, Fault) {
    match verify(path, expect).await.unwrap_err() {
        VerifyError::Tampered { index, fault } => (index, fault),
        VerifyError::Unreadable(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn each_kind_of_edit_is_named_with_the_first_bad_index() {
    let original = tokio::task::spawn_blocking(original).await.unwrap();
    for (statement, index, expected) in [
        ("UPDATE records SET body = replace(body, 'first', 'fIrst') WHERE idx = 3", 3, Fault::Hash),
        ("UPDATE records SET body = body || ' ' WHERE idx = 9", 9, Fault::Hash),
        ("UPDATE records SET hash = zeroblob(32) WHERE idx = 4", 4, Fault::Hash),
        ("UPDATE records SET hash = zeroblob(31) WHERE idx = 4", 4, Fault::NoHash),
        ("UPDATE records SET body = printf('%70000s', 'x') WHERE idx = 4", 4, Fault::NoBody),
        ("DELETE FROM records WHERE idx = 1", 1, Fault::Gap(2)),
        ("DELETE FROM records WHERE idx = 5", 5, Fault::Gap(6)),
        ("UPDATE records SET idx = 12 WHERE idx = 9", 9, Fault::Gap(12)),
        ("UPDATE records SET idx = -1 WHERE idx = 9", 1, Fault::Gap(-1)),
        ("INSERT INTO records SELECT 10, hash, body FROM records WHERE idx = 9", 10, Fault::Hash),
        ("INSERT INTO records VALUES (-9223372036854775808, zeroblob(32), '{}')", 1, Fault::Gap(i64::MIN)),
        ("INSERT INTO records VALUES (9223372036854775807, zeroblob(32), '{}')", 10, Fault::Gap(i64::MAX)),
        ("DELETE FROM open_intents", 7, Fault::OpenIntents),
        ("UPDATE open_intents SET operation_id = 'x'", 7, Fault::OpenIntents),
        ("INSERT INTO open_intents (idx, operation_id) VALUES (2, 'x')", 2, Fault::OpenIntents),
        ("INSERT INTO open_intents (idx, operation_id) VALUES (8, 'x')", 8, Fault::OpenIntents),
        ("INSERT INTO open_intents (idx, operation_id) VALUES (-8, 'x')", 0, Fault::OpenIntents),
        ("DELETE FROM records WHERE idx = 9", 9, Fault::Cut(9)),
        ("DELETE FROM records WHERE idx > 7", 8, Fault::Cut(9)),
    ] {
        let copy = original.copy();
        tamper(&copy.path, statement).await;
        assert_eq!(fault(&copy.path, &[original.head()]).await, (index, expected), "{statement}");
    }
}

#[tokio::test]
async fn a_cut_tail_is_found_only_with_a_receipt() {
    let original = tokio::task::spawn_blocking(original).await.unwrap();
    let copy = original.copy();
    tamper(&copy.path, "DELETE FROM records WHERE idx > 7").await;
    assert_eq!(copy.verify().await.records, 7);
    assert_eq!(fault(&copy.path, &[original.head()]).await, (8, Fault::Cut(9)));
}

/// Rewrites the journal from record `from` on, with hashes that fit.
async fn rewrite(path: &Path, from: u64, edit: impl Fn(u64, String) -> String) {
    let records = list(path, 1, 100).await.unwrap();
    let mut owner = owner(path).await;
    let mut previous = RecordHash::ZERO;
    for record in records {
        let body = if record.index >= from { edit(record.index, record.body) } else { record.body };
        previous = RecordHash::of(record.index, previous, &body);
        let update = sqlx::query("UPDATE records SET hash = ?1, body = ?2 WHERE idx = ?3");
        let id = i64::try_from(record.index).unwrap();
        update.bind(previous.as_bytes().to_vec()).bind(body).bind(id).execute(&mut owner).await.unwrap();
    }
}

#[tokio::test]
async fn a_chain_that_was_written_anew_is_found_by_its_contents_or_a_receipt() {
    let original = tokio::task::spawn_blocking(original).await.unwrap();
    let edits: [(u64, &str, &str, Fault); 6] = [
        (3, r#""index":3"#, r#""index":4"#, Fault::BodyIndex(4)),
        (3, r#""recorded_at":"2026"#, r#""recorded_at":"2025"#, Fault::Time(Timestamp::from_unix(1_763_750_157, 0))),
        (5, r#""intent_index":2"#, r#""intent_index":1"#, Fault::NoOpenIntent(1)),
        (6, r#""intent_index":4"#, r#""intent_index":2"#, Fault::NoOpenIntent(2)),
        (6, r#""event":"Outcome""#, r#""event":7"#, Fault::Body("it has no event")),
        (3, r#"{"index""#, r#"["index""#, Fault::Body("it is not JSON")),
    ];
    for (from, find, replace, expected) in edits {
        let copy = original.copy();
        rewrite(&copy.path, from, |index, body| if index == from { body.replacen(find, replace, 1) } else { body })
            .await;
        assert_eq!(fault(&copy.path, &[]).await, (from, expected), "{find}");
    }
    let copy = original.copy();
    rewrite(&copy.path, 3, |_, body| body.replace("first", "other")).await;
    assert_eq!(copy.verify().await.records, 9, "whoever rewrites everything needs to be caught by a receipt");
    let (index, found) = fault(&copy.path, &[original.head()]).await;
    assert!(index == 9 && matches!(found, Fault::Receipt { .. }), "{found}");
    let early = Expectation { index: 2, hash: original.records[1].hash };
    assert!(verify(&copy.path, &[early]).await.is_ok(), "what came before is as it was");
}

#[tokio::test]
async fn two_receipts_of_one_record_cannot_both_be_right() {
    let original = tokio::task::spawn_blocking(original).await.unwrap();
    let copy = original.copy();
    let wrong = Expectation { index: 9, hash: RecordHash::ZERO };
    assert!(matches!(fault(&copy.path, &[original.head(), wrong]).await, (9, Fault::Receipt { .. })));
    assert!(verify(&copy.path, &[original.head(), original.head()]).await.is_ok());
    let none = Expectation { index: 0, hash: RecordHash::ZERO };
    assert!(verify(&copy.path, &[none]).await.is_err());
}

#[tokio::test]
async fn the_file_itself_refuses_accidents() {
    let original = tokio::task::spawn_blocking(original).await.unwrap();
    let copy = original.copy();
    let mut stranger = stranger(&copy.path).await;
    for statement in ["DELETE FROM records", "UPDATE records SET body = '{}' WHERE idx = 1"] {
        let error = sqlx::query(statement).execute(&mut stranger).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[derive(Clone, Debug)]
enum Edit {
    BodyByte { index: i64, at: prop::sample::Index, to: u8 },
    BodyInsert { index: i64, at: prop::sample::Index, byte: u8 },
    BodyRemove { index: i64, at: prop::sample::Index },
    HashBit { index: i64, byte: usize, bit: u8 },
    SwapBodies(i64, i64),
    SwapRecords(i64, i64),
    Remove(i64),
    Move(i64, i64),
    CutAfter(i64),
}

fn edits() -> impl Strategy<Value = Edit> {
    let index = || 1..=RECORDS;
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (index(), at(), any::<u8>()).prop_map(|(index, at, to)| Edit::BodyByte { index, at, to }),
        (index(), at(), any::<u8>()).prop_map(|(index, at, byte)| Edit::BodyInsert { index, at, byte }),
        (index(), at()).prop_map(|(index, at)| Edit::BodyRemove { index, at }),
        (index(), 0..32_usize, 0..8_u8).prop_map(|(index, byte, bit)| Edit::HashBit { index, byte, bit }),
        (index(), index()).prop_filter("differ", |(a, b)| a != b).prop_map(|(a, b)| Edit::SwapBodies(a, b)),
        (index(), index()).prop_filter("differ", |(a, b)| a != b).prop_map(|(a, b)| Edit::SwapRecords(a, b)),
        index().prop_map(Edit::Remove),
        (index(), any::<i64>())
            .prop_filter("moves", |(a, b)| !(1..=RECORDS).contains(b) && a != b)
            .prop_map(|(a, b)| Edit::Move(a, b)),
        (0..RECORDS).prop_map(Edit::CutAfter),
    ]
}

async fn row(owner: &mut SqliteConnection, index: i64) -> (Vec<u8>, Vec<u8>) {
    let row = sqlx::query("SELECT hash, CAST(body AS BLOB) FROM records WHERE idx = ?1").bind(index);
    let row = row.fetch_one(owner).await.unwrap();
    (row.get(0), row.get(1))
}

async fn put(owner: &mut SqliteConnection, index: i64, hash: Vec<u8>, body: Vec<u8>) {
    let update = sqlx::query("UPDATE records SET hash = ?1, body = CAST(?2 AS TEXT) WHERE idx = ?3");
    update.bind(hash).bind(body).bind(index).execute(owner).await.unwrap();
}

/// Whether anything was changed.
async fn apply(owner: &mut SqliteConnection, edit: &Edit) -> bool {
    match edit {
        Edit::BodyByte { index, at, to } => {
            let (hash, mut body) = row(owner, *index).await;
            let at = at.index(body.len());
            let changed = body[at] != *to;
            body[at] = *to;
            put(owner, *index, hash, body).await;
            changed
        }
        Edit::BodyInsert { index, at, byte } => {
            let (hash, mut body) = row(owner, *index).await;
            body.insert(at.index(body.len() + 1), *byte);
            put(owner, *index, hash, body).await;
            true
        }
        Edit::BodyRemove { index, at } => {
            let (hash, mut body) = row(owner, *index).await;
            body.remove(at.index(body.len()));
            put(owner, *index, hash, body).await;
            true
        }
        Edit::HashBit { index, byte, bit } => {
            let (mut hash, body) = row(owner, *index).await;
            hash[*byte] ^= 1 << bit;
            put(owner, *index, hash, body).await;
            true
        }
        Edit::SwapBodies(a, b) | Edit::SwapRecords(a, b) => {
            let (first, second) = (row(owner, *a).await, row(owner, *b).await);
            let whole = matches!(edit, Edit::SwapRecords(..));
            let (hash_a, hash_b) = if whole { (second.0, first.0) } else { (first.0, second.0) };
            put(owner, *a, hash_a, second.1).await;
            put(owner, *b, hash_b, first.1).await;
            true
        }
        Edit::Remove(index) => {
            sqlx::query("DELETE FROM records WHERE idx = ?1").bind(index).execute(owner).await.unwrap();
            true
        }
        Edit::Move(from, to) => {
            let query = sqlx::query("UPDATE records SET idx = ?2 WHERE idx = ?1").bind(from).bind(to);
            query.execute(owner).await.unwrap();
            true
        }
        Edit::CutAfter(index) => {
            sqlx::query("DELETE FROM records WHERE idx > ?1").bind(index).execute(owner).await.unwrap();
            true
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_single_edit_is_found(edit in edits()) {
        let original = original();
        let copy = original.copy();
        let verified = block_on(async {
            let changed = apply(&mut owner(&copy.path).await, &edit).await;
            (verify(&copy.path, &[original.head()]).await, changed)
        });
        prop_assert_eq!(verified.0.is_err(), verified.1, "{:?}", verified.0);
    }

    /// Some bytes of a database file mean nothing (free space, counters). Whatever byte is edited: what is verified is
    /// what was written.
    #[test]
    fn any_edited_byte_of_the_file_is_found_or_changes_nothing(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let original = original();
        let copy = original.copy();
        let mut bytes = original.bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(&copy.path, bytes).unwrap();
        block_on(async {
            if let Ok(verified) = verify(&copy.path, &[original.head()]).await {
                prop_assert_eq!(&verified, &original.verified);
                prop_assert_eq!(&list(&copy.path, 1, 100).await.unwrap(), &original.records);
            }
            Ok(())
        })?;
    }
}
