//! `rootgate credentials`: asks a gateway for temporary root credentials, in the words that AWS CLI and SDKs read from a
//! `credential_process`.
//!
//! What they read is standard output, so nothing else is ever printed there, and nothing at all after a failure.

mod call;
mod process;
mod refusal;
mod server;
mod token;

use std::{path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use self::{
    call::{CallError, Gateway, Tls},
    server::Server,
    token::Token,
};
use super::{Exit, Failure, Output};
use crate::{
    clock::{Clock as _, SystemClock},
    config::parse_duration,
    edge::{ClientTlsFiles, TlsError, load_client},
    pb,
    types::{AccountId, Reason, TaskPolicy, Ticket},
};

/// Printed below the help.
pub(super) const EXAMPLES: &str = r#"Examples:
  rootgate credentials --server https://rootgate.example.org:8443 --ca ca.pem --certificate alice.pem --private-key alice.key --account 333333333333 --task S3UnlockBucketPolicy --reason INC-1234:bucket-is-locked
  rootgate credentials --server https://rootgate.example.org:8443 --token-file /run/secrets/token --account 333333333333 --task IAMAuditRootUserCredentials --reason quarterly-audit --ticket SEC-77 --duration 15m
  rootgate credentials --server unix:/run/mesh/rootgate.sock --account 333333333333 --task SQSUnlockQueuePolicy --reason INC-1234:queue-is-locked

For `aws --profile payments-root s3api get-bucket-policy --bucket payments-ledger`, in ~/.aws/config:
  [profile payments-root]
  region = eu-west-1
  credential_process = rootgate credentials --server https://rootgate.example.org:8443 --ca /etc/rootgate/ca.pem --certificate /home/alice/alice.pem --private-key /home/alice/alice.key --account 333333333333 --task S3UnlockBucketPolicy --reason "INC-1234: the bucket is locked"

Each run is one AssumeRoot and one act in the gateway's journal; nothing is kept."#;

/// Arguments of `credentials`.
#[derive(Args, Debug)]
pub(super) struct CredentialsArgs {
    /// The gateway: https://HOST[:PORT]; or what reaches it from this machine, such as a mesh proxy: unix:/PATH,
    /// http://127.0.0.1:PORT
    #[arg(long, value_name = "URL")]
    server: Server,
    /// The member account whose root user it is, 12 digits
    #[arg(long, value_name = "ACCOUNT_ID")]
    account: AccountId,
    /// What the credentials may do: one of AWS's root tasks
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: TaskPolicy,
    /// Why, for the people who read the journal
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    /// A reference in your own tracker
    #[arg(long, value_name = "TEXT")]
    ticket: Option<Ticket>,
    /// How long the credentials live, 1s to 15m; without it, as the gateway is configured
    #[arg(long, value_name = "DURATION", value_parser = life)]
    duration: Option<Duration>,
    /// The CAs that may have issued the gateway's certificate, PEM; without it, those that this machine believes
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Your own certificate with its intermediates, PEM
    #[arg(long, value_name = "FILE", requires = "private_key")]
    certificate: Option<PathBuf>,
    /// The private key of the certificate, PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "certificate")]
    private_key: Option<PathBuf>,
    /// A file with a bearer token, read anew each time
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate", "private_key"])]
    token_file: Option<PathBuf>,
    /// The name that the gateway's certificate must have, if not the host
    #[arg(long, value_name = "NAME", value_parser = server::name)]
    server_name: Option<String>,
    /// How long the whole call may take, 1s to 5m
    #[arg(long, value_name = "DURATION", value_parser = patience, default_value = "30s")]
    timeout: Duration,
}

/// The longest session of AWS (STS API Reference, "AssumeRoot", `DurationSeconds`).
const LIFE_MAX: Duration = Duration::from_secs(900);
/// A `credential_process` that takes longer has been forgotten by whoever started it.
const TIMEOUT_MAX: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

const TASKS: [TaskPolicy; 5] = [
    TaskPolicy::IamAuditRootUserCredentials,
    TaskPolicy::IamCreateRootUserPassword,
    TaskPolicy::IamDeleteRootUserCredentials,
    TaskPolicy::S3UnlockBucketPolicy,
    TaskPolicy::SqsUnlockQueuePolicy,
];

/// Asks, and prints the credentials to standard output. `is_watched` says that this is a terminal.
pub(super) async fn run(args: &CredentialsArgs, is_watched: bool, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let gateway = args.gateway()?;
    let answer = gateway.assume_root(args.request()).await?;
    let json = process::json(answer.credentials.as_ref()).map_err(|error| Failure::new(Exit::Failure, error))?;
    print(&json, is_watched, output)?;
    Ok(Exit::Ok)
}

fn print(json: &str, is_watched: bool, output: &mut Output<'_>) -> std::io::Result<()> {
    if is_watched {
        output
            .warning("these are credentials of a root user, and this is a terminal: clear it when you have used them");
    }
    writeln!(output.out(), "{json}")?;
    output.out().flush()
}

impl CredentialsArgs {
    /// How the gateway is asked. Secrets and certificates go over TLS only.
    fn gateway(&self) -> Result<Gateway, Failure> {
        let identity = self.certificate.clone().zip(self.private_key.clone());
        let is_proven = identity.is_some() || self.token_file.is_some();
        let server = self.server.clone();
        let tls = match &server {
            Server::Tls { host, .. } if is_proven => {
                let config = load_client(&ClientTlsFiles { ca: self.ca.clone(), identity }, SystemClock.now())?;
                let name = self.server_name.as_ref().unwrap_or(host);
                Some(Tls { config, name: server::tls_name(name).map_err(usage)? })
            }
            Server::Tls { .. } => {
                return Err(usage("say who you are: --certificate and --private-key, or --token-file"));
            }
            Server::Loopback(_) | Server::Unix(_) if is_proven || self.ca.is_some() || self.server_name.is_some() => {
                return Err(usage(
                    "--certificate, --private-key, --token-file, --ca and --server-name are for https:// servers; without TLS, the proxy behind the address says who you are",
                ));
            }
            Server::Loopback(_) | Server::Unix(_) => None,
        };
        let token = self.token_file.as_deref().map(Token::read).transpose();
        let token = token.map_err(|error| Failure::new(Exit::NoInput, error.to_string()))?;
        Ok(Gateway { server, tls, token, timeout: self.timeout })
    }

    fn request(&self) -> pb::AssumeRootRequest {
        pb::AssumeRootRequest {
            account_id: self.account.to_string(),
            reason: self.reason.as_str().to_owned(),
            ticket: self.ticket.as_ref().map(|ticket| ticket.as_str().to_owned()).unwrap_or_default(),
            task_policy: message(self.task).into(),
            duration: self.duration.and_then(|duration| duration.try_into().ok()),
            ..Default::default()
        }
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::new(Exit::NoInput, error.to_string())
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(status) => Self::new(refusal::exit(status.code()), refusal::words(&status)),
            error => Self::new(Exit::Unavailable, refusal::shown(&super::chain(&error))),
        }
    }
}

fn usage(words: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, words)
}

/// Takes AWS's names, and lists them where another one is given.
fn task_parser() -> impl TypedValueParser<Value = TaskPolicy> {
    let known = |name: String| TASKS.into_iter().find(|task| task.name() == name).ok_or("is no root task");
    PossibleValuesParser::new(TASKS.map(TaskPolicy::name)).try_map(known)
}

const fn message(task: TaskPolicy) -> pb::TaskPolicy {
    match task {
        TaskPolicy::IamAuditRootUserCredentials => pb::TaskPolicy::IamAuditRootUserCredentials,
        TaskPolicy::IamCreateRootUserPassword => pb::TaskPolicy::IamCreateRootUserPassword,
        TaskPolicy::IamDeleteRootUserCredentials => pb::TaskPolicy::IamDeleteRootUserCredentials,
        TaskPolicy::S3UnlockBucketPolicy => pb::TaskPolicy::S3UnlockBucketPolicy,
        TaskPolicy::SqsUnlockQueuePolicy => pb::TaskPolicy::SqsUnlockQueuePolicy,
    }
}

fn life(text: &str) -> Result<Duration, &'static str> {
    let whole_seconds = |duration: &Duration| duration.subsec_nanos() == 0;
    within(text, LIFE_MAX).filter(whole_seconds).ok_or("must be whole seconds from 1s to 15m, such as 300s or 5m")
}

fn patience(text: &str) -> Result<Duration, &'static str> {
    within(text, TIMEOUT_MAX).ok_or("must be from 1s to 5m, such as 30s")
}

fn within(text: &str, max: Duration) -> Option<Duration> {
    parse_duration(text).filter(|duration| (SECOND..=max).contains(duration))
}

#[cfg(test)]
mod tests;
