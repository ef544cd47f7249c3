//! Notices a write that does not come to its end.
//!
//! On a thread with the machine's own time: a disk that hangs must be noticed whatever the runtime's timers do.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::sync::watch;

use super::Health;

/// Health and stall, and the thread that watches over both.
#[derive(Debug)]
pub(super) struct Watchdog {
    shared: Arc<Shared>,
    began: mpsc::Sender<Signal>,
}

#[derive(Debug)]
struct Shared {
    health: watch::Sender<Health>,
    stalled: watch::Sender<bool>,
    /// Number of the write that is under way; 0 between writes.
    write: AtomicU64,
}

#[derive(Debug)]
enum Signal {
    Began(u64),
    Ended,
}

impl Watchdog {
    /// Starts the thread, which ends with this value. `report` is what health says of a stall.
    pub(super) fn start(stall_after: Duration, report: String) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            health: watch::Sender::new(Health::Writable),
            stalled: watch::Sender::new(false),
            write: AtomicU64::new(0),
        });
        let (began, signals) = mpsc::channel();
        let watched = Arc::clone(&shared);
        let watch = move || watch_over(&watched, &signals, stall_after, &report);
        thread::Builder::new().name("journal-watchdog".to_owned()).spawn(watch)?;
        Ok(Self { shared, began })
    }

    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    pub(super) fn stalled(&self) -> watch::Receiver<bool> {
        self.shared.stalled.subscribe()
    }

    /// Whether the last write worked.
    pub(super) fn is_writable(&self) -> bool {
        *self.shared.health.borrow() == Health::Writable
    }

    /// Whether health says just this already.
    pub(super) fn reports(&self, failure: &str) -> bool {
        matches!(&*self.shared.health.borrow(), Health::Unwritable(report) if report == failure)
    }

    /// A write begins.
    pub(super) fn begin(&self, write: u64) {
        self.shared.write.store(write, Ordering::SeqCst);
        // Without its thread a stall goes unnoticed, and the bounded queue still holds callers off.
        let _ = self.began.send(Signal::Began(write));
    }

    /// It ended like this.
    pub(super) fn end(&self, health: Health) {
        // First the number, then health: `stall` reads the number under health's lock, so a late alarm cannot overwrite.
        self.shared.write.store(0, Ordering::SeqCst);
        self.shared.stalled.send_if_modified(|stalled| std::mem::replace(stalled, false));
        self.shared.health.send_if_modified(|current| {
            let changed = *current != health;
            *current = health;
            changed
        });
        let _ = self.began.send(Signal::Ended);
    }
}

fn watch_over(shared: &Shared, signals: &mpsc::Receiver<Signal>, stall_after: Duration, report: &str) {
    while let Ok(signal) = signals.recv() {
        let Signal::Began(write) = signal else { continue };
        match signals.recv_timeout(stall_after) {
            Ok(_) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => shared.stall(write, report),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Shared {
    fn stall(&self, write: u64, report: &str) {
        let under_way = || self.write.load(Ordering::SeqCst) == write;
        self.health.send_if_modified(|health| {
            let alarm = under_way();
            if alarm {
                *health = Health::Unwritable(report.to_owned());
            }
            alarm
        });
        self.stalled.send_if_modified(|stalled| {
            let alarm = under_way();
            *stalled |= alarm;
            alarm
        });
    }
}
