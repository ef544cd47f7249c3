//! Access keys of the root user.

use super::{Answer, Subject, authorize, listing, no_such, paged, subject};
use crate::clock::iso;
use crate::protocol::Xml;
use crate::protocol::query::Params;
use crate::turn::Turn;

pub(super) fn list(turn: &Turn<'_>, params: &Params) -> Answer {
    let subject = subject(turn, "ListAccessKeys", params)?;
    let Some(account) = turn.world.account(turn.account()) else { return Ok(None) };
    let keys: Vec<(String, &str, i64)> = match &subject {
        Subject::Root => {
            account.root.access_keys.iter().map(|key| (key.id.clone(), key.status.name(), key.created)).collect()
        }
        Subject::User(name) => {
            let of_user = account.principals.iter().filter(|user| user.name == *name);
            of_user.map(|user| (user.access_key.access_key_id.clone(), "Active", account.joined)).collect()
        }
    };
    let page = paged(turn, params, keys)?;
    Ok(Some(listing(&page, "AccessKeyMetadata", |xml, (id, status, created)| {
        if let Subject::User(name) = &subject {
            xml.text("UserName", name);
        }
        xml.text("AccessKeyId", id).text("Status", status).text("CreateDate", &iso(*created));
    })))
}

pub(super) fn delete(turn: &mut Turn<'_>, params: &Params) -> Answer {
    let id = params.require("AccessKeyId")?;
    let subject = subject(turn, "DeleteAccessKey", params)?;
    let account = turn.account().to_owned();
    let keys = turn.world.account_mut(&account).map(|account| &mut account.root.access_keys);
    let position = keys.as_ref().and_then(|keys| keys.iter().position(|key| key.id == id));
    match (subject, keys, position) {
        (Subject::Root, Some(keys), Some(position)) => {
            keys.remove(position);
            Ok(None)
        }
        _ => Err(no_such(format!("The Access Key with id {id} cannot be found."))),
    }
}

/// IAM finds the owner by the key; a key of nobody in the account is refused before it is not found.
pub(super) fn last_used(turn: &Turn<'_>, params: &Params) -> Answer {
    let id = params.require("AccessKeyId")?;
    let account = turn.world.account(turn.account());
    let key = account.and_then(|account| account.root.access_keys.iter().find(|key| key.id == id));
    let user = account.and_then(|account| account.principals.iter().find(|user| user.access_key.access_key_id == id));
    let resource = match (key, user) {
        (Some(_), _) => Subject::Root.arn(turn.account()),
        (None, Some(user)) => user.arn(turn.account()),
        (None, None) => "*".to_owned(),
    };
    authorize(turn, "GetAccessKeyLastUsed", &resource)?;
    if key.is_none() && user.is_none() {
        return Err(no_such(format!("The Access Key with id {id} cannot be found.")));
    }
    let last = key.and_then(|key| key.last_used.as_ref());
    let mut xml = Xml::new();
    xml.maybe("UserName", user.map(|user| user.name.as_str()));
    xml.element("AccessKeyLastUsed", |xml| {
        xml.text("Region", last.map_or("N/A", |last| last.region.as_str()));
        xml.text("ServiceName", last.map_or("N/A", |last| last.service.as_str()));
        xml.maybe("LastUsedDate", last.map(|last| iso(last.date)).as_deref());
    });
    Ok(Some(xml))
}
