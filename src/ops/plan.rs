//! What an act would do, computed from live state.

use std::time::Duration;

use similar::TextDiff;

use super::RootCredentialsAudit;
use crate::{
    authz::{Permit, RootTask},
    aws::{Aws, ROOT_SESSION_SECONDS},
    types::{AccountId, Etag, TaskPolicy},
};

/// What an act would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Digest of the state that it was computed from.
    pub etag: Etag,
    /// Whether the act would change anything.
    pub would_change: bool,
    /// The AWS calls that it would make, in order.
    pub calls: Vec<PlannedCall>,
    /// The policy that it is about.
    pub policy: Option<PlannedPolicy>,
    /// The credentials that it is about, as they are.
    pub credentials: Option<RootCredentialsAudit>,
}

/// An AWS call that an act would make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCall {
    /// Signing name of the service.
    pub service: &'static str,
    /// API operation.
    pub operation: &'static str,
    /// ARN of what it is called on.
    pub resource: String,
    /// Parameters as the API names them, without secrets and without policy texts.
    pub parameters: Vec<(&'static str, String)>,
}

impl PlannedCall {
    /// A call of IAM about the account's root user, which is meant where no user is named.
    pub(super) fn of_root(
        account: AccountId,
        operation: &'static str,
        parameter: Option<(&'static str, String)>,
    ) -> Self {
        let parameters = parameter.into_iter().collect();
        Self { service: "iam", operation, resource: account.root_arn(), parameters }
    }
}

/// The calls that open the root session of an act.
pub(super) fn opening<O: RootTask>(permit: &Permit<O>, aws: &Aws, task: TaskPolicy) -> Vec<PlannedCall> {
    opening_for(permit, aws, task, ROOT_SESSION_SECONDS)
}

/// The same for a session of another length.
pub(super) fn opening_for<O: RootTask>(
    permit: &Permit<O>,
    aws: &Aws,
    task: TaskPolicy,
    duration_seconds: u16,
) -> Vec<PlannedCall> {
    let account = permit.operation().account();
    let parameters = vec![
        ("TargetPrincipal", account.to_string()),
        ("TaskPolicyArn", task.arn().to_owned()),
        ("DurationSeconds", duration_seconds.to_string()),
        ("Region", aws.home_region().to_string()),
    ];
    let root = PlannedCall { service: "sts", operation: "AssumeRoot", resource: account.root_arn(), parameters };
    let broker = aws.broker_parameters(permit, task).map(|parameters| {
        let role = parameters.iter().find(|(name, _)| *name == "RoleArn");
        let resource = role.map(|(_, arn)| arn.clone()).unwrap_or_default();
        PlannedCall { service: "sts", operation: "AssumeRole", resource, parameters }
    });
    broker.into_iter().chain([root]).collect()
}

/// A policy before and after an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPolicy {
    /// As AWS returned it.
    pub before: Option<String>,
    /// As it would be.
    pub after: Option<String>,
    /// What a person wants to see of the two.
    pub diff: String,
}

impl PlannedPolicy {
    pub(super) fn new(before: Option<String>, after: Option<String>) -> Self {
        let diff = diff(before.as_deref(), after.as_deref());
        Self { before, after, diff }
    }
}

/// A smallest diff of two documents that have nothing in common takes seconds; after so long a larger one must do.
const DIFF_TIME_MAX: Duration = Duration::from_millis(50);

/// A unified diff of the two documents, indented so that a policy that is written in one line can be read. None at all is
/// shown as an empty text.
fn diff(before: Option<&str>, after: Option<&str>) -> String {
    let (before, after) = (indented(before), indented(after));
    let diff = TextDiff::configure().timeout(DIFF_TIME_MAX).diff_lines(&before, &after);
    diff.unified_diff().context_radius(3).header("before", "after").to_string()
}

/// Its members in the order in which they stand, for a person looks for them there. What is no JSON is shown as it is.
fn indented(document: Option<&str>) -> String {
    let Some(document) = document else { return String::new() };
    let mut indented = Vec::with_capacity(2 * document.len());
    let mut reader = serde_json::Deserializer::from_str(document);
    let mut writer = serde_json::Serializer::pretty(&mut indented);
    let written = serde_transcode::transcode(&mut reader, &mut writer).is_ok() && reader.end().is_ok();
    let text = String::from_utf8(indented).ok().filter(|_| written);
    text.unwrap_or_else(|| document.to_owned()) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Lock","Effect":"Deny"},{"Sid":"Keep","Effect":"Allow"}]}"#;

    #[test]
    fn a_policy_in_one_line_is_compared_line_by_line() {
        let after = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Keep","Effect":"Allow"}]}"#;
        let planned = PlannedPolicy::new(Some(BEFORE.to_owned()), Some(after.to_owned()));
        assert!(planned.diff.contains("-      \"Sid\": \"Lock\",\n"), "{}", planned.diff);
        assert!(!planned.diff.contains("-      \"Sid\": \"Keep\""), "{}", planned.diff);
        assert!(planned.diff.starts_with("--- before\n+++ after\n"), "{}", planned.diff);
        assert_eq!(planned.before.as_deref(), Some(BEFORE), "the texts themselves stay as they are");
    }

    #[test]
    fn a_deletion_takes_every_line_and_no_change_shows_nothing() {
        let diff = super::diff(Some(BEFORE), None);
        assert!(diff.lines().skip(3).all(|line| line.starts_with('-')), "{diff}");
        assert_eq!(super::diff(Some(BEFORE), Some(BEFORE)), "");
        assert_eq!(super::diff(None, None), "");
    }

    #[test]
    fn members_stay_in_their_order_and_what_is_no_json_is_shown_as_it_is() {
        assert_eq!(indented(Some(r#"{"b":1,"a":2}"#)), "{\n  \"b\": 1,\n  \"a\": 2\n}\n");
        assert_eq!(indented(Some("{broken")), "{broken\n");
        assert_eq!(indented(Some("{} trailing")), "{} trailing\n");
    }
}
