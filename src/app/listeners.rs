//! From the configuration to bound listeners.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use super::{StartError, identity::Identities};
use crate::{
    authn::Authenticator,
    clock::Clock,
    config::{self, Config, ListenAddress, ListenerConfig, TlsMaterial},
    edge::{
        Address, ClientCa, ClientCertificate, EdgeCounters, EdgeLimits, Listener, ListenerOptions, TlsFiles,
        TlsReloader, Transport, WorkloadApi, WorkloadApiOptions,
    },
    types::TrustDomain,
};

/// How long connections may take to end once every act is recorded: their answers are on the way, and streams such as
/// `Health/Watch` never end by themselves.
const CONNECTIONS_GRACE: Duration = Duration::from_secs(2);

/// How long a client without TLS may take for the preface of HTTP/2: it is on this machine.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the start waits for the SPIFFE agent. Both often start together; a service manager tries again.
const WORKLOAD_API_START_TIMEOUT: Duration = Duration::from_secs(30);

/// What a listener is served with, before it is bound.
pub(super) struct Prepared {
    name: String,
    address: Address,
    limits: EdgeLimits,
    counters: Arc<EdgeCounters>,
    tls: Tls,
}

/// Where the TLS of a listener comes from.
enum Tls {
    /// There is none.
    Plaintext,
    /// Files, which are looked at again and again.
    Files(Arc<TlsReloader>),
    /// The SPIFFE Workload API, which is asked when the listener is bound.
    WorkloadApi { socket: PathBuf, trust_domains: BTreeSet<TrustDomain>, client_certificate: ClientCertificate },
}

impl Prepared {
    /// Loads what lies in files. Asks nobody and binds nothing.
    pub(super) fn load(config: &Config, listener: &ListenerConfig, clock: &dyn Clock) -> Result<Self, StartError> {
        let counters = Arc::new(EdgeCounters::default());
        let tls = match &listener.tls {
            None => Tls::Plaintext,
            Some(tls) => match &tls.material {
                TlsMaterial::Files { certificate, private_key, client_ca } => {
                    let files = TlsFiles {
                        certificate: certificate.clone(),
                        private_key: private_key.clone(),
                        client_ca: demanded(client_ca.as_ref(), tls.client_certificate),
                    };
                    Tls::Files(Arc::new(TlsReloader::new(files, clock.now(), Arc::clone(&counters))?))
                }
                TlsMaterial::WorkloadApi { socket, trust_domains } => Tls::WorkloadApi {
                    socket: socket.clone(),
                    trust_domains: trust_domains.clone(),
                    client_certificate: client_certificate(tls.client_certificate),
                },
            },
        };
        let limits = limits(config, listener);
        Ok(Self { name: listener.name.clone(), address: address(listener), limits, counters, tls })
    }

    /// Binds. With the Workload API this waits a bounded time for the first certificate.
    pub(super) async fn bind(
        self,
        listener: &ListenerConfig,
        identities: &Identities,
        clock: &Arc<dyn Clock>,
    ) -> Result<Bound, StartError> {
        let Self { name, address, limits, counters, tls } = self;
        let (transport, workload_api) = match &tls {
            Tls::Plaintext => (Transport::Plaintext, None),
            Tls::Files(reloader) => {
                let client_certificate = reloader.files().client_certificate();
                (Transport::Tls { config: reloader.current(), client_certificate }, None)
            }
            Tls::WorkloadApi { socket, trust_domains, client_certificate } => {
                let client_certificate = *client_certificate;
                let source = WorkloadApi::connect(WorkloadApiOptions {
                    socket: socket.clone(),
                    trust_domains: trust_domains.clone(),
                    client_certificate,
                    start_timeout: WORKLOAD_API_START_TIMEOUT,
                    clock: Arc::clone(clock),
                    counters: Arc::clone(&counters),
                })
                .await?;
                (Transport::Tls { config: source.current(), client_certificate }, Some(source))
            }
        };
        let authenticator =
            Arc::new(Authenticator::new(&name, identities.schemes(&listener.schemes), Arc::clone(clock)));
        let counting = Arc::clone(&counters);
        let clock = Arc::clone(clock);
        let options = ListenerOptions { name, address, transport, limits, authenticator, clock, counters: counting };
        let reloader = if let Tls::Files(reloader) = tls { Some(reloader) } else { None };
        Ok(Bound { listener: Listener::bind(options).await?, reloader, workload_api })
    }
}

/// A listener that is bound, and what keeps its certificates fresh.
pub(super) struct Bound {
    pub(super) listener: Listener,
    reloader: Option<Arc<TlsReloader>>,
    workload_api: Option<WorkloadApi>,
}

impl Bound {
    /// What looks at its certificate files, with the listener's name.
    pub(super) fn reloader(&self) -> Option<(String, Arc<TlsReloader>)> {
        self.reloader.clone().map(|reloader| (self.listener.name().to_owned(), reloader))
    }

    /// The listener, and what must live as long as it.
    pub(super) fn split(self) -> (Listener, Option<WorkloadApi>) {
        (self.listener, self.workload_api)
    }
}

fn demanded(client_ca: Option<&PathBuf>, client_certificate: config::ClientCertificate) -> ClientCa {
    match (client_ca, client_certificate) {
        (Some(file), config::ClientCertificate::Required) => ClientCa::Required(file.clone()),
        (Some(file), config::ClientCertificate::Optional | config::ClientCertificate::None) => {
            ClientCa::Optional(file.clone())
        }
        // The configuration lets nobody prove an identity by a certificate then.
        (None, _) => ClientCa::None,
    }
}

const fn client_certificate(demanded: config::ClientCertificate) -> ClientCertificate {
    match demanded {
        config::ClientCertificate::Required => ClientCertificate::Required,
        config::ClientCertificate::Optional => ClientCertificate::Optional,
        config::ClientCertificate::None => ClientCertificate::None,
    }
}

fn address(listener: &ListenerConfig) -> Address {
    match &listener.listen {
        ListenAddress::Tcp(address) => Address::Tcp(*address),
        ListenAddress::Unix(path) => {
            let unix = listener.unix.clone();
            let (mode, uids) = unix.map_or_else(Default::default, |unix| (unix.socket_mode, unix.peer_uids));
            let own = rustix::process::geteuid().as_raw();
            let peer_uids = if uids.is_empty() { vec![own] } else { uids.into_iter().collect() };
            Address::Unix { path: path.clone(), mode, peer_uids }
        }
    }
}

fn limits(config: &Config, listener: &ListenerConfig) -> EdgeLimits {
    let limits = &config.server.limits;
    EdgeLimits {
        connections_max: limits.connections_max,
        handshakes_max: limits.handshakes_max,
        streams_per_connection_max: limits.streams_per_connection_max,
        header_bytes_max: limits.header_bytes_max,
        connection_age_max: limits.connection_age_max,
        connection_age_grace: limits.connection_age_grace,
        idle_max: EdgeLimits::IDLE_MAX,
        keepalive_interval: limits.keepalive_interval,
        keepalive_timeout: limits.keepalive_timeout,
        handshake_timeout: listener.tls.as_ref().map_or(PREFACE_TIMEOUT, |tls| tls.handshake_timeout),
        shutdown_grace: CONNECTIONS_GRACE,
    }
}
