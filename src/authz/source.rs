//! Reads policies, and says with file, line and column what is wrong with them.

use std::{collections::HashMap, fmt, str::FromStr};

use aws_lc_rs::digest::{Context, SHA256};
use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use super::{SCHEMA, literals};
use crate::types::hex;

/// Policy files as they were read: name and text.
#[derive(Clone, Debug, Default)]
pub struct Sources(pub Vec<(String, String)>);

/// One thing that is wrong with a policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// `FILE:LINE:COLUMN`, or the file alone where no place is known.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

/// Everything that is wrong with a set of policy files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl Sources {
    /// Digest of names and texts, in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut context = Context::new(&SHA256);
        for (name, text) in &self.0 {
            // Lengths first, so that no two sets of files give the same bytes.
            context.update(&(name.len() as u64).to_be_bytes());
            context.update(name.as_bytes());
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        hex(context.finish().as_ref())
    }
}

impl PolicyErrors {
    /// An error of the schema itself, which tests make sure of.
    pub(super) fn of_schema(message: &str) -> Self {
        Self(vec![PolicyError { place: SCHEMA_FILE.to_owned(), message: message.to_owned() }])
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", error.place, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

const SCHEMA_FILE: &str = "schema.cedarschema";

/// How far policies may look from the caller and the resource: `resource.account in OrganizationalUnit::"..."` is two
/// steps, and nothing that the schema knows is further away. What matters is the rest of the rule (Cedar RFC 76): a policy
/// that looks into an entity which it names itself is refused, since a question does not bring that entity along.
const DEREFERENCES_MAX: u32 = 2;

/// Policies, and where each of them begins.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) policies: PolicySet,
    pub(super) places: HashMap<PolicyId, String>,
}

/// The schema, parsed.
pub(super) fn schema() -> Result<Schema, PolicyErrors> {
    Schema::from_str(SCHEMA).map_err(|error| errors_of(SCHEMA_FILE, SCHEMA, &error))
}

/// Parses every file and validates all of it strictly against the schema. A policy's id is `FILE#ID`, where ID is its
/// `@id("...")` annotation or its number in the file.
pub(super) fn load(sources: &Sources, schema: &Schema) -> Result<Parsed, PolicyErrors> {
    let mut all = PolicySet::new();
    let mut places = HashMap::new();
    let mut errors = Vec::new();
    for (file, text) in &sources.0 {
        match parse(file, text) {
            Ok(policies) => {
                for (policy, place) in policies {
                    let id = policy.id().clone();
                    let wrong = literals::mistakes(&policy).into_iter();
                    errors.extend(wrong.map(|message| PolicyError { place: place.clone(), message }));
                    places.insert(id.clone(), place);
                    if all.add(policy).is_err() {
                        let message = format!("policy id `{id}` is used twice; give each policy its own @id(\"...\")");
                        errors.push(PolicyError { place: file.clone(), message });
                    }
                }
            }
            Err(found) => errors.extend(found.0),
        }
    }
    let validator = Validator::new(schema.clone());
    let result = validator.validate_with_level(&all, ValidationMode::Strict, DEREFERENCES_MAX);
    errors.extend(result.validation_errors().map(|error| located(sources, error.policy_id(), error)));
    // A warning is a policy that can never apply, or a name that looks like another: a `forbid` with a typing error in its
    // condition would load, and forbid nothing.
    errors.extend(result.validation_warnings().map(|warning| located(sources, warning.policy_id(), warning)));
    if errors.is_empty() { Ok(Parsed { policies: all, places }) } else { Err(PolicyErrors(errors)) }
}

/// The policies of one file and their places.
fn parse(file: &str, text: &str) -> Result<Vec<(Policy, String)>, PolicyErrors> {
    let set = PolicySet::from_str(text).map_err(|error| errors_of(file, text, &error))?;
    if set.templates().next().is_some() {
        let message = "templates are not supported: write the principal and the resource out".to_owned();
        return Err(PolicyErrors(vec![PolicyError { place: file.to_owned(), message }]));
    }
    let mut parsed = Vec::new();
    let mut end = 0;
    // Cedar numbers the policies of a text in their order.
    for n in 0..set.num_of_policies() {
        let Some(policy) = set.policy(&PolicyId::new(format!("policy{n}"))) else {
            // A policy must never be left out, whatever Cedar calls it one day.
            let message = format!("policy {n} of the file cannot be found again; this is a defect of rootgate");
            return Err(PolicyErrors(vec![PolicyError { place: file.to_owned(), message }]));
        };
        let own = policy.to_cedar().unwrap_or_default();
        let start = skip_blank(text, end);
        let place = if text.get(start..).is_some_and(|rest| rest.starts_with(&own)) {
            end = start + own.len();
            at(file, text, start)
        } else {
            file.to_owned()
        };
        let id = policy.annotation("id").map_or_else(|| format!("policy{n}"), ToOwned::to_owned);
        parsed.push((policy.new_id(PolicyId::new(format!("{file}#{id}"))), place));
    }
    Ok(parsed)
}

/// Where the next policy begins: behind white space and comments.
fn skip_blank(text: &str, mut from: usize) -> usize {
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        from += blank;
        match rest.get(blank..) {
            Some(rest) if rest.starts_with("//") => from += rest.find('\n').unwrap_or(rest.len()),
            _ => return from,
        }
    }
}

/// A validation error in the file that its policy came from.
fn located(sources: &Sources, id: &PolicyId, error: &dyn Diagnostic) -> PolicyError {
    let id: &str = id.as_ref();
    let source =
        sources.0.iter().find(|(file, _)| id.strip_prefix(file.as_str()).is_some_and(|rest| rest.starts_with('#')));
    let (file, text) = source.map_or((id, ""), |(file, text)| (file.as_str(), text.as_str()));
    PolicyError { place: place(file, text, error), message: message(error) }
}

/// A diagnostic and those related to it, each at its place.
fn errors_of(file: &str, text: &str, diagnostic: &dyn Diagnostic) -> PolicyErrors {
    let one = |error: &dyn Diagnostic| PolicyError { place: place(file, text, error), message: message(error) };
    let related = diagnostic.related().into_iter().flatten().map(one);
    PolicyErrors(std::iter::once(one(diagnostic)).chain(related).collect())
}

fn message(error: &dyn Diagnostic) -> String {
    let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{error}{help}")
}

fn place(file: &str, text: &str, error: &dyn Diagnostic) -> String {
    let offset = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    offset.map_or_else(|| file.to_owned(), |offset| at(file, text, offset))
}

/// `FILE:LINE:COLUMN` of an offset.
fn at(file: &str, text: &str, offset: usize) -> String {
    let Some(before) = text.get(..offset) else { return file.to_owned() };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
    format!("{file}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load_text(text: &str) -> Result<PolicySet, PolicyErrors> {
        load(&Sources(vec![("a.cedar".to_owned(), text.to_owned())]), &schema().unwrap()).map(|parsed| parsed.policies)
    }

    #[test]
    fn a_policy_is_named_by_its_file_and_annotation() {
        let text = "@id(\"auditors\")\npermit(principal, action == Rootgate::Action::\"AuditRootCredentials\", resource);\n\
                    forbid(principal, action, resource);";
        let ids: Vec<String> = load_text(text).unwrap().policies().map(|p| p.id().to_string()).collect();
        assert!(ids.contains(&"a.cedar#auditors".to_owned()), "{ids:?}");
        assert!(ids.contains(&"a.cedar#policy1".to_owned()), "{ids:?}");
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let errors = load_text("permit(principal, action, resource);\npermit(principal,, resource);").unwrap_err();
        assert!(errors.0[0].place.starts_with("a.cedar:2:18"), "{errors}");
    }

    #[test]
    fn an_unknown_action_or_attribute_is_refused_at_its_place() {
        let unknown_action = "\n\npermit(principal, action == Rootgate::Action::\"Unlock\", resource);";
        let errors = load_text(unknown_action).unwrap_err();
        assert!(errors.0[0].place.starts_with("a.cedar:3:"), "{errors}");
        let unknown_attribute =
            "permit(principal, action == Rootgate::Action::\"AssumeRoot\", resource)\nwhen { context.why == \"x\" };";
        let errors = load_text(unknown_attribute).unwrap_err();
        assert!(errors.to_string().contains("a.cedar:2:"), "{errors}");
        assert!(errors.to_string().contains("why"), "{errors}");
    }

    #[test]
    fn a_policy_that_can_never_apply_is_refused() {
        let misspelt =
            "forbid(principal, action == Rootgate::Action::\"AssumeRoot\", resource)\nwhen { context has tickets };";
        let errors = load_text(misspelt).unwrap_err().to_string();
        assert!(errors.starts_with("a.cedar:1:") && errors.contains("impossible"), "{errors}");
    }

    #[test]
    fn every_error_of_every_file_is_reported() {
        let sources = Sources(vec![
            ("a.cedar".to_owned(), "permit(principal, action == Rootgate::Action::\"Nope\", resource);".to_owned()),
            ("b.cedar".to_owned(), "permit(".to_owned()),
        ]);
        let errors = load(&sources, &schema().unwrap()).unwrap_err().to_string();
        assert!(errors.contains("a.cedar:") && errors.contains("b.cedar:"), "{errors}");
    }

    #[test]
    fn two_policies_with_one_id_are_refused() {
        let twice = "@id(\"x\") forbid(principal, action, resource);\n".repeat(2);
        assert!(load_text(&twice).unwrap_err().to_string().contains("used twice"));
    }

    #[test]
    fn every_policy_has_its_place() {
        let one = "permit(principal, action, resource);";
        let two = "forbid(principal, action, resource) // which\nwhen { context.weekday < 6 };";
        let text = format!("// {one}\n//\u{e9}\n\n\u{a0} @id(\"x\") // why\n{one} {two}\n\t//{one}\n\t{one}//");
        let parsed = load(&Sources(vec![("a.cedar".to_owned(), text)]), &schema().unwrap()).unwrap();
        let mut places: Vec<&str> = parsed.places.values().map(String::as_str).collect();
        places.sort_unstable();
        assert_eq!(places, ["a.cedar:4:3", "a.cedar:5:38", "a.cedar:8:2"]);
    }

    #[test]
    fn the_digest_sees_names_and_texts() {
        let of = |name: &str, text: &str| Sources(vec![(name.to_owned(), text.to_owned())]).sha256();
        assert_eq!(of("a", "b"), of("a", "b"));
        assert_ne!(of("a", "b"), of("ab", ""));
        assert_ne!(of("a", "b"), of("a", "c"));
    }

    #[test]
    fn templates_are_refused() {
        let template = "permit(principal == ?principal, action, resource);";
        assert!(load_text(template).unwrap_err().to_string().contains("templates"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = load_text(&text);
        }
    }
}
