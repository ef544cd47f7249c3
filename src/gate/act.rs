//! Intent, act, outcome.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::time::timeout;

use super::{
    Answer, Done, Gate,
    backups::JournaledAct,
    failures::{busy, in_flight, out_of_time, panicked, panicked_before, unrecorded},
    kept, limits,
    records::{self, Evidence, placed},
    requests::{Request, claim},
};
use crate::{
    authz::Permit,
    aws::Trail,
    error::Error,
    journal::{AppendError, Event, Position, RequestEnd},
    ops::{Means, Operation},
    types::OperationId,
};

impl Gate {
    /// Acts, unless the same request was carried out before.
    ///
    /// The outer error is a refusal. The inner result is what the journal has: an outcome, of this act or an earlier one.
    pub(super) async fn carry_out<O: Operation, A: Answer<O>>(
        &self,
        id: OperationId,
        permit: &Permit<O>,
        means: Means<'_>,
    ) -> Result<Result<Done<A>, Error>, Error> {
        let request = Request::of(permit);
        let mut is_reachable = false;
        loop {
            if let Some(request) = &request
                && let Some(earlier) = caught(self.earlier(request)).await?
            {
                return self.repeat(permit, request, earlier).await;
            }
            if !is_reachable {
                caught(self.reach(permit)).await?;
                is_reachable = true;
            }
            // Before the intent, so that whoever sees the intent finds it running.
            let _run = request.as_ref().map(|_| self.running.enter(id));
            match self.journal.append(Event::Intent(records::intent(id, permit))).await {
                Ok(intent) => return Ok(self.act(id, intent, permit, means).await),
                // A twin was faster.
                Err(AppendError::RequestKnown(first)) => {
                    if request.as_ref().is_none_or(Request::is_late) {
                        return Err(in_flight(&first));
                    }
                }
                Err(AppendError::TargetHeld(holder)) => return Err(busy(&permit.operation().target(), &holder)),
                // No durable intent, no act.
                Err(error) => return Ok(Err(unrecorded(&error))),
            }
        }
    }

    /// The act of a durable intent, and its outcome.
    async fn act<O: Operation, A: Answer<O>>(
        &self,
        id: OperationId,
        intent: Position,
        permit: &Permit<O>,
        means: Means<'_>,
    ) -> Result<Done<A>, Error> {
        let journal = JournaledAct::new(self.journal.clone(), id, intent.index, permit);
        let trail = Trail::for_operation(id, Arc::new(journal));
        let plans = permit.operation().terms().is_some_and(|terms| terms.validate_only);
        let trail = if plans { trail.planning() } else { trail };
        let act = async {
            let output = O::act(permit, means, &trail).await?;
            Ok((O::conclude(&output), A::new(output, Evidence::new(id, &trail))))
        };
        let result = match timeout(limits::time_limit(O::KIND), AssertUnwindSafe(act).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(panicked(O::KIND, &trail)),
            Err(_elapsed) => Err(out_of_time(O::KIND, &trail)),
        };
        let account = permit.operation().target().account();
        let result = result.map_err(|error: Error| error.about(account));
        let request = match claim(permit) {
            Some(_) => kept::end_of(result.as_ref().map(|(conclusion, answer)| (conclusion, answer))),
            None => RequestEnd::NoRequest,
        };
        let conclusion = result.as_ref().map(|(conclusion, _)| conclusion);
        let outcome = records::outcome(id, intent.index, account, conclusion, request, &trail);
        let result_word = outcome.result;
        let position = self.journal.append_until_durable(Event::Outcome(outcome)).await;
        tracing::info!(
            operation = O::KIND.name(),
            operation_id = %id,
            caller = permit.caller().subject(),
            account = account.map(tracing::field::display),
            result = ?result_word,
            journal_index = position.index,
            "acted"
        );
        match result {
            Ok((conclusion, mut answer)) => {
                answer.set_position(position);
                let shortfall = conclusion.shortfall.map(|error| placed(error.about(account), id, position));
                Ok(Done { answer, shortfall })
            }
            Err(error) => Err(placed(error, id, position)),
        }
    }
}

/// A panic before the intent is a refusal.
async fn caught<T>(step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    // Boxed: there are calls about the target in it.
    AssertUnwindSafe(Box::pin(step)).catch_unwind().await.unwrap_or_else(|_panic| Err(panicked_before()))
}
