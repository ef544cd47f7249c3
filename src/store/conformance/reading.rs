//! What is read is what was written, to the byte, and as it was at one moment.

use super::*;
use crate::store::FoundRecord;

on_both_engines!(
    bodies_and_hashes_come_back_to_the_byte,
    a_nul_is_kept_or_refused_and_never_altered,
    what_cannot_be_a_record_is_not_believed,
    pages_are_in_order_and_bounded,
    a_snapshot_stays_as_it_was,
    records_are_found_by_their_facts,
    a_fact_is_one_of_the_outermost_object,
);

async fn bodies_and_hashes_come_back_to_the_byte(place: &mut Place) {
    let mut connection = place.connection().await;
    let largest = format!("\"{}\"", "ä".repeat(BODY_BYTES_MAX / 2 - 1));
    let odd = [
        "",
        "{}",
        " \t\n\r",
        r#"{"a":"\u0000\\u0000\\\u0000"}"#,
        "'\"\\'; DROP TABLE records",
        "\u{1f512}\u{10ffff}",
        "\\x00",
        "%s $1 ?1",
        &largest,
    ];
    let new: Vec<NewRecord> = odd.iter().zip(1..).map(|(body, index)| record(index, body)).collect();
    assert_eq!(largest.len(), BODY_BYTES_MAX);
    // One alone, and several at once.
    let (first, rest) = new.split_first().unwrap();
    add(connection.as_mut(), &Additions { records: vec![first.clone()], ..Additions::default() }).await;
    add(connection.as_mut(), &Additions { records: rest.to_vec(), ..Additions::default() }).await;
    let expected: Vec<StoredRecord> = new.iter().map(stored).collect();
    assert_eq!(place.snapshot().await.records(0, 100).await.unwrap(), expected);
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.records(1, 100).await.unwrap(), expected);
    assert_eq!(append.head().await.unwrap(), Some((9, Some(new[8].hash))));
}

/// The journal's encoding has no NUL. Should one come all the same, it must not become another text.
async fn a_nul_is_kept_or_refused_and_never_altered(place: &mut Place) {
    let mut connection = place.connection().await;
    let new = record(1, "a\0b");
    let mut append = connection.append().await.unwrap();
    let added = append.add(&Additions { records: vec![new.clone()], ..Additions::default() }).await;
    let was_added = added.is_ok();
    if let Err(error) = added {
        assert!(error.to_string().contains("NUL"), "{error}");
        // The transaction goes on: one text must not take the whole batch with it.
        append.add(&records([1])).await.unwrap();
    }
    append.commit().await.unwrap();
    let kept = place.snapshot().await.records(0, 10).await.unwrap();
    let expected = if was_added { stored(&new) } else { stored(&records([1]).records[0]) };
    assert_eq!(kept, [expected]);
}

async fn what_cannot_be_a_record_is_not_believed(place: &mut Place) {
    let mut connection = place.connection().await;
    add(
        connection.as_mut(),
        &Additions { records: vec![record(1, &"x".repeat(BODY_BYTES_MAX + 1))], ..Additions::default() },
    )
    .await;
    let kept = place.snapshot().await.last(1).await.unwrap();
    assert_eq!(kept[0].body, None, "longer than a body may be");
    assert_eq!(kept[0].hash, Some(record(1, "").hash));
}

async fn pages_are_in_order_and_bounded(place: &mut Place) {
    let mut connection = place.connection().await;
    add(connection.as_mut(), &records([3, 1, 2, 5, 4])).await;
    let mut snapshot = place.snapshot().await;
    assert_eq!(indexes(&snapshot.records(i64::MIN, 3).await.unwrap()), [1, 2, 3]);
    assert_eq!(indexes(&snapshot.records(4, 3).await.unwrap()), [4, 5]);
    assert_eq!(indexes(&snapshot.records(6, 3).await.unwrap()), [] as [i64; 0]);
    assert_eq!(indexes(&snapshot.records(1, 0).await.unwrap()), [] as [i64; 0]);
    assert_eq!(indexes(&snapshot.records(i64::MAX, 3).await.unwrap()), [] as [i64; 0]);
    assert_eq!(indexes(&snapshot.last(2).await.unwrap()), [5, 4], "newest first");
    assert_eq!(indexes(&snapshot.last(100).await.unwrap()), [5, 4, 3, 2, 1]);
}

async fn a_snapshot_stays_as_it_was(place: &mut Place) {
    let mut connection = place.connection().await;
    add(connection.as_mut(), &records([1])).await;
    let mut before = place.snapshot().await;
    let more = Additions {
        intents: vec![place.intent(2, None)],
        backups: vec![backup(2, "333333333333", "arn:aws:s3:::a")],
        requests: vec![request("alice", "r1", 2)],
        ..records([2])
    };
    add(connection.as_mut(), &more).await;
    assert_eq!(indexes(&before.records(0, 10).await.unwrap()), [1]);
    assert_eq!(indexes(&before.last(1).await.unwrap()), [1]);
    assert_eq!(before.open_intents(0, 10).await.unwrap(), []);
    assert_eq!(before.backup_rows(0, 10).await.unwrap(), [] as [i64; 0]);
    assert_eq!(before.request(&request("alice", "r1", 2).key).await.unwrap(), None);
    before.close().await.unwrap();
    assert_eq!(indexes(&place.snapshot().await.records(0, 10).await.unwrap()), [1, 2]);
}

fn of(account: Option<&str>, operation_id: Option<&str>) -> RecordFilter {
    RecordFilter { account_id: account.map(str::to_owned), operation_id: operation_id.map(str::to_owned) }
}

async fn records_are_found_by_their_facts(place: &mut Place) {
    let mut connection = place.connection().await;
    let bodies = [
        r#"{"account_id":"111111111111","operation_id":"a"}"#,
        r#"{"operation_id":"a","reason":"\\u0000 \u0000 \\\u0000","account_id":"222222222222"}"#,
        r#"{"account_id":"111111111111"}"#,
        "not JSON: \"account_id\":\"111111111111\"",
        r#"{"account_id":"111111111111","operation_id":"b"}"#,
        r#"{"account_id":null}"#,
    ];
    let new = bodies.iter().zip(1..).map(|(body, index)| record(index, body)).collect();
    add(connection.as_mut(), &Additions { records: new, ..Additions::default() }).await;
    let mut snapshot = place.snapshot().await;
    for (filter, from, limit, expected) in [
        (of(Some("111111111111"), None), 0, 10, vec![1, 3, 5]),
        (of(Some("111111111111"), None), 2, 1, vec![3]),
        (of(Some("222222222222"), None), 0, 10, vec![2]),
        (of(Some("333333333333"), None), 0, 10, vec![]),
        (of(None, Some("a")), 0, 10, vec![1, 2]),
        (of(Some("222222222222"), Some("a")), 0, 10, vec![2]),
        (of(Some("222222222222"), Some("b")), 0, 10, vec![]),
        (of(None, Some("' OR 1=1 --")), 0, 10, vec![]),
    ] {
        let found = snapshot.find(&filter, from, limit).await.unwrap();
        let records: Vec<StoredRecord> = found.iter().map(|found| found.record.clone()).collect();
        assert_eq!(indexes(&records), expected, "{filter:?} {from} {limit}");
        let as_stored = snapshot.records(0, 10).await.unwrap();
        for FoundRecord { record, previous } in found {
            let at = usize::try_from(record.index).unwrap() - 1;
            assert_eq!(&record, &as_stored[at], "{filter:?}");
            assert_eq!(previous, at.checked_sub(1).and_then(|before| as_stored[before].hash), "{filter:?}");
        }
    }
    assert!(snapshot.find(&of(None, None), 0, 10).await.is_err(), "what is looked for has to be said");
}

async fn a_fact_is_one_of_the_outermost_object(place: &mut Place) {
    let mut connection = place.connection().await;
    let body = r#"{"reason":"\"account_id\":\"444444444444\"","inner":{"account_id":"555555555555"},"account_id":"666666666666"}"#;
    add(connection.as_mut(), &Additions { records: vec![record(1, body)], ..Additions::default() }).await;
    let mut snapshot = place.snapshot().await;
    for (account, count) in [("444444444444", 0), ("555555555555", 0), ("666666666666", 1)] {
        assert_eq!(snapshot.find(&of(Some(account), None), 0, 10).await.unwrap().len(), count, "{account}");
    }
}
