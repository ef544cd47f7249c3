//! What all connections share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::call::{Call, CallLog};
use crate::fault::Faults;
use crate::world::World;

/// How many calls a slow subscriber may fall behind.
const BACKLOG: usize = 4096;

/// World, log and faults, each behind its own lock; no lock is held across a wait.
#[derive(Debug)]
pub(crate) struct State {
    world: Mutex<World>,
    calls: Mutex<CallLog>,
    faults: Mutex<Faults>,
    news: broadcast::Sender<Call>,
}

impl State {
    /// A fresh state around a world.
    pub(crate) fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
            calls: Mutex::new(CallLog::default()),
            faults: Mutex::new(Faults::default()),
            news: broadcast::Sender::new(BACKLOG),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, CallLog> {
        lock(&self.calls)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    /// Logs a call and tells the subscribers.
    pub(crate) fn log(&self, call: Call) {
        let call = self.calls().push(call);
        // Nobody listening is no error.
        let _ = self.news.send(call);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Call> {
        self.news.subscribe()
    }
}

/// A test that panics while it edits the world must not take the server down with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
