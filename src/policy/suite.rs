//! A test file: a table of who asks for what, and what the policies have to answer.
//!
//! Everything that is wrong with a file is told at once, with its place. Nothing in it is ignored: a test that is written
//! wrong would be a test that passes.

mod read;
mod section;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use super::{Grounds, Mistake, files};
use crate::authz::Question;
use section::{Mistakes, Section};

/// A parsed test file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// The file, as it was named.
    pub file: String,
    /// Policy files and folders that it names.
    pub policies: Vec<PathBuf>,
    /// The organization's file that it names.
    pub organization: Option<PathBuf>,
    /// Its groups; none if it has no `[groups]`.
    pub groups: Option<BTreeMap<String, BTreeSet<String>>>,
    /// Its tests. Not empty.
    pub tests: Vec<Test>,
}

/// One `[[test]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Its name, for people.
    pub name: String,
    /// `FILE:LINE:COLUMN`.
    pub place: String,
    /// What has to be answered, in each case.
    pub expect: Expect,
    /// The policies that have to decide, and no other; none if it does not matter which.
    pub because: Option<Vec<Because>>,
    /// Every combination of its callers, operations and accounts. Not empty.
    pub cases: Vec<Case>,
}

/// What has to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Allowed.
    Allow,
    /// Refused.
    Deny,
}

/// The name of a policy that has to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// `FILE#ID` with as much of the file's path as tells it apart, or the ID alone.
    pub name: String,
    /// `FILE:LINE:COLUMN` of the name.
    pub place: String,
}

/// One question of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Name of the caller in the file.
    pub caller: String,
    /// What is asked.
    pub question: Question,
}

/// A table of a hundred tests has 30 KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

impl Expect {
    /// The word in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl Suite {
    /// Reads a test file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// The file cannot be read, or everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, super::Error> {
        let file = path.display().to_string();
        let text = files::read_bounded(path, FILE_BYTES_MAX)
            .map_err(|error| super::Error::Unreadable(vec![format!("{file}: the tests cannot be read: {error}")]))?;
        Self::parse(&file, &text).map_err(super::Error::Wrong)
    }

    /// What its tests are judged by. Policies are those of the command line, so that the same tests run against what is in
    /// force; groups and organization are its own, if it has any, since its callers belong to them.
    ///
    /// # Errors
    /// No policies are named at all.
    pub fn grounds(&self, line: &Grounds) -> Result<Grounds, super::Error> {
        let policies = if line.policies.is_empty() { &self.policies } else { &line.policies };
        if policies.is_empty() {
            let message = "policies: is required (write `policies = [\"policy/\"]`, or give --policies or --config)";
            return Err(super::Error::Wrong(vec![Mistake { place: self.file.clone(), message: message.to_owned() }]));
        }
        Ok(Grounds {
            policies: policies.clone(),
            groups: self.groups.as_ref().unwrap_or(&line.groups).clone(),
            organization: self.organization.as_ref().or(line.organization.as_ref()).cloned(),
        })
    }

    /// Parses the text of a test file.
    ///
    /// # Errors
    /// Everything that is wrong with it, in its order.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        // Editors put a byte order mark there and do not count it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mistakes = Mistakes::new(file, text);
        let (document, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            let offset = error.span().map_or(0, |span| span.start);
            mistakes.report(offset, format!("TOML syntax: {} (see https://toml.io)", error.message()));
        }
        // What follows from a wrong syntax helps nobody.
        let suite = syntax.is_empty().then(|| {
            let document = document.into_inner();
            read::suite(Section::root(&document, &mistakes), file, &mistakes)
        });
        let found = mistakes.into_found();
        match suite.flatten() {
            Some(suite) if found.is_empty() => Ok(suite),
            _ => Err(found),
        }
    }
}

#[cfg(test)]
mod tests;
