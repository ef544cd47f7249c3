//! AWS Organizations, as far as it tells about accounts and delegates administration. Source: Organizations API Reference.

mod admin;
mod read;
mod units;

use serde_json::Value;

use crate::authz::Access;
use crate::error::ApiError;
use crate::protocol::json::Input;
use crate::protocol::page::{self, Page};
use crate::turn::Turn;

/// What `X-Amz-Target` begins with.
pub(crate) const TARGET: &str = "AWSOrganizationsV20161128";

/// Answers one call.
pub(crate) fn handle(turn: &mut Turn<'_>, action: &str, input: &Input) -> Result<Value, ApiError> {
    let resource = resource(turn, input);
    let iam_action = format!("organizations:{action}");
    let owner = turn.world.organization.management_account.clone();
    // Accounts of an organization call upon one thing that they share; none of them is another's resource.
    let own = turn.account().to_owned();
    let access = Access::new(&iam_action, &resource, &own);
    turn.require(&access, access_denied)?;
    may_call(turn, action)?;
    turn.target = subject(input).map(str::to_owned);
    match action {
        "DescribeOrganization" => Ok(read::describe_organization(turn, &owner)),
        "DescribeAccount" => read::describe_account(turn, input),
        "DescribeOrganizationalUnit" => units::describe(turn, input),
        "ListAccounts" => read::list_accounts(turn, input),
        "ListAccountsForParent" => read::list_accounts_for_parent(turn, input),
        "ListOrganizationalUnitsForParent" => units::list_for_parent(turn, input),
        "ListParents" => read::list_parents(turn, input),
        "ListRoots" => read::list_roots(turn, input),
        "ListTagsForResource" => read::list_tags(turn, input),
        "ListDelegatedAdministrators" => admin::list_delegated(turn, input),
        "EnableAWSServiceAccess" => admin::enable_access(turn, input),
        "DisableAWSServiceAccess" => admin::disable_access(turn, input),
        "RegisterDelegatedAdministrator" => admin::register(turn, input),
        "DeregisterDelegatedAdministrator" => admin::deregister(turn, input),
        _ => Err(ApiError::new(400, "UnknownOperationException", format!("aws-root-simulator does not know {action}"))),
    }
}

/// Whom Organizations listens to: anyone in it for what concerns the whole, administrators for the accounts, and for
/// delegation the management account alone.
fn may_call(turn: &Turn<'_>, action: &str) -> Result<(), ApiError> {
    let account = turn.account();
    if !turn.world.account(account).is_some_and(|found| found.in_organization) {
        return Err(ApiError::new(
            400,
            "AWSOrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        ));
    }
    let management = turn.world.is_management(account);
    let fine = match action {
        "DescribeOrganization" => true,
        "EnableAWSServiceAccess"
        | "DisableAWSServiceAccess"
        | "RegisterDelegatedAdministrator"
        | "DeregisterDelegatedAdministrator" => management,
        _ => management || turn.world.organization.is_any_delegate(account),
    };
    if fine { Ok(()) } else { Err(access_denied("You don't have permissions to access this resource.".to_owned())) }
}

/// What the call is about: an account, a unit or a root.
fn subject(input: &Input) -> Option<&str> {
    ["AccountId", "OrganizationalUnitId", "ParentId", "ChildId", "ResourceId"].iter().find_map(|name| input.text(name))
}

/// The ARN that the call is authorized on. Source: Service Authorization Reference, "AWS Organizations".
fn resource(turn: &Turn<'_>, input: &Input) -> String {
    let Some(id) = subject(input) else { return "*".to_owned() };
    let kind = match id {
        _ if id.starts_with("ou-") => "ou",
        _ if id.starts_with("r-") => "root",
        _ => "account",
    };
    let organization = &turn.world.organization;
    format!("arn:aws:organizations::{}:{kind}/{}/{id}", organization.management_account, organization.id)
}

fn access_denied(text: String) -> ApiError {
    ApiError::new(400, "AccessDeniedException", text)
}

fn invalid_input(text: &str, reason: &str) -> ApiError {
    ApiError::new(400, "InvalidInputException", text).detail("Reason", reason)
}

fn account_not_found() -> ApiError {
    ApiError::new(400, "AccountNotFoundException", "You specified an account that doesn't exist.")
}

fn required<'a>(input: &'a Input, name: &str) -> Result<&'a str, ApiError> {
    input
        .text(name)
        .ok_or_else(|| invalid_input(&format!("You specified an invalid value: {name} is missing."), "INPUT_REQUIRED"))
}

/// Organizations gives at most 20 items a page.
fn paged<T>(turn: &Turn<'_>, input: &Input, items: Vec<T>) -> Result<Page<T>, ApiError> {
    let wanted = match input.number("MaxResults") {
        None => 20,
        Some(count) => usize::try_from(count)
            .ok()
            .filter(|count| (1..=20).contains(count))
            .ok_or_else(|| invalid_input("You specified an invalid value for MaxResults.", "MAX_VALUE_EXCEEDED"))?,
    };
    page::cut(items, input.text("NextToken"), wanted, &turn.world.settings)
        .map_err(|_| invalid_input("You specified an invalid NextToken.", "INVALID_NEXT_TOKEN"))
}
