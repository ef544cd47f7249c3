//! Which stage knows which: imports follow the way of a request downwards.

use std::collections::BTreeSet;

use crate::{
    none,
    source::{Source, closing, gateway},
};

/// Every stage, in the order of the request, and the stages that it may import. A line may only get shorter, unless the
/// code map in docs/ARCHITECTURE.md says why.
const STAGES: [(&str, &[&str]); 22] = [
    // `edge` for the TLS files of who calls a gateway, and the API of course.
    (
        "cli",
        &["app", "authn", "authz", "clock", "config", "edge", "journal", "lockout", "policy", "telemetry", "types"],
    ),
    ("config", &["store", "types"]),
    ("telemetry", &["clock", "config"]),
    // The composition root: the only stage that constructs the others.
    (
        "app",
        &[
            "authn",
            "authz",
            "aws",
            "clock",
            "config",
            "edge",
            "error",
            "fetch",
            "gate",
            "journal",
            "ops",
            "organization",
            "pb",
            "policy",
            "rpc",
            "store",
            "types",
        ],
    ),
    ("edge", &["authn", "clock", "layers", "log_budget", "types"]),
    // `PeerFacts` only.
    ("layers", &["authn", "log_budget"]),
    ("authn", &["clock", "fetch", "log_budget", "types"]),
    // Asks issuers and AWS; knows neither.
    ("fetch", &[]),
    ("rpc", &["authn", "authz", "aws", "clock", "error", "gate", "lockout", "ops", "pb", "types"]),
    ("gate", &["authn", "authz", "aws", "clock", "error", "journal", "ops", "organization", "types"]),
    // Defines `Ask`, and knows no operation.
    ("authz", &["authn", "clock", "types"]),
    // Records what it is given, and knows no operation.
    ("journal", &["clock", "store", "types"]),
    // Keeps what it is given, and believes nothing of it.
    ("store", &["clock"]),
    // Not authn: an act sees its permit, and no identity to decide by. Not journal: the gate records.
    ("ops", &["authz", "aws", "clock", "error", "lockout", "types"]),
    ("aws", &["authz", "clock", "error", "types"]),
    // Keeps the tree that policies judge by.
    ("organization", &["authz", "aws", "clock", "types"]),
    // Offline work with policies: the same engine, without a gateway.
    ("policy", &["authn", "authz", "clock", "types"]),
    // Judges texts: no input, no output.
    ("lockout", &["types"]),
    // A bound on log lines that strangers can cause.
    ("log_budget", &[]),
    ("clock", &[]),
    ("error", &["types"]),
    ("types", &[]),
];

/// Stages without imports of ours that are no stage of a request.
const APART: [&str; 3] = ["lib", "main", "pb"];

fn stage(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The stages that a source imports, each with a place.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for word in source.words().filter(|word| word.text == "crate") {
        let Some(path) = source.after(&word).strip_prefix("::") else { continue };
        let tree = match path.strip_prefix('{') {
            Some(_) => &path[1..closing(path).unwrap_or(path.len())],
            None => first(path),
        };
        found.extend(branches(tree).into_iter().map(|branch| (word.at, first(branch.trim()).to_owned())));
    }
    found
}

/// The identifier at the beginning.
fn first(path: &str) -> &str {
    &path[..path.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(path.len())]
}

/// `a::{b, c}, d` to `a::{b, c}` and `d`.
fn branches(tree: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let is_end = |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    tree.split(is_end).filter(|branch| !branch.trim().is_empty()).collect()
}

/// Where `super` leads out of the stage.
fn climbs(source: &Source) -> Vec<usize> {
    let depth = source.path.matches('/').count();
    let climbs = |at: usize| source.code[at..].split("::").take_while(|segment| *segment == "super").count() >= depth;
    let is_start = |at: usize| !source.before(at).ends_with("::");
    source.word_names("super").into_iter().filter(|at| is_start(*at) && climbs(*at)).collect()
}

fn violations(source: &Source) -> Vec<String> {
    let own = stage(&source.path);
    if APART.contains(&own) {
        return Vec::new();
    }
    let Some((_, allowed)) = STAGES.iter().find(|(name, _)| *name == own) else {
        let rule = "every stage says what it may import: add it to STAGES in tests/tidy/stages.rs and to the code map";
        return vec![format!("{}: the stage `{own}` is unknown: {rule}", source.path)];
    };
    let may =
        |import: &str| import == own || allowed.contains(&import) || !STAGES.iter().any(|(name, _)| *name == import);
    let mut found: Vec<String> = imports(source)
        .into_iter()
        // `crate::pb` is checked like a stage, other names are macros and items of the root.
        .filter(|(_, import)| !may(import) || (import == "pb" && !["rpc", "app", "cli"].contains(&own)))
        .map(|(at, import)| {
            let fix = "move what both need further down, or hand it over as a value";
            format!("{}: `{own}` imports `{import}`; it may import {allowed:?}; {fix}", source.place(at))
        })
        .collect();
    let climbing = |at| format!("{}: `super` leads out of the stage; write `crate::`", source.place(at));
    found.extend(climbs(source).into_iter().map(climbing));
    found
}

#[test]
fn stages_import_only_what_they_may() {
    none(&gateway().flat_map(violations).collect::<Vec<_>>());
}

#[test]
fn every_stage_and_every_permission_is_used() {
    let used: BTreeSet<(String, String)> = gateway()
        .flat_map(|source| imports(source).into_iter().map(|(_, import)| (stage(&source.path).to_owned(), import)))
        .collect();
    let mut idle = Vec::new();
    for (name, allowed) in STAGES {
        if !gateway().any(|source| stage(&source.path) == name) {
            idle.push(format!("the stage `{name}` is gone: take it out of STAGES"));
        }
        // `app` composes: what it may name is everything.
        for import in
            allowed.iter().filter(|import| name != "app" && !used.contains(&(name.to_owned(), (**import).to_owned())))
        {
            idle.push(format!("`{name}` does not import `{import}`: take it out of STAGES, so that it stays so"));
        }
    }
    none(&idle);
}

#[test]
fn a_forbidden_import_is_found() {
    let count = |path: &str, text: &str| violations(&Source::new(path, text)).len();
    assert_eq!(count("src/ops/unlock.rs", "use crate::{\n    authz::{Ask, Permit},\n    aws::Aws,\n};"), 0);
    assert_eq!(count("src/ops/unlock.rs", "use crate::{authz::{Ask, Permit}, journal::Journal, authn::Caller};"), 2);
    assert_eq!(count("src/types/kind.rs", "fn a() -> crate::error::Error { b() }"), 1);
    assert_eq!(count("src/types/kind.rs", "use super::Rule; use crate::types::Rule;"), 0);
    assert_eq!(count("src/gate.rs", "use super::config::Config;"), 1);
    assert_eq!(count("src/store/sqlite/fault.rs", "use super::super::super::gate::Gate;"), 1);
    assert_eq!(count("src/store/sqlite/fault.rs", "use super::super::OpenError;"), 0);
    assert_eq!(count("src/gate.rs", "use crate::pb::Receipt;"), 1);
    assert_eq!(count("src/novelty.rs", ""), 1);
}
