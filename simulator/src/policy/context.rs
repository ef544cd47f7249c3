//! The condition keys of one request.

use std::collections::HashMap;

/// What is known about a request when policies are evaluated: condition keys, each with one or several values. The case
/// of a key does not matter, the case of a value does.
///
/// Source: IAM User Guide, "AWS global condition context keys" and "Single-valued vs. multivalued context keys".
#[derive(Debug, Clone, Default)]
pub struct Context {
    values: HashMap<String, Values>,
}

/// What a request has for a key. Whether a key is multivalued is a matter of the key, not of how many values it has.
#[derive(Debug, Clone)]
pub(super) enum Values {
    /// The only value of a single-valued key.
    One(String),
    /// The values of a multivalued key.
    Many(Vec<String>),
}

impl Values {
    /// The values, one or several.
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl Context {
    /// A context in which every key is missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the single-valued `key` its value, in place of any it had.
    pub fn set(&mut self, key: impl AsRef<str>, value: impl Into<String>) -> &mut Self {
        self.values.insert(folded(key.as_ref()), Values::One(value.into()));
        self
    }

    /// Gives the multivalued `key` (`aws:TagKeys` and its like) its values, in place of any it had. Even with one
    /// value, such a key is matched by conditions with `ForAllValues` or `ForAnyValue` only; with none it counts as
    /// missing.
    pub fn set_many(&mut self, key: impl AsRef<str>, values: Vec<String>) -> &mut Self {
        self.values.insert(folded(key.as_ref()), Values::Many(values));
        self
    }

    /// What there is for a key that is already in lower case; `None` when the key is missing.
    pub(super) fn values(&self, folded_key: &str) -> Option<&Values> {
        self.values.get(folded_key).filter(|values| !values.as_slice().is_empty())
    }

    /// The value of a single-valued key. A policy variable may name no other kind of key.
    pub(super) fn single(&self, folded_key: &str) -> Option<&str> {
        match self.values(folded_key) {
            Some(Values::One(value)) => Some(value),
            Some(Values::Many(_)) | None => None,
        }
    }
}

/// The form in which condition keys are compared.
pub(super) fn folded(key: &str) -> String {
    key.to_ascii_lowercase()
}
