//! `rootgate policy`: policies before they are in force, offline.

mod explain;
mod grounds;
mod test;
mod validate;

use anstyle::{AnsiColor, Style};
use clap::Subcommand;

use super::{Exit, Failure, Output};
use crate::{
    types::printable,
    {authz::SCHEMA, policy},
};
use explain::ExplainArgs;
use test::TestArgs;
use validate::ValidateArgs;

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Say everything that is wrong with policies, with its place
    ///
    /// Parses them and holds them against the schema, as the gateway does before it puts policies in force. Exits with 0 if
    /// they are good, with 78 if they are not, with 66 if there is something that cannot be read.
    #[command(after_help = "\
Examples:
  A folder of *.cedar files:
    rootgate policy validate policy/
  What a configuration names, and which of its groups nobody is in:
    rootgate policy validate --config rootgate.toml
  For a script:
    rootgate policy validate policy/default.cedar --json")]
    Validate(ValidateArgs),
    /// Print what policies can speak about, in Cedar's own notation
    #[command(after_help = "\
Examples:
  For editors and tools of your own:
    rootgate policy schema > rootgate.cedarschema")]
    Schema,
    /// Run table tests: who asks for what, and what policies have to answer
    ///
    /// Exits with 0 if every case passed, with 1 if one failed, with 78 if tests or policies are written wrong, with 66 if
    /// there is something that cannot be read. docs/POLICY.md says how a test file is written.
    #[command(after_help = "\
Examples:
  Tests that name their policies:
    rootgate policy test policy/tests/default.toml
  The same tests against the policies in force; a policy that no test makes decide is an error:
    rootgate policy test policy/tests/default.toml --config rootgate.toml --require-coverage
  For a script:
    rootgate policy test policy/tests/default.toml --policies policy/ --json")]
    Test(TestArgs),
    /// Say whether somebody may do an act, and which policies decide
    ///
    /// Nothing is proven and nothing is done: this is what policies would say of such a caller. Exits with 0 if the act is
    /// allowed, with 1 if it is refused.
    #[command(after_help = "\
Examples:
  As the gateway of this configuration would decide:
    rootgate policy explain --config rootgate.toml --caller spiffe://example.org/ops/alice --operation UnlockBucketPolicy --account 333333333333 --bucket payments-ledger
  Without a configuration:
    rootgate policy explain --policies policy/ --group operators=spiffe://example.org/ops/alice --caller spiffe://example.org/ops/alice --operation DeleteRootCredentials --account 333333333333 --argument credential_kinds=ACCESS_KEY,MFA_DEVICE
  A queue names its account; on Christmas, with a ticket:
    rootgate policy explain --config rootgate.toml --caller spiffe://example.org/ops/alice --operation UnlockQueuePolicy --queue arn:aws:sqs:eu-west-1:333333333333:jobs --ticket INC-1 --now 2026-12-25T10:00:00Z --json")]
    // A question has more parts than any other command line.
    Explain(Box<ExplainArgs>),
}

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// Runs a command.
pub(super) fn run(command: &PolicyCommand, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let exit = match command {
        PolicyCommand::Validate(args) => validate::run(args, output)?,
        PolicyCommand::Schema => {
            write!(output.out(), "{SCHEMA}")?;
            Exit::Ok
        }
        PolicyCommand::Test(args) => test::run(args, output)?,
        PolicyCommand::Explain(args) => explain::run(args, output)?,
    };
    output.out().flush()?;
    Ok(exit)
}

/// What is wrong with files, for machines too if they asked: words go to standard error in any case.
fn refuse(error: &policy::Error, json: bool, output: &mut Output<'_>) -> Result<Failure, Failure> {
    if json {
        let errors: Vec<serde_json::Value> = match error {
            policy::Error::Unreadable(lines) => lines.iter().map(|line| json_line(line)).collect(),
            policy::Error::Wrong(mistakes) => mistakes.iter().map(json_mistake).collect(),
        };
        writeln!(output.out(), "{:#}", serde_json::json!({ "ok": false, "errors": errors }))?;
        output.out().flush()?;
    }
    Ok(failure(error))
}

fn json_line(line: &str) -> serde_json::Value {
    serde_json::json!({ "place": null, "message": line })
}

fn json_mistake(mistake: &policy::Mistake) -> serde_json::Value {
    serde_json::json!({ "place": mistake.place, "message": mistake.message })
}

fn failure(error: &policy::Error) -> Failure {
    match error {
        policy::Error::Unreadable(_) => Failure::new(Exit::NoInput, printable_lines(error)),
        // Each on a line of its own, so that editors find the places.
        policy::Error::Wrong(_) => {
            Failure::new(Exit::Config, format!("this must be mended\n{}", printable_lines(error)))
        }
    }
}

fn printable_lines(error: &policy::Error) -> String {
    error.to_string().lines().map(printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
