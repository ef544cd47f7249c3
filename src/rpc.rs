//! The API: every method turns its message into an operation, lets the gate decide, and turns the outcome back.

mod convert;
mod journal;
mod policy;
mod reply;
mod status;
mod unserved;

pub use journal::Journal;
pub use policy::Policy;
pub use status::{status, status_with};
pub use unserved::Unserved;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::{
    authn::Authentication,
    error::Error,
    gate::{Answer, Asked, Claims, Done, Gate},
    ops::{Operation, SessionDuration},
    pb::{self, root_access_service_server::RootAccessService},
};

use self::{convert::Common, reply::Reply};

/// Life of the credentials that `AssumeRoot` hands out.
#[derive(Clone, Copy, Debug)]
pub struct SessionDurations {
    /// Where the request says nothing.
    pub default: SessionDuration,
    /// What a request may ask for at most.
    pub max: SessionDuration,
}

/// Serves `rootgate.v1.RootAccessService`.
pub struct RootAccess {
    gate: Arc<Gate>,
    durations: SessionDurations,
}

impl RootAccess {
    /// Serves with this gate.
    #[must_use]
    pub const fn new(gate: Arc<Gate>, durations: SessionDurations) -> Self {
        Self { gate, durations }
    }

    async fn answer<M: Common, O: Operation, A: Answer<O> + Reply>(
        &self,
        rpc: &'static str,
        request: Request<M>,
        parse: impl FnOnce(&M) -> Result<O, Error>,
    ) -> Result<Response<A>, Status> {
        answer(&self.gate, rpc, request, parse).await
    }
}

/// The way of every request.
async fn answer<M: Common, O: Operation, A: Answer<O> + Reply>(
    gate: &Arc<Gate>,
    rpc: &'static str,
    request: Request<M>,
    parse: impl FnOnce(&M) -> Result<O, Error>,
) -> Result<Response<A>, Status> {
    let (_, extensions, message) = request.into_parts();
    let caller = Authentication::of(&extensions);
    let asked = Asked { caller, operation: parse(&message), claims: claims(rpc, &message) };
    let Done::<A> { answer, shortfall } = gate.run(asked).await.map_err(|error| status(&error))?;
    match shortfall {
        None => Ok(Response::new(answer)),
        // An error, so that nobody takes part for all; what was done rides in its details.
        Some(error) => Err(status_with(&error, Some(answer.detail()))),
    }
}

fn claims<M: Common>(rpc: &'static str, message: &M) -> Claims {
    Claims {
        rpc,
        account_id: message.account_id().to_owned(),
        resource: message.resource().to_owned(),
        reason: message.reason().to_owned(),
        ticket: message.ticket().to_owned(),
    }
}

#[tonic::async_trait]
impl RootAccessService for RootAccess {
    async fn assume_root(
        &self,
        request: Request<pb::AssumeRootRequest>,
    ) -> Result<Response<pb::AssumeRootResponse>, Status> {
        let durations = self.durations;
        self.answer("AssumeRoot", request, |message| convert::assume_root(message, durations)).await
    }

    async fn unlock_bucket_policy(
        &self,
        request: Request<pb::UnlockBucketPolicyRequest>,
    ) -> Result<Response<pb::UnlockBucketPolicyResponse>, Status> {
        self.answer("UnlockBucketPolicy", request, convert::unlock_bucket_policy).await
    }

    async fn unlock_queue_policy(
        &self,
        request: Request<pb::UnlockQueuePolicyRequest>,
    ) -> Result<Response<pb::UnlockQueuePolicyResponse>, Status> {
        self.answer("UnlockQueuePolicy", request, convert::unlock_queue_policy).await
    }

    async fn delete_root_credentials(
        &self,
        request: Request<pb::DeleteRootCredentialsRequest>,
    ) -> Result<Response<pb::DeleteRootCredentialsResponse>, Status> {
        self.answer("DeleteRootCredentials", request, convert::delete_root_credentials).await
    }

    async fn allow_password_recovery(
        &self,
        request: Request<pb::AllowPasswordRecoveryRequest>,
    ) -> Result<Response<pb::AllowPasswordRecoveryResponse>, Status> {
        self.answer("AllowPasswordRecovery", request, convert::allow_password_recovery).await
    }

    async fn audit_root_credentials(
        &self,
        request: Request<pb::AuditRootCredentialsRequest>,
    ) -> Result<Response<pb::AuditRootCredentialsResponse>, Status> {
        self.answer("AuditRootCredentials", request, convert::audit_root_credentials).await
    }

    async fn restore_bucket_policy(
        &self,
        request: Request<pb::RestoreBucketPolicyRequest>,
    ) -> Result<Response<pb::RestoreBucketPolicyResponse>, Status> {
        self.answer("RestoreBucketPolicy", request, convert::restore_bucket_policy).await
    }

    async fn restore_queue_policy(
        &self,
        request: Request<pb::RestoreQueuePolicyRequest>,
    ) -> Result<Response<pb::RestoreQueuePolicyResponse>, Status> {
        self.answer("RestoreQueuePolicy", request, convert::restore_queue_policy).await
    }

    async fn list_policy_backups(
        &self,
        request: Request<pb::ListPolicyBackupsRequest>,
    ) -> Result<Response<pb::ListPolicyBackupsResponse>, Status> {
        self.answer("ListPolicyBackups", request, convert::list_policy_backups).await
    }
}
