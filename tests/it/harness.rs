//! A gateway on a simulated AWS, in three words: `World::start().await`.

mod aws_token;
mod client;
pub mod issuer;
mod record;
mod sdk;
mod site;

use aws_token::fresh_aws_token;
pub use aws_token::{AUDIENCE, aws_token, credentials, static_key};
pub use client::{Client, Refusal, Token, answer, assume_root, refused, unlock_bucket, unlock_queue};
pub use issuer::Issuer;
pub use record::Record;
pub use sdk::{s3, sdk};
pub use site::{Running, Site};

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Once},
    time::Duration,
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_root_simulator::{Scenario, Simulator};
use rootgate::{
    app::{App, Deps, StartError},
    aws::GatewayCredentials,
    clock::SystemClock,
    config::Config,
    journal,
    store::Location,
};
use rootgate_test_postgres::Database;
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

/// Identity of the mesh's proxy.
const PROXY: &str = "spiffe://example.org/proxy";
/// Marks lines that stand in place of a section's own.
const REPLACED: &str = "# replaced\n";

const POLICIES: &str = r#"
@id("operators")
permit(principal in Rootgate::Group::"operators", action, resource);

@id("auditors")
permit(principal in Rootgate::Group::"auditors", action in Rootgate::Action::"Read", resource);
"#;

/// A running gateway, the AWS that it acts on, and everything to call it.
pub struct World {
    pub aws: Arc<Simulator>,
    pub address: SocketAddr,
    pub folder: TempDir,
    pub issuer: Issuer,
    journal: Location,
    mesh: Option<SocketAddr>,
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

impl Setup {
    /// With more lines in a section.
    pub fn with(mut self, section: &'static str, lines: &str) -> Self {
        self.extra.push((section, lines.to_owned()));
        self
    }

    /// With these lines in place of those that the section has by itself.
    pub fn replacing(mut self, section: &'static str, lines: String) -> Self {
        self.extra.push((section, format!("{REPLACED}{lines}")));
        self
    }

    /// Looks at its files every second, and tells when: see [`World::looked_again`].
    pub fn that_reloads(self) -> Self {
        self.with("server", "reload_interval = \"1s\"")
            .with("organization", "source = \"file\"\nfile = \"organization.toml\"")
    }

    /// With its journal in this PostgreSQL database, which other gateways may share.
    pub fn on_postgres(self, database: &Database) -> Self {
        self.replacing("journal", format!("url = \"{}\"", database.url()))
    }

    /// With an issuer of tokens whose keys lie in a file; the members of [`issuer::OPERATORS_ID`] are operators.
    pub fn with_issuer(self, more: &str) -> Self {
        let (issuer, audience, id) = (issuer::ISSUER, issuer::AUDIENCE, issuer::OPERATORS_ID);
        self.with(
            "authentication.jwt.issuers.login",
            &format!(
                "issuer = \"{issuer}\"\naudiences = [\"{audience}\"]\njwks_file = \"jwks.json\"\n\
                 groups_claim = \"groups\"\ngroups = {{ \"{id}\" = \"operators\" }}\n{more}"
            ),
        )
    }

    /// With roles and users of the gateway's own account as callers.
    pub fn with_aws_iam(self) -> Self {
        let lines = format!("audience = \"{AUDIENCE}\"\naccounts = [\"222222222222\"]");
        self.with("authentication.aws_iam", &lines)
    }

    /// With a listener for the mesh's proxy.
    pub fn with_mesh(self) -> Self {
        let envoy = format!("proxy = \"envoy\"\ntrust_domains = [\"example.org\"]\nexpected_by = [\"{PROXY}\"]");
        self.with("listeners.mesh", "listen = \"127.0.0.1:0\"\nschemes = [\"mesh\"]")
            .with("authentication.mesh", &envoy)
    }
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
        let aws = Simulator::start(setup.scenario.clone()).await.expect("the simulator starts");
        Self::start_on(Arc::new(aws), setup).await
    }

    /// A gateway that acts on this AWS, as others may.
    pub async fn start_on(aws: Arc<Simulator>, setup: Setup) -> Self {
        install_crypto();
        let folder = TempDir::new().expect("a temporary folder");
        let pki = Pki::new().expect("an authority");
        write_files(folder.path(), &pki, &setup.policies);
        let issuer = Issuer::new("first");
        fs::write(folder.path().join("jwks.json"), issuer.jwks()).expect("files can be written");
        fs::write(folder.path().join("organization.toml"), organization(0)).expect("files can be written");
        let toml = config_toml(&aws.endpoint(), &setup.extra);
        let nowhere = ([127, 0, 0, 1], 0).into();
        let journal = Location::File(folder.path().join("journal.db"));
        let (stop, running) = (None, None);
        let mut world = Self { aws, address: nowhere, folder, issuer, journal, mesh: None, pki, stop, running };
        world.run(&toml, setup.credentials_of).await;
        world
    }

    async fn run(&mut self, toml: &str, credentials_of: &str) {
        let config =
            Config::from_toml(toml, self.folder.path(), "test.toml").unwrap_or_else(|errors| panic!("{errors}"));
        self.journal = config.journal.location.clone();
        let app = App::build(config, deps(&self.aws, credentials_of)).await.unwrap_or_else(|error| panic!("{error}"));
        self.address = app.tcp_address("main").expect("an address");
        self.mesh = app.tcp_address("mesh");
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

    /// A caller without certificate, with this bearer token.
    pub async fn with_token(&self, token: &str) -> Client {
        let client = Client::connect(self.address, &self.pki.authority(), None).await.expect("the connection stands");
        Client::over_with(client.channel, Token::header("authorization", &format!("Bearer {token}")))
    }

    /// A caller without certificate, with this proof of an AWS identity.
    pub async fn with_aws_token(&self, token: &str) -> Client {
        let client = Client::connect(self.address, &self.pki.authority(), None).await.expect("the connection stands");
        Client::over_with(client.channel, Token::header("x-rootgate-aws-iam", token))
    }

    /// A caller without certificate that proves an AWS identity anew with each call.
    pub async fn as_aws(&self, principal: &str) -> Client {
        let client = Client::connect(self.address, &self.pki.authority(), None).await.expect("the connection stands");
        let credentials = credentials(&self.aws, principal);
        Client::over_with(
            client.channel,
            Token::fresh("x-rootgate-aws-iam", move || fresh_aws_token(&credentials, AUDIENCE)),
        )
    }

    /// A caller of whom the mesh's proxy says that it has this SPIFFE ID.
    pub async fn through_mesh(&self, spiffe_id: &str) -> Client {
        self.mesh_with(Token::header("x-forwarded-client-cert", &self.mesh_header(spiffe_id))).await
    }

    /// A caller on the mesh's listener with this header.
    pub async fn mesh_with(&self, token: Token) -> Client {
        Client::plaintext(self.mesh.expect("the setup has a mesh"), token).await.expect("it connects")
    }

    /// What the mesh's proxy writes of a caller with this SPIFFE ID.
    pub fn mesh_header(&self, spiffe_id: &str) -> String {
        format!("By={PROXY};Hash={};Subject=\"\";URI={spiffe_id}", "0".repeat(64))
    }

    /// Waits until the gateway has looked at all of its files once more.
    pub async fn looked_again(&self) {
        // The organization is looked at last. Twice, since the first look may have begun before what the test wrote.
        for _ in 0..2 {
            let looks = self.looks().await;
            fs::write(self.folder.path().join("organization.toml"), organization(looks + 1))
                .expect("files can be written");
            let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
            while self.looks().await == looks {
                assert!(tokio::time::Instant::now() < deadline, "the gateway does not look at its files");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn looks(&self) -> usize {
        let records = self.records().await;
        records.iter().filter(|record| record.event() == "Reloaded" && record.text("what") == "organization").count()
    }

    /// The authority that the gateway believes.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Where the journal is.
    pub fn journal(&self) -> &Location {
        &self.journal
    }

    /// Where the journal's file is.
    pub fn journal_path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    /// Every record so far, verified.
    pub async fn records(&self) -> Vec<Record> {
        records(&self.journal).await
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
pub async fn records(journal: impl Into<Location>) -> Vec<Record> {
    let journal = journal.into();
    journal::verify(&journal, &[]).await.unwrap_or_else(|error| panic!("the journal verifies: {error}"));
    let listed = journal::list(&journal, 1, 1000).await.expect("the journal can be read");
    listed.into_iter().map(Record::new).collect()
}

/// An organization that differs from version to version in a name.
fn organization(version: usize) -> String {
    format!("id = \"o-exampleorgid\"\n[accounts.\"{PAYMENTS}\"]\nname = \"payments {version}\"\n")
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
    let authorization = format!(
        "policies = [\"policy.cedar\"]\ngroups = {{ operators = [\"{OPERATOR}\"], auditors = [\"{AUDITOR}\"] }}"
    );
    let sections: [(&str, &str); 9] = [
        ("server", "shutdown_grace = \"20s\""),
        ("listeners.main", "listen = \"127.0.0.1:0\""),
        (
            "listeners.main.tls",
            "certificate = \"server.pem\"\nprivate_key = \"server.key\"\nclient_ca = \"clients-ca.pem\"",
        ),
        ("authentication.mtls", "spiffe_trust_domains = [\"example.org\"]"),
        ("authorization", &authorization),
        (
            "aws",
            "home_region = \"us-east-1\"\nallowed_regions = [\"us-east-1\", \"eu-west-1\"]\nassume_root_per_second_max = 100",
        ),
        // The tests ask oftener than people do; the limits have tests of their own.
        ("limits.caller", if has(extra, "limits.caller") { "" } else { "operations_per_minute = 6000\nburst = 1000" }),
        ("aws.development", &development),
        ("journal", "path = \"journal.db\""),
    ];
    let mut toml = String::new();
    for (name, lines) in sections {
        let more = lines_for(extra, name);
        let own = if more.starts_with(REPLACED) { "" } else { lines };
        writeln!(toml, "[{name}]\n{own}\n{more}").expect("a String takes all");
        if name == "listeners.main" && !toml.contains("schemes =") {
            toml.push_str("schemes = [\"mtls\"]\n");
        }
    }
    for (name, lines) in extra.iter().filter(|(name, _)| !sections.iter().any(|(known, _)| known == name)) {
        writeln!(toml, "[{name}]\n{lines}\n").expect("a String takes all");
    }
    toml
}

fn has(extra: &[(&'static str, String)], section: &str) -> bool {
    extra.iter().any(|(name, _)| *name == section)
}

fn lines_for(extra: &[(&'static str, String)], section: &str) -> String {
    extra.iter().filter(|(name, _)| *name == section).map(|(_, lines)| format!("{lines}\n")).collect()
}

/// One provider for everything that speaks TLS in this process.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}
