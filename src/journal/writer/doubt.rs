//! A commit that failed, and may have landed nevertheless.

use super::{
    Writer,
    batch::{Request, Written},
    draft::Draft,
    tending::tell_of,
};
use crate::journal::{InterruptedIntent, Position, record::Encoded};

/// A batch whose commit failed.
pub(super) struct Doubt {
    pub(super) head: Position,
    /// Its events, where they would stand, and whether they are sent again.
    records: Vec<(Encoded, Position, bool)>,
    /// Intents of others that it closed.
    pub(super) interrupted: Vec<InterruptedIntent>,
}

/// Events that landed unseen are sent again within seconds, so a few batches are enough.
const LANDED_MAX: usize = 1024;

impl Writer {
    /// Nobody knows what became of this batch.
    pub(super) fn doubt(&mut self, draft: Draft, written: Written) {
        if let Some(head) = draft.head.filter(|_| !draft.told.is_empty()) {
            self.doubt = Some(Doubt { head, records: draft.told, interrupted: written.interrupted });
        }
    }

    /// The batch in doubt is durable after all, and everybody was told that it is not.
    pub(super) fn absorb(&mut self, doubt: Doubt) {
        self.head = Some(doubt.head);
        // What the batch did about orphans is done.
        self.orphans.clear();
        for (encoded, position, persistent) in doubt.records {
            if persistent {
                self.landed.push((encoded.json, position));
            } else if let Some(intent) = encoded.intent {
                self.orphans.push((intent, position.index));
            }
        }
        let surplus = self.landed.len().saturating_sub(LANDED_MAX);
        self.landed.drain(..surplus);
        tell_of(&doubt.interrupted);
    }

    /// Where an event stands that is sent again and had landed.
    pub(super) fn landed_as(&self, request: &Request) -> Option<Position> {
        let landed = self.landed.iter().find(|(json, _)| request.again && *json == request.encoded.json);
        landed.map(|(_, position)| *position)
    }
}
