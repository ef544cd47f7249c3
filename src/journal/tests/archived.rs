//! Verifying journals of which a part was archived.

use std::fs;

use super::{
    super::{
        verify::{Evidence, read_archives, verify_behind, verify_watched},
        writer::Chore,
    },
    archive::{archived, filled, until_closed},
    *,
};
use crate::store::Location;

const NO_EVIDENCE: Evidence<'static> = Evidence { receipts: &[], checkpoints: &[] };

/// Two archives, records 1 to 4 and 5 to 6, and a journal of 7 to 11; and the receipts of 1 to 9.
async fn twice_archived() -> (Fixture, Vec<Expectation>) {
    let fixture = filled().await;
    let records = list(&fixture.path, 1, LIST_RECORDS_MAX).await.unwrap();
    archived(&fixture, 4, "1.jsonl").await.unwrap();
    archived(&fixture, 6, "2.jsonl").await.unwrap();
    (fixture, records.iter().map(|record| Expectation { index: record.index, hash: record.hash }).collect())
}

fn sources(fixture: &Fixture, names: &[&str]) -> Vec<ExportSource> {
    names.iter().map(|name| ExportSource::File(fixture.directory.path().join(name))).collect()
}

/// The first bad index, and what is wrong with it.
async fn verified(fixture: &Fixture, names: &[&str], evidence: Evidence<'_>) -> Result<Verified, (u64, Fault)> {
    verified_after(fixture, None, names, evidence).await
}

async fn verified_after(
    fixture: &Fixture,
    after: Option<Expectation>,
    names: &[&str],
    evidence: Evidence<'_>,
) -> Result<Verified, (u64, Fault)> {
    let read = read_archives(&sources(fixture, names), after, evidence, &mut |_| {});
    let archives = read.map_err(|error| match error {
        ExportError::Tampered { index, fault, .. } => (index, fault),
        error => panic!("{error}"),
    })?;
    verify_behind(archives, &(&fixture.path).into(), &mut |_| {}).await.map_err(fault)
}

fn fault(error: VerifyError) -> (u64, Fault) {
    match error {
        VerifyError::Tampered { index, fault } => (index, fault),
        VerifyError::Unreadable(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn archives_and_journal_are_one_chain_that_all_receipts_are_held_against() {
    let (fixture, receipts) = twice_archived().await;
    let evidence = Evidence { receipts: &receipts, checkpoints: &receipts[..5] };
    let whole = verified(&fixture, &["1.jsonl", "2.jsonl"], evidence).await.unwrap();
    assert_eq!((whole.after, whole.records, whole.checkpoints_not_checked), (None, 11, 0));
    assert_eq!(whole.head, fixture.verify().await.head);
    for index in [2, 5, 8] {
        let mut wrong = receipts.clone();
        wrong[index].hash = RecordHash::ZERO;
        for evidence in [Evidence { receipts: &wrong, ..NO_EVIDENCE }, Evidence { checkpoints: &wrong, ..NO_EVIDENCE }]
        {
            let (found, fault) = verified(&fixture, &["1.jsonl", "2.jsonl"], evidence).await.unwrap_err();
            assert!(found == index as u64 + 1 && matches!(fault, Fault::Receipt { .. }), "{found}: {fault}");
        }
    }
}

#[tokio::test]
async fn the_journal_must_go_on_where_its_archives_end() {
    let (fixture, receipts) = twice_archived().await;
    let (index, fault) = verified(&fixture, &["1.jsonl"], NO_EVIDENCE).await.unwrap_err();
    let archived = Some(receipts[5]);
    assert_eq!((index, fault), (5, Fault::Archives(Box::new(Ends { read: receipts[3], archived }))));
    let (index, fault) = verified(&fixture, &["2.jsonl"], NO_EVIDENCE).await.unwrap_err();
    assert_eq!((index, fault), (1, Fault::Segment(5)));
    // Of a journal of which nothing is archived.
    let other = filled().await;
    fs::copy(fixture.directory.path().join("1.jsonl"), other.directory.path().join("1.jsonl")).unwrap();
    let (_, fault) = verified(&other, &["1.jsonl"], NO_EVIDENCE).await.unwrap_err();
    assert!(matches!(&fault, Fault::Archives(ends) if ends.archived.is_none()), "{fault}");
    assert!(fault.to_string().contains("nothing of the journal is archived"), "{fault}");
}

/// With hashes that fit, so that the file alone verifies.
#[tokio::test]
async fn an_archive_that_was_written_anew_is_found() {
    let (fixture, _) = twice_archived().await;
    let twin = filled().await;
    archived(&twin, 4, "1.jsonl").await.unwrap();
    fs::copy(twin.directory.path().join("1.jsonl"), fixture.directory.path().join("1.jsonl")).unwrap();
    verify_exports(&sources(&fixture, &["1.jsonl"]), None, &[], &mut |_| {}).unwrap();
    let (index, fault) = verified(&fixture, &["1.jsonl", "2.jsonl"], NO_EVIDENCE).await.unwrap_err();
    assert_eq!((index, fault), (5, Fault::Hash), "the second file does not follow");

    // Nor does the journal, if it was the only one.
    let fixture = filled().await;
    archived(&fixture, 4, "mine.jsonl").await.unwrap();
    fs::copy(twin.directory.path().join("1.jsonl"), fixture.directory.path().join("1.jsonl")).unwrap();
    let (index, fault) = verified(&fixture, &["1.jsonl"], NO_EVIDENCE).await.unwrap_err();
    assert!(index == 5 && matches!(&fault, Fault::Archives(ends) if ends.archived.unwrap().index == 4), "{fault}");
}

#[tokio::test]
async fn a_file_is_held_against_the_sha_256_that_its_record_says() {
    let fixture = filled().await;
    let journal = fixture.open().await.journal;
    let hash = list(&fixture.path, 4, 1).await.unwrap()[0].hash;
    let path = fixture.directory.path().join("1.jsonl");
    let records = list(&fixture.path, 1, 4).await.unwrap();
    let lines = records.iter().map(|record| format!("{{\"hash\":\"{}\",\"record\":{}}}\n", record.hash, record.body));
    fs::write(&path, lines.collect::<String>()).unwrap();
    let moved = Archived { first: 1, last: Expectation { index: 4, hash }, file_sha256: [7; 32] };
    journal.do_chore(Chore::Archive(moved)).await.unwrap();
    drop(journal);
    until_closed(&fixture).await;
    let found = verified(&fixture, &["1.jsonl"], NO_EVIDENCE).await.unwrap_err();
    assert_eq!(found, (10, Fault::ArchiveFile { first: 1, last: 4 }));
    // Two files where there was one are checked by the chain alone.
    let text = fs::read_to_string(&path).unwrap();
    let (one, three) = text.split_at(text.find('\n').unwrap() + 1);
    fs::write(fixture.directory.path().join("a"), one).unwrap();
    fs::write(fixture.directory.path().join("b"), three).unwrap();
    assert_eq!(verified(&fixture, &["a", "b"], NO_EVIDENCE).await.unwrap().records, 10);
}

#[tokio::test]
async fn checkpoints_of_archived_records_are_counted_and_receipts_of_them_are_asked_about() {
    let (fixture, receipts) = twice_archived().await;
    let location = Location::from(&fixture.path);
    let evidence = Evidence { receipts: &[], checkpoints: &receipts };
    let alone = verify_watched(&location, evidence, &mut |_| {}).await.unwrap();
    assert_eq!((alone.after, alone.checkpoints_not_checked), (Some(receipts[5]), 5), "the sixth is that of the mark");
    let mut wrong = receipts.clone();
    wrong[5].hash = RecordHash::ZERO;
    let evidence = Evidence { receipts: &[], checkpoints: &wrong };
    let (index, found) = fault(verify_watched(&location, evidence, &mut |_| {}).await.unwrap_err());
    assert!(index == 6 && matches!(found, Fault::Receipt { .. }), "{found}");
    let (index, found) = fault(verify(&fixture.path, &receipts[1..]).await.unwrap_err());
    assert_eq!((index, found), (2, Fault::BeforeSegment));
    // The later file alone, behind the last record of the one before it.
    let evidence = Evidence { receipts: &receipts[6..], checkpoints: &receipts };
    let later = verified_after(&fixture, Some(receipts[3]), &["2.jsonl"], evidence).await.unwrap();
    assert_eq!((later.after, later.records, later.checkpoints_not_checked), (Some(receipts[3]), 7, 3));
}

#[tokio::test]
async fn behind_an_archive_no_outcome_is_believed_of_an_intent_in_it() {
    let fixture = filled().await;
    archived(&fixture, 4, "1.jsonl").await.unwrap();
    let journal = fixture.open().await.journal;
    let id = OperationId::generate();
    let open = sqlx::query("INSERT INTO open_intents (idx, operation_id) VALUES (2, ?1)").bind(id.to_string());
    open.execute(&mut stranger(&fixture.path).await).await.unwrap();
    journal.append(outcome(id, 2)).await.unwrap();
    drop(journal);
    until_closed(&fixture).await;
    for names in [&[][..], &["1.jsonl"]] {
        let (index, found) = if names.is_empty() {
            fault(verify(&fixture.path, &[]).await.unwrap_err())
        } else {
            verified(&fixture, names, NO_EVIDENCE).await.unwrap_err()
        };
        assert_eq!((index, found), (11, Fault::NoOpenIntent(2)));
    }
}
