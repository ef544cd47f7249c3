//! `[aws.broker]`: the roles through which root sessions are opened.

use std::collections::BTreeMap;

use crate::types::{RoleArn, TaskPolicy};

use super::super::{
    error::{Fault, Reported},
    table::Table,
    value::text_rule,
};

/// The roles through which root sessions are opened. At least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// For every task that has none of its own.
    pub role: Option<RoleArn>,
    /// By task.
    pub roles: BTreeMap<TaskPolicy, RoleArn>,
}

const ROLE_FIX: &str = r#"write `role = "arn:aws:iam::111122223333:role/rootgate-broker"`"#;

impl BrokerConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let role = table.optional("role", text_rule(role));
        let roles = table.section("roles", |roles| roles.map(task_name, text_rule(self::role)));
        let (role, roles) = (role?, roles?);
        let roles: BTreeMap<TaskPolicy, RoleArn> =
            roles.into_iter().filter_map(|(name, role)| Some((TaskPolicy::named(&name)?, role))).collect();
        if role.is_none() && roles.is_empty() {
            return Err(table.report(Fault::new("names no role", ROLE_FIX)));
        }
        Ok(Self { role, roles })
    }
}

fn role(text: &str) -> Result<RoleArn, Fault> {
    text.parse().map_err(|rule: crate::types::Rule| Fault::new(rule.to_string(), ROLE_FIX))
}

fn task_name(text: &str) -> Result<String, Fault> {
    if TaskPolicy::named(text).is_some() {
        return Ok(text.to_owned());
    }
    let known = TaskPolicy::ALL.map(TaskPolicy::name).join(", ");
    Err(Fault::new("must be the name of a root-task policy", format!("choose among {known}")))
}
