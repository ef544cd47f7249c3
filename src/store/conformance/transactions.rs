//! A transaction is alone, and whole.

use super::*;

on_both_engines!(
    a_new_store_is_empty,
    a_transaction_is_whole_or_nothing,
    what_is_dropped_leaves_nothing,
    a_record_is_never_overwritten,
    after_an_error_the_connection_goes_on,
    only_one_transaction_writes_at_a_time,
    several_writers_append_one_chain,
    a_probe_leaves_nothing,
    no_index_is_too_large_to_be_refused,
    a_closed_connection_has_everything_durable,
);

async fn a_new_store_is_empty(place: &mut Place) {
    let mut connection = place.connection().await;
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.head().await.unwrap(), None);
    assert_eq!(append.last(2).await.unwrap(), []);
    assert_eq!(append.records(i64::MIN, 10).await.unwrap(), []);
    append.commit().await.unwrap();
    assert_eq!(place.snapshot().await.last(1).await.unwrap(), []);
}

fn everything(place: &Place) -> Additions {
    Additions {
        intents: vec![place.intent(1, Some("bucket"))],
        backups: vec![backup(1, "333333333333", "arn:aws:s3:::a")],
        requests: vec![request("alice", "r1", 1)],
        ..records([1, 2])
    }
}

async fn assert_empty(place: &Place, connection: &mut dyn Connection) {
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.head().await.unwrap(), None);
    assert_eq!(append.holders(&["bucket".to_owned()]).await.unwrap(), []);
    assert_eq!(append.backed_up(&[operation(1)]).await.unwrap(), Vec::<String>::new());
    assert_eq!(append.requests(&[request("alice", "r1", 1).key]).await.unwrap(), []);
    append.rollback().await.unwrap();
    assert_eq!(place.snapshot().await.open_intents(0, 10).await.unwrap(), []);
}

async fn a_transaction_is_whole_or_nothing(place: &mut Place) {
    let mut connection = place.connection().await;
    let mut append = connection.append().await.unwrap();
    append.add(&everything(place)).await.unwrap();
    append.rollback().await.unwrap();
    assert_empty(place, connection.as_mut()).await;
    add(connection.as_mut(), &everything(place)).await;
    let mut snapshot = place.snapshot().await;
    assert_eq!(indexes(&snapshot.records(0, 10).await.unwrap()), [1, 2]);
    assert_eq!(snapshot.open_intents(0, 10).await.unwrap().len(), 1);
    assert_eq!(snapshot.backup_rows(0, 10).await.unwrap(), [1]);
    assert!(snapshot.request(&request("alice", "r1", 1).key).await.unwrap().is_some());
}

async fn what_is_dropped_leaves_nothing(place: &mut Place) {
    let mut connection = place.connection().await;
    {
        let mut append = connection.append().await.unwrap();
        append.add(&everything(place)).await.unwrap();
    }
    assert_empty(place, connection.as_mut()).await;
}

async fn a_record_is_never_overwritten(place: &mut Place) {
    let mut connection = place.connection().await;
    add(connection.as_mut(), &records([1])).await;
    let other = Additions { records: vec![record(2, "x"), record(1, "other")], ..Additions::default() };
    assert!(!can_add(connection.as_mut(), &other).await);
    let kept = place.snapshot().await.records(0, 10).await.unwrap();
    assert_eq!(kept, [stored(&record(1, r#"{"index":1}"#))]);
}

async fn after_an_error_the_connection_goes_on(place: &mut Place) {
    let mut connection = place.connection().await;
    add(connection.as_mut(), &records([1])).await;
    {
        let mut append = connection.append().await.unwrap();
        append.add(&records([1])).await.unwrap_err();
        // Dropped: whoever meets an error does not have to end what has ended.
    }
    add(connection.as_mut(), &records([2])).await;
    assert_eq!(indexes(&place.snapshot().await.records(0, 10).await.unwrap()), [1, 2]);
}

async fn only_one_transaction_writes_at_a_time(place: &mut Place) {
    let mut first = place.connection().await;
    let mut second = place.stores(2).await[1].connect(WhenEmpty::Refuse).await.unwrap();
    let mut append = first.append().await.unwrap();
    append.add(&records([1])).await.unwrap();
    let mut waiting = second.append();
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.is_err(), "it must wait");
    append.commit().await.unwrap();
    let mut append = waiting.await.unwrap();
    let head = append.head().await.unwrap();
    assert_eq!(head, Some((1, Some(record(1, "").hash))), "it sees what the one before has written");
    append.rollback().await.unwrap();
}

/// A chain of these tests' own: the store knows of none.
fn link(before: RecordHash, body: &str) -> RecordHash {
    let text = [before.as_bytes(), body.as_bytes()].concat();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text);
    RecordHash::from_bytes(digest.as_ref()).unwrap()
}

/// Appends to whatever is there, as a gateway does.
async fn append_to_chain(store: Arc<dyn Store>, writer: usize, count: usize) {
    let mut connection = store.connect(WhenEmpty::Refuse).await.unwrap();
    for number in 0..count {
        let mut append = connection.append().await.unwrap();
        let head = append.head().await.unwrap();
        let (index, before) = head.map_or((0, RecordHash::ZERO), |(index, hash)| (index, hash.unwrap()));
        let index = u64::try_from(index).unwrap() + 1;
        let body = format!("{writer}/{number}");
        let hash = link(before, &body);
        let additions = Additions { records: vec![NewRecord { index, hash, body }], ..Additions::default() };
        append.add(&additions).await.unwrap();
        append.commit().await.unwrap();
    }
}

async fn several_writers_append_one_chain(place: &mut Place) {
    const WRITERS: usize = 3;
    const EACH: usize = 40;
    place.connection().await.close().await.unwrap();
    let stores = place.stores(WRITERS).await;
    let writers: Vec<_> = stores
        .into_iter()
        .enumerate()
        .map(|(writer, store)| tokio::spawn(append_to_chain(store, writer, EACH)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let chain = place.snapshot().await.records(0, 1000).await.unwrap();
    assert_eq!(chain.len(), WRITERS * EACH);
    let mut before = RecordHash::ZERO;
    for (record, index) in chain.iter().zip(1_u64..) {
        assert_eq!(record.index, i64::try_from(index).unwrap());
        before = link(before, record.body.as_deref().unwrap());
        assert_eq!(record.hash, Some(before));
    }
}

async fn a_probe_leaves_nothing(place: &mut Place) {
    let mut connection = place.connection().await;
    for _ in 0..2 {
        let mut append = connection.append().await.unwrap();
        append.probe().await.unwrap();
        append.probe().await.unwrap();
        append.commit().await.unwrap();
    }
    assert_empty(place, connection.as_mut()).await;
}

async fn no_index_is_too_large_to_be_refused(place: &mut Place) {
    let mut connection = place.connection().await;
    for index in [u64::MAX, i64::MAX as u64 + 1] {
        assert!(!can_add(connection.as_mut(), &records([index])).await);
        let mut append = connection.append().await.unwrap();
        let closed = append.close_intents(&[key(index)]).await;
        assert!(closed.is_err() || closed.is_ok_and(|closed| closed == [false]));
        append.rollback().await.unwrap();
    }
}

async fn a_closed_connection_has_everything_durable(place: &mut Place) {
    let mut connection = place.connection().await;
    add(connection.as_mut(), &records([1, 2, 3])).await;
    connection.close().await.unwrap();
    let mut again = place.store.connect(WhenEmpty::Refuse).await.unwrap();
    let mut append = again.append().await.unwrap();
    assert_eq!(append.head().await.unwrap().map(|(index, _)| index), Some(3));
}
