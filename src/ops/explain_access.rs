//! Says whether somebody may do an act, and why: the same evaluation as for the act itself, without a permit.

use serde_json::{Map, Value, json};

use super::{Conclusion, Means, Operation};
use crate::{
    authz::{Argument, Ask, Explanation, Permit, Question, Target, Terms, Why},
    aws::Trail,
    error::Error,
    types::{Kind, Region},
};

/// Explains what policy says to a supposed question. It is no [`RootTask`](crate::authz::RootTask), and an act gets
/// no permits: it can reach no account.
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

    fn terms(&self) -> Option<&Terms> {
        None
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("about_subject", Argument::Text(self.about.principal.subject.clone())),
            ("about_operation", Argument::Text(self.about.kind.name().to_owned())),
        ]
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// What policy says, and which policies said it.
#[derive(Clone, Debug)]
pub struct AccessExplained {
    /// The question, for the record: who asks about many suppositions leaves a trace of each.
    pub about: Question,
    /// The decision and its grounds.
    pub explanation: Explanation,
    /// SHA-256 of the policies that answered.
    pub policy_sha256: String,
}

impl Operation for ExplainAccess {
    type Output = AccessExplained;

    async fn act(permit: &Permit<Self>, means: Means<'_>, _trail: &Trail) -> Result<AccessExplained, Error> {
        let about = permit.operation().about.clone();
        let explanation = means.explainer.explain(&about);
        Ok(AccessExplained { about, explanation, policy_sha256: means.explainer.policy_sha256().to_owned() })
    }

    fn conclude(explained: &AccessExplained) -> Conclusion {
        let Explanation { allowed, deciding, errors, .. } = &explained.explanation;
        let policies: Vec<&str> = deciding.iter().map(|policy| policy.id.as_str()).collect();
        let Question { principal, reason, ticket, arguments, now, .. } = &explained.about;
        let arguments: Map<String, Value> =
            arguments.iter().map(|(name, argument)| (name.clone(), argument.into())).collect();
        let supposed = json!({
            "scheme": principal.scheme.name(),
            "listener": principal.listener,
            "groups": principal.groups,
            "attributes": principal.attributes,
            "reason": reason,
            "ticket": ticket,
            "arguments": arguments,
            "now": now.to_string(),
        });
        let detail = json!({ "allowed": allowed, "policies": policies, "errors": errors, "supposed": supposed });
        Conclusion { changed: Some(false), detail, shortfall: None }
    }
}
