//! The command line: what was typed, what is printed, and the exit code.

mod check;
mod credentials;
mod lockout;
mod output;
mod policy;
mod serve;
mod version;

pub use output::Output;

use credentials::CredentialsArgs;
use lockout::LockoutArgs;
use policy::PolicyCommand;

use std::{ffi::OsString, io::IsTerminal as _, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, ConfigError, ConfigErrors, Environment},
    journal::command::{CommandError, JournalCommand, Printing},
};

/// The examples at the end of a command's help.
macro_rules! examples {
    ($($line:literal),+) => { concat!("Examples:" $(, "\n  ", $line)+) };
}

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "rootgate",
    version,
    about = "The single narrow gateway to AWS root capability: one act, one permit, one record",
    after_help = examples!(
        "rootgate check --config rootgate.toml",
        "rootgate serve --config rootgate.toml",
        "rootgate version"
    ),
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or SIGINT.
    #[command(after_help = examples!(
        "rootgate serve --config rootgate.toml",
        "rootgate serve --config /etc/rootgate/rootgate.toml"
    ))]
    Serve(ConfigArgs),

    /// Say everything that is wrong with a configuration, its certificates and its policies; start nothing.
    #[command(after_help = examples!(
        "rootgate check --config rootgate.toml",
        "rootgate check --config rootgate.toml --json"
    ))]
    Check(CheckArgs),

    /// Work with journals: offline, and without trust in whoever holds them.
    #[command(after_help = examples!(
        "rootgate journal verify --journal journal.db",
        "rootgate journal list --journal journal.db"
    ))]
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },

    /// Say which statements of a bucket or queue policy lock the account's own administrators out; reads it from standard
    /// input.
    #[command(after_help = examples!(
        "rootgate lockout --account 333333333333 --bucket payments-ledger < policy.json",
        "rootgate lockout --queue arn:aws:sqs:eu-west-1:333333333333:events --json < policy.json",
        "rootgate lockout --account 333333333333 --bucket payments-ledger --remaining < policy.json > repaired.json"
    ))]
    Lockout(LockoutArgs),

    /// Ask a gateway for temporary root credentials; prints what AWS CLI and SDKs read from a `credential_process`.
    #[command(after_help = credentials::EXAMPLES)]
    // Boxed: it has more arguments than any other.
    Credentials(Box<CredentialsArgs>),

    /// Validate, test and explain policies: offline, and without a gateway.
    #[command(after_help = examples!(
        "rootgate policy validate policy/",
        "rootgate policy test policy/tests/default.toml",
        "rootgate policy explain --config rootgate.toml --caller spiffe://example.org/ops/alice --operation AuditRootCredentials --account 333333333333"
    ))]
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },

    /// Say which version this is.
    #[command(after_help = examples!("rootgate version", "rootgate version --json"))]
    Version(VersionArgs),
}

#[derive(Args, Debug)]
struct ConfigArgs {
    /// The configuration file. Relative paths in it are relative to its folder.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Args, Debug)]
struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct VersionArgs {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Exit codes, for scripts and service managers. From 64 on they are those of BSD's sysexits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Failed while running, a journal that does not verify, or a gateway that refused.
    Failure = 1,
    /// The command line itself is wrong.
    Usage = 2,
    /// EX_NOINPUT: there is no such file, or it cannot be read, which for a journal says nothing about its records.
    NoInput = 66,
    /// EX_UNAVAILABLE: the gateway could not be started, or had to stop; or a gateway cannot be asked now.
    Unavailable = 69,
    /// EX_CONFIG: the configuration must be mended; a restart does not help.
    Config = 78,
}

/// A command that failed: what to print behind `error:`, and the exit code.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    words: String,
    /// The same for machines, if the configuration is the matter.
    config_errors: Vec<ConfigError>,
}

/// Runs a command line, the program's name first.
pub async fn run<A>(arguments: impl IntoIterator<Item = A>, environment: &Environment, output: &mut Output<'_>) -> Exit
where
    A: Into<OsString> + Clone,
{
    let command = match Cli::try_parse_from(arguments) {
        Ok(Cli { command }) => command,
        Err(message) => return output.usage(&message),
    };
    let result = match command {
        Command::Serve(args) => serve::run(&args, environment).await,
        Command::Check(args) => check::run(&args, environment, output).await,
        Command::Journal { command } => journal(command, output).await,
        Command::Lockout(args) => lockout::run(&args, std::io::stdin().lock(), output),
        Command::Credentials(args) => credentials::run(&args, std::io::stdout().is_terminal(), output).await,
        Command::Policy { command } => policy::run(&command, output),
        Command::Version(args) => version::run(&args, output),
    };
    match result {
        Ok(exit) => exit,
        Err(Failure { exit, words, .. }) => {
            output.error(&words);
            exit
        }
    }
}

async fn journal(command: JournalCommand, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let out = match command.printing() {
        Printing::Answer => output.out(),
        Printing::Text => output.text(),
        Printing::Bytes => output.bytes(),
    };
    match crate::journal::command::run(command, out).await {
        Ok(ExitCode::SUCCESS) => Ok(Exit::Ok),
        // The command has printed what does not verify.
        Ok(_) => Ok(Exit::Failure),
        Err(error) => Err(Failure::new(exit_of(&error), chain(&error))),
    }
}

fn exit_of(error: &CommandError) -> Exit {
    match error {
        CommandError::Range { .. } => Exit::Usage,
        error if error.is_finding() => Exit::Failure,
        _ => Exit::NoInput,
    }
}

impl ConfigArgs {
    /// The configuration, also held against the environment.
    fn load(&self, environment: &Environment) -> Result<Config, Failure> {
        let config = Config::load(&self.config)?;
        crate::config::refuse_endpoint_overrides(environment, &config)
            .map_err(|refusal| Failure::new(Exit::Config, refusal.to_string()))?;
        Ok(config)
    }
}

impl Failure {
    fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, words: words.into(), config_errors: Vec::new() }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        // Each error on a line of its own, so that editors find the places.
        let words = format!("the configuration must be mended\n{errors}");
        Self { exit: Exit::Config, words, config_errors: errors.errors().to_vec() }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failure, format!("the output cannot be written: {error} (is the disk full?)"))
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error and its causes, without repeating what an error already says of its cause.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests;
