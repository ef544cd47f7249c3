//! Names of keys and journals, as they stand in signed notes.

use std::{fmt, str::FromStr};

use super::Rule;

/// Name of a key of checkpoints, or of a journal (its origin): a URL without scheme, such as
/// `rootgate.example.com/journal`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteName(String);

/// A host name has at most 253 bytes; nobody names a journal by a longer URL.
const BYTES_MAX: usize = 255;

impl NoteName {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rules for key names (C2SP, signed-note, "Format"), which tlog-checkpoint recommends for origins too.
impl FromStr for NoteName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if text.is_empty() || text.len() > BYTES_MAX || text.contains(forbidden) {
            return Err(Rule::new("must be a name of 1 to 255 bytes, without spaces, control characters and `+`"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_spaces_and_no_plus() {
        for good in ["a", "rootgate.example.com/journal", "söhne.example", &"a".repeat(255)] {
            assert_eq!(good.parse::<NoteName>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a+b", "a\n", "a\u{a0}b", "a\u{2028}b", "\u{7f}", &"a".repeat(256)] {
            assert!(bad.parse::<NoteName>().is_err(), "{bad:?}");
        }
    }
}
