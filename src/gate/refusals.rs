//! Refusals are records too, and floods of them are sampled.

use std::sync::Arc;

use super::{
    Claims, Gate, Refused,
    failures::unrecorded,
    flood::Flood,
    records::{self, placed},
};
use crate::{
    error::{Error, ErrorReason},
    journal::Event,
    types::OperationId,
};

impl Gate {
    /// Records a refusal and hands its error back. A refusal that cannot be recorded is not told: nobody may probe
    /// unseen.
    pub(super) async fn record_refusal(&self, id: OperationId, claims: Claims, refused: Refused) -> Error {
        let flood = self.flood_of(&refused);
        let unrecorded_before = match flood.as_deref().map(Flood::sample) {
            None => 0,
            Some(Some(unrecorded)) => unrecorded,
            Some(None) => return refused.error,
        };
        let reason = refused.error.reason().name();
        let caller = refused.caller.as_ref().map(|caller| caller.subject.as_str());
        tracing::warn!(rpc = claims.rpc, operation_id = %id, caller, reason, why = refused.error.private(), "refused");
        let event = records::refusal(id, claims, &refused, unrecorded_before);
        match self.journal.append(Event::Refusal(event)).await {
            Ok(position) => placed(refused.error, id, position),
            Err(error) => {
                if let Some(flood) = flood {
                    flood.put_back(unrecorded_before);
                }
                unrecorded(&error)
            }
        }
    }

    /// By what a refusal is sampled; none if each one is recorded, whose number the caller's own rate bounds.
    fn flood_of(&self, refused: &Refused) -> Option<Arc<Flood>> {
        match (refused.error.reason(), &refused.caller) {
            (ErrorReason::RateLimited, Some(caller)) => {
                Some(self.callers.refusals(&caller.subject).unwrap_or_else(|| Arc::clone(&self.flood)))
            }
            (ErrorReason::Unauthenticated | ErrorReason::RateLimited, _) => Some(Arc::clone(&self.flood)),
            _ => None,
        }
    }

    /// Says at the stop how many refusals no record counts: whoever was refused did not come again.
    pub(super) fn tell_unrecorded(&self) {
        let refusals = self.flood.unrecorded().saturating_add(self.callers.unrecorded());
        if refusals > 0 {
            tracing::warn!(refusals, "refusals of floods were counted and not recorded one by one");
        }
    }
}
