//! The composition root: makes every part from the configuration, or says everything that keeps it from starting.
//!
//! Whatever is wrong with certificates, policies, journal or AWS settings keeps the gateway from starting: there is no
//! half-open state.

mod background;
mod check;
mod checkpoints;
mod files;
mod health;
mod identity;
mod listeners;
mod parts;
mod policies;
mod reload;
mod routes;
mod signals;
mod start_error;

pub use check::{CheckReport, check};
pub use policies::{groups_without_members, known};
pub use start_error::StartError;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

use crate::{
    aws::{Aws, BrokerRoles, GatewayCredentials, Platform, PlatformSettings},
    clock::{Clock, Rate, SystemClock},
    config::Config,
    edge::{self, Listener},
    gate::{CallerLimits, Gate, GateParts, Slots, TargetRules},
    journal::{Event, Journal},
    types::Current,
};

use self::{checkpoints::Publisher, health::Health, parts::Parts, reload::ReloadParts};

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

/// A gateway that listens, and serves as soon as it is run.
pub struct App {
    listeners: Vec<listeners::Bound>,
    routes: tonic::service::Routes,
    gate: Arc<Gate>,
    journal: Journal,
    checkpoints: Option<Arc<Publisher>>,
    health: Health,
    /// What keeps things fresh while the gateway runs.
    background: JoinSet<()>,
    shutdown_grace: Duration,
}

/// Runs the gateway until SIGTERM or SIGINT.
///
/// # Errors
/// What kept it from starting, or ended it.
pub async fn serve(config: Config, deps: Deps) -> Result<(), StartError> {
    let app = Box::pin(App::build(config, deps)).await?;
    app.run(signals::stop()).await
}

impl App {
    /// Makes every part. After this the addresses are listened on, and the start is in the journal.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub async fn build(config: Config, deps: Deps) -> Result<Self, StartError> {
        let hang_up = background::hang_up();
        let Parts { engine, identities, organization, checkpointer, prepared } = Parts::load(&config, &*deps.clock)?;
        parts::warn_of_groups_without_members(&engine, &config);
        let platform = Platform::new(platform_settings(&config), deps.credentials).await?;
        let reader = background::tree_reader(&config, &platform);
        let anchors = checkpoints::anchors(&config, &platform);
        let aws = Aws::new(platform, config.aws.account_cache_ttl, broker_roles(&config));
        let opened = Journal::open(&config.journal.location, Arc::clone(&deps.clock)).await?;
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
            checkpointer: checkpointer.clone(),
            aws,
            rules: target_rules(&config),
            slots: Slots::new(config.server.limits.operations_in_flight_max),
            caller_limits: caller_limits(&config),
            kind_rates: kind_rates(&config),
        }));
        let (health, health_service) = Health::new(&journal).await;
        let routes = routes::build(&config, &gate, Arc::clone(&deps.clock), health_service);
        let shutdown_grace = config.server.shutdown_grace;
        let checkpoints = Publisher::new(&config, checkpointer, &journal, anchors, &deps.clock);
        let reload = ReloadParts {
            config,
            clock: deps.clock,
            journal: journal.clone(),
            policies,
            organization,
            jwt: identities.jwt,
            key_files: identities.key_files,
            tls: bound.iter().filter_map(listeners::Bound::reloader).collect(),
        };
        let mut background = background::start(reload, reader, hang_up);
        if let Some(publisher) = &checkpoints {
            background.spawn(Arc::clone(publisher).run());
        }
        Ok(Self { listeners: bound, routes, gate, journal, checkpoints, health, background, shutdown_grace })
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
        let mut background = self.background;
        let went_stale = Arc::new(AtomicBool::new(false));
        let stale = Arc::clone(&went_stale);
        let stop = async move {
            tokio::select! {
                () = stop => {}
                Some(_ended) = background.join_next() => {
                    tracing::error!("what takes up new policies, certificates and keys has ended by itself");
                    stale.store(true, Ordering::Relaxed);
                }
            }
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
        // An orderly stop has waited already; a server that ended by itself has acts in flight.
        if served.is_err() {
            let _ = timeout(grace, self.gate.drain()).await;
        }
        // It records the stop, and what comes after it could not be recorded.
        let closed = timeout(CLOSE_LIMIT, self.journal.close()).await;
        // Last of all, so that the stop is signed too.
        if let Some(publisher) = &self.checkpoints {
            publisher.last().await;
        }
        served?;
        closed.map_err(|_elapsed| StartError::StopUnrecorded)??;
        if went_stale.load(Ordering::Relaxed) { Err(StartError::Background) } else { Ok(()) }
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

fn broker_roles(config: &Config) -> Option<BrokerRoles> {
    let broker = config.aws.broker.as_ref()?;
    Some(BrokerRoles { role: broker.role.clone(), roles: broker.roles.clone() })
}

fn target_rules(config: &Config) -> TargetRules {
    TargetRules {
        protected_accounts: config.aws.protected_accounts.clone(),
        own_account_allowed: config.aws.delegated_administrator_allowed,
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
