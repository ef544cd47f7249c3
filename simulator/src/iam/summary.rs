//! `GetUser` and `GetAccountSummary`.

use super::{Answer, Subject, authorize, subject};
use crate::clock::iso;
use crate::protocol::Xml;
use crate::protocol::query::Params;
use crate::turn::Turn;

/// For root there is no `UserName` and no `Path`, and the id is the account's.
pub(super) fn get_user(turn: &Turn<'_>, params: &Params) -> Answer {
    let subject = subject(turn, "GetUser", params)?;
    let account = turn.world.account(turn.account());
    let mut xml = Xml::new();
    xml.element("User", |xml| match &subject {
        Subject::Root => {
            xml.text("UserId", turn.account()).text("Arn", &subject.arn(turn.account()));
            xml.text("CreateDate", &iso(account.map_or(0, |account| account.joined)));
        }
        Subject::User(name) => {
            let found = account.and_then(|account| account.principals.iter().find(|user| user.name == *name));
            xml.text("Path", found.map_or("/", |user| user.path.as_str())).text("UserName", name);
            xml.maybe("UserId", found.map(|user| user.unique_id(turn.account())).as_deref());
            xml.maybe("Arn", found.map(|user| user.arn(turn.account())).as_deref());
            xml.text("CreateDate", &iso(account.map_or(0, |account| account.joined)));
        }
    });
    Ok(Some(xml))
}

/// The keys that tell about root are indicators, 0 or 1, not counts.
pub(super) fn get_account_summary(turn: &Turn<'_>) -> Answer {
    authorize(turn, "GetAccountSummary", "*")?;
    let Some(account) = turn.world.account(turn.account()) else { return Ok(Some(Xml::new())) };
    let root = &account.root;
    let users = account.principals.iter().filter(|found| found.kind == crate::world::PrincipalType::User).count();
    let entries = [
        ("AccountPasswordPresent", usize::from(root.login_profile.is_some())),
        ("AccountAccessKeysPresent", usize::from(!root.access_keys.is_empty())),
        ("AccountSigningCertificatesPresent", usize::from(!root.signing_certificates.is_empty())),
        ("AccountMFAEnabled", usize::from(!root.mfa_devices.is_empty())),
        ("Users", users),
        ("Roles", account.principals.len() - users),
        ("MFADevices", root.mfa_devices.len()),
        ("MFADevicesInUse", root.mfa_devices.len()),
        ("UsersQuota", 5000),
        ("AccessKeysPerUserQuota", 2),
        ("SigningCertificatesPerUserQuota", 2),
    ];
    let mut xml = Xml::new();
    xml.element("SummaryMap", |xml| {
        for (key, value) in entries {
            xml.element("entry", |xml| {
                xml.text("key", key).text("value", &value.to_string());
            });
        }
    });
    Ok(Some(xml))
}
