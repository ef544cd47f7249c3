//! Where the gateway is, as it is typed.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use rustls_pki_types::ServerName;
use tonic::transport::Uri;

/// A way to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// Over TLS.
    Tls {
        /// Name or address; an IPv6 address without brackets.
        host: String,
        port: u16,
    },
    /// Without TLS, to a proxy on this machine that reaches the gateway over TLS of its own.
    Loopback(SocketAddr),
    /// The same on a socket.
    Unix(PathBuf),
}

/// Where HTTPS is without a port (RFC 9110, section 4.2.2).
const HTTPS_PORT: u16 = 443;

const SHAPE: &str = "must be https://HOST[:PORT], or for a proxy on this machine unix:/PATH or http://127.0.0.1:PORT";
const PLAIN: &str = "must be https://: http:// would show root credentials to whoever is on the way, and is only for a proxy at an address of this machine in digits, with its port, such as http://127.0.0.1:15001";

impl FromStr for Server {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            // Also as the URI unix:///PATH, as listeners take it.
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') { Ok(Self::Unix(PathBuf::from(path))) } else { Err(SHAPE) };
        }
        // The parser of URIs takes a fragment away in silence.
        let uri: Uri = Some(text).filter(|text| !text.contains('#')).and_then(|text| text.parse().ok()).ok_or(SHAPE)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(SHAPE)?;
        if uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") {
            return Err(SHAPE);
        }
        // What the parser of URIs takes for no port is none, or too large a number.
        let port_is_whole = uri.port().is_some() || !authority.as_str().rsplit(']').next().is_some_and(has_colon);
        match uri.scheme_str() {
            Some("https") if port_is_whole => {
                let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
                tls_name(&host)?;
                let port = uri.port_u16().unwrap_or(HTTPS_PORT);
                if port == 0 { Err(SHAPE) } else { Ok(Self::Tls { host, port }) }
            }
            Some("http") => {
                // In digits: what a name leads to is for others to say.
                let address: Option<SocketAddr> = authority.as_str().parse().ok();
                address
                    .filter(|address| address.ip().is_loopback() && address.port() > 0)
                    .map(Self::Loopback)
                    .ok_or(PLAIN)
            }
            _ => Err(SHAPE),
        }
    }
}

fn has_colon(text: &str) -> bool {
    text.contains(':')
}

/// What a certificate can be issued for.
pub(super) fn tls_name(text: &str) -> Result<ServerName<'static>, &'static str> {
    ServerName::try_from(text.to_owned()).map_err(|_| "the server's name must be a DNS name or an IP address")
}

/// The same for the command line, which keeps the text.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    tls_name(text).map(|_| text.to_owned())
}

impl Server {
    /// Host and port, as HTTP names them (RFC 3986, section 3.2).
    pub(super) fn authority(&self) -> String {
        match self {
            Self::Tls { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tls { host, port } => format!("{host}:{port}"),
            Self::Loopback(address) => address.to_string(),
            // A socket has no name, and HTTP wants one.
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// The scheme of what is asked there.
    pub(super) const fn scheme(&self) -> &'static str {
        match self {
            Self::Tls { .. } => "https",
            Self::Loopback(_) | Self::Unix(_) => "http",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tls { .. } | Self::Loopback(_) => write!(f, "{}://{}", self.scheme(), self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tls(host: &str, port: u16) -> Server {
        Server::Tls { host: host.to_owned(), port }
    }

    #[test]
    fn a_server_is_https_or_on_this_machine() {
        for (text, server, shown) in [
            ("https://rootgate.example.org:8443", tls("rootgate.example.org", 8443), None),
            (
                "https://rootgate.example.org/",
                tls("rootgate.example.org", 443),
                Some("https://rootgate.example.org:443"),
            ),
            ("https://[2001:db8::1]:8443", tls("2001:db8::1", 8443), None),
            ("https://10.0.0.1", tls("10.0.0.1", 443), Some("https://10.0.0.1:443")),
            ("unix:/run/mesh/rootgate.sock", Server::Unix("/run/mesh/rootgate.sock".into()), None),
            ("unix:///run/a.sock", Server::Unix("/run/a.sock".into()), Some("unix:/run/a.sock")),
            ("http://127.0.0.1:15001", Server::Loopback(([127, 0, 0, 1], 15001).into()), None),
            ("http://[::1]:15001/", Server::Loopback("[::1]:15001".parse().unwrap()), Some("http://[::1]:15001")),
        ] {
            assert_eq!(text.parse(), Ok(server.clone()), "{text}");
            assert_eq!(server.to_string(), shown.unwrap_or(text));
        }
    }

    #[test]
    fn plain_http_is_for_addresses_of_this_machine_alone() {
        for text in [
            "http://rootgate.example.org:8080",
            "http://localhost:8080",
            "http://10.0.0.1:8080",
            "http://[::2]:1",
            "http://127.0.0.1.evil.example:80",
            "http://127.0.0.1",
            "http://127.0.0.1:0",
            "http://0.0.0.0:80",
        ] {
            assert_eq!(text.parse::<Server>(), Err(PLAIN), "{text}");
        }
    }

    #[test]
    fn nothing_else_parses() {
        for text in [
            "",
            "rootgate.example.org",
            "rootgate.example.org:8443",
            "https://",
            "https:///x",
            "https://a:0",
            "https://a:65536",
            "https://a:",
            "https://user@a:1",
            "https://a:1/path",
            "https://a:1?query",
            "https://a:1#fragment",
            "ftp://a",
            "unix:",
            "unix:relative.sock",
            "unix://a",
            "http://user@127.0.0.1:1",
        ] {
            assert!(text.parse::<Server>().is_err(), "{text:?}: {:?}", text.parse::<Server>());
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_printed_as_what_parses_to_it(text in "(https?://|unix:/)[a-z@:/?#\\[\\]0-9.%-]{0,24}|\\PC{0,24}") {
            if let Ok(server) = text.parse::<Server>() {
                prop_assert_eq!(server.to_string().parse::<Server>(), Ok(server.clone()), "{}", server);
                if let Server::Loopback(address) = server {
                    prop_assert!(address.ip().is_loopback());
                }
            }
        }
    }
}
