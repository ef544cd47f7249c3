//! The composition root: makes every part from the configuration, or says everything that keeps it from starting.
//!
//! Whatever is wrong with certificates, policies, journal or AWS settings keeps the gateway from starting: there is no
//! half-open state.

mod check;
mod files;
mod health;
mod identity;
mod listeners;
mod parts;
mod reload;
mod routes;
mod signals;

pub use check::{CheckReport, check};

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::timeout};

use crate::{
    authz::PolicyErrors,
    aws::{Aws, GatewayCredentials, Platform, PlatformError, PlatformSettings, TreeReader, TreeReaderSettings},
    clock::{Clock, Rate, SystemClock},
    config::{Config, OrganizationConfig},
    edge::{self, BindError, EdgeError, Listener, TlsError, WorkloadApiError},
    gate::{CallerLimits, Gate, GateParts, Slots, TargetRules},
    journal::{AppendError, Event, Journal, OpenError},
    organization::{self, Keeper},
    policy::files::PolicyFilesError,
    types::Current,
};

use self::{health::Health, parts::Parts, reload::Reload};

/// What comes from outside and is replaced in tests.
pub struct Deps {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The gateway's own identity on AWS.
    pub credentials: GatewayCredentials,
}

impl Deps {
    /// The machine's clock, and the SDK's default credential chain.
    #[must_use]
    pub fn production() -> Self {
        Self { clock: Arc::new(SystemClock), credentials: GatewayCredentials::DefaultChain }
    }
}

/// What keeps the gateway from starting, or ended it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Certificates or keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Policy files that cannot be read.
    #[error(transparent)]
    PolicyFiles(#[from] PolicyFilesError),
    /// Policies that do not validate.
    #[error(transparent)]
    Policies(#[from] PolicyErrors),
    /// Issuers, keys and authorities that cannot be used.
    #[error("{}", .0.join("\n"))]
    Identity(Vec<String>),
    /// The file of the organization.
    #[error("{0}")]
    Organization(String),
    /// No certificate from the SPIFFE Workload API.
    #[error(transparent)]
    WorkloadApi(#[from] WorkloadApiError),
    /// Several of the above at once.
    #[error("{}", lines(.0, "\n"))]
    Several(Vec<StartError>),
    /// AWS settings.
    #[error(transparent)]
    Aws(#[from] PlatformError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal cannot be written.
    #[error("the journal cannot be written: {0}")]
    Journal(#[from] AppendError),
    /// The journal hangs.
    #[error(
        "the stop could not be recorded in time: the journal's disk hangs (what is open is INTERRUPTED at the next start)"
    )]
    StopUnrecorded,
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The server ended by itself.
    #[error(transparent)]
    Edge(#[from] EdgeError),
}

impl StartError {
    /// One error, or all of them.
    fn all(mut errors: Vec<Self>) -> Self {
        match (errors.pop(), errors.is_empty()) {
            (Some(only), true) => only,
            (last, _) => Self::Several(errors.into_iter().chain(last).collect()),
        }
    }
}

fn lines(items: &[impl ToString], separator: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

/// A gateway that listens, and serves as soon as it is run.
pub struct App {
    listeners: Vec<listeners::Bound>,
    routes: tonic::service::Routes,
    gate: Arc<Gate>,
    journal: Journal,
    health: Health,
    /// What keeps things fresh while the gateway runs.
    background: Vec<JoinHandle<()>>,
    shutdown_grace: Duration,
}

/// Runs the gateway until SIGTERM or SIGINT.
///
/// # Errors
/// What kept it from starting, or ended it.
pub async fn serve(config: Config, deps: Deps) -> Result<(), StartError> {
    let app = App::build(config, deps).await?;
    app.run(signals::stop()).await
}

impl App {
    /// Makes every part. After this the addresses are listened on, and the start is in the journal.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub async fn build(config: Config, deps: Deps) -> Result<Self, StartError> {
        let Parts { engine, identities, organization, prepared } = Parts::load(&config, &*deps.clock)?;
        for group in parts::groups_without_members(&engine, &config) {
            tracing::warn!(group, "policies name a group that the configuration does not: nobody is in it");
        }
        let platform = Platform::new(platform_settings(&config), deps.credentials).await?;
        let reader = tree_reader(&config, &platform);
        let aws = Aws::new(platform, config.aws.account_cache_ttl);
        let opened = Journal::open(&config.journal.path, Arc::clone(&deps.clock)).await?;
        let journal = opened.journal;
        for intent in &opened.interrupted {
            tracing::error!(
                index = intent.index,
                operation = intent.operation,
                account = intent.account_id,
                resource = intent.resource,
                caller = intent.caller,
                "an act was interrupted when the gateway last ended: look what it did"
            );
        }
        let mut bound = Vec::new();
        for (prepared, listener) in prepared.into_iter().zip(&config.listeners) {
            bound.push(prepared.bind(listener, &identities, &deps.clock).await?);
        }
        journal.append(started(&config, engine.sha256())).await?;

        let (policies, organization) = (Arc::new(Current::new(engine)), Arc::new(organization));
        let gate = Arc::new(Gate::new(GateParts {
            policies: Arc::clone(&policies),
            organization: Arc::clone(&organization),
            clock: Arc::clone(&deps.clock),
            journal: journal.clone(),
            aws,
            rules: target_rules(&config),
            slots: Slots::new(config.server.limits.operations_in_flight_max),
            caller_limits: caller_limits(&config),
            kind_rates: kind_rates(&config),
        }));
        let (health, health_service) = Health::new(&journal).await;
        let routes = routes::build(&config, &gate, Arc::clone(&deps.clock), health_service);
        let shutdown_grace = config.server.shutdown_grace;
        let background = background(config, &deps.clock, &journal, policies, organization, reader, &identities, &bound);
        Ok(Self { listeners: bound, routes, gate, journal, health, background, shutdown_grace })
    }

    /// Each listener's name and address; the port is known here even if the configuration says 0.
    #[must_use]
    pub fn addresses(&self) -> Vec<(String, String)> {
        let address = |bound: &listeners::Bound| bound.listener.local_addr().to_string();
        self.listeners.iter().map(|bound| (bound.listener.name().to_owned(), address(bound))).collect()
    }

    /// The address of the listener of this name, if it listens over TCP.
    #[must_use]
    pub fn tcp_address(&self, listener: &str) -> Option<SocketAddr> {
        let bound = self.listeners.iter().find(|bound| bound.listener.name() == listener)?;
        bound.listener.local_addr().tcp()
    }

    /// Serves until `stop` completes, then lets everything in flight finish and be recorded.
    ///
    /// # Errors
    /// The server ended by itself, or the stop could not be recorded.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        for (listener, address) in self.addresses() {
            tracing::info!(listener, address, "listening");
        }
        let following = self.health.follow(self.journal.health());
        let warm_up = warm_up(Arc::clone(&self.gate));
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "serving");
        let health = self.health.clone();
        let (gate, grace) = (Arc::clone(&self.gate), self.shutdown_grace);
        // The connections stand until the acts are recorded, so that their callers get the answers; who asks for more is
        // refused by the gate.
        let stop = async move {
            stop.await;
            tracing::info!("stopping: no new operations, those in flight finish");
            following.abort();
            health.stopping().await;
            if timeout(grace, gate.drain()).await.is_err() {
                let in_flight = gate.in_flight();
                tracing::error!(in_flight, "operations outlived the grace: they will be INTERRUPTED in the journal");
            }
        };
        // Whoever keeps their certificates fresh stays until they have ended.
        let (listeners, _fresh): (Vec<Listener>, Vec<_>) =
            self.listeners.into_iter().map(listeners::Bound::split).unzip();
        let served = edge::serve(listeners, self.routes, stop).await;
        warm_up.abort();
        self.background.iter().for_each(JoinHandle::abort);
        // An orderly stop has waited already; a server that ended by itself has acts in flight.
        if served.is_err() {
            let _ = timeout(grace, self.gate.drain()).await;
        }
        // Last of all: it records the stop, and what comes after it could not be recorded.
        let closed = timeout(CLOSE_LIMIT, self.journal.close()).await;
        served?;
        Ok(closed.map_err(|_elapsed| StartError::StopUnrecorded)??)
    }
}

/// How long the last record may take. A disk that hangs must not keep the process from ending.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Asks for the organization once at the start, so that a wrong role or network shows in the log at once and not at the
/// first act in an emergency. Every act asks again if this fails.
fn warm_up(gate: Arc<Gate>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        match gate.aws().directory().organization().await {
            Ok(organization) => tracing::info!(
                own_account = %organization.own_account,
                management_account = %organization.management_account,
                "AWS answers"
            ),
            Err(failure) => {
                tracing::error!(%failure, "AWS does not answer the gateway; acts will be refused until it does")
            }
        }
    })
}

/// Starts what keeps things fresh: files, and the organization if it comes from AWS.
#[allow(clippy::too_many_arguments, reason = "the parts of the composition root, used once")]
fn background(
    config: Config,
    clock: &Arc<dyn Clock>,
    journal: &Journal,
    policies: Arc<Current<crate::authz::Engine>>,
    organization: Arc<Keeper>,
    reader: Option<TreeReader>,
    identities: &identity::Identities,
    bound: &[listeners::Bound],
) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    if let (OrganizationConfig::Aws { refresh, .. }, Some(reader)) = (&config.organization, reader) {
        let (keeper, clock, refresh) = (Arc::clone(&organization), Arc::clone(clock), *refresh);
        tasks.push(tokio::spawn(async move { organization::keep_fresh(&keeper, &reader, refresh, &*clock).await }));
    }
    let jwt = identities.jwt.clone();
    if let Some(jwt) = jwt.clone() {
        tasks.push(tokio::spawn(async move {
            for failure in jwt.warm_up().await {
                tracing::warn!(
                    issuer = failure.issuer,
                    reason = failure.reason,
                    "an issuer does not tell its keys yet"
                );
            }
        }));
    }
    let reload = Reload {
        config,
        clock: Arc::clone(clock),
        journal: journal.clone(),
        policies,
        organization,
        jwt,
        key_files: identities.key_files.clone(),
        tls: bound.iter().filter_map(listeners::Bound::reloader).collect(),
        told: BTreeMap::new(),
    };
    tasks.push(tokio::spawn(reload.run()));
    tasks
}

fn started(config: &Config, policy_sha256: &str) -> Event {
    Event::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        configuration_sha256: Some(config.sha256.clone()),
        policy_sha256: Some(policy_sha256.to_owned()),
    }
}

fn platform_settings(config: &Config) -> PlatformSettings {
    let aws = &config.aws;
    PlatformSettings {
        home_region: aws.home_region.clone(),
        allowed_regions: aws.allowed_regions.clone(),
        endpoint_override: aws.development.as_ref().map(|development| development.endpoint.clone()),
        connect_timeout: aws.connect_timeout,
        attempt_timeout: aws.attempt_timeout,
        operation_timeout: aws.operation_timeout,
        attempts_max: aws.attempts_max,
        assume_root_per_second_max: NonZeroU32::new(aws.assume_root_per_second_max).unwrap_or(NonZeroU32::MIN),
    }
}

fn target_rules(config: &Config) -> TargetRules {
    TargetRules {
        protected_accounts: config.aws.protected_accounts.clone(),
        own_account_allowed: config.aws.delegated_administrator_allowed,
    }
}

fn tree_reader(config: &Config, platform: &Platform) -> Option<TreeReader> {
    match config.organization {
        OrganizationConfig::Aws { tags, .. } => {
            Some(TreeReader::new(platform, TreeReaderSettings { tags, ..TreeReaderSettings::default() }))
        }
        OrganizationConfig::None | OrganizationConfig::InFile(_) => None,
    }
}

fn caller_limits(config: &Config) -> CallerLimits {
    let limits = &config.limits.caller;
    CallerLimits {
        rate: Rate::per_minute(limits.operations_per_minute, limits.burst),
        in_flight_max: limits.in_flight_max,
        refusals_recorded_per_minute: u64::from(limits.refusals_recorded_per_minute),
    }
}

fn kind_rates(config: &Config) -> BTreeMap<crate::types::Kind, Rate> {
    let rate = |limit: &crate::config::RateConfig| Rate::per_minute(limit.per_minute, limit.burst);
    config.limits.operations.iter().map(|(kind, limit)| (*kind, rate(limit))).collect()
}
