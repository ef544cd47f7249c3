//! What callers are called.

use std::str::FromStr;

use super::Rule;

/// A caller's stable id, as authentication makes it and the journal shows it: `spiffe://…`, `jwt:ISSUER:SUB` and so on.
///
/// Whoever names a caller without a proof (members of groups, supposed callers) has to be able to write every subject that
/// a caller can have, and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// The longest is a URI, which has at most as many bytes as a SPIFFE ID (SPIFFE-ID, section 2.3), behind a prefix.
    pub const BYTES_MAX: usize = 2048 + "uri:".len();

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        // What an issuer calls somebody may hold spaces (GitHub's names of environments); at the ends nobody would see them.
        let printable = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') && text.trim() == text;
        if text.is_empty() || text.len() > Self::BYTES_MAX || !printable {
            return Err(Rule::new(
                "must be a caller's subject: 1 to 2052 printable ASCII characters, without \
                 spaces around them",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_subject_of_a_caller_is_one() {
        let longest = format!("uri:urn:{}", "a".repeat(2044));
        for text in [
            "spiffe://example.org/ops/alice",
            "dns:deployer.ops.example.org",
            "jwt:github:repo:acme/app:environment:Production EU",
            "k8s:prod:ci:robot",
            "linkerd:a.b.serviceaccount.identity.linkerd.cluster.local",
            "aws:111122223333:role/deploy/AROAEXAMPLE",
            &longest,
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_nobody_is_called_is_none() {
        let too_long = "x".repeat(Subject::BYTES_MAX + 1);
        for text in [
            "",
            " ",
            " jwt:login:a",
            "jwt:login:a ",
            "jwt:login:a\tb",
            "jwt:login:a\nb",
            "jwt:login:a\u{a0}b",
            "jwt:login:\u{202e}a",
            "jwt:login:\u{1b}[2J",
            "jwt:login:é",
            &too_long,
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_the_text_and_fits_into_one_line(text in "\\PC{0,12}|[ -~]{0,12}|(?s).{0,12}") {
            if let Ok(subject) = text.parse::<Subject>() {
                prop_assert_eq!(String::from(subject), text.clone());
                prop_assert!(!text.is_empty() && text.trim() == text && !text.chars().any(char::is_control));
            }
        }
    }
}
