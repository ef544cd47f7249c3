//! The one place that decides.
//!
//! Slot, caller, turn, operation, policy, target, lock: whatever fails there is a refusal, and recorded. Then intent, act,
//! outcome. All of it runs in a detached, tracked task, so that a caller's deadline or disconnect never parts an act
//! from its outcome record.
//!
//! Approvals and idempotency records will stand between policy and lock.

mod backups;
mod callers;
mod failures;
mod flood;
mod journal_reader;
mod limits;
mod locks;
mod rates;
mod records;
mod refusals;
mod targets;

pub use callers::CallerLimits;
pub use limits::Slots;
pub use records::Receipt;
pub use targets::TargetRules;

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::{
    authn::{AuthnFailure, Caller},
    authz::{Ask, Circumstances, Engine, Permit},
    aws::{Aws, Trail},
    clock::{Clock, Rate},
    error::{Error, ErrorReason},
    journal::{CallerRecord, Event, Journal},
    ops::{Explainer, Means, Operation},
    organization::Keeper,
    types::{Current, Kind, OperationId},
};

use self::{
    backups::{JournalBackups, StoredBackups},
    callers::{Callers, Turn},
    failures::{out_of_time, panicked, permission_denied, unauthenticated, unrecorded},
    flood::Flood,
    journal_reader::StoredRecords,
    locks::Locks,
    rates::KindRates,
};

/// Decides, acts and records. See the module.
pub struct Gate {
    policies: Arc<Current<Engine>>,
    organization: Arc<Keeper>,
    clock: Arc<dyn Clock>,
    journal: Journal,
    aws: Aws,
    rules: TargetRules,
    slots: Slots,
    callers: Callers,
    kinds: KindRates,
    locks: Locks,
    flood: Arc<Flood>,
    tasks: TaskTracker,
}

/// What a gate decides by and acts with.
pub struct GateParts {
    /// The policies in force.
    pub policies: Arc<Current<Engine>>,
    /// Where accounts are.
    pub organization: Arc<Keeper>,
    /// Tells policies the time.
    pub clock: Arc<dyn Clock>,
    /// Where everything is recorded.
    pub journal: Journal,
    /// The hold on AWS.
    pub aws: Aws,
    /// Targets that no act may reach.
    pub rules: TargetRules,
    /// Room for operations.
    pub slots: Slots,
    /// What one caller may use up.
    pub caller_limits: CallerLimits,
    /// How often each kind may run; a kind that is not in here is not bounded.
    pub kind_rates: BTreeMap<Kind, Rate>,
}

/// A request as it came: who asks, what for, and what the message says of itself in case it has to be refused.
pub struct Asked<O> {
    /// Who asks, if anybody proved to be somebody.
    pub caller: Result<Caller, AuthnFailure>,
    /// What for, if the message is well-formed.
    pub operation: Result<O, Error>,
    /// For the record of a refusal.
    pub claims: Claims,
}

/// What a message says of itself, before anything is checked. Recorded as text, and believed nowhere.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Name of the RPC.
    pub rpc: &'static str,
    /// The account, if the message has that field.
    pub account_id: String,
    /// The resource, if the message has one.
    pub resource: String,
    /// The reason.
    pub reason: String,
    /// The ticket.
    pub ticket: String,
}

/// An act that was carried through.
pub struct Done<T> {
    /// What the caller gets back.
    pub output: T,
    /// Where it is recorded.
    pub receipt: Receipt,
    /// Set if not all of it was done; the answer is then this error, with the output in its details.
    pub shortfall: Option<Error>,
}

/// A refusal on its way into the journal.
struct Refused {
    error: Error,
    /// Boxed, because it travels in the `Err` of every check.
    caller: Option<Box<CallerRecord>>,
    policies: Vec<String>,
}

impl Gate {
    /// A gate of these parts, in which nothing has happened yet.
    #[must_use]
    pub fn new(parts: GateParts) -> Self {
        let GateParts { policies, organization, clock, journal, aws, rules, slots, caller_limits, kind_rates } = parts;
        let flood = Arc::<Flood>::default();
        let (callers, kinds) = (Callers::new(caller_limits, Arc::clone(&flood)), KindRates::new(kind_rates));
        let (locks, tasks) = (Locks::default(), TaskTracker::new());
        Self { policies, organization, clock, journal, aws, rules, slots, callers, kinds, locks, flood, tasks }
    }

    /// Decides, and if the answer is yes, acts.
    ///
    /// # Errors
    /// Why nothing was done, or why it is not known whether it was.
    pub async fn run<O: Operation>(self: &Arc<Self>, asked: Asked<O>) -> Result<Done<O::Output>, Error> {
        let gate = Arc::clone(self);
        self.detached(async move { gate.decide(asked).await }).await?
    }

    /// Refuses a call that is not served yet, which is recorded like any other refusal.
    pub async fn refuse(self: &Arc<Self>, caller: Result<Caller, AuthnFailure>, claims: Claims, error: Error) -> Error {
        let gate = Arc::clone(self);
        let refusal = async move {
            let (refused, _turn) = match gate.admit(caller) {
                Ok((caller, turn)) => (
                    Refused { error, caller: Some(Box::new(records::caller(&caller))), policies: Vec::new() },
                    Some(turn),
                ),
                Err(refused) => (refused, None),
            };
            gate.record_refusal(OperationId::generate(), claims, refused).await
        };
        self.detached(refusal).await.unwrap_or_else(|not_run| not_run)
    }

    /// Runs a decision in a task of its own, which holds its slot to the end. The caller may go away; the task does not.
    async fn detached<T: Send + 'static>(
        &self,
        decision: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        // Until the task is counted itself: a stop that finds nobody at work finds no slot that is about to be used either.
        let counted = self.tasks.token();
        // Who finds no slot is not recorded: a flood must not fill the journal.
        let slot = self.slots.take()?;
        let decision = async move {
            let _slot = slot;
            decision.await
        };
        let task = self.tasks.spawn(decision.in_current_span());
        drop(counted);
        task.await.map_err(|_| Error::internal("the decision ended in a panic outside of the act"))
    }

    /// Waits until every operation in flight has its outcome record. New ones are refused from now on.
    pub async fn drain(&self) {
        self.slots.close();
        self.tasks.close();
        self.tasks.wait().await;
        self.tell_unrecorded();
    }

    /// How many operations are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.tasks.len()
    }

    /// The gateway's hold on AWS.
    #[must_use]
    pub const fn aws(&self) -> &Aws {
        &self.aws
    }

    async fn decide<O: Operation>(&self, asked: Asked<O>) -> Result<Done<O::Output>, Error> {
        let id = OperationId::generate();
        let Asked { caller, operation, claims } = asked;
        let (caller, _turn) = match self.admit(caller) {
            Ok(admitted) => admitted,
            Err(refused) => return Err(self.record_refusal(id, claims, refused).await),
        };
        // One set of policies and one tree for the whole decision, whatever is reloaded meanwhile.
        let policies = self.policies.get();
        let now = self.clock.now();
        let at = Circumstances { now, tree: self.organization.tree(now) };
        let record = Box::new(records::caller(&caller));
        // Boxed: it is large, with the calls about the target in it.
        let permit = Box::pin(self.permit(caller, operation, &policies, &at));
        let permit = AssertUnwindSafe(permit).catch_unwind().await;
        let permit = permit.unwrap_or_else(|_panic| {
            let error = Error::internal("the decision ended in a panic before the act");
            Err(Refused { error, caller: Some(record), policies: Vec::new() })
        });
        let permit = match permit {
            Ok(permit) => permit,
            Err(refused) => return Err(self.record_refusal(id, claims, refused).await),
        };
        let lock =
            if limits::exclusive(O::KIND) { self.locks.take(&permit.operation().target()).map(Some) } else { Ok(None) };
        let _lock = match lock {
            Ok(lock) => lock,
            Err(error) => return Err(self.record_refusal(id, claims, refused(&permit, error)).await),
        };
        let (backups, journal) = (StoredBackups(&self.journal), StoredRecords(&self.journal));
        let explainer = Explainer::new(&policies, &at);
        let means = Means { aws: &self.aws, explainer, backups: &backups, journal: &journal, now };
        // Boxed: the future of an act is large, and lives in the task for long.
        Box::pin(self.act(id, &permit, means)).await
    }

    /// Somebody, whose turn it is.
    fn admit(&self, caller: Result<Caller, AuthnFailure>) -> Result<(Caller, Turn), Refused> {
        let caller = caller.map_err(|failure| unauthenticated(&failure))?;
        match self.callers.take(&caller) {
            Ok(turn) => Ok((caller, turn)),
            Err(error) => {
                Err(Refused { error, caller: Some(Box::new(records::caller(&caller))), policies: Vec::new() })
            }
        }
    }

    /// Everything that has to be right before an act: operation, policy, rate, target.
    async fn permit<O: Operation>(
        &self,
        caller: Caller,
        operation: Result<O, Error>,
        policies: &Engine,
        at: &Circumstances,
    ) -> Result<Permit<O>, Refused> {
        let record = Box::new(records::caller(&caller));
        let malformed = |error| Refused { error, caller: Some(record.clone()), policies: Vec::new() };
        let operation = operation.map_err(malformed)?;
        let account = operation.target().account();
        let permit = policies.authorize(operation, caller, at).map_err(|denial| {
            let error = permission_denied(O::KIND, &denial).about(account);
            Refused { error, caller: Some(record), policies: denial.policies }
        })?;
        if let Err(error) = self.kinds.take(O::KIND) {
            return Err(refused(&permit, error.about(account)));
        }
        if !limits::reaches_account(O::KIND) {
            return Ok(permit);
        }
        // Only the permitted may learn whether an account exists, and in what state it is.
        let check = timeout(limits::TARGET_CHECK_LIMIT, targets::check(&self.rules, &self.aws, permit.operation()));
        let checked = check.await.unwrap_or_else(|_elapsed| {
            Err(Error::new(ErrorReason::AwsUnavailable, "AWS did not say in time what this account is"))
        });
        match checked {
            Ok(()) => Ok(permit),
            Err(error) => Err(refused(&permit, error.about(account))),
        }
    }

    /// Intent, act, outcome.
    async fn act<O: Operation>(
        &self,
        id: OperationId,
        permit: &Permit<O>,
        means: Means<'_>,
    ) -> Result<Done<O::Output>, Error> {
        let intent = self.journal.append(Event::Intent(records::intent(id, permit))).await;
        // No durable intent, no act.
        let intent = intent.map_err(|error| unrecorded(&error))?;
        let backups = JournalBackups::new(self.journal.clone(), id, intent.index, permit);
        let trail = Trail::for_operation(id, Arc::new(backups));
        let plans = permit.operation().terms().is_some_and(|terms| terms.validate_only);
        let trail = if plans { trail.planning() } else { trail };
        let act = async {
            let output = O::act(permit, means, &trail).await?;
            Ok((O::conclude(&output), output))
        };
        let result = match timeout(limits::time_limit(O::KIND), AssertUnwindSafe(act).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(panicked(O::KIND, &trail)),
            Err(_elapsed) => Err(out_of_time(O::KIND, &trail)),
        };
        let account = permit.operation().target().account();
        let result = result.map_err(|error: Error| error.about(account));
        let conclusion = result.as_ref().map(|(conclusion, _)| conclusion);
        let outcome = records::outcome(id, intent.index, conclusion, &trail);
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
        let receipt = Receipt::new(id, position, &trail);
        match result {
            Ok((conclusion, output)) => {
                let shortfall = conclusion.shortfall.map(|error| receipt.attach(error.about(account)));
                Ok(Done { output, receipt, shortfall })
            }
            Err(error) => Err(receipt.attach(error)),
        }
    }
}

fn refused<O: Ask>(permit: &Permit<O>, error: Error) -> Refused {
    Refused { error, caller: Some(Box::new(records::caller(permit.caller()))), policies: permit.policies().to_vec() }
}
