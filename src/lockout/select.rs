//! Which statements an unlock removes.

use std::collections::BTreeSet;

use super::Analysis;
use super::reach::quote;

/// How statements are selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All that lock or may lock.
    Locking,
    /// These and no others, whatever their verdict.
    Listed(Vec<Pick>),
}

/// One statement, by name or by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// By its `Sid`, exactly.
    Sid(String),
    /// By its place, from 0.
    Index(usize),
}

/// A pick that does not mean exactly one statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSelected {
    /// No statement has this `Sid`.
    #[error("no statement has the Sid {}; select it by its index", quote(.0))]
    NoSuchSid(String),
    /// Several statements have this `Sid`.
    #[error("several statements have the Sid {}; select by index", quote(.0))]
    AmbiguousSid(String),
    /// The document has fewer statements.
    #[error("there is no statement {index}, the policy has {count}; indices count from 0")]
    NoSuchIndex {
        /// The place, from 0.
        index: usize,
        /// How many statements there are.
        count: usize,
    },
}

/// The places of the statements to remove.
///
/// # Errors
/// [`NotSelected`] for a pick that means no statement, or several.
pub fn select(analysis: &Analysis, mode: &Mode) -> Result<BTreeSet<usize>, NotSelected> {
    match mode {
        Mode::Locking => Ok(analysis.locking().map(|statement| statement.index).collect()),
        Mode::Listed(picks) => picks.iter().map(|pick| place(analysis, pick)).collect(),
    }
}

fn place(analysis: &Analysis, pick: &Pick) -> Result<usize, NotSelected> {
    let statements = &analysis.statements;
    match pick {
        Pick::Index(index) if *index < statements.len() => Ok(*index),
        Pick::Index(index) => Err(NotSelected::NoSuchIndex { index: *index, count: statements.len() }),
        Pick::Sid(sid) => {
            let mut found = statements.iter().filter(|statement| statement.sid.as_ref() == Some(sid));
            match (found.next(), found.next()) {
                (Some(statement), None) => Ok(statement.index),
                (None, _) => Err(NotSelected::NoSuchSid(sid.clone())),
                (Some(_), Some(_)) => Err(NotSelected::AmbiguousSid(sid.clone())),
            }
        }
    }
}
