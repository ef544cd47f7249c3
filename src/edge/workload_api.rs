//! Server certificate and client CAs from the SPIFFE Workload API, kept fresh for as long as the process lives.
//!
//! Source: the SPIFFE Workload API standard, section 5. The `spiffe` crate speaks it, connects again, and knows when the
//! agent takes an identity back; here is what that means for handshakes:
//! - Each update makes a new configuration. One that cannot be used changes nothing.
//! - While the agent is away, the last identity is used until it expires.
//! - After that, and as soon as the agent takes back the identity or the last of the trust bundles, handshakes fail.

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verifier;

use std::{collections::BTreeSet, fmt, path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert, danger::ClientCertVerifier},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use spiffe::{X509BundleSet, X509Source, X509SourceError, X509Svid, x509_source::X509SourceUpdates};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use self::verifier::TrustDomainVerifier;
use super::{
    ClientCertificate, EdgeCount, EdgeCounters, TlsFault,
    tls::{client_roots, client_verifier, expires, identity, server_config},
};
use crate::{
    clock::{Clock, Timestamp},
    types::{Current, TrustDomain},
};

/// Longest sleep before the clock is looked at again: it may be set while we sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Where the Workload API is, and whom to believe.
pub struct WorkloadApiOptions {
    /// The agent's Unix socket.
    pub socket: PathBuf,
    /// The trust domains whose workloads may connect; empty for the gateway's own.
    pub trust_domains: BTreeSet<TrustDomain>,
    /// Whether clients must show a certificate.
    pub client_certificate: ClientCertificate,
    /// How long the start waits for the agent and for an identity.
    pub start_timeout: Duration,
    /// Tells when an identity has expired.
    pub clock: Arc<dyn Clock>,
    /// Where updates are counted.
    pub counters: Arc<EdgeCounters>,
}

/// The Workload API cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadApiError {
    /// No identity came in time.
    #[error(
        "no identity from the SPIFFE Workload API at {socket} ({source}); check that the agent runs, that the socket is \
         mounted, and that a registration entry matches the gateway",
        socket = socket.display()
    )]
    NoIdentity {
        /// The agent's socket.
        socket: PathBuf,
        /// What was tried last.
        source: Box<X509SourceError>,
    },
    /// The identity that came cannot be used.
    #[error("the identity from the SPIFFE Workload API cannot be used: {0}")]
    Unusable(Unusable),
}

/// Why an identity with its trust bundles makes no TLS configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It has expired, or has been taken back.
    #[error("there is no valid X.509-SVID ({0})")]
    NoSvid(String),
    /// The certificate or its key is broken.
    #[error("the X.509-SVID {id} is broken ({why})")]
    Svid {
        /// Its SPIFFE ID.
        id: String,
        /// Why.
        why: String,
    },
    /// There is no bundle to judge clients by.
    #[error(
        "the agent has no trust bundle for {0}; federate with that trust domain, or take it out of the configuration"
    )]
    NoBundle(String),
}

/// Follows the Workload API. Dropping it stops that.
pub struct WorkloadApi {
    current: Arc<Current<ServerConfig>>,
    client_certificate: ClientCertificate,
    _following: AbortOnDropHandle<()>,
}

impl WorkloadApi {
    /// Waits for the first identity, and follows the updates from then on.
    ///
    /// # Errors
    ///
    /// There is no usable identity within `start_timeout`. There is no fallback to anything.
    pub async fn connect(options: WorkloadApiOptions) -> Result<Self, WorkloadApiError> {
        let socket = options.socket.clone();
        let builder = X509Source::builder().endpoint(format!("unix:{}", socket.display()));
        let source = builder.initial_sync_timeout(options.start_timeout).build().await;
        let source = source.map_err(|source| WorkloadApiError::NoIdentity { socket, source: Box::new(source) })?;
        let updates = source.updated();
        let material = material(&source, &options).map_err(WorkloadApiError::Unusable)?;
        let current = Arc::new(Current::new(material.config));
        let client_certificate = options.client_certificate;
        let refusing = server_config(Arc::new(NoIdentity), None)
            .map_err(|error| WorkloadApiError::Unusable(Unusable::NoSvid(error.to_string())))?;
        let expires = Some(material.expires);
        let follower = Follower { source, options, current: Arc::clone(&current), refusing, expires };
        let following = AbortOnDropHandle::new(tokio::spawn(follower.follow(updates)));
        Ok(Self { current, client_certificate, _following: following })
    }

    /// The configuration in force, for [`Transport::Tls`](super::Transport).
    #[must_use]
    pub fn current(&self) -> Arc<Current<ServerConfig>> {
        Arc::clone(&self.current)
    }

    /// What is demanded of clients.
    #[must_use]
    pub const fn client_certificate(&self) -> ClientCertificate {
        self.client_certificate
    }
}

/// Keeps the configuration in step with the agent.
struct Follower {
    source: X509Source,
    options: WorkloadApiOptions,
    current: Arc<Current<ServerConfig>>,
    /// Stands in for the configuration while there is no identity.
    refusing: Arc<ServerConfig>,
    /// When the identity in force ends; none if there is none in force.
    expires: Option<Timestamp>,
}

impl Follower {
    async fn follow(mut self, mut updates: X509SourceUpdates) {
        loop {
            let left = self.expires.map_or(LOOK_AGAIN, |end| until(end, self.options.clock.now()).min(LOOK_AGAIN));
            tokio::select! {
                changed = updates.changed() => match changed {
                    Ok(_revision) => self.update(),
                    Err(error) => {
                        tracing::error!(%error, "the SPIFFE Workload API is not followed any more");
                        return self.refuse_from_expiry().await;
                    }
                },
                () = sleep(left) => self.expire(),
            }
        }
    }

    fn update(&mut self) {
        match material(&self.source, &self.options) {
            Ok(material) => {
                tracing::info!(id = material.id, expires = %material.expires, "the SPIFFE Workload API gave new certificates");
                self.current.replace(material.config);
                self.expires = Some(material.expires);
                self.options.counters.add(EdgeCount::ReloadDone);
            }
            Err(why) => {
                self.options.counters.add(EdgeCount::ReloadKept);
                match why {
                    // Not an update that is broken, but an identity or a trust that was taken back.
                    Unusable::NoSvid(_) | Unusable::NoBundle(_) => self.refuse(&why),
                    Unusable::Svid { .. } => {
                        tracing::error!(%why, "an update of the SPIFFE Workload API cannot be used; what was in use stays");
                    }
                }
            }
        }
    }

    fn expire(&mut self) {
        if self.expires.is_some_and(|end| end <= self.options.clock.now()) {
            self.refuse(&Unusable::NoSvid("it has expired and the agent gave no new one".to_owned()));
        }
    }

    fn refuse(&mut self, why: &Unusable) {
        tracing::error!(%why, "there is nothing to serve with: handshakes fail until the agent gives something new");
        self.current.replace(Arc::clone(&self.refusing));
        self.expires = None;
    }

    async fn refuse_from_expiry(mut self) {
        while let Some(end) = self.expires {
            sleep(until(end, self.options.clock.now()).min(LOOK_AGAIN)).await;
            self.expire();
        }
    }
}

fn until(end: Timestamp, now: Timestamp) -> Duration {
    let left = end.unix_micros().saturating_sub(now.unix_micros());
    Duration::from_micros(u64::try_from(left).unwrap_or(0))
}

/// A configuration, whose identity it shows, and how long that is good.
struct Material {
    config: Arc<ServerConfig>,
    id: String,
    expires: Timestamp,
}

fn material(source: &X509Source, options: &WorkloadApiOptions) -> Result<Material, Unusable> {
    let now = options.clock.now();
    let gone = |error: X509SourceError| Unusable::NoSvid(error.to_string());
    let state = source.state();
    let (context, svid) = (state.context().map_err(gone)?, state.svid().map_err(gone)?);
    let id = svid.spiffe_id().to_string();
    let broken = |why: String| Unusable::Svid { id: id.clone(), why };
    let chain: Vec<_> = svid.cert_chain().iter().map(|one| CertificateDer::from(one.as_bytes().to_vec())).collect();
    let expires = expires(&chain).map_err(|fault| broken(fault.to_string()))?;
    if expires <= now {
        return Err(Unusable::NoSvid(format!("it expired at {expires}")));
    }
    let key = PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec());
    let identity = identity(chain, key.into()).map_err(|error| broken(error.to_string()))?;
    let clients = match options.client_certificate {
        ClientCertificate::None => None,
        demand => Some(clients(context.bundle_set(), &trust_domains(options, &svid)?, demand, now)?),
    };
    let config = server_config(identity, clients).map_err(|error| broken(error.to_string()))?;
    Ok(Material { config, id, expires })
}

/// The configured trust domains, or the gateway's own.
fn trust_domains(options: &WorkloadApiOptions, svid: &X509Svid) -> Result<BTreeSet<TrustDomain>, Unusable> {
    if !options.trust_domains.is_empty() {
        return Ok(options.trust_domains.clone());
    }
    let own = svid.spiffe_id().trust_domain().to_string().parse();
    let own = own.map_err(|rule: crate::types::Rule| Unusable::Svid {
        id: svid.spiffe_id().to_string(),
        why: rule.to_string(),
    })?;
    Ok(BTreeSet::from([own]))
}

fn clients(
    bundles: &X509BundleSet,
    trust_domains: &BTreeSet<TrustDomain>,
    demand: ClientCertificate,
    now: Timestamp,
) -> Result<Arc<dyn ClientCertVerifier>, Unusable> {
    let mut by_domain = Vec::new();
    for trust_domain in trust_domains {
        match verifier(bundles, trust_domain, demand, now) {
            Ok(verifier) => by_domain.push((trust_domain.clone(), verifier)),
            // The others go on working; nobody vouches for the clients of this one any more.
            Err(fault) => tracing::error!(%trust_domain, %fault, "no client of this trust domain is believed"),
        }
    }
    if by_domain.is_empty() {
        let names: Vec<&str> = trust_domains.iter().map(TrustDomain::as_str).collect();
        return Err(Unusable::NoBundle(names.join(", ")));
    }
    Ok(Arc::new(TrustDomainVerifier::new(by_domain, demand)))
}

/// Believes the CAs of one trust domain.
fn verifier(
    bundles: &X509BundleSet,
    trust_domain: &TrustDomain,
    demand: ClientCertificate,
    now: Timestamp,
) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    let found = bundles.iter().find(|(domain, _)| domain.as_ref() == trust_domain.as_str());
    let authorities = found.map(|(_, bundle)| bundle.authorities()).unwrap_or_default();
    let authorities = authorities.iter().map(|one| CertificateDer::from(one.as_bytes().to_vec())).collect();
    let (roots, _) = client_roots(authorities, now)?;
    client_verifier(roots, demand).map_err(|error| TlsFault::Refused(error.to_string()))
}

/// Shows no certificate, so that every handshake fails.
#[derive(Debug)]
struct NoIdentity;

impl ResolvesServerCert for NoIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

impl fmt::Debug for WorkloadApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadApi").field("client_certificate", &self.client_certificate).finish_non_exhaustive()
    }
}
