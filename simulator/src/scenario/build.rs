//! From the file as written to a world that makes sense.

mod check;
mod parts;

use std::collections::BTreeSet;

use self::check::Checker;
use super::error::ScenarioError;
use super::raw;
use crate::world::{Account, Delegation, Organization, OrganizationalUnit, Settings, World};

/// Start of the year 2020: when everything began that has no date of its own.
const LONG_AGO: i64 = 1_577_836_800;

/// Builds the world, or says what is wrong with it.
pub(super) fn world(file: raw::File, source: &str) -> Result<World, ScenarioError> {
    let check = Checker::new(source);
    let settings = settings(file.settings, &check)?;
    let mut world =
        World { settings, organization: organization(file.organization, file.ou, &check)?, ..World::default() };
    for raw in file.account {
        let line = raw.id.clone();
        let account = account(raw, &world.organization, &check)?;
        if let Some(taken) = world.accounts.insert(account.id.clone(), account) {
            return Err(check.fail(&line, format!("account {} is there twice", taken.id)));
        }
    }
    references(&world)?;
    unique_names(&world)?;
    Ok(world)
}

fn settings(raw: raw::Settings, check: &Checker<'_>) -> Result<Settings, ScenarioError> {
    if let Some(size) = raw.page_size.as_ref().filter(|size| *size.get_ref() == 0) {
        return Err(check.fail(size, "page_size must be at least 1".to_owned()));
    }
    Ok(Settings {
        page_size: raw.page_size.map(toml::Spanned::into_inner),
        empty_first_page: raw.empty_first_page,
        pretend_tls: raw.pretend_tls.unwrap_or(true),
        account_status: raw.account_status,
        aws_queue_urls: raw.aws_queue_urls,
        strict_home_region: raw.strict_home_region,
        queue_stale_reads: raw.queue_stale_reads,
        compact_policies: raw.compact_policies,
    })
}

fn organization(
    raw: raw::Organization,
    units: Vec<raw::Unit>,
    check: &Checker<'_>,
) -> Result<Organization, ScenarioError> {
    check.organization_id(&raw.id)?;
    let features: Result<BTreeSet<String>, _> = raw.root_features.iter().map(|name| check.feature(name)).collect();
    let delegation = |raw: raw::Delegation| {
        Ok(Delegation { account: check.account_id(&raw.account)?, service_principal: raw.service, since: LONG_AGO })
    };
    Ok(Organization {
        id: raw.id.into_inner(),
        root_id: raw.root_id,
        management_account: check.account_id(&raw.management_account)?,
        feature_set: raw.feature_set,
        trusted_services: raw.trusted_services.into_iter().map(|service| (service, LONG_AGO)).collect(),
        root_features: features?,
        delegations: raw.delegated_administrator.into_iter().map(delegation).collect::<Result<_, _>>()?,
        scps: check.policies(raw.scps)?,
        rcps: check.policies(raw.rcps)?,
        units: self::units(units, check)?,
    })
}

fn units(raw: Vec<raw::Unit>, check: &Checker<'_>) -> Result<Vec<OrganizationalUnit>, ScenarioError> {
    let mut units: Vec<OrganizationalUnit> = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        // A parent has to stand above its children in the file, so the tree cannot have a circle.
        if let Some(parent) = raw.parent.as_ref().filter(|name| !units.iter().any(|unit| unit.name == *name.get_ref()))
        {
            return Err(check.fail(parent, format!("no [[ou]] named {:?} stands above this one", parent.get_ref())));
        }
        if units.iter().any(|unit| unit.name == *raw.name.get_ref()) {
            return Err(check.fail(&raw.name, format!("the OU {:?} is there twice", raw.name.get_ref())));
        }
        units.push(OrganizationalUnit {
            id: raw.id.unwrap_or_else(|| format!("ou-exam-{index:08}")),
            name: raw.name.into_inner(),
            parent: raw.parent.map(toml::Spanned::into_inner),
            scps: check.policies(raw.scps)?,
            rcps: check.policies(raw.rcps)?,
            tags: raw.tags,
        });
    }
    Ok(units)
}

fn account(raw: raw::Account, organization: &Organization, check: &Checker<'_>) -> Result<Account, ScenarioError> {
    let id = check.account_id(&raw.id)?;
    if let Some(ou) = raw.ou.as_ref().filter(|name| organization.unit(name.get_ref()).is_none()) {
        return Err(check.fail(ou, format!("there is no [[ou]] named {:?}", ou.get_ref())));
    }
    let mut principals = Vec::new();
    for user in raw.user {
        principals.push(parts::user(&id, user, check)?);
    }
    for role in raw.role {
        principals.push(parts::role(&id, role, check)?);
    }
    Ok(Account {
        email: raw.email.unwrap_or_else(|| format!("aws+{id}@example.com")),
        in_organization: raw.in_organization.unwrap_or(true),
        ou: raw.ou.map(toml::Spanned::into_inner),
        state: raw.state,
        joined: LONG_AGO,
        scps: check.policies(raw.scps)?,
        rcps: check.policies(raw.rcps)?,
        tags: raw.tags,
        disabled_sts_regions: raw.disabled_sts_regions.into_iter().collect(),
        principals,
        root: parts::root(raw.root, check)?,
        buckets: parts::buckets(raw.bucket, check)?,
        queues: parts::queues(raw.queue, check)?,
        name: raw.name,
        id,
    })
}

fn references(world: &World) -> Result<(), ScenarioError> {
    let management = &world.organization.management_account;
    let delegates = world.organization.delegations.iter().map(|delegation| &delegation.account);
    match delegates.chain([management]).find(|id| !world.accounts.contains_key(*id)) {
        Some(id) => {
            Err(ScenarioError::new(None, format!("account {id} is named in [organization] and has no [[account]]")))
        }
        None => Ok(()),
    }
}

/// Names and keys are what tests and people look things up by, so they are unique over the whole scenario.
fn unique_names(world: &World) -> Result<(), ScenarioError> {
    let mut seen = BTreeSet::new();
    for account in world.accounts.values() {
        let names = account.principals.iter().map(|principal| format!("the principal {:?}", principal.name));
        let keys = account.principals.iter().map(|principal| &principal.access_key.access_key_id);
        let root_keys = account.root.access_keys.iter().map(|key| &key.id);
        let keys = keys.chain(root_keys).map(|id| format!("the access key {id:?}"));
        let buckets = account.buckets.keys().map(|name| format!("the bucket {name:?}"));
        for name in names.chain(keys).chain(buckets) {
            if !seen.insert(name.clone()) {
                return Err(ScenarioError::new(
                    None,
                    format!("{name} is there twice; such names are unique over all accounts"),
                ));
            }
        }
    }
    Ok(())
}
