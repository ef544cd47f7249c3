//! Takes up what has changed in files while the gateway runs: certificates, policies, keys, the organization.
//!
//! What does not load is not used: the old stays in force, and the log says why, once for each new cause. What decides who
//! may do what is recorded before it is in force; if that cannot be recorded, it is not taken up.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use super::{files, identity::KeyFile, parts};
use crate::{
    authn::JwtIssuers,
    authz::Engine,
    clock::Clock,
    config::{Config, OrganizationConfig},
    edge::{Reloaded, TlsReloader},
    journal::{Event, Journal},
    organization::Keeper,
    policy,
    types::Current,
};

/// What is looked at.
pub(super) struct Reload {
    pub(super) config: Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) journal: Journal,
    pub(super) policies: Arc<Current<Engine>>,
    pub(super) organization: Arc<Keeper>,
    pub(super) jwt: Option<Arc<JwtIssuers>>,
    pub(super) key_files: Vec<KeyFile>,
    /// By name of the listener.
    pub(super) tls: Vec<(String, Arc<TlsReloader>)>,
    /// What was last told of each thing that does not load.
    pub(super) told: BTreeMap<String, String>,
}

impl Reload {
    /// Looks again and again, and at SIGHUP, until it is dropped.
    pub(super) async fn run(mut self) {
        let mut looks = interval(self.config.server.reload_interval);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once, and everything has just been loaded.
        looks.tick().await;
        let mut hang_up = signal(SignalKind::hangup()).ok();
        loop {
            let hung_up = async {
                match &mut hang_up {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = looks.tick() => {}
                _ = hung_up => tracing::info!("SIGHUP: looking at certificates, policies, keys and organization"),
            }
            self.look().await;
        }
    }

    /// One look at everything.
    async fn look(&mut self) {
        let policies = self.policies().await;
        self.tell("policies", policies);
        for (listener, reloader) in self.tls.clone() {
            let looked = self.tls(&listener, &reloader).await;
            self.tell(&format!("tls:{listener}"), looked);
        }
        if let Some(jwt) = self.jwt.clone() {
            let mut files = std::mem::take(&mut self.key_files);
            for file in &mut files {
                let looked = self.keys(&jwt, file).await;
                self.tell(&format!("jwt:{}", file.issuer), looked);
            }
            self.key_files = files;
        }
        let organization = self.organization().await;
        self.tell("organization", organization);
    }

    /// New policies, if they are others and load.
    async fn policies(&self) -> Result<(), String> {
        let sources = policy::files::read(&self.config.authorization.policies).map_err(|error| error.to_string())?;
        let in_force = self.policies.get();
        if sources.sha256() == in_force.sha256() {
            return Ok(());
        }
        let groups = self.config.authorization.groups.clone();
        let engine = Engine::load(&sources, groups).map_err(|errors| errors.to_string())?;
        parts::check_needs(&engine, &self.config)?;
        self.record("policies", Some(engine.sha256())).await?;
        tracing::info!(policies = engine.policies_count(), sha256 = engine.sha256(), "new policies are in force");
        self.policies.replace(engine);
        Ok(())
    }

    async fn tls(&self, listener: &str, reloader: &Arc<TlsReloader>) -> Result<(), String> {
        let (reloader, now) = (Arc::clone(reloader), self.clock.now());
        let looked = tokio::task::spawn_blocking(move || reloader.reload_if_changed(now)).await;
        match looked.map_err(|_| "the look at the files ended in a panic".to_owned())? {
            Reloaded::Unchanged => Ok(()),
            Reloaded::Replaced { what } => {
                tracing::info!(listener, ?what, "new certificates are in force from the next handshake on");
                self.record(&format!("tls:{listener}"), None).await
            }
            Reloaded::Kept { error, .. } => Err(error.to_string()),
        }
    }

    async fn keys(&self, jwt: &JwtIssuers, file: &mut KeyFile) -> Result<(), String> {
        let KeyFile { issuer, path, sha256 } = file;
        let bytes = files::read(path, &format!("authentication.jwt.issuers.{issuer}.jwks_file"))?;
        let found = files::sha256(&bytes);
        if found == *sha256 {
            return Ok(());
        }
        jwt.replace_keys(issuer, &bytes).map_err(|rule| format!("{}: {rule}", path.display()))?;
        *sha256 = found;
        tracing::info!(issuer, "new keys of the issuer are in force");
        self.record(&format!("jwt:{issuer}"), None).await
    }

    async fn organization(&self) -> Result<(), String> {
        let OrganizationConfig::InFile(path) = &self.config.organization else { return Ok(()) };
        let text = files::read_text(path, "organization.file")?;
        if self.organization.replace_from_text(&text, self.clock.now()).map_err(|errors| errors.to_string())? {
            self.record("organization", None).await?;
        }
        Ok(())
    }

    async fn record(&self, what: &str, sha256: Option<&str>) -> Result<(), String> {
        let event = Event::Reloaded { what: what.to_owned(), sha256: sha256.map(ToOwned::to_owned) };
        self.journal.append(event).await.map(drop).map_err(|error| format!("it cannot be recorded: {error}"))
    }

    /// Says each new cause once, and when it is over.
    fn tell(&mut self, what: &str, looked: Result<(), String>) {
        match looked {
            Ok(()) => {
                if self.told.remove(what).is_some() {
                    tracing::info!(what, "it loads again");
                }
            }
            Err(why) if self.told.get(what) == Some(&why) => {}
            Err(why) => {
                tracing::error!(what, why, "what is new does not load and is NOT in force; the old one stays");
                self.told.insert(what.to_owned(), why);
            }
        }
    }
}
