//! Tables over operation kinds and error reasons: complete, and without wildcard.

use std::collections::BTreeSet;

use crate::{
    none,
    source::{Source, closing, gateway, one, read},
};

const KIND: &str = "src/types/kind.rs";
/// Files in which every match is a table.
const TABLE_FILES: [&str; 7] = [
    KIND,
    "src/types/task_policy.rs",
    "src/types/credential.rs",
    "src/gate/limits.rs",
    "src/error/reason.rs",
    "src/error/transient.rs",
    "src/rpc/status.rs",
];

const RULE: &str = "a table over kinds or reasons names each of them, so that a new one does not compile until somebody \
                    has decided; write the variants out";

/// The patterns of each `match`, with its place.
fn matches(source: &Source) -> Vec<(usize, Vec<&str>)> {
    let keywords = source.word_names("match").into_iter();
    keywords.filter_map(|at| Some((at, patterns(body(&source.code[at..])?)))).collect()
}

/// The inside of the first braces that are not within brackets.
fn body(text: &str) -> Option<&str> {
    let mut at = 0;
    loop {
        at += text[at..].find(['{', '(', '['])?;
        let end = at + closing(&text[at..])?;
        if text[at..].starts_with('{') {
            return Some(&text[at + 1..end]);
        }
        at = end + 1;
    }
}

fn patterns(body: &str) -> Vec<&str> {
    let mut patterns = Vec::new();
    let mut rest = body;
    while let Some(arrow) = outside_brackets(rest, "=>") {
        let (pattern, arm) = (&rest[..arrow], rest[arrow + 2..].trim_start());
        patterns.push(pattern.split(" if ").next().unwrap_or_default().trim());
        rest = if arm.starts_with('{') {
            closing(arm).map_or("", |end| arm[end + 1..].trim_start().trim_start_matches(','))
        } else {
            outside_brackets(arm, ",").map_or("", |comma| &arm[comma + 1..])
        };
    }
    patterns
}

fn outside_brackets(text: &str, sought: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        if depth == 0 && text[at..].starts_with(sought) {
            return Some(at);
        }
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn is_wildcard(pattern: &str) -> bool {
    // A comma within type arguments may have cut the arm before: what counts is what stands behind the last one.
    let last = pattern.rsplit(',').next().unwrap_or_default().trim();
    last.split('|').map(str::trim).any(|pattern| {
        let is_binding = |c: char| c.is_lowercase() || c.is_ascii_digit() || c == '_';
        !pattern.is_empty() && pattern.chars().all(is_binding) && !["true", "false"].contains(&pattern)
    })
}

fn names_kind(text: &str) -> bool {
    text.match_indices("Kind::").any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn violations(source: &Source) -> Vec<String> {
    let is_table_file = TABLE_FILES.contains(&source.path.as_str());
    let tables = matches(source)
        .into_iter()
        .filter(|(_, patterns)| is_table_file || patterns.iter().any(|pattern| names_kind(pattern)));
    let wild = tables.filter(|(_, patterns)| patterns.iter().any(|pattern| is_wildcard(pattern)));
    let mut found: Vec<String> = wild.map(|(at, _)| format!("{}: a wildcard: {RULE}", source.place(at))).collect();
    for at in source.words().filter(|word| word.text == "matches").map(|word| word.at) {
        if body_of_macro(&source.code[at..]).is_some_and(names_kind) {
            found.push(format!("{}: `matches!` is a wildcard: {RULE}", source.place(at)));
        }
    }
    for comparison in ["== Kind::", "!= Kind::"] {
        for (at, _) in source.code.match_indices(comparison) {
            found.push(format!("{}: `{comparison}` is a wildcard: {RULE}", source.place(at)));
        }
    }
    found
}

fn body_of_macro(text: &str) -> Option<&str> {
    let open = text.find("!(")? + 1;
    (open < "matches! ".len() + 1).then(|| closing(&text[open..]).map(|end| &text[open..open + end]))?
}

/// The variants of an enum.
pub(crate) fn variants(source: &Source, name: &str) -> BTreeSet<String> {
    let at = source.code.find(&format!("enum {name}")).unwrap_or_else(|| panic!("{} has no enum {name}", source.path));
    let (body, _) = source.block(at).expect("an enum has a body");
    let names = body.split(',').map(|variant| variant.rsplit(']').next().unwrap_or_default().trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn tables_over_kinds_and_reasons_have_no_wildcard() {
    none(&gateway().flat_map(violations).collect::<Vec<_>>());
}

#[test]
fn all_kinds_are_in_the_list_of_kinds() {
    let kinds = one(KIND);
    let at = kinds.code.find("const ALL").expect("Kind::ALL");
    // Behind the type, which has a semicolon of its own.
    let list = kinds.code[at..].split("= [").nth(1).and_then(|list| list.split(']').next()).expect("a list");
    let listed: BTreeSet<String> =
        list.split(',').filter_map(|name| Some(name.trim().strip_prefix("Self::")?.to_owned())).collect();
    assert_eq!(listed, variants(kinds, "Kind"), "Kind::ALL must list every kind: tests go through it");
}

#[test]
fn the_policy_schema_knows_exactly_the_kinds() {
    let schema = read("src/authz/schema.cedarschema");
    let actions: BTreeSet<String> = schema
        .lines()
        .filter_map(|line| line.trim().strip_prefix("action ")?.split_once(" in [").map(|(name, _)| name.to_owned()))
        .collect();
    let kinds = variants(one(KIND), "Kind");
    assert_eq!(actions, kinds, "each kind is an action of src/authz/schema.cedarschema, and no other");
}

#[test]
fn every_kind_is_an_rpc() {
    let rpcs = crate::documents::rpcs();
    let strange: Vec<String> = variants(one(KIND), "Kind").difference(&rpcs).cloned().collect();
    assert!(strange.is_empty(), "kinds that are no RPC of proto/: {strange:?}");
}

#[test]
fn health_knows_every_service() {
    let health = read("src/app/health.rs");
    let missing: Vec<String> = crate::documents::services()
        .into_iter()
        .filter(|name| !health.contains(&format!("\"rootgate.v1.{name}\"")))
        .collect();
    assert!(
        missing.is_empty(),
        "src/app/health.rs says nothing of {missing:?}: a load balancer would be left guessing"
    );
}

#[test]
fn a_wildcard_is_found() {
    let count = |path: &str, text: &str| violations(&Source::new(path, text)).len();
    let good = "fn a(k: Kind) { match k { Kind::A | Kind::B => f::<X, Y>(), Kind::C => { 1 } Kind::D(_) => [1, 2], } }";
    assert_eq!(count("src/ops.rs", good), 0);
    for arm in ["_ => 1,", "other => 1,", "Kind::E | _ => 1,", "_ if x => 1,", "_x => 1,"] {
        let bad = good.replace("Kind::D(_) =>", &format!("{arm} Kind::D(_) =>"));
        assert_eq!(count("src/ops.rs", &bad), 1, "{arm}");
    }
    let after_a_turbofish = good.replace("Kind::C =>", "_ =>");
    assert_eq!(count("src/ops.rs", &after_a_turbofish), 1);
    assert_eq!(count("src/ops.rs", "fn a() { matches!(k, Kind::A | Kind::B) }"), 1);
    assert_eq!(count("src/ops.rs", "fn a() { if k == Kind::A {} }"), 1);
    let other = "fn a() { match code { CredentialKind::A => 1, _ => 2 } }";
    assert_eq!(count("src/aws/iam.rs", other), 0);
    assert_eq!(count("src/rpc/status.rs", other), 1, "in a table file every match is a table");
}

#[test]
fn variants_are_read() {
    let source = Source::new("a.rs", "/// x\n#[derive(A, B)]\npub enum Kind { /// y\n A, #[z(a = 1)]\n B,\n}");
    assert_eq!(variants(&source, "Kind"), BTreeSet::from(["A".to_owned(), "B".to_owned()]));
}
