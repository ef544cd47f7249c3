//! A request that its caller gave an id is done once, however often it is made.
//!
//! Whoever comes second is answered what the first was, or waits for that; nobody acts twice. The claim itself is the
//! store's: it takes an intent only if its request is not known, in the intent's own transaction, so that it holds across
//! replicas and a restart.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Answer, Done, Gate, Slots,
    failures::{in_flight, interrupted, request_not_read_in_time, reused, shutting_down, unread_request, unrecorded},
    kept, limits,
    records::{self, placed},
    running::Running,
};
use crate::{
    authz::{Ask, OperationDigest, Permit},
    error::Error,
    journal::{CallerRecord, Event, RecordedOutcome, RecordedRequest, RequestClaim},
    ops::Operation,
};

/// First pause between two looks at a request that another replica carries out; doubled until the longest.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(50);
/// Late enough not to load the store, and soon enough for a person.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A request that can be known again.
pub(super) struct Request {
    caller: CallerRecord,
    claim: RequestClaim,
    /// Nobody waits for a twin longer than for the act itself.
    deadline: Instant,
}

/// How a request ended that was made before.
pub(super) struct Earlier {
    first: RecordedRequest,
    outcome: RecordedOutcome,
}

impl Request {
    /// The permitted request, if its caller gave it an id. A plan is done each time: it changes nothing, and it may carry
    /// the id of the act that it plans.
    pub(super) fn of<O: Ask>(permit: &Permit<O>) -> Option<Self> {
        let claim = claim(permit)?;
        let deadline = Instant::now() + limits::time_limit(O::KIND);
        Some(Self { caller: records::caller(permit.caller()), claim, deadline })
    }

    /// Whether it has waited long enough.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

/// What the intent claims.
pub(super) fn claim<O: Ask>(permit: &Permit<O>) -> Option<RequestClaim> {
    let terms = permit.operation().terms().filter(|terms| !terms.validate_only)?;
    let request_id = terms.request_id?.to_string();
    Some(RequestClaim { request_id, digest: OperationDigest::of(permit.operation()).to_string() })
}

impl Gate {
    /// How this request ended before, for which a twin that still runs is waited for; none if it is nobody's.
    pub(super) async fn earlier(&self, request: &Request) -> Result<Option<Earlier>, Error> {
        let journal = &self.journal;
        let look = move || async move {
            let found = journal.request(&request.caller, &request.claim.request_id).await;
            found.map_err(|error| unread_request(&error))
        };
        settled(look, request, &self.running, &self.slots).await
    }

    /// Gives the answer of the first time again, and records that.
    ///
    /// The outer error is a refusal, the inner one what was answered.
    pub(super) async fn repeat<O: Operation, A: Answer<O>>(
        &self,
        permit: &Permit<O>,
        request: &Request,
        Earlier { first, outcome }: Earlier,
    ) -> Result<Result<Done<A>, Error>, Error> {
        let (operation_id, position) = (first.operation_id, outcome.position);
        let answered = match &outcome.reply {
            Some(kept) => {
                let unreadable =
                    || Error::internal("what was kept of an answer cannot be read; a newer gateway wrote it?");
                kept::read::<O, A>(kept).ok_or_else(unreadable)?
            }
            None => Err(interrupted()),
        };
        let account = permit.operation().target().account();
        let event = Event::Repeated {
            account_id: account,
            operation_id: operation_id.clone(),
            intent_index: first.intent_index,
            request_id: request.claim.request_id.clone(),
            caller: request.caller.clone(),
        };
        if let Err(error) = self.journal.append(event).await {
            return Ok(Err(unrecorded(&error)));
        }
        tracing::info!(operation = O::KIND.name(), operation_id, caller = permit.caller().subject(), "answered again");
        let told = |error: Error| placed(error.about(account), &operation_id, position);
        Ok(match answered {
            Ok(Done { mut answer, shortfall }) => {
                answer.set_position(position);
                Ok(Done { answer, shortfall: shortfall.map(told) })
            }
            Err(error) => Err(told(error)),
        })
    }
}

/// Looks until the request has ended, or is nobody's.
async fn settled<F: Future<Output = Result<Option<RecordedRequest>, Error>>>(
    look: impl Fn() -> F,
    request: &Request,
    running: &Running,
    slots: &Slots,
) -> Result<Option<Earlier>, Error> {
    let mut pause = LOOK_PAUSE_MIN;
    loop {
        let looked = timeout_at(request.deadline, look()).await.map_err(|_elapsed| request_not_read_in_time())?;
        let Some(mut first) = looked? else { return Ok(None) };
        if first.digest != request.claim.digest {
            return Err(reused(&first.operation_id));
        }
        if let Some(outcome) = first.outcome.take() {
            return Ok(Some(Earlier { first, outcome }));
        }
        let here = running.end_of(&first.operation_id);
        // What another replica does, nobody here waits for while the gateway stops.
        if here.is_none() && slots.is_closed() {
            return Err(shutting_down());
        }
        let wait = async {
            match here {
                Some(ended) => ended.await,
                None => sleep(pause).await,
            }
        };
        timeout_at(request.deadline, wait).await.map_err(|_elapsed| in_flight(&first.operation_id))?;
        pause = (pause * 2).min(LOOK_PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests;
