use std::{
    collections::{BTreeMap, BTreeSet},
    future::ready,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    clock::Timestamp,
    error::ErrorReason,
    journal::{Position, RecordHash},
    types::OperationId,
};

const LIMIT: Duration = Duration::from_secs(90);

fn request() -> Request {
    let caller = CallerRecord {
        listener: "main".to_owned(),
        scheme: "mtls".to_owned(),
        subject: "spiffe://example.org/ops/alice".to_owned(),
        groups: BTreeSet::new(),
        attributes: BTreeMap::new(),
    };
    let claim = RequestClaim { request_id: "5f0c6b3a-6f0e-4f5e-9a55-0d6a3c1b2e7f".to_owned(), digest: "d1".to_owned() };
    Request { caller, claim, deadline: Instant::now() + LIMIT }
}

fn running_one(id: &OperationId) -> RecordedRequest {
    RecordedRequest { digest: "d1".to_owned(), operation_id: id.to_string(), intent_index: 3, outcome: None }
}

fn ended_one(id: &OperationId) -> RecordedRequest {
    let hash: RecordHash = "ab".repeat(32).parse().unwrap();
    let position = Position { index: 4, hash, recorded_at: Timestamp::from_unix(1_795_286_154, 0) };
    let outcome = RecordedOutcome { position, body: "{}".to_owned(), reply: Some(Vec::new()) };
    RecordedRequest { outcome: Some(outcome), ..running_one(id) }
}

/// What a look finds, by its number from 0; and how many there were.
struct Looks<F>(AtomicUsize, F);

impl<F: Fn(usize) -> Option<RecordedRequest>> Looks<F> {
    fn new(found: F) -> Self {
        Self(AtomicUsize::new(0), found)
    }

    async fn settled(&self, running: &Running, slots: &Slots) -> Result<Option<Earlier>, Error> {
        let look = || ready(Ok((self.1)(self.0.fetch_add(1, Ordering::Relaxed))));
        settled(look, &request(), running, slots).await
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn reason<T>(result: Result<T, Error>) -> ErrorReason {
    result.err().expect("an error").reason()
}

#[tokio::test(start_paused = true)]
async fn a_twin_on_another_replica_is_looked_at_again_and_again_with_longer_pauses() {
    let (id, began) = (OperationId::generate(), Instant::now());
    let looks = Looks::new(|n| Some(if n < 8 { running_one(&id) } else { ended_one(&id) }));
    let earlier = looks.settled(&Running::default(), &Slots::new(1)).await.unwrap().unwrap();
    assert_eq!(earlier.outcome.position.index, 4);
    // 50, 100, 200, 400, 800, and then a second each.
    assert_eq!((looks.count(), began.elapsed()), (9, Duration::from_millis(1550 + 3 * 1000)));
}

#[tokio::test(start_paused = true)]
async fn a_twin_in_this_process_is_waited_for_without_looking() {
    let (id, began) = (OperationId::generate(), Instant::now());
    let running = Running::default();
    let run = running.enter(id);
    let looks = Looks::new(|n| Some(if n == 0 { running_one(&id) } else { ended_one(&id) }));
    let ends = async {
        sleep(Duration::from_secs(30)).await;
        drop(run);
    };
    let slots = Slots::new(1);
    let (earlier, ()) = tokio::join!(looks.settled(&running, &slots), ends);
    assert!(earlier.unwrap().is_some());
    assert_eq!((looks.count(), began.elapsed()), (2, Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_does_not_answer_is_not_waited_for_without_end() {
    let began = Instant::now();
    let look = std::future::pending::<Result<Option<RecordedRequest>, Error>>;
    let settled = settled(look, &request(), &Running::default(), &Slots::new(1)).await;
    assert_eq!((reason(settled), began.elapsed()), (ErrorReason::JournalUnavailable, LIMIT));
}

#[tokio::test(start_paused = true)]
async fn a_released_id_is_nobodys_again() {
    let id = OperationId::generate();
    let looks = Looks::new(|n| (n < 2).then(|| running_one(&id)));
    assert!(looks.settled(&Running::default(), &Slots::new(1)).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_for_the_act_and_is_told_to_ask_again() {
    let (id, began) = (OperationId::generate(), Instant::now());
    let looks = Looks::new(|_| Some(running_one(&id)));
    let error = looks.settled(&Running::default(), &Slots::new(1)).await.err().unwrap();
    assert_eq!((error.reason(), began.elapsed()), (ErrorReason::RequestInFlight, LIMIT));
    assert!(error.retry_after().is_some());
    assert_eq!(error.metadata()["first_operation_id"], id.to_string());
}

#[tokio::test(start_paused = true)]
async fn another_body_is_told_at_once_even_while_the_first_runs() {
    let id = OperationId::generate();
    let looks = Looks::new(|_| Some(RecordedRequest { digest: "d2".to_owned(), ..running_one(&id) }));
    let result = looks.settled(&Running::default(), &Slots::new(1)).await;
    assert_eq!((reason(result), looks.count()), (ErrorReason::RequestIdReused, 1));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_stops_waits_for_its_own_acts_and_for_no_other_replicas() {
    let id = OperationId::generate();
    let (running, slots) = (Running::default(), Slots::new(1));
    slots.close();
    let looks = Looks::new(|_| Some(running_one(&id)));
    assert_eq!(reason(looks.settled(&running, &slots).await), ErrorReason::ShuttingDown);
    let _run = running.enter(id);
    assert_eq!(reason(looks.settled(&running, &slots).await), ErrorReason::RequestInFlight);
}
