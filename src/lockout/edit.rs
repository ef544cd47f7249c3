//! Cutting statements out of the text of a document.

use std::{collections::BTreeSet, ops::Range};

use super::json::Node;
use super::policy::{Policy, Unreadable};

/// What is left of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// No statement is left: the policy is to be deleted.
    Nothing,
    /// The document without the statements, every other byte as it was.
    Text(String),
}

/// Why no statement was removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRemoved {
    /// The document cannot be taken apart.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The document has fewer statements, so it is not the one that the selection was made for.
    #[error("the policy has no statement {index}, it has {count}; read the policy again and select anew")]
    NoSuchStatement {
        /// The statement that is missing, from 0.
        index: usize,
        /// How many statements there are.
        count: usize,
    },
}

/// The document without the statements at the places `remove`, which count from 0. A statement goes together with one
/// comma and the white space that separated it; nothing to remove leaves the same text.
///
/// # Errors
/// [`NotRemoved`] when the document is unreadable, as [`super::analyse`] says, or has no statement at one of the places.
pub fn without(document: &str, remove: &BTreeSet<usize>) -> Result<Remaining, NotRemoved> {
    let policy = Policy::read(document)?;
    let statements = policy.statements();
    if let Some(&index) = remove.last().filter(|index| **index >= statements.len()) {
        return Err(NotRemoved::NoSuchStatement { index, count: statements.len() });
    }
    if remove.is_empty() {
        return Ok(Remaining::Text(document.to_owned()));
    }
    if remove.len() == statements.len() {
        return Ok(Remaining::Nothing);
    }
    Ok(Remaining::Text(outside(document, &cuts(statements, remove))))
}

/// What is cut, in order and apart from each other. Statements before the first that is kept go with what follows them,
/// all others with what precedes them: either way with as many commas as statements.
fn cuts(statements: &[Node<'_>], remove: &BTreeSet<usize>) -> Vec<Range<usize>> {
    let mut kept =
        statements.iter().enumerate().filter(|(index, _)| !remove.contains(index)).map(|(_, node)| &node.span);
    let (Some(first), Some(start)) = (kept.next(), statements.first().map(|node| node.span.start)) else {
        return Vec::new();
    };
    let mut cuts = Vec::with_capacity(remove.len() + 1);
    cuts.push(start..first.start);
    let mut end = first.end;
    for (index, node) in statements.iter().enumerate().filter(|(_, node)| node.span.start >= first.end) {
        if remove.contains(&index) {
            cuts.push(end..node.span.end);
        }
        end = node.span.end;
    }
    cuts
}

fn outside(text: &str, cuts: &[Range<usize>]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for cut in cuts {
        kept.push_str(text.get(from..cut.start).unwrap_or_default());
        from = cut.end;
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    kept
}
