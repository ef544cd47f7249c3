//! One condition: an operator, a key, and the values the policy lists for it.

use std::net::IpAddr;

use super::base64;
use super::context::{Context, Values, folded};
use super::date::Moment;
use super::network::Network;
use super::operator::{Comparison, Operator, Quantifier, Test};
use super::resource;
use super::template::{Syntax, Template};

/// A condition on one key. All conditions of a statement must hold; of the values of one condition, one is enough.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: Operator,
    key: String,
    operands: Vec<Operand>,
}

/// A value the policy lists, read as its operator demands.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Text(Template),
    TextIgnoringCase(Template),
    Arn(Template),
    Number(Comparison, f64),
    Moment(Comparison, Moment),
    Bool(bool),
    Bytes(Vec<u8>),
    Network(Network),
    /// `Null`: whether the key must be missing.
    Missing(bool),
}

impl Condition {
    pub(super) fn new(operator: Operator, key: &str, operands: Vec<Operand>) -> Self {
        Self { operator, key: folded(key), operands }
    }

    /// Whether the condition holds for a request.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let values = context.values(&self.key);
        if self.operator.test == Test::Null {
            let wanted =
                |operand: &Operand| matches!(operand, Operand::Missing(missing) if *missing == values.is_none());
            return self.operands.iter().any(wanted);
        }
        let Some(values) = values else {
            return self.holds_for_missing_key();
        };
        match (self.operator.quantifier, values) {
            (Quantifier::All, values) => values.as_slice().iter().all(|value| self.passes(value, context)),
            (Quantifier::Any, values) => values.as_slice().iter().any(|value| self.passes(value, context)),
            (Quantifier::Single, Values::One(value)) => self.passes(value, context),
            // "Multivalued context keys require a condition set operator": without one, even a negated operator fails.
            (Quantifier::Single, Values::Many(_)) => false,
        }
    }

    /// "If the key is not present, the condition is false; if the operator is negated, it is true." `ForAllValues` is
    /// true of no values, `ForAnyValue` never is.
    fn holds_for_missing_key(&self) -> bool {
        self.operator.if_exists
            || match self.operator.quantifier {
                Quantifier::All => true,
                Quantifier::Any => false,
                Quantifier::Single => self.operator.negated,
            }
    }

    /// Whether one value of the request passes: it equals one listed value, or none of them when the operator is
    /// negated.
    fn passes(&self, value: &str, context: &Context) -> bool {
        self.operands.iter().any(|operand| operand.accepts(value, context)) != self.operator.negated
    }
}

impl Operand {
    /// Reads a listed value; the error says what the operator takes.
    pub(super) fn parse(test: Test, text: &str, variables: bool) -> Result<Self, &'static str> {
        let template = |wildcards| Template::parse(text, Syntax { wildcards, variables });
        match test {
            Test::StringEquals => Ok(Self::Text(template(false))),
            Test::StringEqualsIgnoreCase => Ok(Self::TextIgnoringCase(template(false))),
            Test::StringLike => Ok(Self::Text(template(true))),
            Test::Arn => Ok(Self::Arn(template(true))),
            Test::Numeric(comparison) => number(text).map(|number| Self::Number(comparison, number)).ok_or("a number"),
            Test::Date(comparison) => Moment::parse(text)
                .map(|moment| Self::Moment(comparison, moment))
                .ok_or("a date in ISO 8601 or seconds since 1970"),
            Test::Bool => boolean(text).map(Self::Bool).ok_or("true or false"),
            Test::Null => boolean(text).map(Self::Missing).ok_or("true or false"),
            Test::Binary => base64::decode(text).map(Self::Bytes).ok_or("base64"),
            Test::IpAddress => Network::parse(text).map(Self::Network).ok_or("an IP address or CIDR range"),
        }
    }

    /// Whether a value of the request is the one listed. A value that cannot be read as the operator demands is not.
    fn accepts(&self, value: &str, context: &Context) -> bool {
        match self {
            Self::Text(template) => template.matches(value, context),
            Self::TextIgnoringCase(template) => template.matches_ignoring_case(value, context),
            Self::Arn(template) => template.fill(context).is_some_and(|pattern| resource::arn_matches(&pattern, value)),
            Self::Number(comparison, listed) => number(value)
                .and_then(|value| value.partial_cmp(listed))
                .is_some_and(|ordering| comparison.accepts(ordering)),
            Self::Moment(comparison, listed) => {
                Moment::parse(value).is_some_and(|value| comparison.accepts(value.cmp(listed)))
            }
            Self::Bool(listed) => boolean(value) == Some(*listed),
            Self::Bytes(listed) => base64::decode(value).is_some_and(|value| value == *listed),
            Self::Network(listed) => value.parse::<IpAddr>().is_ok_and(|address| listed.contains(address)),
            Self::Missing(_) => false,
        }
    }
}

/// An integer or decimal number; the standard parser would also take `inf` and `NaN`.
fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
