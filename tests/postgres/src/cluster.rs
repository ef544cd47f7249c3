//! Making, starting and stopping a cluster.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    binaries::Binaries,
    database::{Database, PASSWORD_ROLE, SUPERUSER},
    freeze::Frozen,
    watchdog::Watchdog,
};

/// A Unix socket's path has at most 107 bytes, and `/.s.PGSQL.65535` comes behind the folder.
const FOLDER_BYTES_MAX: usize = 107 - "/.s.PGSQL.65535".len();
/// What `TMPDIR` names may be too long; this is not.
const SHORT_TEMPORARY_FOLDER: &str = "/tmp";
/// A cold start takes a second; a machine that is busy with other tests takes its time.
const START_SECONDS_MAX: u64 = 60;
/// A free port may be taken by somebody else before PostgreSQL has it.
const PORT_TRIES: usize = 5;
/// How often something is looked at that has no notification.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// The port that names the socket's file, where nothing listens on TCP.
const SOCKET_PORT: u16 = 5432;

/// What every cluster has, and what differs from production and why. `fsync` stays on: durability is what is tested.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    // Many clusters may run beside each other.
    ("shared_buffers", "16MB"),
    // One cluster serves all tests of a process.
    ("max_connections", "300"),
    ("unix_socket_permissions", "0700"),
    ("log_line_prefix", "%m [%p] %u@%d "),
];

/// What a cluster of one's own has beyond the ordinary.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Settings of `postgresql.conf`, by name.
    pub settings: Vec<(&'static str, String)>,
    /// Listen on a port of the loopback interface too, for TLS and with passwords only.
    pub tls: Option<Tls>,
}

/// What the server proves itself with.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificate and chain, PEM.
    pub certificate: String,
    /// Private key, PEM.
    pub key: String,
}

/// A running server with a folder of its own.
#[derive(Debug)]
pub struct Cluster {
    // Before the folder's name: dropped first, ends the server and removes the folder.
    _watchdog: Watchdog,
    binaries: Binaries,
    folder: PathBuf,
    tls_port: Option<u16>,
    databases: AtomicU32,
}

impl Cluster {
    /// The one that all tests of this process share. Who stops, freezes or reconfigures starts one of their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_new(&Options::default()))
    }

    /// Makes a cluster and starts it.
    pub fn start_new(options: &Options) -> Self {
        let binaries = Binaries::find();
        let folder = make_folder(binaries.user());
        let watchdog = Watchdog::start(&binaries, &folder);
        let mut cluster = Self { _watchdog: watchdog, binaries, folder, tls_port: None, databases: AtomicU32::new(0) };
        cluster.initialise(options);
        if options.tls.is_some() {
            cluster.start_on_a_free_port(options);
        } else {
            cluster.start();
        }
        cluster.psql("postgres", &format!("CREATE ROLE {PASSWORD_ROLE} NOLOGIN"));
        cluster
    }

    /// Makes an empty database. Its name begins with the prefix, and no other of this cluster has it.
    pub fn database(&self, prefix: &str) -> Database<'_> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let prefix: String = prefix.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
        let name = format!("{}_{number}", prefix.to_ascii_lowercase());
        self.psql("postgres", &format!("CREATE DATABASE \"{name}\" TEMPLATE template0"));
        Database::new(self, name)
    }

    /// The folder of the Unix socket.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// The port of 127.0.0.1 that takes TLS; none without [`Options::tls`].
    pub fn tls_port(&self) -> Option<u16> {
        self.tls_port
    }

    /// What the server has logged since the cluster was made.
    pub fn log(&self) -> String {
        fs::read(self.log_file()).map_or_else(|_| String::new(), |log| String::from_utf8_lossy(&log).into_owned())
    }

    /// Starts the server again after [`Cluster::stop`]; answers when it takes connections.
    pub fn start(&self) {
        self.try_start().unwrap_or_else(|error| panic!("PostgreSQL does not start: {error}\n{}", self.log()));
    }

    /// Stops the server as if the machine had failed: connections break, and the next start recovers from the log.
    pub fn stop(&self) {
        let output = self.pg_ctl("stop").args(["-m", "immediate"]).output().expect("pg_ctl can be run");
        assert!(output.status.success(), "PostgreSQL does not stop: {output:?}\n{}", self.log());
    }

    /// Breaks every connection of clients; answers how many there were. The server goes on.
    pub fn terminate_backends(&self) -> usize {
        const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity \
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        self.psql("postgres", TERMINATE).parse().expect("a count is a number")
    }

    /// `ALTER SYSTEM SET`; answers when new sessions see it. Settings that want a restart take effect at the next
    /// [`Cluster::start`].
    pub fn alter_system(&self, setting: &str, value: &str) {
        let value = value.replace('\'', "''");
        let loaded_at = || self.psql("postgres", "SELECT pg_conf_load_time()");
        let before = loaded_at();
        self.psql("postgres", &format!("ALTER SYSTEM SET {setting} = '{value}'"));
        self.psql("postgres", "SELECT pg_reload_conf()");
        self.until("the settings are loaded", || loaded_at() != before);
    }

    /// Holds the whole server still, as a disk that does not answer does, until the value is dropped.
    pub fn freeze(&self) -> Frozen<'_> {
        Frozen::new(self.postmaster())
    }

    /// The process id of the server.
    pub fn postmaster(&self) -> u32 {
        let file = self.data().join("postmaster.pid");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{} is gone: {error}", file.display()));
        text.lines().next().and_then(|pid| pid.parse().ok()).expect("postmaster.pid begins with the process id")
    }

    /// Runs statements in a database as the superuser, several in one transaction; answers the rows: a line each, columns
    /// parted by `|`.
    pub(crate) fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut psql = self.binaries.command("psql", &self.folder);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-U", SUPERUSER]);
        psql.arg("-h").arg(&self.folder).args(["-p", &self.port().to_string(), "-d", database, "-c", sql]);
        let output = psql.output().expect("psql can be run");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).unwrap_or_else(|error| panic!("{sql}\n{error}\n{}", self.log()))
    }

    fn initialise(&self, options: &Options) {
        let mut initdb = self.binaries.command("initdb", &self.folder);
        initdb.arg("-D").arg(self.data()).args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"]);
        // The tests' own writes are synced; an empty cluster that a power failure takes is no loss.
        let output = initdb.arg("--no-sync").output().expect("initdb can be run");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb failed in {}: {error}", self.folder.display());
        let mut access = format!("local all +{PASSWORD_ROLE} scram-sha-256\nlocal all all trust\n");
        if let Some(tls) = &options.tls {
            access.push_str("hostssl all all 127.0.0.1/32 scram-sha-256\n");
            self.write("server.crt", &tls.certificate);
            self.write("server.key", &tls.key);
        }
        self.write("pg_hba.conf", &access);
        self.configure(options);
    }

    /// Writes `postgresql.conf`.
    fn configure(&self, options: &Options) {
        let mut text = String::new();
        let mut set = |name: &str, value: &str| {
            let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        };
        SETTINGS.iter().for_each(|(name, value)| set(name, value));
        set("unix_socket_directories", &self.folder.to_string_lossy());
        set("port", &self.port().to_string());
        set("listen_addresses", self.tls_port.map_or("", |_| "127.0.0.1"));
        set("ssl", if options.tls.is_some() { "on" } else { "off" });
        options.settings.iter().for_each(|(name, value)| set(name, value));
        self.write("postgresql.conf", &text);
    }

    fn start_on_a_free_port(&mut self, options: &Options) {
        for _ in 0..PORT_TRIES {
            self.tls_port = Some(free_port());
            self.configure(options);
            match self.try_start() {
                Ok(()) => return,
                Err(error) => assert!(self.log().contains("Address already in use"), "{error}\n{}", self.log()),
            }
        }
        panic!("{PORT_TRIES} free ports were taken by others:\n{}", self.log());
    }

    fn try_start(&self) -> Result<(), String> {
        let mut start = self.pg_ctl("start");
        // `-l`: the server keeps no pipe of ours open.
        start.arg("-l").arg(self.log_file()).stdout(Stdio::null());
        let output = start.output().expect("pg_ctl can be run");
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// `-w`: answers when it is done.
    fn pg_ctl(&self, act: &str) -> Command {
        let mut command = self.binaries.command("pg_ctl", &self.folder);
        command.arg(act).arg("-D").arg(self.data()).args(["-w", "-t", &START_SECONDS_MAX.to_string()]);
        command
    }

    /// A file in the folder of data, owned by the server's user.
    fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).and_then(|()| own(&path, self.binaries.user(), 0o600)).unwrap_or_else(|error| {
            panic!("{} cannot be written: {error}", path.display());
        });
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !holds() {
            assert!(Instant::now() < deadline, "{what}: not within {START_SECONDS_MAX} s\n{}", self.log());
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Of the socket's file name, and of TCP if that is on.
    fn port(&self) -> u16 {
        self.tls_port.unwrap_or(SOCKET_PORT)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// A new folder that only the server's user can enter, short enough for a socket.
fn make_folder(user: Option<(u32, u32)>) -> PathBuf {
    let named = std::env::temp_dir();
    let is_short = named.as_os_str().len() + "/rg-pg-012345678901".len() <= FOLDER_BYTES_MAX;
    let parent = if is_short { named } else { PathBuf::from(SHORT_TEMPORARY_FOLDER) };
    let made = tempfile::Builder::new().prefix("rg-pg-").tempdir_in(&parent).and_then(|folder| {
        own(folder.path(), user, 0o700)?;
        // The watchdog removes it.
        Ok(folder.keep())
    });
    made.unwrap_or_else(|error| panic!("no folder can be made in {}: {error}", parent.display()))
}

fn own(path: &Path, user: Option<(u32, u32)>, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    user.map_or(Ok(()), |(user, group)| chown(path, Some(user), Some(group)))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface is free");
    listener.local_addr().expect("a listener has an address").port()
}
