//! `sts:AssumeRoot`: a short root session on a member account, under a task policy.

use crate::authz::Access;
use crate::error::ApiError;
use crate::protocol::Xml;
use crate::protocol::query::{Params, is_null};
use crate::task_policies::{self, TaskPolicy};
use crate::turn::Turn;
use crate::world::{AccountState, Session, SessionKind};

/// The service whose trusted access and delegated administrator matter.
const IAM: &str = "iam.amazonaws.com";
/// The longest session, and the default. Source: STS API Reference.
const MAX_SECONDS: i64 = 900;

struct Input {
    target: String,
    task_arn: String,
    task: TaskPolicy,
    seconds: i64,
    min_token: usize,
}

pub(super) fn assume_root(turn: &mut Turn<'_>, params: &Params) -> Result<Xml, ApiError> {
    let input = read(params)?;
    turn.target = Some(input.target.clone());
    permitted(turn, &input)?;
    enabled(turn, &input)?;
    let kind = SessionKind::Root { task_policy_arn: input.task_arn };
    let source_identity = turn.caller.source_identity.clone();
    let session = Session::issue(&input.target, kind, source_identity, turn.now + input.seconds, input.min_token);
    let mut xml = Xml::new();
    super::credentials(&mut xml, &session);
    xml.maybe("SourceIdentity", session.source_identity.as_deref());
    turn.world.remember(session);
    Ok(xml)
}

/// Everything that is refused before anyone is asked for permission.
fn read(params: &Params) -> Result<Input, ApiError> {
    let target = params.get("TargetPrincipal");
    let task_arn = params.get("TaskPolicyArn.arn");
    let mut failures = Vec::new();
    match target {
        None => failures.push(is_null("TargetPrincipal")),
        Some(text) => length(&mut failures, "targetPrincipal", text, 12, 2048),
    }
    match task_arn {
        None if params.any("TaskPolicyArn") => failures.push(is_null("TaskPolicyArn.arn")),
        None => failures.push(is_null("TaskPolicyArn")),
        Some(text) => length(&mut failures, "taskPolicyArn.arn", text, 20, 2048),
    }
    let seconds = number(&mut failures, params, "DurationSeconds", MAX_SECONDS, MAX_SECONDS)?;
    let min_token = number(&mut failures, params, "MinimumSessionTokenSize", 4096, 0)?;
    let (Some(target), Some(task_arn), true) = (target, task_arn, failures.is_empty()) else {
        return Err(ApiError::validation(&failures));
    };
    Ok(Input {
        target: account_of(target)
            .ok_or_else(|| ApiError::new(400, "ValidationError", "Request must contain a valid target principal"))?,
        task: task_policies::find(task_arn, "aws").ok_or_else(|| {
            ApiError::new(400, "ValidationError", "Request must contain valid AWS managed task policy ARN")
        })?,
        task_arn: task_arn.to_owned(),
        seconds,
        min_token: usize::try_from(min_token).unwrap_or(0),
    })
}

fn length(failures: &mut Vec<String>, name: &str, text: &str, min: usize, max: usize) {
    let (bound, word) = match text.chars().count() {
        count if count < min => (min, "greater than or equal to"),
        count if count > max => (max, "less than or equal to"),
        _ => return,
    };
    failures.push(format!(
        "Value '{text}' at '{name}' failed to satisfy constraint: Member must have length {word} {bound}"
    ));
}

fn number(failures: &mut Vec<String>, params: &Params, name: &str, max: i64, default: i64) -> Result<i64, ApiError> {
    let Some(text) = params.get(name) else { return Ok(default) };
    let value: i64 = text
        .parse()
        .map_err(|_| ApiError::new(400, "MalformedInput", format!("'{text}' at '{name}' is not an integer")))?;
    let name = crate::protocol::query::lower_first(name);
    let mut fail = |word: &str, bound: i64| {
        failures.push(format!(
            "Value '{value}' at '{name}' failed to satisfy constraint: Member must have value {word} than or equal to {bound}"
        ));
    };
    if value > max {
        fail("less", max);
    } else if value < 0 {
        fail("greater", 0);
    }
    Ok(value)
}

/// An account id, or the ARN of its root user.
fn account_of(target: &str) -> Option<String> {
    let id = target.strip_prefix("arn:aws:iam::").map_or(Some(target), |rest| rest.strip_suffix(":root"))?;
    (id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
}

/// One sentence for every reason not to be allowed, so that it does not tell which accounts there are.
fn permitted(turn: &Turn<'_>, input: &Input) -> Result<(), ApiError> {
    let resource = format!("arn:aws:iam::{}:root", input.target);
    let keys = [("sts:TaskPolicyArn", input.task_arn.as_str())];
    let denied = || {
        let caller = &turn.caller.caller.arn;
        let text = format!("User: {caller} is not authorized to perform: sts:AssumeRoot on resource: {resource}");
        ApiError::new(403, "AccessDenied", text)
    };
    // Root cannot assume root, whatever policies say.
    if turn.caller.is_root() {
        return Err(denied());
    }
    // A call on a resource of the caller's own account: the target's own policies have no say in who may assume.
    let access = Access { keys: &keys, ..Access::new("sts:AssumeRoot", &resource, turn.account()) };
    turn.require(&access, |_| denied())?;
    let administers =
        turn.world.is_management(turn.account()) || turn.world.organization.is_delegate(turn.account(), IAM);
    let member = turn.world.account(&input.target).is_some_and(|account| account.in_organization);
    if administers && member && !turn.world.is_management(&input.target) { Ok(()) } else { Err(denied()) }
}

/// What the organization and the target account have to have switched on.
fn enabled(turn: &Turn<'_>, input: &Input) -> Result<(), ApiError> {
    let denied = |text: &str| Err(ApiError::new(403, "AccessDenied", text));
    let organization = &turn.world.organization;
    if !organization.trusted_services.contains_key(IAM) {
        return denied("Service not enabled for AWS Organizations.");
    }
    if !organization.root_features.contains(input.task.feature.name()) {
        return denied(input.task.feature.disabled_message());
    }
    let account = turn.world.account(&input.target);
    // What AWS answers here is not known for certain; its one sentence for refusals is the likeliest.
    if account.is_none_or(|account| account.state != AccountState::Active) {
        let caller = &turn.caller.caller.arn;
        return denied(&format!(
            "User: {caller} is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::{}:root",
            input.target
        ));
    }
    if account.is_some_and(|account| account.disabled_sts_regions.contains(turn.region)) {
        let text = format!(
            "STS is not activated in this region for account:{}. Your account administrator can activate STS in this region using the IAM Console.",
            input.target
        );
        return Err(ApiError::new(403, "RegionDisabledException", text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_account_ids_or_root_arns() {
        assert_eq!(account_of("333333333333").as_deref(), Some("333333333333"));
        assert_eq!(account_of("arn:aws:iam::333333333333:root").as_deref(), Some("333333333333"));
        for bad in
            ["arn:aws:iam::333333333333:user/x", "arn:aws-cn:iam::333333333333:root", "33333333333x", "3333333333333"]
        {
            assert_eq!(account_of(bad), None, "{bad}");
        }
    }
}
