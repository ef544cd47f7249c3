//! Publishes signed checkpoints of the journal to its anchors: at the start, again and again, and at the stop.
//!
//! Nothing is signed, for callers neither, before the configured file was read: it says what was signed by processes before
//! this one. An anchor that fails is told of once for each kind of failure, and once when it is well again; it is tried again, and
//! holds up neither the other anchors nor the gateway. A journal that does not continue what was published before is told
//! of each time, and not published.

mod anchor;

use anchor::Anchor;

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::StartError;
use crate::{
    aws::Platform,
    clock::Clock,
    config::{CheckpointConfig, Config},
    journal::{Checkpoint, CheckpointKey, Checkpointer, Journal, SignError, SignedNote},
};

/// Pause after a failure, unless the interval is shorter. Anchors are disks and S3, which come back within minutes.
const RETRY: Duration = Duration::from_secs(60);
/// How long one anchor may take.
#[derive(Clone, Copy)]
struct Limits {
    /// To be looked at, for which the others wait.
    look: Duration,
    /// To be written.
    publish: Duration,
}

/// A look is a read of what was appended, and once of the whole file. Longer than the longest call of the AWS SDK by
/// default.
const LIMITS: Limits = Limits { look: Duration::from_secs(5), publish: Duration::from_secs(30) };
/// At the stop, where a file that hangs must leave the others their time.
const LAST_LIMITS: Limits = Limits { look: Duration::from_secs(1), publish: Duration::from_secs(4) };
/// Time for all of it at the stop: whoever stops the gateway counts seconds.
const LAST_LIMIT: Duration = Duration::from_secs(5);

/// Publishes the checkpoints of one journal.
pub(super) struct Publisher {
    checkpointer: Arc<Checkpointer>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    interval: Duration,
    anchors: Mutex<Vec<Anchor>>,
}

/// What became of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// Every anchor holds the last record's checkpoint.
    Done,
    /// Not all of them do.
    Failed,
    /// The journal is not the one that was published: none of them does.
    Rollback,
}

/// Who signs checkpoints; none if the configuration does not say.
///
/// # Errors
/// The key cannot be used.
pub(super) fn checkpointer(config: &Config) -> Result<Option<Arc<Checkpointer>>, StartError> {
    let Some(CheckpointConfig { key_file, origin, file, .. }) = &config.journal.checkpoint else { return Ok(None) };
    let (key, origin) = (CheckpointKey::read(key_file)?, origin.clone());
    let checkpointer = if file.is_none() { Checkpointer::new(key, origin) } else { Checkpointer::waiting(key, origin) };
    Ok(Some(Arc::new(checkpointer)))
}

/// Where checkpoints go; nowhere if the configuration does not say. Sends nothing.
pub(super) fn anchors(config: &Config, platform: &Platform) -> Vec<Anchor> {
    let Some(checkpoint) = &config.journal.checkpoint else { return Vec::new() };
    let file = checkpoint.file.iter().map(|path: &PathBuf| Anchor::file(path, &checkpoint.origin));
    let bucket = checkpoint.s3.iter().map(|settings| Anchor::bucket(platform, settings));
    file.chain(bucket).collect()
}

impl Publisher {
    /// For these anchors; none if there is nobody to sign, or nowhere to publish.
    pub(super) fn new(
        config: &Config,
        checkpointer: Option<Arc<Checkpointer>>,
        journal: &Journal,
        anchors: Vec<Anchor>,
        clock: &Arc<dyn Clock>,
    ) -> Option<Arc<Self>> {
        let interval = config.journal.checkpoint.as_ref()?.interval;
        let checkpointer = checkpointer.filter(|_| !anchors.is_empty())?;
        let (journal, clock) = (journal.clone(), Arc::clone(clock));
        Some(Arc::new(Self { checkpointer, journal, clock, interval, anchors: Mutex::new(anchors) }))
    }

    /// Publishes now, and again and again. Never ends.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            let round = self.round(LIMITS).await;
            let pause = if round == Round::Done { self.interval } else { self.interval.min(RETRY) };
            sleep(pause).await;
        }
    }

    /// Publishes what the journal is at the end, when its stop is recorded.
    pub(super) async fn last(&self) {
        if timeout(LAST_LIMIT, self.round(LAST_LIMITS)).await.is_err() {
            tracing::error!("the journal's last checkpoint was not published in time; the next start publishes it");
        }
    }

    async fn round(&self, limits: Limits) -> Round {
        let mut anchors = self.anchors.lock().await;
        // What was published is looked at first, so that a journal that contradicts it is not signed.
        let looks = anchors.iter_mut().map(|anchor| anchor.look(&self.checkpointer, limits.look));
        join_all(looks).await;
        if anchors.iter().all(Anchor::was_read) {
            self.checkpointer.may_sign();
        }
        let (note, checkpoint) = match self.sign().await {
            Ok(signed) => signed,
            Err(error) if error.is_rollback() => {
                tracing::error!(%error, "NO CHECKPOINT: THE JOURNAL IS NOT THE ONE THAT WAS SIGNED");
                return Round::Rollback;
            }
            Err(error) => {
                tracing::error!(%error, "the journal's checkpoint cannot be signed; it is tried again");
                return Round::Failed;
            }
        };
        let now = self.clock.now();
        let tries = anchors.iter_mut().map(|anchor| anchor.publish(&note, &checkpoint, now, limits.publish));
        let all = join_all(tries).await.into_iter().all(|is_there| is_there);
        if all { Round::Done } else { Round::Failed }
    }

    /// The note, and what it says.
    async fn sign(&self) -> Result<(SignedNote, Checkpoint), SignError> {
        let note = self.checkpointer.sign_head(&self.journal).await?;
        let checkpoint = Checkpoint::verified(&note, &[self.checkpointer.verifier()]).map_err(|_| SignError::Key)?;
        Ok((note, checkpoint))
    }
}

#[cfg(test)]
mod tests;
