//! Web addresses: of issuers, of their keys, and of the simulator.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::error::Fault;

/// An address taken apart: `http[s]://HOST[:PORT][/PATH]`, and nothing else. User, query and fragment do not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WebUrl<'t> {
    pub(super) secure: bool,
    /// Name, IPv4 address, or IPv6 address in brackets.
    pub(super) host: &'t str,
    /// With its first slash; empty if there is none.
    pub(super) path: &'t str,
}

/// Longest address. Browsers and proxies take about as much.
const LENGTH_MAX: usize = 2048;

impl<'t> WebUrl<'t> {
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let (secure, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address stand before its `]`.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let good = text.len() <= LENGTH_MAX && is_host(host) && port.is_none_or(is_port) && path.bytes().all(in_path);
        good.then_some(Self { secure, host, path })
    }

    fn is_loopback(&self) -> bool {
        let ipv6 = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // A name may lead anywhere, and the client that fetches refuses it.
        self.host.parse().is_ok_and(|host: Ipv4Addr| host.is_loopback())
            || ipv6.is_some_and(|host| host.parse().is_ok_and(|host: Ipv6Addr| host.is_loopback()))
    }
}

/// An address from which keys are fetched, or that names who has them. In development it may be plain HTTP on this
/// machine.
pub(super) fn https(text: &str, development: bool) -> Result<String, Fault> {
    let url = WebUrl::parse(text).ok_or_else(|| {
        Fault::new(
            "must be a URL of https://, host and path, without user, query and fragment",
            r#"write "https://login.example.org""#,
        )
    })?;
    if url.secure || (development && url.is_loopback()) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        "must be https://: over http:// whoever is on the way could put in keys of its own",
        "write https://; http:// is only for 127.0.0.1 or [::1], and only with [aws.development]",
    ))
}

fn is_host(host: &str) -> bool {
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
    name || ipv6.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// RFC 3986, section 3.3: `pchar` and the slash.
fn in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_scheme_host_port_and_path() {
        for (text, secure, host, path) in [
            ("http://127.0.0.1:4599", false, "127.0.0.1", ""),
            ("https://login.example.org", true, "login.example.org", ""),
            ("https://login.example.org/", true, "login.example.org", "/"),
            ("https://login.example.org:8443/a/b", true, "login.example.org", "/a/b"),
            ("https://[::1]:80/id/A%20b:c@d", true, "[::1]", "/id/A%20b:c@d"),
        ] {
            assert_eq!(WebUrl::parse(text), Some(WebUrl { secure, host, path }), "{text}");
        }
        for bad in [
            "",
            "127.0.0.1:4599",
            "ftp://a",
            "http://",
            "http://:80",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://a:",
            "http://a:/",
            "http://a?b",
            "https://a/?b",
            "https://a/#b",
            "http://a#b",
            "http://user@a",
            "https://user:pw@a/",
            "https://a\\@b/",
            "http://[::1",
            "http://[zz]:1",
            "http://a b",
            "https://a/b c",
            "https://a/\n",
            "https://é.org",
            "HTTP://a",
            "https:///a",
            "https:a",
            &format!("https://a/{}", "b".repeat(2048)),
        ] {
            assert_eq!(WebUrl::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn plain_http_is_only_for_loopback_in_development() {
        for (text, production, development) in [
            ("https://login.example.org", true, true),
            ("https://127.0.0.1", true, true),
            ("http://login.example.org", false, false),
            ("http://127.0.0.1:4599/keys", false, true),
            ("http://127.1.2.3", false, true),
            ("http://[::1]:1", false, true),
            ("http://localhost:1", false, false),
            ("http://localhost.evil.example", false, false),
            ("http://127.0.0.1.evil.example", false, false),
            ("http://[::2]", false, false),
            ("http://10.0.0.1", false, false),
        ] {
            assert_eq!(https(text, false).is_ok(), production, "{text}");
            assert_eq!(https(text, true).is_ok(), development, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_made_of_its_parts(text in "https?://[a-z@:/?#\\[\\]0-9.%\\\\-]{0,30}|\\PC{0,30}") {
            if let Some(url) = WebUrl::parse(&text) {
                let scheme = if url.secure { "https://" } else { "http://" };
                let rest = text.strip_prefix(scheme).unwrap();
                prop_assert!(rest.starts_with(url.host) && rest.ends_with(url.path));
                prop_assert!(!text.contains(['?', '#', '\\', ' ']) && !url.host.contains(['@', '/']));
            }
        }
    }
}
