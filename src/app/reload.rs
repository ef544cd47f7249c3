//! Takes up what has changed in files while the gateway runs: policies, certificates, keys, the organization.
//!
//! - What does not load is not used: the old stays in force, and the log says why, once for each new cause.
//! - A change is taken up when two looks in succession find the same, so that a folder that is being written, or a file
//!   that is written in place, is not taken up by half.
//! - New policies are recorded before they are in force; if that fails, they are not taken up. Keys, certificates and the
//!   organization are recorded when they are in force, again and again until it succeeds.

mod watched;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use tokio::{
    signal::unix::Signal,
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout},
};

use self::watched::{Found, Watched};
use super::{files, identity::KeyFile, parts};
use crate::{
    authn::JwtIssuers,
    authz::{Engine, Sources},
    clock::Clock,
    config::{Config, OrganizationConfig},
    edge::{Reloaded, TlsReloader},
    journal::{Event, Journal},
    organization::Keeper,
    policy,
    types::Current,
};

/// After a look that found something new, the next one comes so soon, to see whether it stays.
const SETTLE: Duration = Duration::from_secs(1);

/// How long one look may take: a disk that hangs under one file must not keep new policies from being taken up.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// Looks come one after the other, so more than one is one that hangs. The journal needs threads of the same kind.
const LOOKS_MAX: usize = 4;

/// What is looked at, and what is known of it.
pub(super) struct Reload {
    config: Config,
    clock: Arc<dyn Clock>,
    journal: Journal,
    policies: Arc<Current<Engine>>,
    organization: Arc<Keeper>,
    jwt: Option<Arc<JwtIssuers>>,
    /// By name of the listener.
    tls: Vec<(String, Arc<TlsReloader>)>,
    key_files: Vec<(KeyFile, Watched)>,
    policy_files: Watched,
    organization_file: Watched,
    /// SHA-256 of the organization's tree that was recorded last, wherever it came from.
    tree_recorded: Option<String>,
    /// What is in force and could not be recorded yet.
    unrecorded: Vec<(String, Option<String>)>,
    /// What was last told of each thing that does not load.
    told: BTreeMap<String, String>,
    /// Threads that looks may use, also those that hang.
    looks: Arc<Semaphore>,
}

/// What a reload works with.
pub(super) struct ReloadParts {
    pub(super) config: Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) journal: Journal,
    pub(super) policies: Arc<Current<Engine>>,
    pub(super) organization: Arc<Keeper>,
    pub(super) jwt: Option<Arc<JwtIssuers>>,
    pub(super) key_files: Vec<KeyFile>,
    pub(super) tls: Vec<(String, Arc<TlsReloader>)>,
}

impl Reload {
    /// Everything is as it was loaded.
    pub(super) fn new(parts: ReloadParts) -> Self {
        let ReloadParts { config, clock, journal, policies, organization, jwt, key_files, tls } = parts;
        let watched = |file: KeyFile| (file.clone(), Watched::new(&file.sha256));
        let tree_recorded = organization.tree(clock.now()).map(|tree| tree.sha256().to_owned());
        Self {
            policy_files: Watched::new(policies.get().sha256()),
            // Its text is not kept, so the first look loads it once more, which changes nothing.
            organization_file: Watched::new(""),
            key_files: key_files.into_iter().map(watched).collect(),
            config,
            clock,
            journal,
            policies,
            organization,
            jwt,
            tls,
            tree_recorded,
            unrecorded: Vec::new(),
            told: BTreeMap::new(),
            looks: Arc::new(Semaphore::new(LOOKS_MAX)),
        }
    }

    /// Looks again and again, and at SIGHUP, until it is dropped.
    pub(super) async fn run(mut self, mut hang_up: Option<Signal>) {
        // Everything has just been loaded.
        let mut next = Instant::now() + self.config.server.reload_interval;
        loop {
            let hung_up = async {
                match &mut hang_up {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep_until(next) => {}
                _ = hung_up => tracing::info!("SIGHUP: looking at policies, certificates, keys and organization"),
            }
            let settled = self.look().await;
            let interval = self.config.server.reload_interval;
            next = Instant::now() + if settled { interval } else { SETTLE.min(interval) };
        }
    }

    /// One look at everything; whether nothing is left that must be seen a second time.
    async fn look(&mut self) -> bool {
        let mut settled = true;
        let policies = self.look_at_policies().await;
        settled &= self.tell("policies", policies);
        for (listener, reloader) in self.tls.clone() {
            let looked = self.look_at_tls(&listener, &reloader).await;
            settled &= self.tell(&format!("tls:{listener}"), looked);
        }
        for at in 0..self.key_files.len() {
            let (issuer, looked) = self.look_at_keys(at).await;
            settled &= self.tell(&format!("jwt:{issuer}"), looked);
        }
        let organization = self.look_at_organization().await;
        settled &= self.tell("organization", organization);
        self.record_tree();
        self.record_what_is_left().await;
        settled
    }

    async fn look_at_policies(&mut self) -> Result<Found, String> {
        let paths = self.config.authorization.policies.clone();
        let read = move || policy::files::read(&paths).map_err(|error| error.to_string());
        let sources = blocking(&self.looks, read).await?;
        let sha256 = sources.sha256();
        let found = self.policy_files.see(&sha256)?;
        if found == Found::New {
            let loaded = self.put_policies_in_force(sources).await;
            self.policy_files.judged(&sha256, &loaded);
            loaded?;
        }
        Ok(found)
    }

    async fn put_policies_in_force(&self, sources: Sources) -> Result<(), String> {
        let groups = self.config.authorization.groups.clone();
        let load = move || Engine::load(&sources, groups).map_err(|errors| errors.to_string());
        let engine = blocking(&self.looks, load).await?;
        parts::check_needs(&engine, &self.config)?;
        self.record("policies", Some(engine.sha256().to_owned())).await?;
        tracing::info!(policies = engine.policies_count(), sha256 = engine.sha256(), "new policies are in force");
        parts::warn_of_groups_without_members(&engine, &self.config);
        self.policies.replace(engine);
        Ok(())
    }

    async fn look_at_tls(&mut self, listener: &str, reloader: &Arc<TlsReloader>) -> Result<Found, String> {
        let (reloader, now) = (Arc::clone(reloader), self.clock.now());
        // A certificate and a key that do not fit each other do not load, so that half of a change is not taken up.
        match blocking(&self.looks, move || Ok(reloader.reload_if_changed(now))).await? {
            Reloaded::Unchanged => {}
            Reloaded::Unsettled => return Ok(Found::Unsettled),
            Reloaded::Replaced { what } => {
                tracing::info!(listener, ?what, "new certificates are in force from the next handshake on");
                self.unrecorded.push((format!("tls:{listener}"), None));
            }
            Reloaded::Kept { error, is_refusing: true, .. } => {
                return Err(format!("every handshake is refused, because a client CA in force has expired: {error}"));
            }
            Reloaded::Kept { error, .. } => return Err(error.to_string()),
        }
        Ok(Found::InForce)
    }

    async fn look_at_keys(&mut self, at: usize) -> (String, Result<Found, String>) {
        let Some(((file, watched), jwt)) = self.key_files.get_mut(at).zip(self.jwt.clone()) else {
            return (String::new(), Ok(Found::InForce));
        };
        let issuer = file.issuer.clone();
        let looks = Arc::clone(&self.looks);
        let looked = look_at_key_file(&looks, &jwt, file, watched).await;
        if let Ok((Found::New, sha256)) = &looked {
            tracing::info!(issuer, sha256, "new keys of the issuer are in force");
            self.unrecorded.push((format!("jwt:{issuer}"), Some(sha256.clone())));
        }
        (issuer, looked.map(|(found, _)| found))
    }

    async fn look_at_organization(&mut self) -> Result<Found, String> {
        let OrganizationConfig::InFile(path) = self.config.organization.clone() else { return Ok(Found::InForce) };
        let text = blocking(&self.looks, move || files::read_text(&path, "organization.file")).await?;
        let sha256 = files::sha256(text.as_bytes());
        let found = self.organization_file.see(&sha256)?;
        if found == Found::New {
            let (keeper, now) = (Arc::clone(&self.organization), self.clock.now());
            let replace = move || keeper.replace_from_text(&text, now).map_err(|errors| errors.to_string());
            let replaced = blocking(&self.looks, replace).await.map(drop);
            self.organization_file.judged(&sha256, &replaced);
            replaced?;
        }
        Ok(found)
    }

    /// A tree that is in force is recorded, also one that was read from AWS.
    fn record_tree(&mut self) {
        let Some(tree) = self.organization.tree(self.clock.now()) else { return };
        if self.tree_recorded.as_deref() != Some(tree.sha256()) {
            self.tree_recorded = Some(tree.sha256().to_owned());
            self.unrecorded.push(("organization".to_owned(), self.tree_recorded.clone()));
        }
    }

    async fn record_what_is_left(&mut self) {
        for (what, sha256) in std::mem::take(&mut self.unrecorded) {
            if let Err(error) = self.record(&what, sha256.clone()).await {
                tracing::error!(what, error, "this is in force and could not be recorded; it is tried again");
                self.unrecorded.push((what, sha256));
            }
        }
    }

    async fn record(&self, what: &str, sha256: Option<String>) -> Result<(), String> {
        let event = Event::Reloaded { what: what.to_owned(), sha256 };
        self.journal.append(event).await.map(drop).map_err(|error| format!("it cannot be recorded: {error}"))
    }

    /// Says each new cause once, and when it is over; whether it is settled.
    fn tell(&mut self, what: &str, looked: Result<Found, String>) -> bool {
        match looked {
            Ok(Found::Unsettled) => return false,
            Ok(Found::InForce | Found::New) => {
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
        true
    }
}

/// Looks at one file of keys, and hands its digest back.
async fn look_at_key_file(
    looks: &Arc<Semaphore>,
    jwt: &Arc<JwtIssuers>,
    file: &KeyFile,
    watched: &mut Watched,
) -> Result<(Found, String), String> {
    let KeyFile { issuer, path, .. } = file.clone();
    let key = format!("authentication.jwt.issuers.{issuer}.jwks_file");
    let name = path.clone();
    let bytes = blocking(looks, move || files::read(&name, &key)).await?;
    let sha256 = files::sha256(&bytes);
    let found = watched.see(&sha256)?;
    if found == Found::New {
        let replaced = jwt.replace_keys(&issuer, &bytes).map_err(|rule| in_file(&path, &rule));
        watched.judged(&sha256, &replaced);
        replaced?;
    }
    Ok((found, sha256))
}

fn in_file(path: &Path, rule: &dyn std::fmt::Display) -> String {
    format!("{}: {rule}", path.display())
}

/// Files may be on a disk that hangs, and policies take a while to validate: not on a thread that serves.
async fn blocking<T: Send + 'static>(
    looks: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let Ok(place) = Arc::clone(looks).try_acquire_owned() else {
        return Err("earlier looks have not ended: the disk hangs, or there is something that is no file".to_owned());
    };
    let work = move || {
        let _place = place;
        work()
    };
    match timeout(LOOK_MAX, spawn_blocking(work)).await {
        Ok(looked) => looked.unwrap_or_else(|_panic| Err("the look at it ended in a panic".to_owned())),
        Err(_elapsed) => Err(format!("the look at it did not end in {LOOK_MAX:?}: the disk hangs, or it is no file")),
    }
}
