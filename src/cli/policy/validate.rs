//! `rootgate policy validate`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Exit, Failure, GOOD, NOTE, Output, grounds, refuse};
use crate::{
    app,
    config::Config,
    policy::{self, Mistake, Rules},
    types::printable,
};

/// Arguments of `validate`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ValidateArgs {
    /// Policy files, and folders of *.cedar files
    #[arg(value_name = "PATH", required_unless_present = "config")]
    paths: Vec<PathBuf>,
    /// Take policies, groups and the organization file from this configuration; PATHs take the place of its policies
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ValidateArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let config = args.config.as_deref().map(Config::load).transpose()?;
    let rules = match load(args, config.as_ref()) {
        Ok(rules) => rules,
        Err(error) => return Err(refuse(&error, args.json, output)?),
    };
    // Without a configuration nobody is in any group, which says nothing.
    let empty = config.map(|config| app::groups_without_members(rules.groups_without_members(), &config));
    if args.json {
        let (policies, files) = (rules.policies_count(), &rules.files);
        let report = json!({ "ok": true, "policies": policies, "files": files, "groups_without_members": empty });
        writeln!(output.out(), "{report:#}")?;
    } else {
        text(&rules, output)?;
        for group in empty.iter().flatten() {
            let group = printable(group);
            writeln!(output.out(), "{NOTE}note{NOTE:#}: nobody is in the group {group} (see authorization.groups)")?;
        }
    }
    Ok(Exit::Ok)
}

fn load(args: &ValidateArgs, config: Option<&Config>) -> Result<Rules, policy::Error> {
    let mut grounds = config.map(grounds::of_config).unwrap_or_default();
    if !args.paths.is_empty() {
        grounds.policies.clone_from(&args.paths);
    }
    let rules = Rules::load(&grounds)?;
    if let (Some(config), Some(file)) = (config, &args.config) {
        rules.check_needs(app::known(config)).map_err(|rule| {
            policy::Error::Wrong(vec![Mistake { place: file.display().to_string(), message: rule.to_string() }])
        })?;
    }
    Ok(rules)
}

fn text(rules: &Rules, output: &mut Output<'_>) -> Result<(), Failure> {
    let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let policies = count(rules.policies_count(), "policy", "policies");
    let files = count(rules.files.len(), "file", "files");
    writeln!(output.out(), "{GOOD}good{GOOD:#}: {policies} in {files}")?;
    for file in &rules.files {
        writeln!(output.out(), "  {}", printable(file))?;
    }
    Ok(())
}
