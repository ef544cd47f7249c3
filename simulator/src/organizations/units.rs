//! The tree: its units, and what is directly below a root or a unit.

use serde_json::{Value, json};

use super::read::page_of;
use super::{invalid_input, paged, required};
use crate::error::ApiError;
use crate::protocol::json::Input;
use crate::turn::Turn;
use crate::world::{OrganizationalUnit, World};

pub(super) fn describe(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let id = required(input, "OrganizationalUnitId")?;
    if !id.starts_with("ou-") {
        return Err(pattern("OrganizationalUnitId"));
    }
    let unit = turn.world.organization.unit_by_id(id).ok_or_else(|| {
        ApiError::new(
            400,
            "OrganizationalUnitNotFoundException",
            "You specified an organizational unit that doesn't exist.",
        )
    })?;
    Ok(json!({ "OrganizationalUnit": unit_json(turn.world, unit) }))
}

pub(super) fn list_for_parent(turn: &Turn<'_>, input: &Input) -> Result<Value, ApiError> {
    let parent = parent(turn, input)?;
    let organization = &turn.world.organization;
    let parent_of = |unit: &OrganizationalUnit| match unit.parent.as_deref().and_then(|name| organization.unit(name)) {
        Some(parent) => parent.id.clone(),
        None => organization.root_id.clone(),
    };
    let units = organization.units.iter().filter(|unit| parent_of(unit) == parent);
    Ok(page_of("OrganizationalUnits", paged(turn, input, units.map(|unit| unit_json(turn.world, unit)).collect())?))
}

/// The root or the unit that is asked about.
pub(super) fn parent<'i>(turn: &Turn<'_>, input: &'i Input) -> Result<&'i str, ApiError> {
    let parent = required(input, "ParentId")?;
    if !parent.starts_with("ou-") && !parent.starts_with("r-") {
        return Err(pattern("ParentId"));
    }
    let organization = &turn.world.organization;
    if parent != organization.root_id && organization.unit_by_id(parent).is_none() {
        return Err(ApiError::new(400, "ParentNotFoundException", "You specified a parent that doesn't exist."));
    }
    Ok(parent)
}

fn pattern(field: &str) -> ApiError {
    let text = format!("You provided a value for {field} that does not match the required pattern.");
    invalid_input(&text, "INVALID_PATTERN")
}

fn unit_json(world: &World, unit: &OrganizationalUnit) -> Value {
    let organization = &world.organization;
    json!({
        "Id": unit.id,
        "Arn": format!("arn:aws:organizations::{}:ou/{}/{}", organization.management_account, organization.id, unit.id),
        "Name": unit.name,
        "Path": organization.path_down_to(Some(&unit.name)),
    })
}
