//! `rootgate lockout`: what in a policy locks the account's own administrators out, said offline.
//!
//! The same verdicts that an unlock goes by, for people who want to see which statements are to blame before they ask for
//! anything, and without asking AWS.

use std::io::Read;

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::json;

use super::{Exit, Failure, Output};
use crate::{
    lockout::{
        Analysis, MAX_DOCUMENT_BYTES, Mode, Remaining, StatementVerdict, Target, Verdict, analyse, select, without,
    },
    types::{AccountId, BucketName, QueueRef},
};

/// Arguments of `lockout`.
#[derive(Args, Debug)]
pub(super) struct LockoutArgs {
    /// The account that owns the bucket
    #[arg(long, value_name = "ACCOUNT_ID", required_unless_present = "queue")]
    account: Option<AccountId>,
    /// The policy is this bucket's
    #[arg(long, value_name = "NAME", requires = "account", required_unless_present = "queue")]
    bucket: Option<BucketName>,
    /// The policy is this queue's
    #[arg(long, value_name = "ARN", value_parser = QueueRef::from_arn, conflicts_with_all = ["account", "bucket"])]
    queue: Option<QueueRef>,
    /// Print what is left of the policy when the statements that lock or may lock are removed
    #[arg(long, conflicts_with = "json")]
    remaining: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const LOCKS: Style = AnsiColor::Red.on_default().bold();
const MAY_LOCK: Style = AnsiColor::Yellow.on_default();
const HARMLESS: Style = AnsiColor::Green.on_default();

impl LockoutArgs {
    fn target(&self) -> Result<Target, Failure> {
        match (&self.queue, self.account, &self.bucket) {
            (Some(queue), _, _) => {
                let QueueRef { region, account, name } = queue.clone();
                Ok(Target::Queue { region, account, name })
            }
            (None, Some(account), Some(name)) => Ok(Target::Bucket { account, name: name.clone() }),
            (None, _, _) => Err(Failure::new(Exit::Usage, "say --account and --bucket, or --queue")),
        }
    }
}

/// Judges the policy on `input`. Exits with 1 if anything in it locks or may lock.
pub(super) fn run(args: &LockoutArgs, input: impl Read, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let target = args.target()?;
    let document = read(input)?;
    let analysis = analyse(&document, &target).map_err(|error| Failure::new(Exit::NoInput, error.to_string()))?;
    if args.remaining {
        remaining(&document, &analysis, output)?;
    } else if args.json {
        let statements: Vec<_> = analysis.statements.iter().map(statement_json).collect();
        let all = json!({ "worst": word(analysis.worst()).0, "statements": statements });
        writeln!(output.out(), "{all:#}")?;
    } else {
        table(&analysis, output)?;
    }
    output.out().flush()?;
    Ok(if analysis.worst() == Verdict::Harmless { Exit::Ok } else { Exit::Failure })
}

fn read(input: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let unreadable = |error: std::io::Error| Failure::new(Exit::NoInput, format!("the policy cannot be read: {error}"));
    // One more than allowed, so that what is too long is told as such.
    input.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| Failure::new(Exit::NoInput, "the policy is not UTF-8 text"))
}

fn remaining(document: &str, analysis: &Analysis, output: &mut Output<'_>) -> Result<(), Failure> {
    let locking = select(analysis, &Mode::Locking).map_err(|error| Failure::new(Exit::Failure, error.to_string()))?;
    match without(document, &locking).map_err(|error| Failure::new(Exit::Failure, error.to_string()))? {
        Remaining::Text(text) => writeln!(output.out(), "{text}")?,
        // Nothing is printed, so that nobody installs an empty policy by mistake.
        Remaining::Nothing => output.error("nothing is left: every statement locks or may lock"),
    }
    Ok(())
}

fn table(analysis: &Analysis, output: &mut Output<'_>) -> Result<(), Failure> {
    for StatementVerdict { index, text: _, sid, verdict, why } in &analysis.statements {
        let (word, style) = word(*verdict);
        let sid = sid.as_ref().map(|sid| format!(" {sid:?}")).unwrap_or_default();
        writeln!(output.out(), "{style}{word:<8}{style:#}  statement {index}{sid}: {why}")?;
    }
    if analysis.statements.is_empty() {
        writeln!(output.out(), "the policy has no statements")?;
    }
    Ok(())
}

fn statement_json(statement: &StatementVerdict) -> serde_json::Value {
    let StatementVerdict { index, text: _, sid, verdict, why } = statement;
    json!({ "index": index, "sid": sid, "verdict": word(*verdict).0, "why": why })
}

const fn word(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Locks => ("LOCKS", LOCKS),
        Verdict::MayLock => ("MAY_LOCK", MAY_LOCK),
        Verdict::Harmless => ("HARMLESS", HARMLESS),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: LockoutArgs,
    }

    const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Sid":"Locked","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::ledger"},
 {"Sid":"TlsOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::ledger/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}
]}"#;

    /// Exit code, standard output and standard error.
    fn answer(arguments: &[&str], policy: &str) -> (Exit, String, String) {
        let line = Line::try_parse_from([&["lockout"], arguments].concat()).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut out, &mut err);
        let exit = match run(&line.args, policy.as_bytes(), &mut output) {
            Ok(exit) => exit,
            Err(Failure { exit, words, .. }) => {
                output.error(&words);
                exit
            }
        };
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    const BUCKET: [&str; 4] = ["--account", "333333333333", "--bucket", "ledger"];

    #[test]
    fn each_statement_is_judged_and_a_lock_is_an_exit_code() {
        let (exit, text, _) = answer(&BUCKET, POLICY);
        assert_eq!(exit, Exit::Failure);
        assert!(text.contains("statement 0 \"Locked\""), "{text}");
        let verdicts: Vec<&str> = ["LOCKS", "HARMLESS"].into_iter().filter(|word| text.contains(word)).collect();
        assert_eq!(verdicts, ["LOCKS", "HARMLESS"], "{text}");
    }

    #[test]
    fn what_remains_is_a_harmless_policy() {
        let (_, rest, _) = answer(&[&BUCKET[..], &["--remaining"]].concat(), POLICY);
        assert!(rest.contains("TlsOnly") && !rest.contains("Locked"), "{rest}");
        let (exit, _, _) = answer(&BUCKET, &rest);
        assert_eq!(exit, Exit::Ok);
    }

    #[test]
    fn machines_get_json() {
        let (_, text, _) = answer(&[&BUCKET[..], &["--json"]].concat(), POLICY);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["worst"], &json["statements"][1]["verdict"]), (&"LOCKS".into(), &"HARMLESS".into()));
    }

    #[test]
    fn what_is_no_policy_is_told_and_judged_nothing() {
        for (policy, word) in [("", "JSON"), ("{}", "Statement"), (&"x".repeat(MAX_DOCUMENT_BYTES + 1), "bytes")] {
            let (exit, text, error) = answer(&BUCKET, policy);
            assert_eq!((exit, text.as_str()), (Exit::NoInput, ""));
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_queue_is_named_by_its_arn() {
        let arn = "arn:aws:sqs:eu-west-1:333333333333:events";
        let policy =
            format!(r#"{{"Statement":{{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"{arn}"}}}}"#);
        let (exit, text, _) = answer(&["--queue", arn], &policy);
        assert_eq!(exit, Exit::Failure);
        assert!(text.contains("LOCKS"), "{text}");
        let (_, rest, error) = answer(&["--queue", arn, "--remaining"], &policy);
        assert_eq!(rest, "", "nothing is left to print");
        assert!(error.contains("nothing is left"), "{error}");
    }

    #[test]
    fn a_target_must_be_said() {
        assert!(Line::try_parse_from(["lockout"]).is_err());
        assert!(Line::try_parse_from(["lockout", "--bucket", "ledger"]).is_err());
        assert!(Line::try_parse_from(["lockout", "--queue", "nonsense"]).is_err());
    }
}
