//! Types that hold secrets cannot be printed, serialized or copied.

use std::collections::BTreeSet;

use crate::{
    none,
    source::{Source, files, gateway, read},
};

/// Fields that hold a secret, whatever the type is called.
const SECRET_FIELDS: [&str; 6] =
    ["secret_access_key", "session_token", "password", "secret", "private_key_pem", "bearer_token"];
/// Types that hold a secret behind a field with another name.
const SECRET_TYPES: [&str; 4] = ["IssuedCredentials", "RootSession", "CheckpointKey", "Checkpointer"];
const FORBIDDEN: [&str; 5] = ["Debug", "Display", "Serialize", "Clone", "Copy"];
const RULE: &str =
    "a secret must not be printed, stored or multiplied; take the derive away, and print what is no secret by hand";

/// Structs of the source that hold a secret: where they begin, and their names.
fn secret_structs(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for word in source.words().filter(|word| word.text == "struct") {
        let name = source.after(&word).split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        let end_of_head = word.at + source.code[word.at..].find(['{', ';', '(']).unwrap_or(0);
        let fields = if source.code[end_of_head..].starts_with('{') {
            source.block(end_of_head).map_or("", |block| block.0)
        } else {
            ""
        };
        let is_secret = |field: &str| {
            let name = field.split(':').next().unwrap_or_default().trim();
            SECRET_FIELDS.contains(&crate::source::last_word(name)) && !field.contains("PathBuf")
        };
        if SECRET_TYPES.contains(&name) || fields.split(',').any(is_secret) {
            found.push((word.at, name.to_owned()));
        }
    }
    found
}

fn violations<'s>(sources: impl Iterator<Item = &'s Source> + Clone) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.clone() {
        for (at, name) in secret_structs(source) {
            for attribute in attributes(source, at).iter().filter(|attribute| attribute.starts_with("derive")) {
                for word in FORBIDDEN.iter().filter(|word| names(attribute, word)) {
                    found.push(format!("{}: `{name}` derives {word}: {RULE}", source.place(at)));
                }
            }
            found.extend(sources.clone().flat_map(|source| implementations(source, &name)));
        }
    }
    found
}

/// The attributes of the item that begins before `at`.
fn attributes(source: &Source, at: usize) -> Vec<String> {
    let item = source.code[..at].rfind([';', '}', '{']).map_or(0, |end| end + 1);
    source.code[item..at]
        .split("#[")
        .skip(1)
        .map(|attribute| attribute.split(']').next().unwrap_or("").trim().to_owned())
        .collect()
}

fn implementations(source: &Source, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in source.words().filter(|word| word.text == "impl") {
        let head = source.after(&word).split('{').next().unwrap_or_default();
        let Some((implemented, target)) = head.split_once(" for ") else { continue };
        let of_secret = target.split(|c: char| !(c.is_alphanumeric() || c == '_')).next() == Some(name);
        for forbidden in FORBIDDEN.iter().filter(|word| of_secret && names(implemented, word)) {
            found.push(format!("{}: `{name}` implements {forbidden}: {RULE}", source.place(word.at)));
        }
    }
    found
}

fn names(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|found| found == word)
}

/// Messages with a field that is marked `debug_redact`, and messages that hold such a message.
fn secret_messages(proto: &str) -> BTreeSet<String> {
    let mut messages: Vec<(String, Vec<String>)> = Vec::new();
    for line in proto.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(name) = line.strip_prefix("message ") {
            messages.push((name.split([' ', '{']).next().unwrap_or_default().to_owned(), Vec::new()));
        } else if let Some((_, fields)) = messages.last_mut() {
            fields.push(line.to_owned());
        }
    }
    let mut secret = BTreeSet::new();
    loop {
        let holds = |fields: &Vec<String>| {
            fields.iter().any(|field| {
                field.contains("debug_redact = true") || field.split_whitespace().any(|word| secret.contains(word))
            })
        };
        let found: BTreeSet<String> =
            messages.iter().filter(|(_, fields)| holds(fields)).map(|(name, _)| name.clone()).collect();
        if found == secret {
            return secret;
        }
        secret = found;
    }
}

#[test]
fn secrets_cannot_be_printed_or_copied() {
    for name in SECRET_TYPES {
        let is_there = |source: &'static Source| secret_structs(source).iter().any(|(_, found)| found == name);
        assert!(gateway().any(is_there), "{name} is gone: let the check follow its secret");
    }
    none(&violations(gateway()));
}

#[test]
fn messages_with_secrets_have_no_generated_debug() {
    let protos: String = files("proto", "proto").iter().map(|path| read(path)).collect();
    let secret = secret_messages(&protos);
    assert!(!secret.is_empty(), "no field is marked `debug_redact = true` any more");
    let build = read("build.rs");
    let printed: Vec<String> =
        secret.into_iter().filter(|name| !build.contains(&format!("\".rootgate.v1.{name}\""))).collect();
    assert!(
        printed.is_empty(),
        "add to SECRET_MESSAGES in build.rs, and write Debug by hand in src/pb.rs: {printed:?}"
    );
}

#[test]
fn a_printable_secret_is_found() {
    let count = |text: &str| violations([Source::new("a.rs", text)].iter()).len();
    assert_eq!(
        count(
            "struct A { a: u8 }\n/// x\npub struct IssuedCredentials { a: String }\n#[derive(Debug)]\nstruct B { b: u8 }"
        ),
        0
    );
    assert_eq!(count("#[derive(Debug, Clone)]\npub struct IssuedCredentials { a: String }"), 2);
    assert_eq!(count("#[derive(serde::Serialize)]\nstruct Key { pub(super) secret_access_key: String }"), 1);
    assert_eq!(count("struct RootSession { a: String }\nimpl fmt::Debug for RootSession { }"), 1);
    assert_eq!(count("struct RootSession { a: String }\nimpl<T> Clone for RootSession<T> { }"), 1);
    assert_eq!(count("struct RootSession { a: String }\nimpl fmt::Debug for RootSessions { }"), 0);
    let proto = "message A {\n  string s = 1 [debug_redact = true];\n}\nmessage B {\n  A a = 1;\n}\nmessage C {\n  int32 s = 1;\n}";
    assert_eq!(secret_messages(proto), BTreeSet::from(["A".to_owned(), "B".to_owned()]));
}
