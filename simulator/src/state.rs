//! What all connections share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::call::{Call, CallLog};
use crate::cloudtrail::Trail;
use crate::fault::Faults;
use crate::world::World;

/// How many calls a slow subscriber may fall behind.
const BACKLOG: usize = 4096;

/// World, log and faults, each behind its own lock; no lock is held across a wait.
#[derive(Debug)]
pub(crate) struct State {
    world: Mutex<World>,
    calls: Mutex<CallLog>,
    trail: Mutex<Trail>,
    faults: Mutex<Faults>,
    ticks: AtomicU64,
    news: broadcast::Sender<Call>,
}

impl State {
    /// A fresh state around a world.
    pub(crate) fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
            calls: Mutex::new(CallLog::default()),
            trail: Mutex::new(Trail::default()),
            faults: Mutex::new(Faults::default()),
            ticks: AtomicU64::new(0),
            news: broadcast::Sender::new(BACKLOG),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, CallLog> {
        lock(&self.calls)
    }

    pub(crate) fn trail(&self) -> MutexGuard<'_, Trail> {
        lock(&self.trail)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    /// The next number of the counter of arrivals and answers.
    pub(crate) fn tick(&self) -> u64 {
        // One counter, one total order, whatever the memory order.
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    /// Logs a call, tells the subscribers, and returns the call's index.
    pub(crate) fn log(&self, call: Call) -> u64 {
        let call = self.calls().push(call);
        let index = call.index;
        // Nobody listening is no error.
        let _ = self.news.send(call);
        index
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Call> {
        self.news.subscribe()
    }
}

/// A test that panics while it edits the world must not take the server down with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
