//! What is wrong with a configuration, where, and what to do.

use std::{borrow::Cow, cell::RefCell, fmt, string::FromUtf8Error};

use crate::types::{Rule, cut};

/// Everything that is wrong with a configuration, in the order of the file. Never empty.
///
/// Printed with one line for each error: `FILE:LINE:COLUMN: section.key: rule (fix)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
    /// How many more there are that are not kept.
    more: usize,
}

/// One thing that is wrong. Never repeats a value, which may be a secret pasted into the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
pub struct ConfigError {
    /// The file, as it was named by whoever started the gateway.
    #[serde(rename = "file")]
    pub source_name: String,
    /// Where in the file; none if the file itself is the matter.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// Dotted path of the key; empty if no key is the matter.
    pub key: String,
    /// The rule that was broken.
    pub rule: Cow<'static, str>,
    /// How to mend it.
    pub fix: Cow<'static, str>,
}

/// A place in a text, both from 1, columns in characters: as editors count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// A broken rule and its fix, before anybody knows which value it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule} ({fix})")]
pub(super) struct Fault {
    rule: Cow<'static, str>,
    fix: Cow<'static, str>,
}

/// Proves that an error was reported: only [`Errors::report`] makes one. So a reader that has no value has told why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported(());

/// Collects the errors of one text.
pub(super) struct Errors<'t> {
    text: &'t str,
    found: RefCell<Vec<(usize, String, Fault)>>,
}

/// Nobody mends more at a time, and a file of a megabyte could have a hundred thousand.
const ERRORS_MAX: usize = 100;
/// Keys are echoed, and may be anything.
const KEY_SHOWN_LENGTH_MAX: usize = 128;

impl ConfigErrors {
    /// The errors, the first hundred of them.
    #[must_use]
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }

    pub(super) fn of_file(source_name: &str, fault: Fault) -> Self {
        Self::one(ConfigError::new(source_name, None, String::new(), fault))
    }

    pub(super) fn not_utf8(source_name: &str, error: &FromUtf8Error) -> Self {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let place = Place::of(&String::from_utf8_lossy(valid), valid.len());
        let fault = Fault::new("must be UTF-8", "save the file as UTF-8; was another file meant?");
        Self::one(ConfigError::new(source_name, Some(place), String::new(), fault))
    }

    fn one(error: ConfigError) -> Self {
        Self { errors: vec![error], more: 0 }
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl ConfigError {
    fn new(source_name: &str, place: Option<Place>, key: String, fault: Fault) -> Self {
        Self { source_name: source_name.to_owned(), place, key, rule: fault.rule, fix: fault.fix }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source_name, place, key, rule, fix } = self;
        write!(f, "{source_name}:")?;
        if let Some(Place { line, column }) = place {
            write!(f, "{line}:{column}:")?;
        }
        if !key.is_empty() {
            write!(f, " {key}:")?;
        }
        write!(f, " {rule} ({fix})")
    }
}

impl Place {
    fn of(text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = text.get(..end).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}

impl Fault {
    pub(super) fn new(rule: impl Into<Cow<'static, str>>, fix: impl Into<Cow<'static, str>>) -> Self {
        Self { rule: rule.into(), fix: fix.into() }
    }

    /// A rule of [`crate::types`] with the fix that a configuration needs.
    pub(super) fn of_rule(rule: Rule, fix: &'static str) -> Self {
        Self::new(rule.0, fix)
    }
}

impl<'t> Errors<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: RefCell::default() }
    }

    /// Reports what is wrong with the key at the byte `offset`.
    pub(super) fn report(&self, offset: usize, key: &str, fault: Fault) -> Reported {
        self.found.borrow_mut().push((offset, key.to_owned(), fault));
        Reported(())
    }

    /// The value, if nothing at all was reported.
    pub(super) fn into_result<T>(self, source_name: &str, value: Result<T, Reported>) -> Result<T, ConfigErrors> {
        let mut found = self.found.into_inner();
        // A `Reported` has put something into `found`.
        if let (Ok(value), true) = (value, found.is_empty()) {
            return Ok(value);
        }
        found.sort_by_key(|(offset, ..)| *offset);
        let more = found.len().saturating_sub(ERRORS_MAX);
        let errors = found
            .into_iter()
            .take(ERRORS_MAX)
            .map(|(offset, key, fault)| ConfigError::new(source_name, Some(Place::of(self.text, offset)), key, fault));
        Err(ConfigErrors { errors: errors.collect(), more })
    }
}

/// Keys may hold anything when quoted; a terminal must not.
pub(super) fn printable(key: &str) -> String {
    cut(key, KEY_SHOWN_LENGTH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_one_and_in_characters() {
        for (text, offset, line, column) in [
            ("", 0, 1, 1),
            ("ab", 1, 1, 2),
            ("a\nb", 2, 2, 1),
            ("a\r\nb", 3, 2, 1),
            ("é = x", 5, 1, 5),
            ("a\n", 99, 2, 1),
            // Within a character: its beginning.
            ("é", 1, 1, 1),
        ] {
            assert_eq!(Place::of(text, offset), Place { line, column }, "{text:?} {offset}");
        }
    }

    #[test]
    fn a_thousand_errors_are_cut() {
        let errors = Errors::new("");
        for _ in 0..1000 {
            errors.report(0, "a", Fault::new("rule", "fix"));
        }
        let text = errors.into_result("f", Ok(())).unwrap_err().to_string();
        assert_eq!(text.lines().count(), ERRORS_MAX + 1);
        assert!(text.ends_with("… and 900 more"), "{text}");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(printable(&"x".repeat(500)).chars().count(), KEY_SHOWN_LENGTH_MAX + 1);
    }
}
