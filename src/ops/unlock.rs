//! What unlocking a bucket and a queue have in common: how a policy is to be unlocked, and what that makes of it.

use std::collections::BTreeSet;

use super::{
    PolicyDocument,
    policy_change::{After, Decision, Intention, JudgedStatement, PreviousPolicy, same},
    policy_document::{Guarded, Members, check_exposure},
};
use crate::{
    authz::Argument,
    error::{Error, ErrorReason, Help},
    lockout::{self, Analysis, Pick, Remaining, Target, Verdict, analyse, select, without},
    types::Exposure,
};

/// How a policy is to be unlocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnlockMode {
    /// Removes the statements that lock or may lock; deletes the policy only if none is left.
    RemoveLockingStatements,
    /// Removes these statements, whatever their verdict.
    RemoveListedStatements(Vec<Pick>),
    /// Deletes the whole policy.
    DeletePolicy,
    /// Installs another policy.
    ReplacePolicy(PolicyDocument),
}

impl UnlockMode {
    /// Name in the API, in policies and in the journal.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RemoveLockingStatements => "REMOVE_LOCKING_STATEMENTS",
            Self::RemoveListedStatements(_) => "REMOVE_LISTED_STATEMENTS",
            Self::DeletePolicy => "DELETE_POLICY",
            Self::ReplacePolicy(_) => "REPLACE_POLICY",
        }
    }

    /// What policy sees of it.
    pub(super) fn arguments(&self, accept_exposure: Exposure) -> Vec<(&'static str, Argument)> {
        let text = |text: &str| Argument::Text(text.to_owned());
        vec![("mode", text(self.name())), ("accept_exposure", text(accept_exposure.name()))]
    }

    /// What the journal keeps of it beside.
    pub(super) fn particulars(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::RemoveListedStatements(picks) => {
                vec![("statements", picks.iter().map(name).collect::<Vec<_>>().join(", "))]
            }
            Self::ReplacePolicy(document) => vec![("replacement_policy_sha256", document.sha256())],
            Self::RemoveLockingStatements | Self::DeletePolicy => Vec::new(),
        }
    }

    /// The policy that it installs, and what that may be.
    pub(super) const fn installs(&self, accept_exposure: Exposure) -> Option<Guarded<'_>> {
        match self {
            Self::ReplacePolicy(document) => Some(Guarded { document, accept_lockout: false, accept_exposure }),
            Self::RemoveLockingStatements | Self::RemoveListedStatements(_) | Self::DeletePolicy => None,
        }
    }
}

fn name(pick: &Pick) -> String {
    match pick {
        Pick::Sid(sid) => format!("{sid:?}"),
        Pick::Index(index) => index.to_string(),
    }
}

/// A mode for one resource.
pub(super) struct Unlock<'m, M> {
    pub(super) mode: &'m UnlockMode,
    pub(super) target: Target,
    /// What the policy that is left may grant at most.
    pub(super) accept_exposure: Exposure,
    pub(super) members: &'m M,
}

impl<M: Members> Intention for Unlock<'_, M> {
    fn acts_unseen(&self) -> bool {
        matches!(self.mode, UnlockMode::DeletePolicy)
    }

    /// A removed Deny may have been all that stood between a grant and the public.
    async fn approve(&self, after: &After) -> Result<(), Error> {
        let After::Cut(rest) = after else { return Ok(()) };
        let checked = check_exposure(rest, self.accept_exposure, &self.target, self.members).await;
        checked.map_err(|error| match error.reason() {
            ErrorReason::WouldExpose => error.with_help(INSTEAD),
            _ => error,
        })
    }

    fn decide(&self, before: &PreviousPolicy) -> Result<Decision, Error> {
        let text = before.text();
        let analysis = text.map(|text| analyse(text, &self.target));
        let (after, removed) = match (self.mode, text.zip(analysis.as_ref())) {
            (UnlockMode::ReplacePolicy(document), _) => {
                replace(text.filter(|_| matches!(analysis, Some(Ok(_)))), document)
            }
            (UnlockMode::DeletePolicy, _) if *before == PreviousPolicy::None => (After::AsBefore, Removed::None),
            (UnlockMode::DeletePolicy, _) => (After::Removed, Removed::All),
            (UnlockMode::RemoveLockingStatements, None) => (After::AsBefore, Removed::None),
            (UnlockMode::RemoveListedStatements(_), None) => return Err(no_policy()),
            (UnlockMode::RemoveLockingStatements, Some((text, analysis))) => {
                self.remove(text, understood(analysis)?, &lockout::Mode::Locking)?
            }
            (UnlockMode::RemoveListedStatements(picks), Some((text, analysis))) => {
                self.remove(text, understood(analysis)?, &lockout::Mode::Listed(picks.clone()))?
            }
        };
        let statements = analysis.and_then(Result::ok).map(|analysis| analysis.statements).unwrap_or_default();
        let judged =
            |verdict: lockout::StatementVerdict| JudgedStatement { removed: removed.holds(verdict.index), verdict };
        Ok(Decision { after, statements: statements.into_iter().map(judged).collect() })
    }
}

/// The statements that an act removes.
enum Removed {
    None,
    All,
    These(BTreeSet<usize>),
}

impl Removed {
    fn holds(&self, index: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::These(indices) => indices.contains(&index),
        }
    }
}

/// A policy that is not understood, say with a key twice, is never the one that is wanted.
fn replace(understood: Option<&str>, document: &PolicyDocument) -> (After, Removed) {
    if same(understood, Some(document.as_str())) {
        return (After::AsBefore, Removed::None);
    }
    (After::Replaced(document.as_str().to_owned()), Removed::All)
}

/// What can be done where what is left would grant too much.
const INSTEAD: Help<'static> = Help {
    words: "delete the whole policy (DELETE_POLICY), replace it (REPLACE_POLICY), or set accept_exposure if policy allows that",
    url: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
};

impl<M> Unlock<'_, M> {
    fn remove(&self, text: &str, analysis: &Analysis, mode: &lockout::Mode) -> Result<(After, Removed), Error> {
        let indices = select(analysis, mode).map_err(|error| {
            Error::new(ErrorReason::StatementNotFound, format!("{error}; a plan (validate_only) lists the statements"))
        })?;
        if indices.is_empty() {
            return Ok((After::AsBefore, Removed::None));
        }
        let after = match without(text, &indices).map_err(|error| not_understood(&error.to_string()))? {
            Remaining::Nothing => After::Removed,
            Remaining::Text(rest) => {
                if *mode == lockout::Mode::Locking {
                    self.must_be_harmless(&rest)?;
                }
                After::Cut(rest)
            }
        };
        Ok((after, Removed::These(indices)))
    }

    /// The promise of the mode, asked of the very text that is about to be installed.
    fn must_be_harmless(&self, rest: &str) -> Result<(), Error> {
        match analyse(rest, &self.target) {
            Ok(analysis) if analysis.worst() == Verdict::Harmless => Ok(()),
            _ => Err(Error::internal("what would be left of the policy is not what its analysis promised")),
        }
    }
}

fn understood(analysis: &Result<Analysis, lockout::Unreadable>) -> Result<&Analysis, Error> {
    analysis.as_ref().map_err(|error| not_understood(&error.to_string()))
}

fn not_understood(why: &str) -> Error {
    Error::new(ErrorReason::PolicyNotUnderstood, format!("no single statement can be removed: {why}"))
}

fn no_policy() -> Error {
    Error::new(ErrorReason::StatementNotFound, "there is no policy, and so none of the listed statements")
}
