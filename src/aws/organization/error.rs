//! Why there is no tree.

use std::{fmt, time::Duration};

use crate::{aws::AwsFailure, types::Violation};

/// Why the organization's tree could not be read. For operators.
#[derive(Clone, Debug)]
pub enum TreeReadError {
    /// A call failed.
    Call(AwsFailure),
    /// It took longer than it may.
    TooSlow(Duration),
    /// An account or a unit was found in two places.
    Moved(String),
    /// More than this is made for.
    TooLarge,
    /// What AWS said is no tree.
    NotWhole(Vec<Violation>),
}

impl TreeReadError {
    /// What to do about a failed call.
    fn fix(failure: &AwsFailure) -> Option<String> {
        let operation = failure.operation;
        match failure.code.as_deref()? {
            "AccessDenied" | "AccessDeniedException" => Some(format!(
                "allow organizations:{operation} to the gateway's role, in the management account or in the account of a \
                 delegated administrator; or use organization.source = \"file\""
            )),
            "AWSOrganizationsNotInUseException" => Some(
                "the gateway's own account is in no organization: give it credentials of the management account or of a \
                 delegated administrator's"
                    .to_owned(),
            ),
            "TooManyRequestsException" => Some(
                "others in the organization use up the calls that AWS allows: set a longer organization.refresh, or \
                 organization.tags = false"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl From<AwsFailure> for TreeReadError {
    fn from(failure: AwsFailure) -> Self {
        Self::Call(failure)
    }
}

impl fmt::Display for TreeReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(failure) => {
                write!(f, "{failure}")?;
                Self::fix(failure).map_or(Ok(()), |fix| write!(f, " ({fix})"))
            }
            Self::TooSlow(limit) => {
                write!(f, "not read within {} s (AWS throttles, or the organization is very large)", limit.as_secs())
            }
            Self::Moved(id) => write!(f, "{id} was found in two places: it was moved while the tree was read"),
            Self::TooLarge => f.write_str("more units or accounts than this gateway is made for"),
            Self::NotWhole(violations) => {
                let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
                write!(f, "what AWS said is no tree: {}", lines.join("; "))
            }
        }
    }
}

impl std::error::Error for TreeReadError {}
