//! What is wrong with a policy document, and where.

use std::fmt;

/// A policy document that AWS would refuse: the place of the first fault, and the rule it breaks.
///
/// The text of a rule is the service's own wording where that is known ("Missing required field Statement"), so that a
/// front can answer `MalformedPolicy` with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    place: String,
    rule: Rule,
}

/// The rules a document can break.
///
/// Source: IAM User Guide, "Grammar of the IAM JSON policy language"; wording: S3 `MalformedPolicy` replies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The text is longer than any service accepts; the limit in bytes.
    TooLong(usize),
    /// The text is not JSON, or not an object; the reader's own words.
    NotJson(String),
    /// An object names the same key twice.
    DuplicateKey(String),
    /// The element does not exist in the policy language.
    UnknownField(String),
    /// The element is required and absent.
    MissingField(&'static str),
    /// The two elements exclude each other.
    Conflict(&'static str, &'static str),
    /// The element is there with nothing in it.
    Empty,
    /// The value has another JSON type than the element takes; what it takes.
    Type(&'static str),
    /// The value is none that the element takes; the value, and what the element takes.
    Value(String, &'static str),
    /// The condition operator does not exist.
    UnknownOperator(String),
}

impl PolicyError {
    pub(crate) fn new(place: impl Into<String>, rule: Rule) -> Self {
        Self { place: place.into(), rule }
    }

    /// Where the fault is: `document`, or a path such as `Statement[2].Condition.StringEquals`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The rule that is broken.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

impl std::error::Error for PolicyError {}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(limit) => write!(f, "Policy exceeds the maximum allowed document size of {limit} bytes"),
            Self::NotJson(reason) => {
                write!(f, "Policies must be valid JSON and the first byte must be '{{' ({reason})")
            }
            Self::DuplicateKey(key) => write!(f, "Duplicate key {key}"),
            Self::UnknownField(field) => write!(f, "Unknown field {field}"),
            Self::MissingField(field) => write!(f, "Missing required field {field}"),
            Self::Conflict(one, other) => write!(f, "{one} and {other} exclude each other"),
            Self::Empty => f.write_str("must not be empty"),
            Self::Type(wanted) => write!(f, "must be {wanted}"),
            Self::Value(value, wanted) => write!(f, "{value:?} is not {wanted}"),
            Self::UnknownOperator(operator) => write!(f, "Unknown condition operator {operator}"),
        }
    }
}
