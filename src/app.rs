//! The composition root: makes every part from the configuration, or says everything that keeps it from starting.
//!
//! Whatever is wrong with certificates, policies, journal or AWS settings keeps the gateway from starting: there is no
//! half-open state.

mod check;
mod health;
mod policies;
mod routes;
mod signals;

pub use check::{CheckReport, check};

use std::{collections::BTreeSet, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use tokio::{net::TcpListener, time::timeout};

use crate::{
    authn::{Authenticator, MtlsRules},
    authz::{Engine, PolicyErrors},
    aws::{Aws, GatewayCredentials, Platform, PlatformError, PlatformSettings},
    clock::{Clock, SystemClock},
    config::Config,
    edge::{self, EdgeCounters, EdgeError, EdgeLimits, EdgeOptions, TlsConfigHandle, TlsError, TlsFiles},
    gate::{Gate, Slots, TargetRules},
    journal::{AppendError, Event, Journal, OpenError},
    types::Violation,
};

use self::{health::Health, policies::PolicyFilesError};

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
    /// Names of callers that cannot be believed.
    #[error("authentication.mtls: {}", lines(.0, "; "))]
    Authentication(Vec<Violation>),
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
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source} (choose another server.listen, or stop what listens there)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
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
    listener: TcpListener,
    edge: EdgeOptions,
    routes: tonic::service::Routes,
    gate: Arc<Gate>,
    journal: Journal,
    health: Health,
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
    /// Makes every part. After this the address is listened on, and the start is in the journal.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub async fn build(config: Config, deps: Deps) -> Result<Self, StartError> {
        let Parts { engine, policy_sha256, tls, mtls_rules } = Parts::load(&config, &*deps.clock)?;
        for group in engine.groups_without_members() {
            tracing::warn!(group, "policies name a group that the configuration does not: nobody is in it");
        }
        let platform = Platform::new(platform_settings(&config), deps.credentials).await?;
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
        let address = config.server.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
        journal.append(started(&config, policy_sha256)).await?;

        let slots = Slots::new(config.server.limits.operations_in_flight_max);
        let gate = Arc::new(Gate::new(engine, journal.clone(), aws, target_rules(&config), slots));
        let (health, health_service) = Health::new(&journal).await;
        let routes = routes::build(&config, &gate, health_service);
        let edge = EdgeOptions {
            tls,
            limits: edge_limits(&config),
            authenticator: Arc::new(Authenticator::new(mtls_rules, deps.clock)),
            counters: Arc::new(EdgeCounters::default()),
        };
        Ok(Self { listener, edge, routes, gate, journal, health, shutdown_grace: config.server.shutdown_grace })
    }

    /// The address that is listened on; the port is known here even if the configuration says 0.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` completes, then lets everything in flight finish and be recorded.
    ///
    /// # Errors
    /// The server ended by itself, or the stop could not be recorded.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let address = self.local_addr().map(|address| address.to_string()).unwrap_or_default();
        let following = self.health.follow(self.journal.health());
        let warm_up = warm_up(Arc::clone(&self.gate));
        tracing::info!(address, version = env!("CARGO_PKG_VERSION"), "serving");
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
        let served = edge::serve(self.listener, self.routes, self.edge, stop).await;
        warm_up.abort();
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

/// How long connections may take to end once every act is recorded: their answers are on the way, and streams such as
/// `Health/Watch` never end by themselves.
const CONNECTIONS_GRACE: Duration = Duration::from_secs(2);

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

/// What is made from files other than the configuration.
struct Parts {
    engine: Engine,
    policy_sha256: String,
    tls: Arc<TlsConfigHandle>,
    mtls_rules: MtlsRules,
}

impl Parts {
    /// Loads them all, and reports what is wrong with any of them.
    fn load(config: &Config, clock: &dyn Clock) -> Result<Self, StartError> {
        let tls = edge::load(&tls_files(config), clock.now()).map_err(StartError::from);
        let sources = policies::read(&config.authorization.policies).map_err(StartError::from);
        let policies = sources.and_then(|sources| {
            let groups = config.authorization.groups.clone();
            Ok((Engine::load(&sources, groups)?, policies::sha256(&sources)))
        });
        match (tls, policies, mtls_rules(config)) {
            (Ok(tls), Ok((engine, policy_sha256)), Ok(mtls_rules)) => {
                Ok(Self { engine, policy_sha256, tls: Arc::new(TlsConfigHandle::new(tls)), mtls_rules })
            }
            (tls, policies, mtls_rules) => {
                Err(StartError::all([tls.err(), policies.err(), mtls_rules.err()].into_iter().flatten().collect()))
            }
        }
    }
}

fn tls_files(config: &Config) -> TlsFiles {
    let tls = &config.server.tls;
    TlsFiles {
        certificate: tls.certificate.clone(),
        private_key: tls.private_key.clone(),
        client_ca: tls.client_ca.clone(),
    }
}

fn started(config: &Config, policy_sha256: String) -> Event {
    Event::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        configuration_sha256: Some(config.sha256.clone()),
        policy_sha256: Some(policy_sha256),
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

fn mtls_rules(config: &Config) -> Result<MtlsRules, StartError> {
    let mtls = &config.authentication.mtls;
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect();
    MtlsRules::parse(list(&mtls.spiffe_trust_domains), list(&mtls.dns_sans), list(&mtls.uri_sans))
        .map_err(StartError::Authentication)
}

fn edge_limits(config: &Config) -> EdgeLimits {
    let limits = &config.server.limits;
    EdgeLimits {
        connections_max: limits.connections_max,
        handshakes_max: limits.handshakes_max,
        streams_per_connection_max: limits.streams_per_connection_max,
        header_bytes_max: limits.header_bytes_max,
        connection_age_max: limits.connection_age_max,
        connection_age_grace: limits.connection_age_grace,
        keepalive_interval: limits.keepalive_interval,
        keepalive_timeout: limits.keepalive_timeout,
        handshake_timeout: config.server.tls.handshake_timeout,
        shutdown_grace: CONNECTIONS_GRACE,
    }
}
