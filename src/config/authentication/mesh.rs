//! `[authentication.mesh]`: which proxy stands beside the gateway, and whom it may name.

use std::collections::BTreeSet;

use crate::{
    config::{
        error::{Fault, Reported},
        table::Table,
        value::{dns_name, spiffe_id, text_rule, trust_domain},
    },
    types::{DnsName, SpiffeId, TrustDomain},
};

/// Which proxy stands before the listeners with scheme `mesh`, and whom it may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeshConfig {
    /// Envoy or Istio, with `x-forwarded-client-cert`.
    Envoy {
        /// SPIFFE IDs of these trust domains are callers. Not empty.
        trust_domains: BTreeSet<TrustDomain>,
        /// The proxy's own identity, as the header's `By` must name it. Not empty; several while it is renamed.
        expected_by: Vec<SpiffeId>,
    },
    /// Linkerd, with `l5d-client-id`. One of the two is not empty.
    Linkerd {
        /// What follows `NAME.NAMESPACE.serviceaccount.identity.` in the names of callers: the namespace of Linkerd and
        /// its trust domain, such as `linkerd.cluster.local`.
        identity_domains: BTreeSet<DnsName>,
        /// SPIFFE IDs of these trust domains are callers.
        trust_domains: BTreeSet<TrustDomain>,
    },
}

/// The proxies that are known.
#[derive(Clone, Copy)]
enum Proxy {
    Envoy,
    Linkerd,
}

impl MeshConfig {
    /// The SPIFFE trust domains.
    pub(super) fn trust_domains(&self) -> &BTreeSet<TrustDomain> {
        match self {
            Self::Envoy { trust_domains, .. } | Self::Linkerd { trust_domains, .. } => trust_domains,
        }
    }

    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let proxy = table.required("proxy", r#"write `proxy = "envoy"` (Istio too) or "linkerd""#, text_rule(proxy));
        let trust_domains = table.set("trust_domains", text_rule(trust_domain));
        let expected_by = table.list("expected_by", text_rule(spiffe_id));
        let identity_domains = table.set("linkerd_identity_domains", text_rule(dns_name));
        match proxy? {
            Proxy::Envoy => Self::envoy(table, trust_domains?, expected_by?.unwrap_or_default()),
            Proxy::Linkerd => Self::linkerd(table, identity_domains?, trust_domains?),
        }
    }

    fn envoy(
        table: &Table<'_>,
        trust_domains: BTreeSet<TrustDomain>,
        expected_by: Vec<SpiffeId>,
    ) -> Result<Self, Reported> {
        let of_linkerd = refuse(table, "linkerd_identity_domains", "linkerd");
        let domains = table.check(
            !trust_domains.is_empty(),
            &["trust_domains"],
            Fault::new("must name whose workloads are callers", r#"write `trust_domains = ["example.org"]`"#),
        );
        let by = table.check(
            !expected_by.is_empty(),
            &["expected_by"],
            Fault::new(
                "must name the proxy's own identity: a header that is not for it was written by somebody else",
                r#"write `expected_by = ["spiffe://example.org/ns/rootgate/sa/rootgate"]`"#,
            ),
        );
        of_linkerd.and(domains).and(by)?;
        Ok(Self::Envoy { trust_domains, expected_by })
    }

    fn linkerd(
        table: &Table<'_>,
        identity_domains: BTreeSet<DnsName>,
        trust_domains: BTreeSet<TrustDomain>,
    ) -> Result<Self, Reported> {
        let of_envoy = refuse(table, "expected_by", "envoy");
        let domains = table.check(
            !identity_domains.is_empty() || !trust_domains.is_empty(),
            &["linkerd_identity_domains", "trust_domains"],
            Fault::new(
                "must name whose workloads are callers",
                r#"write `linkerd_identity_domains = ["linkerd.cluster.local"]`, or trust_domains for SPIFFE IDs"#,
            ),
        );
        of_envoy.and(domains)?;
        Ok(Self::Linkerd { identity_domains, trust_domains })
    }
}

fn refuse(table: &Table<'_>, key: &str, proxy: &str) -> Result<(), Reported> {
    let fault = Fault::new(format!("is only for proxy {proxy}"), format!(r#"remove it, or write `proxy = "{proxy}"`"#));
    table.check(!table.has(key), &[key], fault)
}

fn proxy(text: &str) -> Result<Proxy, Fault> {
    match text {
        "envoy" => Ok(Proxy::Envoy),
        "linkerd" => Ok(Proxy::Linkerd),
        _ => Err(Fault::new("must be envoy (Istio too) or linkerd", r#"write "envoy""#)),
    }
}
