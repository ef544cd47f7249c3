//! What an operation leaves behind on AWS: the evidence for its outcome record and its receipt.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::{AwsFailure, failure::NO_ANSWER};
use crate::{
    error::Error,
    types::{OperationId, Region},
};

/// One AWS call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsCall {
    /// Signing name of the service.
    pub service: &'static str,
    /// API operation.
    pub operation: &'static str,
    /// AWS request id, if the answer carried one.
    pub request_id: Option<String>,
    /// AWS error code, if the call failed.
    pub error_code: Option<String>,
}

/// The calls of one operation, in the order of their answers. Shared by everything that acts for the operation, so that
/// a failure half-way, and even a panic, leaves the evidence readable.
#[derive(Clone, Default)]
pub struct Trail {
    state: Arc<Mutex<State>>,
    journal: Option<Arc<dyn ActJournal>>,
    operation_id: Option<OperationId>,
    plan: bool,
}

/// What an act needs of the journal before it changes something: a durable undo, and the word that it may go on.
pub trait ActJournal: Send + Sync {
    /// Keeps the policy document of a bucket or queue in this region; its place once it is durable.
    fn keep(
        &self,
        previous_policy: String,
        region: String,
    ) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + '_>>;

    /// Whether the act's intent is open still. If not, another gateway has taken this one for dead, and may act itself.
    fn confirm(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>>;
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<AwsCall>,
    /// Of the root sessions, in the order in which they were opened.
    access_key_ids: Vec<String>,
    session_asked: bool,
    change_begun: bool,
    backup_index: Option<u64>,
}

/// An account has at most a few dozen root credentials; this only keeps a journal record from growing without end.
const CALLS_MAX: usize = 256;

impl Trail {
    /// An empty trail of this operation, which may change something.
    #[must_use]
    pub fn for_operation(id: OperationId, journal: Arc<dyn ActJournal>) -> Self {
        Self { operation_id: Some(id), ..Self::with_journal(journal) }
    }

    /// An empty trail of an act that may change something.
    #[must_use]
    pub fn with_journal(journal: Arc<dyn ActJournal>) -> Self {
        Self { journal: Some(journal), ..Self::default() }
    }

    /// The same for a plan, which reads and changes nothing: whatever would change something is not sent.
    #[must_use]
    pub fn planning(self) -> Self {
        Self { plan: true, ..self }
    }

    /// The calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<AwsCall> {
        self.with(|state| state.calls.clone())
    }

    /// Access key id of the root session, once there is one; of the last one, if it was renewed.
    #[must_use]
    pub fn access_key_id(&self) -> Option<String> {
        self.with(|state| state.access_key_ids.last().cloned())
    }

    /// Access key ids of the root sessions that ran out and were renewed.
    #[must_use]
    pub fn expired_access_key_ids(&self) -> Vec<String> {
        self.with(|state| state.access_key_ids.split_last().map(|(_, earlier)| earlier.to_vec()).unwrap_or_default())
    }

    /// The operation whose trail it is.
    pub(super) const fn operation_id(&self) -> Option<OperationId> {
        self.operation_id
    }

    /// Whether a root session was asked for.
    #[must_use]
    pub fn session_asked(&self) -> bool {
        self.with(|state| state.session_asked)
    }

    /// Whether a call that changes something was begun. If not, nothing can have been changed.
    #[must_use]
    pub fn change_begun(&self) -> bool {
        self.with(|state| state.change_begun)
    }

    /// Makes the policy that is about to be removed or replaced durable, and says where. No backup, no change.
    ///
    /// # Errors
    /// It could not be made durable, or this trail has no place for backups.
    pub async fn back_up(&self, previous_policy: &str, region: &Region) -> Result<u64, Error> {
        let Some(journal) = &self.journal else {
            return Err(Error::internal("an act that removes a policy was given no place for its backup"));
        };
        let index = journal.keep(previous_policy.to_owned(), region.to_string()).await?;
        self.with(|state| state.backup_index = Some(index));
        Ok(index)
    }

    /// Index of the record that holds the removed policy.
    #[must_use]
    pub fn backup_index(&self) -> Option<u64> {
        self.with(|state| state.backup_index)
    }

    pub(super) fn asks_for_session(&self) {
        self.with(|state| state.session_asked = true);
    }

    /// Whether nothing may be changed.
    pub(super) const fn is_plan(&self) -> bool {
        self.plan
    }

    /// Asks the journal whether the act may go on: before each call that changes something, and before another session.
    ///
    /// # Errors
    /// It may not, or the journal does not say so. The call must not be sent.
    pub(super) async fn confirm(&self, service: &'static str, operation: &'static str) -> Result<(), AwsFailure> {
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.confirm().await.map_err(|error| AwsFailure::unconfirmed(service, operation, &error))
    }

    pub(super) fn begins_change(&self) {
        self.with(|state| state.change_begun = true);
    }

    pub(super) fn opened(&self, access_key_id: &str) {
        self.with(|state| state.access_key_ids.push(access_key_id.to_owned()));
    }

    /// Sends a call, and notes how it ended. One that is cut off, by the time limit of its act or by a panic, may have
    /// arrived: it is noted as one without answer.
    pub(super) async fn send<T: RequestId, E: ProvideErrorMetadata>(
        &self,
        service: &'static str,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsFailure> {
        let mut under_way = UnderWay { trail: self, service, operation, is_over: false };
        let result = call.await;
        under_way.is_over = true;
        self.note(service, operation, result)
    }

    /// Notes a finished call, and turns the SDK's error into ours.
    pub(super) fn note<T: RequestId, E: ProvideErrorMetadata>(
        &self,
        service: &'static str,
        operation: &'static str,
        result: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, AwsFailure> {
        let result = result.map_err(|error| AwsFailure::of(service, operation, &error));
        let (request_id, error_code) = match &result {
            Ok(output) => (output.request_id().map(ToOwned::to_owned), None),
            Err(failure) => (failure.request_id.clone(), Some(failure.code_or_fate().to_owned())),
        };
        self.push(AwsCall { service, operation, request_id, error_code });
        result
    }

    fn push(&self, call: AwsCall) {
        self.with(|state| {
            if state.calls.len() < CALLS_MAX {
                state.calls.push(call);
            }
        });
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A call that is under way.
struct UnderWay<'a> {
    trail: &'a Trail,
    service: &'static str,
    operation: &'static str,
    is_over: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let (service, operation, error_code) = (self.service, self.operation, Some(NO_ANSWER.to_owned()));
            self.trail.push(AwsCall { service, operation, request_id: None, error_code });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use aws_sdk_sts::operation::assume_root::{AssumeRootError, AssumeRootOutput};
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_call_that_is_cut_off_is_noted_as_one_without_answer() {
        let trail = Trail::default();
        let call = pending::<Result<AssumeRootOutput, SdkError<AssumeRootError, HttpResponse>>>();
        assert!(timeout(Duration::ZERO, trail.send("sts", "AssumeRoot", call)).await.is_err());
        let noted = AwsCall {
            service: "sts",
            operation: "AssumeRoot",
            request_id: None,
            error_code: Some("NoAnswer".to_owned()),
        };
        assert_eq!(trail.calls(), [noted]);
    }
}
