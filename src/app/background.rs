//! What keeps things fresh while the gateway runs: files, and the organization if it comes from AWS.

use std::sync::Arc;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

use super::reload::{Reload, ReloadParts};
use crate::{
    authn::JwtIssuers,
    aws::{Platform, TreeReader, TreeReaderSettings},
    config::{Config, OrganizationConfig},
    organization,
};

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
    tasks.spawn(Reload::new(parts).run(hang_up));
    tasks
}

/// Asks issuers for their keys once, so that a wrong address shows in the log at once and not with the first token.
async fn warm_up(jwt: Arc<JwtIssuers>) {
    for failure in jwt.warm_up().await {
        tracing::warn!(issuer = failure.issuer, reason = failure.reason, "an issuer does not tell its keys yet");
    }
}
