//! `rootgate.v1.JournalService`: what was recorded, for those permitted to read it.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{answer, convert};
use crate::{
    gate::Gate,
    pb::{self, journal_service_server::JournalService},
};

/// Serves `rootgate.v1.JournalService`.
pub struct Journal {
    gate: Arc<Gate>,
}

impl Journal {
    /// Serves with this gate.
    #[must_use]
    pub const fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }
}

#[tonic::async_trait]
impl JournalService for Journal {
    async fn list_records(
        &self,
        request: Request<pb::ListRecordsRequest>,
    ) -> Result<Response<pb::ListRecordsResponse>, Status> {
        answer(&self.gate, "ListRecords", request, convert::list_records).await
    }

    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<Response<pb::GetCheckpointResponse>, Status> {
        answer(&self.gate, "GetCheckpoint", request, convert::get_checkpoint).await
    }
}
