//! Decides, and makes permits.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{Authorizer, Decision, Schema};

use super::{
    AccountFacts, Argument, Ask, Circumstances, Deciding, Explanation, Groups, NearMiss, Permit, PlacementFacts,
    PolicyErrors, Principal, Question, Sources, Target, Tree, TreeNeeds, Unmet,
    entities::{Case, Vocabulary},
    near,
    policies::Policies,
    source,
    tree::Placement,
};
use crate::{authn::Caller, types::Exposure};

/// Which region a bucket is in is found only after the decision, so nobody may leave it out where it decides.
const REGION_NOT_SAID: &str =
    "policies ask for the region, which the request does not say: the caller has to name the bucket's region";

/// The loaded policies, ready to decide.
#[derive(Debug)]
pub struct Engine {
    schema: Schema,
    vocabulary: Vocabulary,
    policies: Policies,
    groups_of_subject: HashMap<String, BTreeSet<String>>,
    groups_configured: BTreeSet<String>,
    authorizer: Authorizer,
    sha256: String,
}

/// Why there is no permit. For operators: the caller learns only that the answer is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Ids of the policies that forbid; empty if simply nothing permits, or if `errors` decided.
    pub policies: Vec<String>,
    /// What kept the question from being decided. Not empty means that somebody must look at it.
    pub errors: Vec<String>,
}

/// What the policies say.
#[derive(Debug, Default)]
struct Judgement {
    allowed: bool,
    deciding: Vec<String>,
    errors: Vec<String>,
}

/// Every policy could fail; the first ones say enough for a log line and a record.
const ERRORS_MAX: usize = 10;
/// Enough for a sentence of Cedar's; what is longer repeats what a caller wrote.
const ERROR_CHARS_MAX: usize = 1000;

impl Judgement {
    /// Refused because it could not be decided.
    fn failed(mut errors: Vec<String>) -> Self {
        errors.sort_unstable();
        errors.truncate(ERRORS_MAX);
        let one_line = |c: char| if c.is_control() { ' ' } else { c };
        let cut = |error: &String| error.chars().map(one_line).take(ERROR_CHARS_MAX).collect();
        Self { errors: errors.iter().map(cut).collect(), ..Self::default() }
    }
}

impl Engine {
    /// Parses and validates policies.
    ///
    /// # Errors
    /// Everything that is wrong with them, with file, line and column.
    pub fn load(sources: &Sources, groups: Groups) -> Result<Self, PolicyErrors> {
        let schema = source::schema()?;
        let vocabulary = Vocabulary::new().map_err(|error| PolicyErrors::of_schema(&error.to_string()))?;
        let actions = schema.action_entities().map_err(|error| PolicyErrors::of_schema(&error.to_string()))?;
        let policies = Policies::new(source::load(sources, &schema)?, &actions, &vocabulary)?;
        let mut groups_of_subject: HashMap<String, BTreeSet<String>> = HashMap::new();
        for (group, subjects) in &groups {
            for subject in subjects {
                groups_of_subject.entry(subject.clone()).or_default().insert(group.clone());
            }
        }
        Ok(Self {
            schema,
            vocabulary,
            policies,
            groups_of_subject,
            groups_configured: groups.into_keys().collect(),
            authorizer: Authorizer::new(),
            sha256: sources.sha256(),
        })
    }

    /// How many policies there are.
    #[must_use]
    pub fn policies_count(&self) -> usize {
        self.policies.count()
    }

    /// Every policy, in the order of their ids.
    #[must_use]
    pub fn policies(&self) -> Vec<Deciding> {
        self.policies.describe_all()
    }

    /// Digest of the policies' text: which rules are in force. 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Groups that policies name and the configuration does not: nobody is in them but by a token, which may be meant, or a
    /// typing error.
    #[must_use]
    pub fn groups_without_members(&self) -> BTreeSet<String> {
        self.policies.groups().difference(&self.groups_configured).cloned().collect()
    }

    /// What the policies ask of the organization. If they need tags and no tags are read, refuse to put them in force.
    #[must_use]
    pub fn needs_tree(&self) -> TreeNeeds {
        self.policies.needs()
    }

    /// Judges an operation. Any error is a denial: Cedar itself would skip the policy.
    ///
    /// # Errors
    /// The denial.
    pub fn authorize<O: Ask>(&self, operation: O, caller: Caller, at: &Circumstances) -> Result<Permit<O>, Denial> {
        let question = Question::of(&operation, Principal::from(&caller), at.now);
        // The question of an operation always fits the schema; what only tests can find out costs no request its time.
        let schema = cfg!(debug_assertions).then_some(&self.schema);
        let Judgement { allowed, deciding, errors } = self.judge(&question, at.tree.as_deref(), schema);
        for error in &errors {
            tracing::error!(operation = O::KIND.name(), error, "the policies could not decide; denied");
        }
        if allowed { Ok(Permit::new(operation, caller, deciding)) } else { Err(Denial { policies: deciding, errors }) }
    }

    /// Says how a question is decided, and why, by the very evaluation that [`Self::authorize`] uses. No permit comes of it.
    /// A question that no operation asks, say with an argument that there is none of, is refused.
    #[must_use]
    pub fn explain(&self, question: &Question, tree: Option<&Tree>) -> Explanation {
        let Judgement { allowed, deciding, errors } = self.judge(question, tree, Some(&self.schema));
        let deciding: Vec<Deciding> = deciding.iter().filter_map(|id| self.policies.describe(id)).collect();
        let account = question.target.account().map(|id| {
            let placement = tree.and_then(|tree| tree.placement(id)).as_ref().map(PlacementFacts::from);
            AccountFacts { id, placement }
        });
        Explanation {
            allowed,
            deciding,
            errors,
            in_groups: self.groups(&question.principal).into_iter().map(ToOwned::to_owned).collect(),
            account,
        }
    }

    /// The permits that are about this act and this principal, and did not permit it: for people who ask why nothing did.
    /// Meant for a refusal that no policy decided.
    #[must_use]
    pub fn near_misses(&self, question: &Question, tree: Option<&Tree>) -> Vec<NearMiss> {
        let Ok(case) = self.case(question, tree, Some(&self.schema)) else { return Vec::new() };
        let exposes = exposes(question);
        let knows = |id: &str| case.applicable.knows_exposure.contains(id);
        let near = case.applicable.policies.all().filter_map(|policy| {
            let unmet = match near::unmet(policy, &case.request, &case.entities)? {
                Unmet::Condition if exposes && !knows(policy.id().as_ref()) => Unmet::Exposure,
                unmet => unmet,
            };
            Some(NearMiss { policy: self.policies.describe(policy.id().as_ref())?, unmet })
        });
        let mut near: Vec<NearMiss> = near.collect();
        near.sort_unstable_by(|a, b| a.policy.id.cmp(&b.policy.id));
        near
    }

    /// The one evaluation.
    fn judge(&self, question: &Question, tree: Option<&Tree>, schema: Option<&Schema>) -> Judgement {
        match self.case(question, tree, schema) {
            Ok(case) => self.answer(&case, exposes(question)),
            Err(error) => Judgement::failed(vec![error]),
        }
    }

    /// The question in Cedar's words, unless something is missing to put it.
    pub(super) fn case(
        &self,
        question: &Question,
        tree: Option<&Tree>,
        schema: Option<&Schema>,
    ) -> Result<Case<'_>, String> {
        let kind = question.kind;
        let applicable = self.policies.about(kind).ok_or_else(|| format!("no policy can be about {kind}"))?;
        let account = question.target.account();
        let placement = account.and_then(|account| tree?.placement(account));
        if applicable.asks_for_region && question.region.is_none() && matches!(question.target, Target::Bucket(..)) {
            return Err(REGION_NOT_SAID.to_owned());
        }
        // The whole journal is nowhere in the organization, which is known without a tree.
        if applicable.needs.any() && account.is_some() && placement.is_none() {
            return Err(unplaced(tree));
        }
        let groups = self.groups(&question.principal);
        self.vocabulary.case(question, applicable, &groups, placement.as_ref(), schema)
    }

    /// A forbid overrules every permit, and without a permit the answer is no, as Cedar decides over one set of policies. If
    /// the act `exposes`, only permits count that ask how far it may.
    fn answer(&self, case: &Case<'_>, exposes: bool) -> Judgement {
        let (mut permits, mut forbids, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for policies in case.applicable.policies.matching(&case.lineage) {
            let response = self.authorizer.is_authorized(&case.request, policies, &case.entities);
            errors.extend(response.diagnostics().errors().map(|error| self.policies.locate(error)));
            let deciding = match response.decision() {
                Decision::Allow => &mut permits,
                Decision::Deny => &mut forbids,
            };
            deciding.extend(response.diagnostics().reason().map(|id| AsRef::<str>::as_ref(id).to_owned()));
        }
        if !errors.is_empty() {
            return Judgement::failed(errors);
        }
        if exposes {
            // Who wrote a permit without a thought of this has not permitted it.
            permits.retain(|id| case.applicable.knows_exposure.contains(id));
        }
        let allowed = forbids.is_empty() && !permits.is_empty();
        let mut deciding = if allowed { permits } else { forbids };
        deciding.sort_unstable();
        Judgement { allowed, deciding, errors }
    }

    /// Every group that the principal is in.
    fn groups<'a>(&'a self, principal: &'a Principal) -> BTreeSet<&'a str> {
        let configured = self.groups_of_subject.get(&principal.subject).into_iter().flatten();
        principal.groups.iter().chain(configured).map(String::as_str).collect()
    }
}

/// Whether the act may install a policy that grants to somebody outside the organization.
fn exposes(question: &Question) -> bool {
    let within = |accepted: &Argument| *accepted == Argument::Text(Exposure::Organization.name().to_owned());
    question.arguments.get("accept_exposure").is_some_and(|accepted| !within(accepted))
}

/// Why it is not known where an account is.
fn unplaced(tree: Option<&Tree>) -> String {
    let why = match tree {
        None => "the organization is not known, or was read too long ago",
        Some(_) => "the account is not in the organization as it was read last",
    };
    format!("policies ask for the account's organizational unit, name or tags, but {why}; see [organization]")
}

impl From<&Placement<'_>> for PlacementFacts {
    fn from(placement: &Placement<'_>) -> Self {
        let units = placement.units.iter().map(|(id, unit)| ((*id).to_owned(), unit.name.clone()));
        Self {
            organization_id: placement.organization_id.to_owned(),
            units: units.collect(),
            name: placement.member.name.clone(),
            tags: placement.member.tags.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
