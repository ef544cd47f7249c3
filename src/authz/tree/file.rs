//! The tree as a file: for who does not want to give the gateway the right to read AWS Organizations.
//!
//! ```toml
//! id = "o-exampleorgid"
//! [units."ou-ab12-security1"]
//! name = "Security"
//! [accounts."333333333333"]
//! name = "payments"
//! unit = "ou-ab12-security1"   # optional, as is the parent of a unit: none is directly under the root
//! tags = { env = "prod" }      # optional
//! ```

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{Member, Tree, Unit, check::shown};
use crate::types::AccountId;

/// The largest tree that is allowed, with every tag at its longest, is larger; nobody writes that into a file.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Nobody mends more at a time.
const ERRORS_MAX: usize = 100;

/// What is wrong with the text of a tree, each with `LINE:COLUMN: key: rule`, in the order of the text. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct TreeErrors(pub Vec<String>);

impl Tree {
    /// Reads the file's text.
    ///
    /// # Errors
    /// Everything that is wrong with it, the first hundred of them.
    pub fn from_toml(text: &str) -> Result<Self, TreeErrors> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(TreeErrors(vec![format!("1:1: must have at most {TEXT_BYTES_MAX} bytes: the wrong file?")]));
        }
        // Editors put a byte order mark there and do not count it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (document, syntax) = DeTable::parse_recoverable(text);
        let mut reader = Reader::default();
        for error in &syntax {
            reader.report(error.span().map_or(0, |span| span.start), "", format!("TOML syntax: {}", error.message()));
        }
        // With wrong syntax, what was read is a guess, and complaints about it would mislead.
        let tree = if syntax.is_empty() { reader.tree(document.get_ref()) } else { None };
        tree.ok_or_else(|| reader.errors(text))
    }
}

/// Reads tables, and notes where everything is and what is wrong with it.
#[derive(Default)]
struct Reader {
    /// Dotted path of a key to where it is written, in bytes.
    places: HashMap<String, usize>,
    /// Where, which key, and the rule.
    found: Vec<(usize, String, Cow<'static, str>)>,
}

impl Reader {
    /// The tree, if nothing is wrong. What cannot be read is noted and left empty, so that the rest is judged too.
    fn tree(&mut self, document: &DeTable<'_>) -> Option<Tree> {
        self.refuse_unknown("", document, &["id", "units", "accounts"]);
        let id = self.required("", 0, document, "id");
        let units = self.tables("units", document, Self::unit);
        let accounts = self.tables("accounts", document, Self::account);
        let accounts = accounts.into_iter().filter_map(|(id, member)| Some((id.parse::<AccountId>().ok()?, member)));
        match Tree::new(id, units, accounts.collect()) {
            Ok(tree) if self.found.is_empty() => Some(tree),
            Ok(_) => None,
            Err(violations) => {
                for violation in violations {
                    // What could not be read was told already.
                    if !self.found.iter().any(|(_, key, _)| *key == violation.field) {
                        self.report(self.place(&violation.field), &violation.field, violation.rule.0);
                    }
                }
                None
            }
        }
    }

    fn unit(&mut self, path: &str, key: &Spanned<DeString<'_>>, table: &DeTable<'_>) -> Unit {
        self.refuse_unknown(path, table, &["name", "parent"]);
        let name = self.required(path, key.span().start, table, "name");
        Unit { name, parent: self.optional(path, table, "parent") }
    }

    fn account(&mut self, path: &str, key: &Spanned<DeString<'_>>, table: &DeTable<'_>) -> Member {
        self.refuse_unknown(path, table, &["name", "unit", "tags"]);
        if let Err(rule) = key.get_ref().parse::<AccountId>() {
            self.report(key.span().start, path, rule.0);
        }
        let name = self.required(path, key.span().start, table, "name");
        let unit = self.optional(path, table, "unit");
        Member { unit, name, tags: self.tags(path, table) }
    }

    fn tags(&mut self, path: &str, table: &DeTable<'_>) -> BTreeMap<String, String> {
        let path = format!("{path}.tags");
        let mut tags = BTreeMap::new();
        let Some(entries) = self.table(&path, table.get("tags")) else { return tags };
        for (key, value) in entries {
            let path = format!("{path}.{}", shown(key.get_ref()));
            if let Some(text) = self.text(&path, value) {
                tags.insert(key.get_ref().to_string(), text);
            }
        }
        tags
    }

    /// The tables below a key, each by its name.
    fn tables<T: Default>(
        &mut self,
        name: &str,
        document: &DeTable<'_>,
        read: impl Fn(&mut Self, &str, &Spanned<DeString<'_>>, &DeTable<'_>) -> T,
    ) -> BTreeMap<String, T> {
        let mut tables = BTreeMap::new();
        let Some(entries) = self.table(name, document.get(name)) else { return tables };
        for (key, value) in entries {
            let path = format!("{name}.{}", shown(key.get_ref()));
            self.places.insert(path.clone(), key.span().start);
            // What is no table is there nevertheless, so that others may name it.
            let value = self.table(&path, Some(value)).map(|table| read(self, &path, key, table));
            tables.insert(key.get_ref().to_string(), value.unwrap_or_default());
        }
        tables
    }

    fn table<'d, 'i>(&mut self, path: &str, value: Option<&'d Spanned<DeValue<'i>>>) -> Option<&'d DeTable<'i>> {
        let value = value?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.report(value.span().start, path, format!("must be a table, not {}", value.get_ref().type_str()));
        }
        table
    }

    /// A text that must be there; `owner` is where the table begins that should have it.
    fn required(&mut self, path: &str, owner: usize, table: &DeTable<'_>, key: &str) -> String {
        if table.get(key).is_none() {
            self.report(owner, &join(path, key), format!("is required: write {key} = \"…\""));
        }
        self.optional(path, table, key).unwrap_or_default()
    }

    fn optional(&mut self, path: &str, table: &DeTable<'_>, key: &str) -> Option<String> {
        self.text(&join(path, key), table.get(key)?)
    }

    fn text(&mut self, path: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        self.places.insert(path.to_owned(), value.span().start);
        let text = value.get_ref().as_str();
        if text.is_none() {
            let rule = format!("must be a string in quotes, not {}", value.get_ref().type_str());
            self.report(value.span().start, path, rule);
        }
        text.map(ToOwned::to_owned)
    }

    fn refuse_unknown(&mut self, path: &str, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let rule = format!("is not known; known here: {}", known.join(", "));
            self.report(key.span().start, &join(path, &shown(key.get_ref())), rule);
        }
    }

    /// Where a key is written, or the nearest table around it.
    fn place(&self, path: &str) -> usize {
        let parents = std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(parent, _)| parent));
        parents.filter_map(|path| self.places.get(path)).next().copied().unwrap_or_default()
    }

    fn report(&mut self, offset: usize, key: &str, rule: impl Into<Cow<'static, str>>) {
        self.found.push((offset, key.to_owned(), rule.into()));
    }

    fn errors(mut self, text: &str) -> TreeErrors {
        self.found.sort_by_key(|(offset, ..)| *offset);
        let more = self.found.len().saturating_sub(ERRORS_MAX);
        let line = |(offset, key, rule): &(usize, String, Cow<'static, str>)| {
            let separator = if key.is_empty() { "" } else { ": " };
            format!("{}: {key}{separator}{rule}", line_and_column(text, *offset))
        };
        let mut lines: Vec<String> = self.found.iter().take(ERRORS_MAX).map(line).collect();
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        TreeErrors(lines)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// `LINE:COLUMN`, both from 1, columns in characters: as editors count.
fn line_and_column(text: &str, offset: usize) -> String {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    format!("{line}:{column}")
}
