//! Decides, and makes permits.

use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Decision, Policy, PolicySet, Response, Schema};

use crate::authn::Caller;

use super::{
    Ask, Permit, PolicyErrors, Sources,
    entities::{Groups, question},
    source,
};

/// The loaded policies, ready to decide.
#[derive(Debug)]
pub struct Engine {
    schema: Schema,
    policies: PolicySet,
    groups: Groups,
    authorizer: Authorizer,
}

/// Why there is no permit. For operators: the caller learns only that the answer is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Ids of the policies that forbid; empty if simply nothing permits.
    pub policies: Vec<String>,
    /// What kept a policy from being evaluated. Not empty means that somebody must look at it.
    pub errors: Vec<String>,
}

impl Engine {
    /// Parses and validates policies.
    ///
    /// # Errors
    /// Everything that is wrong with them, with file, line and column.
    pub fn load(sources: &Sources, groups: Groups) -> Result<Self, PolicyErrors> {
        let schema = source::schema()?;
        let policies = source::load(sources, &schema)?;
        Ok(Self { schema, policies, groups, authorizer: Authorizer::new() })
    }

    /// How many policies there are.
    #[must_use]
    pub fn policies_count(&self) -> usize {
        self.policies.policies().count()
    }

    /// Groups that policies name and the configuration does not: nobody is in them, which may be meant, or a typing error.
    #[must_use]
    pub fn groups_without_members(&self) -> BTreeSet<String> {
        let literals = self.policies.policies().flat_map(Policy::entity_literals);
        let groups = literals.filter(|uid| uid.type_name().basename() == "Group");
        let names = groups.map(|uid| uid.id().unescaped().to_owned());
        names.filter(|name| !self.groups.contains_key(name)).collect()
    }

    /// Judges an operation. Any evaluation error is a denial: Cedar itself would skip the policy.
    ///
    /// # Errors
    /// The denial.
    pub fn authorize<O: Ask>(&self, operation: O, caller: Caller) -> Result<Permit<O>, Denial> {
        let (request, entities) = question(&operation, &caller, &self.groups, &self.schema).map_err(|error| {
            tracing::error!(operation = O::KIND.name(), error, "the question could not be put to the policies; denied");
            Denial { policies: Vec::new(), errors: vec![error] }
        })?;
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let policies = deciding_policies(&response);
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        match response.decision() {
            Decision::Allow if errors.is_empty() => Ok(Permit::new(operation, caller, policies)),
            Decision::Allow | Decision::Deny => {
                for error in &errors {
                    tracing::error!(operation = O::KIND.name(), error, "a policy could not be evaluated; denied");
                }
                Err(Denial { policies, errors })
            }
        }
    }
}

fn deciding_policies(response: &Response) -> Vec<String> {
    let mut ids: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_nobody_is_in_are_told() {
        let policy = "permit(principal in Rootgate::Group::\"ops\", action, resource);\n\
                      forbid(principal, action, resource) when { principal in Rootgate::Group::\"interns\" };";
        let sources = Sources(vec![("a.cedar".to_owned(), policy.to_owned())]);
        let groups = Groups::from([("ops".to_owned(), BTreeSet::from(["spiffe://example.org/alice".to_owned()]))]);
        let engine = Engine::load(&sources, groups).unwrap();
        assert_eq!(engine.groups_without_members(), BTreeSet::from(["interns".to_owned()]));
    }
}
