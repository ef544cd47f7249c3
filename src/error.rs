//! What can go wrong, for two audiences: a stable reason with public words for the caller, and private words for the
//! journal and the log.

mod reason;
mod recorded;
mod transient;

pub use reason::ErrorReason;
pub use recorded::RecordedError;

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use crate::types::{AccountId, Violation};

/// What the caller can do about it: words and the page that they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Help<'a> {
    /// The fix.
    pub words: &'a str,
    /// Where it is documented.
    pub url: &'a str,
}

/// An act that was not done, or is not known to be done.
///
/// `Display` prints the public words; [`Error::private`] is for the journal and the log only.
#[derive(Clone, Debug)]
pub struct Error(Box<Facts>);

/// Boxed, because an error travels through every `Result` of the request's way.
#[derive(Clone, Debug)]
struct Facts {
    reason: ErrorReason,
    public: String,
    private: Option<String>,
    violations: Vec<Violation>,
    metadata: BTreeMap<Cow<'static, str>, String>,
    retry_after: Option<Duration>,
    /// Words and page.
    help: Option<(Cow<'static, str>, Cow<'static, str>)>,
}

impl Error {
    /// An error with words for the caller.
    #[must_use]
    pub fn new(reason: ErrorReason, public: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            reason,
            public: public.into(),
            private: None,
            violations: Vec::new(),
            metadata: BTreeMap::new(),
            retry_after: None,
            help: None,
        }))
    }

    /// A malformed request: every field that broke a rule.
    #[must_use]
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let words: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let mut error = Self::new(ErrorReason::InvalidRequest, words.join("; "));
        error.0.violations = violations;
        error
    }

    /// A defect of the gateway; the caller learns no more than that.
    #[must_use]
    pub fn internal(private: impl Into<String>) -> Self {
        Self::new(ErrorReason::Internal, "the gateway failed; its operators find the cause in the log and the journal")
            .with_private(private)
    }

    /// Adds words for the journal and the log.
    #[must_use]
    pub fn with_private(mut self, words: impl Into<String>) -> Self {
        self.0.private = Some(words.into());
        self
    }

    /// Adds a machine-readable fact for the caller.
    #[must_use]
    pub fn with_metadata(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.metadata.insert(Cow::Borrowed(key), value.into());
        self
    }

    /// Says which account it is about, if it is about one.
    #[must_use]
    pub fn about(self, account: impl Into<Option<AccountId>>) -> Self {
        match account.into() {
            Some(account) => self.with_metadata("account_id", account.to_string()),
            None => self,
        }
    }

    /// Says how long to wait before a retry.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds the fix.
    #[must_use]
    pub fn with_help(mut self, help: Help<'static>) -> Self {
        self.0.help = Some((Cow::Borrowed(help.words), Cow::Borrowed(help.url)));
        self
    }

    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        self.0.reason
    }

    /// Words for the journal and the log; the public ones where there are no others.
    #[must_use]
    pub fn private(&self) -> &str {
        self.0.private.as_deref().unwrap_or(&self.0.public)
    }

    /// The fields that broke a rule.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Machine-readable facts.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<Cow<'static, str>, String> {
        &self.0.metadata
    }

    /// How long to wait before a retry.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The fix.
    #[must_use]
    pub fn help(&self) -> Option<Help<'_>> {
        self.0.help.as_ref().map(|(words, url)| Help { words, url })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.public)
    }
}

impl std::error::Error for Error {}
