//! Refuses targets that no act may reach, before any root session is opened.

use std::collections::BTreeSet;

use crate::{
    authz::Ask,
    aws::{AccountState, Aws, AwsFailure},
    error::{Error, ErrorReason},
    types::AccountId,
};

/// What the configuration says of targets.
#[derive(Clone, Debug, Default)]
pub struct TargetRules {
    /// Never a target.
    pub protected_accounts: BTreeSet<AccountId>,
    /// Whether the account that the gateway itself runs in may be a target.
    pub own_account_allowed: bool,
}

/// Whether the operation's target may be reached at all.
pub(super) async fn check<O: Ask>(rules: &TargetRules, aws: &Aws, operation: &O) -> Result<(), Error> {
    let Some(account) = operation.target().account() else {
        return Err(Error::internal("the operation reaches an account and names none"));
    };
    if rules.protected_accounts.contains(&account) {
        return Err(Error::new(
            ErrorReason::ProtectedAccount,
            "this account is protected by the gateway's configuration",
        ));
    }
    if let Some(region) = operation.region() {
        aws.allow_region(region)?;
    }
    let organization = aws.directory().organization().await.map_err(AwsFailure::into_error)?;
    if account == organization.management_account {
        let words = "this is the organization's management account, whose root user cannot be managed centrally";
        return Err(Error::new(ErrorReason::ManagementAccount, words));
    }
    if account == organization.own_account && !rules.own_account_allowed {
        let words = "this is the gateway's own account; set aws.delegated_administrator_allowed to allow it";
        return Err(Error::new(ErrorReason::OwnAccount, words));
    }
    match aws.directory().account_state(account).await.map_err(AwsFailure::into_error)? {
        AccountState::Active => Ok(()),
        AccountState::NotInOrganization => {
            Err(Error::new(ErrorReason::AccountNotInOrganization, "this account does not belong to the organization"))
        }
        AccountState::Inactive(state) => {
            let words = "this account is not ACTIVE in the organization";
            Err(Error::new(ErrorReason::AccountNotActive, words).with_metadata("account_state", state))
        }
    }
}
