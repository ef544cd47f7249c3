//! The scheme `mesh`: the caller is who the mesh proxy beside the gateway says.
//!
//! The proxy ends the caller's mutual TLS and writes the proven name into a header. Anybody who reaches the listener
//! could write the same header, so that configuration allows this scheme only alone, on a Unix socket whose peer is
//! checked, or on loopback. This scheme looks once more: a header from elsewhere fails.
//!
//! What cannot be seen from here is a proxy that passes on what its clients wrote (Envoy's `FORWARD_ONLY` and
//! `ALWAYS_FORWARD_ONLY`). A forged header that is exactly as the proxy's own would be is believed then: the proxy has
//! to replace the header (`SANITIZE_SET`).

mod linkerd;
#[cfg(test)]
mod tests;
mod xfcc;

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderValue;

use super::{Evidence, PeerFacts, Proof, Remote, caller::Caller};
use crate::types::{DnsName, SpiffeId, TrustDomain};

/// Longest header in bytes. Names and hash need a tenth of it; forwarded certificates, which are ignored, make it long.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// Which proxy stands before a mesh listener, and whom it may name. Names nobody if all of its sets are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeshRules {
    /// Envoy or Istio, with `x-forwarded-client-cert`.
    Envoy {
        /// Workloads of these trust domains are callers.
        trust_domains: BTreeSet<TrustDomain>,
        /// The proxy's own identity, as `By` in the header must name it; several while it is being renamed.
        expected_by: Vec<SpiffeId>,
    },
    /// Linkerd, with `l5d-client-id`.
    Linkerd {
        /// The ends of the DNS-like names of callers, after `NAME.NAMESPACE.serviceaccount.identity.`: the namespace of
        /// Linkerd's control plane and its trust domain, such as `linkerd.cluster.local`.
        identity_domains: BTreeSet<DnsName>,
        /// Workloads with SPIFFE IDs of these trust domains are callers.
        trust_domains: BTreeSet<TrustDomain>,
    },
}

impl MeshRules {
    /// The header in which the proxy names its client.
    pub(super) const fn header(&self) -> &'static str {
        match self {
            Self::Envoy { .. } => "x-forwarded-client-cert",
            Self::Linkerd { .. } => "l5d-client-id",
        }
    }

    fn identify(&self, text: &str) -> Result<Caller, String> {
        match self {
            Self::Envoy { trust_domains, expected_by } => xfcc::identify(trust_domains, expected_by, text),
            Self::Linkerd { identity_domains, trust_domains } => {
                linkerd::identify(identity_domains, trust_domains, text)
            }
        }
    }
}

/// The scheme itself.
pub(super) fn prove(rules: &MeshRules, evidence: &Evidence<'_>) -> Proof {
    let mut lines = evidence.headers.get_all(rules.header()).iter();
    let Some(line) = lines.next() else { return Proof::NotOffered };
    let judged = match lines.next() {
        // Which of them the proxy wrote is not said.
        Some(_) => Err("the header is there more than once".to_owned()),
        None => check_proxy(evidence.peer).and_then(|()| readable(line)).and_then(|text| rules.identify(text)),
    };
    match judged {
        Ok(caller) => Proof::Proven(caller),
        Err(why) => Proof::Failed(format!("{}: {why}", rules.header())),
    }
}

/// That the header can come from the proxy beside us: over a Unix socket, whose peer the listener has checked, or from
/// this host, and without TLS, which the proxy has ended.
fn check_proxy(peer: Option<&PeerFacts>) -> Result<(), String> {
    let peer = peer.ok_or("nothing is known of the connection that it came by")?;
    if let Remote::Tcp(from) = peer.remote
        // A listener for both IP versions sees 127.0.0.1 as ::ffff:127.0.0.1.
        && !from.ip().to_canonical().is_loopback()
    {
        return Err(format!("came from {from}, which is not this host: only the proxy beside the gateway is believed"));
    }
    if !peer.certificates.is_empty() {
        return Err("came by TLS with a client certificate: only the proxy beside the gateway is believed".to_owned());
    }
    Ok(())
}

fn readable(line: &HeaderValue) -> Result<&str, String> {
    if line.len() > HEADER_BYTES_MAX {
        return Err(format!("has more than {HEADER_BYTES_MAX} bytes: let the proxy forward no certificates"));
    }
    line.to_str().map_err(|_| "holds what is no printable ASCII".to_owned())
}

/// A caller's SPIFFE ID, if it is of a trust domain that the proxy may name.
fn accepted(text: &str, trust_domains: &BTreeSet<TrustDomain>) -> Result<SpiffeId, String> {
    let id: SpiffeId = text.parse().map_err(|rule| format!("no SPIFFE ID of a workload: {rule}"))?;
    if !trust_domains.contains(id.trust_domain()) {
        return Err(format!("trust domain {} is not accepted", id.trust_domain()));
    }
    Ok(id)
}

/// The attributes of a caller with this SPIFFE ID.
fn spiffe_attributes(proxy: &str, id: &SpiffeId) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("proxy".to_owned(), proxy.to_owned()),
        ("trust_domain".to_owned(), id.trust_domain().to_owned()),
        ("path".to_owned(), id.path().to_owned()),
    ])
}
