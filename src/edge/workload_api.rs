//! Server certificate and client CAs from the SPIFFE Workload API, kept fresh for as long as the process lives.
//!
//! Source: the SPIFFE Workload API standard, section 5. The `spiffe` crate speaks it, connects again, and knows when the
//! agent takes an identity back; here is what that means for handshakes:
//! - Each update makes a new configuration. With an identity that cannot be used, the one before it stays, and the trust
//!   that came with it is taken up.
//! - A CA is believed until it expires, whether or not the agent says anything.
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
    server::{ResolvesServerCert, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use spiffe::{X509BundleSet, X509Source, X509SourceError, X509Svid, x509_source::X509SourceUpdates};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use self::verifier::TrustDomainVerifier;
use super::{
    ClientCertificate, EdgeCount, EdgeCounters, TlsFault,
    tls::{client_roots, client_verifier, expires, identity, refusing, server_config},
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
        let material = material(&source, &options, None).map_err(WorkloadApiError::Unusable)?;
        let current = Arc::new(Current::new(material.config));
        let client_certificate = options.client_certificate;
        let refusing = refusing().map_err(|error| WorkloadApiError::Unusable(Unusable::NoSvid(error.to_string())))?;
        let in_force = Some(material.in_force);
        let follower = Follower { source, options, current: Arc::clone(&current), refusing, in_force };
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
    /// What is in force; none while handshakes are refused.
    in_force: Option<InForce>,
}

/// What the configuration in force was made of.
struct InForce {
    identity: Identity,
    /// When the first of the identity and the CAs ends. Then the configuration has to be made again.
    until: Timestamp,
}

impl Follower {
    async fn follow(mut self, mut updates: X509SourceUpdates) {
        loop {
            tokio::select! {
                changed = updates.changed() => match changed {
                    Ok(_revision) => self.update(),
                    Err(error) => {
                        tracing::error!(%error, "the SPIFFE Workload API is not followed any more");
                        return self.expire_to_the_end().await;
                    }
                },
                () = sleep(self.until_next_look()) => self.expire(),
            }
        }
    }

    fn until_next_look(&self) -> Duration {
        let left = self.in_force.as_ref().map(|in_force| until(in_force.until, self.options.clock.now()));
        left.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)
    }

    fn update(&mut self) {
        let old = self.in_force.as_ref().map(|in_force| in_force.identity.clone());
        match material(&self.source, &self.options, old) {
            Ok(Material { config, in_force, is_old_identity }) => {
                let InForce { identity: Identity { id, expires, .. }, .. } = &in_force;
                tracing::info!(%id, %expires, is_old_identity, "certificates of the SPIFFE Workload API are in force");
                self.current.replace(config);
                self.in_force = Some(in_force);
                let count = if is_old_identity { EdgeCount::ReloadKept } else { EdgeCount::ReloadDone };
                self.options.counters.add(count);
            }
            Err(why) => {
                self.options.counters.add(EdgeCount::ReloadKept);
                self.refuse(&why);
            }
        }
    }

    /// Drops what has ended: a CA, or everything.
    fn expire(&mut self) {
        if self.in_force.as_ref().is_some_and(|in_force| in_force.until <= self.options.clock.now()) {
            self.update();
        }
    }

    fn refuse(&mut self, why: &Unusable) {
        tracing::error!(%why, "there is nothing to serve with: handshakes fail until the agent gives something new");
        self.current.replace(Arc::clone(&self.refusing));
        self.in_force = None;
    }

    async fn expire_to_the_end(mut self) {
        while self.in_force.is_some() {
            sleep(self.until_next_look()).await;
            self.expire();
        }
    }
}

fn until(end: Timestamp, now: Timestamp) -> Duration {
    let left = end.unix_micros().saturating_sub(now.unix_micros());
    Duration::from_micros(u64::try_from(left).unwrap_or(0))
}

/// A configuration, and what it was made of.
struct Material {
    config: Arc<ServerConfig>,
    in_force: InForce,
    /// Whether the agent's identity is broken and the one before it is used.
    is_old_identity: bool,
}

/// What the gateway shows to clients.
#[derive(Clone)]
struct Identity {
    id: String,
    trust_domain: TrustDomain,
    expires: Timestamp,
    resolver: Arc<dyn ResolvesServerCert>,
}

/// `old` stands in for an identity that is broken, so that the trust that came with it is taken up all the same.
fn material(source: &X509Source, options: &WorkloadApiOptions, old: Option<Identity>) -> Result<Material, Unusable> {
    let now = options.clock.now();
    let gone = |error: X509SourceError| Unusable::NoSvid(error.to_string());
    let state = source.state();
    let (context, svid) = (state.context().map_err(gone)?, state.svid().map_err(gone)?);
    let (identity, is_old_identity) = match (Identity::of(&svid), old) {
        (Ok(new), _) => (new, false),
        (Err(why), Some(old)) => {
            tracing::error!(%why, "an identity of the SPIFFE Workload API cannot be used; the one before it stays");
            (old, true)
        }
        (Err(why), None) => return Err(why),
    };
    if identity.expires <= now {
        return Err(Unusable::NoSvid(format!("it expired at {}", identity.expires)));
    }
    let (clients, first_ca_ends) = match options.client_certificate {
        ClientCertificate::None => (None, None),
        demand => {
            let (verifier, ends) = clients(context.bundle_set(), &trust_domains(options, &identity), demand, now)?;
            (Some(verifier), Some(ends))
        }
    };
    let config = server_config(Arc::clone(&identity.resolver), clients);
    let config = config.map_err(|error| Unusable::Svid { id: identity.id.clone(), why: error.to_string() })?;
    let until = first_ca_ends.map_or(identity.expires, |ends| ends.min(identity.expires));
    Ok(Material { config, in_force: InForce { identity, until }, is_old_identity })
}

impl Identity {
    fn of(svid: &X509Svid) -> Result<Self, Unusable> {
        let id = svid.spiffe_id().to_string();
        let broken = |why: String| Unusable::Svid { id: id.clone(), why };
        let trust_domain = svid.spiffe_id().trust_domain().to_string().parse();
        let trust_domain = trust_domain.map_err(|rule: crate::types::Rule| broken(rule.to_string()))?;
        let chain: Vec<_> = svid.cert_chain().iter().map(|one| CertificateDer::from(one.as_bytes().to_vec())).collect();
        let expires = expires(&chain).map_err(|fault| broken(fault.to_string()))?;
        let key = PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec());
        let resolver = identity(chain, key.into()).map_err(|error| broken(error.to_string()))?;
        Ok(Self { id, trust_domain, expires, resolver })
    }
}

/// The configured trust domains, or the gateway's own.
fn trust_domains(options: &WorkloadApiOptions, identity: &Identity) -> BTreeSet<TrustDomain> {
    if options.trust_domains.is_empty() {
        BTreeSet::from([identity.trust_domain.clone()])
    } else {
        options.trust_domains.clone()
    }
}

/// Believes the CAs, and the moment from which the first of them must no longer be believed.
type Believing = (Arc<dyn ClientCertVerifier>, Timestamp);

fn clients(
    bundles: &X509BundleSet,
    trust_domains: &BTreeSet<TrustDomain>,
    demand: ClientCertificate,
    now: Timestamp,
) -> Result<Believing, Unusable> {
    let (mut by_domain, mut first) = (Vec::new(), None);
    for trust_domain in trust_domains {
        match verifier(bundles, trust_domain, demand, now) {
            Ok((verifier, ends)) => {
                by_domain.push((trust_domain.clone(), verifier));
                first = Some(first.map_or(ends, |first: Timestamp| first.min(ends)));
            }
            // The others go on working; nobody vouches for the clients of this one any more.
            Err(fault) => tracing::error!(%trust_domain, %fault, "no client of this trust domain is believed"),
        }
    }
    let Some(first) = first else {
        let names: Vec<&str> = trust_domains.iter().map(TrustDomain::as_str).collect();
        return Err(Unusable::NoBundle(names.join(", ")));
    };
    Ok((Arc::new(TrustDomainVerifier::new(by_domain, demand)), first))
}

/// Believes the CAs of one trust domain.
fn verifier(
    bundles: &X509BundleSet,
    trust_domain: &TrustDomain,
    demand: ClientCertificate,
    now: Timestamp,
) -> Result<Believing, TlsFault> {
    let found = bundles.iter().find(|(domain, _)| domain.as_ref() == trust_domain.as_str());
    let authorities = found.map(|(_, bundle)| bundle.authorities()).unwrap_or_default();
    let authorities = authorities.iter().map(|one| CertificateDer::from(one.as_bytes().to_vec())).collect();
    let (roots, last) = client_roots(authorities, now)?;
    let verifier = client_verifier(roots, demand).map_err(|error| TlsFault::Refused(error.to_string()))?;
    // The last moment is still the CA's own.
    Ok((verifier, last.plus(Duration::from_micros(1))))
}

impl fmt::Debug for WorkloadApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadApi").field("client_certificate", &self.client_certificate).finish_non_exhaustive()
    }
}
