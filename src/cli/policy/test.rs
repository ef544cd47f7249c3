//! `rootgate policy test`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{BAD, DIM, Exit, Failure, GOOD, NOTE, Output, explain, grounds::PolicyArgs, refuse};
use crate::{
    authz::Deciding,
    policy::{self, Coverage, Grounds, Outcome, Rules, Suite},
    types::printable,
};

/// Arguments of `test`.
#[derive(Args, Debug)]
pub(in crate::cli) struct TestArgs {
    /// Test files
    #[arg(value_name = "TESTFILE", required = true)]
    files: Vec<PathBuf>,
    // In place of the policies that the files name.
    #[command(flatten)]
    policies: PolicyArgs,
    /// Fail as well if there is a policy that no case made decide
    #[arg(long)]
    require_coverage: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What became of all files.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    coverage: Coverage,
    files: Vec<Value>,
}

pub(super) fn run(args: &TestArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let line = args.policies.load()?;
    let loaded = match load(&args.files, &line) {
        Ok(loaded) => loaded,
        Err(error) => return Err(refuse(&error, args.json, output)?),
    };
    // Names of policies can only be wrong once there are policies; still, nothing is run if anything is written wrong.
    let results: Vec<_> = loaded.iter().map(|(suite, rules)| policy::run(suite, rules)).collect();
    let wrong = results.iter().filter_map(|result| result.as_ref().err()).flatten().cloned().collect::<Vec<_>>();
    if !wrong.is_empty() {
        return Err(refuse(&policy::Error::Wrong(wrong), args.json, output)?);
    }
    let mut tally = Tally::default();
    for ((suite, rules), outcomes) in loaded.iter().zip(results.into_iter().flatten()) {
        tally.add(suite, rules, &outcomes);
        if !args.json {
            text(suite, rules, &outcomes, output.out())?;
        }
    }
    let never_decided = tally.coverage.never_decided();
    let good = tally.failed == 0 && (never_decided.is_empty() || !args.require_coverage);
    if args.json {
        let Tally { passed, failed, files, .. } = &tally;
        let never: Vec<Value> = never_decided.iter().map(|(_, policy)| explain::policy_json(policy)).collect();
        let report = json!({ "ok": good, "passed": passed, "failed": failed, "never_decided": never, "files": files });
        writeln!(output.out(), "{report:#}")?;
    } else {
        summary(&tally, args.require_coverage, output.out())?;
    }
    Ok(if good { Exit::Ok } else { Exit::Failure })
}

/// Every file with what it is run against, or everything that is wrong with any of them.
fn load(files: &[PathBuf], line: &Grounds) -> Result<Vec<(Suite, Rules)>, policy::Error> {
    let mut loaded = Vec::new();
    let mut failed: Option<policy::Error> = None;
    for file in files {
        let suite = Suite::load(file).and_then(|suite| {
            let rules = Rules::load(&suite.grounds(line)?)?;
            Ok((suite, rules))
        });
        match suite {
            Ok(suite) => loaded.push(suite),
            Err(error) => {
                failed = Some(match failed.take() {
                    Some(earlier) => earlier.and(error),
                    None => error,
                });
            }
        }
    }
    failed.map_or(Ok(loaded), Err)
}

impl Tally {
    fn add(&mut self, suite: &Suite, rules: &Rules, outcomes: &[Outcome<'_>]) {
        let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
        self.passed += outcomes.len() - failed;
        self.failed += failed;
        self.coverage.add(rules, outcomes);
        let cases: Vec<Value> = outcomes.iter().map(outcome_json).collect();
        self.files.push(json!({ "file": suite.file, "cases": cases }));
    }
}

fn outcome_json(outcome: &Outcome<'_>) -> Value {
    let Outcome { test, case, explanation, failures } = outcome;
    json!({
        "test": test.name,
        "place": test.place,
        "caller": case.caller,
        "operation": case.question.kind.name(),
        "account": case.question.target.account().map(|account| account.to_string()),
        "resource": case.question.target.arn(),
        "expect": test.expect.name(),
        "passed": outcome.passed(),
        "allowed": explanation.allowed,
        "deciding": explanation.deciding.iter().map(explain::policy_json).collect::<Vec<_>>(),
        "errors": explanation.errors,
        "failures": failures,
    })
}

fn text(suite: &Suite, rules: &Rules, outcomes: &[Outcome<'_>], out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{}", printable(&suite.file))?;
    let mut title = None;
    for outcome in outcomes {
        let Outcome { test, case, explanation, failures } = outcome;
        if title.replace(&test.name) != Some(&test.name) {
            writeln!(out, "  {}", printable(&test.name))?;
        }
        let (word, style) = if outcome.passed() { ("ok", GOOD) } else { ("FAIL", BAD) };
        writeln!(
            out,
            "    {style}{word:<4}{style:#}  {} {}",
            printable(&case.caller),
            explain::headline(&case.question)
        )?;
        for failure in failures {
            writeln!(out, "          {} {DIM}({}){DIM:#}", printable(failure), printable(&test.place))?;
        }
        if !outcome.passed() {
            explain::grounds(&case.question, explanation, rules, "          ", out)?;
        }
    }
    Ok(())
}

fn summary(tally: &Tally, coverage_required: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let style = if tally.failed == 0 { GOOD } else { BAD };
    writeln!(out, "{style}{} passed, {} failed{style:#}", tally.passed, tally.failed)?;
    let style = if coverage_required { BAD } else { NOTE };
    for (name, Deciding { effect, place, .. }) in tally.coverage.never_decided() {
        let (name, place) = (printable(&name), printable(place));
        writeln!(out, "{style}never decided{style:#}: {effect} {name} {DIM}({place}){DIM:#}")?;
    }
    Ok(())
}
