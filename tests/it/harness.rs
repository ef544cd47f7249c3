//! A gateway on a simulated AWS, in three words: `World::start().await`.

mod client;
mod record;

pub use client::{Client, Refusal, answer, assume_root, refused, unlock_bucket, unlock_queue};
pub use record::Record;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Once,
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_root_simulator::{Scenario, Simulator};
use rootgate::{
    app::{App, Deps, StartError},
    aws::GatewayCredentials,
    clock::SystemClock,
    config::Config,
    journal,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::pki::Pki;

/// May do everything that policy can allow.
pub const OPERATOR: &str = "spiffe://example.org/ops/alice";
/// May only audit.
pub const AUDITOR: &str = "spiffe://example.org/audit/bob";
/// Proven, and allowed nothing.
pub const STRANGER: &str = "spiffe://example.org/team/mallory";

/// The member account of the example scenario that has something in every drawer.
pub const PAYMENTS: &str = "333333333333";
/// The member account without root credentials.
pub const ANALYTICS: &str = "444444444444";
/// Why the tests ask.
pub const REASON: &str = "Locked out by a policy change";

const POLICIES: &str = r#"
@id("operators")
permit(principal in Rootgate::Group::"operators", action, resource);

@id("auditors")
permit(principal in Rootgate::Group::"auditors", action in Rootgate::Action::"Read", resource);
"#;

/// A running gateway, the AWS that it acts on, and everything to call it.
pub struct World {
    pub aws: Simulator,
    pub address: SocketAddr,
    pub folder: TempDir,
    pki: Pki,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), StartError>>>,
}

/// What a test changes before the start.
pub struct Setup {
    pub scenario: Scenario,
    pub policies: String,
    /// Lines for the sections of the configuration, by section.
    pub extra: Vec<(&'static str, String)>,
    pub credentials_of: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        let credentials_of = "gateway";
        Self { scenario: Scenario::example(), policies: POLICIES.to_owned(), extra: Vec::new(), credentials_of }
    }
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// A gateway with more lines in a section of its configuration.
    pub async fn start_configured(section: &'static str, lines: &str) -> Self {
        Self::start_with(Setup { extra: vec![(section, lines.to_owned())], ..Setup::default() }).await
    }

    pub async fn start_with(setup: Setup) -> Self {
        install_crypto();
        let aws = Simulator::start(setup.scenario.clone()).await.expect("the simulator starts");
        let folder = TempDir::new().expect("a temporary folder");
        let pki = Pki::new().expect("an authority");
        write_files(folder.path(), &pki, &setup.policies);
        let toml = config_toml(&aws.endpoint(), &setup.extra);
        let mut world = Self { aws, address: ([127, 0, 0, 1], 0).into(), folder, pki, stop: None, running: None };
        world.run(&toml, setup.credentials_of).await;
        world
    }

    async fn run(&mut self, toml: &str, credentials_of: &str) {
        let config =
            Config::from_toml(toml, self.folder.path(), "test.toml").unwrap_or_else(|errors| panic!("{errors}"));
        let app = App::build(config, deps(&self.aws, credentials_of)).await.unwrap_or_else(|error| panic!("{error}"));
        self.address = app.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        self.running = Some(tokio::spawn(app.run(async move {
            let _ = stopped.await;
        })));
    }

    /// A caller whose certificate carries this SPIFFE ID.
    pub async fn as_caller(&self, spiffe_id: &str) -> Client {
        self.as_caller_with(&[spiffe_id]).await
    }

    /// A caller whose certificate carries these URIs.
    pub async fn as_caller_with(&self, uris: &[&str]) -> Client {
        let identity = self.pki.client(uris).expect("a client certificate");
        Client::connect(self.address, &self.pki.authority(), Some(&identity)).await.expect("the connection stands")
    }

    /// The authority that the gateway believes.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Where the journal is.
    pub fn journal_path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    /// Every record so far, verified.
    pub async fn records(&self) -> Vec<Record> {
        records(&self.journal_path()).await
    }

    /// Names of the AWS calls so far, leaving out what the gateway asks about the organization.
    pub fn acts_on_aws(&self) -> Vec<String> {
        let about_organization = |name: &String| name.starts_with("organizations:") || name == "sts:GetCallerIdentity";
        self.aws.calls().iter().map(|call| call.name()).filter(|name| !about_organization(name)).collect()
    }

    /// Stops the gateway and waits until it has recorded that.
    pub async fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(running) = self.running.take() {
            running.await.expect("the gateway does not panic").expect("the gateway stops well");
        }
    }

    /// Starts the gateway again on the same journal.
    pub async fn start_again(&mut self) {
        self.stop().await;
        let toml = config_toml(&self.aws.endpoint(), &[]);
        self.run(&toml, "gateway").await;
    }
}

/// The records of a journal, after verifying it.
pub async fn records(path: &Path) -> Vec<Record> {
    journal::verify(path, &[]).await.unwrap_or_else(|error| panic!("the journal verifies: {error}"));
    let listed = journal::list(path, 1, 1000).await.expect("the journal can be read");
    listed.into_iter().map(Record::new).collect()
}

pub fn deps(aws: &Simulator, principal: &str) -> Deps {
    let key = aws.access_key(principal).expect("the scenario has this principal");
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    Deps {
        clock: std::sync::Arc::new(SystemClock),
        credentials: GatewayCredentials::Provided(SharedCredentialsProvider::new(credentials)),
    }
}

pub fn write_files(folder: &Path, pki: &Pki, policies: &str) {
    pki.server().expect("a server certificate").write(folder, "server").expect("files can be written");
    fs::write(folder.join("clients-ca.pem"), pki.authority()).expect("files can be written");
    fs::write(folder.join("policy.cedar"), policies).expect("files can be written");
}

/// The configuration of the tests, with more lines in some sections.
pub fn config_toml(endpoint: &str, extra: &[(&'static str, String)]) -> String {
    let development = format!(
        "endpoint = \"{endpoint}\"\nallow_endpoint_override = \"{}\"",
        rootgate::config::ENDPOINT_OVERRIDE_SENTENCE
    );
    let sections: [(&str, &str); 8] = [
        ("server", "listen = \"127.0.0.1:0\"\nshutdown_grace = \"20s\""),
        ("server.tls", "certificate = \"server.pem\"\nprivate_key = \"server.key\"\nclient_ca = \"clients-ca.pem\""),
        ("server.limits", ""),
        ("authentication.mtls", "spiffe_trust_domains = [\"example.org\"]"),
        (
            "authorization",
            &format!(
                "policies = [\"policy.cedar\"]\ngroups = {{ operators = [\"{OPERATOR}\"], auditors = [\"{AUDITOR}\"] }}"
            ),
        ),
        (
            "aws",
            "home_region = \"us-east-1\"\nallowed_regions = [\"us-east-1\", \"eu-west-1\"]\nassume_root_per_second_max = 100",
        ),
        ("aws.development", &development),
        ("journal", "path = \"journal.db\""),
    ];
    let lines_for = |name: &str| -> String {
        extra.iter().filter(|(section, _)| *section == name).map(|(_, lines)| format!("{lines}\n")).collect()
    };
    sections.iter().map(|(name, lines)| format!("[{name}]\n{lines}\n{}\n", lines_for(name))).collect()
}

/// One provider for everything that speaks TLS in this process.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}
