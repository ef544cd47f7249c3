//! The names of condition operators, taken apart.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued context
//! keys".

/// A condition operator: `ForAnyValue:StringNotLikeIfExists` is `for_values`, `Like`, negated, if it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) test: Test,
    /// The test must fail for every value that the policy lists.
    pub(super) negated: bool,
    /// A missing key passes.
    pub(super) if_exists: bool,
    /// `ForAllValues:` or `ForAnyValue:`
    pub(super) for_values: bool,
}

/// The tests that are evaluated here; all others are `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsIgnoringCase,
    Like,
    Arn,
    Bool,
    NumericLessThan,
    NumericLessThanEquals,
    Other,
}

const OTHERS: [&str; 14] = [
    "NumericEquals",
    "NumericNotEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
];

impl Operator {
    /// `None` when there is no operator of that name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let set = name.strip_prefix("ForAllValues:").or_else(|| name.strip_prefix("ForAnyValue:"));
        let rest = set.unwrap_or(name);
        let base = rest.strip_suffix("IfExists");
        let (test, negated) = test(base.unwrap_or(rest))?;
        Some(Self { test, negated, if_exists: base.is_some(), for_values: set.is_some() })
    }
}

/// The test behind a bare operator name, and whether the name negates it.
fn test(name: &str) -> Option<(Test, bool)> {
    Some(match name {
        "StringEquals" => (Test::Equals, false),
        "StringNotEquals" => (Test::Equals, true),
        "StringEqualsIgnoreCase" => (Test::EqualsIgnoringCase, false),
        "StringNotEqualsIgnoreCase" => (Test::EqualsIgnoringCase, true),
        "StringLike" => (Test::Like, false),
        "StringNotLike" => (Test::Like, true),
        // "ArnEquals and ArnLike behave identically."
        "ArnEquals" | "ArnLike" => (Test::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
        "Bool" => (Test::Bool, false),
        "NumericLessThan" => (Test::NumericLessThan, false),
        "NumericLessThanEquals" => (Test::NumericLessThanEquals, false),
        other => return OTHERS.contains(&other).then_some((Test::Other, false)),
    })
}
