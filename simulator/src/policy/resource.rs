//! ARNs against ARN patterns, part by part.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Resource".

use super::context::Context;
use super::glob::{self, Glob};
use super::template::{Syntax, Template};

/// The parts of an ARN that colons separate: `arn:partition:service:region:account:resource`. The last may hold more
/// colons.
const PARTS: usize = 6;

/// A value of `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ResourcePattern {
    /// `*`: everything, and the only pattern for actions that IAM authorizes on no resource.
    Everything,
    /// An ARN; each part is matched by itself, so that a wildcard never crosses one of the first five colons.
    Arn(Vec<Template>),
}

impl ResourcePattern {
    /// Reads a pattern; `None` unless it is an ARN or `*`. Parts missing at the end are `*`, as AWS completes them.
    /// Only the last part may hold policy variables; before the fifth colon AWS takes them literally.
    pub(super) fn parse(text: &str, variables: bool) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everything);
        }
        text.strip_prefix("arn:")?;
        let mut parts: Vec<Template> = text
            .splitn(PARTS, ':')
            .enumerate()
            .map(|(index, part)| {
                Template::parse(part, Syntax { wildcards: true, variables: variables && index + 1 == PARTS })
            })
            .collect();
        parts.resize_with(PARTS, Template::anything);
        Some(Self::Arn(parts))
    }

    /// Whether the resource of a request is meant.
    pub(super) fn matches(&self, resource: &str, context: &Context) -> bool {
        match self {
            Self::Everything => true,
            Self::Arn(parts) => {
                let found: Vec<&str> = resource.splitn(PARTS, ':').collect();
                found.len() == PARTS && parts.iter().zip(found).all(|(pattern, part)| pattern.matches(part, context))
            }
        }
    }
}

/// Whether an ARN fits a pattern whose variables are filled in already, as the Arn condition operators compare: "Each
/// of the six colon-delimited components of the ARN is checked separately". Neither side is completed.
pub(super) fn arn_matches(pattern: &[Glob], arn: &str) -> bool {
    let wanted: Vec<&[Glob]> = pattern.splitn(PARTS, |glob| *glob == Glob::Literal(':')).collect();
    let found: Vec<&str> = arn.splitn(PARTS, ':').collect();
    wanted.len() == PARTS
        && found.len() == PARTS
        && wanted.iter().zip(found).all(|(pattern, part)| glob::matches(pattern, part))
}
