//! Which requests this process is carrying out, so that a twin learns at once when one ends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::types::OperationId;

/// The operations whose requests have an id. Bounded by the slots: each is held by an operation that has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<String, CancellationToken>>>);

/// A place among them, left when dropped.
pub(super) struct Run {
    running: Running,
    operation_id: String,
}

impl Running {
    /// Takes a place, before anybody else can know of the operation.
    pub(super) fn enter(&self, id: OperationId) -> Run {
        let operation_id = id.to_string();
        self.lock().insert(operation_id.clone(), CancellationToken::new());
        Run { running: self.clone(), operation_id }
    }

    /// Ends when the operation has; none if it does not run here.
    pub(super) fn end_of(&self, operation_id: &str) -> Option<WaitForCancellationFutureOwned> {
        self.lock().get(operation_id).map(|token| token.clone().cancelled_owned())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(token) = self.running.lock().remove(&self.operation_id) {
            token.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_for_an_operation_learns_of_its_end() {
        let (running, id) = (Running::default(), OperationId::generate());
        assert!(running.end_of(&id.to_string()).is_none());
        let run = running.enter(id);
        let mut ends = [(); 2].map(|()| Box::pin(running.end_of(&id.to_string()).unwrap()));
        assert!(ends.iter_mut().all(|end| end.as_mut().now_or_never().is_none()), "it still runs");
        drop(run);
        for end in ends {
            end.await;
        }
        assert!(running.end_of(&id.to_string()).is_none(), "nothing is kept");
    }
}
