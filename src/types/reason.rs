//! Reason and ticket: what a person writes for the people who read the journal.

use std::str::FromStr;

use super::Rule;

/// Why somebody asks for an act. `.` is not a reason (gravitational/teleport#20164).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

const REASON_LENGTH_MIN: usize = 8;
/// Enough for a paragraph; more belongs into the ticket. Counted in characters.
const REASON_LENGTH_MAX: usize = 1024;
/// Fewer letters and digits than this are punctuation, not words.
const REASON_WORD_CHARACTERS_MIN: usize = 3;

impl Reason {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Rule::new("is required: say why, for the people who read the journal"));
        }
        // In bytes first: a huge text is not worth counting.
        if text.len() > 4 * REASON_LENGTH_MAX || text.chars().count() > REASON_LENGTH_MAX {
            return Err(Rule::new("must have at most 1024 characters"));
        }
        let words = text.chars().filter(|c| c.is_alphanumeric()).count();
        if text.chars().count() < REASON_LENGTH_MIN || words < REASON_WORD_CHARACTERS_MIN {
            return Err(Rule::new("must have at least 8 characters, 3 of them letters or digits"));
        }
        if text.chars().any(char::is_control) {
            return Err(Rule::new("must not hold control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A reference in the caller's own tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket(String);

const TICKET_LENGTH_MAX: usize = 128;

impl Ticket {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ticket {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._/:#-".contains(&b);
        if text.is_empty() || text.len() > TICKET_LENGTH_MAX || !text.bytes().all(allowed) {
            return Err(Rule::new("must have 1 to 128 characters of A-Z a-z 0-9 . _ / : # -"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_words() {
        assert_eq!(
            "  Locked out by policy change  ".parse::<Reason>().unwrap().as_str(),
            "Locked out by policy change"
        );
        assert!("Ключ утерян".parse::<Reason>().is_ok());
    }

    #[test]
    fn refuses_what_is_no_reason() {
        for text in [
            "",
            "   ",
            ".",
            "........",
            "fix",
            "a reason\nwith lines",
            "a reason\0with",
            &"x".repeat(1025),
            &"é".repeat(5000),
        ] {
            assert!(text.parse::<Reason>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_ticket_is_one_short_reference() {
        assert!("SEC-1234".parse::<Ticket>().is_ok());
        assert!("https://tracker.example/SEC-1234#c4".parse::<Ticket>().is_ok());
        for text in ["", "two words", "a\"b", &"x".repeat(129)] {
            assert!(text.parse::<Ticket>().is_err(), "{text:?}");
        }
    }
}
