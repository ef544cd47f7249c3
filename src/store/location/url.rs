//! URLs of PostgreSQL databases, as far as a journal has use for them (PostgreSQL, "Connection URIs", 34.1.1.2).

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use super::LocationError;

/// Longest URL. What is longer was not written by a person.
const LENGTH_MAX: usize = 2048;
/// Longest user and database name that PostgreSQL keeps whole (`NAMEDATALEN`).
const NAME_BYTES_MAX: usize = 63;
const PORT_DEFAULT: u16 = 5432;

const SHAPE: &str = "write postgresql://USER@HOST/DATABASE?sslmode=verify-full&sslrootcert=/path/of/the/authority.pem";
const PASSWORD_FIX: &str =
    "take the password out of the URL, change it, and put it into a file that password_file names";

/// A PostgreSQL database, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresLocation {
    /// Role to log in as.
    pub user: String,
    /// Where the server listens.
    pub host: Host,
    /// Its port; of a socket the number in the file's name.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The authorities of which one must have signed the server's certificate, PEM. None: without TLS, which only a server
    /// on this machine may be.
    pub root_certificates: Option<PathBuf>,
    /// File with the role's password; read again for each connection.
    pub password_file: Option<PathBuf>,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// On a Unix socket in this folder.
    Socket(PathBuf),
    /// At this name or address, without brackets.
    Tcp(String),
}

/// The parameters behind the `?`.
#[derive(Default)]
struct Parameters {
    tls_mode: Option<String>,
    root_certificates: Option<PathBuf>,
    socket: Option<PathBuf>,
    password_file: Option<PathBuf>,
}

/// What stands behind `postgresql://`; none if the text is no URL at all.
pub(super) fn after_scheme(text: &str) -> Result<Option<&str>, LocationError> {
    match text.split_once("://") {
        Some(("postgresql" | "postgres", rest)) if text.len() <= LENGTH_MAX => Ok(Some(rest)),
        Some(("postgresql" | "postgres", _)) => Err(LocationError::new("is too long", SHAPE)),
        Some((scheme, _)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+') => {
            Err(LocationError::new("must be a path or a postgresql:// URL", SHAPE))
        }
        _ => Ok(None),
    }
}

impl PostgresLocation {
    pub(super) fn parse(rest: &str, password_file: Option<PathBuf>) -> Result<Self, LocationError> {
        if rest.contains('#') {
            return Err(LocationError::new("must not have a fragment", "write a `#` within a name as %23"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        // The last one: a password, which is refused, may hold an @.
        let (user, address) = authority
            .rsplit_once('@')
            .ok_or(LocationError::new("must name the role to log in as", "write postgresql://USER@HOST/DATABASE"))?;
        if user.contains(':') {
            return Err(LocationError::new("must not hold a password: URLs are logged and shown", PASSWORD_FIX));
        }
        let parameters = Parameters::parse(query)?;
        let (host, port) = read_address(address, parameters.socket.clone())?;
        let password_file = match (password_file, parameters.password_file.clone()) {
            (Some(_), Some(_)) => {
                return Err(LocationError::new(
                    "names its password file, which is given beside it too",
                    "name it once",
                ));
            }
            (beside, within) => beside.or(within),
        };
        let root_certificates = parameters.tls(&host)?;
        Ok(Self {
            user: name(user, "must name the role to log in as")?,
            host,
            port,
            database: name(database, "must name the database")?,
            root_certificates,
            password_file,
        })
    }
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, LocationError> {
        let mut found = Self::default();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let twice = match key {
                "sslmode" => found.tls_mode.replace(decode(value)?).is_some(),
                "sslrootcert" => found.root_certificates.replace(absolute(value)?).is_some(),
                "password_file" => found.password_file.replace(absolute(value)?).is_some(),
                "host" => found.socket.replace(absolute(value)?).is_some(),
                "password" | "passfile" => {
                    return Err(LocationError::new(
                        "must not hold a password: URLs are logged and shown",
                        PASSWORD_FIX,
                    ));
                }
                _ => {
                    return Err(LocationError::new(
                        "has an unknown parameter",
                        "the parameters are sslmode, sslrootcert, password_file, and host for the folder of a Unix socket; the gateway sets \
                         all else itself",
                    ));
                }
            };
            if twice {
                return Err(LocationError::new("has a parameter twice", "write each parameter once"));
            }
        }
        Ok(found)
    }

    /// The authorities, where TLS is used.
    fn tls(self, host: &Host) -> Result<Option<PathBuf>, LocationError> {
        match (self.tls_mode.as_deref(), self.root_certificates, host) {
            (None, None, host) if host.is_this_machine() => Ok(None),
            (Some("disable"), None, host) if host.is_this_machine() => Ok(None),
            (Some("verify-full"), Some(_), Host::Socket(_)) => Err(LocationError::new(
                "asks for TLS on a Unix socket, where PostgreSQL has none",
                "leave out sslmode and sslrootcert",
            )),
            (Some("verify-full"), Some(authorities), Host::Tcp(_)) => Ok(Some(authorities)),
            (Some("verify-full"), None, _) => Err(LocationError::new(
                "must say who may vouch for the server",
                "add sslrootcert=/path/of/the/authority.pem",
            )),
            (Some("disable"), Some(_), _) | (None, Some(_), _) => {
                Err(LocationError::new("has sslrootcert without sslmode=verify-full", "add sslmode=verify-full"))
            }
            (Some("disable") | None, None, _) => Err(LocationError::new(
                "must have sslmode=verify-full: without it anybody on the way can read and change the journal",
                "add sslmode=verify-full&sslrootcert=/path/of/the/authority.pem; only a Unix socket, 127.0.0.1 and [::1] \
                 may do without",
            )),
            (Some(_), _, _) => Err(LocationError::new(
                "must have sslmode=verify-full: the other modes do not check who the server is",
                "write sslmode=verify-full&sslrootcert=/path/of/the/authority.pem",
            )),
        }
    }
}

impl Host {
    /// Whether what is sent there stays on this machine. A name may lead anywhere.
    fn is_this_machine(&self) -> bool {
        match self {
            Self::Socket(_) => true,
            Self::Tcp(host) => {
                host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
                    || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

/// `HOST[:PORT]`, or nothing where a parameter names the folder of the socket.
fn read_address(address: &str, socket: Option<PathBuf>) -> Result<(Host, u16), LocationError> {
    let (host, port) = match address.rsplit_once(':') {
        // The colons of an IPv6 address stand before its `]`.
        Some((host, port)) if !port.ends_with(']') => (host, read_port(port)?),
        _ => (address, PORT_DEFAULT),
    };
    let bad = LocationError::new("must name one host", "write a name, an IPv4 address, or an IPv6 address in brackets");
    if let Some(socket) = socket {
        let is_free = ["", "localhost"].contains(&host);
        let twice = LocationError::new(
            "names a host and the folder of a socket",
            "write postgresql://USER@/DATABASE?host=/FOLDER",
        );
        return if is_free { Ok((Host::Socket(socket), port)) } else { Err(twice) };
    }
    if host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f")) {
        return Ok((Host::Socket(absolute(host)?), port));
    }
    if let Some(inside) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().map(|_| (Host::Tcp(inside.to_owned()), port)).map_err(|_| bad);
    }
    let is_name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    if is_name { Ok((Host::Tcp(host.to_owned()), port)) } else { Err(bad) }
}

fn read_port(text: &str) -> Result<u16, LocationError> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0 && text.bytes().all(|b| b.is_ascii_digit()));
    port.ok_or(LocationError::new("has a port that is none", "write a number from 1 to 65535"))
}

fn name(text: &str, missing: &'static str) -> Result<String, LocationError> {
    let name = decode(text)?;
    if name.is_empty() {
        return Err(LocationError::new(missing, "write postgresql://USER@HOST/DATABASE"));
    }
    if name.len() > NAME_BYTES_MAX || name.contains('/') {
        return Err(LocationError::new(
            "has a name that PostgreSQL does not take",
            "names have at most 63 bytes and no slash",
        ));
    }
    Ok(name)
}

fn absolute(text: &str) -> Result<PathBuf, LocationError> {
    let path = PathBuf::from(decode(text)?);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(LocationError::new("has a relative path", "begin paths in the URL with a slash"))
    }
}

/// RFC 3986, section 2.1.
fn decode(text: &str) -> Result<String, LocationError> {
    let bad = LocationError::new(
        "has a character that must be written as %XX",
        "escape what is not a letter, digit or -._~/",
    );
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit(), digit());
                let value = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                value.ok_or_else(|| bad.clone())?
            }
            byte if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) => byte,
            _ => return Err(bad),
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| bad.clone())?;
    if text.chars().any(char::is_control) { Err(bad) } else { Ok(text) }
}

/// Without parameters, for errors and logs.
impl fmt::Display for PostgresLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, port, database, .. } = self;
        match &self.host {
            Host::Socket(folder) => {
                let folder = folder.display().to_string().replace('/', "%2F");
                write!(f, "postgresql://{user}@{folder}:{port}/{database}")
            }
            Host::Tcp(host) if host.contains(':') => write!(f, "postgresql://{user}@[{host}]:{port}/{database}"),
            Host::Tcp(host) => write!(f, "postgresql://{user}@{host}:{port}/{database}"),
        }
    }
}

#[cfg(test)]
mod tests;
