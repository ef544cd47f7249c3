//! Creates the root user's login profile without a password, so that the owner of the root mailbox can recover it.

use serde_json::json;

use super::{
    Conclusion, Means, Operation, Plan, RootCredentialsAudit, Verification,
    plan::{PlannedCall, opening},
    state::State,
};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Terms, Why},
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
    /// How far it may go.
    pub terms: Terms,
    /// Why.
    pub why: Why,
}

/// What exists afterwards.
#[derive(Clone, Debug)]
pub struct RecoveryAllowed {
    /// False if there was a login profile already.
    pub changed: bool,
    /// What a second read showed.
    pub verification: Verification,
    /// When the login profile that now exists was created, if it could be read.
    pub login_profile_created_at: Option<Timestamp>,
    /// Filled if only a plan was asked for.
    pub plan: Option<Plan>,
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

    fn terms(&self) -> Option<&Terms> {
        Some(&self.terms)
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        Vec::new()
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl RootTask for AllowPasswordRecovery {
    fn account(&self) -> AccountId {
        self.account
    }

    fn task_policy(&self) -> TaskPolicy {
        // A look needs no power to create.
        if self.terms.validate_only {
            TaskPolicy::IamAuditRootUserCredentials
        } else {
            TaskPolicy::IamCreateRootUserPassword
        }
    }
}

impl Operation for AllowPasswordRecovery {
    type Output = RecoveryAllowed;

    async fn act(
        permit: &Permit<Self>,
        Means { aws, now, .. }: Means<'_>,
        trail: &Trail,
    ) -> Result<RecoveryAllowed, Error> {
        let Self { account, terms, .. } = permit.operation();
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let root = session.root_credentials();
        // Read first: after an answer that was lost, only this tells whether a profile that is there now is this act's.
        let present = root.login_profile().await.map_err(AwsFailure::into_error)?;
        let seen = RootCredentialsAudit { login_profile_created_at: present, ..RootCredentialsAudit::nothing(now) };
        let state = State::of_credentials(&account.root_arn(), &seen);
        state.check(terms.etag.as_ref())?;
        if terms.validate_only {
            let plan = plan(*account, seen, &state, opening(permit, aws, TaskPolicy::IamCreateRootUserPassword))?;
            return Ok(unchanged(present, Some(plan)));
        }
        if present.is_some() {
            return Ok(unchanged(present, None));
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
                plan: None,
            }),
            (_, Some(failure)) => Err(failure.into_unknown()),
            (read, None) => Ok(RecoveryAllowed {
                changed: true,
                verification: if read.is_ok() { Verification::PendingPropagation } else { Verification::Unreadable },
                login_profile_created_at: None,
                plan: None,
            }),
        }
    }

    fn conclude(output: &RecoveryAllowed) -> Conclusion {
        let detail = json!({
            "verification": output.verification.name(),
            "login_profile_created_at": output.login_profile_created_at.map(|at| at.to_string()),
            "etag": output.plan.as_ref().map(|plan| plan.etag.as_str()),
        });
        Conclusion { changed: Some(output.changed), detail, shortfall: None }
    }
}

/// The profile that somebody else created meanwhile.
async fn already_allowed(root: &RootCredentials) -> Result<RecoveryAllowed, Error> {
    let created_at = root.login_profile().await.map_err(AwsFailure::into_error)?;
    let mut allowed = unchanged(created_at, None);
    if created_at.is_none() {
        // AWS says that it exists, and does not show it yet.
        allowed.verification = Verification::PendingPropagation;
    }
    Ok(allowed)
}

const fn unchanged(login_profile_created_at: Option<Timestamp>, plan: Option<Plan>) -> RecoveryAllowed {
    RecoveryAllowed { changed: false, verification: Verification::NothingChanged, login_profile_created_at, plan }
}

fn plan(
    account: AccountId,
    seen: RootCredentialsAudit,
    state: &State,
    mut calls: Vec<PlannedCall>,
) -> Result<Plan, Error> {
    let would_change = seen.login_profile_created_at.is_none();
    let look = || PlannedCall::of_root(account, "GetLoginProfile", None);
    calls.push(look());
    if would_change {
        calls.extend([PlannedCall::of_root(account, "CreateLoginProfile", None), look()]);
    }
    Ok(Plan { etag: state.etag()?, would_change, calls, policy: None, credentials: Some(seen) })
}
