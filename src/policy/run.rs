//! Runs a test file against policies.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Expect, Mistake, Rules, Suite, Test, names::Names};
use crate::authz::{Deciding, Explanation};

/// What became of one case.
#[derive(Clone, Debug)]
pub struct Outcome<'s> {
    /// The test.
    pub test: &'s Test,
    /// The case.
    pub case: &'s Case,
    /// What the policies answer.
    pub explanation: Explanation,
    /// Why it failed; empty if it passed.
    pub failures: Vec<String>,
}

/// Which policies ever decided.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    known: BTreeMap<String, Deciding>,
    decided: BTreeSet<String>,
}

/// Runs every case.
///
/// # Errors
/// What `because` names and is no policy.
pub fn run<'s>(suite: &'s Suite, rules: &Rules) -> Result<Vec<Outcome<'s>>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut outcomes = Vec::new();
    for test in &suite.tests {
        let because = because(test, rules).unwrap_or_else(|found| {
            mistakes.extend(found);
            None
        });
        outcomes.extend(test.cases.iter().map(|case| outcome(test, case, because.as_ref(), rules)));
    }
    if mistakes.is_empty() { Ok(outcomes) } else { Err(mistakes) }
}

/// Ids of the policies that have to decide.
fn because<'r>(test: &Test, rules: &'r Rules) -> Result<Option<BTreeSet<&'r str>>, Vec<Mistake>> {
    let Some(because) = &test.because else { return Ok(None) };
    let (mut ids, mut mistakes) = (BTreeSet::new(), Vec::new());
    for name in because {
        match rules.names.find(&name.name) {
            Ok(id) => {
                ids.insert(id);
            }
            Err(rule) => mistakes.push(Mistake { place: name.place.clone(), message: format!("test.because: {rule}") }),
        }
    }
    if mistakes.is_empty() { Ok(Some(ids)) } else { Err(mistakes) }
}

fn outcome<'s>(test: &'s Test, case: &'s Case, because: Option<&BTreeSet<&str>>, rules: &Rules) -> Outcome<'s> {
    let explanation = rules.explain(&case.question);
    // An error denies too, but for no reason that a test could have meant.
    let mut failures: Vec<String> =
        explanation.errors.iter().map(|error| format!("could not be decided: {error}")).collect();
    let answer = if explanation.allowed { Expect::Allow } else { Expect::Deny };
    if failures.is_empty() && answer != test.expect {
        failures.push(format!("expected {}, got {}", test.expect.name(), answer.name()));
    }
    let deciding: BTreeSet<&str> = explanation.deciding.iter().map(|policy| policy.id.as_str()).collect();
    if let Some(because) = because.filter(|because| failures.is_empty() && **because != deciding) {
        let expected = rules.short_list(because.iter().copied());
        let got = rules.short_list(deciding.iter().copied());
        failures.push(format!("expected to be decided by {expected}, but it was {got}"));
    }
    Outcome { test, case, explanation, failures }
}

impl Outcome<'_> {
    /// Whether the policies answered what was expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Coverage {
    /// Counts a run in.
    pub fn add(&mut self, rules: &Rules, outcomes: &[Outcome<'_>]) {
        self.known.extend(rules.policies.iter().map(|policy| (policy.id.clone(), policy.clone())));
        let deciding = outcomes.iter().flat_map(|outcome| &outcome.explanation.deciding);
        self.decided.extend(deciding.map(|policy| policy.id.clone()));
    }

    /// The policies that decided in no case, each with its short name: nothing says what they are for, and their loss would
    /// go unnoticed.
    #[must_use]
    pub fn never_decided(&self) -> Vec<(String, &Deciding)> {
        let names = Names::new(self.known.keys().cloned());
        let never = self.known.values().filter(|policy| !self.decided.contains(&policy.id));
        never.map(|policy| (names.short(&policy.id).to_owned(), policy)).collect()
    }
}
