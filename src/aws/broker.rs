//! Broker roles: each operation's root session is opened by a role session of its own, so that AWS itself limits it to one
//! account and one task, and CloudTrail in both accounts names the caller.
//!
//! `SourceIdentity` is the caller. It is inherited by the root session and cannot be changed in it (IAM User Guide,
//! "Monitor and control actions taken with assumed roles").

use std::{collections::BTreeMap, sync::Arc};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_lc_rs::digest;
use aws_sdk_sts::{Client, operation::assume_role::builders::AssumeRoleFluentBuilder, types::Tag};
use serde_json::json;

use super::{AwsFailure, Platform, Trail, attempts::Attempts, change, session::Ask};
use crate::types::{Kind, OperationId, RoleArn, TaskPolicy, Ticket, hex};

/// The roles through which root sessions are opened.
#[derive(Clone, Debug)]
pub struct BrokerRoles {
    /// For every task that has none of its own.
    pub role: Option<RoleArn>,
    /// By task.
    pub roles: BTreeMap<TaskPolicy, RoleArn>,
}

impl BrokerRoles {
    fn role(&self, task_policy: TaskPolicy) -> Option<&RoleArn> {
        self.roles.get(&task_policy).or(self.role.as_ref())
    }
}

/// For whom and what a root session is opened.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) caller: String,
    pub(super) kind: Kind,
    pub(super) ticket: Option<Ticket>,
}

/// Opens broker sessions. Nothing is kept: each lives as long as the operation that it was opened for.
#[derive(Debug)]
pub(super) struct Broker {
    platform: Arc<Platform>,
    gateway: Client,
    roles: BrokerRoles,
}

/// A client of STS that acts as a broker session, and the source identity that AWS has to hand on.
pub(super) struct Brokered {
    pub(super) client: Client,
    pub(super) source_identity: String,
}

/// The shortest that AWS grants (STS API Reference, AssumeRole, DurationSeconds), and far longer than one call takes.
const SECONDS: i32 = 900;

impl Broker {
    pub(super) fn new(platform: Arc<Platform>, gateway: Client, roles: BrokerRoles) -> Self {
        Self { platform, gateway, roles }
    }

    /// A session that may do nothing but open this one root session.
    pub(super) async fn open(&self, ask: &Ask, trail: &Trail, attempts: &Attempts) -> Result<Brokered, AwsFailure> {
        let role = self.roles.role(ask.task_policy).ok_or_else(AwsFailure::not_offered)?;
        let lacking = |what: &str| AwsFailure::not_sent("sts", "AssumeRole", what);
        let id = trail.operation_id().ok_or_else(|| lacking("a broker session was asked for without an operation"))?;
        let source_identity = source_identity(&ask.origin.caller);
        let call = self.call(role, ask, id, &source_identity)?;
        let answer = attempts.until_clear(|| async {
            let once = aws_sdk_sts::Config::builder().retry_config(change::one_attempt());
            trail.send("sts", "AssumeRole", call.clone().customize().config_override(once).send()).await
        });
        let output = answer.await.map_err(AwsFailure::before_the_act)?;
        let credentials = output.credentials.ok_or_else(|| lacking("AWS answered success without credentials"))?;
        let expires_after = credentials.expiration.try_into().ok();
        let credentials = Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            expires_after,
            "rootgate-broker",
        );
        let credentials = SharedCredentialsProvider::new(credentials);
        let region = &self.platform.settings().home_region;
        Ok(Brokered { client: Client::new(&self.platform.sdk_config(region, credentials)), source_identity })
    }

    /// What a session would be asked for, as far as that is known before there is an operation; none if the task is not
    /// offered.
    pub(super) fn parameters(&self, ask: &Ask) -> Option<Vec<(&'static str, String)>> {
        Some(vec![
            ("RoleArn", self.roles.role(ask.task_policy)?.as_str().to_owned()),
            ("SourceIdentity", source_identity(&ask.origin.caller)),
            ("Policy", session_policy(ask)),
            ("DurationSeconds", SECONDS.to_string()),
            ("Region", self.platform.settings().home_region.to_string()),
        ])
    }

    fn call(
        &self,
        role: &RoleArn,
        ask: &Ask,
        id: OperationId,
        source_identity: &str,
    ) -> Result<AssumeRoleFluentBuilder, AwsFailure> {
        let mut tags = Vec::new();
        for (key, value) in tag_values(&ask.origin, id) {
            let tag = Tag::builder().key(key).value(tag_value(&value)).build();
            tags.push(tag.map_err(|_| AwsFailure::not_sent("sts", "AssumeRole", "a session tag cannot be built"))?);
        }
        let call = self.gateway.assume_role().role_arn(role.as_str()).role_session_name(session_name(id));
        let call = call.source_identity(source_identity).set_tags(Some(tags)).policy(session_policy(ask));
        Ok(call.duration_seconds(SECONDS))
    }
}

/// The one thing that the session may do. Whatever the role allows beyond it is out of reach.
fn session_policy(ask: &Ask) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "sts:AssumeRoot",
            "Resource": ask.account.root_arn(),
            "Condition": { "StringEquals": { "sts:TaskPolicyArn": ask.task_policy.arn() } },
        }],
    })
    .to_string()
}

/// At most 64 characters (STS API Reference, AssumeRole): with a UUID it has 45.
fn session_name(id: OperationId) -> String {
    format!("rootgate-{id}")
}

fn tag_values(origin: &Origin, id: OperationId) -> Vec<(&'static str, String)> {
    let mut tags = vec![
        ("rootgate:operation", origin.kind.name().to_owned()),
        ("rootgate:operation_id", id.to_string()),
        ("rootgate:caller", origin.caller.clone()),
    ];
    tags.extend(origin.ticket.iter().map(|ticket| ("rootgate:ticket", ticket.as_str().to_owned())));
    tags
}

/// STS API Reference, Tag.
const TAG_VALUE_LENGTH_MAX: usize = 256;

/// A value in the alphabet of session tags, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, of which only ASCII is used.
fn tag_value(text: &str) -> String {
    clean(text, b" _.:/=+-@").take(TAG_VALUE_LENGTH_MAX).collect()
}

/// STS API Reference, AssumeRole, SourceIdentity: 2 to 64 of `[\w+=,.@-]`.
const SOURCE_IDENTITY_ALPHABET: &[u8] = b"_+=,.@-";
const SOURCE_IDENTITY_LENGTH_MAX: usize = 64;
/// 8 bytes of SHA-256. Callers can have a hand in their own names, so that it has to be hard to find another with the same.
const DIGEST_LENGTH: usize = 8;

/// A caller's subject as a source identity: as it is where it fits and does not look like it had a digest, else made readable
/// and told apart by a digest. So two subjects never share one.
fn source_identity(subject: &str) -> String {
    let cleaned: String = clean(subject, SOURCE_IDENTITY_ALPHABET).collect();
    let fits = cleaned == subject && (2..=SOURCE_IDENTITY_LENGTH_MAX).contains(&subject.len());
    if fits && !looks_told_apart(subject) {
        return cleaned;
    }
    let sha256 = digest::digest(&digest::SHA256, subject.as_bytes());
    let told_apart = hex(sha256.as_ref().get(..DIGEST_LENGTH).unwrap_or_default());
    let readable = SOURCE_IDENTITY_LENGTH_MAX - told_apart.len() - 1;
    format!("{}-{told_apart}", cleaned.chars().take(readable).collect::<String>())
}

/// Whether a subject ends as a digest would, so that it could be another subject's source identity.
fn looks_told_apart(subject: &str) -> bool {
    let is_digest = |end: &str| end.len() == 2 * DIGEST_LENGTH && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    subject.rsplit_once('-').is_some_and(|(_, end)| is_digest(end))
}

fn clean<'a>(text: &'a str, also: &'a [u8]) -> impl Iterator<Item = char> + 'a {
    let allowed = |c: char| c.is_ascii_alphanumeric() || u8::try_from(c).is_ok_and(|byte| also.contains(&byte));
    text.chars().map(move |c| if allowed(c) { c } else { '-' })
}

#[cfg(test)]
mod tests;
