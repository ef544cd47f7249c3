//! The organization's centralized root access features.

use super::{Answer, authorize};
use crate::error::ApiError;
use crate::protocol::Xml;
use crate::task_policies::Feature;
use crate::turn::Turn;
use crate::world::FeatureSet;

const IAM: &str = "iam.amazonaws.com";

pub(super) fn handle(turn: &mut Turn<'_>, action: &str) -> Answer {
    authorize(turn, action, "*")?;
    may_manage(turn, action.starts_with("Enable"))?;
    let feature =
        if action.ends_with("RootSessions") { Feature::RootSessions } else { Feature::RootCredentialsManagement };
    let features = &mut turn.world.organization.root_features;
    if action.starts_with("Enable") {
        features.insert(feature.name().to_owned());
    } else if action.starts_with("Disable") {
        features.remove(feature.name());
    }
    let mut xml = Xml::new();
    xml.text("OrganizationId", &turn.world.organization.id).element("EnabledFeatures", |xml| {
        for name in &turn.world.organization.root_features {
            xml.text("member", name);
        }
    });
    Ok(Some(xml))
}

/// Features are switched on by the management account alone; its delegate may list them and, in AWS too, switch them off.
fn may_manage(turn: &Turn<'_>, enabling: bool) -> Result<(), ApiError> {
    let (world, account) = (&turn.world, turn.account());
    let refused = |code: &str, text: String| Err(ApiError::new(400, code, text));
    if !world.account(account).is_some_and(|found| found.in_organization) {
        return refused(
            "OrganizationNotFoundException",
            format!("Account {account} is not a member of an organization."),
        );
    }
    if world.organization.feature_set != FeatureSet::All {
        return refused(
            "OrganizationNotInAllFeaturesModeException",
            "The organization does not have all features enabled.".to_owned(),
        );
    }
    if enabling && !world.is_management(account) {
        return refused(
            "CallerIsNotManagementAccountException",
            format!(
                "Caller account {account} is not management account of the organization and cannot enable IAM features."
            ),
        );
    }
    if !world.is_management(account) && !world.organization.is_delegate(account, IAM) {
        return refused(
            "AccountNotManagementOrDelegatedAdministratorException",
            format!("Input account {account} is neither management account nor delegated admin."),
        );
    }
    if !world.organization.trusted_services.contains_key(IAM) {
        return refused(
            "ServiceAccessNotEnabledException",
            format!("Trusted Access for IAM not enabled by organization of input account {account}."),
        );
    }
    Ok(())
}
