//! AWS account ids.

use std::{fmt, str::FromStr};

use super::Rule;

/// A 12-digit AWS account id (AWS Account Management Reference Guide, "View AWS account identifiers").
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId([u8; AccountId::DIGITS]);

impl AccountId {
    const DIGITS: usize = 12;

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes are ASCII digits, see `from_str`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// ARN of the account's root user, the resource that `sts:AssumeRoot` is authorized on.
    #[must_use]
    pub fn root_arn(&self) -> String {
        format!("arn:aws:iam::{self}:root")
    }
}

impl FromStr for AccountId {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        const RULE: Rule = Rule::new("must be an AWS account id of exactly 12 digits");
        let digits = <[u8; Self::DIGITS]>::try_from(text.as_bytes()).map_err(|_| RULE)?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(RULE) }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_twelve_digits_with_leading_zeros() {
        assert_eq!("012345678901".parse::<AccountId>().unwrap().as_str(), "012345678901");
    }

    #[test]
    fn refuses_all_else() {
        for text in
            ["", "1", "12345678901", "1234567890123", "12345678901a", " 123456789012", "１２３４", "-12345678901"]
        {
            assert!(text.parse::<AccountId>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in "\\PC{0,14}|[0-9]{12}") {
            if let Ok(id) = text.parse::<AccountId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
