//! What is made from files other than the configuration, all of it or everything that is wrong with it.

use std::sync::Arc;

use super::{StartError, checkpoints, files, identity::Identities, listeners::Prepared, policies};
use crate::{
    authz::Engine,
    clock::Clock,
    config::{Config, OrganizationConfig},
    journal::Checkpointer,
    organization::Keeper,
    policy,
};

/// The parts that lie in files.
pub(super) struct Parts {
    pub(super) engine: Engine,
    pub(super) identities: Identities,
    pub(super) organization: Keeper,
    /// Who signs what the journal is; none if nobody asked for that.
    pub(super) checkpointer: Option<Arc<Checkpointer>>,
    /// In the order of the configuration's listeners.
    pub(super) prepared: Vec<Prepared>,
}

impl Parts {
    /// Loads them all.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub(super) fn load(config: &Config, clock: &dyn Clock) -> Result<Self, StartError> {
        let mut errors = Vec::new();
        let mut prepared = Vec::new();
        for listener in &config.listeners {
            prepared.extend(keep(&mut errors, Prepared::load(config, listener, clock)));
        }
        let engine = keep(&mut errors, engine(config));
        let identities = keep(&mut errors, Identities::load(config, clock).map_err(StartError::Identity));
        let organization = keep(&mut errors, organization(config, clock));
        let checkpointer = keep(&mut errors, checkpoints::checkpointer(config));
        match (engine, identities, organization, checkpointer) {
            (Some(engine), Some(identities), Some(organization), Some(checkpointer)) if errors.is_empty() => {
                Ok(Self { engine, identities, organization, checkpointer, prepared })
            }
            _ => Err(StartError::all(errors)),
        }
    }
}

/// Says which groups of the policies nobody is in, which may be meant, or a typing error in a `forbid`.
pub(super) fn warn_of_groups_without_members(engine: &Engine, config: &Config) {
    for group in groups_without_members(engine, config) {
        tracing::warn!(group, "policies name a group that the configuration does not: nobody is in it");
    }
}

/// Groups that policies name and the configuration does not: neither by a list of members, nor by an issuer's map.
pub(super) fn groups_without_members(engine: &Engine, config: &Config) -> Vec<String> {
    policies::groups_without_members(engine.groups_without_members(), config).into_iter().collect()
}

fn keep<T>(errors: &mut Vec<StartError>, result: Result<T, StartError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn engine(config: &Config) -> Result<Engine, StartError> {
    let sources = policy::files::read(&config.authorization.policies)?;
    let engine = Engine::load(&sources, config.authorization.groups.clone())?;
    check_needs(&engine, config).map_err(StartError::Organization)?;
    Ok(engine)
}

/// Whether the configuration has what the policies speak of. Without it every question about an account would be denied.
pub(super) fn check_needs(engine: &Engine, config: &Config) -> Result<(), String> {
    policy::check_needs(engine.needs_tree(), policies::known(config)).map_err(|rule| rule.to_string())
}

fn organization(config: &Config, clock: &dyn Clock) -> Result<Keeper, StartError> {
    match &config.organization {
        OrganizationConfig::None => Ok(Keeper::unused()),
        OrganizationConfig::Aws { stale_after, .. } => Ok(Keeper::of_aws(*stale_after)),
        OrganizationConfig::InFile(path) => {
            let text = files::read_text(path, "organization.file").map_err(StartError::Organization)?;
            let wrong = |errors| StartError::Organization(format!("{}: {errors}", path.display()));
            Keeper::from_text(&text, clock.now()).map_err(wrong)
        }
    }
}
