//! Reading the organization.

use serde_json::{Value, json};

use super::{account_not_found, invalid_input, paged, required, units};
use crate::error::ApiError;
use crate::protocol::json::Input;
use crate::protocol::page::Page;
use crate::turn::Turn;
use crate::world::{Account, AccountState, FeatureSet, World};

pub(super) fn describe_organization(turn: &Turn<'_>, management: &str) -> Value {
    let organization = &turn.world.organization;
    let email = turn.world.account(management).map_or("", |account| account.email.as_str());
    let features = match organization.feature_set {
        FeatureSet::All => "ALL",
        FeatureSet::ConsolidatedBilling => "CONSOLIDATED_BILLING",
    };
    json!({ "Organization": {
        "Id": organization.id,
        "Arn": format!("arn:aws:organizations::{management}:organization/{}", organization.id),
        "FeatureSet": features,
        "MasterAccountId": management,
        "MasterAccountArn": format!("arn:aws:organizations::{management}:account/{}/{management}", organization.id),
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": [{ "Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED" }],
    }})
}

pub(super) fn describe_account(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let account = member(turn.world, required(input, "AccountId")?)?;
    Ok(json!({ "Account": describe(turn.world, account) }))
}

pub(super) fn list_accounts(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    accounts(turn, input, |_| true)
}

pub(super) fn list_accounts_for_parent(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let parent = units::parent(turn, input)?;
    accounts(turn, input, |account| parent_of(turn.world, account).0 == parent)
}

pub(super) fn list_parents(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let child = required(input, "ChildId")?;
    let organization = &turn.world.organization;
    let (id, kind) = match (organization.unit_by_id(child), turn.world.account(child)) {
        (Some(unit), _) => match unit.parent.as_deref().and_then(|name| organization.unit(name)) {
            Some(parent) => (parent.id.as_str(), "ORGANIZATIONAL_UNIT"),
            None => (organization.root_id.as_str(), "ROOT"),
        },
        (None, Some(account)) if account.in_organization => parent_of(turn.world, account),
        _ => return Err(ApiError::new(400, "ChildNotFoundException", "You specified a child that doesn't exist.")),
    };
    Ok(json!({ "Parents": [{ "Id": id, "Type": kind }] }))
}

pub(super) fn list_roots(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let organization = &turn.world.organization;
    let management = &organization.management_account;
    let root = json!({
        "Id": organization.root_id,
        "Arn": format!("arn:aws:organizations::{management}:root/{}/{}", organization.id, organization.root_id),
        "Name": "Root",
        "PolicyTypes": [
            { "Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED" },
            { "Type": "RESOURCE_CONTROL_POLICY", "Status": "ENABLED" },
        ],
    });
    Ok(page_of("Roots", paged(turn, input, vec![root])?))
}

pub(super) fn list_tags(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let resource = required(input, "ResourceId")?;
    let organization = &turn.world.organization;
    let of_account = turn.world.account(resource).filter(|account| account.in_organization).map(|found| &found.tags);
    let tags = match of_account.or_else(|| organization.unit_by_id(resource).map(|unit| &unit.tags)) {
        Some(tags) => tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect(),
        None if resource == organization.root_id => Vec::new(),
        None => {
            return Err(ApiError::new(400, "TargetNotFoundException", "You specified a target that doesn't exist."));
        }
    };
    Ok(page_of("Tags", paged(turn, input, tags)?))
}

fn accounts(turn: &Turn<'_>, input: &Input, wanted: impl Fn(&Account) -> bool) -> Result<Value, ApiError> {
    let found = turn.world.accounts.values().filter(|account| account.in_organization && wanted(account));
    let described = found.map(|account| describe(turn.world, account)).collect();
    Ok(page_of("Accounts", paged(turn, input, described)?))
}

/// One page under its name; without a next one there is no token at all.
pub(super) fn page_of(name: &str, page: Page<Value>) -> Value {
    match page.next {
        Some(token) => json!({ name: page.items, "NextToken": token }),
        None => json!({ name: page.items }),
    }
}

fn member<'a>(world: &'a World, id: &str) -> Result<&'a Account, ApiError> {
    if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid_input(
            "You specified an invalid value for AccountId: it must have 12 digits.",
            "INVALID_PATTERN",
        ));
    }
    world.account(id).filter(|account| account.in_organization).ok_or_else(account_not_found)
}

fn parent_of<'a>(world: &'a World, account: &Account) -> (&'a str, &'static str) {
    match account.ou.as_deref().and_then(|name| world.organization.unit(name)) {
        Some(unit) => (&unit.id, "ORGANIZATIONAL_UNIT"),
        None => (&world.organization.root_id, "ROOT"),
    }
}

fn describe(world: &World, account: &Account) -> Value {
    let organization = &world.organization;
    let method = if world.is_management(&account.id) { "INVITED" } else { "CREATED" };
    let mut value = json!({
        "Id": account.id,
        "Arn": format!("arn:aws:organizations::{}:account/{}/{}", organization.management_account, organization.id, account.id),
        "Email": account.email,
        "Name": account.name,
        "State": account.state.name(),
        "Paths": [organization.path_of(account)],
        "JoinedMethod": method,
        "JoinedTimestamp": account.joined,
    });
    if let (true, Some(object)) = (world.settings.account_status, value.as_object_mut()) {
        // The retired member never had more than these three.
        let status = match account.state {
            AccountState::Active | AccountState::PendingActivation => "ACTIVE",
            AccountState::PendingClosure => "PENDING_CLOSURE",
            AccountState::Suspended | AccountState::Closed => "SUSPENDED",
        };
        object.insert("Status".to_owned(), json!(status));
    }
    value
}
