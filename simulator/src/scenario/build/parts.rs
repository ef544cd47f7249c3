//! What an account owns.

use std::collections::BTreeMap;

use super::super::error::ScenarioError;
use super::super::raw;
use super::check::Checker;
use crate::world::{
    Bucket, IamPrincipal, LastUsed, Message, MfaDevice, Object, PrincipalType, Queue, RootAccessKey, RootUser,
    SigningCertificate,
};

pub(super) fn user(account: &str, raw: raw::Principal, check: &Checker<'_>) -> Result<IamPrincipal, ScenarioError> {
    for (field, name) in
        [(&raw.session_name, "session_name"), (&raw.source_identity, "source_identity"), (&raw.trust, "trust")]
    {
        if let Some(text) = field {
            return Err(check.fail(text, format!("{name} is for roles; write [[account.role]]")));
        }
    }
    let base = IamPrincipal::user(account, raw.name.get_ref());
    principal(base, raw, check)
}

pub(super) fn role(account: &str, raw: raw::Principal, check: &Checker<'_>) -> Result<IamPrincipal, ScenarioError> {
    let mut base = IamPrincipal::role(account, raw.name.get_ref());
    base.kind = PrincipalType::Role {
        session_name: raw.session_name.as_ref().map_or_else(|| "simulator".to_owned(), |text| text.get_ref().clone()),
        source_identity: raw.source_identity.as_ref().map(|text| text.get_ref().clone()),
    };
    principal(base, raw, check)
}

fn principal(mut base: IamPrincipal, raw: raw::Principal, check: &Checker<'_>) -> Result<IamPrincipal, ScenarioError> {
    if let Some(path) = raw.path {
        if !(path.get_ref().starts_with('/') && path.get_ref().ends_with('/')) {
            return Err(check.fail(&path, format!("the path {:?} must begin and end with /", path.get_ref())));
        }
        base.path = path.into_inner();
    }
    base.policies = check.policies(raw.policies)?;
    base.boundary = check.maybe_policy(raw.boundary)?;
    base.trust = check.maybe_policy(raw.trust)?;
    base.tags = raw.tags.into_iter().collect();
    if let Some(id) = raw.access_key_id {
        base.access_key.access_key_id = check.access_key_id(id)?;
    }
    if let Some(secret) = raw.secret_access_key {
        base.access_key.secret_access_key = secret;
    }
    Ok(base)
}

pub(super) fn root(raw: raw::Root, check: &Checker<'_>) -> Result<RootUser, ScenarioError> {
    let mfa = |raw: raw::MfaDevice| {
        Ok(MfaDevice { serial_number: raw.serial_number, enabled: check.maybe_time(raw.enabled.as_ref())? })
    };
    Ok(RootUser {
        login_profile: raw.login_profile.map(|time| check.time(&time)).transpose()?,
        access_keys: raw.access_key.into_iter().map(|key| root_key(key, check)).collect::<Result<_, _>>()?,
        mfa_devices: raw.mfa_device.into_iter().map(mfa).collect::<Result<_, _>>()?,
        signing_certificates: raw
            .signing_certificate
            .into_iter()
            .map(|raw| certificate(raw, check))
            .collect::<Result<_, _>>()?,
    })
}

fn root_key(raw: raw::RootAccessKey, check: &Checker<'_>) -> Result<RootAccessKey, ScenarioError> {
    let last_used =
        |raw: raw::LastUsed| Ok(LastUsed { date: check.time(&raw.date)?, service: raw.service, region: raw.region });
    Ok(RootAccessKey {
        id: check.access_key_id(raw.id)?,
        secret_access_key: raw.secret_access_key,
        status: raw.status,
        created: check.maybe_time(raw.created.as_ref())?,
        last_used: raw.last_used.map(last_used).transpose()?,
    })
}

fn certificate(raw: raw::SigningCertificate, check: &Checker<'_>) -> Result<SigningCertificate, ScenarioError> {
    if !(24..=128).contains(&raw.id.get_ref().len()) {
        return Err(check.fail(&raw.id, "a certificate id has 24 to 128 characters".to_owned()));
    }
    let uploaded = check.maybe_time(raw.uploaded.as_ref())?;
    Ok(SigningCertificate { id: raw.id.into_inner(), status: raw.status, uploaded })
}

pub(super) fn buckets(raw: Vec<raw::Bucket>, check: &Checker<'_>) -> Result<BTreeMap<String, Bucket>, ScenarioError> {
    let mut buckets = BTreeMap::new();
    for raw in raw {
        if !crate::s3::is_bucket_name(raw.name.get_ref()) {
            return Err(check.fail(&raw.name, format!("{:?} is no name for a bucket", raw.name.get_ref())));
        }
        if buckets.contains_key(raw.name.get_ref()) {
            return Err(check.fail(&raw.name, format!("the bucket {:?} is there twice", raw.name.get_ref())));
        }
        let created = check.maybe_time(raw.created.as_ref())?;
        let object = |(key, body): (String, String)| {
            (key, Object { body: body.into_bytes(), content_type: None, modified: created, ..Object::default() })
        };
        let bucket = Bucket {
            name: raw.name.get_ref().clone(),
            region: check.region(raw.region)?,
            created,
            policy: check.maybe_policy(raw.policy)?,
            objects: raw.objects.into_iter().map(object).collect(),
            object_lock: raw.object_lock,
            older_versions: Vec::new(),
        };
        buckets.insert(bucket.name.clone(), bucket);
    }
    Ok(buckets)
}

pub(super) fn queues(raw: Vec<raw::Queue>, check: &Checker<'_>) -> Result<Vec<Queue>, ScenarioError> {
    raw.into_iter()
        .map(|raw| {
            if !crate::sqs::is_queue_name(raw.name.get_ref()) {
                return Err(check.fail(&raw.name, format!("{:?} is no name for a queue", raw.name.get_ref())));
            }
            let message = |body: String| Message { id: crate::crypto::request_id(), body };
            Ok(Queue {
                policy: check.maybe_policy(raw.policy)?,
                messages: raw.messages.into_iter().map(message).collect(),
                ..Queue::new(raw.name.get_ref(), &check.region(raw.region)?)
            })
        })
        .collect()
}
