//! The one place that decides.
//!
//! Slot, caller, operation, policy, target, lock: whatever fails there is a refusal, and recorded. Then intent, act,
//! outcome. All of it runs in a detached, tracked task, so that a caller's deadline or disconnect never parts an act
//! from its outcome record.
//!
//! Approvals and idempotency records will stand between policy and lock.

mod backups;
mod flood;
mod limits;
mod locks;
mod records;
mod targets;

pub use limits::Slots;
pub use records::Receipt;
pub use targets::TargetRules;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::{
    authn::{AuthnFailure, Caller},
    authz::{Ask, Denial, Engine, Permit},
    aws::{Aws, Trail},
    error::{Error, ErrorReason},
    journal::{AppendError, CallerRecord, Event, Journal},
    ops::Operation,
    types::{Kind, OperationId},
};

use self::{backups::JournalBackups, flood::Flood, locks::Locks};

/// Decides, acts and records. See the module.
pub struct Gate {
    engine: Engine,
    journal: Journal,
    aws: Aws,
    rules: TargetRules,
    slots: Slots,
    locks: Locks,
    flood: Flood,
    tasks: TaskTracker,
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
    caller: Option<CallerRecord>,
    policies: Vec<String>,
}

impl Gate {
    /// A gate with its own limits.
    #[must_use]
    pub fn new(engine: Engine, journal: Journal, aws: Aws, rules: TargetRules, slots: Slots) -> Self {
        let (locks, flood, tasks) = (Locks::default(), Flood::default(), TaskTracker::new());
        Self { engine, journal, aws, rules, slots, locks, flood, tasks }
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
            let refused = match caller {
                Ok(caller) => Refused { error, caller: Some(records::caller(&caller)), policies: Vec::new() },
                Err(failure) => unauthenticated(&failure),
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
        let permit = match self.permit(caller, operation).await {
            Ok(permit) => permit,
            Err(refused) => return Err(self.record_refusal(id, claims, refused).await),
        };
        let lock =
            if limits::exclusive(O::KIND) { self.locks.take(&permit.operation().target()).map(Some) } else { Ok(None) };
        let _lock = match lock {
            Ok(lock) => lock,
            Err(error) => return Err(self.record_refusal(id, claims, refused(&permit, error)).await),
        };
        // Boxed: the future of an act is large, and lives in the task for long.
        Box::pin(self.act(id, &permit)).await
    }

    /// Everything that has to be right before an act: caller, operation, policy, target.
    async fn permit<O: Operation>(
        &self,
        caller: Result<Caller, AuthnFailure>,
        operation: Result<O, Error>,
    ) -> Result<Permit<O>, Refused> {
        let caller = caller.map_err(|failure| unauthenticated(&failure))?;
        let record = records::caller(&caller);
        let malformed = |error| Refused { error, caller: Some(record.clone()), policies: Vec::new() };
        let operation = operation.map_err(malformed)?;
        let account = operation.target().account();
        let permit = self.engine.authorize(operation, caller).map_err(|denial| {
            let error = permission_denied(O::KIND, &denial).about(account);
            Refused { error, caller: Some(record), policies: denial.policies }
        })?;
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
    async fn act<O: Operation>(&self, id: OperationId, permit: &Permit<O>) -> Result<Done<O::Output>, Error> {
        let intent = self.journal.append(Event::Intent(records::intent(id, permit))).await;
        // No durable intent, no act.
        let intent = intent.map_err(|error| unrecorded(&error))?;
        let backups = JournalBackups { journal: self.journal.clone(), operation_id: id, intent_index: intent.index };
        let trail = Trail::with_backups(Arc::new(backups));
        let act = async {
            let output = O::act(permit, &self.aws, &trail).await?;
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
            account = %account,
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

    /// Records a refusal and hands its error back. A refusal that cannot be recorded is not told: nobody may probe
    /// unseen.
    async fn record_refusal(&self, id: OperationId, claims: Claims, refused: Refused) -> Error {
        let unrecorded_before = match refused.error.reason() {
            ErrorReason::Unauthenticated => match self.flood.sample() {
                Some(unrecorded) => unrecorded,
                None => return refused.error,
            },
            _ => 0,
        };
        let reason = refused.error.reason().name();
        let caller = refused.caller.as_ref().map(|caller| caller.subject.as_str());
        tracing::warn!(rpc = claims.rpc, operation_id = %id, caller, reason, why = refused.error.private(), "refused");
        let event = records::refusal(id, claims, &refused, unrecorded_before);
        match self.journal.append(Event::Refusal(event)).await {
            Ok(position) => Receipt::new(id, position, &Trail::default()).attach(refused.error),
            Err(error) => {
                if refused.error.reason() == ErrorReason::Unauthenticated {
                    self.flood.put_back(unrecorded_before);
                }
                unrecorded(&error)
            }
        }
    }
}

fn refused<O: Ask>(permit: &Permit<O>, error: Error) -> Refused {
    Refused { error, caller: Some(records::caller(permit.caller())), policies: permit.policies().to_vec() }
}

/// The same words whatever failed: an attacker learns nothing from them.
fn unauthenticated(failure: &AuthnFailure) -> Refused {
    let error = Error::new(ErrorReason::Unauthenticated, AuthnFailure::PUBLIC).with_private(failure.reason());
    Refused { error, caller: None, policies: Vec::new() }
}

fn permission_denied(kind: Kind, denial: &Denial) -> Error {
    let private = match (denial.errors.as_slice(), denial.policies.as_slice()) {
        ([], []) => "no policy permits it".to_owned(),
        ([], policies) => format!("forbidden by {}", policies.join(", ")),
        (errors, _) => format!("policy could not be evaluated: {}", errors.join("; ")),
    };
    let words = format!("policy does not allow this {kind}");
    Error::new(ErrorReason::PermissionDenied, words).with_private(private)
}

/// Nothing is done that cannot be recorded.
fn unrecorded(error: &AppendError) -> Error {
    match error {
        // No repetition would help: the record itself is impossible.
        AppendError::TooLarge { .. } | AppendError::Unencodable(_) => Error::internal(error.to_string()),
        AppendError::Busy | AppendError::NoOpenIntent(_) | AppendError::Unwritable(_) | AppendError::Closed => {
            let words = "the journal cannot be written, so nothing is done; the gateway's operators see why in its log";
            Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
        }
    }
}

/// Whether an act that was cut short can have changed anything.
fn may_have_changed(kind: Kind, trail: &Trail) -> bool {
    match kind {
        // The session itself is what is handed out.
        Kind::AssumeRoot => trail.session_asked(),
        Kind::UnlockBucketPolicy
        | Kind::UnlockQueuePolicy
        | Kind::DeleteRootCredentials
        | Kind::AllowPasswordRecovery => trail.change_begun(),
        Kind::AuditRootCredentials => false,
    }
}

fn unknown(private: &str) -> Error {
    let words = "the act was cut short, and it is not known what it changed; look before you try again";
    Error::new(ErrorReason::OutcomeUnknown, words).with_private(private)
}

fn panicked(kind: Kind, trail: &Trail) -> Error {
    let private = "the act ended in a panic";
    if may_have_changed(kind, trail) { unknown(private) } else { Error::internal(private) }
}

fn out_of_time(kind: Kind, trail: &Trail) -> Error {
    let private = "the operation's time was over";
    if may_have_changed(kind, trail) {
        return unknown(private);
    }
    Error::new(ErrorReason::AwsUnavailable, "AWS did not answer in time; nothing was changed").with_private(private)
}
