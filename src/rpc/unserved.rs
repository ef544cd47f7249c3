//! Services that stand in the API and are not served yet. Every call needs a proven identity, is recorded, and answers
//! UNIMPLEMENTED.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::status::status;
use crate::{
    authn::Authentication,
    error::{Error, ErrorReason},
    gate::{Claims, Gate},
    pb::{self, approval_service_server::ApprovalService},
};

/// The answer to a call of `rpc`.
pub(super) fn not_served(rpc: &'static str) -> Error {
    Error::new(ErrorReason::NotServed, format!("{rpc} is not served yet")).with_metadata("rpc", rpc)
}

/// Serves `ApprovalService` with refusals.
pub struct Unserved {
    gate: Arc<Gate>,
}

impl Unserved {
    /// Refuses through this gate.
    #[must_use]
    pub const fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    async fn refuse<M, R>(&self, rpc: &'static str, request: Request<M>) -> Result<Response<R>, Status> {
        let caller = Authentication::of(request.extensions());
        let claims = Claims { rpc, ..Claims::default() };
        Err(status(&self.gate.refuse(caller, claims, not_served(rpc)).await))
    }
}

#[tonic::async_trait]
impl ApprovalService for Unserved {
    async fn get_approval(
        &self,
        request: Request<pb::GetApprovalRequest>,
    ) -> Result<Response<pb::GetApprovalResponse>, Status> {
        self.refuse("GetApproval", request).await
    }

    async fn list_approvals(
        &self,
        request: Request<pb::ListApprovalsRequest>,
    ) -> Result<Response<pb::ListApprovalsResponse>, Status> {
        self.refuse("ListApprovals", request).await
    }

    async fn approve_request(
        &self,
        request: Request<pb::ApproveRequestRequest>,
    ) -> Result<Response<pb::ApproveRequestResponse>, Status> {
        self.refuse("ApproveRequest", request).await
    }

    async fn reject_request(
        &self,
        request: Request<pb::RejectRequestRequest>,
    ) -> Result<Response<pb::RejectRequestResponse>, Status> {
        self.refuse("RejectRequest", request).await
    }

    async fn cancel_request(
        &self,
        request: Request<pb::CancelRequestRequest>,
    ) -> Result<Response<pb::CancelRequestResponse>, Status> {
        self.refuse("CancelRequest", request).await
    }
}
