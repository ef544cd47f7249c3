//! `[authentication]`: by what a caller is recognised.

use std::collections::BTreeSet;

use super::{
    error::{Fault, Reported},
    table::Table,
    value::text_rule,
};

/// By what a caller is recognised. A scheme that is not configured is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationConfig {
    /// Client certificates.
    pub mtls: MtlsConfig,
}

/// Which names in a verified client certificate identify a caller. At least one list is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtlsConfig {
    /// SPIFFE IDs of these trust domains are callers (SPIFFE-ID, section 2.1). Lower-case.
    pub spiffe_trust_domains: BTreeSet<String>,
    /// These DNS SANs are callers. Compared whole, there are no wildcards. Lower-case.
    pub dns_sans: BTreeSet<String>,
    /// These URI SANs, none a SPIFFE ID, are callers. Compared byte by byte.
    pub uri_sans: BTreeSet<String>,
}

/// SPIFFE-ID, section 2.1: a trust domain has at most 255 bytes.
const TRUST_DOMAIN_LENGTH_MAX: usize = 255;
/// RFC 1035, section 2.3.4, in text without the final dot.
const DNS_NAME_LENGTH_MAX: usize = 253;
const DNS_LABEL_LENGTH_MAX: usize = 63;
/// SPIFFE-ID, section 2.3 sets it for SPIFFE IDs; no other URI in a certificate needs more.
const URI_LENGTH_MAX: usize = 2048;

impl AuthenticationConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let mtls = table.required_section(
            "mtls",
            "somebody must be able to call",
            r#"add [authentication.mtls] with `spiffe_trust_domains = ["example.org"]`, dns_sans or uri_sans"#,
            MtlsConfig::read,
        )?;
        Ok(Self { mtls })
    }
}

impl MtlsConfig {
    fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let spiffe_trust_domains = table.set("spiffe_trust_domains", text_rule(trust_domain));
        let dns_sans = table.set("dns_sans", text_rule(dns_name));
        let uri_sans = table.set("uri_sans", text_rule(uri));
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

fn trust_domain(text: &str) -> Result<String, Fault> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
    if text.is_empty() || text.len() > TRUST_DOMAIN_LENGTH_MAX || !text.bytes().all(allowed) {
        return Err(Fault::new(
            "must be a SPIFFE trust domain: 1 to 255 characters of a-z 0-9 . - _",
            "write `example.org`, without `spiffe://` and path",
        ));
    }
    Ok(text.to_owned())
}

fn dns_name(text: &str) -> Result<String, Fault> {
    if text.contains('*') {
        return Err(Fault::new(
            "must not hold a wildcard: a name is one caller",
            "list each name, or recognise callers by spiffe_trust_domains",
        ));
    }
    let label = |label: &str| {
        (1..=DNS_LABEL_LENGTH_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits makes an address of it (WHATWG URL, "ends in a number").
    let address = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if text.len() > DNS_NAME_LENGTH_MAX || !text.split('.').all(label) || address {
        return Err(Fault::new(
            "must be a DNS name in lower case, without port and final dot",
            "write `deployer.ops.example.org`",
        ));
    }
    Ok(text.to_owned())
}

fn uri(text: &str) -> Result<String, Fault> {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    if scheme.eq_ignore_ascii_case("spiffe") {
        return Err(Fault::new(
            "must not be a SPIFFE ID",
            "name its trust domain in spiffe_trust_domains, and say in policy what each ID may",
        ));
    }
    // RFC 3986, section 3.1.
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !scheme_ok || text.len() > URI_LENGTH_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Fault::new(
            "must be a URI of at most 2048 ASCII characters without spaces",
            "write `urn:example:deployer`, just as the certificate spells it",
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_domain_is_lower_case_and_nothing_else() {
        for good in ["example.org", "prod_1.eu-west", "a", &"a".repeat(255)] {
            assert_eq!(trust_domain(good).unwrap(), good);
        }
        for bad in [
            "",
            "Example.org",
            "spiffe://example.org",
            "example.org/x",
            "a:1",
            "a@b",
            "é.org",
            "a%2eb",
            &"a".repeat(256),
        ] {
            assert!(trust_domain(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_dns_name_is_one_exact_name() {
        for good in ["deployer.ops.example.org", "localhost", "xn--bcher-kva.example", "1.a"] {
            assert_eq!(dns_name(good).unwrap(), good);
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "A.b",
            "-a.b",
            "a-.b",
            "a_b",
            "10.0.0.1",
            "a:443",
            "a b",
            &"a".repeat(64),
            &"a.".repeat(130),
        ] {
            assert!(dns_name(bad).is_err(), "{bad:?}");
        }
        assert!(dns_name("*.ops.example.org").unwrap_err().to_string().contains("wildcard"));
    }

    #[test]
    fn a_uri_is_no_spiffe_id() {
        for good in ["urn:example:deployer", "https://ci.example/job#1"] {
            assert_eq!(uri(good).unwrap(), good);
        }
        for bad in
            ["", "example", ":x", "1a:x", "a b:c", "urn:a b", "urn:é", "urn:a\n", &format!("urn:{}", "a".repeat(2048))]
        {
            assert!(uri(bad).is_err(), "{bad:?}");
        }
        for bad in ["spiffe://example.org/a", "SPIFFE://example.org/a", "spiffe:x"] {
            assert!(uri(bad).unwrap_err().to_string().contains("SPIFFE"), "{bad:?}");
        }
    }
}
