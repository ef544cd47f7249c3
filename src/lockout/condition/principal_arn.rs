//! `aws:PrincipalArn`: the usual way to except somebody from a Deny.

use super::fit;
use super::operator::{Operator, Test};
use crate::lockout::arn;
use crate::lockout::glob;
use crate::lockout::reach::Fit;
use crate::types::AccountId;

/// Whether the condition holds for an administrator, whose ARN is `arn:PARTITION:iam::ACCOUNT:user/..` or `role/..`;
/// of a session of a role, AWS gives the ARN of the role.
pub(super) fn holds(operator: Operator, operands: &[&str], account: &AccountId) -> Fit {
    match operator.test {
        Test::Equals | Test::EqualsIgnoringCase | Test::Like | Test::Arn => {}
        _ => return Fit::Maybe,
    }
    Fit::any(operands.iter().map(|pattern| covers(operator.test, pattern, account))).negate_if(operator.negated)
}

/// Whether a pattern covers every administrator, none, or perhaps some.
fn covers(test: Test, pattern: &str, account: &AccountId) -> Fit {
    let wildcards = matches!(test, Test::Like | Test::Arn);
    if pattern == "*" {
        return fit_at_least_maybe(test == Test::Like);
    }
    let Some([arn, partition, service, region, owner, name]) = arn::parts(pattern) else { return Fit::Maybe };
    let literal = ![arn, partition, service, region, owner].iter().any(|part| part.contains(['*', '?', '$']));
    let foreign = |owner: &str| owner.parse::<AccountId>().is_ok_and(|owner| owner != *account);
    if literal && arn == "arn" && foreign(owner) {
        return Fit::No;
    }
    let everybody = name.bytes().all(|byte| byte == b'*') && !name.is_empty();
    let here = [(arn, "arn"), (partition, "aws"), (service, "iam"), (region, ""), (owner, account.as_str())];
    fit_at_least_maybe(wildcards && everybody && here.into_iter().all(|(pattern, text)| glob::matches(pattern, text)))
}

fn fit_at_least_maybe(surely: bool) -> Fit {
    fit(surely).max(Fit::Maybe)
}
