//! Builds the stage: a simulated AWS, a gateway with its files, and the people.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_root_simulator::{Scenario, Simulator};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::{SdkConfig, region::Region};
use rootgate::{
    app::{App, Deps, StartError},
    aws::GatewayCredentials,
    clock::SystemClock,
    config::{Config, ENDPOINT_OVERRIDE_SENTENCE},
    journal,
    pb::root_access_service_client::RootAccessServiceClient,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::{Failure, pki::Pki};

/// The account of the story, see the simulator's built-in scenario.
pub const PAYMENTS: &str = "333333333333";
/// Locked by its own policy.
pub const LOCKED_BUCKET: &str = "payments-ledger";
/// Has a harmless policy.
pub const OPEN_BUCKET: &str = "payments-open";
/// Locked by its own policy.
pub const LOCKED_QUEUE: &str = "payments-events";
/// Where both are.
pub const REGION: &str = "eu-west-1";

const POLICY: &str = include_str!("policy.cedar");

/// The people.
#[derive(Clone, Copy)]
pub enum Who {
    Operator,
    Auditor,
    Stranger,
}

impl Who {
    pub const ALL: [Self; 3] = [Self::Operator, Self::Auditor, Self::Stranger];

    pub const fn spiffe_id(self) -> &'static str {
        match self {
            Self::Operator => "spiffe://example.org/ops/alice",
            Self::Auditor => "spiffe://example.org/audit/bob",
            Self::Stranger => "spiffe://example.org/team/mallory",
        }
    }

    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Operator => "alice",
            Self::Auditor => "bob",
            Self::Stranger => "mallory",
        }
    }
}

/// Everything that runs.
pub struct Stage {
    pub aws: Simulator,
    pub address: SocketAddr,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), StartError>>>,
}

impl Stage {
    pub async fn build() -> Result<Self, Failure> {
        let aws = Simulator::start(Scenario::example()).await?;
        let folder = tempfile::Builder::new().prefix("rootgate-sandbox-").tempdir()?;
        write_files(folder.path(), &aws.endpoint())?;
        let config = Config::load(&folder.path().join("rootgate.toml"))?;
        let deps = Deps { clock: std::sync::Arc::new(SystemClock), credentials: gateway_credentials(&aws)? };
        let app = Box::pin(App::build(config, deps)).await?;
        let address = app.tcp_address("main").ok_or("the gateway does not listen")?;
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(app.run(async move {
            let _ = stopped.await;
        }));
        Ok(Self { aws, address, folder, stop: Some(stop), running: Some(running) })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn journal_path(&self) -> PathBuf {
        self.folder().join("journal.db")
    }

    /// The gateway's API as one of the people, over mutual TLS.
    pub async fn call_as(&self, who: Who) -> Result<RootAccessServiceClient<Channel>, Failure> {
        let read = |name: &str| fs::read_to_string(self.folder().join(name));
        let name = who.file_name();
        let identity = Identity::from_pem(read(&format!("{name}.pem"))?, read(&format!("{name}.key"))?);
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read("ca.pem")?))
            .identity(identity)
            .domain_name("localhost");
        let channel = Endpoint::try_from(format!("https://{}", self.address))?.tls_config(tls)?.connect().await?;
        Ok(RootAccessServiceClient::new(channel))
    }

    /// The AWS SDK as the administrator of the account.
    pub fn sdk_as_administrator(&self) -> Result<SdkConfig, Failure> {
        let key = self.aws.access_key("payments-admin").ok_or("the scenario has no payments-admin")?;
        let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "sandbox");
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        Ok(SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http)
            .endpoint_url(self.aws.endpoint())
            .build())
    }

    /// Stops the gateway, which waits for everything in flight, verifies the journal and counts its records.
    pub async fn end(&mut self) -> Result<u64, Failure> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(running) = self.running.take() {
            running.await??;
        }
        Ok(journal::verify(&self.journal_path(), &[]).await?.records)
    }
}

fn gateway_credentials(aws: &Simulator) -> Result<GatewayCredentials, Failure> {
    let key = aws.access_key("gateway").ok_or("the scenario has no gateway role")?;
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "sandbox");
    Ok(GatewayCredentials::Provided(SharedCredentialsProvider::new(credentials)))
}

fn write_files(folder: &Path, endpoint: &str) -> Result<(), Failure> {
    let pki = Pki::new()?;
    fs::write(folder.join("ca.pem"), pki.authority())?;
    pki.server()?.write(folder, "server")?;
    for who in Who::ALL {
        pki.client(&[who.spiffe_id()])?.write(folder, who.file_name())?;
    }
    fs::write(folder.join("policy.cedar"), POLICY)?;
    fs::write(folder.join("rootgate.toml"), config_toml(endpoint))?;
    Ok(())
}

fn config_toml(endpoint: &str) -> String {
    let (operator, auditor) = (Who::Operator.spiffe_id(), Who::Auditor.spiffe_id());
    format!(
        r#"# The sandbox's configuration: read it, change it, and start a gateway of your own with it.
[listeners.main]
listen = "127.0.0.1:0"
schemes = ["mtls"]

[listeners.main.tls]
certificate = "server.pem"
private_key = "server.key"
client_ca = "ca.pem"

[authentication.mtls]
spiffe_trust_domains = ["example.org"]

[authorization]
policies = ["policy.cedar"]
groups = {{ operators = ["{operator}"], auditors = ["{auditor}"] }}

[aws]
home_region = "us-east-1"
allowed_regions = ["us-east-1", "{REGION}"]

[aws.development]
endpoint = "{endpoint}"
allow_endpoint_override = "{ENDPOINT_OVERRIDE_SENTENCE}"

[journal]
path = "journal.db"
"#
    )
}
