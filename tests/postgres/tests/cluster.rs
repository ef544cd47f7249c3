//! The cluster keeps its promises: private, durable, and gone with whoever started it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]
#![allow(clippy::print_stdout, reason = "a child process tells its parent where its cluster is")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rootgate_test_postgres::{Cluster, Database, Options, PASSWORD_ROLE, Tls};

const SOON: Duration = Duration::from_secs(60);

fn own_cluster() -> Cluster {
    Cluster::start_new(&Options::default())
}

fn is_alive(process: u32) -> bool {
    Path::new(&format!("/proc/{process}/cmdline")).exists()
        && !std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default().is_empty()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_database_is_empty_and_its_own() {
    let cluster = Cluster::shared();
    let (one, other) = (cluster.database("a"), cluster.database("a"));
    assert_ne!(one.name(), other.name());
    one.execute("CREATE TABLE t (x bigint); INSERT INTO t VALUES (1), (2)");
    assert_eq!(one.query("SELECT x, x + 1 FROM t ORDER BY x"), "1|2\n2|3");
    assert!(other.try_query("SELECT x FROM t").unwrap_err().contains("42P01"), "undefined_table");
    assert!(std::ptr::eq(one.cluster(), Cluster::shared()), "one cluster serves the process");
}

#[test]
fn odd_prefixes_make_good_names() {
    let database = Cluster::shared().database("Säge; DROP \"x\" --");
    assert!(database.name().starts_with("sgedropx_"), "{}", database.name());
    assert_eq!(database.query("SELECT current_database()"), database.name());
}

#[test]
fn it_is_durable_private_and_utf8() {
    let database = Cluster::shared().database("settings");
    let setting = |name: &str| database.query(&format!("SHOW {name}"));
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        assert_eq!(setting(name), "on", "{name}");
    }
    assert_eq!(setting("listen_addresses"), "", "nothing of the network reaches it");
    assert_eq!(setting("server_encoding"), "UTF8");
    let folder = Cluster::shared().socket_folder().metadata().unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    assert_eq!(folder.uid(), process_owner(Cluster::shared().postmaster()));
    assert_ne!(folder.uid(), 0, "PostgreSQL refuses root");
}

fn process_owner(process: u32) -> u32 {
    Path::new(&format!("/proc/{process}")).metadata().unwrap().uid()
}

#[test]
fn what_was_committed_survives_a_crash() {
    let cluster = own_cluster();
    let database = cluster.database("crash");
    database.execute("CREATE TABLE t (x bigint)");
    database.execute("INSERT INTO t VALUES (42)");
    cluster.stop();
    let error = database.try_query("SELECT x FROM t").unwrap_err();
    assert!(error.contains("No such file or directory") || error.contains("Connection refused"), "{error}");
    cluster.start();
    assert_eq!(database.query("SELECT x FROM t"), "42");
    assert!(cluster.log().contains("not properly shut down"), "{}", cluster.log());
}

#[test]
fn a_dropped_cluster_leaves_neither_process_nor_folder() {
    let cluster = own_cluster();
    let (postmaster, folder) = (cluster.postmaster(), cluster.socket_folder().to_owned());
    assert!(is_alive(postmaster));
    drop(cluster);
    assert!(!is_alive(postmaster));
    assert!(!folder.exists());
}

#[test]
fn a_stopped_cluster_leaves_no_folder() {
    let cluster = own_cluster();
    let folder = cluster.socket_folder().to_owned();
    cluster.stop();
    drop(cluster);
    assert!(!folder.exists());
}

#[test]
#[ignore = "is the child of the tests below"]
fn a_process_with_a_cluster() {
    let cluster = own_cluster();
    println!("\ncluster {} {}", cluster.postmaster(), cluster.socket_folder().display());
    let frozen = cluster.freeze();
    println!("\nfrozen");
    // Until the parent kills this process; or until it is gone itself.
    let _ = std::io::stdin().read(&mut [0]);
    drop(frozen);
}

#[test]
fn a_killed_process_leaves_no_cluster_even_a_frozen_one() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_with_a_cluster", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find_map(|line| line.strip_prefix("cluster ").map(ToOwned::to_owned)).unwrap();
    assert!(lines.any(|line| line == "frozen"));
    let (postmaster, folder) = line.split_once(' ').unwrap();
    let (postmaster, folder) = (postmaster.parse::<u32>().unwrap(), PathBuf::from(folder));
    assert!(is_alive(postmaster) && folder.exists());
    // SIGKILL: nothing of the process itself can clean up.
    child.kill().unwrap();
    child.wait().unwrap();
    until("the server ends", || !is_alive(postmaster));
    until("the folder goes", || !folder.exists());
}

#[test]
fn terminated_backends_are_told_and_the_server_goes_on() {
    let cluster = own_cluster();
    let database = cluster.database("terminated");
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| database.try_query("SELECT pg_sleep(600)"));
        until("the sleeper sleeps", || sleepers(&database) == "1");
        assert_eq!(cluster.terminate_backends(), 1);
        let error = sleeper.join().unwrap().unwrap_err();
        assert!(error.contains("57P01"), "admin_shutdown: {error}");
    });
    assert_eq!(database.query("SELECT 1"), "1");
}

fn sleepers(database: &Database) -> String {
    database.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
}

#[test]
fn a_frozen_server_answers_nobody_until_it_goes_on() {
    let cluster = own_cluster();
    let database = cluster.database("frozen");
    let frozen = cluster.freeze();
    thread::scope(|scope| {
        let (answered, answer) = mpsc::channel();
        let database = &database;
        scope.spawn(move || answered.send(database.query("SELECT 1")).unwrap());
        assert!(answer.recv_timeout(Duration::from_millis(500)).is_err(), "it is frozen");
        drop(frozen);
        assert_eq!(answer.recv_timeout(SOON).unwrap(), "1");
    });
}

#[test]
fn settings_change_while_it_runs() {
    let cluster = own_cluster();
    let database = cluster.database("settings");
    database.execute("CREATE TABLE t (x bigint)");
    cluster.alter_system("default_transaction_read_only", "on");
    assert!(database.try_query("INSERT INTO t VALUES (1)").unwrap_err().contains("25006"));
    cluster.alter_system("default_transaction_read_only", "off");
    database.execute("INSERT INTO t VALUES (1)");
}

#[test]
fn who_must_have_a_password_needs_the_right_one() {
    let database = Cluster::shared().database("password");
    let role = format!("guarded_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'right' IN ROLE {PASSWORD_ROLE}"));
    let connect = |password: &str| {
        let url = database.url_of(&role);
        let psql =
            Command::new("psql").args(["-X", "-w", "-c", "SELECT 1"]).arg(url).env("PGPASSWORD", password).output();
        psql.unwrap()
    };
    assert!(connect("right").status.success());
    let wrong = connect("wrong");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("password authentication failed"), "{wrong:?}");
}

#[test]
fn with_tls_it_listens_on_the_loopback_interface() {
    let (certificate, key) = self_signed();
    let cluster = Cluster::start_new(&Options { tls: Some(Tls { certificate, key }), ..Options::default() });
    let database = cluster.database("tls");
    database.execute("CREATE ROLE remote LOGIN PASSWORD 'right'");
    let port = cluster.tls_port().unwrap();
    let connect = |mode: &str| {
        let url = format!("postgresql://remote@127.0.0.1:{port}/{}?sslmode={mode}", database.name());
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let mut psql = Command::new("psql");
        psql.args(["-X", "-w", "-A", "-t", "-c", sql])
            .arg(url)
            .envs([("PGPASSWORD", "right"), ("HOME", "/nonexistent")])
            .output()
            .unwrap()
    };
    assert_eq!(String::from_utf8_lossy(&connect("require").stdout).trim(), "t");
    assert!(!connect("disable").status.success(), "without TLS nobody comes in");
}

fn self_signed() -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
    let openssl = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=localhost",
        ])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{openssl:?}");
    (std::fs::read_to_string(certificate).unwrap(), std::fs::read_to_string(key).unwrap())
}
