//! Backups of policies, and how long things are kept.

use super::*;

on_both_engines!(
    a_backup_comes_back_to_the_byte_and_only_with_all_its_facts,
    backups_are_listed_newest_first,
    an_operation_has_one_backup,
    the_oldest_backups_expire,
    settled_requests_expire_and_open_ones_stay,
    only_what_is_archived_is_pruned_and_the_oldest_first,
    the_archive_only_grows,
    what_something_refers_to_is_pinned,
);

const ACCOUNT: &str = "333333333333";

async fn a_backup_comes_back_to_the_byte_and_only_with_all_its_facts(place: &mut Place) {
    let mut connection = place.connection().await;
    let facts = PolicyBackup { ticket: Some("OPS-1".to_owned()), ..backup(7, ACCOUNT, "arn:aws:s3:::a") };
    let without_ticket = backup(8, ACCOUNT, "arn:aws:s3:::a");
    let backups = vec![facts.clone(), without_ticket.clone()];
    add(connection.as_mut(), &Additions { backups, ..records([7, 8]) }).await;
    let mut snapshot = place.snapshot().await;
    assert_eq!(snapshot.backup_text(&facts).await.unwrap().as_ref(), Some(&facts.policy));
    assert_eq!(snapshot.backup_text(&without_ticket).await.unwrap().as_ref(), Some(&without_ticket.policy));
    assert_eq!(snapshot.backup_index(&facts.id).await.unwrap(), Some(7));
    assert_eq!(snapshot.backup_index("operation-70").await.unwrap(), None);
    let changes: [fn(&mut PolicyBackup); 11] = [
        |b| b.id.push('x'),
        |b| b.journal_index += 1,
        |b| b.created_at = b.created_at.plus(Duration::from_micros(1)),
        |b| b.account_id = "444444444444".to_owned(),
        |b| b.resource.push('x'),
        |b| b.region.clear(),
        |b| b.operation.push('x'),
        |b| b.caller.push('x'),
        |b| b.reason.make_ascii_uppercase(),
        |b| b.ticket = None,
        |b| b.policy_sha256.replace_range(..1, "1"),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut other = facts.clone();
        change(&mut other);
        assert_eq!(snapshot.backup_text(&other).await.unwrap(), None, "change {number}");
    }
}

async fn backups_are_listed_newest_first(place: &mut Place) {
    let mut connection = place.connection().await;
    let of = |index, account, bucket| backup(index, account, &format!("arn:aws:s3:::{bucket}"));
    let backups = vec![of(1, ACCOUNT, "a"), of(2, ACCOUNT, "b"), of(3, "444444444444", "c"), of(4, ACCOUNT, "a")];
    add(connection.as_mut(), &Additions { backups, ..records([1, 2, 3, 4]) }).await;
    let mut snapshot = place.snapshot().await;
    let filter = |account: Option<&str>, resource: Option<&str>, before, limit| BackupFilter {
        account: account.map(str::to_owned),
        resource: resource.map(str::to_owned),
        before,
        limit,
    };
    for (filter, expected) in [
        (filter(None, None, None, 10), vec![4, 3, 2, 1]),
        (filter(Some(ACCOUNT), None, None, 10), vec![4, 2, 1]),
        (filter(Some(ACCOUNT), Some("arn:aws:s3:::a"), None, 10), vec![4, 1]),
        (filter(None, Some("arn:aws:s3:::c"), None, 10), vec![3]),
        (filter(Some(ACCOUNT), None, Some(4), 1), vec![2]),
        (filter(None, None, Some(1), 10), vec![]),
        (filter(None, None, Some(u64::MAX), 2), vec![4, 3]),
        (filter(Some("555555555555"), None, None, 10), vec![]),
    ] {
        assert_eq!(snapshot.backup_indexes(&filter).await.unwrap(), expected, "{filter:?}");
    }
    assert_eq!(snapshot.backup_rows(2, 2).await.unwrap(), [2, 3]);
}

async fn an_operation_has_one_backup(place: &mut Place) {
    let mut connection = place.connection().await;
    let first = backup(1, ACCOUNT, "arn:aws:s3:::a");
    add(connection.as_mut(), &Additions { backups: vec![first.clone()], ..records([1]) }).await;
    let again = PolicyBackup { journal_index: 2, ..first.clone() };
    assert!(!can_add(connection.as_mut(), &Additions { backups: vec![again], ..records([2]) }).await);
    let mut append = connection.append().await.unwrap();
    let known = append.backed_up(&["nobody".to_owned(), first.id.clone()]).await.unwrap();
    assert_eq!(known, [first.id]);
    assert_eq!(append.backed_up(&[]).await.unwrap(), Vec::<String>::new());
}

async fn the_oldest_backups_expire(place: &mut Place) {
    let mut connection = place.connection().await;
    let backups = [4, 2, 3, 1].map(|index| backup(index, ACCOUNT, "arn:aws:s3:::a")).to_vec();
    add(connection.as_mut(), &Additions { backups, ..records([1, 2, 3, 4]) }).await;
    let older_than = backup(4, ACCOUNT, "").created_at;
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.expire_backups(older_than, 2).await.unwrap(), 2);
    append.commit().await.unwrap();
    assert_eq!(place.snapshot().await.backup_rows(0, 10).await.unwrap(), [3, 4], "the oldest went first");
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.expire_backups(older_than, 10).await.unwrap(), 1, "not the one of just that moment");
    assert_eq!(append.expire_backups(older_than, 10).await.unwrap(), 0);
    append.rollback().await.unwrap();
    assert_eq!(place.snapshot().await.backup_rows(0, 10).await.unwrap(), [3, 4]);
}

async fn settled_requests_expire_and_open_ones_stay(place: &mut Place) {
    let mut connection = place.connection().await;
    let requests = [1, 2, 3, 4].map(|index| request("alice", &format!("r{index}"), index)).to_vec();
    add(connection.as_mut(), &Additions { requests, ..records([1, 2, 3, 4]) }).await;
    let settle = |intent_index| SettledRequest { intent_index, outcome_index: intent_index + 10, reply: None };
    add(connection.as_mut(), &Additions { settled: vec![settle(1), settle(3), settle(4)], ..Additions::default() })
        .await;
    let older_than = request("alice", "", 4).created_at;
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.expire_requests(older_than, 1).await.unwrap(), 1);
    assert_eq!(append.expire_requests(older_than, 10).await.unwrap(), 1);
    assert_eq!(append.expire_requests(older_than, 10).await.unwrap(), 0);
    append.commit().await.unwrap();
    let mut append = connection.append().await.unwrap();
    let keys = [1, 2, 3, 4].map(|index| request("alice", &format!("r{index}"), index).key);
    let mut left: Vec<i64> = append.requests(&keys).await.unwrap().iter().map(|known| known.intent_index).collect();
    left.sort_unstable();
    assert_eq!(left, [2, 4], "2 is open still, 4 is not old enough");
}

async fn only_what_is_archived_is_pruned_and_the_oldest_first(place: &mut Place) {
    let mut connection = place.connection().await;
    add(connection.as_mut(), &records(1..=5)).await;
    assert_eq!(place.snapshot().await.archived().await.unwrap(), None);
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.prune(10).await.unwrap(), 0, "nothing is kept elsewhere");
    let third = record(3, "").hash;
    append.archive(3, third).await.unwrap();
    assert_eq!(append.prune(2).await.unwrap(), 2);
    append.commit().await.unwrap();
    let mut snapshot = place.snapshot().await;
    assert_eq!(indexes(&snapshot.records(0, 10).await.unwrap()), [3, 4, 5]);
    assert_eq!(snapshot.archived().await.unwrap(), Some((3, Some(third))));
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.prune(10).await.unwrap(), 1);
    assert_eq!(append.prune(10).await.unwrap(), 0);
    assert_eq!(append.head().await.unwrap().map(|(index, _)| index), Some(5));
}

async fn the_archive_only_grows(place: &mut Place) {
    let mut connection = place.connection().await;
    let mut append = connection.append().await.unwrap();
    append.archive(3, record(3, "").hash).await.unwrap();
    append.archive(4, record(4, "").hash).await.unwrap();
    append.commit().await.unwrap();
    {
        let mut append = connection.append().await.unwrap();
        append.archive(2, record(2, "").hash).await.unwrap_err();
    }
    let archived = place.snapshot().await.archived().await.unwrap();
    assert_eq!(archived, Some((4, Some(record(4, "").hash))));
}

async fn what_something_refers_to_is_pinned(place: &mut Place) {
    let mut connection = place.connection().await;
    assert_eq!(place.snapshot().await.pinned().await.unwrap(), None);
    add(connection.as_mut(), &Additions { requests: vec![request("alice", "r", 4)], ..records([4]) }).await;
    assert_eq!(place.snapshot().await.pinned().await.unwrap(), Some(4));
    add(connection.as_mut(), &Additions { backups: vec![backup(3, ACCOUNT, "a")], ..records([3]) }).await;
    assert_eq!(place.snapshot().await.pinned().await.unwrap(), Some(3));
    add(connection.as_mut(), &Additions { intents: vec![place.intent(2, None)], ..records([2]) }).await;
    assert_eq!(place.snapshot().await.pinned().await.unwrap(), Some(2));
}
