//! Policies before they are in force: read, validated, tested and explained, without a gateway and without AWS.
//!
//! Whatever is answered here comes from the same [`Engine`] that judges real calls. What a caller is, is supposed here and
//! proven there; and a gateway refuses more than policies do: protected accounts, regions, limits.

mod acts;
mod arguments;
pub mod files;
mod names;
mod run;
mod suite;

pub use acts::Acts;
pub use arguments::Given;
pub use run::{Coverage, Outcome, run};
pub use suite::{Because, Case, Expect, Suite, Test};

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    authn::Scheme,
    authz::{Deciding, Engine, Explanation, NearMiss, PolicyError, PolicyErrors, Question, Tree, TreeNeeds},
    clock::Timestamp,
    types::{Kind, Rule},
};
use names::Names;

/// What an answer comes from, as it is named in a configuration, in a test file or on a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grounds {
    /// Policy files, and folders that hold them.
    pub policies: Vec<PathBuf>,
    /// Members of each group, by subject.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// The organization's file; none leaves every account in no organization.
    pub organization: Option<PathBuf>,
}

/// Loaded policies with the groups and the organization that they speak about.
#[derive(Debug)]
pub struct Rules {
    engine: Engine,
    tree: Option<Tree>,
    policies: Vec<Deciding>,
    names: Names,
    /// The files that were read.
    pub files: Vec<String>,
}

/// What a gateway knows of the organization, by its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: no source is named.
    Nothing,
    /// Where accounts are.
    Units,
    /// That, and how accounts are tagged.
    UnitsAndTags,
}

/// Why there is nothing to answer by: everything at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Files that cannot be read.
    Unreadable(Vec<String>),
    /// What is wrong in files.
    Wrong(Vec<Mistake>),
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mistake {
    /// `FILE:LINE:COLUMN`, or the file alone where no place is known.
    pub place: String,
    /// What is wrong, and the fix.
    pub message: String,
}

/// The largest organization that the tree reads.
const ORGANIZATION_BYTES_MAX: u64 = 16 * 1024 * 1024;

impl Rules {
    /// Reads and validates.
    ///
    /// # Errors
    /// Everything that is wrong with the policies and the organization.
    pub fn load(grounds: &Grounds) -> Result<Self, Error> {
        let sources = files::read(&grounds.policies).map_err(|error| Error::Unreadable(error.0));
        let engine = sources.and_then(|sources| {
            let engine = Engine::load(&sources, grounds.groups.clone()).map_err(Error::from)?;
            Ok((engine, sources.0.into_iter().map(|(file, _)| file).collect()))
        });
        let tree = grounds.organization.as_deref().map(organization).transpose();
        let ((engine, files), tree) = both(engine, tree)?;
        let policies = engine.policies();
        let names = Names::new(policies.iter().map(|policy| policy.id.clone()));
        Ok(Self { engine, tree, policies, names, files })
    }

    /// What the policies answer, and why.
    #[must_use]
    pub fn explain(&self, question: &Question) -> Explanation {
        self.engine.explain(question, self.tree.as_ref())
    }

    /// What would have permitted, had resource or circumstances been others; empty unless it was refused because nothing
    /// permits.
    #[must_use]
    pub fn near_misses(&self, question: &Question, explanation: &Explanation) -> Vec<NearMiss> {
        let nothing_permits = !explanation.allowed && explanation.deciding.is_empty() && explanation.errors.is_empty();
        if nothing_permits { self.engine.near_misses(question, self.tree.as_ref()) } else { Vec::new() }
    }

    /// How many policies there are.
    #[must_use]
    pub fn policies_count(&self) -> usize {
        self.policies.len()
    }

    /// Groups that policies name and nobody is in, except by a proof that names them.
    #[must_use]
    pub fn groups_without_members(&self) -> BTreeSet<String> {
        self.engine.groups_without_members()
    }

    /// Holds what the policies speak of against what a gateway knows.
    ///
    /// # Errors
    /// The fix, see [`check_needs`].
    pub fn check_needs(&self, known: Known) -> Result<(), Rule> {
        check_needs(self.engine.needs_tree(), known)
    }

    /// The shortest name that tells a policy apart.
    #[must_use]
    pub fn short<'i>(&self, id: &'i str) -> &'i str {
        self.names.short(id)
    }

    /// Short names with commas, or words for none.
    fn short_list<'i>(&self, ids: impl Iterator<Item = &'i str>) -> String {
        let names: Vec<&str> = ids.map(|id| self.short(id)).collect();
        if names.is_empty() { "no policy".to_owned() } else { names.join(", ") }
    }
}

/// Both, or what is wrong with either.
fn both<A, B>(first: Result<A, Error>, second: Result<B, Error>) -> Result<(A, B), Error> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(first), Err(second)) => Err(first.and(second)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

fn organization(file: &Path) -> Result<Tree, Error> {
    let name = file.display();
    let text = files::read_bounded(file, ORGANIZATION_BYTES_MAX)
        .map_err(|error| Error::Unreadable(vec![format!("{name}: the organization cannot be read: {error}")]))?;
    Tree::from_toml(&text).map_err(|errors| {
        let mistake = |line: String| {
            let mut parts = line.splitn(3, ':');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(line), Some(column), Some(message)) => {
                    Mistake { place: format!("{name}:{line}:{column}"), message: message.trim_start().to_owned() }
                }
                _ => Mistake { place: name.to_string(), message: line.clone() },
            }
        };
        Error::Wrong(errors.0.into_iter().map(mistake).collect())
    })
}

/// Holds what policies speak of against what a gateway knows. If it knows less, every question about an account would be
/// denied.
///
/// # Errors
/// What is missing, and the fix.
pub fn check_needs(needs: TreeNeeds, known: Known) -> Result<(), Rule> {
    match known {
        Known::Nothing if needs.any() => Err(Rule::new(
            "policies speak of organizational units or of tags of accounts, and [organization] does not say where that is \
             known from (set organization.source to \"aws\" or \"file\")",
        )),
        Known::Units if needs.tags => {
            Err(Rule::new("policies speak of tags of accounts, which are not read (set organization.tags = true)"))
        }
        Known::Nothing | Known::Units | Known::UnitsAndTags => Ok(()),
    }
}

/// The kind of this name.
///
/// # Errors
/// There is none.
pub fn kind(name: &str) -> Result<Kind, Rule> {
    arguments::kind(name)
}

/// The scheme of this name.
///
/// # Errors
/// There is none.
pub fn scheme(name: &str) -> Result<Scheme, Rule> {
    arguments::scheme(name)
}

/// A caller's stable id, as the journal shows it.
///
/// # Errors
/// The rule that the text breaks.
pub fn subject(text: &str) -> Result<String, Rule> {
    arguments::subject(text)
}

/// A moment as RFC 3339 writes it.
///
/// # Errors
/// It is none.
pub fn moment(text: &str) -> Result<Timestamp, Rule> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| Rule::new("must be a time with its offset, such as 2026-12-24T12:00:00Z"))?;
    Ok(Timestamp::from_unix(time.unix_timestamp(), time.nanosecond()))
}

impl Error {
    /// This and another one. What cannot be read comes first: it may be the cause of the rest.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unreadable(mut first), Self::Unreadable(second)) => {
                first.extend(second);
                Self::Unreadable(first)
            }
            (Self::Wrong(mut first), Self::Wrong(second)) => {
                first.extend(second);
                Self::Wrong(first)
            }
            (Self::Unreadable(mut lines), Self::Wrong(mistakes))
            | (Self::Wrong(mistakes), Self::Unreadable(mut lines)) => {
                lines.extend(mistakes.iter().map(ToString::to_string));
                Self::Unreadable(lines)
            }
        }
    }
}

impl From<PolicyErrors> for Error {
    fn from(errors: PolicyErrors) -> Self {
        let mistake = |PolicyError { place, message }| Mistake { place, message };
        Self::Wrong(errors.0.into_iter().map(mistake).collect())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = match self {
            Self::Unreadable(lines) => lines.clone(),
            Self::Wrong(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        };
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
