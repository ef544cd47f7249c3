//! The real binary as a process, and a folder with everything that it needs.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
};

use aws_root_simulator::{Scenario, Simulator};
use tempfile::TempDir;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

use super::{Client, OPERATOR, config_toml, install_crypto, write_files};
use crate::pki::Pki;

const BINARY: &str = env!("CARGO_BIN_EXE_rootgate");
const POLICY: &str = "permit(principal in Rootgate::Group::\"operators\", action, resource);";

/// A folder with everything that a gateway needs, and an AWS.
pub struct Site {
    pub aws: Simulator,
    pub pki: Pki,
    folder: TempDir,
}

impl Site {
    pub async fn new() -> Self {
        install_crypto();
        let site = Self {
            aws: Simulator::start(Scenario::example()).await.unwrap(),
            pki: Pki::new().unwrap(),
            folder: TempDir::new().unwrap(),
        };
        write_files(site.folder.path(), &site.pki, POLICY);
        site.configure(&config_toml(&site.aws.endpoint(), &[("log", String::new())]));
        site
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn configure(&self, toml: &str) {
        fs::write(self.path().join("rootgate.toml"), toml).unwrap();
    }

    pub fn command(&self, subcommand: &str) -> Command {
        let key = self.aws.access_key("gateway").unwrap();
        let mut command = Command::new(BINARY);
        command
            .args([subcommand, "--config"])
            .arg(self.path().join("rootgate.toml"))
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", key.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the gateway and waits until its log says where it serves.
    pub async fn serve(&self) -> Running {
        self.serve_by(self.command("serve")).await
    }

    /// The same by a command that ends in that one.
    pub async fn serve_by(&self, mut command: Command) -> Running {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (found, address) = oneshot::channel();
        let log = spawn_blocking(move || read_log(stderr, found));
        match address.await {
            Ok(address) => Running { child, address, log },
            Err(_) => panic!("the gateway did not start:\n{}", log.await.unwrap()),
        }
    }

    pub async fn client(&self, address: SocketAddr) -> Client {
        self.client_as(OPERATOR, address).await
    }

    pub async fn client_as(&self, spiffe_id: &str, address: SocketAddr) -> Client {
        let identity = self.pki.client(&[spiffe_id]).unwrap();
        Client::connect(address, &self.pki.authority(), Some(&identity)).await.unwrap()
    }

    pub async fn output(&self, mut command: Command) -> Output {
        spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Runs a subcommand to its end; its exit code and what it printed.
    pub async fn run(&self, subcommand: &str) -> (i32, String) {
        let output = self.output(self.command(subcommand)).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }
}

/// Reads the log to its end, and tells the address as soon as a line says it.
fn read_log(stderr: impl BufRead, found: oneshot::Sender<SocketAddr>) -> String {
    let mut found = Some(found);
    let mut log = String::new();
    for line in stderr.lines().map(Result::unwrap) {
        let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(address) = find(&json, "address").and_then(|address| address.parse().ok())
            && let Some(found) = found.take()
        {
            let _ = found.send(address);
        }
        log.push_str(&line);
        log.push('\n');
    }
    log
}

pub struct Running {
    child: Child,
    pub address: SocketAddr,
    log: JoinHandle<String>,
}

/// A test that fails must not leave a gateway behind.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl Running {
    /// Resident set size in KiB, from the kernel.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// SIGKILL, at this moment.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end; the log is complete then.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let log = (&mut self.log).await.unwrap();
        (self.child.wait().unwrap(), log)
    }
}

/// A field anywhere in a log line.
fn find(json: &serde_json::Value, key: &str) -> Option<String> {
    let object = json.as_object()?;
    object
        .get(key)
        .and_then(|value| value.as_str().map(ToOwned::to_owned))
        .or_else(|| object.values().find_map(|value| find(value, key)))
}
