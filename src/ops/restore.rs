//! What restoring a bucket's and a queue's policy have in common: which backup, and what it may do.

use super::{
    PolicyBackups, PolicyDocument,
    policy_change::{After, Decision, Intention, JudgedStatement, PreviousPolicy, same},
    policy_document::Guarded,
};
use crate::{
    authz::{Argument, Target},
    error::{Error, ErrorReason},
    lockout::{self, analyse},
    types::{BackupId, Exposure, Region},
};

/// Which backup is put back, and what of its effects is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restoration {
    /// The backup.
    pub backup_id: BackupId,
    /// It may lock the account's administrators out.
    pub accept_lockout: bool,
    /// What it may grant at most.
    pub accept_exposure: Exposure,
}

impl Restoration {
    pub(super) fn arguments(self) -> Vec<(&'static str, Argument)> {
        vec![
            ("accept_lockout", Argument::Flag(self.accept_lockout)),
            ("accept_exposure", Argument::Text(self.accept_exposure.name().to_owned())),
        ]
    }

    pub(super) fn particulars(self) -> Vec<(&'static str, String)> {
        vec![("backup_id", self.backup_id.to_string())]
    }

    /// The backup, if it is one of this very resource.
    pub(super) async fn find(self, backups: &dyn PolicyBackups, target: &Target) -> Result<Found, Error> {
        let found = backups.get(self.backup_id).await?;
        let of_target = |account: &str, resource: &str| {
            target.account().is_some_and(|own| own.as_str() == account) && resource == target.arn()
        };
        let found = found.filter(|backup| of_target(&backup.account_id, &backup.resource));
        // Whether another resource has such a backup is nobody's business here.
        let backup = found.ok_or_else(|| {
            Error::new(
                ErrorReason::BackupNotFound,
                "there is no such backup of this resource; ListPolicyBackups lists them",
            )
        })?;
        let document = PolicyDocument::kept(backup.policy.unwrap_or_default());
        let document = document.map_err(|rule| {
            Error::new(ErrorReason::PolicyNotUnderstood, format!("the backed-up policy cannot be installed: it {rule}"))
        })?;
        Ok(Found { document, region: backup.region.parse().ok() })
    }

    pub(super) const fn guard(self, document: &PolicyDocument) -> Guarded<'_> {
        Guarded { document, accept_lockout: self.accept_lockout, accept_exposure: self.accept_exposure }
    }
}

/// What a backup holds.
pub(super) struct Found {
    pub(super) document: PolicyDocument,
    /// Where the resource was; backups of journals before version 2 may not say it.
    pub(super) region: Option<Region>,
}

/// A document to put back on one resource.
pub(super) struct PutBack<'d> {
    pub(super) document: &'d PolicyDocument,
    pub(super) target: lockout::Target,
}

impl Intention for PutBack<'_> {
    /// What is there cannot be backed up then.
    fn acts_unseen(&self) -> bool {
        false
    }

    /// The document was judged before the session was opened.
    async fn approve(&self, _after: &After) -> Result<(), Error> {
        Ok(())
    }

    fn decide(&self, before: &PreviousPolicy) -> Result<Decision, Error> {
        let text = before.text();
        // A policy that is not understood, say with a key twice, is never the one that is wanted, but for its very bytes.
        let is_it = |text: &&str| *text == self.document.as_str() || analyse(text, &self.target).is_ok();
        let removed = !same(text.filter(is_it), Some(self.document.as_str()));
        let after = if removed { After::Replaced(self.document.as_str().to_owned()) } else { After::AsBefore };
        let statements = text.and_then(|text| analyse(text, &self.target).ok()).map(|analysis| analysis.statements);
        let judged = |verdict| JudgedStatement { verdict, removed };
        Ok(Decision { after, statements: statements.unwrap_or_default().into_iter().map(judged).collect() })
    }
}
