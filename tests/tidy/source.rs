//! Rust sources as the checks see them: comments, the insides of literals and whatever only tests compile are blanked,
//! so that a check reads nothing but production code. Offsets and lines stay those of the file.

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// One file of production code.
pub(crate) struct Source {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// The file, blanked.
    pub(crate) code: String,
    /// Lines of the file that are not within inline tests.
    pub(crate) lines: usize,
    /// Modules that are declared for tests only.
    test_modules: BTreeSet<String>,
    words: Vec<Range<usize>>,
}

/// An identifier or keyword, and where it begins.
pub(crate) struct Word<'s> {
    pub(crate) at: usize,
    pub(crate) text: &'s str,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

/// Read once for all checks.
static PRODUCTION: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let paths = ["src", "simulator/src", "examples"].into_iter().flat_map(|folder| files(folder, "rs"));
    without_test_modules(paths.map(|path| Source::new(&path, &read(&path))).collect())
});

/// Every production source of the gateway.
pub(crate) fn gateway() -> impl Iterator<Item = &'static Source> + Clone {
    PRODUCTION.iter().filter(|source| source.path.starts_with("src/"))
}

/// The same, with simulator and examples.
pub(crate) fn everything() -> impl Iterator<Item = &'static Source> + Clone {
    PRODUCTION.iter()
}

/// One source of the gateway.
pub(crate) fn one(path: &str) -> &'static Source {
    gateway().find(|source| source.path == path).unwrap_or_else(|| panic!("{path} is gone: let the check follow it"))
}

/// Paths of the files below a folder that end so, sorted; `target` is left out.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root().join(folder), extension, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.expect("a folder can be listed").path()) {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(relative(&path));
        }
    }
}

fn relative(path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(root()).expect("below the root").to_owned();
    path.to_string_lossy().replace('\\', "/")
}

/// Leaves out the files that another one declares as `#[cfg(test)] mod NAME;`.
pub(crate) fn without_test_modules(sources: Vec<Source>) -> Vec<Source> {
    let stems: Vec<String> = sources
        .iter()
        .flat_map(|source| source.test_modules.iter().map(|name| format!("{}/{name}", source.module_folder())))
        .collect();
    let is_test = |path: &str| {
        let below =
            |stem: &String| path.strip_prefix(stem.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'));
        stems.iter().any(below)
    };
    sources.into_iter().filter(|source| !is_test(&source.path)).collect()
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut code = blank_literals(text);
        let (test_modules, test_lines) = blank_tests(&mut code);
        let code = String::from_utf8(code).expect("whole characters are blanked");
        let lines = text.lines().count() - test_lines;
        let words = find_words(&code);
        Self { path: path.to_owned(), code, lines, test_modules, words }
    }

    /// Whether the file is one of `places`: a file (`src/pb.rs`), or a module with all that is in it (`src/edge`).
    pub(crate) fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| match self.path.strip_prefix(place) {
            Some("") => true,
            Some(rest) => rest == ".rs" || rest.starts_with('/'),
            None => false,
        })
    }

    /// `PATH:LINE` of an offset.
    pub(crate) fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.code[..at].matches('\n').count() + 1)
    }

    /// Every identifier and keyword.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word<'_>> {
        self.words.iter().map(|range| Word { at: range.start, text: &self.code[range.clone()] })
    }

    /// What stands before an offset, without the space between.
    pub(crate) fn before(&self, at: usize) -> &str {
        self.code[..at].trim_end()
    }

    /// What stands behind a word, without the space between.
    pub(crate) fn after(&self, word: &Word<'_>) -> &str {
        self.code[word.at + word.text.len()..].trim_start()
    }

    /// Where a crate is named: at the root of a path or in a `use`. A name that ends in `*` is a prefix.
    pub(crate) fn crate_names(&self, name: &str) -> Vec<usize> {
        let named = |word: &Word<'_>| {
            let (before, after) = (self.before(word.at), self.after(word));
            let keyword = last_word(before);
            let at_root = after.starts_with("::") || after.starts_with("as ") || matches!(keyword, "use" | "crate");
            matches_name(word.text, name) && at_root && !is_inner(before)
        };
        self.words().filter(named).map(|word| word.at).collect()
    }

    /// Where `OWNER::ITEM` is named, with or without type arguments; the owner may be `*`.
    pub(crate) fn path_names(&self, path: &str) -> Vec<usize> {
        let (owner, item) = path.split_once("::").expect("OWNER::ITEM");
        let named = |word: &Word<'_>| {
            let Some(before) = self.before(word.at).strip_suffix("::") else { return false };
            word.text == item && (owner == "*" || last_word(without_type_arguments(before)) == owner)
        };
        self.words().filter(named).map(|word| word.at).collect()
    }

    /// Where a word stands that is not the name of a macro.
    pub(crate) fn word_names(&self, name: &str) -> Vec<usize> {
        let named = |word: &Word<'_>| word.text == name && !self.after(word).starts_with('!');
        self.words().filter(named).map(|word| word.at).collect()
    }

    /// The block that begins with the first `{` from an offset on: its inside, and the offset behind it.
    pub(crate) fn block(&self, from: usize) -> Option<(&str, usize)> {
        let open = from + self.code[from..].find('{')?;
        let close = open + closing(&self.code[open..])?;
        Some((&self.code[open + 1..close], close + 1))
    }

    fn module_folder(&self) -> &str {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        match stem.rsplit_once('/') {
            Some((folder, "lib" | "main" | "mod")) => folder,
            _ => stem,
        }
    }
}

fn find_words(code: &str) -> Vec<Range<usize>> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let mut words = Vec::new();
    let mut start = 0;
    for run in code.as_bytes().chunk_by(|a, b| is_word(a) == is_word(b)) {
        if run.first().is_some_and(|first| is_word(first) && !first.is_ascii_digit()) {
            words.push(start..start + run.len());
        }
        start += run.len();
    }
    words
}

pub(crate) fn matches_name(word: &str, name: &str) -> bool {
    name.strip_suffix('*').map_or(word == name, |prefix| word.starts_with(prefix))
}

/// Offset of the bracket that closes the one at the beginning.
pub(crate) fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

pub(crate) fn last_word(text: &str) -> &str {
    let start = text.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

/// Whether what follows is a later segment of a path, a field or a method.
fn is_inner(before: &str) -> bool {
    match before.strip_suffix("::") {
        Some(path) => path.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>'),
        None => before.ends_with('.'),
    }
}

/// `Permit::<O>` or `Permit<O>` to `Permit`.
fn without_type_arguments(path: &str) -> &str {
    let mut depth = 0_usize;
    if !path.ends_with('>') {
        return path;
    }
    for (at, c) in path.char_indices().rev() {
        match c {
            '>' => depth += 1,
            '<' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return path[..at].strip_suffix("::").unwrap_or(&path[..at]);
        }
    }
    path
}

/// Blanks comments, strings and characters; line breaks stay.
fn blank_literals(text: &str) -> Vec<u8> {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while at < code.len() {
        match literal_length(&text.as_bytes()[at..], at.checked_sub(1).map(|before| text.as_bytes()[before])) {
            Some(length) => {
                blank(&mut code[at..at + length]);
                at += length;
            }
            None => at += 1,
        }
    }
    code
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// Length of the comment or literal at the beginning, if there is one.
fn literal_length(text: &[u8], before: Option<u8>) -> Option<usize> {
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match text {
        [b'/', b'/', ..] => Some(text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len())),
        [b'/', b'*', ..] => Some(block_comment_length(text)),
        [b'"', ..] => Some(string_length(text)),
        [b'r', ..] if !in_word => raw_string_length(&text[1..]).map(|length| length + 1),
        [b'b' | b'c', b'r', ..] if !in_word => raw_string_length(&text[2..]).map(|length| length + 2),
        [b'\'', ..] => character_length(text),
        _ => None,
    }
}

fn block_comment_length(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at + 1 < text.len() {
        match &text[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// From behind the `r` on.
fn raw_string_length(text: &[u8]) -> Option<usize> {
    let hashes = text.iter().take_while(|byte| **byte == b'#').count();
    if text.get(hashes) != Some(&b'"') {
        return None;
    }
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inside = &text[hashes + 1..];
    let length = inside.windows(end.len()).position(|window| window == end).map_or(inside.len(), |at| at + end.len());
    Some(hashes + 1 + length)
}

/// A character, and not a lifetime.
fn character_length(text: &[u8]) -> Option<usize> {
    if text.get(1) == Some(&b'\\') {
        return text.iter().skip(3).position(|byte| *byte == b'\'').map(|at| at + 4);
    }
    let character = text.get(1..)?.utf8_chunks().next()?.valid().chars().next()?;
    (text.get(1 + character.len_utf8()) == Some(&b'\'')).then(|| character.len_utf8() + 2)
}

/// Blanks whatever stands under `#[cfg(test)]`. Says which modules that declares, and how many lines it has.
fn blank_tests(code: &mut [u8]) -> (BTreeSet<String>, usize) {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut modules = BTreeSet::new();
    let mut lines = 0;
    let text = String::from_utf8(code.to_vec()).expect("whole characters are blanked");
    let mut from = 0;
    while let Some(found) = text[from..].find(ATTRIBUTE) {
        let start = from + found;
        let under = start + ATTRIBUTE.len();
        let end = under + under_attribute_length(&text[under..]);
        if let Some(name) = text[under..end].trim().strip_suffix(';').and_then(|item| item.rsplit_once("mod ")) {
            modules.insert(name.1.trim().to_owned());
        }
        lines += text[start..end].matches('\n').count() + 1;
        blank(&mut code[start..end]);
        from = end;
    }
    (modules, lines)
}

/// Length of what an attribute stands on: an item, or a field, statement or value within one.
fn under_attribute_length(text: &str) -> usize {
    const ITEMS: [&str; 13] = [
        "fn",
        "mod",
        "impl",
        "struct",
        "enum",
        "const",
        "static",
        "use",
        "trait",
        "type",
        "async",
        "macro_rules",
        "extern",
    ];
    let mut at = skip_space(text, 0);
    while text[at..].starts_with("#[") {
        at = skip_space(text, at + 1 + closing(&text[at + 1..]).map_or(0, |end| end + 1));
    }
    let mut head = at;
    if text[head..].starts_with("pub") {
        head = skip_space(text, head + 3);
        if text[head..].starts_with('(') {
            head = skip_space(text, head + closing(&text[head..]).map_or(0, |end| end + 1));
        }
    }
    let word = text[head..].split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
    if ITEMS.contains(&word) { item_length(text, head) } else { part_length(text, head) }
}

fn skip_space(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

/// To the `;`, or to the end of the braces.
fn item_length(text: &str, mut at: usize) -> usize {
    while let Some(found) = text[at..].find(['{', '(', '[', ';']) {
        at += found;
        if text[at..].starts_with(';') {
            return at + 1;
        }
        let end = at + closing(&text[at..]).map_or(0, |end| end) + 1;
        if text[at..].starts_with('{') {
            return end;
        }
        at = end;
    }
    text.len()
}

/// To the `,` or `;`, or to the bracket that closes what it is in.
fn part_length(text: &str, mut at: usize) -> usize {
    while let Some(found) = text[at..].find(['{', '(', '[', ';', ',', '}', ')', ']']) {
        at += found;
        match text.as_bytes()[at] {
            b';' | b',' => return at + 1,
            b'}' | b')' | b']' => return at,
            _ => at += closing(&text[at..]).unwrap_or(0) + 1,
        }
    }
    text.len()
}

#[test]
fn literals_and_comments_are_blanked_and_lifetimes_are_not() {
    let text = "let a = \"tonic\\\"::\"; // tonic::\n/* x /* tonic */ */ let b: &'static str = r#\"tonic\"#; 'q' '\\'' 'é' b\"z\" x";
    let source = Source::new("a.rs", text);
    assert!(!source.code.contains("tonic"), "{}", source.code);
    assert!(source.code.contains("let b: &'static str ="), "{}", source.code);
    assert!(source.code.ends_with(" x") && !source.code.contains('q') && !source.code.contains('z'), "{}", source.code);
    assert_eq!(source.code.matches('\n').count(), 1);
}

#[test]
fn what_only_tests_compile_is_left_out() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { if x {} }\n}\n#[cfg(test)]\npub(crate) mod testing;\nfn c() {}\n";
    let source = Source::new("src/x.rs", text);
    assert!(source.code.contains("fn c") && !source.code.contains("fn b"), "{}", source.code);
    assert_eq!(source.lines, 2);
    let part = "fn a() -> A { A {\n#[cfg(test)]\n n: f(1, 2),\n o: 1,\n#[cfg(test)] p: 2 } }\n#[cfg(test)]\n#[x(a)]\nfn b<A, B>(a: [u8; 2]) { f() }\nfn c() {}";
    let code = Source::new("src/x.rs", part).code;
    assert!(code.contains("o: 1,") && code.contains("} }") && code.contains("fn c() {}"), "{code}");
    assert!(!code.contains("n: f") && !code.contains("p:") && !code.contains("fn b"), "{code}");
    let others = [("src/x/testing.rs", false), ("src/x/testing/a.rs", false), ("src/x/testing_not.rs", true)];
    for (path, kept) in others {
        let sources = vec![Source::new("src/x.rs", text), Source::new(path, "")];
        assert_eq!(without_test_modules(sources).len() == 2, kept, "{path}");
    }
}

#[test]
fn names_are_found_where_they_are_names() {
    let source = Source::new(
        "a.rs",
        "use http::A; use b::http::B; use ::http as h; let x = y.http; Permit::<O>::new(1); New::new(2)",
    );
    assert_eq!(source.crate_names("http").len(), 2);
    assert_eq!(source.path_names("Permit::new").len(), 1);
    assert_eq!(source.path_names("*::new").len(), 2);
    assert_eq!(source.word_names("http").len(), 4);
}
