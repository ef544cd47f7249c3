//! Linkerd's `l5d-client-id`.
//!
//! The proxy writes the name from its client's certificate and drops what the client wrote under this header
//! (linkerd2-proxy, `set_identity_header.rs`). The name is DNS-like, `NAME.NAMESPACE.serviceaccount.identity.` and the
//! identity domain of the mesh, or a SPIFFE ID.

use std::collections::{BTreeMap, BTreeSet};

use super::{accepted, spiffe_attributes};
use crate::{
    authn::caller::Caller,
    types::{DnsName, Scheme, TrustDomain},
};

pub(super) fn identify(
    identity_domains: &BTreeSet<DnsName>,
    trust_domains: &BTreeSet<TrustDomain>,
    text: &str,
) -> Result<Caller, String> {
    // No DNS-like name holds a colon, so that one that is meant as a URI is judged as a URI.
    if text.contains(':') {
        let id = accepted(text, trust_domains)?;
        return Ok(Caller::new(Scheme::Mesh, id.as_str(), spiffe_attributes("linkerd", &id)));
    }
    let name: DnsName = text.parse().map_err(|rule| format!("no name of a workload: {rule}"))?;
    let account = ServiceAccount::parse(&name)?;
    if !identity_domains.contains(account.domain) {
        return Err(format!("identity domain {} is not accepted", account.domain));
    }
    let attributes = BTreeMap::from([
        ("proxy".to_owned(), "linkerd".to_owned()),
        ("namespace".to_owned(), account.namespace.to_owned()),
        ("service_account".to_owned(), account.name.to_owned()),
    ]);
    Ok(Caller::new(Scheme::Mesh, &format!("linkerd:{name}"), attributes))
}

/// A DNS-like name, taken apart.
struct ServiceAccount<'n> {
    name: &'n str,
    namespace: &'n str,
    domain: &'n str,
}

impl<'n> ServiceAccount<'n> {
    /// Labels are counted from the front, since Linkerd gives no identity to service accounts with a dot in their name
    /// (linkerd2, `pkg/identity/trust_domain.go`): so no account's name can pose as a namespace or a domain.
    fn parse(name: &'n DnsName) -> Result<Self, String> {
        let mut labels = name.as_str().splitn(5, '.');
        let mut next = || labels.next().unwrap_or_default();
        match [next(), next(), next(), next(), next()] {
            [name, namespace, "serviceaccount", "identity", domain] => Ok(Self { name, namespace, domain }),
            _ => Err("must be NAME.NAMESPACE.serviceaccount.identity.DOMAIN or a SPIFFE ID".to_owned()),
        }
    }
}
