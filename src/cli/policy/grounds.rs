//! Where policies, groups and the organization come from: a configuration, or the command line.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure};
use crate::{
    config::{Config, OrganizationConfig},
    policy::{self, Grounds},
};

/// Where the policies are.
#[derive(Args, Debug)]
pub(super) struct PolicyArgs {
    /// Take policies, groups and the organization file from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A policy file, or a folder of *.cedar files; may be given several times
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    policies: Vec<PathBuf>,
}

/// The same, and what they speak about.
#[derive(Args, Debug)]
pub(super) struct GroundsArgs {
    #[command(flatten)]
    policies: PolicyArgs,
    /// The organization's file, in place of the configuration's
    #[arg(long, value_name = "FILE")]
    organization: Option<PathBuf>,
    /// A member of a group, beside those of the configuration; may be given several times
    #[arg(long = "group", value_name = "NAME=SUBJECT", value_parser = member)]
    groups: Vec<(String, String)>,
}

impl PolicyArgs {
    /// Empty if nothing is said.
    pub(super) fn load(&self) -> Result<Grounds, Failure> {
        Ok(match &self.config {
            Some(config) => of_config(&Config::load(config)?),
            None => Grounds { policies: self.policies.clone(), ..Grounds::default() },
        })
    }
}

impl GroundsArgs {
    pub(super) fn load(&self) -> Result<Grounds, Failure> {
        let mut grounds = self.policies.load()?;
        if grounds.policies.is_empty() {
            return Err(Failure::new(Exit::Usage, "say --config FILE, or --policies PATH"));
        }
        if self.organization.is_some() {
            grounds.organization.clone_from(&self.organization);
        }
        for (group, subject) in &self.groups {
            grounds.groups.entry(group.clone()).or_default().insert(subject.clone());
        }
        Ok(grounds)
    }
}

/// Policies, groups and the organization file of a configuration. AWS is not asked here: with `source = "aws"`, policies
/// that need the organization cannot be decided, and say so.
pub(super) fn of_config(config: &Config) -> Grounds {
    let organization = match &config.organization {
        OrganizationConfig::InFile(file) => Some(file.clone()),
        OrganizationConfig::None | OrganizationConfig::Aws { .. } => None,
    };
    Grounds {
        policies: config.authorization.policies.clone(),
        groups: config.authorization.groups.clone(),
        organization,
    }
}

fn member(text: &str) -> Result<(String, String), String> {
    let (group, subject) = pair(text)?;
    Ok((group, policy::subject(&subject).map_err(|rule| rule.to_string())?))
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}
