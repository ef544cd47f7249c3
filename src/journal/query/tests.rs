use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::{
        Event, Refusal,
        tests::{Fixture, intent, outcome, refusal, run, started, stranger},
    },
    *,
};

const ACCOUNT: &str = "333333333333";
const CALLER: &str = "spiffe://example/ns/a";

fn all() -> RecordQuery {
    RecordQuery {
        from: 1,
        through: None,
        limit: 1000,
        bytes_max: usize::MAX,
        account: None,
        operation_id: None,
        event: None,
        caller: None,
        since: None,
        until: None,
    }
}

fn indexes(page: &RecordPage) -> Vec<u64> {
    page.records.iter().map(|record| record.position.index).collect()
}

/// A journal in which each record is a second later than the one before: 1 started, 2 and 5 an operation, 3 a refusal of
/// nobody, 4 and 6 another operation, 7 a refusal about the account.
async fn filled() -> (Fixture, Journal, [OperationId; 2]) {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let ids = [OperationId::generate(), OperationId::generate()];
    let Event::Refusal(anonymous) = refusal("about the account") else { panic!("it is one") };
    let refused = Event::Refusal(Refusal { account_id: Some(ACCOUNT.to_owned()), ..anonymous });
    let Event::Intent(other) = intent(ids[1]) else { panic!("it is one") };
    let other = Event::Intent(super::super::Intent { account_id: None, ..other });
    let Event::Outcome(ended) = outcome(ids[1], 4) else { panic!("it is one") };
    let ended = Event::Outcome(super::super::Outcome { account_id: None, ..ended });
    for event in [started(), intent(ids[0]), refusal("x"), other, outcome(ids[0], 2), ended, refused] {
        journal.append(event).await.unwrap();
        fixture.clock.advance(Duration::from_secs(1));
    }
    (fixture, journal, ids)
}

async fn found(journal: &Journal, query: RecordQuery) -> Vec<u64> {
    let page = journal.records(&query).await.unwrap();
    assert_eq!((page.next, page.through), (None, query.through.unwrap_or(7)));
    indexes(&page)
}

#[tokio::test]
async fn each_filter_finds_its_records_and_what_ended_them() {
    let (fixture, journal, ids) = filled().await;
    let first = fixture.clock_start();
    let at = |seconds| Some(first.plus(Duration::from_secs(seconds)));
    let account = Some(ACCOUNT.parse().unwrap());
    for (expected, query) in [
        (vec![1, 2, 3, 4, 5, 6, 7], all()),
        (vec![3, 4, 5, 6, 7], RecordQuery { from: 3, ..all() }),
        (vec![1, 2], RecordQuery { through: Some(2), ..all() }),
        (vec![2, 5, 7], RecordQuery { account, ..all() }),
        (vec![5, 7], RecordQuery { account, from: 3, ..all() }),
        (vec![4, 6], RecordQuery { operation_id: Some(ids[1]), ..all() }),
        (vec![3, 7], RecordQuery { event: Some(RecordKind::Refusal), ..all() }),
        (vec![5], RecordQuery { event: Some(RecordKind::Outcome), account, ..all() }),
        (vec![2, 4, 5, 6], RecordQuery { caller: Some(CALLER.parse().unwrap()), ..all() }),
        (vec![], RecordQuery { caller: Some("spiffe://example/ns/b".parse().unwrap()), ..all() }),
        (vec![3, 4, 5, 6, 7], RecordQuery { since: at(2), ..all() }),
        (vec![1, 2], RecordQuery { until: at(2), ..all() }),
        (vec![3, 4], RecordQuery { since: at(2), until: at(4), ..all() }),
        (vec![4, 5], RecordQuery { since: at(2), until: at(5), from: 4, ..all() }),
        (vec![], RecordQuery { since: at(60), ..all() }),
        (vec![], RecordQuery { until: Some(first), ..all() }),
        (vec![], RecordQuery { from: u64::MAX, ..all() }),
    ] {
        assert_eq!(found(&journal, query.clone()).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn a_record_brings_what_its_hash_is_made_of() {
    let (_fixture, journal, _) = filled().await;
    let records = journal.records(&all()).await.unwrap().records;
    let mut previous = RecordHash::ZERO;
    for Record { position, previous_hash, body } in records {
        assert_eq!((previous_hash, RecordHash::of(position.index, previous, &body)), (previous, position.hash));
        assert!(body.contains(&position.recorded_at.to_string()));
        previous = position.hash;
    }
}

#[tokio::test]
async fn a_page_ends_by_number_and_by_bytes_and_never_before_its_first_record() {
    let (_fixture, journal, _) = filled().await;
    let by_number = journal.records(&RecordQuery { limit: 3, ..all() }).await.unwrap();
    assert_eq!((indexes(&by_number), by_number.next), (vec![1, 2, 3], Some(4)));
    let bytes_max = by_number.records.iter().map(|record| record.body.len()).sum();
    let by_bytes = journal.records(&RecordQuery { bytes_max, ..all() }).await.unwrap();
    assert_eq!((indexes(&by_bytes), by_bytes.next), (vec![1, 2, 3], Some(4)));
    let smallest = journal.records(&RecordQuery { bytes_max: 0, from: 2, ..all() }).await.unwrap();
    assert_eq!((indexes(&smallest), smallest.next), (vec![2], Some(3)));
}

#[tokio::test]
async fn pages_hold_each_record_once_and_end_although_every_look_is_recorded() {
    let (_fixture, journal, _) = filled().await;
    let (mut seen, mut query) = (Vec::new(), RecordQuery { limit: 2, ..all() });
    loop {
        let page = journal.records(&query).await.unwrap();
        seen.extend(indexes(&page));
        for _ in 0..3 {
            journal.append(refusal("somebody looked")).await.unwrap();
        }
        let Some(next) = page.next else { break };
        query = RecordQuery { from: next, through: Some(page.through), ..query };
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_filter_that_finds_nothing_costs_pages_of_a_bound_and_comes_to_an_end() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let bound = u64::from(SCAN_RECORDS_MAX);
    for _ in 0..bound.div_ceil(512) {
        let batch = (0..512).map(|_| journal.append(started()));
        futures_util::future::try_join_all(batch).await.unwrap();
    }
    let nothing = RecordQuery { event: Some(RecordKind::Stopped), ..all() };
    let first = journal.records(&nothing).await.unwrap();
    assert_eq!((indexes(&first), first.next), (vec![], Some(bound + 1)));
    let rest = RecordQuery { from: bound + 1, through: Some(first.through), ..nothing };
    let rest = journal.records(&rest).await.unwrap();
    assert_eq!((indexes(&rest), rest.next), (vec![], None));
}

#[tokio::test]
async fn an_empty_journal_has_no_records() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let now = fixture.clock_start();
    let page = journal.records(&RecordQuery { since: Some(now), until: Some(now), ..all() }).await.unwrap();
    assert_eq!(page, RecordPage { records: Vec::new(), next: None, through: 0 });
}

#[tokio::test]
async fn records_that_are_kept_elsewhere_are_not_missing() {
    let (fixture, journal, ids) = filled().await;
    let mut owner = stranger(&fixture.path).await;
    run(&mut owner, "INSERT INTO archived (id, last_index, hash) SELECT 1, idx, hash FROM records WHERE idx = 3").await;
    let since = Some(fixture.clock_start().plus(Duration::from_secs(5)));
    // First some of them are gone, then all.
    for prune in ["DELETE FROM records WHERE idx = 1", "DELETE FROM records WHERE idx <= 3"] {
        run(&mut owner, prune).await;
        assert_eq!(found(&journal, all()).await, [4, 5, 6, 7], "{prune}");
        assert_eq!(found(&journal, RecordQuery { from: 4, limit: 1, through: Some(4), ..all() }).await, [4]);
        assert_eq!(found(&journal, RecordQuery { since, ..all() }).await, [6, 7]);
        assert_eq!(found(&journal, RecordQuery { operation_id: Some(ids[0]), ..all() }).await, [5]);
        let account = Some(ACCOUNT.parse().unwrap());
        assert_eq!(found(&journal, RecordQuery { account, ..all() }).await, [5, 7]);
    }
}

async fn tampered(statement: &'static str, query: RecordQuery) -> (u64, Fault) {
    let (fixture, journal, _) = filled().await;
    let mut owner = stranger(&fixture.path).await;
    run(&mut owner, "DROP TRIGGER records_no_update").await;
    run(&mut owner, "DROP TRIGGER records_no_delete").await;
    run(&mut owner, statement).await;
    match journal.records(&query).await.unwrap_err() {
        VerifyError::Tampered { index, fault } => (index, fault),
        VerifyError::Unreadable(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_was_not_written_so_is_never_handed_out() {
    let edit = "UPDATE records SET body = replace(body, 'AssumeRoot', 'AssumeBoot') WHERE idx = 3";
    assert_eq!(tampered(edit, all()).await, (3, Fault::Hash));
    assert_eq!(tampered(edit, RecordQuery { from: 3, limit: 1, ..all() }).await, (3, Fault::Hash));
    let swap = "UPDATE records SET hash = (SELECT hash FROM records AS other WHERE other.idx = 4) WHERE idx = 3";
    assert_eq!(tampered(swap, RecordQuery { from: 4, ..all() }).await, (4, Fault::Hash), "by the record in front");
    assert_eq!(tampered("DELETE FROM records WHERE idx = 3", all()).await, (3, Fault::Gap(4)));
    assert_eq!(tampered("DELETE FROM records WHERE idx = 1", all()).await, (1, Fault::Gap(2)));
    assert_eq!(tampered("UPDATE records SET hash = x'00' WHERE idx = 2", all()).await, (2, Fault::NoHash));
}

/// A time that was changed would hide records behind it from `since` and `until`.
#[tokio::test]
async fn a_time_that_is_searched_by_is_checked_too() {
    let since = Some(Fixture::new().clock_start().plus(Duration::from_secs(1)));
    let edit =
        "UPDATE records SET body = replace(body, '\"recorded_at\":\"2026', '\"recorded_at\":\"2027') WHERE idx = 4";
    assert_eq!(tampered(edit, RecordQuery { since, ..all() }).await, (4, Fault::Hash));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever the sizes of pages are, together they are the list.
    #[test]
    fn pages_of_any_size_are_the_list(limit in 1_u32..9, bytes_max in 0_usize..3000, from in 0_u64..9, account: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_fixture, journal, _) = filled().await;
            let whole = RecordQuery { from, account: account.then(|| ACCOUNT.parse().unwrap()), ..all() };
            let expected = found(&journal, whole.clone()).await;
            let (mut seen, mut query) = (Vec::new(), RecordQuery { limit, bytes_max, ..whole });
            loop {
                let page = journal.records(&query).await.unwrap();
                assert!(page.records.len() <= limit as usize);
                seen.extend(indexes(&page));
                let Some(next) = page.next else { break };
                assert!(next > query.from, "it goes on");
                query = RecordQuery { from: next, through: Some(page.through), ..query };
            }
            assert_eq!(seen, expected);
        });
    }
}
