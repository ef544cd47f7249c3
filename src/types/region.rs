//! AWS regions.

use std::{fmt, str::FromStr};

use super::Rule;

/// Name of an AWS region, e.g. `eu-west-1`. Only its form is checked here; whether it is allowed says the configuration.
///
/// The form matters: the SDK builds host names from it and accepts dots, so `us-east-1.evil` would become
/// `sts.us-east-1.evil.amazonaws.com`. `aws-global` has no digit at its end and thus is no region here: the global STS
/// endpoint does not know `AssumeRoot`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const LENGTH_MAX: usize = 32;

impl FromStr for Region {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        const RULE: Rule = Rule::new("must be the name of an AWS region such as eu-west-1");
        let parts: Vec<&str> = text.split('-').collect();
        let [first, middle @ .., last] = parts.as_slice() else { return Err(RULE) };
        let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let number = !last.is_empty() && last.len() <= 2 && last.bytes().all(|b| b.is_ascii_digit());
        let well_formed =
            text.len() <= LENGTH_MAX && letters(first) && !middle.is_empty() && middle.iter().all(letters) && number;
        if well_formed { Ok(Self(text.to_owned())) } else { Err(RULE) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_regions() {
        for text in ["us-east-1", "ap-southeast-7", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1"] {
            assert!(text.parse::<Region>().is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_what_would_name_another_host() {
        for text in
            ["", "aws-global", "us-east-1.evil", "US-EAST-1", "us-east-1/", "us-east-", "-east-1", "us--1", "us-1", "1"]
        {
            assert!(text.parse::<Region>().is_err(), "{text:?}");
        }
    }
}
