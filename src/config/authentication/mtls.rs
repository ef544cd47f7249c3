//! `[authentication.mtls]`: which names in client certificates are callers.

use std::collections::BTreeSet;

use crate::{
    config::{
        error::{Fault, Reported},
        table::Table,
        value::{dns_name, text_rule, trust_domain, uri_name},
    },
    types::{DnsName, TrustDomain, UriName},
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
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
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
        Ok(mtls)
    }
}
