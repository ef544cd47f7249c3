//! Creates the root user's login profile without a password, so that the owner of the root mailbox can recover it.

use serde_json::json;

use super::{Conclusion, Means, Operation, Verification};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Why},
    aws::{AwsFailure, Fate, RootCredentials, Trail},
    clock::Timestamp,
    error::Error,
    types::{AccountId, Kind, Region, TaskPolicy},
};

/// See the module.
#[derive(Debug)]
pub struct AllowPasswordRecovery {
    /// Whose root user.
    pub account: AccountId,
    /// Why.
    pub why: Why,
}

/// What exists afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryAllowed {
    /// False if there was a login profile already.
    pub changed: bool,
    /// What a second read showed.
    pub verification: Verification,
    /// When the login profile that now exists was created, if it could be read.
    pub login_profile_created_at: Option<Timestamp>,
}

impl Ask for AllowPasswordRecovery {
    const KIND: Kind = Kind::AllowPasswordRecovery;

    fn target(&self) -> Target {
        Target::Account(self.account)
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        Vec::new()
    }
}

impl RootTask for AllowPasswordRecovery {
    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::IamCreateRootUserPassword
    }
}

impl Operation for AllowPasswordRecovery {
    type Output = RecoveryAllowed;

    async fn act(permit: &Permit<Self>, Means { aws, .. }: Means<'_>, trail: &Trail) -> Result<RecoveryAllowed, Error> {
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let root = session.root_credentials();
        // Read first: after an answer that was lost, only this tells whether a profile that is there now is this act's.
        if let Some(created_at) = root.login_profile().await.map_err(AwsFailure::into_error)? {
            let verification = Verification::NothingChanged;
            return Ok(RecoveryAllowed { changed: false, verification, login_profile_created_at: Some(created_at) });
        }
        let unclear = match root.create_login_profile().await {
            Ok(()) => None,
            // Sent once, so somebody else was faster.
            Err(failure) if failure.is(&["EntityAlreadyExists"]) => return already_allowed(&root).await,
            Err(failure) if failure.fate == Fate::Unknown => Some(failure),
            Err(failure) => return Err(failure.into_error()),
        };
        match (root.login_profile().await, unclear) {
            (Ok(Some(created_at)), _) => Ok(RecoveryAllowed {
                changed: true,
                verification: Verification::Verified,
                login_profile_created_at: Some(created_at),
            }),
            (_, Some(failure)) => Err(failure.into_unknown()),
            (read, None) => Ok(RecoveryAllowed {
                changed: true,
                verification: if read.is_ok() { Verification::PendingPropagation } else { Verification::Unreadable },
                login_profile_created_at: None,
            }),
        }
    }

    fn conclude(output: &RecoveryAllowed) -> Conclusion {
        let detail = json!({
            "verification": output.verification.name(),
            "login_profile_created_at": output.login_profile_created_at.map(|at| at.to_string()),
        });
        Conclusion { changed: Some(output.changed), detail, shortfall: None }
    }
}

/// The profile that somebody else created meanwhile.
async fn already_allowed(root: &RootCredentials) -> Result<RecoveryAllowed, Error> {
    let created_at = root.login_profile().await.map_err(AwsFailure::into_error)?;
    let verification = Verification::NothingChanged;
    Ok(RecoveryAllowed { changed: false, verification, login_profile_created_at: created_at })
}
