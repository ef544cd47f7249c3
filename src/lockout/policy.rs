//! A document taken apart into its statements.

use super::json::{self, Fault, Node, Value, cmp_exactly, cmp_ignoring_case, twice};
use super::reach::quote;

/// The longest document that is read, in bytes. S3 takes 20 KB and SQS less, but both may count without the white space
/// of the text; three times that leaves room for it and keeps the time bounded.
///
/// Source: Amazon S3 User Guide, "Bucket policies": "Bucket policies are limited to 20 KB in size."
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

const FIX: &str = "remove the whole policy with DELETE_POLICY, or replace it with REPLACE_POLICY";

/// Why a document as a whole cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The text is longer than any policy.
    #[error("the policy has {found} bytes, more than the {MAX_DOCUMENT_BYTES} that are read; {FIX}")]
    TooLong {
        /// Length of the text in bytes.
        found: usize,
    },
    /// The text is not JSON.
    #[error("the policy is not JSON: expected {expected} at byte {at}; {FIX}")]
    NotJson {
        /// Place of the fault, in bytes from 0.
        at: usize,
        /// What JSON wants there.
        expected: &'static str,
    },
    /// The text nests deeper than any policy.
    #[error("the policy nests more than {} brackets at byte {at}; {FIX}", json::MAX_DEPTH)]
    TooDeep {
        /// Place of the bracket that is too many, in bytes from 0.
        at: usize,
    },
    /// A key stands twice in one object (at the level of the document and of a statement also when the two differ in
    /// case only), so that one half of the policy may hide the other.
    #[error("the key {key} stands twice in the object at byte {at}, so its meaning is ambiguous; {FIX}")]
    DuplicateKey {
        /// The key, quoted.
        key: String,
        /// Place of the object, in bytes from 0.
        at: usize,
    },
    /// The text is JSON, but not a policy.
    #[error("the document is no policy: {0}; {FIX}")]
    NotPolicy(String),
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax { at, expected } => Self::NotJson { at, expected },
            Fault::TooDeep { at } => Self::TooDeep { at },
        }
    }
}

/// The statements of a document.
pub(super) enum Policy<'a> {
    /// `"Statement": {..}`
    Single(Node<'a>),
    /// `"Statement": [..]`
    List(Vec<Node<'a>>),
}

impl<'a> Policy<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Unreadable> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(Unreadable::TooLong { found: text.len() });
        }
        let document = json::parse(text)?;
        refuse_duplicates(&document)?;
        refuse_case_variants(&document)?;
        let Value::Object(fields) = document.value else {
            return Err(not_policy("it must be a JSON object"));
        };
        let mut statements = None;
        for (key, node) in fields {
            match key.as_ref() {
                "Statement" => statements = Some(node),
                "Version" => check_version(&node.value)?,
                "Id" => check_id(&node.value)?,
                other => return Err(not_policy(format!("it holds {}, which no policy has", quote(other)))),
            }
        }
        Self::of(statements.ok_or_else(|| not_policy("it has no Statement"))?)
    }

    pub(super) fn statements(&self) -> &[Node<'a>] {
        match self {
            Self::Single(node) => std::slice::from_ref(node),
            Self::List(nodes) => nodes,
        }
    }

    fn of(statement: Node<'a>) -> Result<Self, Unreadable> {
        let policy = match statement.value {
            Value::List(nodes) => Self::List(nodes),
            Value::Object(_) => Self::Single(statement),
            _ => return Err(not_policy("Statement must be an object or a list of objects")),
        };
        policy.statements().iter().try_for_each(refuse_case_variants)?;
        Ok(policy)
    }
}

fn check_version(version: &Value<'_>) -> Result<(), Unreadable> {
    match version {
        Value::Text(text) if matches!(text.as_ref(), "2012-10-17" | "2008-10-17") => Ok(()),
        _ => Err(not_policy("Version must be \"2012-10-17\" or \"2008-10-17\"")),
    }
}

fn check_id(id: &Value<'_>) -> Result<(), Unreadable> {
    if let Value::Text(_) = id { Ok(()) } else { Err(not_policy("Id must be a string")) }
}

fn refuse_duplicates(node: &Node<'_>) -> Result<(), Unreadable> {
    match &node.value {
        Value::Object(fields) => {
            refuse_twice(twice(fields, cmp_exactly), node)?;
            fields.iter().try_for_each(|(_, node)| refuse_duplicates(node))
        }
        Value::List(nodes) => nodes.iter().try_for_each(refuse_duplicates),
        Value::Text(_) | Value::Bare(_) => Ok(()),
    }
}

/// AWS does not document whether the names of elements are case-sensitive, so two that differ in case only could both
/// count.
fn refuse_case_variants(node: &Node<'_>) -> Result<(), Unreadable> {
    let Value::Object(fields) = &node.value else { return Ok(()) };
    refuse_twice(twice(fields, cmp_ignoring_case), node)
}

fn refuse_twice(key: Option<&str>, node: &Node<'_>) -> Result<(), Unreadable> {
    match key {
        Some(key) => Err(Unreadable::DuplicateKey { key: quote(key), at: node.span.start }),
        None => Ok(()),
    }
}

fn not_policy(why: impl Into<String>) -> Unreadable {
    Unreadable::NotPolicy(why.into())
}
