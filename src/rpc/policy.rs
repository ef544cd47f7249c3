//! `rootgate.v1.PolicyService`: what policy says, for those permitted to ask.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{SessionDurations, answer, convert};
use crate::{
    clock::Clock,
    gate::Gate,
    pb::{self, policy_service_server::PolicyService},
};

/// Serves `rootgate.v1.PolicyService`.
pub struct Policy {
    gate: Arc<Gate>,
    durations: SessionDurations,
    clock: Arc<dyn Clock>,
}

impl Policy {
    /// Serves with this gate; the durations are those of AssumeRoot, and the clock says when "now" is in a question.
    #[must_use]
    pub fn new(gate: Arc<Gate>, durations: SessionDurations, clock: Arc<dyn Clock>) -> Self {
        Self { gate, durations, clock }
    }
}

#[tonic::async_trait]
impl PolicyService for Policy {
    async fn explain_access(
        &self,
        request: Request<pb::ExplainAccessRequest>,
    ) -> Result<Response<pb::ExplainAccessResponse>, Status> {
        let (durations, now) = (self.durations, self.clock.now());
        let parse = |message: &_| convert::explain_access(message, durations, now);
        answer(&self.gate, "ExplainAccess", request, parse).await
    }
}
