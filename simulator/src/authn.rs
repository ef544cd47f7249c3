//! Authentication: from a signed request to an identity, or to the refusal that the service would give.

mod refusal;

pub(crate) use refusal::Refusal;

use crate::clock;
use crate::identity::Identity;
use crate::message::Message;
use crate::service::{HOME_REGION, Service};
use crate::sigv4::{self, Signed};
use crate::world::{CredentialStatus, World};

/// How far a request's time may be off, in seconds. Source: IAM User Guide, "Troubleshoot Signature Version 4".
const MAX_SKEW: i64 = 15 * 60;

/// A key that is known, with what is needed to check a signature by it.
struct Known {
    secret: String,
    token: Option<String>,
    expiration: Option<i64>,
    identity: Identity,
}

/// Verifies the signature of a request.
pub(crate) fn authenticate(
    world: &World,
    message: &Message,
    signed: &Signed,
    service: Service,
    now: i64,
) -> Result<Identity, Refusal> {
    check_scope(signed, service, world.settings.strict_home_region)?;
    check_time(signed, now)?;
    let known = find(world, &signed.access_key_id).ok_or(Refusal::UnknownKey)?;
    check_token(&known, signed)?;
    if service == Service::S3 && !signed.presigned && message.header("x-amz-content-sha256").is_none() {
        return Err(Refusal::NoContentDigest);
    }
    if !signed.is_signed_with(message, &known.secret) {
        return Err(Refusal::WrongSignature);
    }
    if !sigv4::payload_matches(signed, message) {
        return Err(Refusal::WrongContentDigest);
    }
    // Only who holds the key learns that it is expired.
    if known.expiration.is_some_and(|expiration| expiration <= now) {
        return Err(Refusal::Expired);
    }
    Ok(known.identity)
}

/// IAM and Organizations are global services with one home; the others are regional.
fn check_scope(signed: &Signed, service: Service, strict: bool) -> Result<(), Refusal> {
    if strict && service.is_global() && signed.region != HOME_REGION {
        return Err(Refusal::WrongScope("Credential should be scoped to a valid region. ".to_owned()));
    }
    if crate::region::is_region(&signed.region) {
        return Ok(());
    }
    Err(Refusal::WrongScope(format!("Credential should be scoped to a valid region, not '{}'.", signed.region)))
}

fn check_time(signed: &Signed, now: i64) -> Result<(), Refusal> {
    let at = clock::parse_basic(&signed.amz_date).ok_or_else(|| {
        Refusal::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{}'.", signed.amz_date))
    })?;
    if !signed.amz_date.starts_with(&signed.date) {
        return Err(Refusal::Incomplete(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP".to_owned(),
        ));
    }
    let good_for = signed.expires.map_or(MAX_SKEW, |seconds| seconds.clamp(1, 604_800));
    let (stated, here) = (clock::basic(at), clock::basic(now));
    if at.saturating_add(good_for) < now {
        let limit = clock::basic(now - good_for);
        return Err(Refusal::Skewed(format!(
            "Signature expired: {stated} is now earlier than {limit} ({here} - {} min.)",
            good_for / 60
        )));
    }
    if at > now + MAX_SKEW {
        let limit = clock::basic(now + MAX_SKEW);
        return Err(Refusal::Skewed(format!(
            "Signature not yet current: {stated} is still later than {limit} ({here} + 15 min.)"
        )));
    }
    Ok(())
}

fn check_token(known: &Known, signed: &Signed) -> Result<(), Refusal> {
    match (&known.token, &signed.session_token) {
        (None, None) => Ok(()),
        (Some(expected), Some(given)) if crate::crypto::same(expected.as_bytes(), given.as_bytes()) => Ok(()),
        (Some(_), None) => Err(Refusal::MissingToken),
        (_, Some(_)) => Err(Refusal::WrongToken),
    }
}

fn find(world: &World, access_key_id: &str) -> Option<Known> {
    if let Some(session) = world.sessions.iter().rev().find(|session| session.access_key_id == access_key_id) {
        return Some(Known {
            secret: session.secret_access_key.clone(),
            token: Some(session.session_token.clone()),
            expiration: Some(session.expiration),
            identity: Identity::of_session(world, session)?,
        });
    }
    world.accounts.values().find_map(|account| {
        let known =
            |secret: &str, identity| Known { secret: secret.to_owned(), token: None, expiration: None, identity };
        let principal = account.principals.iter().find(|found| found.access_key.access_key_id == access_key_id);
        if let Some(found) = principal {
            return Some(known(&found.access_key.secret_access_key, Identity::of_principal(account, found)));
        }
        let is_it =
            |key: &&crate::world::RootAccessKey| key.id == access_key_id && key.status == CredentialStatus::Active;
        let secret = account.root.access_keys.iter().find(is_it)?.secret_access_key.as_deref()?;
        Some(known(secret, Identity::of_root_user(&account.id, access_key_id)))
    })
}
