//! `rootgate credentials`, the real binary, asking a gateway that is a process of its own.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use aws_root_simulator::Fault;
use aws_sdk_s3::{config::Credentials, error::ProvideErrorMetadata as _};
use rootgate::clock::{Clock as _, SystemClock};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsConnector;

use crate::{
    harness::{AUDITOR, Issuer, OPERATOR, PAYMENTS, REASON, Running, Setup, Site, config_toml, issuer, records, s3},
    pki::{Identity, Pki},
};

const ACT: [&str; 6] = ["--account", PAYMENTS, "--task", "S3UnlockBucketPolicy", "--reason", REASON];
const USAGE: i32 = 2;
const REFUSED: i32 = 1;
const NO_INPUT: i32 = 66;
const UNAVAILABLE: i32 = 69;

/// What a run of the command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// What a `credential_process` has to print.
    #[track_caller]
    fn credentials(&self) -> Value {
        assert_eq!((self.code, self.err.as_str()), (0, ""));
        assert_eq!(self.out.lines().count(), 1, "nothing else is printed");
        serde_json::from_str(&self.out).unwrap()
    }

    /// A failure prints nothing where credentials are read.
    #[track_caller]
    fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {}", self.err);
        }
    }
}

/// A gateway, and files of its callers.
struct Desk {
    site: Site,
    gateway: Running,
}

impl Desk {
    async fn open() -> Self {
        Self::open_with(&Setup::default()).await
    }

    async fn open_with(setup: &Setup) -> Self {
        let site = Site::new().await;
        site.configure(&config_toml(&site.aws.endpoint(), &setup.extra));
        let write = |name: &str, text: &str| fs::write(site.path().join(name), text).unwrap();
        write("ca.pem", &site.pki.authority());
        write("jwks.json", &Issuer::new("unknown").jwks());
        site.pki.client(&[OPERATOR]).unwrap().write(site.path(), "alice").unwrap();
        site.pki.client(&[AUDITOR]).unwrap().write(site.path(), "bob").unwrap();
        let gateway = site.serve().await;
        Self { site, gateway }
    }

    fn file(&self, name: &str) -> String {
        self.site.path().join(name).display().to_string()
    }

    fn server(&self) -> String {
        format!("https://{}", self.gateway.address)
    }

    fn journal(&self) -> PathBuf {
        self.site.path().join("journal.db")
    }

    /// As whoever has this certificate, with more arguments.
    async fn ask_as(&self, who: &str, more: &[&str]) -> Said {
        let (certificate, key) = (self.file(&format!("{who}.pem")), self.file(&format!("{who}.key")));
        let ca = self.file("ca.pem");
        let own = ["--ca", &ca, "--certificate", &certificate, "--private-key", &key];
        self.ask(&self.server(), &[&own, more].concat()).await
    }

    async fn ask(&self, server: &str, more: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootgate"));
        command.args(["credentials", "--server", server]).args(ACT).args(more).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = self.site.output(command).await;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// An SDK that has read what was printed.
    fn s3(&self, printed: &Value) -> aws_sdk_s3::Client {
        let text = |name: &str| printed[name].as_str().unwrap().to_owned();
        let token = Some(text("SessionToken"));
        let credentials = Credentials::new(text("AccessKeyId"), text("SecretAccessKey"), token, None, "process");
        s3(&self.site.aws, "eu-west-1", credentials)
    }
}

#[tokio::test]
async fn what_is_printed_makes_an_sdk_root_for_the_one_task() {
    let desk = Desk::open().await;
    let printed = desk.ask_as("alice", &["--ticket", "INC-7", "--duration", "2m"]).await.credentials();
    let mut names: Vec<&str> = printed.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken", "Version"]);
    assert_eq!(printed["Version"], json!(1));
    let expiration = OffsetDateTime::parse(printed["Expiration"].as_str().unwrap(), &Rfc3339).unwrap();

    let s3 = desk.s3(&printed);
    let policy = s3.get_bucket_policy().bucket("payments-ledger").send().await.unwrap();
    assert!(policy.policy().unwrap().contains("Deny"), "root reads what locks everybody else out");
    let beyond = s3.get_object().bucket("payments-ledger").key("2026/01.csv").send().await.unwrap_err();
    assert_eq!(beyond.code(), Some("AccessDenied"), "root, but for one task");

    let records = records(&desk.journal()).await;
    let intent = records.iter().find(|record| record.event() == "Intent").unwrap();
    assert_eq!((intent.text("reason"), intent.text("ticket")), (REASON, "INC-7"));
    assert_eq!(intent.text("caller/subject"), OPERATOR);
    let outcome = records.iter().find(|record| record.event() == "Outcome").unwrap();
    assert_eq!(printed["AccessKeyId"], outcome.text("access_key_id"));
    let left = expiration.unix_timestamp() - SystemClock.now().unix_micros() / 1_000_000;
    assert!((60..=121).contains(&left), "two minutes were asked for: {left}");
}

#[tokio::test]
async fn each_run_is_a_session_and_an_act_of_its_own() {
    let desk = Desk::open().await;
    let first = desk.ask_as("alice", &[]).await.credentials();
    let second = desk.ask_as("alice", &[]).await.credentials();
    assert_ne!(first["AccessKeyId"], second["AccessKeyId"]);
    let records = records(&desk.journal()).await;
    assert_eq!(records.iter().filter(|record| record.event() == "Outcome").count(), 2);
}

#[tokio::test]
async fn who_may_not_reads_why_with_the_place_in_the_journal() {
    let desk = Desk::open().await;
    let said = desk.ask_as("bob", &[]).await;
    said.failed(REFUSED, &["error: PERMISSION_DENIED: "]);
    let records = records(&desk.journal()).await;
    let refusal = records.last().unwrap();
    assert_eq!(refusal.event(), "Refusal");
    said.failed(
        REFUSED,
        &[
            &format!("\n  journal_index: {}", refusal.index),
            &format!("\n  operation_id: {}", refusal.text("operation_id")),
        ],
    );
    assert!(desk.site.aws.calls().iter().all(|call| call.name() != "sts:AssumeRoot"));
}

#[tokio::test]
async fn a_duration_above_the_cap_of_the_gateway_is_told_with_its_field() {
    let desk = Desk::open_with(&Setup::default().with("aws", "session_duration_max = \"10m\"")).await;
    let said = desk.ask_as("alice", &["--duration", "15m"]).await;
    said.failed(USAGE, &["error: INVALID_REQUEST: ", "\n  duration: must be at most 600 seconds"]);
    desk.ask_as("alice", &["--duration", "600s"]).await.credentials();
}

#[tokio::test]
async fn what_aws_refuses_is_told_with_its_code_and_the_help() {
    let desk = Desk::open().await;
    let denied =
        Fault::on("sts", "AssumeRoot").error(403, "AccessDenied", "because a service control policy denies it");
    desk.site.aws.inject(denied);
    let said = desk.ask_as("alice", &[]).await;
    said.failed(
        REFUSED,
        &[
            "error: SCP_DENY: ",
            "on the gateway's own account denies it to the gateway's role",
            "aws_error_code: AccessDenied",
            "aws_request_id: ",
            "account_id: 333333333333",
            "\n  help: exempt the gateway's and the broker roles in that SCP",
        ],
    );
    desk.site.aws.inject(Fault::on("sts", "AssumeRoot").throttle().times(50));
    desk.ask_as("alice", &[]).await.failed(UNAVAILABLE, &["error: AWS_THROTTLED: ", "\n  try again in "]);
}

#[tokio::test]
async fn a_gateway_that_is_down_or_is_another_one_gets_no_question() {
    let desk = Desk::open().await;
    // Another authority's gateway, as far as this caller knows.
    fs::write(desk.site.path().join("other.pem"), Pki::new().unwrap().authority()).unwrap();
    let (certificate, key) = (desk.file("alice.pem"), desk.file("alice.key"));
    let own = |ca: &str| ["--certificate", &certificate, "--private-key", &key, "--ca", ca].map(ToOwned::to_owned);
    let ask = async |server: String, ca: &str, more: &[&str]| {
        let own = own(&desk.file(ca));
        let arguments: Vec<&str> = own.iter().map(String::as_str).chain(more.iter().copied()).collect();
        desk.ask(&server, &arguments).await
    };
    let said = ask(desk.server(), "other.pem", &[]).await;
    said.failed(UNAVAILABLE, &["the TLS handshake with ", "invalid peer certificate: ", "--ca must be"]);
    let said = ask(desk.server(), "ca.pem", &["--server-name", "rootgate.example.org"]).await;
    said.failed(UNAVAILABLE, &["rootgate.example.org", "--server-name"]);
    ask(desk.server(), "ca.pem", &["--server-name", "localhost"]).await.credentials();

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = nobody.local_addr().unwrap();
    drop(nobody);
    let said = ask(format!("https://{gone}"), "ca.pem", &[]).await;
    said.failed(UNAVAILABLE, &["cannot be reached", &gone.to_string()]);
    let plain = ask(format!("http://{}", desk.gateway.address), "ca.pem", &[]).await;
    plain.failed(USAGE, &["are for https:// servers"]);
    assert_eq!(records(&desk.journal()).await.iter().filter(|record| record.event() == "Intent").count(), 1);
}

#[tokio::test]
async fn a_certificate_of_another_authority_and_files_that_are_not_there_are_told() {
    let desk = Desk::open().await;
    Pki::new().unwrap().client(&[OPERATOR]).unwrap().write(desk.site.path(), "mallory").unwrap();
    desk.ask_as("mallory", &[]).await.failed(UNAVAILABLE, &["ended the connection", "another one"]);
    let said = desk.ask_as("nobody", &[]).await;
    said.failed(NO_INPUT, &["client certificate ", "nobody.pem", "private key ", "nobody.key", "does not exist"]);
    let token = desk.file("no-token");
    let said = desk.ask(&desk.server(), &["--ca", &desk.file("ca.pem"), "--token-file", &token]).await;
    said.failed(NO_INPUT, &["token file ", "no-token", "cannot be read"]);
    let said = desk.ask(&desk.server(), &["--ca", &desk.file("ca.pem")]).await;
    said.failed(USAGE, &["say who you are"]);
}

#[tokio::test]
async fn a_token_is_read_from_its_file_each_time_and_never_shown() {
    let operators = format!("policies = [\"policy.cedar\"]\ngroups = {{ operators = [\"{OPERATOR}\"] }}");
    let setup = Setup::default()
        .replacing("authorization", operators)
        .with("listeners.main", "schemes = [\"mtls\", \"jwt\"]")
        .with_issuer("");
    let desk = Desk::open_with(&setup).await;
    let issuer = Issuer::new("unknown");
    let (ca, file) = (desk.file("ca.pem"), desk.file("token"));
    let arguments = ["--ca", &ca, "--token-file", &file];
    let groups = json!({ "groups": [issuer::OPERATORS_ID] });
    // Signed by a key that the gateway does not know.
    let bad = issuer.token("00u1", groups.clone());
    fs::write(&file, &bad).unwrap();
    let said = desk.ask(&desk.server(), &arguments).await;
    said.failed(REFUSED, &["error: UNAUTHENTICATED: "]);
    assert!(!said.err.contains(&bad) && !said.err.contains(bad.rsplit('.').next().unwrap()), "{}", said.err);

    fs::write(desk.site.path().join("jwks.json"), issuer.jwks()).unwrap();
    desk.gateway.signal("-HUP");
    fs::write(&file, format!("{}\n", issuer.token("00u1", groups))).unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let said = desk.ask(&desk.server(), &arguments).await;
        if said.code == 0 {
            said.credentials();
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the new keys are never taken up: {}", said.err);
    }
}

/// What a sidecar does: plain on this machine, mutual TLS behind.
struct Sidecar {
    tls: TlsConnector,
    gateway: SocketAddr,
}

impl Sidecar {
    fn new(pki: &Pki, identity: &Identity, gateway: SocketAddr) -> Arc<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pki.authority().as_bytes()).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots);
        let mut config = config.with_client_auth_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(Self { tls: TlsConnector::from(Arc::new(config)), gateway })
    }

    async fn carry(&self, mut plain: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
        let tcp = TcpStream::connect(self.gateway).await.unwrap();
        let mut tls = self.tls.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut plain, &mut tls).await;
    }

    async fn listen(self: Arc<Self>, socket: &Path) -> SocketAddr {
        let (tcp, unix) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), UnixListener::bind(socket).unwrap());
        let address = tcp.local_addr().unwrap();
        let by_tcp = Arc::clone(&self);
        tokio::spawn(async move { by_tcp.carry(tcp.accept().await.unwrap().0).await });
        tokio::spawn(async move { self.carry(unix.accept().await.unwrap().0).await });
        address
    }
}

#[tokio::test]
async fn through_a_proxy_on_this_machine_it_needs_no_proof_of_its_own() {
    let desk = Desk::open().await;
    let identity = desk.site.pki.client(&[OPERATOR]).unwrap();
    let socket = desk.site.path().join("sidecar.sock");
    let address = Sidecar::new(&desk.site.pki, &identity, desk.gateway.address).listen(&socket).await;
    desk.ask(&format!("http://{address}"), &[]).await.credentials();
    desk.ask(&format!("unix:{}", socket.display()), &[]).await.credentials();
}

#[tokio::test]
async fn no_secret_is_in_the_log_of_the_gateway_or_in_an_error() {
    let desk = Desk::open().await;
    let printed = desk.ask_as("alice", &[]).await;
    let printed = printed.credentials();
    // The act is done on AWS, and the answer never comes: what is told of it holds no secret either.
    desk.site.aws.inject(Fault::on("sts", "AssumeRoot").lose_reply());
    let lost = desk.ask_as("alice", &[]).await;
    lost.failed(REFUSED, &["error: OUTCOME_UNKNOWN: "]);
    let secrets = desk.site.aws.issued_secrets();
    assert!(secrets.contains(&printed["SecretAccessKey"].as_str().unwrap().to_owned()), "the canary is one");
    desk.gateway.signal("-TERM");
    let (_, log) = desk.gateway.ended().await;
    for secret in &secrets {
        assert!(!lost.err.contains(secret.as_str()) && !log.contains(secret.as_str()));
    }
}
