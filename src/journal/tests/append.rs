//! Appending and reading back.

use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::clock::Clock;

#[tokio::test]
async fn what_is_appended_is_listed_and_verified() {
    let fixture = Fixture::new();
    let Opened { journal, interrupted, head } = fixture.open().await;
    assert!(interrupted.is_empty() && head.is_none());
    let id = OperationId::generate();
    let first = journal.append(started()).await.unwrap();
    fixture.clock.advance(Duration::from_millis(1));
    let opened = journal.append(intent(id)).await.unwrap();
    let refused = journal.append(refusal("why")).await.unwrap();
    let closed = journal.append(outcome(id, opened.index)).await.unwrap();
    assert_eq!([first, opened, refused, closed].map(|position| position.index), [1, 2, 3, 4]);
    assert_eq!(opened.recorded_at.to_string(), "2026-11-21T18:35:54.001000Z");

    let receipts = [first, opened, refused, closed].map(Expectation::from);
    let verified = verify(&fixture.path, &receipts).await.unwrap();
    assert_eq!((verified.records, verified.head), (4, Some(closed)));
    assert!(verified.open_intents.is_empty());
    journal.close().await.unwrap();

    assert_eq!(fixture.events().await, ["Started", "Intent", "Refusal", "Outcome", "Stopped"]);
    let records = list(&fixture.path, 2, 2).await.unwrap();
    assert_eq!(
        records.iter().map(|record| (record.index, record.hash)).collect::<Vec<_>>(),
        [(2, opened.hash), (3, refused.hash)]
    );
    assert_eq!(RecordHash::of(2, first.hash, &records[0].body), opened.hash);
    assert!(list(&fixture.path, 6, 10).await.unwrap().is_empty());
    assert!(list(&fixture.path, u64::MAX, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn events_that_wait_together_share_one_commit() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let before = journal.commits().await;
    let positions = join_all((0..100).map(|_| journal.append(refusal("x")))).await;
    assert_eq!(positions.into_iter().map(|position| position.unwrap().index).max(), Some(100));
    assert_eq!(journal.commits().await - before, 1);
    let positions = join_all((0..300).map(|_| journal.append(refusal("x")))).await;
    assert!(positions.iter().all(Result::is_ok));
    assert_eq!(journal.commits().await - before, 4, "three more: a batch is bounded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_appenders_make_one_unbroken_chain() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let tasks = (0..64).map(|_| {
        let journal = journal.clone();
        tokio::spawn(async move {
            let mut positions = Vec::new();
            for _ in 0..4 {
                let id = OperationId::generate();
                let opened = journal.append(intent(id)).await.unwrap();
                positions.push(opened);
                positions.push(journal.append_until_durable(outcome(id, opened.index)).await);
            }
            positions
        })
    });
    let positions: Vec<_> = join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    let receipts: Vec<_> = positions.iter().copied().map(Expectation::from).collect();
    let verified = verify(&fixture.path, &receipts).await.unwrap();
    assert_eq!((verified.records, verified.open_intents.len()), (512, 0));
    let mut indexes: Vec<_> = positions.iter().map(|position| position.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (1..=512).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_queue_is_busy() {
    let fixture = Fixture::new();
    let bounds = Bounds { queue_events_max: 4, ..patient() };
    let journal = fixture.open_within(bounds).await.unwrap().journal;
    let answers = join_all((0..10).map(|_| journal.append(refusal("x")))).await;
    assert!(answers[..4].iter().all(Result::is_ok));
    assert!(answers[4..].iter().all(|answer| matches!(answer, Err(AppendError::Busy))));
    let patient = join_all((0..10).map(|_| journal.append_until_durable(refusal("x")))).await;
    assert_eq!(patient.last().unwrap().index, 14, "what must not be lost waits for its place");
}

#[tokio::test]
async fn an_oversized_intent_never_reaches_the_file_and_an_oversized_refusal_does_trimmed() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let Event::Intent(mut large) = intent(OperationId::generate()) else { unreachable!() };
    large.reason = "x".repeat(BODY_BYTES_MAX);
    let error = journal.append(Event::Intent(large)).await.unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { .. }), "{error}");
    journal.append(refusal(&"x".repeat(BODY_BYTES_MAX))).await.unwrap();
    assert_eq!(fixture.bodies().await[0]["reason"]["trimmed"], true);
    assert_eq!(fixture.verify().await.records, 1);
}

#[tokio::test]
async fn an_outcome_closes_its_own_open_intent_once() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (id, other) = (OperationId::generate(), OperationId::generate());
    let opened = journal.append(intent(id)).await.unwrap();
    for stray in [outcome(id, 0), outcome(id, 7), outcome(id, u64::MAX), outcome(other, opened.index)] {
        assert!(matches!(journal.append(stray).await, Err(AppendError::NoOpenIntent(_))));
    }
    assert_eq!(fixture.verify().await.open_intents, [OpenIntent { index: 1, operation_id: id.to_string() }]);
    journal.append(outcome(id, opened.index)).await.unwrap();
    assert!(matches!(journal.append(outcome(id, opened.index)).await, Err(AppendError::NoOpenIntent(1))));
    journal.append_until_durable(outcome(id, opened.index)).await;
    assert_eq!(fixture.events().await, ["Intent", "Outcome", "StrayOutcome"], "a defect of ours loses nothing");
    assert!(fixture.verify().await.open_intents.is_empty());
}

#[tokio::test]
async fn what_an_outcome_frees_may_be_taken_in_the_same_batch_and_only_once() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (first, second, third) = (OperationId::generate(), OperationId::generate(), OperationId::generate());
    journal.append(alone(first)).await.unwrap();
    assert!(matches!(journal.append(alone(second)).await, Err(AppendError::TargetHeld(by)) if by == first.to_string()));
    let events = [alone(second), outcome(first, 9), outcome(first, 1), alone(third)];
    let answers = join_all(events.map(|event| journal.append(event))).await;
    assert_eq!(answers[2].as_ref().unwrap().index, 2, "what closes comes first");
    assert_eq!(answers[0].as_ref().unwrap().index, 3);
    assert!(matches!(answers[1], Err(AppendError::NoOpenIntent(9))));
    assert!(matches!(&answers[3], Err(AppendError::TargetHeld(by)) if *by == second.to_string()));
    assert_eq!(fixture.verify().await.records, 3);
}

/// An intent that needs its target alone.
fn alone(id: OperationId) -> Event {
    let Event::Intent(intent) = intent(id) else { unreachable!() };
    Event::Intent(Intent { exclusive: true, ..intent })
}

#[tokio::test]
async fn an_intent_that_nobody_waits_for_is_closed_as_not_started() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let mut abandoned = Box::pin(journal.append(intent(OperationId::generate())));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(abandoned.as_mut().poll(&mut context).is_pending());
    drop(abandoned);
    journal.close().await.unwrap();
    // Intent and request to close may be taken together; then `Stopped` takes the outcome with it.
    assert_eq!(fixture.events().await, ["Intent", "Outcome", "Stopped"]);
    let closing = &fixture.bodies().await[1];
    assert_eq!(closing["error"]["reason"], "INTENT_NOT_CONFIRMED");
    assert_eq!((&closing["result"], &closing["changed"]), (&json!("Failed"), &json!(false)));
    assert!(fixture.verify().await.open_intents.is_empty());
}

#[tokio::test]
async fn nothing_is_recorded_after_close() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let other = journal.clone();
    let late = journal.clone();
    let (before, closed, after) =
        tokio::join!(other.append(refusal("x")), journal.close(), async { late.append(refusal("y")).await });
    before.unwrap();
    closed.unwrap();
    assert!(!fixture.beside("-wal").exists(), "everything is in the one file");
    assert!(matches!(after, Err(AppendError::Closed)));
    assert!(matches!(other.append(refusal("z")).await, Err(AppendError::Closed)));
    assert!(matches!(other.health().borrow().clone(), Health::Unwritable(text) if text.contains("closed")));
    assert!(matches!(other.close().await, Err(AppendError::Closed)));
    assert_eq!(fixture.events().await, ["Refusal", "Stopped"]);
}

#[derive(Debug)]
struct Wandering(AtomicI64);

impl Clock for Wandering {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn time_never_goes_backwards_along_the_chain() {
    let fixture = Fixture::new();
    let clock = Arc::new(Wandering(AtomicI64::new(2_000_000)));
    let journal = Journal::open_patiently(&fixture.path, clock.clone()).await.journal;
    let first = journal.append(refusal("x")).await.unwrap();
    clock.0.store(1_000_000, Ordering::SeqCst);
    let behind = journal.append(refusal("x")).await.unwrap();
    assert_eq!(behind.recorded_at, first.recorded_at);
    journal.close().await.unwrap();

    let opened = Journal::open_patiently(&fixture.path, clock.clone()).await;
    assert_eq!(opened.head.unwrap().recorded_at, first.recorded_at, "the last time survives a restart");
    assert_eq!(opened.journal.append(refusal("x")).await.unwrap().recorded_at, first.recorded_at);
    clock.0.store(3_000_000, Ordering::SeqCst);
    opened.journal.append(refusal("x")).await.unwrap();
    let marks: Vec<_> = fixture.bodies().await.iter().map(|body| body["clock_behind"] == true).collect();
    assert_eq!(marks, [false, true, true, true, false]);
    assert_eq!(fixture.verify().await.records, 5);
}

#[tokio::test]
async fn verify_works_while_the_gateway_writes() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let writing = journal.clone();
    let writer = tokio::spawn(async move {
        for _ in 0..200 {
            writing.append(refusal("x")).await.unwrap();
        }
    });
    let mut seen = 0;
    while !writer.is_finished() {
        let records = fixture.verify().await.records;
        assert!(records >= seen);
        seen = records;
    }
    writer.await.unwrap();
    assert_eq!(fixture.verify().await.records, 200);
}

#[test]
fn an_event_is_stored_under_the_name_of_its_kind() {
    let id = OperationId::generate();
    let Event::Outcome(stray) = outcome(id, 1) else { panic!("it is one") };
    let reloaded = Event::Reloaded { what: "policies".to_owned(), sha256: None };
    let interrupted = Event::Interrupted { operation_id: id.to_string(), intent_index: 1, account_id: String::new() };
    let older_than = Timestamp::from_unix(0, 0);
    let expired = Event::BackupsExpired { count: 1, older_than };
    let forgotten = Event::RequestsForgotten { count: 1, older_than };
    for event in [
        started(),
        reloaded,
        Event::Stopped {},
        intent(id),
        expired,
        forgotten,
        outcome(id, 1),
        Event::StrayOutcome(stray),
        refusal("x"),
        interrupted,
    ] {
        assert_eq!(serde_json::to_value(&event).unwrap()["event"], event.kind().name());
    }
}
