//! The figures that the README claims, measured and printed: `cargo bench --bench figures`.
//!
//! - process start to SERVING, seen by a client over mutual TLS
//! - resident memory, idle and after the load
//! - what the gateway adds to a call: `AssumeRoot` through it, against `sts:AssumeRoot` by the SDK on the same simulator,
//!   taken in turns. Once with the journal on a disk and once in memory (`/dev/shm`), so that fsync is counted apart.
//! - how many AWS calls each act waits for, one after another
//! - how many records of an export are verified a second on one core
//!
//! It measures and prints; times and memory it does not judge, since a busy machine is no defect. More AWS calls than aimed
//! are one, and fail the bench. `cargo bench --bench figures -- calls` runs that section alone, `-- verify` that of exports.
//!
//! `-- journal` measures the journal, which takes minutes and some 12 GiB: appends, and a journal of ten million records, or of
//! as many as `-- journal 1000000` says. What a group of records saves depends on how long the disk takes for an fsync:
//! `tests/slow_machine.c` shows how to measure with a slower one.

#![allow(missing_docs, unreachable_pub, reason = "a benchmark exports nothing")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark prints, and stops at the first surprise"
)]
#![allow(clippy::indexing_slicing, clippy::large_futures, reason = "as above")]

#[path = "figures/calls.rs"]
mod calls;
#[path = "figures/documents.rs"]
mod documents;
#[path = "figures/journal.rs"]
mod journal;
#[path = "../tests/support/pki.rs"]
mod pki;
#[path = "figures/verify.rs"]
mod verify;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_root_simulator::{Scenario, Simulator};
use aws_sdk_sts::types::PolicyDescriptorType;
use rootgate::{
    config::ENDPOINT_OVERRIDE_SENTENCE,
    lockout::{Target, analyse},
    pb::{self, TaskPolicy, root_access_service_client::RootAccessServiceClient},
};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use self::pki::Pki;

const CALLER: &str = "spiffe://example.org/bench";
const ACCOUNT: &str = "444444444444";
const STARTS: usize = 10;
/// Below the gateway's pace for AssumeRoot (100 at once), so that pacing is not measured.
const CALLS_PER_BATCH: usize = 80;
const BATCHES: usize = 5;
const ANALYSES: usize = 2000;

#[tokio::main]
async fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let aws = Simulator::start(Scenario::example()).await.unwrap();
    println!("rootgate figures ({} cores)\n", std::thread::available_parallelism().map_or(0, usize::from));
    let only = |section: &str| std::env::args().any(|argument| argument == section);
    if only("calls") {
        return judge(calls::critical_paths(&aws).await);
    }
    // Not on the machine's /tmp, which is often in memory.
    fs::create_dir_all("target").unwrap();
    if only("verify") {
        verify::exports(tempfile::tempdir_in("target").unwrap().path());
        return ExitCode::SUCCESS;
    }
    if only("journal") {
        let folder = tempfile::tempdir_in("target").unwrap();
        journal::appends(folder.path()).await;
        let records = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000_000);
        journal::growth(folder.path(), records).await;
        return ExitCode::SUCCESS;
    }
    starts(&aws).await;
    for (place, folder) in [("disk", tempfile::tempdir_in("target").unwrap()), ("memory", memory_folder())] {
        overhead(&aws, place, &folder).await;
    }
    let within = calls::critical_paths(&aws).await;
    aws.stop().await;
    verify::exports(tempfile::tempdir_in("target").unwrap().path());
    lockout_analysis();
    judge(within)
}

fn judge(within: bool) -> ExitCode {
    if !within {
        println!("\nan act waits for more AWS calls than aimed; see OVER above");
    }
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Policies of 20 KB, as large as S3 takes. The least time is what the analysis costs; the median shows how busy the
/// machine is, too.
fn lockout_analysis() {
    let target = Target::Bucket { account: "111122223333".parse().unwrap(), name: "ledger".parse().unwrap() };
    println!("lockout analysis");
    for (shape, text) in documents::documents() {
        let statements = analyse(&text, &target).unwrap().statements.len();
        let measured = |_| {
            let begin = Instant::now();
            std::hint::black_box(analyse(std::hint::black_box(&text), &target).unwrap());
            begin.elapsed()
        };
        let times: Vec<_> = (0..ANALYSES).map(measured).collect();
        let least = times.iter().min().copied().unwrap_or_default();
        println!(
            "  {shape:<28} {:>5} bytes {statements:>3} statements   least {least:>8.1?}   median {:>8.1?}",
            text.len(),
            median(times)
        );
    }
}

fn memory_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").expect("a folder in memory, /dev/shm")
}

async fn starts(aws: &Simulator) {
    let mut times = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..STARTS {
        let folder = memory_folder();
        let site = Site::new(aws, &folder);
        let begin = Instant::now();
        let gateway = site.start();
        let channel = site.connect(gateway.address).await;
        let check = HealthCheckRequest { service: "rootgate.v1.RootAccessService".to_owned() };
        let answer = HealthClient::new(channel).check(check).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
        times.push(begin.elapsed());
        memory.push(gateway.resident_kib());
    }
    times.sort();
    memory.sort_unstable();
    println!("process start to SERVING   median {:>8.1?}   slowest {:>8.1?}", times[STARTS / 2], times[STARTS - 1]);
    println!(
        "idle resident memory       median {:>5.1} MiB   largest {:>5.1} MiB\n",
        mib(memory[STARTS / 2]),
        mib(memory[STARTS - 1])
    );
}

async fn overhead(aws: &Simulator, place: &str, folder: &TempDir) {
    let site = Site::new(aws, folder);
    let gateway = site.start();
    let mut through = RootAccessServiceClient::new(site.connect(gateway.address).await);
    let direct = direct_client(aws);
    // Connections, caches and the account's state are warm on both ways.
    call_through(&mut through).await;
    call_direct(&direct).await;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        for _ in 0..CALLS_PER_BATCH {
            let begin = Instant::now();
            call_direct(&direct).await;
            without.push(begin.elapsed());
            let begin = Instant::now();
            call_through(&mut through).await;
            with.push(begin.elapsed());
        }
        // Lets the gateway's pace for AssumeRoot fill up again.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let (with, without) = (median(with), median(without));
    let (mut answered, mut refused) = (Vec::new(), Vec::new());
    let mut health = HealthClient::new(site.connect(gateway.address).await);
    for _ in 0..CALLS_PER_BATCH * BATCHES {
        let begin = Instant::now();
        health.check(HealthCheckRequest::default()).await.unwrap();
        answered.push(begin.elapsed());
        let begin = Instant::now();
        // No account: refused after the identity is known, with one record and without a call to AWS.
        through.audit_root_credentials(pb::AuditRootCredentialsRequest::default()).await.unwrap_err();
        refused.push(begin.elapsed());
    }
    println!("AssumeRoot, journal in {place}");
    println!("  direct, by the SDK       median {without:>8.1?}");
    println!("  through the gateway      median {with:>8.1?}");
    println!("  the gateway adds         {:>15.1?}", with.saturating_sub(without));
    println!("    of which transport     {:>15.1?}  (a health check)", median(answered.clone()));
    println!(
        "    and one record         {:>15.1?}  (a refusal, less the transport)",
        median(refused).saturating_sub(median(answered))
    );
    println!("  memory after {} acts    {:>5.1} MiB\n", CALLS_PER_BATCH * BATCHES, mib(gateway.resident_kib()));
}

async fn call_through(client: &mut RootAccessServiceClient<Channel>) {
    let request = pb::AssumeRootRequest {
        account_id: ACCOUNT.to_owned(),
        reason: "Measuring the gateway".to_owned(),
        task_policy: TaskPolicy::IamAuditRootUserCredentials.into(),
        ..Default::default()
    };
    client.assume_root(request).await.unwrap();
}

async fn call_direct(client: &aws_sdk_sts::Client) {
    let arn = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials";
    let policy = PolicyDescriptorType::builder().arn(arn).build();
    client.assume_root().target_principal(ACCOUNT).task_policy_arn(policy).duration_seconds(300).send().await.unwrap();
}

fn direct_client(aws: &Simulator) -> aws_sdk_sts::Client {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    let key = aws.access_key("gateway").unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "bench");
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    let config = aws_types::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_types::region::Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .endpoint_url(aws.endpoint())
        .build();
    aws_sdk_sts::Client::new(&config)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn mib(kib: u64) -> f64 {
    u32::try_from(kib).map_or(f64::NAN, f64::from) / 1024.0
}

/// A folder with all that a gateway needs.
struct Site<'a> {
    aws: &'a Simulator,
    folder: &'a Path,
    pki: Pki,
}

struct Gateway {
    child: Child,
    address: SocketAddr,
}

impl<'a> Site<'a> {
    fn new(aws: &'a Simulator, folder: &'a TempDir) -> Self {
        Self::with(aws, folder, "")
    }

    /// The same with more lines at the end of the configuration.
    fn with(aws: &'a Simulator, folder: &'a TempDir, more: &str) -> Self {
        let (pki, folder) = (Pki::new().unwrap(), folder.path());
        pki.server().unwrap().write(folder, "server").unwrap();
        fs::write(folder.join("ca.pem"), pki.authority()).unwrap();
        fs::write(folder.join("policy.cedar"), "permit(principal, action, resource);").unwrap();
        fs::write(folder.join("rootgate.toml"), config_toml(&aws.endpoint()) + more).unwrap();
        Self { aws, folder, pki }
    }

    /// Starts the process; returns when its log says where it listens.
    fn start(&self) -> Gateway {
        let key = self.aws.access_key("gateway").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_rootgate"))
            .args(["serve", "--config"])
            .arg(self.folder.join("rootgate.toml"))
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", key.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address = log.find_map(|line| address_in(&line)).expect("the gateway says where it serves");
        // Read on, so that the gateway never waits for us.
        std::thread::spawn(move || log.for_each(drop));
        Gateway { child, address }
    }

    async fn connect(&self, address: SocketAddr) -> Channel {
        let identity = self.pki.client(&[CALLER]).unwrap();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.pki.authority()))
            .identity(Identity::from_pem(identity.certificate, identity.key))
            .domain_name("localhost");
        Endpoint::try_from(format!("https://{address}")).unwrap().tls_config(tls).unwrap().connect().await.unwrap()
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("\"address\":\"")?;
    rest.split('"').next()?.parse().ok()
}

fn config_toml(endpoint: &str) -> String {
    format!(
        "[listeners.main]\nlisten = \"127.0.0.1:0\"\nschemes = [\"mtls\"]\n\
         [listeners.main.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\nclient_ca = \"ca.pem\"\n\
         [authentication.mtls]\nspiffe_trust_domains = [\"example.org\"]\n\
         [authorization]\npolicies = [\"policy.cedar\"]\n\
         [aws]\nhome_region = \"us-east-1\"\nallowed_regions = [\"us-east-1\", \"eu-west-1\"]\nassume_root_per_second_max = 100\n\
         [aws.development]\nendpoint = \"{endpoint}\"\nallow_endpoint_override = \"{ENDPOINT_OVERRIDE_SENTENCE}\"\n\
         [limits.caller]\noperations_per_minute = 60000\nburst = 10000\nin_flight_max = 64\n\
         [journal]\npath = \"journal.db\"\n"
    )
}

impl Gateway {
    /// Resident set size, from the kernel.
    fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
