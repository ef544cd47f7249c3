//! Which statements of a bucket or queue policy lock the account's own administrators out of managing that policy.
//!
//! An *administrator* is a user or role of the account that owns the bucket or queue, whose own policies allow
//! everything, and who calls with TLS. *Managing the policy* means reading, changing and deleting it; [`Target`] lists
//! the actions. Only an explicit Deny in the policy can then stand in the way: [`analyse`] gives each statement a
//! [`Verdict`] and says why, [`select`] picks the statements to remove, and [`without`] removes them and leaves every
//! other byte as it was. [`grants`] says whom a policy lets in, for whoever installs one. Nothing here reads a clock, a file or a network.
//!
//! # How a verdict comes about
//!
//! A Deny holds where its principals, actions, resources and all its conditions meet. Each of the four is asked how it
//! reaches an administrator who manages the policy:
//!
//! 1. Anything in the statement that is not understood makes it `MayLock`.
//! 2. Else, one part that never reaches makes it `Harmless`.
//! 3. Else, one part that reaches some administrators, or depends on the call, makes it `MayLock`.
//! 4. Else it `Locks`.
//!
//! Statements are judged one by one, which is exact for a Deny: no statement can undo another's.
//!
//! Source: IAM User Guide, "IAM JSON policy elements reference" and "Policy evaluation logic".

mod arn;
mod condition;
mod edit;
mod exposure;
mod glob;
mod json;
mod policy;
mod principal;
mod reach;
mod select;
mod statement;
mod target;
#[cfg(test)]
mod tests;

pub use edit::{NotRemoved, Remaining, without};
pub use exposure::{Grant, Grantee, grants};
pub use policy::{MAX_DOCUMENT_BYTES, Unreadable};
pub use select::{Mode, NotSelected, Pick, select};
pub use target::Target;

use std::ops::Range;

use json::Node;
use policy::Policy;
use target::Management;

/// What a statement means for the administrators of the account, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It never stands in the way of an administrator who manages the policy.
    Harmless,
    /// It stands in the way of some administrators, or under some condition, or it is not understood.
    MayLock,
    /// It stands in the way of every administrator.
    Locks,
}

/// The verdict on one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementVerdict {
    /// Place of the statement in the document, from 0; a statement outside a list is number 0.
    pub index: usize,
    /// Where the statement stands in the document, in bytes, brackets included: `&document[text]` is the statement.
    pub text: Range<usize>,
    /// The statement's `Sid`, if it has one that is a text.
    pub sid: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence that names the element which decided. It may quote the policy, at most 80 characters at a time and
    /// with control characters escaped.
    pub why: String,
}

/// The verdicts on a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// One verdict per statement, in the order of the document.
    pub statements: Vec<StatementVerdict>,
}

impl Analysis {
    /// The worst verdict on any statement; `Harmless` for a document without statements.
    #[must_use]
    pub fn worst(&self) -> Verdict {
        self.statements.iter().map(|statement| statement.verdict).max().unwrap_or(Verdict::Harmless)
    }

    /// The statements that lock or may lock: what an unlock removes, and what a policy to be installed must not hold.
    pub fn locking(&self) -> impl Iterator<Item = &StatementVerdict> {
        self.statements.iter().filter(|statement| statement.verdict > Verdict::Harmless)
    }
}

/// Judges every statement of a resource policy.
///
/// # Errors
/// [`Unreadable`] when the document is no JSON policy or its meaning is ambiguous. What is not understood inside one
/// statement is no error, but makes that statement [`Verdict::MayLock`].
pub fn analyse(document: &str, target: &Target) -> Result<Analysis, Unreadable> {
    let policy = Policy::read(document)?;
    let management = Management::of(target);
    let verdict = |(index, node): (usize, &Node<'_>)| {
        let (verdict, why) = statement::judge(node, &management);
        let sid = statement::sid(node).map(str::to_owned);
        StatementVerdict { index, text: node.span.clone(), sid, verdict, why }
    };
    Ok(Analysis { statements: policy.statements().iter().enumerate().map(verdict).collect() })
}
