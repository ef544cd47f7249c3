//! Reads a table of the file key by key, and remembers which keys were asked for: the rest is unknown.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeArray, DeString, DeTable, DeValue},
};

use super::{
    error::{Errors, Fault, Reported, printable},
    suggest::nearest,
    value::{Bounded, days, duration, integer, path, wrong_type},
};

/// A table of the file, or the empty one in place of a section that is not there.
pub(super) struct Table<'a> {
    errors: &'a Errors<'a>,
    base: &'a Path,
    /// Dotted path; empty for the whole file.
    name: String,
    /// Where the table begins.
    offset: usize,
    entries: Option<&'a DeTable<'a>>,
    known: RefCell<BTreeSet<String>>,
    /// What to say of keys that were known once.
    moved: RefCell<BTreeMap<&'static str, Fault>>,
}

/// Elements are compared with each other, and nobody reads a longer list.
const LIST_LENGTH_MAX: usize = 4096;

impl<'a> Table<'a> {
    /// The whole file.
    pub(super) fn root(entries: &'a DeTable<'a>, base: &'a Path, errors: &'a Errors<'a>) -> Self {
        let (known, moved) = Default::default();
        Self { errors, base, name: String::new(), offset: 0, entries: Some(entries), known, moved }
    }

    /// Whether the key is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(key))
    }

    /// Whether a key is written in a section, whatever it holds.
    pub(super) fn has_in(&self, section: &str, key: &str) -> bool {
        let section =
            self.entries.and_then(|entries| entries.get(section)).and_then(|value| value.get_ref().as_table());
        section.is_some_and(|section| section.contains_key(key))
    }

    /// Says where a key is now that was here once.
    pub(super) fn moved(&self, key: &'static str, fault: Fault) {
        self.moved.borrow_mut().insert(key, fault);
    }

    /// A value that may be left out.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Reported> {
        let Some(value) = self.entry(key) else { return Ok(None) };
        parse(value.get_ref()).map(Some).map_err(|fault| self.report_value(value, key, fault))
    }

    /// A value that must be there.
    pub(super) fn required<T>(
        &self,
        key: &str,
        fix: &'static str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, Fault>,
    ) -> Result<T, Reported> {
        self.optional(key, parse)?.ok_or_else(|| self.report_at(key, Fault::new("is required", fix)))
    }

    pub(super) fn duration(&self, key: &str, bounds: &Bounded<Duration>) -> Result<Duration, Reported> {
        Ok(self.optional(key, |value| duration(value, bounds))?.unwrap_or(bounds.default))
    }

    /// Whole days.
    pub(super) fn days(&self, key: &str, bounds: &Bounded<u32>) -> Result<Duration, Reported> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Ok(DAY * self.optional(key, |value| days(value, bounds))?.unwrap_or(bounds.default))
    }

    pub(super) fn integer(&self, key: &str, bounds: &Bounded<u32>) -> Result<u32, Reported> {
        Ok(self.optional(key, |value| integer(value, bounds))?.unwrap_or(bounds.default))
    }

    /// An integer that counts things in memory.
    pub(super) fn count(&self, key: &str, bounds: &Bounded<u32>) -> Result<usize, Reported> {
        // A machine whose usize is smaller than 32 bits could not hold that many things either.
        self.integer(key, bounds).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    pub(super) fn required_path(&self, key: &str, fix: &'static str) -> Result<PathBuf, Reported> {
        self.required(key, fix, path).map(|path| self.resolve(path))
    }

    pub(super) fn optional_path(&self, key: &str) -> Result<Option<PathBuf>, Reported> {
        Ok(self.optional(key, path)?.map(|path| self.resolve(path)))
    }

    /// A relative path is relative to the configuration's folder.
    pub(super) fn resolve(&self, path: PathBuf) -> PathBuf {
        self.base.join(path)
    }

    /// A list that must be there, in the file's order, without repetitions.
    pub(super) fn required_list<T: PartialEq>(
        &self,
        key: &str,
        fix: &'static str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Reported> {
        self.list(key, parse)?.ok_or_else(|| self.report_at(key, Fault::new("is required", fix)))
    }

    /// A list whose order says nothing; empty if it is left out.
    pub(super) fn set<T: Ord>(
        &self,
        key: &str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, Fault>,
    ) -> Result<BTreeSet<T>, Reported> {
        Ok(self.list(key, parse)?.unwrap_or_default().into_iter().collect())
    }

    /// A list that may be left out.
    pub(super) fn list<T: PartialEq>(
        &self,
        key: &str,
        parse: impl Fn(&DeValue<'a>) -> Result<T, Fault>,
    ) -> Result<Option<Vec<T>>, Reported> {
        let Some(value) = self.entry(key) else { return Ok(None) };
        let Some(array) = value.get_ref().as_array() else {
            let fault = wrong_type("an array", value.get_ref(), r#"write a list in brackets, such as ["a", "b"]"#);
            return Err(self.report_value(value, key, fault));
        };
        if array.len() > LIST_LENGTH_MAX {
            let rule = format!("must have at most {LIST_LENGTH_MAX} elements");
            return Err(self.report_value(value, key, Fault::new(rule, "shorten the list")));
        }
        self.elements(key, array, parse).map(Some)
    }

    fn elements<T: PartialEq>(
        &self,
        key: &str,
        array: &DeArray<'a>,
        parse: impl Fn(&DeValue<'a>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Reported> {
        let mut elements = Vec::new();
        let mut failed = None;
        for (index, value) in array.iter().enumerate() {
            let element = parse(value.get_ref()).and_then(|element| {
                if elements.contains(&element) {
                    return Err(Fault::new("is given twice", "remove one of them"));
                }
                Ok(element)
            });
            match element {
                Ok(element) => elements.push(element),
                Err(fault) => failed = Some(self.report_value(value, &format!("{key}[{index}]"), fault)),
            }
        }
        failed.map_or(Ok(elements), Err)
    }

    /// The keys of a table whose keys are free, parsed.
    pub(super) fn names<T>(&self, parse: impl Fn(&str) -> Result<T, Fault>) -> Vec<Result<T, Reported>> {
        let keys = self.entries.into_iter().flat_map(DeTable::keys);
        let name = |key: &Spanned<DeString<'a>>| {
            let text: &str = key.get_ref();
            self.known.borrow_mut().insert(text.to_owned());
            parse(text).map_err(|fault| self.errors.report(key.span().start, &self.path(text), fault))
        };
        keys.map(name).collect()
    }

    /// A table whose keys are free, with its values.
    pub(super) fn map<T>(
        &self,
        name: impl Fn(&str) -> Result<String, Fault>,
        value: impl Fn(&DeValue<'a>) -> Result<T, Fault>,
    ) -> Result<BTreeMap<String, T>, Reported> {
        let names = self.names(name);
        if names.len() > LIST_LENGTH_MAX {
            let rule = format!("must have at most {LIST_LENGTH_MAX} entries");
            return Err(self.report(Fault::new(rule, "shorten the table")));
        }
        let entry = |name: Result<String, Reported>| {
            let name = name?;
            let value = self.required(&name, "write a value", &value)?;
            Ok((name, value))
        };
        let entries: Vec<_> = names.into_iter().map(entry).collect();
        entries.into_iter().collect()
    }

    /// The sections of a table whose keys are free, by name.
    pub(super) fn sections<K, T>(
        &self,
        name: impl Fn(&str) -> Result<K, Fault>,
        mut read: impl FnMut(&K, &Table<'a>) -> Result<T, Reported>,
    ) -> Result<Vec<T>, Reported> {
        let parsed = self.names(|text| Ok((name(text)?, text.to_owned())));
        let sections: Vec<_> = parsed
            .into_iter()
            .map(|parsed| {
                let (name, text) = parsed?;
                self.section(&text, |table| read(&name, table))
            })
            .collect();
        sections.into_iter().collect()
    }

    /// A section of which everything has a default.
    pub(super) fn section<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Table<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        let table = self.child(key)?.unwrap_or_else(|| self.at(key, self.offset, None));
        table.read_all(read)
    }

    /// A section that may be left out.
    pub(super) fn optional_section<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Table<'a>) -> Result<T, Reported>,
    ) -> Result<Option<T>, Reported> {
        self.child(key)?.map(|table| table.read_all(read)).transpose()
    }

    /// A section that must be there, with why.
    pub(super) fn required_section<T>(
        &self,
        key: &str,
        why: &'static str,
        fix: &'static str,
        read: impl FnOnce(&Table<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        let section = self.optional_section(key, read)?;
        section.ok_or_else(|| self.report_at(key, Fault::new(format!("is required: {why}"), fix)))
    }

    /// Reports what is wrong with the table as a whole.
    pub(super) fn report(&self, fault: Fault) -> Reported {
        self.errors.report(self.offset, &self.name, fault)
    }

    /// Reports what is wrong with a key, at its value if it is written, at the table else.
    pub(super) fn report_at(&self, key: &str, fault: Fault) -> Reported {
        let offset = self.entry(key).map_or(self.offset, |value| value.span().start);
        self.errors.report(offset, &self.path(key), fault)
    }

    /// Refuses a contradiction of keys, at the first of them that is written.
    pub(super) fn check(&self, holds: bool, keys: &[&str], fault: Fault) -> Result<(), Reported> {
        if holds {
            return Ok(());
        }
        let written = keys.iter().find(|key| self.has(key));
        match written.or(keys.first()) {
            Some(key) => Err(self.report_at(key, fault)),
            None => Err(self.report(fault)),
        }
    }

    /// Reports every key that was never asked for.
    pub(super) fn refuse_unknown(&self) {
        let known = self.known.borrow();
        let keys = self.entries.into_iter().flat_map(DeTable::keys);
        for key in keys.filter(|key| !known.contains(key.get_ref().as_ref())) {
            let text: &str = key.get_ref();
            if let Some(fault) = self.moved.borrow().get(text) {
                self.errors.report(key.span().start, &self.path(text), fault.clone());
                continue;
            }
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let fix = match nearest(text, &known) {
                Some(suggestion) => format!("did you mean `{suggestion}`?"),
                None => format!("remove it; known here: {}", known.join(", ")),
            };
            self.errors.report(key.span().start, &self.path(text), Fault::new("is not known", fix));
        }
    }

    fn read_all<T>(&self, read: impl FnOnce(&Table<'a>) -> Result<T, Reported>) -> Result<T, Reported> {
        let value = read(self);
        self.refuse_unknown();
        value
    }

    fn child(&self, key: &str) -> Result<Option<Table<'a>>, Reported> {
        let Some(value) = self.entry(key) else { return Ok(None) };
        let DeValue::Table(entries) = value.get_ref() else {
            let fix = format!("write `[{}]` and its keys below", self.path(key));
            let fault = wrong_type("a section", value.get_ref(), fix);
            return Err(self.report_value(value, key, fault));
        };
        Ok(Some(self.at(key, value.span().start, Some(entries))))
    }

    fn at(&self, key: &str, offset: usize, entries: Option<&'a DeTable<'a>>) -> Table<'a> {
        let (known, moved) = Default::default();
        Table { errors: self.errors, base: self.base, name: self.path(key), offset, entries, known, moved }
    }

    fn entry(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().insert(key.to_owned());
        self.entries?.get(key)
    }

    fn report_value(&self, value: &Spanned<DeValue<'a>>, key: &str, fault: Fault) -> Reported {
        self.errors.report(value.span().start, &self.path(key), fault)
    }

    /// Dotted path of a key.
    pub(super) fn path(&self, key: &str) -> String {
        let key = printable(key);
        if self.name.is_empty() { key } else { format!("{}.{key}", self.name) }
    }
}
