//! Names in certificates that are callers: exact DNS names, and URIs that are no SPIFFE IDs.

use std::{borrow::Borrow, fmt, str::FromStr};

use super::Rule;

/// RFC 1035, section 2.3.4, in text without the final dot.
const DNS_NAME_BYTES_MAX: usize = 253;
const DNS_LABEL_BYTES_MAX: usize = 63;
/// SPIFFE-ID, section 2.3 sets it for SPIFFE IDs; no other URI in a certificate needs more.
const URI_BYTES_MAX: usize = 2048;

/// One DNS name, in lower case, without wildcard, port and final dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

/// One URI that is no SPIFFE ID. Compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UriName(String);

impl DnsName {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UriName {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DnsName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.contains('*') {
            return Err(Rule::new("must not hold a wildcard: a name is one caller"));
        }
        let label = |label: &str| {
            (1..=DNS_LABEL_BYTES_MAX).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A last label of digits makes an address of it (WHATWG URL, "ends in a number").
        let address = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if text.len() > DNS_NAME_BYTES_MAX || !text.split('.').all(label) || address {
            return Err(Rule::new("must be a DNS name in lower case, without port and final dot"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for UriName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        if scheme.eq_ignore_ascii_case("spiffe") {
            return Err(Rule::new("must not be a SPIFFE ID"));
        }
        // RFC 3986, section 3.1.
        let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !scheme_ok || text.len() > URI_BYTES_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Rule::new("must be a URI of at most 2048 ASCII characters without spaces"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UriName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for DnsName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for UriName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dns_name_is_one_exact_name() {
        for good in ["deployer.ops.example.org", "localhost", "xn--bcher-kva.example", "1.a"] {
            assert_eq!(good.parse::<DnsName>().unwrap().as_str(), good);
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
            assert!(bad.parse::<DnsName>().is_err(), "{bad:?}");
        }
        assert!("*.ops.example.org".parse::<DnsName>().unwrap_err().to_string().contains("wildcard"));
    }

    #[test]
    fn a_uri_is_no_spiffe_id() {
        for good in ["urn:example:deployer", "https://ci.example/job#1"] {
            assert_eq!(good.parse::<UriName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "example",
            ":x",
            "1a:x",
            "a b:c",
            "urn:a b",
            "urn:\u{e9}",
            "urn:a\n",
            &format!("urn:{}", "a".repeat(2048)),
        ] {
            assert!(bad.parse::<UriName>().is_err(), "{bad:?}");
        }
        for bad in ["spiffe://example.org/a", "SPIFFE://example.org/a", "spiffe:x"] {
            assert!(bad.parse::<UriName>().unwrap_err().to_string().contains("SPIFFE"), "{bad:?}");
        }
    }
}
