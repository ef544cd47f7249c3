//! The names of condition operators, taken apart.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued context
//! keys".

/// A condition operator: `ForAnyValue:StringNotLikeIfExists` is `Any`, `Like`, negated, if it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lockout) struct Operator {
    pub(in crate::lockout) quantifier: Quantifier,
    pub(in crate::lockout) test: Test,
    /// The test must fail for every value that the policy lists.
    pub(in crate::lockout) negated: bool,
    /// A missing key passes.
    pub(in crate::lockout) if_exists: bool,
}

/// How many of the values that a call has for a key must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lockout) enum Quantifier {
    /// The only one.
    Single,
    /// `ForAllValues:`, which holds without the key.
    All,
    /// `ForAnyValue:`, which fails without the key.
    Any,
}

/// The tests that are evaluated here; all others are `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lockout) enum Test {
    Equals,
    EqualsIgnoringCase,
    Like,
    Arn,
    Bool,
    IpAddress,
    NumericLessThan,
    NumericLessThanEquals,
    Other,
}

const OTHERS: [&str; 12] = [
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
    "Null",
];

impl Operator {
    /// `None` when there is no operator of that name.
    pub(in crate::lockout) fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            _ => (Quantifier::Single, name),
        };
        let base = rest.strip_suffix("IfExists");
        let (test, negated) = test(base.unwrap_or(rest))?;
        Some(Self { quantifier, test, negated, if_exists: base.is_some() })
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
        "IpAddress" => (Test::IpAddress, false),
        "NotIpAddress" => (Test::IpAddress, true),
        "NumericLessThan" => (Test::NumericLessThan, false),
        "NumericLessThanEquals" => (Test::NumericLessThanEquals, false),
        other => return OTHERS.contains(&other).then_some((Test::Other, false)),
    })
}
