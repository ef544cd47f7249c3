//! The one task that writes.

mod batch;
mod doubt;
mod draft;
mod tending;

use batch::Written;
pub(super) use batch::{Chore, Question, Reply, Request};
use doubt::Doubt;
use tending::{is_short, tell_of};

use std::{mem, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    AppendError, Bounds, Event, Health, INTERRUPTED_MAX, InterruptedIntent, Position,
    record::{Oversize, encode},
    watchdog::Watchdog,
};
use crate::{
    clock::Clock,
    store::{Connection, Instance, IntentKey, OpenError, Store, StoreError, WriteFailure},
    types::{AccountId, OperationId},
};

/// What the writer is asked.
#[derive(Debug)]
pub(super) enum Command {
    Append(Request),
    /// Answers whether an act may go on.
    Confirm(Question),
    /// Does a chore; answers how much it deleted.
    Do(Chore, oneshot::Sender<Result<u64, AppendError>>),
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

/// State of the writer. The connection is dropped before the store, and with it its lock.
pub(super) struct Writer {
    connection: Option<Box<dyn Connection>>,
    store: Arc<dyn Store>,
    instance: Instance,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    /// The last record that is known to be durable.
    head: Option<Position>,
    /// What may or may not be behind the head, after a commit that failed.
    doubt: Option<Doubt>,
    /// Persistent events that turned out to have landed, until they are sent again.
    landed: Vec<(String, Position)>,
    /// Intents that are recorded and of which nobody was told so.
    orphans: Vec<((OperationId, Option<AccountId>), u64)>,
    /// When this process began to give its last sign of life.
    tended: Instant,
    /// When this process last found that its lease was short or over, as it is at the start.
    was_away: Option<Instant>,
    writes: u64,
    #[cfg(test)]
    commits: u64,
    #[cfg(test)]
    lose_next_reply: bool,
    watchdog: Watchdog,
}

/// Deletions of one transaction: some milliseconds, so that no act waits for long.
pub(super) const DELETED_MAX: u32 = 256;
/// Records that leave in one transaction: a tenth of a second, and nobody prunes often.
const PRUNED_MAX: u32 = 10_000;

impl Writer {
    pub(super) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
        connection: Box<dyn Connection>,
        head: Option<Position>,
    ) -> Result<Self, OpenError> {
        let report = WriteFailure::Stalled(store.location().clone()).to_string();
        let watchdog = Watchdog::start(bounds.stall_after, report);
        let watchdog = watchdog.map_err(|error| StoreError::new(error.to_string()).opening(store.location()))?;
        Ok(Self {
            connection: Some(connection),
            instance: store.instance().clone(),
            store,
            clock,
            bounds,
            head,
            doubt: None,
            landed: Vec::new(),
            orphans: Vec::new(),
            tended: Instant::now(),
            was_away: None,
            writes: 0,
            #[cfg(test)]
            commits: 0,
            #[cfg(test)]
            lose_next_reply: false,
            watchdog,
        })
    }

    pub(super) fn watchdog(&self) -> &Watchdog {
        &self.watchdog
    }

    pub(super) const fn head(&self) -> Option<Position> {
        self.head
    }

    /// Writes at least once, so that a journal that cannot be written is found now. Closes the intents that the processes
    /// before left open; in a shared store that is for later, since their processes may live.
    pub(super) async fn take_over(&mut self) -> Result<Vec<InterruptedIntent>, WriteFailure> {
        let mut interrupted = Vec::new();
        self.write_batch(&[], &[], Chore::Probe).await?;
        loop {
            let mut closed = self.write_batch(&[], &[], Chore::Tend).await?.interrupted;
            let found = closed.len();
            interrupted.append(&mut closed);
            if found < usize::try_from(INTERRUPTED_MAX).unwrap_or(usize::MAX) {
                return Ok(interrupted);
            }
        }
    }

    /// Serves until the journal is closed or every handle is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut taken = Vec::with_capacity(self.bounds.batch_events_max);
        loop {
            let writable = self.watchdog.is_writable();
            let shared = self.store.is_shared();
            if self.orphans.is_empty() || !writable {
                tokio::select! {
                    count = commands.recv_many(&mut taken, self.bounds.batch_events_max) => if count == 0 { break },
                    () = tokio::time::sleep(self.bounds.probe_interval), if !writable => {}
                    () = tokio::time::sleep_until(self.tended + self.bounds.tend_interval), if shared && writable => {}
                }
            }
            self.gather(&mut commands, &mut taken).await;
            if let Some(reply) = self.serve(mem::take(&mut taken)).await {
                commands.close();
                let result = self.stop().await;
                // Whoever is answered may open the journal again, so the lock goes first.
                drop(self);
                let _ = reply.send(result);
                return;
            }
        }
        // Dropping the receiver answers whoever still waits: closed.
    }

    /// Takes what is on its way, until a look around brings nothing new. Whoever was answered by the last transaction has
    /// often the next event ready; without this, every other transaction would be for one or two.
    async fn gather(&self, commands: &mut mpsc::Receiver<Command>, taken: &mut Vec<Command>) {
        let mut before = 0;
        while before < taken.len() && taken.len() < self.bounds.batch_events_max {
            before = taken.len();
            tokio::task::yield_now().await;
            while taken.len() < self.bounds.batch_events_max
                && let Ok(command) = commands.try_recv()
            {
                taken.push(command);
            }
        }
    }

    /// Writes what is in front of a request to close, and hands that back.
    async fn serve(&mut self, commands: Vec<Command>) -> Option<oneshot::Sender<Result<(), AppendError>>> {
        let mut requests = Vec::with_capacity(commands.len());
        let (mut questions, mut chores) = (Vec::new(), Vec::new());
        let mut close = None;
        for command in commands {
            match command {
                Command::Append(request) if close.is_none() => requests.push(request),
                Command::Append(request) => request.answer(Err(AppendError::Closed)),
                Command::Confirm(question) if close.is_none() => questions.push(question),
                Command::Confirm(question) => question.answer(Err(AppendError::Closed)),
                Command::Do(chore, reply) if close.is_none() => chores.push((chore, reply)),
                Command::Do(_, reply) => drop(reply.send(Err(AppendError::Closed))),
                Command::Close(reply) if close.is_none() => close = Some(reply),
                Command::Close(reply) => drop(reply.send(Err(AppendError::Closed))),
                #[cfg(test)]
                Command::Execute(statement, done) => {
                    if let Some(connection) = &mut self.connection {
                        connection.execute(statement).await;
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
        let is_idle = requests.is_empty() && questions.is_empty() && self.orphans.is_empty();
        if !is_idle || !self.watchdog.is_writable() || self.has_to_tend() {
            self.write(requests, questions).await;
        }
        for (chore, reply) in chores {
            let written = self.commit(&[], &[], chore).await;
            let _ = reply.send(written.map(|written| written.deleted).map_err(AppendError::Unwritable));
        }
        close
    }

    /// Makes the requests durable, and answers them and the questions. Gives a sign of life when that is due, in the same
    /// transaction, so that one that fails is tried again with whatever is written next, and nothing is written without.
    async fn write(&mut self, requests: Vec<Request>, questions: Vec<Question>) {
        let asked: Vec<IntentKey> = questions.iter().map(|question| question.intent.clone()).collect();
        let (begun, tends) = (Instant::now(), self.has_to_tend());
        match self.commit(&requests, &asked, if tends { Chore::Tend } else { Chore::None }).await {
            Ok(Written { answers, held, interrupted, .. }) => {
                if tends {
                    self.tended = begun;
                }
                tell_of(&interrupted);
                for (request, answer) in requests.into_iter().zip(answers) {
                    self.answer(request, answer);
                }
                for (question, held) in questions.into_iter().zip(held) {
                    let index = question.intent.index;
                    question.answer(if held { Ok(()) } else { Err(AppendError::NoOpenIntent(index)) });
                }
            }
            Err(failure) => {
                let unwritable = || AppendError::Unwritable(Arc::clone(&failure));
                requests.into_iter().for_each(|request| request.answer(Err(unwritable())));
                questions.into_iter().for_each(|question| question.answer(Err(unwritable())));
            }
        }
    }

    /// One transaction under the eye of the watchdog; health says how it ended.
    async fn commit(
        &mut self,
        requests: &[Request],
        asked: &[IntentKey],
        chore: Chore,
    ) -> Result<Written, Arc<WriteFailure>> {
        self.writes += 1;
        self.watchdog.begin(self.writes);
        match self.write_batch(requests, asked, chore).await {
            Ok(written) => {
                if !self.watchdog.is_writable() {
                    tracing::info!(journal = %self.store.location(), "the journal can be written");
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
            (Ok(position), Some(intent)) => Some((intent, position.index)),
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
            && let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the journal's connection did not close in order");
        }
        Arc::new(failure)
    }

    async fn stop(&mut self) -> Result<(), AppendError> {
        let (request, answer) = Request::new(encode(&Event::Stopped {}, Oversize::Refuse)?, false, false);
        self.write(vec![request], Vec::new()).await;
        let stopped = answer.await.unwrap_or(Err(AppendError::Closed)).map(|_| ());
        if self.store.is_shared() {
            // Others need not wait for this process's lease to end. They do if it is not told, or if acts are still under way.
            let _ = self.commit(&[], &[], Chore::Leave).await;
        }
        if let Some(connection) = self.connection.take() {
            let closed = connection.close().await;
            let failed = |error: StoreError| AppendError::Unwritable(Arc::new(error.writing(self.store.location())));
            return stopped.and(closed.map_err(failed));
        }
        stopped
    }
}

impl Drop for Writer {
    /// Without a writer nothing is recorded, however the writer came to its end.
    fn drop(&mut self) {
        if let Some(doubt) = &self.doubt {
            // Should it have landed, whoever starts next finds nothing to tell of.
            tell_of(&doubt.interrupted);
        }
        let place = self.store.location();
        let report = format!("the journal {place} is closed: restart the gateway if it was not told to stop");
        self.watchdog.end(Health::Unwritable(report));
    }
}
