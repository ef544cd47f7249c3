//! Authorization: the policies and the condition keys that bear on one call, handed to the evaluator.

mod keys;
mod sentence;

pub(crate) use sentence::sentence;

use crate::error::ApiError;
use crate::policy::{Decision, Document, Policies, Request, authorize};
use crate::turn::Turn;

/// `FullAWSAccess` and `RCPFullAWSAccess`, which AWS attaches at every level.
const FULL_ACCESS_SCP: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const FULL_ACCESS_RCP: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// What is to be decided about one call.
pub(crate) struct Access<'a> {
    /// `service:Action`.
    pub(crate) action: &'a str,
    /// The ARN acted on, or `*`.
    pub(crate) resource: &'a str,
    /// The account that owns it.
    pub(crate) account: &'a str,
    /// The resource's own policy, where it has one and the caller is not exempt from it.
    pub(crate) policy: Option<&'a str>,
    /// Whether resource control policies cover it. Of the simulated services they cover S3 and SQS resources.
    pub(crate) rcps: bool,
    /// Condition keys of the service.
    pub(crate) keys: &'a [(&'a str, &'a str)],
}

impl<'a> Access<'a> {
    /// An access without a resource policy.
    pub(crate) fn new(action: &'a str, resource: &'a str, account: &'a str) -> Self {
        Self { action, resource, account, policy: None, rcps: false, keys: &[] }
    }
}

/// Asks the evaluator.
pub(crate) fn decide(turn: &Turn<'_>, access: &Access<'_>) -> Result<Decision, ApiError> {
    let identity = parse_all(&turn.caller.policies)?;
    let session = parse_all(&turn.caller.session_policies)?;
    let boundary = turn.caller.boundary.as_deref().map(parse).transpose()?;
    let resource = access.policy.map(parse).transpose()?;
    let scps = levels(&turn.world.scp_levels(turn.account()), FULL_ACCESS_SCP)?;
    let rcp_texts = if access.rcps { turn.world.rcp_levels(access.account) } else { Vec::new() };
    let rcps = levels(&rcp_texts, FULL_ACCESS_RCP)?;
    let context = keys::context(turn, access);
    let request = Request {
        caller: &turn.caller.caller,
        action: access.action,
        resource: access.resource,
        resource_account: access.account,
        context: &context,
    };
    let policies = Policies {
        identity: &identity,
        boundary: boundary.as_ref(),
        session: &session,
        resource: resource.as_ref(),
        scps: &scps,
        rcps: &rcps,
    };
    Ok(authorize(&request, &policies))
}

/// Whether the resource's own policy allows the call by itself: a role's trust policy has to, whatever identity policies say.
pub(crate) fn resource_policy_grants(turn: &Turn<'_>, access: &Access<'_>) -> Result<bool, ApiError> {
    let identity = [parse(FULL_ACCESS_SCP)?];
    let resource = access.policy.map(parse).transpose()?;
    let context = keys::context(turn, access);
    // In no account at all, so that the evaluator wants the resource's own word and not just anybody's.
    let request = Request {
        caller: &turn.caller.caller,
        action: access.action,
        resource: access.resource,
        resource_account: "",
        context: &context,
    };
    let policies = Policies { identity: &identity, resource: resource.as_ref(), ..Policies::default() };
    Ok(authorize(&request, &policies) == Decision::Allowed)
}

fn levels(texts: &[Vec<&str>], full_access: &str) -> Result<Vec<Vec<Document>>, ApiError> {
    let level = |texts: &Vec<&str>| std::iter::once(full_access).chain(texts.iter().copied()).map(parse).collect();
    texts.iter().map(level).collect()
}

fn parse_all(texts: &[String]) -> Result<Vec<Document>, ApiError> {
    texts.iter().map(|text| parse(text)).collect()
}

/// Policies of a scenario and of callers are checked when they are set; only a test that edits the world can put in a bad one.
fn parse(text: &str) -> Result<Document, ApiError> {
    Document::parse(text).map_err(|error| {
        ApiError::new(500, "InternalFailure", format!("a policy in the simulated world is invalid: {error}"))
    })
}
