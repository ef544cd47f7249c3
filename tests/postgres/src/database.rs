//! One database of a cluster, for one test.

use crate::cluster::Cluster;

/// Owns everything. Needs no password on the socket.
pub const SUPERUSER: &str = "superuser";
/// Members of this role need their password, on the socket too.
pub const PASSWORD_ROLE: &str = "with_password";

/// A database that no other test uses.
#[derive(Debug)]
pub struct Database<'c> {
    cluster: &'c Cluster,
    name: String,
    url: String,
}

impl<'c> Database<'c> {
    pub(crate) fn new(cluster: &'c Cluster, name: String) -> Self {
        let url = url(cluster, SUPERUSER, &name);
        Self { cluster, name, url }
    }

    /// The name; unique in its cluster, so that roles may be named after it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `postgresql://…` over the socket, as the superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `postgresql://…` over the socket, as this role.
    pub fn url_of(&self, role: &str) -> String {
        url(self.cluster, role, &self.name)
    }

    /// Its cluster.
    pub fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// Runs statements as the superuser.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.query(sql);
    }

    /// The rows of a query as the superuser: a line each, columns parted by `|`.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.try_query(sql).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// The same, or what PostgreSQL says against it, with the SQLSTATE.
    pub fn try_query(&self, sql: &str) -> Result<String, String> {
        self.cluster.try_psql(&self.name, sql)
    }
}

/// The folder's letters need no escapes but for the slash: see `make_folder`.
fn url(cluster: &Cluster, role: &str, name: &str) -> String {
    let port = cluster.tls_port().map_or_else(String::new, |port| format!(":{port}"));
    let folder = cluster.socket_folder().to_string_lossy().replace('/', "%2F");
    format!("postgresql://{role}@localhost{port}/{name}?host={folder}")
}
