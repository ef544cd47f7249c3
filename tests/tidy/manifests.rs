//! Manifests and the lock file: one TLS stack, one provider, no unsafe code, no simulator in the product.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    none,
    source::{Source, everything, files, read},
};

/// Crates that must not even be resolved: name, prefix of the version, and what to do.
const BANNED: [(&str, &str, &str); 8] = [
    ("hyper", "0.14.", "take `default-features = false` on the AWS crate that brings the legacy HTTP stack"),
    ("h2", "0.3.", "take `default-features = false` on the AWS crate that brings the legacy HTTP stack"),
    ("http", "0.2.", "take `default-features = false` on the AWS crate that brings the legacy HTTP stack"),
    ("rustls", "0.21.", "take `default-features = false` on the AWS crate that brings the legacy TLS stack"),
    ("openssl-sys", "", "choose the rustls feature of the crate that brings it"),
    ("native-tls", "", "choose the rustls feature of the crate that brings it"),
    ("rsa", "", "choose the aws-lc-rs feature of the crate that brings it: RUSTSEC-2023-0071 has no fix"),
    ("protoc-bin-vendored", "", "protox compiles the proto"),
];
/// Two versions of these would be two stacks with two sets of bounds.
const SINGLE: [&str; 6] = ["rustls", "tokio-rustls", "hyper", "h2", "http", "aws-lc-rs"];

/// Name and versions of every resolved crate.
fn resolved(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(value) = line.strip_prefix("name = ") {
            name = value.trim_matches('"');
        } else if let Some(value) = line.strip_prefix("version = ").filter(|_| !name.is_empty()) {
            crates.entry(name.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
            name = "";
        }
    }
    crates
}

fn lock_violations(lock: &str) -> Vec<String> {
    let crates = resolved(lock);
    let versions = |name: &str| crates.get(name).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for (name, prefix, fix) in BANNED {
        for version in versions(name).iter().filter(|version| version.starts_with(prefix)) {
            found.push(format!(
                "Cargo.lock has {name} {version}: `cargo tree -i {name}@{version}` says who brings it; {fix}"
            ));
        }
    }
    for name in SINGLE {
        let versions = versions(name);
        if versions.len() != 1 {
            found.push(format!("Cargo.lock has {name} in {} versions, not in one: {versions:?}", versions.len()));
        }
    }
    found
}

/// The lines of a section, without comments.
fn section<'t>(manifest: &'t str, name: &str) -> Vec<&'t str> {
    let header = format!("[{name}]");
    let inside =
        manifest.lines().skip_while(|line| line.trim() != header).skip(1).take_while(|line| !line.starts_with('['));
    inside.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

fn key(line: &str) -> &str {
    line.split(['=', '.']).next().unwrap_or_default().trim()
}

fn simulator_violations(manifest: &str) -> Vec<String> {
    let product = ["dependencies", "build-dependencies"].into_iter().filter(|name| {
        section(manifest, name).iter().any(|line| key(line) == "aws-root-simulator" || line.contains("simulator\""))
    });
    product.map(|name| format!("Cargo.toml: [{name}] has the simulator; it belongs into [dev-dependencies]")).collect()
}

fn lint_violations(workspace: &str, packages: &[(&str, String)]) -> Vec<String> {
    let mut found = Vec::new();
    if !section(workspace, "workspace.lints.rust").contains(&"unsafe_code = \"forbid\"") {
        found.push("Cargo.toml: [workspace.lints.rust] must say `unsafe_code = \"forbid\"`".to_owned());
    }
    for lint in ["unwrap_used", "expect_used", "panic", "indexing_slicing", "print_stdout", "print_stderr"] {
        let on = section(workspace, "workspace.lints.clippy")
            .iter()
            .any(|line| key(line) == lint && (line.ends_with("\"warn\"") || line.ends_with("\"deny\"")));
        if !on {
            found.push(format!(
                "Cargo.toml: [workspace.lints.clippy] must hold `{lint} = \"warn\"`; CI denies warnings"
            ));
        }
    }
    for (path, manifest) in packages {
        if !section(manifest, "lints").contains(&"workspace = true") {
            found.push(format!("{path}: needs `[lints]` with `workspace = true`, or no lint holds there"));
        }
    }
    found
}

#[test]
fn there_is_one_tls_stack_and_one_provider() {
    none(&lock_violations(&read("Cargo.lock")));
}

#[test]
fn the_simulator_is_a_development_dependency_only() {
    let manifest = read("Cargo.toml");
    none(&simulator_violations(&manifest));
    let development = section(&manifest, "dev-dependencies");
    assert!(development.iter().any(|line| key(line) == "aws-root-simulator"), "tests run against the simulator");
}

#[test]
fn the_simulator_does_not_know_the_gateway() {
    let name = env!("CARGO_PKG_NAME");
    let text = ["rs", "toml", "py", "md", "json"].into_iter().flat_map(|extension| files("simulator", extension));
    let naming: Vec<String> = text
        .filter(|path| read(path).to_lowercase().contains(name))
        .map(|path| {
            format!("{path}: names {name}; the simulator is an AWS for everybody, and must not bend to one user")
        })
        .collect();
    none(&naming);
}

#[test]
fn lints_hold_everywhere() {
    let packages = ["Cargo.toml", "simulator/Cargo.toml", "tests/postgres/Cargo.toml"].map(|path| (path, read(path)));
    none(&lint_violations(&packages[0].1, &packages));
    let is_unsafe = |source: &&Source| !source.word_names("unsafe").is_empty();
    let found: Vec<&str> = everything().filter(is_unsafe).map(|source| source.path.as_str()).collect();
    assert!(found.is_empty(), "unsafe code in {found:?}");
}

#[test]
fn a_second_stack_is_found() {
    let lock = |extra: &str| {
        let single: String =
            SINGLE.iter().map(|name| format!("[[package]]\nname = \"{name}\"\nversion = \"9.9.9\"\n\n")).collect();
        format!("version = 4\n\n{single}{extra}")
    };
    assert!(lock_violations(&lock("")).is_empty());
    let package = |name: &str, version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    assert_eq!(lock_violations(&lock(&package("native-tls", "0.2.0"))).len(), 1);
    assert_eq!(lock_violations(&lock(&package("rustls", "0.24.0"))).len(), 1);
    assert_eq!(lock_violations(&lock(&package("rustls", "0.21.12"))).len(), 2);
    assert_eq!(
        lock_violations(&lock("").replace("name = \"h2\"", "name = \"h3\"")).len(),
        1,
        "what is gone is noticed"
    );
}

#[test]
fn a_simulator_in_the_product_is_found() {
    let good = "[dependencies]\nclap = \"4\"\n\n[dev-dependencies]\naws-root-simulator = { path = \"simulator\" }\n";
    assert!(simulator_violations(good).is_empty());
    assert_eq!(simulator_violations(&good.replace("clap = \"4\"", "aws-root-simulator.workspace = true")).len(), 1);
    assert_eq!(simulator_violations(&good.replace("clap = \"4\"", "x = { path = \"simulator\" }")).len(), 1);
}

#[test]
fn a_loosened_lint_is_found() {
    let lints = ["unwrap_used", "expect_used", "panic", "indexing_slicing", "print_stdout", "print_stderr"];
    let clippy: String = lints.map(|lint| format!("{lint} = \"warn\"\n")).concat();
    let good = format!("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n\n[workspace.lints.clippy]\n{clippy}");
    let package = [("a", "[lints]\nworkspace = true\n".to_owned())];
    assert!(lint_violations(&good, &package).is_empty());
    assert_eq!(lint_violations(&good.replace("forbid", "deny"), &package).len(), 1);
    assert_eq!(lint_violations(&good.replace("panic = \"warn\"", "panic = \"allow\""), &package).len(), 1);
    assert_eq!(lint_violations(&good, &[("a", "[package]\n".to_owned())]).len(), 1);
}
