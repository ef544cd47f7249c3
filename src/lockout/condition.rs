//! Whether the conditions of a statement hold when an administrator manages the policy.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "AWS global condition context keys".

mod keys;
mod operator;
mod principal_arn;

pub(super) use operator::{Operator, Quantifier, Test};

use super::glob::{self, has_variable};
use super::json::{Node, Value, cmp_ignoring_case, twice};
use super::reach::{Fit, Reach, quote};
use super::target::Management;
use keys::Fact;

/// One condition: an operator, a key and the values that the policy lists for it.
struct Condition<'n> {
    name: &'n str,
    operator: Operator,
    key: &'n str,
    operands: Vec<&'n str>,
}

/// Adds how each condition reaches; all of them must hold.
pub(super) fn reach<'n>(block: &'n Node<'_>, management: &Management, parts: &mut Vec<Reach<'n>>) {
    let Value::Object(operators) = &block.value else {
        parts.push(Reach::Unclear("Condition is no object".to_owned()));
        return;
    };
    for (name, keys) in operators {
        let Value::Object(keys) = &keys.value else {
            parts.push(Reach::Unclear(format!("Condition {} is no object", quote(name))));
            continue;
        };
        let Some(operator) = Operator::parse(name) else {
            parts.push(Reach::Unclear(format!("Condition {} is an unknown operator", quote(name))));
            continue;
        };
        // The case of a key does not matter, so both would be meant, and how together is not documented.
        if let Some(key) = twice(keys, cmp_ignoring_case) {
            parts.push(Reach::Unclear(format!("Condition {} has the key {} twice", quote(name), quote(key))));
        }
        for (key, values) in keys {
            parts.push(match operands(values) {
                Some(operands) => Condition { name, operator, key, operands }.reach(management),
                None => Reach::Unclear(format!("Condition {} {} lists no plain values", quote(name), quote(key))),
            });
        }
    }
}

/// The values as texts; `None` when there is none, or one that is neither text, number nor boolean.
pub(super) fn operands<'n>(node: &'n Node<'_>) -> Option<Vec<&'n str>> {
    let scalar = |node: &'n Node<'_>| match &node.value {
        Value::Text(text) => Some(text.as_ref()),
        Value::Bare(text) if *text != "null" => Some(*text),
        _ => None,
    };
    match &node.value {
        Value::List(nodes) if nodes.is_empty() => None,
        Value::List(nodes) => nodes.iter().map(scalar).collect(),
        _ => scalar(node).map(|operand| vec![operand]),
    }
}

impl<'n> Condition<'n> {
    fn reach(&self, management: &Management) -> Reach<'n> {
        let key = self.key.to_ascii_lowercase();
        let (fit, because): (Fit, &'static str) = if self.operator.quantifier != Quantifier::Single {
            (Fit::Maybe, "a set operator, which also holds without the key or for some of its values")
        } else if let Some(Fact { value, because }) = keys::fact(&key, &management.account) {
            (self.compare(value), because)
        } else if key == "aws:principalarn" {
            (principal_arn::holds(self.operator, &self.operands, &management.account), "the caller's ARN")
        } else if key == "s3:tlsversion" && management.is_bucket {
            (self.tls_version(), "AWS takes no call below TLS 1.2")
        } else {
            (Fit::Maybe, keys::depends_on(&key))
        };
        self.sentence(fit, because)
    }

    fn sentence(&self, fit: Fit, because: &'static str) -> Reach<'n> {
        let (name, key) = (self.name, self.key);
        let sentence = move |holds| format!("Condition {name} {} {holds} administrator ({because})", quote(key));
        match fit {
            Fit::No => Reach::never(move || sentence("never holds for an")),
            Fit::Maybe => Reach::perhaps(move || sentence("may hold for an")),
            Fit::Yes => Reach::always(move || sentence("holds for every")),
        }
    }

    /// Whether the condition holds for a key that every call has, with this value.
    fn compare(&self, value: &str) -> Fit {
        let equals = |operand: &&str| match self.operator.test {
            _ if has_variable(operand) => Fit::Maybe,
            Test::Equals => fit(*operand == value),
            Test::EqualsIgnoringCase => fit(operand.eq_ignore_ascii_case(value)),
            Test::Like => fit(glob::matches(operand, value)),
            Test::Bool if ["true", "false"].iter().any(|word| operand.eq_ignore_ascii_case(word)) => {
                fit(operand.eq_ignore_ascii_case(value))
            }
            _ => Fit::Maybe,
        };
        Fit::any(self.operands.iter().map(equals)).negate_if(self.operator.negated)
    }

    /// "Below TLS 1.2" holds for no call. A later version than that is the caller's choice.
    fn tls_version(&self) -> Fit {
        let below = |limit: f64| match self.operator.test {
            Test::NumericLessThan => limit <= 1.2,
            Test::NumericLessThanEquals => limit < 1.2,
            _ => false,
        };
        let never = |operand: &&str| operand.parse::<f64>().is_ok_and(below);
        if !self.operator.if_exists && self.operands.iter().all(never) { Fit::No } else { Fit::Maybe }
    }
}

fn fit(fits: bool) -> Fit {
    if fits { Fit::Yes } else { Fit::No }
}
