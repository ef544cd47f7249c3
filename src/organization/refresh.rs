//! Reads the tree again and again.

use std::{error::Error, time::Duration};

use tokio::time::sleep;

use super::{Keeper, Moment};
use crate::{
    authz::Tree,
    aws::{TreeReadError, TreeReader},
    clock::Clock,
};

/// Reads the whole tree, or says why not.
pub trait ReadTree: Send + Sync {
    /// Why not, in words for operators.
    type Error: Error + Send;

    /// Reads it as it is now.
    fn read(&self) -> impl Future<Output = Result<Tree, Self::Error>> + Send;
}

impl ReadTree for TreeReader {
    type Error = TreeReadError;

    async fn read(&self) -> Result<Tree, TreeReadError> {
        TreeReader::read(self).await
    }
}

/// The first wait after a failure; each further one is twice as long, until it is the ordinary one. A gateway that starts
/// while AWS is away for a moment must not go without a tree for minutes.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Several gateways that were started together do not ask together for ever: waits differ by up to a tenth.
const JITTER_PARTS: u32 = 10;

/// Reads the tree at once and then every `refresh`, and never ends: drop it at the stop. What a failed reading leaves is
/// the old tree, as long as `keeper` believes it.
pub async fn keep_fresh(keeper: &Keeper, reader: &impl ReadTree, refresh: Duration, clock: &dyn Clock) {
    let mut report = Report::default();
    let mut retry = FIRST_RETRY;
    loop {
        // The moment before: what changes while it is read may be seen or not.
        let asked_at = Moment::of(clock.now());
        let wait = match reader.read().await {
            Ok(tree) => {
                keeper.replace(tree, asked_at);
                report.read(keeper, clock);
                retry = FIRST_RETRY;
                refresh
            }
            Err(error) => {
                report.failed(keeper, &error, clock);
                let wait = retry.min(refresh);
                retry = retry.saturating_mul(2);
                wait
            }
        };
        sleep(jittered(wait)).await;
    }
}

/// What the log was told last: it is told of changes alone.
#[derive(Default)]
struct Report {
    last: Outcome,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    Worked,
    /// The old tree is still believed.
    Failed,
    /// There is no tree, or none that is believed.
    Without,
    /// The tree can be read, and is too old when it is.
    Late,
}

impl Report {
    fn read(&mut self, keeper: &Keeper, clock: &dyn Clock) {
        let now = clock.now();
        let outcome = if keeper.tree(now).is_some() { Outcome::Worked } else { Outcome::Late };
        if outcome != self.last {
            match outcome {
                Outcome::Late => tracing::error!(
                    age_seconds = keeper.age(now).map(|age| age.as_secs()),
                    "the organization takes longer to read than its tree is believed: policies that need it deny (raise \
                     organization.stale_after, or do without organization.tags)"
                ),
                Outcome::Worked | Outcome::Failed | Outcome::Without => {
                    tracing::info!("the organization can be read again");
                }
            }
        }
        self.last = outcome;
    }

    fn failed(&mut self, keeper: &Keeper, error: &impl Error, clock: &dyn Clock) {
        let now = clock.now();
        let outcome = if keeper.tree(now).is_some() { Outcome::Failed } else { Outcome::Without };
        if outcome != self.last {
            let age_seconds = keeper.age(now).map(|age| age.as_secs());
            match outcome {
                Outcome::Failed => {
                    tracing::warn!(age_seconds, %error, "the organization cannot be read; the tree that was read last stands");
                }
                Outcome::Worked | Outcome::Without | Outcome::Late => tracing::error!(
                    age_seconds,
                    %error,
                    "the organization cannot be read and no tree is young enough: policies that need it deny"
                ),
            }
        }
        self.last = outcome;
    }
}

/// From nine to eleven tenths of it.
fn jittered(wait: Duration) -> Duration {
    let spread = wait / JITTER_PARTS * 2;
    // Half of a random UUID's 122 bits: no secret hangs on it.
    let random = uuid::Uuid::new_v4().as_u64_pair().1 & u64::from(u32::MAX);
    let share = spread.mul_f64(random as f64 / f64::from(u32::MAX));
    wait - spread / 2 + share
}
