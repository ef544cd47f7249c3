use std::{sync::OnceLock, time::Duration};

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::{
    journal::{
        RecordHash, export, list,
        tests::{Fixture, intent, outcome, refusal, started},
    },
    types::OperationId,
};

/// An export of ten records with two closed operations and one open, and what the journal itself says of them.
struct Original {
    bytes: Vec<u8>,
    lines: Vec<Vec<u8>>,
    bodies: Vec<String>,
    verified: Verified,
}

impl Original {
    fn receipt(&self, index: usize) -> Expectation {
        let digits = std::str::from_utf8(&self.lines[index - 1][9..73]).unwrap();
        format!("{index}:{digits}").parse().unwrap()
    }

    fn head(&self) -> Expectation {
        self.receipt(self.lines.len())
    }

    fn part(&self, from: usize, to: usize) -> Vec<u8> {
        self.lines[from - 1..to].concat()
    }
}

fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| tokio::runtime::Runtime::new().unwrap().block_on(make()))
}

async fn make() -> Original {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let ids = [(); 3].map(|()| OperationId::generate());
    for event in [
        started(),
        intent(ids[0]),
        refusal("first \u{7f}\u{9b}\u{1b}\"é"),
        intent(ids[1]),
        outcome(ids[0], 2),
        outcome(ids[1], 4),
        intent(ids[2]),
        refusal("second"),
        started(),
    ] {
        fixture.clock.advance(Duration::from_secs(1));
        journal.append(event).await.unwrap();
    }
    journal.close().await.unwrap();
    let records = list(&fixture.path, 1, 100).await.unwrap();
    let line = |record| {
        let mut line = Vec::new();
        export::jsonl(record, &mut line).unwrap();
        line
    };
    let lines: Vec<_> = records.iter().map(line).collect();
    let bodies = records.into_iter().map(|record| record.body).collect();
    Original { bytes: lines.concat(), lines, bodies, verified: fixture.verify().await }
}

fn check(parts: &[&[u8]], after: Option<Expectation>, expect: &[Expectation]) -> Result<Verified, ExportError> {
    let folder = tempfile::tempdir().unwrap();
    let sources = parts.iter().enumerate().map(|(number, bytes)| {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, bytes).unwrap();
        ExportSource::File(path)
    });
    verify_exports(&sources.collect::<Vec<_>>(), after, expect, &mut |_| {})
}

/// Export (from 0), line, record and fault.
fn fault(parts: &[&[u8]], after: Option<Expectation>, expect: &[Expectation]) -> (String, u64, u64, Fault) {
    match check(parts, after, expect).unwrap_err() {
        ExportError::Tampered { place: Some(Place { source: ExportSource::File(path), line }), index, fault } => {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), line, index, fault)
        }
        ExportError::Tampered { place: None, index, fault } => (String::new(), 0, index, fault),
        other => panic!("{other}"),
    }
}

fn first(bytes: &[u8]) -> (u64, u64, Fault) {
    let (_, line, index, fault) = fault(&[bytes], None, &[original().head()]);
    (line, index, fault)
}

/// Lines with hashes that fit.
fn chained(bodies: &[String], before: Expectation) -> Vec<u8> {
    let mut last = before;
    let line = |body: &String| {
        let index = last.index + 1;
        last = Expectation { index, hash: RecordHash::of(index, last.hash, body) };
        format!("{{\"hash\":\"{}\",\"record\":{body}}}\n", last.hash).into_bytes()
    };
    bodies.iter().flat_map(line).collect()
}

#[test]
fn an_export_says_what_the_journal_says() {
    let original = original();
    assert_eq!(check(&[&original.bytes], None, &[original.head()]).unwrap(), original.verified);
    assert_eq!(original.verified.open_intents.len(), 1);
}

#[test]
fn each_kind_of_edit_is_named_with_its_line_and_the_first_bad_record() {
    let original = original();
    let line = |index: usize| original.lines[index - 1].as_slice();
    let text = |from: &str, to: &str| String::from_utf8(original.bytes.clone()).unwrap().replacen(from, to, 1);
    let cut = |bytes: usize| original.bytes[..original.bytes.len() - bytes].to_vec();
    let cases: [(Vec<u8>, (u64, u64, Fault)); 10] = [
        (text("first ", "fIrst ").into_bytes(), (3, 3, Fault::Hash)),
        ([original.part(1, 4), original.part(6, 10)].concat(), (5, 5, Fault::Gap(6))),
        ([original.part(1, 4), original.part(3, 10)].concat(), (5, 5, Fault::Order(3))),
        ([&original.part(1, 4), line(4), &original.part(5, 10)].concat(), (5, 5, Fault::Order(4))),
        ([&original.part(1, 2), line(4), line(3), &original.part(5, 10)].concat(), (3, 3, Fault::Gap(4))),
        (original.part(2, 10), (1, 1, Fault::Segment(2))),
        (original.part(1, 9), (0, 10, Fault::Cut(10))),
        (
            cut(1),
            (10, 10, Fault::Line("has no end: the file was cut off in the middle of it, or is still being written")),
        ),
        (
            cut(50),
            (10, 10, Fault::Line("has no end: the file was cut off in the middle of it, or is still being written")),
        ),
        ([&original.bytes[..], b"\n"].concat(), (11, 11, Fault::Line("is empty"))),
    ];
    for (bytes, expected) in cases {
        assert_eq!(first(&bytes), expected);
    }
    let converted = text("\n", "\r\n").replace("\r\r", "\r");
    assert!(matches!(first(converted.as_bytes()), (1, 1, Fault::Line(what)) if what.contains("CR LF")));
}

#[test]
fn a_cut_tail_is_found_only_with_a_receipt() {
    let original = original();
    let cut = original.part(1, 7);
    assert_eq!(check(&[&cut], None, &[]).unwrap().records, 7);
    assert_eq!(fault(&[&cut], None, &[original.head()]), (String::new(), 0, 8, Fault::Cut(10)));
}

#[test]
fn a_chain_that_was_written_anew_is_found_by_its_contents_or_a_receipt() {
    let original = original();
    let start = Expectation { index: 0, hash: RecordHash::ZERO };
    let edits: [(usize, &str, &str, Fault); 9] = [
        (3, r#""index":3"#, r#""index":4"#, Fault::BodyIndex(4)),
        (
            3,
            r#""recorded_at":"2026"#,
            r#""recorded_at":"2025"#,
            Fault::Time(crate::clock::Timestamp::from_unix(1_763_750_157, 0)),
        ),
        (5, r#""intent_index":2"#, r#""intent_index":1"#, Fault::NoOpenIntent(1)),
        (6, r#""event":"Outcome""#, r#""event":7"#, Fault::Body("it has no event")),
        (3, r#"{"index""#, r#"["index""#, Fault::Body("it is not JSON")),
        (3, "000Z", "00Z", Fault::Body("it has no recorded_at")),
        (3, r#"{"index""#, r#"{ "index""#, Fault::Body("it is not written as the gateway writes it")),
        (3, r#""event""#, r#""index":3,"event""#, Fault::Body("it is not written as the gateway writes it")),
        (3, r#""rpc""#, "\"\u{0}rpc\"", Fault::Body("it is not JSON")),
    ];
    for (at, from, to, expected) in edits {
        let mut bodies = original.bodies.clone();
        // Times and indexes of the records before and the intent's index stay as they are.
        bodies[at - 1] = bodies[at - 1].replacen(from, to, 1);
        let (_, line, index, fault) = fault(&[&chained(&bodies, start)], None, &[]);
        assert_eq!((line, index, fault), (at as u64, at as u64, expected), "{from}");
    }
    let mut bodies = original.bodies.clone();
    bodies[2] = bodies[2].replace("first", "other");
    let rewritten = chained(&bodies, start);
    assert_eq!(check(&[&rewritten], None, &[]).unwrap().records, 10, "whoever rewrites everything needs a receipt");
    assert!(matches!(fault(&[&rewritten], None, &[original.head()]), (_, 10, 10, Fault::Receipt { .. })));
    assert!(check(&[&rewritten], None, &[original.receipt(2)]).is_ok(), "what came before is as it was");
}

#[test]
fn segments_are_one_chain_in_their_order_and_in_no_other() {
    let original = original();
    for cut in 1..10 {
        let (a, b) = (original.part(1, cut), original.part(cut + 1, 10));
        assert_eq!(check(&[&a, &b], None, &[original.head()]).unwrap(), original.verified);
        let index = cut as u64 + 1;
        assert_eq!(fault(&[&b], None, &[]), ("0".to_owned(), 1, 1, Fault::Segment(index)));
        assert_eq!(fault(&[&b, &a], None, &[]), ("0".to_owned(), 1, 1, Fault::Segment(index)));
        assert_eq!(fault(&[&a, &a], None, &[]), ("1".to_owned(), 1, index, Fault::Order(1)));
    }
    let gap = fault(&[&original.part(1, 3), &original.part(5, 10)], None, &[]);
    assert_eq!(gap, ("1".to_owned(), 1, 4, Fault::Gap(5)));
}

#[test]
fn a_segment_alone_hangs_on_the_receipt_of_the_record_before_it() {
    let original = original();
    // Its outcomes close intents of before it.
    let segment = original.part(5, 10);
    let after = original.receipt(4);
    let verified = check(&[&segment], Some(after), &[original.head()]).unwrap();
    assert_eq!((verified.records, verified.after), (6, Some(after)));
    assert_eq!(verified.head, original.verified.head);
    let other = Expectation { index: 4, hash: RecordHash::ZERO };
    assert_eq!(fault(&[&segment], Some(other), &[]).3, Fault::Hash);
    assert_eq!(fault(&[&segment], Some(original.receipt(5)), &[]).3, Fault::Order(5));
    assert_eq!(fault(&[&segment], Some(original.receipt(3)), &[]).3, Fault::Gap(5));
    assert_eq!(fault(&[&original.bytes], Some(after), &[]).3, Fault::Order(1));
    assert!(check(&[&segment], Some(after), &[after]).is_ok());
    assert!(matches!(fault(&[&segment], Some(after), &[other]), (_, 0, 4, Fault::Receipt { .. })));
    let before = fault(&[&segment], Some(after), &[original.receipt(2)]);
    assert_eq!((before.2, before.3), (2, Fault::BeforeSegment));
}

#[test]
fn an_intent_of_before_a_segment_is_closed_once() {
    let original = original();
    let twice: Vec<String> =
        [5, 6].map(|index| original.bodies[5].replacen("\"index\":6", &format!("\"index\":{index}"), 1)).into();
    let after = original.receipt(4);
    assert_eq!(fault(&[&chained(&twice, after)], Some(after), &[]).3, Fault::NoOpenIntent(4));
}

#[test]
fn what_is_no_export_is_named_and_says_nothing_of_records() {
    for (bytes, words) in [
        (&b""[..], "it is empty"),
        (b"\x1f\x8b\x08\0\0\0", "gzip -dc"),
        (b"\x28\xb5\x2f\xfd\0\0", "zstd -dc"),
        (b"SQLite format 3\0\x10\0", "--journal FILE"),
        (b"\xff\xfe{\0\"\0", "UTF-16"),
        (export::CSV_HEAD, "CSV"),
        (b"{\"activity_id\":3,", "OCSF"),
        (b"{\"specversion\":\"1.0\",\"id\":\"1\"", "CloudEvents"),
    ] {
        let error = check(&[bytes], None, &[]).unwrap_err();
        assert!(matches!(error, ExportError::NotAnExport { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let original = original();
    assert!(matches!(check(&[&original.bytes, b""], None, &[]), Err(ExportError::NotAnExport { .. })));
}

#[test]
fn what_cannot_be_read_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("none")] {
        let error = verify_exports(&[ExportSource::File(path)], None, &[], &mut |_| {}).unwrap_err();
        assert!(matches!(error, ExportError::Unreadable { .. }), "{error}");
    }
}

#[test]
fn the_watcher_is_told_how_many_records_were_read() {
    let bodies: Vec<String> = (1..=WATCH_RECORDS + 1)
        .map(|index| {
            format!("{{\"index\":{index},\"recorded_at\":\"2026-11-21T18:35:54.000000Z\",\"event\":\"Stopped\"}}")
        })
        .collect();
    let bytes = chained(&bodies, Expectation { index: 0, hash: RecordHash::ZERO });
    let mut told = Vec::new();
    let mut chain = Chain::new(&[]);
    follow_all(&ExportSource::StandardInput, bytes.as_slice(), &mut chain, &mut 0, &mut |read| told.push(read))
        .unwrap();
    assert_eq!(told, [WATCH_RECORDS]);
}

#[derive(Clone, Debug)]
enum Edit {
    Byte { at: Index, flip: u8 },
    Insert { at: Index, byte: u8 },
    Remove { at: Index },
    Cut { at: Index },
    RemoveLine(usize),
    Repeat { line: usize, at: usize },
    Swap(usize, usize),
}

fn edits() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let line = || 0..10_usize;
    prop_oneof![
        4 => (at(), 1..=255_u8).prop_map(|(at, flip)| Edit::Byte { at, flip }),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert { at, byte }),
        2 => at().prop_map(|at| Edit::Remove { at }),
        2 => at().prop_map(|at| Edit::Cut { at }),
        1 => line().prop_map(Edit::RemoveLine),
        1 => (line(), 0..=10_usize).prop_map(|(line, at)| Edit::Repeat { line, at }),
        1 => (line(), line()).prop_filter("differ", |(a, b)| a != b).prop_map(|(a, b)| Edit::Swap(a, b)),
    ]
}

fn edited(original: &Original, edit: &Edit) -> Vec<u8> {
    let (mut bytes, mut lines) = (original.bytes.clone(), original.lines.clone());
    let end = bytes.len();
    match edit {
        Edit::Byte { at, flip } => bytes[at.index(end)] ^= flip,
        Edit::Insert { at, byte } => bytes.insert(at.index(end + 1), *byte),
        Edit::Remove { at } => {
            bytes.remove(at.index(end));
        }
        Edit::Cut { at } => bytes.truncate(at.index(end)),
        Edit::RemoveLine(line) => {
            lines.remove(*line);
            bytes = lines.concat();
        }
        Edit::Repeat { line, at } => {
            lines.insert(*at, lines[*line].clone());
            bytes = lines.concat();
        }
        Edit::Swap(a, b) => {
            lines.swap(*a, *b);
            bytes = lines.concat();
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_single_edit_is_found(edit in edits()) {
        let original = original();
        let bytes = edited(original, &edit);
        let mut chain = Chain::new(&[original.head()]);
        let followed = follow_all(&ExportSource::StandardInput, bytes.as_slice(), &mut chain, &mut 0, &mut |_| {});
        prop_assert!(followed.is_err() || chain.check_end().is_err());
    }

    #[test]
    fn nothing_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut chain = Chain::new(&[]);
        let _ = follow_all(&ExportSource::StandardInput, bytes.as_slice(), &mut chain, &mut 0, &mut |_| {});
    }
}
