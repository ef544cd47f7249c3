//! Files and functions that a person can read.

use crate::{
    none,
    source::{Source, closing, everything, files},
};

/// A file longer than this must have a reason.
const LINES_MAX: usize = 350;
/// And none is longer than this, whatever the reason.
const LINES_MAX_EVER: usize = 500;
/// A function is read at one glance.
const FUNCTION_LINES_MAX: usize = 70;

/// Files above [`LINES_MAX`]: how long they may be at most, and why. The list may only shrink, and so may its numbers.
const LONG_FILES: [(&str, usize, &str); 0] = [];

fn length_violations(source: &Source, long_files: &[(&str, usize, &str)]) -> Vec<String> {
    let lines = source.lines;
    let known = long_files.iter().find(|(path, ..)| *path == source.path);
    let max = known.map_or(LINES_MAX, |(_, max, _)| *max).min(LINES_MAX_EVER);
    let split = "split it by concern into a folder of its own name";
    let mut found = Vec::new();
    if lines > max {
        found.push(format!("{}: {lines} lines before its tests, at most {max} are allowed: {split}", source.path));
    }
    if known.is_some_and(|(_, max, _)| lines <= LINES_MAX || lines + 20 < *max) {
        found.push(format!(
            "{}: has only {lines} lines now: lower its entry in LONG_FILES, or take it out",
            source.path
        ));
    }
    found
}

/// Place, name and lines of every function with a body.
fn functions(source: &Source) -> Vec<(usize, &str, usize)> {
    let mut found = Vec::new();
    for word in source.words().filter(|word| word.text == "fn") {
        let head = source.after(&word);
        let name = &head[..head.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(0)];
        let Some(open) = body_start(&source.code[word.at..]).filter(|_| !name.is_empty()) else { continue };
        let body = &source.code[word.at + open..];
        let end = word.at + open + closing(body).unwrap_or(body.len() - 1);
        found.push((word.at, name, source.code[word.at..=end].matches('\n').count() + 1));
    }
    found
}

/// Offset of the `{` behind a function's signature, none for a declaration.
fn body_start(signature: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += signature[at..].find(['{', ';', '(', '['])?;
        match signature.as_bytes()[at] {
            b'{' => return Some(at),
            b';' => return None,
            _ => at += closing(&signature[at..])? + 1,
        }
    }
}

fn long_functions(source: &Source) -> Vec<String> {
    let long = functions(source).into_iter().filter(|(.., lines)| *lines > FUNCTION_LINES_MAX);
    let words = |(at, name, lines)| {
        format!(
            "{}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX} are allowed: name its steps",
            source.place(at)
        )
    };
    long.map(words).collect()
}

#[test]
fn files_are_short() {
    let mut found: Vec<String> = everything().flat_map(|source| length_violations(source, &LONG_FILES)).collect();
    let gone = LONG_FILES.iter().filter(|(path, ..)| !everything().any(|source| source.path == *path));
    found.extend(gone.map(|(path, ..)| format!("{path} is gone: take it out of LONG_FILES")));
    none(&found);
}

#[test]
fn functions_are_short() {
    none(&everything().flat_map(long_functions).collect::<Vec<_>>());
}

#[test]
fn no_module_is_called_mod_rs() {
    let folders = ["src", "simulator/src", "tests", "simulator/tests", "examples"];
    let modules: Vec<String> = folders
        .into_iter()
        .flat_map(|folder| files(folder, "rs"))
        .filter(|path| path.ends_with("/mod.rs"))
        .map(|path| format!("{path}: name it after its module, beside the folder"))
        .collect();
    none(&modules);
}

#[test]
fn what_is_too_long_is_found() {
    let file = |lines: usize| Source::new("src/a.rs", &"x;\n".repeat(lines));
    assert!(length_violations(&file(LINES_MAX), &[]).is_empty());
    assert_eq!(length_violations(&file(LINES_MAX + 1), &[]).len(), 1);
    let reasoned = [("src/a.rs", 400, "one table")];
    assert!(length_violations(&file(400), &reasoned).is_empty());
    assert_eq!(length_violations(&file(401), &reasoned).len(), 1);
    assert_eq!(length_violations(&file(370), &reasoned).len(), 1, "the list only shrinks");
    assert_eq!(length_violations(&file(300), &reasoned).len(), 1, "the list only shrinks");
    assert_eq!(length_violations(&file(501), &[("src/a.rs", 510, "no reason is good enough")]).len(), 1);
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "x;\n".repeat(100), "y;\n".repeat(1000));
    assert!(length_violations(&Source::new("src/a.rs", &tested), &[]).is_empty(), "tests do not count");
}

#[test]
fn a_long_function_is_found() {
    let function = |lines: usize| {
        let body = "    let s = \"}\"; // }\n".repeat(lines - 2);
        Source::new(
            "src/a.rs",
            &format!("trait T {{ fn b(x: [u8; 3]); }}\nfn a<'a>(x: [u8; 3]) -> &'a str {{\n{body}}}\nfn c() {{}}\n"),
        )
    };
    assert!(long_functions(&function(FUNCTION_LINES_MAX)).is_empty());
    let found = long_functions(&function(FUNCTION_LINES_MAX + 1));
    assert!(found.len() == 1 && found[0].starts_with("src/a.rs:2: `a` has 71 lines"), "{found:?}");
}
