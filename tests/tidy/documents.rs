//! The documents are true to the code.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    none,
    source::{Source, files, read, root},
};

const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";
const API: &str = "docs/API.md";
const README_LINES_MAX: usize = 200;
/// How a paragraph begins that states an invariant.
const INVARIANT: &str = "**Architecture Invariant:**";

/// Every RPC of the proto.
pub(crate) fn rpcs() -> BTreeSet<String> {
    declared("rpc ")
}

/// Every service of the proto.
pub(crate) fn services() -> BTreeSet<String> {
    declared("service ")
}

fn declared(keyword: &str) -> BTreeSet<String> {
    let text: String = files("proto", "proto").iter().map(|path| read(path)).collect();
    let names: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(keyword))
        .map(|rest| rest.split(['(', ' ', '{']).next().unwrap_or_default().to_owned())
        .collect();
    assert!(!names.is_empty(), "the proto declares no {keyword}");
    names
}

/// The texts between single backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn unmapped_files(architecture: &str, top_level: &[String]) -> Vec<String> {
    let quoted = quoted(architecture);
    let missing =
        top_level.iter().filter(|file| !quoted.contains(file.as_str()) && !quoted.contains(&*format!("src/{file}")));
    missing
        .map(|file| format!("{ARCHITECTURE}: the code map says nothing of `{file}`: one line on what it is for"))
        .collect()
}

/// Tests that a paragraph names: `(test: `a`, `b`)`.
fn tests_of(paragraph: &str) -> Vec<&str> {
    let tests = paragraph.split("(test: ").skip(1).filter_map(|rest| rest.split(')').next());
    tests.flat_map(|names| names.split('`').skip(1).step_by(2)).collect()
}

fn untested_invariants(architecture: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in architecture.split(INVARIANT).skip(1).filter_map(|rest| rest.split("\n\n").next()) {
        let words: String = paragraph.trim().chars().take(60).collect();
        if tests_of(paragraph).is_empty() {
            found
                .push(format!("{ARCHITECTURE}: \"{words}…\" names no test: an invariant that nothing holds is a wish"));
        }
    }
    let named = tests_of(architecture).into_iter().filter(|name| !exists(name));
    found.extend(named.map(|name| format!("{ARCHITECTURE}: there is no test `{name}` in tests/ or src/")));
    found
}

/// Reason, as the API spells it, to its gRPC code: what src/error/reason.rs and src/rpc/status.rs say.
fn reasons() -> BTreeMap<String, String> {
    let (error, status) = (read("src/error/reason.rs"), Source::new("src/rpc/status.rs", &read("src/rpc/status.rs")));
    let names: BTreeMap<String, String> = error
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""))
        .map(|(variant, name)| (variant.to_owned(), name.trim_end_matches("\",").to_owned()))
        .collect();
    let at = status.code.find("fn code(").expect("the one mapping to gRPC codes");
    let (body, _) = status.block(at).expect("a function has a body");
    let mut codes = BTreeMap::new();
    let mut waiting = Vec::new();
    for path in body.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).filter(|path| path.contains("::"))
    {
        match path.split_once("::") {
            Some(("ErrorReason", variant)) => waiting.push(variant),
            Some(("Code", code)) => codes.extend(waiting.drain(..).map(|variant| (variant, upper_snake(code)))),
            _ => {}
        }
    }
    let code =
        |variant: &String| codes.get(variant.as_str()).unwrap_or_else(|| panic!("{variant} has no code")).clone();
    names.iter().map(|(variant, name)| (name.clone(), code(variant))).collect()
}

fn upper_snake(camel: &str) -> String {
    let mut text = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_uppercase());
    }
    text
}

/// Reason to code, as the rows ``| `REASON` | CODE |`` say.
fn documented_reasons(api: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let (reason, code) = (cells.next()?.strip_suffix('`')?, cells.next()?);
        let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        (is_name(reason) && is_name(code)).then(|| (reason.to_owned(), code.to_owned()))
    };
    api.lines().filter_map(row).collect()
}

fn differing_reasons(documented: &BTreeMap<String, String>, real: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = documented.keys().chain(real.keys()).collect();
    let differing = names.into_iter().filter(|name| documented.get(*name) != real.get(*name));
    let line = |name: &String| {
        format!("{API}: {name} is {:?} there and {:?} in the code", documented.get(name), real.get(name))
    };
    differing.map(line).collect()
}

/// Relative links that lead nowhere.
fn dead_links(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
        let outside = link.is_empty() || link.contains("://") || link.starts_with("mailto:");
        let target = if folder.is_empty() { link.to_owned() } else { format!("{folder}/{link}") };
        if !outside && !exists(&target) {
            found.push(format!("{path}: the link to {link} leads nowhere"));
        }
    }
    found
}

#[test]
fn the_code_map_has_every_top_level_file() {
    let top_level: Vec<String> = files("src", "rs")
        .iter()
        .filter_map(|path| path.strip_prefix("src/").filter(|name| !name.contains('/')).map(ToOwned::to_owned))
        .collect();
    none(&unmapped_files(&read(ARCHITECTURE), &top_level));
}

#[test]
fn every_invariant_names_tests_that_exist() {
    let folders = ["src", "tests", "simulator"];
    let sources: Vec<String> =
        folders.into_iter().flat_map(|folder| files(folder, "rs")).map(|path| read(&path)).collect();
    let exists = |name: &str| sources.iter().any(|source| source.contains(&format!("fn {name}(")));
    none(&untested_invariants(&read(ARCHITECTURE), exists));
}

#[test]
fn every_rpc_is_documented() {
    let text = read("README.md") + &read(API);
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let missing: Vec<String> = rpcs().into_iter().filter(|rpc| !words.contains(rpc.as_str())).collect();
    assert!(missing.is_empty(), "README.md and {API} say nothing of {missing:?}");
}

#[test]
fn the_error_table_is_the_one_of_the_code() {
    let real = reasons();
    assert!(real.len() > 20, "src/error/reason.rs was not understood: {real:?}");
    none(&differing_reasons(&documented_reasons(&read(API)), &real));
}

#[test]
fn links_lead_somewhere() {
    let mut documents = files("docs", "md");
    documents.extend(["README.md", "CHANGELOG.md", "SECURITY.md"].map(ToOwned::to_owned));
    let exists = |target: &str| root().join(target).exists();
    none(&documents.iter().flat_map(|path| dead_links(path, &read(path), exists)).collect::<Vec<_>>());
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines < README_LINES_MAX, "README.md has {lines} lines: move detail to docs/");
}

#[test]
fn untrue_documents_are_found() {
    let map = "the map: `gate.rs`, and `src/ops.rs`.\n";
    let top_level = ["gate.rs", "ops.rs", "novelty.rs"].map(ToOwned::to_owned);
    assert_eq!(unmapped_files(map, &top_level).len(), 1);

    let good = format!("{INVARIANT} a.\nMore. (test: `one`, `two`)\n\nText.\n\n{INVARIANT} b. (test: `one`)\n");
    assert!(untested_invariants(&good, |_| true).is_empty());
    assert_eq!(untested_invariants(&good, |name| name == "one").len(), 1);
    assert_eq!(untested_invariants(&good.replace(" (test: `one`)", ""), |_| true).len(), 1);

    let table = "| Reason | Code |\n|---|---|\n| `A_B` | NOT_FOUND | x |\n| `C` | INTERNAL | y |\n";
    let real = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let documented = documented_reasons(table);
    assert!(differing_reasons(&documented, &real(&[("A_B", "NOT_FOUND"), ("C", "INTERNAL")])).is_empty());
    assert_eq!(differing_reasons(&documented, &real(&[("A_B", "ABORTED"), ("C", "INTERNAL")])).len(), 1);
    assert_eq!(differing_reasons(&documented, &real(&[("A_B", "NOT_FOUND")])).len(), 1);
    assert_eq!(differing_reasons(&documented, &real(&[("A_B", "NOT_FOUND"), ("C", "INTERNAL"), ("D", "OK")])).len(), 1);

    let links = "[a](b.md) [c](https://example.org) [d](e.md#f) [g](#h)";
    let found = dead_links("docs/x.md", links, |target| target == "docs/b.md");
    assert_eq!(found, ["docs/x.md: the link to e.md leads nowhere"]);
}
