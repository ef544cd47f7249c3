//! `[authentication.mtls]`: which names in client certificates are callers.

use std::{collections::BTreeSet, path::Path};

use crate::{
    config::{
        error::{Fault, Reported},
        listeners::{ListenerConfig, TlsMaterial},
        table::Table,
        value::{dns_name, text_rule, trust_domain, uri_name},
    },
    types::{DnsName, Scheme, TrustDomain, UriName},
};

/// Which names in a verified client certificate identify a caller. At least one list is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtlsConfig {
    /// SPIFFE IDs of these trust domains are callers.
    pub spiffe_trust_domains: BTreeSet<TrustDomain>,
    /// These DNS SANs are callers. Compared whole, there are no wildcards.
    pub dns_sans: BTreeSet<DnsName>,
    /// These URI SANs, none a SPIFFE ID, are callers. Compared byte by byte.
    pub uri_sans: BTreeSet<UriName>,
}

impl MtlsConfig {
    pub(super) fn read(table: &Table<'_>, listeners: Option<&[ListenerConfig]>) -> Result<Self, Reported> {
        let one_trust = refuse_several_authorities(table, listeners);
        let spiffe_trust_domains = table.set("spiffe_trust_domains", text_rule(trust_domain));
        let dns_sans = table.set("dns_sans", text_rule(dns_name));
        let uri_sans = table.set("uri_sans", text_rule(uri_name));
        let mtls = Self { spiffe_trust_domains: spiffe_trust_domains?, dns_sans: dns_sans?, uri_sans: uri_sans? };
        if mtls.spiffe_trust_domains.is_empty() && mtls.dns_sans.is_empty() && mtls.uri_sans.is_empty() {
            return Err(table.report(Fault::new(
                "names no certificate, so nobody could call",
                r#"give `spiffe_trust_domains = ["example.org"]`, dns_sans or uri_sans"#,
            )));
        }
        one_trust?;
        Ok(mtls)
    }
}

/// The names hold on every listener with this scheme, and whoever issues for one of them can issue every name. So listeners
/// with authorities of their own would not keep them apart.
fn refuse_several_authorities(table: &Table<'_>, listeners: Option<&[ListenerConfig]>) -> Result<(), Reported> {
    let with_mtls = listeners.into_iter().flatten().filter(|listener| listener.schemes.contains(&Scheme::Mtls));
    let mut trusted = with_mtls.filter_map(|listener| Some((&listener.name, authorities(listener)?)));
    let Some((first, authorities_of_first)) = trusted.next() else { return Ok(()) };
    match trusted.find(|(_, authorities)| *authorities != authorities_of_first) {
        None => Ok(()),
        Some((other, _)) => Err(table.report(Fault::new(
            format!(
                "its names would be believed from different authorities: listeners {first} and {other} trust different ones, \
                 and each could issue the names of the other's callers"
            ),
            "give all listeners with scheme mtls the same client_ca, or run a second gateway",
        ))),
    }
}

/// Where the authorities of a listener come from.
fn authorities(listener: &ListenerConfig) -> Option<(&Path, Option<&BTreeSet<TrustDomain>>)> {
    match &listener.tls.as_ref()?.material {
        TlsMaterial::Files { client_ca, .. } => Some((client_ca.as_deref()?, None)),
        TlsMaterial::WorkloadApi { socket, trust_domains } => Some((socket, Some(trust_domains))),
    }
}
