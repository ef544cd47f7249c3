//! The digest of a state, as callers carry it from a plan to the act.

use std::{fmt, str::FromStr};

use super::Rule;

/// Digest of the state that a plan saw. Opaque to callers; what it is made of is said in `ops/state.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(Box<str>);

/// Room for the digest of the whole and short ones of 128 parts.
const LENGTH_MAX: usize = 2048;

impl Etag {
    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Etag {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if (1..=LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_known) {
            return Ok(Self(text.into()));
        }
        Err(Rule::new("must be the etag of a plan, as it was answered with validate_only"))
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_plan_can_have_answered_is_an_etag() {
        assert_eq!("1.ab12.s-k".parse::<Etag>().unwrap().to_string(), "1.ab12.s-k");
        let long = "a".repeat(LENGTH_MAX + 1);
        for bad in ["", "a b", "\"quoted\"", "a\n", "é", &long] {
            assert!(bad.parse::<Etag>().is_err(), "{bad:?}");
        }
    }
}
