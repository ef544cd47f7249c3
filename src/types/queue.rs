//! Queues, however they are named.

use std::{fmt, str::FromStr};

use super::{AccountId, Region, Rule};

/// Name of a queue: at most 80 characters of `A-Z a-z 0-9 _ -`, `.fifo` at the end of a FIFO queue's name counted in
/// (SQS Developer Guide, "Amazon SQS message quotas").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueName(String);

impl QueueName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const NAME_LENGTH_MAX: usize = 80;

impl FromStr for QueueName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let stem = text.strip_suffix(".fifo").unwrap_or(text);
        let well_formed = stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if stem.is_empty() || text.len() > NAME_LENGTH_MAX || !well_formed {
            return Err(Rule::new(
                "must be a queue's name: 1 to 80 letters, digits, `_`, `-`, and `.fifo` at the end of a FIFO queue's",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// One queue: where it is, whose it is and its name. Made from an ARN, from a URL, or from the three parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueRef {
    /// The queue's region.
    pub region: Region,
    /// The queue's owner.
    pub account: AccountId,
    /// The queue's name.
    pub name: QueueName,
}

impl QueueRef {
    /// Parses `arn:aws:sqs:REGION:ACCOUNT:NAME`.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn from_arn(text: &str) -> Result<Self, Rule> {
        const RULE: Rule = Rule::new("must be an ARN of the form arn:aws:sqs:REGION:ACCOUNT:NAME");
        let rest = text.strip_prefix("arn:aws:sqs:").ok_or(RULE)?;
        let mut parts = rest.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(region), Some(account), Some(name), None) => {
                Ok(Self { region: region.parse()?, account: account.parse()?, name: name.parse()? })
            }
            _ => Err(RULE),
        }
    }

    /// Parses `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`. Other hosts are refused: the URL tells us names, and is
    /// never where we send a request.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn from_url(text: &str) -> Result<Self, Rule> {
        const RULE: Rule = Rule::new("must be a URL of the form https://sqs.REGION.amazonaws.com/ACCOUNT/NAME");
        let rest = text.strip_prefix("https://sqs.").ok_or(RULE)?;
        let (region, path) = rest.split_once(".amazonaws.com/").ok_or(RULE)?;
        let (account, name) = path.split_once('/').ok_or(RULE)?;
        Ok(Self { region: region.parse()?, account: account.parse()?, name: name.parse()? })
    }

    /// The queue's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:sqs:{}:{}:{}", self.region, self.account, self.name.0)
    }
}

impl fmt::Display for QueueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arn_and_url_name_the_same_queue() {
        let arn = QueueRef::from_arn("arn:aws:sqs:eu-west-1:333333333333:payments.fifo").unwrap();
        let url = QueueRef::from_url("https://sqs.eu-west-1.amazonaws.com/333333333333/payments.fifo").unwrap();
        assert_eq!(arn, url);
        assert_eq!(arn.arn(), "arn:aws:sqs:eu-west-1:333333333333:payments.fifo");
    }

    #[test]
    fn refuses_malformed_arns() {
        for text in [
            "",
            "payments",
            "arn:aws:sns:eu-west-1:333333333333:payments",
            "arn:aws-cn:sqs:cn-north-1:333333333333:payments",
            "arn:aws:sqs:eu-west-1:333333333333",
            "arn:aws:sqs:eu-west-1:333333333333:payments:more",
            "arn:aws:sqs:eu-west-1:33333333333:payments",
            "arn:aws:sqs:eu-west-1:333333333333:pay ments",
            "arn:aws:sqs::333333333333:payments",
        ] {
            assert!(QueueRef::from_arn(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn refuses_urls_of_other_hosts() {
        for text in [
            "http://sqs.eu-west-1.amazonaws.com/333333333333/payments",
            "https://sqs.eu-west-1.amazonaws.com.evil.example/333333333333/payments",
            "https://evil.example/?https://sqs.eu-west-1.amazonaws.com/333333333333/payments",
            "https://sqs.eu-west-1.evil.amazonaws.com/333333333333/payments",
            "https://sqs.eu-west-1.amazonaws.com/333333333333/a/b",
            "https://sqs.eu-west-1.amazonaws.com:8443/333333333333/a",
        ] {
            assert!(QueueRef::from_url(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_arn_that_parses_prints_the_same(text in "arn:aws:sqs:[a-z0-9:-]{0,40}|\\PC{0,60}") {
            if let Ok(queue) = QueueRef::from_arn(&text) {
                prop_assert_eq!(queue.arn(), text);
            }
        }
    }
}
