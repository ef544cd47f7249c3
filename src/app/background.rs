//! What keeps things fresh while the gateway runs: files, the organization if it comes from AWS, and no older backups and
//! request ids than the configuration keeps.

use std::{sync::Arc, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::reload::{Reload, ReloadParts};
use crate::{
    authn::JwtIssuers,
    aws::{Platform, TreeReader, TreeReaderSettings},
    clock::{Clock, Timestamp},
    config::{Config, OrganizationConfig},
    journal::{AppendError, Journal},
    organization,
};

/// Days count for retention, hours do not; and at each start.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(6 * 60 * 60);
/// After a failure. The journal's own health tells of it meanwhile.
const EXPIRY_RETRY: Duration = Duration::from_secs(5 * 60);

/// A clock that is further ahead than this is taken for wrong: what it would expire cannot be brought back. A gateway that
/// was down for longer expires nothing until it is started once more.
const AHEAD_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What reads the organization from AWS; none if it does not come from there.
pub(super) fn tree_reader(config: &Config, platform: &Platform) -> Option<TreeReader> {
    match config.organization {
        OrganizationConfig::Aws { tags, .. } => {
            Some(TreeReader::new(platform, TreeReaderSettings { tags, ..TreeReaderSettings::default() }))
        }
        OrganizationConfig::None | OrganizationConfig::InFile(_) => None,
    }
}

/// SIGHUP from now on, so that it never ends the process.
pub(super) fn hang_up() -> Option<Signal> {
    let hang_up = signal(SignalKind::hangup());
    hang_up.inspect_err(|error| tracing::warn!(%error, "SIGHUP is not watched; files are looked at all the same")).ok()
}

/// Starts them all. None ends by itself, and a gateway without one of them would go stale unseen.
pub(super) fn start(parts: ReloadParts, reader: Option<TreeReader>, hang_up: Option<Signal>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if let (OrganizationConfig::Aws { refresh, .. }, Some(reader)) = (&parts.config.organization, reader) {
        let (keeper, clock, refresh) = (Arc::clone(&parts.organization), Arc::clone(&parts.clock), *refresh);
        tasks.spawn(async move { organization::keep_fresh(&keeper, &reader, refresh, &*clock).await });
    }
    if let Some(jwt) = parts.jwt.clone() {
        tokio::spawn(warm_up(jwt));
    }
    let retentions =
        [(Kept::Backups, parts.config.backups.retention), (Kept::Requests, parts.config.journal.request_ids_kept)];
    for (kept, retention) in retentions {
        tasks.spawn(expire(kept, parts.journal.clone(), Arc::clone(&parts.clock), retention));
    }
    tasks.spawn(Reload::new(parts).run(hang_up));
    tasks
}

/// Something that the journal keeps beside its records, and not for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// Policies that acts have changed.
    Backups,
    /// Ids of requests, with their answers.
    Requests,
}

impl Kept {
    /// Deletes what was recorded before this moment.
    async fn expire(self, journal: &Journal, older_than: Timestamp) -> Result<u64, AppendError> {
        match self {
            Self::Backups => journal.expire_backups(older_than).await,
            Self::Requests => journal.forget_requests(older_than).await,
        }
    }
}

/// Deletes what was kept long enough, now and again and again.
async fn expire(kept: Kept, journal: Journal, clock: Arc<dyn Clock>, retention: Duration) {
    let (last_known, since) = (journal.last_recorded_at().unwrap_or_else(|| clock.now()), Instant::now());
    loop {
        let now = clock.now();
        if before(now, since.elapsed() + AHEAD_MAX) > last_known {
            tracing::warn!(?kept, %now, %last_known, "the clock is implausibly far ahead of the journal, so nothing that is kept is deleted; set the clock right, or start the gateway again if it is right");
            sleep(EXPIRY_INTERVAL).await;
            continue;
        }
        let pause = match kept.expire(&journal, before(now, retention)).await {
            Ok(0) => EXPIRY_INTERVAL,
            Ok(count) => {
                tracing::info!(?kept, count, "what was kept long enough was deleted");
                EXPIRY_INTERVAL
            }
            Err(error) => {
                tracing::warn!(?kept, %error, "what was kept long enough cannot be deleted; it is tried again");
                EXPIRY_RETRY
            }
        };
        sleep(pause).await;
    }
}

fn before(now: Timestamp, retention: Duration) -> Timestamp {
    let micros = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(now.unix_micros().saturating_sub(micros))
}

/// Asks issuers for their keys once, so that a wrong address shows in the log at once and not with the first token.
async fn warm_up(jwt: Arc<JwtIssuers>) {
    for failure in jwt.warm_up().await {
        tracing::warn!(issuer = failure.issuer, reason = failure.reason, "an issuer does not tell its keys yet");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        journal::{Backup, Event, tests::intent},
        types::{Kind, OperationId},
    };

    const DAY: Duration = Duration::from_secs(86_400);

    async fn keep(journal: &Journal) -> String {
        let operation_id = OperationId::generate();
        let intent = journal.append(intent(operation_id)).await.unwrap();
        let backup = Backup {
            operation_id,
            intent_index: intent.index,
            operation: Kind::UnlockBucketPolicy,
            account_id: "333333333333".parse().unwrap(),
            resource: "arn:aws:s3:::payments".to_owned(),
            region: String::new(),
            caller: "spiffe://example/ns/a".to_owned(),
            reason: "locked out".to_owned(),
            ticket: None,
            policy: "{}".to_owned(),
        };
        journal.append(Event::Backup(backup)).await.unwrap();
        operation_id.to_string()
    }

    async fn until_expired(journal: &Journal, id: &str) {
        while journal.backup(id).await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn backups_expire_at_the_start_and_again_while_the_gateway_runs() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0)));
        let opened = Journal::open_patiently(&directory.path().join("journal.db"), clock.clone()).await;
        let journal = opened.journal;
        let first = keep(&journal).await;
        clock.advance(3 * DAY);
        let second = keep(&journal).await;
        let task = tokio::spawn(expire(Kept::Backups, journal.clone(), clock.clone(), 2 * DAY));
        until_expired(&journal, &first).await;
        assert!(journal.backup(&second).await.unwrap().is_some(), "is not old enough");
        clock.advance(2 * DAY + Duration::from_secs(1));
        // Time stands still until everybody waits, and then goes on to the next round.
        until_expired(&journal, &second).await;
        journal.close().await.unwrap();
        assert!(!task.is_finished(), "no failure ends it");
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_far_ahead_of_the_journal_expires_nothing() {
        for wrong_from_the_start in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("journal.db");
            let clock = Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0)));
            let before = Journal::open_patiently(&path, clock.clone()).await.journal;
            let id = keep(&before).await;
            before.close().await.unwrap();
            if wrong_from_the_start {
                clock.advance(400 * DAY);
            }
            let journal = Journal::open_patiently(&path, clock.clone()).await.journal;
            let task = tokio::spawn(expire(Kept::Backups, journal.clone(), clock.clone(), 2 * DAY));
            sleep(EXPIRY_INTERVAL / 2).await;
            clock.advance(400 * DAY);
            sleep(2 * EXPIRY_INTERVAL).await;
            // Behind whatever the task asked for.
            keep(&journal).await;
            assert!(journal.backup(&id).await.unwrap().is_some(), "{wrong_from_the_start}");
            task.abort();
        }
    }
}
