//! The one task that writes.

mod batch;

use batch::Written;
pub(super) use batch::{Reply, Request};

use std::{mem, path::PathBuf, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{
    AppendError, Bounds, Event, Health, OpenError, Position, WriteFailure,
    database::Database,
    file::{Guarded, Identity},
    record::{Encoded, Oversize, encode},
    watchdog::Watchdog,
};
use crate::{
    clock::{Clock, Timestamp},
    types::OperationId,
};

/// What the writer is asked.
#[derive(Debug)]
pub(super) enum Command {
    Append(Request),
    /// Deletes backups that were recorded before this moment, some at a time; answers how many.
    Expire(Timestamp, oneshot::Sender<Result<u64, AppendError>>),
    Close(oneshot::Sender<Result<(), AppendError>>),
    /// Runs a statement on the writer's own connection.
    #[cfg(test)]
    Execute(&'static str, oneshot::Sender<()>),
    /// Answers how many transactions were committed.
    #[cfg(test)]
    CountCommits(oneshot::Sender<u64>),
    /// Makes the next commit work and look as if it had failed.
    #[cfg(test)]
    LoseNextReply(oneshot::Sender<()>),
}

/// State of the writer. The connection is dropped before the lock.
pub(super) struct Writer {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    connected: Option<Connected>,
    /// The last record that is known to be durable.
    head: Option<Position>,
    /// What may or may not be behind the head, after a commit that failed.
    doubt: Option<Doubt>,
    /// Persistent events that turned out to have landed, until they are sent again.
    landed: Vec<(String, Position)>,
    /// Intents that are recorded and of which nobody was told so.
    orphans: Vec<(OperationId, u64)>,
    writes: u64,
    #[cfg(test)]
    commits: u64,
    #[cfg(test)]
    lose_next_reply: bool,
    watchdog: Watchdog,
    _guarded: Guarded,
}

struct Connected {
    database: Database,
    identity: Identity,
}

/// A batch whose commit failed.
struct Doubt {
    head: Position,
    records: Vec<Doubted>,
}

struct Doubted {
    encoded: Encoded,
    position: Position,
    persistent: bool,
}

/// Events that landed unseen are sent again within seconds, so a few batches are enough.
const LANDED_MAX: usize = 1024;

impl Writer {
    pub(super) fn new(
        guarded: Guarded,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
        database: (Database, Identity),
        head: Option<Position>,
    ) -> Result<Self, OpenError> {
        let path = guarded.path.clone();
        let report = WriteFailure::Stalled(path.clone()).to_string();
        let watchdog = Watchdog::start(bounds.stall_after, report)
            .map_err(|error| OpenError::Storage { path: path.clone(), message: error.to_string() })?;
        let (database, identity) = database;
        Ok(Self {
            path,
            clock,
            bounds,
            connected: Some(Connected { database, identity }),
            head,
            doubt: None,
            landed: Vec::new(),
            orphans: Vec::new(),
            writes: 0,
            #[cfg(test)]
            commits: 0,
            #[cfg(test)]
            lose_next_reply: false,
            watchdog,
            _guarded: guarded,
        })
    }

    pub(super) fn watchdog(&self) -> &Watchdog {
        &self.watchdog
    }

    pub(super) const fn head(&self) -> Option<Position> {
        self.head
    }

    /// Serves until the journal is closed or every handle is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut taken = Vec::with_capacity(self.bounds.batch_events_max);
        loop {
            let writable = self.watchdog.is_writable();
            if self.orphans.is_empty() || !writable {
                tokio::select! {
                    count = commands.recv_many(&mut taken, self.bounds.batch_events_max) => if count == 0 { break },
                    () = tokio::time::sleep(self.bounds.probe_interval), if !writable => {}
                }
            }
            if let Some(reply) = self.serve(mem::take(&mut taken)).await {
                commands.close();
                let result = self.stop().await;
                let _ = reply.send(result);
                break;
            }
        }
        // Dropping the receiver answers whoever still waits: closed.
    }

    /// Writes what is in front of a request to close, and hands that back.
    async fn serve(&mut self, commands: Vec<Command>) -> Option<oneshot::Sender<Result<(), AppendError>>> {
        let mut requests = Vec::with_capacity(commands.len());
        let mut expiries = Vec::new();
        let mut close = None;
        for command in commands {
            match command {
                Command::Append(request) if close.is_none() => requests.push(request),
                Command::Append(request) => request.answer(Err(AppendError::Closed)),
                Command::Expire(older_than, reply) if close.is_none() => expiries.push((older_than, reply)),
                Command::Expire(_, reply) => drop(reply.send(Err(AppendError::Closed))),
                Command::Close(reply) if close.is_none() => close = Some(reply),
                Command::Close(reply) => drop(reply.send(Err(AppendError::Closed))),
                #[cfg(test)]
                Command::Execute(statement, done) => {
                    if let Some(connected) = &mut self.connected {
                        connected.database.execute(statement).await.unwrap();
                    }
                    let _ = done.send(());
                }
                #[cfg(test)]
                Command::CountCommits(reply) => drop(reply.send(self.commits)),
                #[cfg(test)]
                Command::LoseNextReply(done) => {
                    self.lose_next_reply = true;
                    let _ = done.send(());
                }
            }
        }
        if !requests.is_empty() || !self.orphans.is_empty() || !self.watchdog.is_writable() {
            self.write(requests).await;
        }
        for (older_than, reply) in expiries {
            let written = self.commit(&[], Some(older_than)).await;
            let _ = reply.send(written.map(|written| written.expired).map_err(AppendError::Unwritable));
        }
        close
    }

    /// Makes the requests durable and answers them.
    pub(super) async fn write(&mut self, requests: Vec<Request>) {
        match self.commit(&requests, None).await {
            Ok(Written { answers, .. }) => {
                for (request, answer) in requests.into_iter().zip(answers) {
                    self.answer(request, answer);
                }
            }
            Err(failure) => {
                requests.into_iter().for_each(|r| r.answer(Err(AppendError::Unwritable(Arc::clone(&failure)))));
            }
        }
    }

    /// One transaction under the eye of the watchdog; health says how it ended.
    async fn commit(&mut self, requests: &[Request], expire: Option<Timestamp>) -> Result<Written, Arc<WriteFailure>> {
        self.writes += 1;
        self.watchdog.begin(self.writes);
        match self.write_batch(requests, expire).await {
            Ok(written) => {
                if !self.watchdog.is_writable() {
                    tracing::info!(path = %self.path.display(), "the journal can be written");
                }
                self.watchdog.end(Health::Writable);
                Ok(written)
            }
            Err(failure) => {
                let failure = self.fail(failure).await;
                self.watchdog.end(Health::Unwritable(failure.to_string()));
                Err(failure)
            }
        }
    }

    fn answer(&mut self, request: Request, answer: Reply) {
        let orphan = match (&answer, request.encoded.intent) {
            (Ok(position), Some(operation_id)) => Some((operation_id, position.index)),
            _ => None,
        };
        if !request.tell(answer) {
            // Its caller gave up before it could be told, and so does not act.
            self.orphans.extend(orphan);
        }
    }

    async fn fail(&mut self, failure: WriteFailure) -> Arc<WriteFailure> {
        // Once for each kind of failure, not for each probe: the log must not fill the volume that is full already.
        if !self.watchdog.reports(&failure.to_string()) {
            tracing::error!(%failure, "the journal cannot be written");
        }
        // After these two the connection is as good as before. After anything else a new one sees what is there now.
        // SQLite does not touch the log of a file that was moved (sqlite3PagerClose asks databaseIsUnmoved).
        if !matches!(failure, WriteFailure::DiskFull(_) | WriteFailure::Locked(_))
            && let Some(connected) = self.connected.take()
            && let Err(error) = connected.database.close().await
        {
            tracing::warn!(%error, "the journal's connection did not close in order");
        }
        Arc::new(failure)
    }

    async fn stop(&mut self) -> Result<(), AppendError> {
        let (request, answer) = Request::new(encode(&Event::Stopped {}, Oversize::Refuse)?, false, false);
        self.write(vec![request]).await;
        let stopped = answer.await.unwrap_or(Err(AppendError::Closed)).map(|_| ());
        if let Some(connected) = self.connected.take() {
            let closed = connected.database.close().await;
            let failed =
                |error: super::database::StoreError| AppendError::Unwritable(Arc::new(error.writing(&self.path)));
            return stopped.and(closed.map_err(failed));
        }
        stopped
    }
}

impl Drop for Writer {
    /// Without a writer nothing is recorded, however the writer came to its end.
    fn drop(&mut self) {
        let path = self.path.display();
        let report = format!("the journal {path} is closed: restart the gateway if it was not told to stop");
        self.watchdog.end(Health::Unwritable(report));
    }
}
