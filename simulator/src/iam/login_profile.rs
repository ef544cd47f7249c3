//! The root user's password, which IAM calls its login profile.

use super::{Answer, Subject, no_such, subject};
use crate::clock::iso;
use crate::error::ApiError;
use crate::protocol::Xml;
use crate::protocol::query::Params;
use crate::turn::Turn;

pub(super) fn get(turn: &Turn<'_>, params: &Params) -> Answer {
    let subject = subject(turn, "GetLoginProfile", params)?;
    let created = turn.world.account(turn.account()).and_then(|account| account.root.login_profile);
    match (subject, created) {
        (Subject::Root, Some(created)) => Ok(Some(profile(created))),
        (Subject::Root, None) => Err(none_for("null")),
        (Subject::User(name), _) => Err(none_for(&name)),
    }
}

/// In a root session without a password: the mailbox's owner may then set one.
pub(super) fn create(turn: &mut Turn<'_>, params: &Params) -> Answer {
    let subject = subject(turn, "CreateLoginProfile", params)?;
    if let Subject::User(_) = subject {
        return Err(ApiError::not_simulated("iam", "CreateLoginProfile (for IAM users)"));
    }
    match (turn.caller.is_root_session(), params.get("Password")) {
        (true, Some(_)) => {
            return Err(ApiError::new(
                400,
                "ValidationError",
                "Password must be omitted when the request is made with an AssumeRoot session",
            ));
        }
        (false, None) => return Err(ApiError::new(400, "ValidationError", "Must specify password")),
        (true, None) | (false, Some(_)) => {}
    }
    let (id, now) = (turn.account().to_owned(), turn.now);
    match turn.world.account_mut(&id).map(|account| &mut account.root.login_profile) {
        Some(empty @ None) => {
            *empty = Some(now);
            Ok(Some(profile(now)))
        }
        _ => Err(ApiError::new(409, "EntityAlreadyExists", format!("Login Profile for account {id} already exists."))),
    }
}

pub(super) fn delete(turn: &mut Turn<'_>, params: &Params) -> Answer {
    let subject = subject(turn, "DeleteLoginProfile", params)?;
    let id = turn.account().to_owned();
    let profile = turn.world.account_mut(&id).map(|account| &mut account.root.login_profile);
    match (subject, profile.and_then(Option::take)) {
        (Subject::Root, Some(_)) => Ok(None),
        (Subject::Root, None) => Err(none_for("null")),
        (Subject::User(name), _) => Err(none_for(&name)),
    }
}

fn profile(created: i64) -> Xml {
    let mut xml = Xml::new();
    xml.element("LoginProfile", |xml| {
        xml.text("CreateDate", &iso(created)).text("PasswordResetRequired", "false");
    });
    xml
}

fn none_for(name: &str) -> ApiError {
    no_such(format!("Login Profile for User {name} cannot be found."))
}
