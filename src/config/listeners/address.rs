//! `listen`: an IP address and a port, or a Unix socket.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use crate::config::{
    error::{Fault, Reported},
    table::Table,
    value::text_rule,
};

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// IP address and port. Port 0 lets the system choose, for tests.
    Tcp(SocketAddr),
    /// Path of a Unix socket.
    Unix(PathBuf),
}

/// Before the path of a socket.
const UNIX: &str = "unix:";
/// unix(7): `sun_path` has 108 bytes, the last one a NUL.
const SOCKET_PATH_BYTES_MAX: usize = 107;

impl ListenAddress {
    pub(super) fn read(table: &Table<'_>, others: &[Self]) -> Result<Self, Reported> {
        const FIX: &str = r#"write `listen = "127.0.0.1:8443"`"#;
        let listen = match table.required("listen", FIX, text_rule(listen))? {
            Self::Unix(path) => Self::Unix(resolve_socket(table, "listen", path)?),
            tcp @ Self::Tcp(_) => tcp,
        };
        if others.iter().any(|other| other.collides_with(&listen)) {
            let rule = "must not be where another listener listens";
            return Err(table.report_at("listen", Fault::new(rule, "choose another port or path")));
        }
        Ok(listen)
    }

    /// Whether only this machine reaches it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    fn collides_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(other)) => {
                let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
                let overlap = one_ip == other_ip || covers(one_ip, other_ip) || covers(other_ip, one_ip);
                // The system gives port 0 a new port each time.
                one.port() == other.port() && one.port() != 0 && overlap
            }
            (Self::Unix(one), Self::Unix(other)) => one == other,
            (Self::Tcp(_), Self::Unix(_)) | (Self::Unix(_), Self::Tcp(_)) => false,
        }
    }
}

/// Whether the one stands for every interface, and so for the other as well. `[::]` takes IPv4 too (ipv6(7)).
fn covers(all: IpAddr, other: IpAddr) -> bool {
    all.is_unspecified() && (all.is_ipv6() || other.is_ipv4())
}

/// As the configuration spells it.
impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

fn listen(text: &str) -> Result<ListenAddress, Fault> {
    if text.starts_with(UNIX) {
        return socket_path(text).map(ListenAddress::Unix);
    }
    text.parse().map(ListenAddress::Tcp).map_err(|_| {
        Fault::new(
            "must be an IP address and a port, or unix: and a path",
            r#"write "127.0.0.1:8443", "[::1]:8443" or "unix:/run/rootgate/sidecar.sock"; names are not looked up"#,
        )
    })
}

/// `unix:PATH`, also as the URI `unix:///PATH`.
pub(super) fn socket_path(text: &str) -> Result<PathBuf, Fault> {
    let path = text.strip_prefix(UNIX).map(|path| match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        _ => path,
    });
    // `//` would be a host's name, `@` a socket outside the file system, which has no mode to keep others out.
    match path {
        Some(path) if !path.is_empty() && !path.starts_with("//") && !path.starts_with('@') => {
            let plain = !path.chars().any(char::is_control) && !path.ends_with('/');
            plain.then(|| PathBuf::from(path)).ok_or_else(no_socket_path)
        }
        _ => Err(no_socket_path()),
    }
}

fn no_socket_path() -> Fault {
    Fault::new("must be unix: and the path of a socket in the file system", r#"write "unix:/run/NAME.sock""#)
}

/// A relative path is relative to the configuration's folder, and the whole must fit into an address.
pub(super) fn resolve_socket(table: &Table<'_>, key: &str, path: PathBuf) -> Result<PathBuf, Reported> {
    let path = table.resolve(path);
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return Ok(path);
    }
    let rule = format!("must have at most {SOCKET_PATH_BYTES_MAX} bytes as a whole path: the system allows no more");
    Err(table.report_at(key, Fault::new(rule, "put the socket into a folder with a shorter path, such as /run")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ListenAddress {
        listen(text).unwrap()
    }

    #[test]
    fn an_address_is_an_ip_and_a_port_or_a_socket() {
        for (text, printed) in [
            ("127.0.0.1:8443", "127.0.0.1:8443"),
            ("[::1]:0", "[::1]:0"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("unix:///run/a.sock", "unix:/run/a.sock"),
            ("unix:a.sock", "unix:a.sock"),
        ] {
            assert_eq!(address(text).to_string(), printed);
        }
        for bad in [
            "",
            "8443",
            "localhost:8443",
            "127.0.0.1",
            "::1:8443:",
            "127.0.0.1:65536",
            "unix:",
            "unix:/",
            "unix:/run/",
            "unix://run/a.sock",
            "unix:////run/a.sock",
            "unix:@abstract",
            "unix:\0abstract",
            "unix:/run/a\n.sock",
            "UNIX:/run/a.sock",
            "/run/a.sock",
        ] {
            assert!(listen(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_loopback_and_sockets_are_local() {
        for local in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/run/a"] {
            assert!(address(local).is_local(), "{local}");
        }
        for open in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1", "[::2]:1", "128.0.0.1:1"] {
            assert!(!address(open).is_local(), "{open}");
        }
    }

    #[test]
    fn two_listeners_cannot_share_an_address() {
        for (one, other, collide) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("0.0.0.0:1", "[::1]:1", false),
            ("[::]:1", "127.0.0.1:1", true),
            ("[::]:1", "0.0.0.0:1", true),
            ("[::]:1", "[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", "127.0.0.1:1", true),
            ("unix:/run/a", "unix:/run/a", true),
            ("unix:/run/a", "unix:/run/./a", true),
            ("unix:/run/a", "unix:/run/b", false),
            ("unix:/run/a", "127.0.0.1:1", false),
        ] {
            assert_eq!(address(one).collides_with(&address(other)), collide, "{one} {other}");
            assert_eq!(address(other).collides_with(&address(one)), collide, "{other} {one}");
        }
    }
}
