//! `sts:AssumeRole`, as far as a caller needs it to give its sessions a name: session policies, source identity and tags.

use crate::authz::{self, Access};
use crate::error::ApiError;
use crate::policy::Document;
use crate::protocol::Xml;
use crate::protocol::query::Params;
use crate::turn::Turn;
use crate::world::{IamPrincipal, PrincipalType, Session, SessionKind};

struct Input<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    seconds: i64,
    source_identity: Option<&'a str>,
    policies: Vec<String>,
    tags: Vec<(String, String)>,
}

pub(super) fn assume_role(turn: &mut Turn<'_>, params: &Params) -> Result<Xml, ApiError> {
    let input = read(params)?;
    turn.target = Some(input.role_arn.to_owned());
    let (account, role) = permitted(turn, &input)?;
    // A source identity stays: a session that has one can pass on only that.
    let source_identity = turn.caller.source_identity.clone().or_else(|| input.source_identity.map(str::to_owned));
    let kind = SessionKind::Role {
        role: role.name.clone(),
        session_name: input.session_name.to_owned(),
        policies: input.policies,
        tags: input.tags,
    };
    let session = Session::issue(&account, kind, source_identity, turn.now + input.seconds, 0);
    let mut xml = Xml::new();
    xml.element("AssumedRoleUser", |xml| {
        xml.text("AssumedRoleId", &format!("{}:{}", role.unique_id(&account), input.session_name));
        xml.text("Arn", &format!("arn:aws:sts::{account}:assumed-role/{}/{}", role.name, input.session_name));
    });
    super::credentials(&mut xml, &session);
    xml.maybe("SourceIdentity", session.source_identity.as_deref());
    turn.world.remember(session);
    Ok(xml)
}

fn read(params: &Params) -> Result<Input<'_>, ApiError> {
    let session_name = params.require("RoleSessionName")?;
    let source_identity = params.get("SourceIdentity");
    for (name, text) in [("roleSessionName", Some(session_name)), ("sourceIdentity", source_identity)] {
        if let Some(text) = text.filter(|text| !is_name(text)) {
            return Err(ApiError::validation(&[format!(
                "Value '{text}' at '{name}' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
            )]));
        }
    }
    Ok(Input {
        role_arn: params.require("RoleArn")?,
        session_name,
        seconds: seconds(params)?,
        source_identity,
        policies: params.get("Policy").map(policy).transpose()?.into_iter().collect(),
        tags: tags(params),
    })
}

fn is_name(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

fn seconds(params: &Params) -> Result<i64, ApiError> {
    let Some(text) = params.get("DurationSeconds") else { return Ok(3600) };
    text.parse().ok().filter(|seconds| (900..=43_200).contains(seconds)).ok_or_else(|| {
        let word = if text.parse::<i64>().is_ok_and(|seconds| seconds < 900) {
            "greater than or equal to 900"
        } else {
            "less than or equal to 43200"
        };
        ApiError::validation(&[format!(
            "Value '{text}' at 'durationSeconds' failed to satisfy constraint: Member must have value {word}"
        )])
    })
}

fn policy(text: &str) -> Result<String, ApiError> {
    match Document::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(ApiError::new(400, "MalformedPolicyDocument", "This policy contains invalid Json")),
    }
}

fn tags(params: &Params) -> Vec<(String, String)> {
    let tag = |index: usize| {
        let key = params.get(&format!("Tags.member.{index}.Key"))?;
        Some((key.to_owned(), params.get(&format!("Tags.member.{index}.Value")).unwrap_or_default().to_owned()))
    };
    // 50 is AWS's bound on session tags.
    (1..=50).map_while(tag).collect()
}

/// The role and its account, if the role's trust policy and the caller's own policies let the caller assume it.
fn permitted(turn: &Turn<'_>, input: &Input<'_>) -> Result<(String, IamPrincipal), ApiError> {
    let denied = |action: &str| {
        let text = format!(
            "User: {} is not authorized to perform: {action} on resource: {}",
            turn.caller.caller.arn, input.role_arn
        );
        ApiError::new(403, "AccessDenied", text)
    };
    let is_role = |found: &&IamPrincipal| found.kind != PrincipalType::User;
    let found = turn.world.accounts.values().find_map(|account| {
        let mut roles = account.principals.iter().filter(is_role);
        roles.find(|role| role.arn(&account.id) == input.role_arn).map(|role| (account.id.clone(), role.clone()))
    });
    let (account, role) = found.ok_or_else(|| denied("sts:AssumeRole"))?;
    if turn.caller.is_root() {
        return Err(ApiError::new(403, "AccessDenied", "Roles may not be assumed by root accounts."));
    }
    let trust = role.trust.as_deref().ok_or_else(|| denied("sts:AssumeRole"))?;
    if turn.caller.source_identity.is_some()
        && input.source_identity.is_some_and(|given| turn.caller.source_identity.as_deref() != Some(given))
    {
        return Err(denied("sts:SetSourceIdentity"));
    }
    let tag_keys: Vec<String> = input.tags.iter().map(|(key, _)| format!("aws:RequestTag/{key}")).collect();
    let tags = tag_keys.iter().zip(&input.tags).map(|(key, (_, value))| (key.as_str(), value.as_str()));
    let keys: Vec<(&str, &str)> =
        [("sts:RoleSessionName", Some(input.session_name)), ("sts:SourceIdentity", input.source_identity)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .chain(tags)
            .collect();
    let asked = [
        ("sts:AssumeRole", true),
        ("sts:SetSourceIdentity", input.source_identity.is_some()),
        ("sts:TagSession", !input.tags.is_empty()),
    ];
    for (action, _) in asked.into_iter().filter(|(_, wanted)| *wanted) {
        let access =
            Access { policy: Some(trust), rcps: true, keys: &keys, ..Access::new(action, input.role_arn, &account) };
        turn.require(&access, |_| denied(action))?;
        if !authz::resource_policy_grants(turn, &access)? {
            return Err(denied(action));
        }
    }
    Ok((account, role))
}
