//! The kinds of records in the journal.

use std::{fmt, str::FromStr};

use super::Rule;

/// What a record tells of, by the name that its member `event` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// The gateway came up.
    Started,
    /// Something that says who is believed or what is allowed was replaced.
    Reloaded,
    /// The gateway went down in order.
    Stopped,
    /// An act was allowed and was about to start.
    Intent,
    /// The policy that an act was about to change was kept.
    Backup,
    /// Kept policies were deleted because of their age.
    BackupsExpired,
    /// Ids of requests were forgotten because of their age.
    RequestsForgotten,
    /// A request was repeated, and got the reply of the first time.
    Repeated,
    /// Records were moved into a file of their own.
    Archived,
    /// How an act ended.
    Outcome,
    /// An outcome whose intent was not open.
    StrayOutcome,
    /// A call was refused.
    Refusal,
    /// The gateway ended between an intent and its outcome.
    Interrupted,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Started,
        Self::Reloaded,
        Self::Stopped,
        Self::Intent,
        Self::Backup,
        Self::BackupsExpired,
        Self::RequestsForgotten,
        Self::Repeated,
        Self::Archived,
        Self::Outcome,
        Self::StrayOutcome,
        Self::Refusal,
        Self::Interrupted,
    ];

    /// Name in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Reloaded => "Reloaded",
            Self::Stopped => "Stopped",
            Self::Intent => "Intent",
            Self::Backup => "Backup",
            Self::BackupsExpired => "BackupsExpired",
            Self::RequestsForgotten => "RequestsForgotten",
            Self::Repeated => "Repeated",
            Self::Archived => "Archived",
            Self::Outcome => "Outcome",
            Self::StrayOutcome => "StrayOutcome",
            Self::Refusal => "Refusal",
            Self::Interrupted => "Interrupted",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RecordKind {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == text);
        known.ok_or_else(|| Rule(format!("must be one of {}", Self::ALL.map(Self::name).join(", ")).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_reads_as_it_is_written() {
        for kind in RecordKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let rule = "refusal".parse::<RecordKind>().unwrap_err().to_string();
        assert!(rule.starts_with("must be one of Started, ") && rule.ends_with(", Interrupted"), "{rule}");
    }
}
