//! Deciding whether AWS would let a call through: JSON policies read strictly, and evaluated as AWS documents it.
//!
//! A *document* is one JSON policy of any kind. A *request* is who calls which action on which resource, with the facts
//! (*condition keys*) of that call. [`authorize`] takes one request and every policy that bears on it, sorted by the
//! role in which each applies, and answers with [`Decision`]. Nothing here reads a clock, a file or a network.
//!
//! # How a decision is made
//!
//! 1. An explicit Deny in any policy ends it: service control policies first, then resource control policies, the
//!    resource's own policy, identity policies with the permissions boundary, session policies.
//! 2. Every level of service control and of resource control policies must allow.
//! 3. In one account, the caller's identity *or* the resource's policy must allow; across accounts, both.
//! 4. A permissions boundary and session policies must allow too, unless the resource's policy names the caller itself.
//!
//! A root user or root session needs no identity policy. The session policies of a root session (the task policies of
//! `sts:AssumeRoot`) consist of Deny statements alone, so they take rights away and are never asked for an Allow.
//!
//! What a service decides outside of its policies is the service's affair: S3 lets the owner's root principal read,
//! replace and delete a bucket policy that denies it, so the S3 front leaves `resource` out for those three calls.
//!
//! Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference".

mod base64;
mod condition;
mod context;
mod date;
mod document;
mod error;
mod evaluate;
mod glob;
mod json;
mod network;
mod operator;
mod parse;
mod principal;
mod resource;
mod statement;
mod template;
#[cfg(test)]
mod tests;

pub(crate) use base64::decode as decode_base64;
pub use context::Context;
pub use document::{Document, MAX_DOCUMENT_BYTES};
pub use error::{PolicyError, Rule};
pub use evaluate::authorize;

/// What the credentials of a caller stand for; it decides which policies must allow and which principals name the
/// caller.
///
/// Source: IAM User Guide, "AWS JSON policy elements: Principal".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerKind {
    /// The root user of the account, with its own password or access keys.
    RootUser,
    /// A session of `sts:AssumeRoot` on a member account; its task policy only takes rights away.
    RootSession,
    /// An IAM user with long-lived access keys.
    User,
    /// A session of a role; policies may name the role or this one session.
    RoleSession {
        /// The role that was assumed, with its path: `arn:aws:iam::123456789012:role/path/name`.
        role_arn: String,
    },
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The ARN of the caller itself: the user, or the session (`arn:aws:sts::123456789012:assumed-role/name/session`).
    pub arn: String,
    /// The account the caller belongs to, twelve digits.
    pub account: String,
    /// What the credentials stand for.
    pub kind: CallerKind,
}

/// One call to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The action in IAM's spelling, `service:Name`; its case does not matter.
    pub action: &'a str,
    /// The ARN acted on, or `*` for an action that IAM does not authorize on a resource (`s3:ListAllMyBuckets`).
    pub resource: &'a str,
    /// The account that owns the resource; another than the caller's makes the call cross-account.
    pub resource_account: &'a str,
    /// The condition keys of this call. Nothing is filled in: a key that is not set is missing.
    pub context: &'a Context,
}

/// Every policy that bears on a request, by the role in which it applies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// Policies attached to the user, its groups, or the role; none for a root caller.
    pub identity: &'a [Document],
    /// The permissions boundary of the user or role, if one is set.
    pub boundary: Option<&'a Document>,
    /// Session policies, or the task policy of a root session.
    pub session: &'a [Document],
    /// The policy of the resource itself (bucket policy, queue policy), if it has one.
    pub resource: Option<&'a Document>,
    /// Service control policies, one list per level from the organization's root to the caller's account. An empty
    /// slice means that they do not apply (management account, or no organization).
    pub scps: &'a [Vec<Document>],
    /// Resource control policies, one list per level from the organization's root to the resource's account. An empty
    /// slice means that they do not apply.
    pub rcps: &'a [Vec<Document>],
}

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The call goes through.
    Allowed,
    /// The call is refused, and by which kind of policy.
    Denied(DeniedBy),
}

/// The kind of policy a refusal is owed to, as AWS names it in the text of an `AccessDenied`. A permissions boundary
/// counts as identity here.
///
/// Source: IAM User Guide, "Troubleshoot access denied error messages".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeniedBy {
    /// A service control policy denies.
    ExplicitScp,
    /// A resource control policy denies.
    ExplicitRcp,
    /// The resource's own policy denies.
    ExplicitResource,
    /// An identity policy or the permissions boundary denies.
    ExplicitIdentity,
    /// A session policy or the task policy denies.
    ExplicitSession,
    /// At some level no service control policy allows.
    ImplicitScp,
    /// At some level no resource control policy allows.
    ImplicitRcp,
    /// No identity policy allows, or the permissions boundary does not.
    ImplicitIdentity,
    /// The resource belongs to another account and its policy does not allow.
    ImplicitResource,
    /// No session policy allows.
    ImplicitSession,
}
