//! SPIFFE IDs of workloads, parsed strictly.
//!
//! Source: the SPIFFE ID and SVID standard, <https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>,
//! sections 2.1 to 2.3.

use std::{borrow::Borrow, fmt, str::FromStr};

use super::Rule;

/// Longest SPIFFE ID in bytes (section 2.3).
const ID_BYTES_MAX: usize = 2048;
/// Longest trust domain in bytes (section 2.1).
const TRUST_DOMAIN_BYTES_MAX: usize = 255;
const SCHEME: &str = "spiffe://";

/// The SPIFFE ID of a workload: `spiffe://TRUST_DOMAIN/PATH`.
///
/// An ID without a path names a trust domain, that is its signing authority, and no workload: it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: String,
    /// Where the path begins, at its slash.
    path_at: usize,
}

impl SpiffeId {
    /// The whole ID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain. Compare it exactly; a suffix proves nothing.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.text.get(SCHEME.len()..self.path_at).unwrap_or_default()
    }

    /// The path with its leading slash. Compare it whole or by segments, never by a prefix of the text.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(self.path_at..).unwrap_or_default()
    }
}

impl FromStr for SpiffeId {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.len() > ID_BYTES_MAX {
            return Err(Rule::new("must have at most 2048 bytes"));
        }
        let rest = text.strip_prefix(SCHEME).ok_or(Rule::new("must begin with spiffe:// in lower case"))?;
        let slash = rest.find('/').ok_or(Rule::new("must have a path: a trust domain is not a workload"))?;
        let (trust_domain, path) = rest.split_at(slash);
        check_trust_domain(trust_domain)?;
        check_path(path)?;
        Ok(Self { text: text.to_owned(), path_at: SCHEME.len() + slash })
    }
}

/// A trust domain as it stands in an ID and in the configuration.
fn check_trust_domain(name: &str) -> Result<(), Rule> {
    let charset = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    if name.is_empty() || name.len() > TRUST_DOMAIN_BYTES_MAX {
        return Err(Rule::new("trust domain must have 1 to 255 bytes"));
    }
    // Also refuses user info, ports, queries, fragments and percent-encoding: their marks are not in the set.
    if name.bytes().all(charset) {
        Ok(())
    } else {
        Err(Rule::new("trust domain may only hold a-z, 0-9, '.', '-', '_'"))
    }
}

/// A path with its leading slash.
fn check_path(path: &str) -> Result<(), Rule> {
    let charset = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    for segment in path.split('/').skip(1) {
        if segment.is_empty() {
            return Err(Rule::new("path must not hold an empty segment or end in a slash"));
        }
        if matches!(segment, "." | "..") {
            return Err(Rule::new("path must not hold a '.' or '..' segment"));
        }
        if !segment.bytes().all(charset) {
            return Err(Rule::new("path segments may only hold a-z, A-Z, 0-9, '.', '-', '_'"));
        }
    }
    Ok(())
}

/// A SPIFFE trust domain (section 2.1). Compare it exactly; a suffix proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// Its text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomain {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        check_trust_domain(text).map(|()| Self(text.to_owned()))
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for TrustDomain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_an_id_apart() {
        let id: SpiffeId = "spiffe://prod.example_1.org/ns/Team-A/sa/x_9.z".parse().unwrap();
        assert_eq!(id.trust_domain(), "prod.example_1.org");
        assert_eq!(id.path(), "/ns/Team-A/sa/x_9.z");
        assert_eq!(id.to_string(), "spiffe://prod.example_1.org/ns/Team-A/sa/x_9.z");
        for good in ["spiffe://a/b", "spiffe://10.0.0.1/...", "spiffe://a/.b", "spiffe://a/b..", "spiffe://-/-/_"] {
            assert_eq!(good.parse::<SpiffeId>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn refuses_every_bad_form() {
        let table = [
            ("", "empty"),
            ("spiffe:", "scheme only"),
            ("spiffe://", "nothing after the scheme"),
            ("spiffe:/example.org/a", "one slash"),
            ("spiffe:///a", "empty trust domain"),
            ("SPIFFE://example.org/a", "scheme in upper case"),
            ("Spiffe://example.org/a", "scheme in mixed case"),
            (" spiffe://example.org/a", "leading space"),
            ("spiffe://example.org/a ", "trailing space"),
            ("https://example.org/a", "other scheme"),
            ("spiffe://example.org", "trust domain alone"),
            ("spiffe://example.org/", "trust domain with slash"),
            ("spiffe://Example.org/a", "upper case trust domain"),
            ("spiffe://example.org:443/a", "port"),
            ("spiffe://user@example.org/a", "user info"),
            ("spiffe://user:pw@example.org/a", "user info with password"),
            ("spiffe://exa%6Dple.org/a", "percent-encoding in the trust domain"),
            ("spiffe://[::1]/a", "IPv6 literal"),
            ("spiffe://ex\u{e4}mple.org/a", "non-ASCII trust domain"),
            ("spiffe://example.org?x/a", "query in the trust domain"),
            ("spiffe://example.org/a?x=1", "query"),
            ("spiffe://example.org/a#x", "fragment"),
            ("spiffe://example.org/a#", "empty fragment"),
            ("spiffe://example.org/a?", "empty query"),
            ("spiffe://example.org/%61", "percent-encoding"),
            ("spiffe://example.org/a%2Fb", "encoded slash"),
            ("spiffe://example.org/a/", "trailing slash"),
            ("spiffe://example.org//a", "empty first segment"),
            ("spiffe://example.org/a//b", "empty segment"),
            ("spiffe://example.org/.", "dot"),
            ("spiffe://example.org/..", "dot dot"),
            ("spiffe://example.org/a/./b", "dot segment"),
            ("spiffe://example.org/a/../admin", "dot dot segment"),
            ("spiffe://example.org/a;URI=spiffe://td/admin", "mesh header injection by pair"),
            ("spiffe://example.org/a,By=x", "mesh header injection by element"),
            ("spiffe://example.org/a:b", "colon"),
            ("spiffe://example.org/a~b", "tilde"),
            ("spiffe://example.org/a+b", "plus"),
            ("spiffe://example.org/a b", "space"),
            ("spiffe://example.org/a\\b", "backslash"),
            ("spiffe://example.org/\u{430}dmin", "look-alike letter"),
            ("spiffe://example.org/a\0", "NUL"),
            ("spiffe://example.org/a\r\n", "line end"),
        ];
        for (text, why) in table {
            assert!(text.parse::<SpiffeId>().is_err(), "{why}: {text:?}");
        }
    }

    #[test]
    fn bounds_are_exact() {
        let domain = "d".repeat(TRUST_DOMAIN_BYTES_MAX);
        assert!(format!("spiffe://{domain}/a").parse::<SpiffeId>().is_ok());
        assert!(format!("spiffe://{domain}d/a").parse::<SpiffeId>().is_err());
        let path = "p".repeat(ID_BYTES_MAX - "spiffe://d/".len());
        assert_eq!(format!("spiffe://d/{path}").len(), ID_BYTES_MAX);
        assert!(format!("spiffe://d/{path}").parse::<SpiffeId>().is_ok());
        assert!(format!("spiffe://d/{path}p").parse::<SpiffeId>().is_err());
    }

    proptest! {
        #[test]
        fn what_parses_is_made_of_its_parts(text in "spiffe://[a-zA-Z0-9.:@/%_-]{0,40}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                prop_assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
                prop_assert!(check_trust_domain(id.trust_domain()).is_ok());
                prop_assert!(id.path().len() > 1 && id.path().starts_with('/') && !id.path().ends_with('/'));
                prop_assert!(id.path().split('/').skip(1).all(|s| !matches!(s, "" | "." | "..")));
            }
        }

        #[test]
        fn any_text_is_survived(text in ".{0,300}") {
            let parsed = text.parse::<SpiffeId>();
            prop_assert!(parsed.is_err() || text.is_ascii());
        }

        #[test]
        fn well_formed_ids_parse(domain in "[a-z0-9._-]{1,30}", path in proptest::collection::vec("[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,9}", 1..6)) {
            let text = format!("spiffe://{domain}/{}", path.join("/"));
            let id: SpiffeId = text.parse().unwrap();
            prop_assert_eq!(id.trust_domain(), domain);
            prop_assert_eq!(id.as_str(), text);
        }

        #[test]
        fn one_foreign_byte_anywhere_is_refused(at in 9usize..30, byte in proptest::sample::select(b"%@:?#[]!$&'()*+,;= \"<>\\^`{|}~\x00\x7f".as_slice())) {
            let mut text = String::from("spiffe://example.org/ns/prod/sa/api");
            text.insert(at, char::from(byte));
            prop_assert!(text.parse::<SpiffeId>().is_err());
        }
    }
}
