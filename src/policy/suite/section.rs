//! Reads a table of the file key by key, and remembers which keys were asked for: the rest is unknown.

use std::cell::RefCell;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Mistake;
use crate::types::cut;

/// Nobody mends more at a time.
const MISTAKES_MAX: usize = 100;
/// What is echoed of a key or a name that may be anything.
const SHOWN_LENGTH_MAX: usize = 64;
/// Of groups and accounts of a caller, callers and operations of a test: what is longer is a mistake.
const LIST_LENGTH_MAX: usize = 1000;

/// Collects what is wrong with one file.
pub(super) struct Mistakes<'t> {
    file: &'t str,
    text: &'t str,
    found: RefCell<Vec<(usize, String)>>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) offset: usize,
    pub(super) value: T,
}

/// A table of the file.
pub(super) struct Section<'a> {
    mistakes: &'a Mistakes<'a>,
    /// Dotted path; empty for the whole file.
    name: String,
    /// Where the table begins.
    pub(super) offset: usize,
    entries: &'a DeTable<'a>,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Mistakes<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, found: RefCell::default() }
    }

    pub(super) fn report(&self, offset: usize, words: String) {
        self.found.borrow_mut().push((offset, words));
    }

    /// `FILE:LINE:COLUMN`, both from 1 and columns in characters: as editors count.
    pub(super) fn place(&self, offset: usize) -> String {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.text.get(..end).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        format!("{}:{line}:{column}", self.file)
    }

    /// What was found, in the order of the file.
    pub(super) fn into_found(self) -> Vec<Mistake> {
        let mut found = self.found.borrow().clone();
        found.sort();
        found.dedup();
        let more = found.len().saturating_sub(MISTAKES_MAX);
        let kept = found.into_iter().take(MISTAKES_MAX);
        let mut mistakes: Vec<Mistake> =
            kept.map(|(offset, message)| Mistake { place: self.place(offset), message }).collect();
        if more > 0 {
            mistakes.push(Mistake { place: self.file.to_owned(), message: format!("… and {more} more") });
        }
        mistakes
    }
}

impl<'a> Section<'a> {
    pub(super) fn root(entries: &'a DeTable<'a>, mistakes: &'a Mistakes<'a>) -> Self {
        Self { mistakes, name: String::new(), offset: 0, entries, known: RefCell::default() }
    }

    /// A value that may be left out. None as well if it is wrong, which then is reported.
    pub(super) fn value<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<At<T>> {
        let value = self.entry(key)?;
        self.parsed(value, key, parse)
    }

    /// A value that must be there.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        fix: &str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<At<T>> {
        if !self.entries.contains_key(key) {
            self.report(key, &format!("is required ({fix})"));
        }
        self.value(key, parse)
    }

    /// A list; empty if it is left out.
    pub(super) fn list<T: PartialEq>(
        &self,
        key: &'static str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, String>,
    ) -> Vec<At<T>> {
        let Some(value) = self.entry(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.report(key, r#"must be a list in brackets, such as ["a", "b"]"#);
            return Vec::new();
        };
        if array.len() > LIST_LENGTH_MAX {
            self.report(key, &format!("must have at most {LIST_LENGTH_MAX} elements"));
            return Vec::new();
        }
        let mut list: Vec<At<T>> = Vec::new();
        for element in array.iter().filter_map(|value| self.parsed(value, key, &parse)) {
            if list.iter().any(|earlier| earlier.value == element.value) {
                self.report_at(element.offset, key, "is given twice (remove one of them)");
            } else {
                list.push(element);
            }
        }
        list
    }

    /// One value under its singular, or a list of them under its plural. Empty if neither is there.
    pub(super) fn one_or_list<T: PartialEq>(
        &self,
        one: &'static str,
        many: &'static str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, String>,
    ) -> Vec<At<T>> {
        if self.has(one) && self.has(many) {
            self.report(many, &format!("must not stand beside `{one}` (remove one of them)"));
        }
        if self.entries.get(many).and_then(|value| value.get_ref().as_array()).is_some_and(|list| list.is_empty()) {
            self.report(many, "must not be empty: it would be no test at all");
        }
        let first = self.value(one, &parse);
        first.into_iter().chain(self.list(many, &parse)).collect()
    }

    /// The key and value of each entry of a table whose keys are free.
    pub(super) fn free<T>(&self, parse: impl Fn(&DeValue<'a>) -> Result<T, String>) -> Vec<(String, T)> {
        let read = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let key: &std::borrow::Cow<'a, str> = key.get_ref();
            self.parsed(value, key, &parse).map(|at| (key.to_string(), at.value))
        };
        self.entries.iter().filter_map(read).collect()
    }

    /// The table under this key.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let value = self.entry(key)?;
        self.child(key, value)
    }

    /// The tables under this key, by name: `[callers.NAME]`.
    pub(super) fn sections(&self) -> Vec<(String, Section<'a>)> {
        let child = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let key: &std::borrow::Cow<'a, str> = key.get_ref();
            self.child(key, value).map(|section| (key.to_string(), section))
        };
        self.entries.iter().filter_map(child).collect()
    }

    /// The tables of `[[key]]`, of which there must be one.
    pub(super) fn tables(&self, key: &'static str, missing: &str) -> Vec<Section<'a>> {
        let value = self.entry(key);
        match value.map(|value| value.get_ref().as_array()) {
            Some(None) => self.report(key, &format!("must be tables (write `[[{key}]]` above each)")),
            Some(Some(array)) if !array.is_empty() => {
                return array.iter().filter_map(|value| self.child(key, value)).collect();
            }
            None | Some(Some(_)) => self.report(key, missing),
        }
        Vec::new()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where a key's value stands, or one of a table in it, or the list of its plural; none if it is not written.
    pub(super) fn place_of(&self, field: &str) -> Option<usize> {
        let (key, inner) = field.split_once('.').unwrap_or((field, ""));
        let value = self.entries.get(key).or_else(|| self.entries.get(format!("{key}s").as_str()))?;
        let inner = value.get_ref().as_table().and_then(|table| table.get(inner));
        Some(inner.unwrap_or(value).span().start)
    }

    /// Reports what is wrong with a key, at its value if it is written, at the table else.
    pub(super) fn report(&self, key: &str, words: &str) {
        let offset = self.entries.get(key).map_or(self.offset, |value| value.span().start);
        self.report_at(offset, key, words);
    }

    /// The same, at a place of its own.
    pub(super) fn report_at(&self, offset: usize, key: &str, words: &str) {
        self.mistakes.report(offset, format!("{}: {words}", self.path(key)));
    }

    /// Reports every key that was never asked for.
    pub(super) fn refuse_unknown(self) {
        let known = self.known.borrow();
        for key in self.entries.keys().filter(|key| !known.iter().any(|known| key.get_ref() == known)) {
            let words = format!("is not known (known here: {})", known.join(", "));
            self.report_at(key.span().start, key.get_ref(), &words);
        }
    }

    fn parsed<T>(
        &self,
        value: &Spanned<DeValue<'a>>,
        key: &str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<At<T>> {
        let offset = value.span().start;
        match parse(value.get_ref()) {
            Ok(value) => Some(At { offset, value }),
            Err(words) => {
                self.report_at(offset, key, &words);
                None
            }
        }
    }

    fn child(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<Section<'a>> {
        let DeValue::Table(entries) = value.get_ref() else {
            self.report_at(value.span().start, key, "must be a table of keys");
            return None;
        };
        let name = self.path(key);
        Some(Section { mistakes: self.mistakes, name, offset: value.span().start, entries, known: RefCell::default() })
    }

    fn entry(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.entries.get(key)
    }

    fn path(&self, key: &str) -> String {
        let key = shown(key);
        match (self.name.as_str(), key.as_str()) {
            ("", key) => key.to_owned(),
            (name, "") => name.to_owned(),
            (name, key) => format!("{name}.{key}"),
        }
    }
}

/// A text of the file as it may stand in a message: cut, and without what a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    cut(text, SHOWN_LENGTH_MAX)
}
