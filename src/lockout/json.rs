//! JSON that remembers where in the text each value stands and every key that it saw.
//!
//! serde_json keeps the last of two equal keys and drops the places; both matter here: an ambiguous policy is refused,
//! and statements are cut out of the original text. Strict: what is accepted is exactly JSON (RFC 8259), but for the
//! bound on nesting.

mod number;
mod string;

use std::{borrow::Cow, cmp::Ordering, ops::Range};

/// A policy nests 7 deep: document, statements, statement, conditions, operator, values, value. More is no policy, and
/// the bound keeps the recursion off the end of the stack.
pub(super) const MAX_DEPTH: usize = 32;

/// How many keys are compared in pairs: a statement has 9 elements at most.
const PAIRS_OF_MAX: usize = 10;

/// A value and its place.
#[derive(Debug, PartialEq)]
pub(super) struct Node<'a> {
    /// Where it stands in the text, in bytes, from its first to behind its last.
    pub(super) span: Range<usize>,
    pub(super) value: Value<'a>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number, `true`, `false` or `null`, as written.
    Bare(&'a str),
    List(Vec<Node<'a>>),
    /// The keys in the order of the text; equal ones are all there.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// What is wrong, and where: a place in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax { at: usize, expected: &'static str },
    TooDeep { at: usize },
}

type Parsed<T> = Result<T, Fault>;

/// Reads one value and nothing behind it but white space.
pub(super) fn parse(text: &str) -> Parsed<Node<'_>> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.node(0)?;
    reader.skip_space();
    if reader.at < text.len() { Err(reader.fault("nothing more")) } else { Ok(node) }
}

/// A key that an object has twice in the sense of `cmp`. Few keys are compared in pairs, which needs no memory; more are
/// sorted, since the text may be made to be slow.
pub(super) fn twice<'n>(fields: &'n [(Cow<'_, str>, Node<'_>)], cmp: fn(&str, &str) -> Ordering) -> Option<&'n str> {
    if fields.len() <= PAIRS_OF_MAX {
        let is_repeated = |(index, (key, _)): &(usize, &(Cow<'_, str>, Node<'_>))| {
            fields.iter().take(*index).any(|(earlier, _)| cmp(earlier, key).is_eq())
        };
        return fields.iter().enumerate().find(is_repeated).map(|(_, (key, _))| key.as_ref());
    }
    let mut keys: Vec<&str> = fields.iter().map(|(key, _)| key.as_ref()).collect();
    keys.sort_unstable_by(|one, other| cmp(one, other));
    keys.array_windows().find(|[one, other]| cmp(one, other).is_eq()).map(|[key, _]| *key)
}

/// An order of texts: by length, which settles most, then by bytes.
pub(super) fn cmp_exactly(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// An order of texts without regard to the case of ASCII letters: by length, which settles most, then by bytes.
pub(super) fn cmp_ignoring_case(one: &str, other: &str) -> Ordering {
    let bytes = one.bytes().map(|byte| byte.to_ascii_lowercase());
    one.len().cmp(&other.len()).then_with(|| bytes.cmp(other.bytes().map(|byte| byte.to_ascii_lowercase())))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn node(&mut self, depth: usize) -> Parsed<Node<'a>> {
        self.skip_space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => return Err(Fault::TooDeep { at: start }),
            Some(b'{') => Value::Object(self.members(b'}', |reader| reader.field(depth))?),
            Some(b'[') => Value::List(self.members(b']', |reader| reader.node(depth + 1))?),
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Bare(self.number()?),
            _ => Value::Bare(self.word()?),
        };
        Ok(Node { span: start..self.at, value })
    }

    /// What stands between the bracket that is next and its `close`, separated by commas.
    fn members<T>(&mut self, close: u8, mut member: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut members = Vec::new();
        self.at += 1;
        self.skip_space();
        if self.eat(close) {
            return Ok(members);
        }
        loop {
            members.push(member(self)?);
            self.skip_space();
            if self.eat(close) {
                return Ok(members);
            }
            if !self.eat(b',') {
                return Err(self.fault("a comma or a closing bracket"));
            }
        }
    }

    fn field(&mut self, depth: usize) -> Parsed<(Cow<'a, str>, Node<'a>)> {
        self.skip_space();
        if self.peek() != Some(b'"') {
            return Err(self.fault("a key in quotes"));
        }
        let key = self.string()?;
        self.skip_space();
        if !self.eat(b':') {
            return Err(self.fault("a colon"));
        }
        Ok((key, self.node(depth + 1)?))
    }

    fn word(&mut self) -> Parsed<&'a str> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
        let word = word.ok_or_else(|| self.fault("a JSON value"))?;
        self.at += word.len();
        Ok(word)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, expected: &'static str) -> Fault {
        Fault::Syntax { at: self.at, expected }
    }
}

#[cfg(test)]
mod tests;
