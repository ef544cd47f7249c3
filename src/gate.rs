//! The one place that decides.
//!
//! Slot, caller, turn, operation, policy, request id, rate, target: whatever fails there is a refusal, and recorded. Then
//! intent, act, outcome. The intent takes the target and the request id for the act alone. All of it runs in a detached,
//! tracked task, so that a caller's deadline or disconnect never parts an act from its outcome record.
//!
//! Approvals will stand between policy and request id.

mod act;
mod answer;
mod backups;
mod callers;
mod failures;
mod flood;
mod journal_reader;
mod kept;
mod limits;
mod rates;
mod records;
mod refusals;
mod requests;
mod running;
mod targets;

pub use crate::journal::Position;
pub use answer::{Answer, Done, Kept};
pub use callers::CallerLimits;
pub use limits::Slots;
pub use records::Evidence;
pub use targets::TargetRules;

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::{
    authn::{AuthnFailure, Caller},
    authz::{Circumstances, Engine, Permit},
    aws::Aws,
    clock::{Clock, Rate},
    error::{Error, ErrorReason},
    journal::{CallerRecord, Checkpointer, Journal},
    ops::{Explainer, Means, Operation},
    organization::Keeper,
    types::{Current, Kind, OperationId},
};

use self::{
    backups::StoredBackups,
    callers::{Callers, Turn},
    failures::{panicked_before, permission_denied, unauthenticated},
    flood::Flood,
    journal_reader::StoredRecords,
    rates::KindRates,
    running::Running,
};

/// Decides, acts and records. See the module.
pub struct Gate {
    policies: Arc<Current<Engine>>,
    organization: Arc<Keeper>,
    clock: Arc<dyn Clock>,
    journal: Journal,
    records: StoredRecords,
    aws: Aws,
    rules: TargetRules,
    slots: Slots,
    callers: Callers,
    kinds: KindRates,
    running: Running,
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
    /// Signs where it ends, if there is a key for that.
    pub checkpointer: Option<Arc<Checkpointer>>,
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
        let records = StoredRecords::new(parts.journal.clone(), parts.checkpointer);
        let GateParts { policies, organization, clock, journal, aws, rules, slots, caller_limits, kind_rates, .. } =
            parts;
        let flood = Arc::<Flood>::default();
        let (callers, kinds) = (Callers::new(caller_limits, Arc::clone(&flood)), KindRates::new(kind_rates));
        let (running, tasks) = (Running::default(), TaskTracker::new());
        Self {
            policies,
            organization,
            clock,
            journal,
            records,
            aws,
            rules,
            slots,
            callers,
            kinds,
            running,
            flood,
            tasks,
        }
    }

    /// Decides, and if the answer is yes, acts.
    ///
    /// # Errors
    /// Why nothing was done, or why it is not known whether it was.
    pub async fn run<O: Operation, A: Answer<O>>(self: &Arc<Self>, asked: Asked<O>) -> Result<Done<A>, Error> {
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

    async fn decide<O: Operation, A: Answer<O>>(&self, asked: Asked<O>) -> Result<Done<A>, Error> {
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
        let permit = AssertUnwindSafe(async { self.authorize(caller, operation, &policies, &at) }).catch_unwind().await;
        let permit = permit.unwrap_or_else(|_panic| {
            Err(Refused { error: panicked_before(), caller: Some(record), policies: Vec::new() })
        });
        let permit = match permit {
            Ok(permit) => permit,
            Err(refused) => return Err(self.record_refusal(id, claims, refused).await),
        };
        let backups = StoredBackups(&self.journal);
        let explainer = Explainer::new(&policies, &at);
        let means = Means { aws: &self.aws, explainer, backups: &backups, journal: &self.records, now };
        // Boxed: the future of an act is large, and lives in the task for long.
        match Box::pin(self.carry_out(id, &permit, means)).await {
            Ok(recorded) => recorded,
            Err(error) => {
                let error = error.about(permit.operation().target().account());
                let (caller, policies) = (records::caller(permit.caller()), permit.policies().to_vec());
                let refused = Refused { error, caller: Some(Box::new(caller)), policies };
                Err(self.record_refusal(id, claims, refused).await)
            }
        }
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

    /// A well-formed operation that policy allows.
    fn authorize<O: Operation>(
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
        policies.authorize(operation, caller, at).map_err(|denial| {
            let error = permission_denied(O::KIND, &denial).about(account);
            Refused { error, caller: Some(record), policies: denial.policies }
        })
    }

    /// What has to be right beside before an act: rate and target.
    async fn reach<O: Operation>(&self, permit: &Permit<O>) -> Result<(), Error> {
        self.kinds.take(O::KIND)?;
        if !limits::reaches_account(O::KIND) {
            return Ok(());
        }
        // Only the permitted may learn whether an account exists, and in what state it is.
        let check = timeout(limits::TARGET_CHECK_LIMIT, targets::check(&self.rules, &self.aws, permit.operation()));
        check.await.unwrap_or_else(|_elapsed| {
            Err(Error::new(ErrorReason::AwsUnavailable, "AWS did not say in time what this account is"))
        })
    }
}
