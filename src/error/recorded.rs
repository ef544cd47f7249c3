//! What a caller was told, in the form in which the store keeps it for a repetition of the request.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Error, ErrorReason, Facts};
use crate::types::{Rule, Violation};

/// Everything of an [`Error`] that its caller sees, and nothing of the private words.
///
/// A member or a reason that is not known is refused, so what an older gateway cannot give again whole it does not give at
/// all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedError {
    reason: ErrorReason,
    message: String,
    violations: Vec<RecordedViolation>,
    metadata: BTreeMap<Cow<'static, str>, String>,
    retry_after: Option<Duration>,
    help: Option<RecordedHelp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedViolation {
    field: String,
    rule: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedHelp {
    words: Cow<'static, str>,
    url: Cow<'static, str>,
}

impl From<&Error> for RecordedError {
    fn from(error: &Error) -> Self {
        // Named one by one, so that a new fact does not compile until somebody has decided whether callers see it.
        let Facts { reason, public, private: _, violations, metadata, retry_after, help } = &*error.0;
        let violation = |violation: &Violation| RecordedViolation {
            field: violation.field.clone(),
            rule: violation.rule.0.clone().into_owned(),
        };
        Self {
            reason: *reason,
            message: public.clone(),
            violations: violations.iter().map(violation).collect(),
            metadata: metadata.clone(),
            retry_after: *retry_after,
            help: help.clone().map(|(words, url)| RecordedHelp { words, url }),
        }
    }
}

impl From<RecordedError> for Error {
    fn from(recorded: RecordedError) -> Self {
        let RecordedError { reason, message, violations, metadata, retry_after, help } = recorded;
        let violation = |RecordedViolation { field, rule }| Violation { field, rule: Rule(Cow::Owned(rule)) };
        Self(Box::new(Facts {
            reason,
            public: message,
            private: None,
            violations: violations.into_iter().map(violation).collect(),
            metadata,
            retry_after,
            help: help.map(|RecordedHelp { words, url }| (words, url)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Help;

    fn kept(error: &Error) -> String {
        serde_json::to_string(&RecordedError::from(error)).unwrap()
    }

    fn read(text: &str) -> Result<Error, serde_json::Error> {
        serde_json::from_str::<RecordedError>(text).map(Error::from)
    }

    fn full() -> Error {
        Error::invalid(vec![Violation::new("bucket", Rule::new("must be a name"))])
            .with_private("swordfish")
            .with_metadata("aws_error_code", "AccessDenied")
            .with_retry_after(Duration::from_millis(1500))
            .with_help(Help { words: "turn it on", url: "https://example.org" })
    }

    #[test]
    fn what_the_caller_saw_comes_back_whole() {
        let (error, again) = (full(), read(&kept(&full())).unwrap());
        assert_eq!(again.to_string(), error.to_string());
        assert_eq!(
            (again.reason(), again.violations(), again.metadata(), again.retry_after(), again.help()),
            (error.reason(), error.violations(), error.metadata(), error.retry_after(), error.help())
        );
    }

    #[test]
    fn private_words_are_not_kept() {
        assert!(!kept(&full()).contains("swordfish"));
        assert_eq!(read(&kept(&full())).unwrap().private(), full().to_string());
    }

    #[test]
    fn reasons_are_kept_under_their_stable_names() {
        for reason in
            [ErrorReason::ScpDeny, ErrorReason::AwsThrottled, ErrorReason::AlreadyIssued, ErrorReason::Internal]
        {
            let text = kept(&Error::new(reason, "words"));
            assert!(text.contains(&format!("\"reason\":\"{}\"", reason.name())), "{text}");
            assert_eq!(read(&text).unwrap().reason(), reason);
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let good = kept(&Error::new(ErrorReason::Incomplete, "part"));
        for (known, strange) in [("INCOMPLETE", "HALF_DONE"), ("\"message\"", "\"more\":1,\"message\""), ("{", "[")] {
            assert!(read(&good.replacen(known, strange, 1)).is_err(), "{strange}");
        }
    }
}
