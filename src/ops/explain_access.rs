//! Says whether somebody may do an act, and why: the same evaluation as for the act itself, without a permit.

use serde_json::json;

use super::{Conclusion, Means, Operation};
use crate::{
    authz::{Argument, Ask, Explanation, Permit, Question, Target, Why},
    aws::Trail,
    error::Error,
    types::{Kind, Region},
};

/// Explains what policy says to a supposed question. It is no [`RootTask`](crate::authz::RootTask), so it can reach no
/// account.
#[derive(Clone, Debug)]
pub struct ExplainAccess {
    /// Who, what, when: a supposition, of which nothing is proven.
    pub about: Question,
    /// Why it is asked.
    pub why: Why,
}

impl Ask for ExplainAccess {
    const KIND: Kind = Kind::ExplainAccess;

    fn target(&self) -> Target {
        self.about.target.clone()
    }

    fn region(&self) -> Option<&Region> {
        self.about.region.as_ref()
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("about_subject", Argument::Text(self.about.principal.subject.clone())),
            ("about_operation", Argument::Text(self.about.kind.name().to_owned())),
        ]
    }
}

/// What policy says, and which policies said it.
#[derive(Clone, Debug)]
pub struct AccessExplained {
    /// The decision and its grounds.
    pub explanation: Explanation,
    /// SHA-256 of the policies that answered.
    pub policy_sha256: String,
}

impl Operation for ExplainAccess {
    type Output = AccessExplained;

    async fn act(permit: &Permit<Self>, means: Means<'_>, _trail: &Trail) -> Result<AccessExplained, Error> {
        let explanation = means.policies.explain(&permit.operation().about, means.at.tree.as_deref());
        Ok(AccessExplained { explanation, policy_sha256: means.policies.sha256().to_owned() })
    }

    fn conclude(explained: &AccessExplained) -> Conclusion {
        let Explanation { allowed, deciding, errors, .. } = &explained.explanation;
        let policies: Vec<&str> = deciding.iter().map(|policy| policy.id.as_str()).collect();
        let detail = json!({ "allowed": allowed, "policies": policies, "errors": errors });
        Conclusion { changed: Some(false), detail, shortfall: None }
    }
}
