//! Trusted access and delegated administrators.

use serde_json::{Value, json};

use super::read::page_of;
use super::{account_not_found, paged, required};
use crate::error::ApiError;
use crate::protocol::json::Input;
use crate::turn::Turn;
use crate::world::Delegation;

pub(super) fn enable_access(turn: &mut Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let service = required(input, "ServicePrincipal")?.to_owned();
    let now = turn.now;
    turn.world.organization.trusted_services.entry(service).or_insert(now);
    Ok(json!({}))
}

/// The features keep their state, so that enabling access again brings them back, as in AWS.
pub(super) fn disable_access(turn: &mut Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let service = required(input, "ServicePrincipal")?;
    let organization = &mut turn.world.organization;
    if organization.delegations.iter().any(|found| found.service_principal == service) {
        return Err(constraint(
            "You cannot disable trusted access while a delegated administrator is registered for the service.",
            "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
        ));
    }
    organization.trusted_services.remove(service);
    Ok(json!({}))
}

pub(super) fn register(turn: &mut Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let (account, service) = (required(input, "AccountId")?, required(input, "ServicePrincipal")?);
    if turn.world.is_management(account) {
        return Err(constraint(
            "You cannot register the management account as a delegated administrator.",
            "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
        ));
    }
    if !turn.world.account(account).is_some_and(|found| found.in_organization) {
        return Err(account_not_found());
    }
    if turn.world.organization.is_delegate(account, service) {
        return Err(ApiError::new(
            400,
            "AccountAlreadyRegisteredException",
            "The provided account is already a delegated administrator for your organization.",
        ));
    }
    let delegation = Delegation { account: account.to_owned(), service_principal: service.to_owned(), since: turn.now };
    turn.world.organization.delegations.push(delegation);
    Ok(json!({}))
}

pub(super) fn deregister(turn: &mut Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let (account, service) = (required(input, "AccountId")?, required(input, "ServicePrincipal")?);
    let delegations = &mut turn.world.organization.delegations;
    let before = delegations.len();
    delegations.retain(|found| found.account != account || found.service_principal != service);
    if delegations.len() == before {
        return Err(ApiError::new(
            400,
            "AccountNotRegisteredException",
            "The provided account is not a registered delegated administrator for your organization.",
        ));
    }
    Ok(json!({}))
}

pub(super) fn list_delegated(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let service = input.text("ServicePrincipal");
    let organization = &turn.world.organization;
    let wanted =
        organization.delegations.iter().filter(|found| service.is_none_or(|name| name == found.service_principal));
    let mut seen = std::collections::BTreeSet::new();
    let described: Vec<Value> = wanted
        .filter(|found| seen.insert(&found.account))
        .filter_map(|found| Some((found, turn.world.account(&found.account)?)))
        .map(|(found, account)| {
            json!({
                "Id": account.id,
                "Arn": format!("arn:aws:organizations::{}:account/{}/{}", organization.management_account, organization.id, account.id),
                "Email": account.email,
                "Name": account.name,
                "State": account.state.name(),
                "JoinedMethod": "CREATED",
                "JoinedTimestamp": account.joined,
                "DelegationEnabledDate": found.since,
            })
        })
        .collect();
    Ok(page_of("DelegatedAdministrators", paged(turn, input, described)?))
}

fn constraint(text: &str, reason: &'static str) -> ApiError {
    ApiError::new(400, "ConstraintViolationException", text).detail("Reason", reason)
}
