use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::{
    journal::{
        ErrorRecord, Event, ExportSource, Outcome, OutcomeResult,
        tests::{Fixture, backups::keep, intent, outcome, refusal, started, tampering::tamper},
        verify_exports,
    },
    types::OperationId,
};

const ALL: Range = Range { from: None, to: None };

/// Started, an act with its backup, a refusal, an act that failed, what an operator finds after a crash.
async fn filled() -> Fixture {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    fixture.clock.advance(Duration::from_millis(1));
    journal.append(started()).await.unwrap();
    keep(&journal, "payments", "{}").await;
    journal.append(refusal("=cmd|' /C calc'!A0\n\u{1b}[2J, \"quoted\"")).await.unwrap();
    let id = OperationId::generate();
    let receipt = journal.append(intent(id)).await.unwrap();
    let failed = Event::Outcome(Outcome {
        operation_id: id,
        intent_index: receipt.index,
        result: OutcomeResult::Failed,
        changed: None,
        error: Some(ErrorRecord { reason: "AWS_DENIED".to_owned(), message: "+1, said \"AWS\"".to_owned() }),
        detail: Value::Null,
        aws_calls: Vec::new(),
        access_key_id: None,
        account_id: None,
        request: crate::journal::RequestEnd::NoRequest,
    });
    journal.append(failed).await.unwrap();
    journal.append(intent(OperationId::generate())).await.unwrap();
    journal.close().await.unwrap();
    fixture
}

async fn exported(fixture: &Fixture, format: Format, range: Range) -> String {
    let mut out = Vec::new();
    export(&fixture.path, format, range, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

async fn objects(fixture: &Fixture, format: Format) -> Vec<Value> {
    let text = exported(fixture, format, ALL).await;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'v>(events: &'v [Value], pointer: &str, name: &str) -> &'v Value {
    events.iter().find(|event| event.pointer(pointer).and_then(Value::as_str) == Some(name)).unwrap()
}

#[tokio::test]
async fn lines_of_json_verify_and_have_the_receipt_of_the_last() {
    let fixture = filled().await;
    let path = fixture.beside(".jsonl");
    let mut file = std::fs::File::create(&path).unwrap();
    let done = export(&fixture.path, Format::Jsonl, ALL, &mut file).await.unwrap();
    let verified = verify_exports(&[ExportSource::File(path)], None, &[done.last], &mut |_| {}).unwrap();
    assert_eq!(verified, fixture.verify().await);
    assert_eq!(verified.records, done.records);
}

#[tokio::test]
async fn a_range_holds_both_its_ends_and_goes_over_pages() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    for _ in 0..600 {
        journal.append(started()).await.unwrap();
    }
    let head = fixture.verify().await.records;
    let all = exported(&fixture, Format::Jsonl, ALL).await;
    let lines: Vec<&str> = all.split_inclusive('\n').collect();
    assert_eq!(lines.len() as u64, head);
    for (from, to) in [(1, 1), (1, 256), (2, 257), (300, 300), (255, 258), (601, 9999), (u64::MAX - 1, u64::MAX)] {
        let range = Range { from: Some(from), to: Some(to) };
        let expected = if from > head { None } else { Some(lines[from as usize - 1..to.min(head) as usize].concat()) };
        let mut out = Vec::new();
        match export(&fixture.path, Format::Jsonl, range, &mut out).await {
            Ok(done) => {
                assert_eq!(Some(String::from_utf8(out).unwrap()), expected);
                assert_eq!((done.records, done.last.index), (to.min(head) - from + 1, to.min(head)));
            }
            Err(error) => {
                assert!(expected.is_none() && error.to_string().contains(&format!("record {head}")), "{error}")
            }
        }
    }
}

#[tokio::test]
async fn an_export_is_of_the_moment_when_it_began() {
    let fixture = filled().await;
    let mut records = Records::begin(&(&fixture.path).into()).await.unwrap();
    let before = records.last_index().await.unwrap();
    let journal = fixture.open().await.journal;
    journal.append(started()).await.unwrap();
    assert!(fixture.verify().await.records > before);
    assert_eq!(records.last_index().await.unwrap(), before);
    assert_eq!(records.page(before, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_record_that_does_not_follow_is_never_exported() {
    for (statement, bad, expected) in [
        ("UPDATE records SET body = replace(body, 'calc', 'kalk')", 5, Fault::Hash),
        ("DELETE FROM records WHERE idx = 4", 4, Fault::Gap(5)),
        ("UPDATE records SET hash = zeroblob(31) WHERE idx = 4", 4, Fault::NoHash),
        ("UPDATE records SET body = printf('%70000s', 'x') WHERE idx = 4", 4, Fault::NoBody),
    ] {
        let fixture = filled().await;
        tamper(&fixture.path, statement).await;
        for format in [Format::Jsonl, Format::Csv, Format::Ocsf, Format::Cloudevents] {
            let failure = export(&fixture.path, format, ALL, &mut Vec::new()).await.unwrap_err();
            let ExportFailure::Journal(VerifyError::Tampered { index, fault }) = failure else { panic!("{failure}") };
            assert_eq!((index, &fault), (bad, &expected), "{statement}");
        }
    }
}

#[tokio::test]
async fn a_part_hangs_on_the_record_before_it() {
    let fixture = filled().await;
    tamper(&fixture.path, "UPDATE records SET hash = zeroblob(32) WHERE idx = 4").await;
    let failure =
        export(&fixture.path, Format::Jsonl, Range { from: Some(5), to: None }, &mut Vec::new()).await.unwrap_err();
    assert!(
        matches!(failure, ExportFailure::Journal(VerifyError::Tampered { index: 5, fault: Fault::Hash })),
        "{failure}"
    );
}

#[tokio::test]
async fn what_was_archived_is_exported_no_more_and_the_rest_hangs_on_it() {
    let fixture = filled().await;
    let (whole, archived) = (exported(&fixture, Format::Jsonl, ALL).await, fixture.beside(".archive"));
    let clock = fixture.clock.clone();
    clock.advance(std::time::Duration::from_secs(25 * 60 * 60));
    let moved = crate::journal::archive(&(&fixture.path).into(), clock, 4, &archived).await.unwrap();
    assert_eq!((moved.first, moved.last.index), (1, 1), "the policy that record 3 keeps is still needed");
    let rest = exported(&fixture, Format::Jsonl, ALL).await;
    let both = std::fs::read_to_string(&archived).unwrap() + &rest;
    assert!(both.starts_with(&whole), "the archive and the rest are the whole");
    let path = fixture.beside(".rest");
    std::fs::write(&path, &rest).unwrap();
    let sources = [ExportSource::File(archived), ExportSource::File(path)];
    let verified = verify_exports(&sources, None, &[], &mut |_| {}).unwrap();
    assert_eq!(verified.head, fixture.verify().await.head);
    let range = Range { from: Some(1), to: None };
    let failure = export(&fixture.path, Format::Jsonl, range, &mut Vec::new()).await.unwrap_err();
    assert!(matches!(failure, ExportFailure::Archived { last: 1 }), "{failure}");
    assert!(failure.to_string().contains("from record 2 on"), "{failure}");
    let from_2 = exported(&fixture, Format::Jsonl, Range { from: Some(2), to: None }).await;
    assert_eq!(from_2, rest);
}

#[tokio::test]
async fn a_row_of_csv_has_what_its_intent_says_and_no_formula() {
    let fixture = filled().await;
    let text = exported(&fixture, Format::Csv, ALL).await;
    let rows: Vec<::csv::StringRecord> =
        ::csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect();
    assert_eq!(text.lines().count(), rows.len() + 1, "one line a record");
    let head = ::csv::Reader::from_reader(text.as_bytes()).headers().unwrap().clone();
    let cell = |row: usize, name: &str| rows[row][head.iter().position(|column| column == name).unwrap()].to_owned();
    let outcome = rows.iter().rposition(|row| &row[2] == "Outcome").unwrap();
    for (name, expected) in [
        ("operation", "UnlockBucketPolicy"),
        ("scheme", "mtls"),
        ("subject", "spiffe://example/ns/a"),
        ("account_id", "333333333333"),
        ("resource", "arn:aws:s3:::payments"),
        ("reason", "Locked out by policy change"),
        ("ticket", "SEC-1"),
        ("policies", "operators"),
        ("result", "Failed"),
        ("changed", ""),
        ("error_reason", "AWS_DENIED"),
        ("error_message", "'+1, said \"AWS\""),
    ] {
        assert_eq!(cell(outcome, name), expected, "{name}");
    }
    let refusal = rows.iter().position(|row| &row[2] == "Refusal").unwrap();
    assert_eq!(cell(refusal, "operation"), "AssumeRoot");
    assert_eq!(cell(refusal, "reason"), "'=cmd|' /C calc'!A0\\u{a}\\u{1b}[2J, \"quoted\"");
    let verified = fixture.verify().await;
    assert_eq!(cell(rows.len() - 1, "hash"), verified.head.unwrap().hash.to_string());
}

#[tokio::test]
async fn an_outcome_finds_its_intent_outside_of_the_range_too() {
    let fixture = filled().await;
    let all = exported(&fixture, Format::Csv, ALL).await;
    let row = all.lines().find(|line| line.contains(",Outcome,") && line.contains("Failed")).unwrap();
    let index = row.split(',').next().unwrap().parse().unwrap();
    let alone = exported(&fixture, Format::Csv, Range { from: Some(index), to: Some(index) }).await;
    assert_eq!(alone.lines().nth(1), Some(row));
}

#[tokio::test]
async fn an_intent_lends_nothing_to_an_outcome_of_another_operation() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let receipt = journal.append(intent(OperationId::generate())).await.unwrap();
    let Event::Outcome(stray) = outcome(OperationId::generate(), receipt.index) else { unreachable!() };
    journal.append(Event::StrayOutcome(stray)).await.unwrap();
    let text = exported(&fixture, Format::Csv, ALL).await;
    let stray = text.lines().find(|line| line.contains("StrayOutcome")).unwrap();
    assert!(!stray.contains("spiffe://"), "{stray}");
}

#[tokio::test]
async fn every_ocsf_event_has_what_the_schema_requires_of_its_class() {
    let fixture = filled().await;
    let events = objects(&fixture, Format::Ocsf).await;
    for event in &events {
        let number = |pointer: &str| {
            event.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {event}"))
        };
        let text = |pointer: &str| {
            event.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {event}"))
        };
        assert_eq!(number("/type_uid"), number("/class_uid") * 100 + number("/activity_id"));
        assert_eq!((number("/category_uid"), text("/metadata/version")), (6, "1.6.0"));
        assert_eq!(text("/metadata/product/name"), "rootgate");
        assert!([0, 1, 2, 99].contains(&number("/status_id")) && (1..=4).contains(&number("/severity_id")));
        assert!(number("/time") >= 1_795_286_154_000 && number("/time") < 1_795_286_200_000, "milliseconds: {event}");
        match number("/class_uid") {
            6002 => assert_eq!(text("/app/name"), "rootgate"),
            6003 => {
                text("/api/operation");
                assert_eq!((text("/cloud/provider"), text("/metadata/profiles/0")), ("AWS", "cloud"));
                assert!(event["src_endpoint"]["uid"].is_string() != event["src_endpoint"]["name"].is_string());
                assert!(event["actor"]["user"]["uid"].is_string() != event["actor"]["user"]["name"].is_string());
            }
            other => panic!("{other}"),
        }
    }
    let started = of(&events, "/metadata/event_code", "Started");
    assert_eq!(
        (&started["class_uid"], &started["activity_id"], &started["app"]["version"]),
        (&6002.into(), &3.into(), &"0.1.0".into())
    );
    let failed = events.iter().find(|event| event["status_code"] == "AWS_DENIED").unwrap();
    assert_eq!((&failed["status_id"], &failed["activity_name"]), (&2.into(), &"Update".into()));
    assert_eq!(failed["actor"]["user"]["uid"], "spiffe://example/ns/a");
    assert_eq!(failed["cloud"]["account"]["uid"], "333333333333");
    assert_eq!(failed["resources"][0]["uid"], "arn:aws:s3:::payments");
    assert_eq!(
        failed["message"],
        "Outcome Failed of UnlockBucketPolicy on arn:aws:s3:::payments for spiffe://example/ns/a"
    );
    let refused = of(&events, "/metadata/event_code", "Refusal");
    assert_eq!((&refused["severity_id"], &refused["actor"]["user"]["name"]), (&2.into(), &"unknown".into()));
    assert_eq!(refused["unmapped"]["record"]["unrecorded_before"], 3);
    let head = fixture.verify().await.head.unwrap();
    let last = events.last().unwrap();
    assert_eq!(
        (&last["unmapped"]["hash"], &last["unmapped"]["index"]),
        (&head.hash.to_string().into(), &head.index.into())
    );
}

#[tokio::test]
async fn every_cloud_event_has_its_attributes_and_the_record_to_the_byte() {
    let fixture = filled().await;
    let text = exported(&fixture, Format::Cloudevents, ALL).await;
    let mut previous = RecordHash::ZERO;
    let mut ids = std::collections::BTreeSet::new();
    for (line, index) in text.lines().zip(1_u64..) {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&event["specversion"], &event["datacontenttype"]), (&"1.0".into(), &"application/json".into()));
        assert_eq!(event["time"], event["data"]["recorded_at"]);
        assert!(event["type"].as_str().unwrap().starts_with("io.rootgate.journal."), "{event}");
        assert_eq!(event["source"], "/rootgate/journal");
        for name in event.as_object().unwrap().keys() {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) && name.len() <= 20, "{name}");
        }
        let body = line.split_once(",\"data\":").unwrap().1.strip_suffix('}').unwrap();
        previous = RecordHash::of(index, previous, body);
        assert_eq!(
            (&event["journalhash"], &event["journalindex"]),
            (&previous.to_string().into(), &index.to_string().into())
        );
        assert_eq!(event["id"], format!("{index}:{previous}"));
        assert!(ids.insert(event["id"].as_str().unwrap().to_owned()));
    }
    let events = objects(&fixture, Format::Cloudevents).await;
    assert_eq!(of(&events, "/type", "io.rootgate.journal.intent")["subject"], "arn:aws:s3:::payments");
    assert_eq!(of(&events, "/type", "io.rootgate.journal.refusal")["subject"], "not an account");
    assert!(of(&events, "/type", "io.rootgate.journal.started").get("subject").is_none());
}

#[tokio::test]
async fn an_export_of_another_format_is_recognised_where_one_to_verify_is_expected() {
    let fixture = filled().await;
    for (format, name) in [(Format::Csv, "CSV"), (Format::Ocsf, "OCSF"), (Format::Cloudevents, "CloudEvents")] {
        let path = fixture.beside(name);
        std::fs::write(&path, exported(&fixture, format, ALL).await).unwrap();
        let error = verify_exports(&[ExportSource::File(path)], None, &[], &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(&format!("it is an export as {name}")), "{error}");
    }
}

/// Takes so many bytes, then is full.
struct Volume(usize);

impl Write for Volume {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.min(bytes.len()) {
            0 => Err(io::ErrorKind::StorageFull.into()),
            taken => {
                self.0 -= taken;
                Ok(taken)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_volume_that_is_full_at_any_moment_is_an_error_and_no_short_export() {
    let fixture = filled().await;
    for format in [Format::Jsonl, Format::Csv, Format::Ocsf, Format::Cloudevents] {
        let whole = exported(&fixture, format, ALL).await.len();
        for room in [0, 1, whole / 2, whole - 1] {
            let failure = export(&fixture.path, format, ALL, &mut Volume(room)).await.unwrap_err();
            assert!(
                matches!(&failure, ExportFailure::Output(error) if error.kind() == io::ErrorKind::StorageFull),
                "{failure}"
            );
        }
        export(&fixture.path, format, ALL, &mut Volume(whole)).await.unwrap();
    }
}
