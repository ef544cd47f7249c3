//! From the tables of a test file to tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use toml::de::DeValue;

use super::{
    Because, Case, Expect, Suite, Test,
    section::{At, Mistakes, Section, shown},
};
use crate::{
    authn::Scheme,
    authz::Principal,
    clock::Timestamp,
    policy::{Acts, Given, arguments, files, moment},
    types::{Kind, QueueRef, Rule, Violation},
};

/// Nobody reviews a longer table, and each case is a decision of its own.
const CASES_MAX: usize = 10_000;
const NAME_LENGTH_MAX: usize = 128;
const POLICIES_FIX: &str = r#"write `policies = ["policy/"]`, relative to this file"#;
/// What a test says that does not say why.
const REASON_DEFAULT: &str = "policy test";
/// Noon of a working day (2026-01-07T12:00:00Z, a Wednesday), so that a test does not depend on when it runs.
const NOW_DEFAULT: Timestamp = Timestamp::from_unix(1_767_787_200, 0);
/// Name of the listener that a caller comes through who does not say.
const LISTENER_DEFAULT: &str = "main";

type Callers = BTreeMap<String, Option<Principal>>;

/// The whole file. Whoever gives none has reported why.
pub(super) fn suite(root: Section<'_>, file: &str, mistakes: &Mistakes<'_>) -> Option<Suite> {
    let base = Path::new(file).parent().unwrap_or(Path::new(""));
    let policies = root.list("policies", path);
    let organization = root.value("organization", path);
    let groups = root.section("groups").map(|section| section.free(subjects).into_iter().collect());
    let callers = callers(&root);
    let mut tests: Vec<Test> = Vec::new();
    for section in root.tables("test", "is required: a file without tests proves nothing (add [[test]])") {
        let offset = section.offset;
        if let Some(test) = test(section, &callers, mistakes) {
            if tests.iter().any(|earlier| earlier.name == test.name) {
                mistakes.report(offset, format!("test.name: {:?} is given twice (rename one)", shown(&test.name)));
            }
            tests.push(test);
        }
        if tests.iter().map(|test| test.cases.len()).sum::<usize>() > CASES_MAX {
            mistakes.report(offset, format!("test: {}", too_many()));
            return None;
        }
    }
    root.refuse_unknown();
    let policies = policies.iter().map(|path| files::resolve(base, &path.value)).collect();
    let organization = organization.map(|path| files::resolve(base, &path.value));
    Some(Suite { file: file.to_owned(), policies, organization, groups, tests })
}

/// What is wrong here is told, and a default stands in for it, so that the rest is judged too: no file with a mistake
/// becomes a suite. A caller that is wrong is none, so that no test of it is told to name an unknown caller.
fn callers(root: &Section<'_>) -> Callers {
    let Some(callers) = root.section("callers") else { return Callers::new() };
    callers.sections().into_iter().map(|(name, section)| (name, caller(section))).collect()
}

fn caller(section: Section<'_>) -> Option<Principal> {
    let rule = |text: &str| arguments::subject(text);
    let subject = section.required("subject", "as the journal shows it", |value| parsed(value, rule));
    let scheme = section.value("scheme", |value| parsed(value, arguments::scheme));
    let listener = section.value("listener", text);
    let groups = section.list("groups", text);
    let attributes = section.section("attributes").map(|attributes| attributes.free(text).into_iter().collect());
    section.refuse_unknown();
    Some(Principal {
        scheme: scheme.map_or(Scheme::Mtls, |at| at.value),
        subject: subject?.value,
        listener: listener.map_or_else(|| LISTENER_DEFAULT.to_owned(), |at| at.value),
        groups: groups.into_iter().map(|at| at.value).collect(),
        attributes: attributes.unwrap_or_default(),
    })
}

fn test(section: Section<'_>, callers: &Callers, mistakes: &Mistakes<'_>) -> Option<Test> {
    let name = section.required("name", "say what it proves", test_name);
    let expect = section.required("expect", r#"write "allow" or "deny""#, expect);
    let because = section.has("because").then(|| section.list("because", text));
    let principals = named_callers(&section, callers);
    let acts = acts(&section);
    let cases = principals.zip(acts).and_then(|(principals, acts)| cases(&section, &principals, &acts));
    let place = mistakes.place(section.offset);
    section.refuse_unknown();
    let because = because.map(|because| {
        because.into_iter().map(|At { offset, value }| Because { name: value, place: mistakes.place(offset) }).collect()
    });
    Some(Test { name: name?.value, place, expect: expect?.value, because, cases: cases? })
}

fn named_callers(section: &Section<'_>, callers: &Callers) -> Option<Vec<(String, Principal)>> {
    let names = section.one_or_list("caller", "callers", text);
    if !section.has("caller") && !section.has("callers") {
        section.report("caller", "is required (name one of [callers])");
    }
    let mut found = Vec::new();
    for At { offset, value: name } in names {
        match callers.get(&name) {
            Some(principal) => found.extend(principal.clone().map(|principal| (name, principal))),
            None => {
                let known: Vec<String> = callers.keys().map(|name| shown(name)).collect();
                let words = format!("must be a caller of this file (known here: {})", known.join(", "));
                section.report_at(offset, "caller", &words);
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

fn acts(section: &Section<'_>) -> Option<Acts> {
    let kinds = section.one_or_list("operation", "operations", |value| parsed(value, arguments::kind));
    if !section.has("operation") && !section.has("operations") {
        section.report("operation", &format!("is required (known: {})", Kind::ALL.map(Kind::name).join(", ")));
    }
    let accounts = section.one_or_list("account", "accounts", |value| parsed(value, str::parse));
    let bucket = section.value("bucket", |value| parsed(value, str::parse));
    let queue = section.value("queue", |value| parsed(value, QueueRef::from_arn));
    let region = section.value("region", |value| parsed(value, str::parse));
    let given = section.section("arguments").map(|arguments| arguments.free(given)).unwrap_or_default();
    let ticket = section.value("ticket", |value| parsed(value, str::parse));
    let reason = section.value("reason", |value| parsed(value, str::parse));
    let now = section.value("now", time);
    let kinds: Vec<Kind> = kinds.into_iter().map(|at| at.value).collect();
    Some(Acts {
        kinds: Some(kinds).filter(|kinds| !kinds.is_empty())?,
        accounts: accounts.into_iter().map(|at| at.value).collect(),
        bucket: bucket.map(|at| at.value),
        queue: queue.map(|at| at.value),
        region: region.map(|at| at.value),
        reason: reason.map(|at| at.value).or_else(|| REASON_DEFAULT.parse().ok())?,
        ticket: ticket.map(|at| at.value),
        arguments: given.into_iter().collect(),
        now: now.map_or(NOW_DEFAULT, |at| at.value),
    })
}

/// The product of callers and acts.
fn cases(section: &Section<'_>, principals: &[(String, Principal)], acts: &Acts) -> Option<Vec<Case>> {
    if principals.len().saturating_mul(acts.kinds.len()).saturating_mul(acts.accounts.len().max(1)) > CASES_MAX {
        section.report("", &too_many());
        return None;
    }
    let mut cases = Vec::new();
    for (caller, principal) in principals {
        match acts.questions(principal) {
            Ok(questions) => {
                cases.extend(questions.into_iter().map(|question| Case { caller: caller.clone(), question }));
            }
            Err(violations) => {
                violations.iter().for_each(|violation| report(section, violation));
                return None;
            }
        }
    }
    Some(cases)
}

fn too_many() -> String {
    format!("more than {CASES_MAX} cases (split the file)")
}

/// What is missing because it was wrong is not told again.
fn report(section: &Section<'_>, Violation { field, rule }: &Violation) {
    let written = section.place_of(field);
    if written.is_none() || !rule.0.starts_with("is required") {
        section.report_at(written.unwrap_or(section.offset), field, &rule.0);
    }
}

fn parsed<T>(value: &DeValue<'_>, rule: impl Fn(&str) -> Result<T, Rule>) -> Result<T, String> {
    let text = value.as_str().ok_or_else(|| not("a text in quotes", value))?;
    rule(text).map_err(|rule| rule.to_string())
}

fn text(value: &DeValue<'_>) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| not("a text in quotes", value))?;
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

fn path(value: &DeValue<'_>) -> Result<String, String> {
    text(value).map_err(|words| format!("{words} ({POLICIES_FIX})"))
}

fn subjects(value: &DeValue<'_>) -> Result<BTreeSet<String>, String> {
    let array = value.as_array().ok_or_else(|| not("a list of subjects", value))?;
    array.iter().map(|value| parsed(value.get_ref(), arguments::subject)).collect()
}

fn test_name(value: &DeValue<'_>) -> Result<String, String> {
    let name = text(value)?;
    if name.chars().count() > NAME_LENGTH_MAX || name.chars().any(char::is_control) {
        return Err(format!("must have at most {NAME_LENGTH_MAX} characters, and be one line"));
    }
    Ok(name)
}

fn expect(value: &DeValue<'_>) -> Result<Expect, String> {
    match value.as_str() {
        Some("allow") => Ok(Expect::Allow),
        Some("deny") => Ok(Expect::Deny),
        _ => Err(r#"must be "allow" or "deny""#.to_owned()),
    }
}

fn given(value: &DeValue<'_>) -> Result<Given, String> {
    if let Some(text) = value.as_str() {
        return Ok(Given::Text(text.to_owned()));
    }
    if let Some(digits) = value.as_integer() {
        let number = i64::from_str_radix(digits.as_str(), digits.radix());
        return number.map(Given::Number).map_err(|_| "must be a number of at most 64 bits".to_owned());
    }
    if let Some(flag) = value.as_bool() {
        return Ok(Given::Flag(flag));
    }
    let array = value.as_array().ok_or_else(|| not("a text, a whole number, true, false or a list of texts", value))?;
    array.iter().map(|value| text(value.get_ref())).collect::<Result<_, _>>().map(Given::Texts)
}

/// In quotes, or as TOML's own date and time.
fn time(value: &DeValue<'_>) -> Result<Timestamp, String> {
    let text = value.as_datetime().map(ToString::to_string);
    let text = text.as_deref().or_else(|| value.as_str()).ok_or_else(|| not("a time", value))?;
    moment(text).map_err(|rule| rule.to_string())
}

fn not(expected: &str, value: &DeValue<'_>) -> String {
    let article = if matches!(value, DeValue::Integer(_) | DeValue::Array(_)) { "an" } else { "a" };
    format!("must be {expected}, not {article} {}", value.type_str())
}
