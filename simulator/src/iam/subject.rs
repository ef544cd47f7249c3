//! Whom a call is about: the root user, when root names nobody, or an IAM user.

use crate::error::ApiError;
use crate::protocol::query::Params;
use crate::turn::Turn;
use crate::world::PrincipalType;

/// Whom a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The root user of the caller's account.
    Root,
    /// An IAM user, by name.
    User(String),
}

impl Subject {
    /// Without a name, IAM takes the one whose credentials sign; a role session has none.
    pub(super) fn of(turn: &Turn<'_>, params: &Params) -> Result<Self, ApiError> {
        match (params.get("UserName"), &turn.caller.user_name) {
            (Some(name), _) => Ok(Subject::User(name.to_owned())),
            (None, _) if turn.caller.is_root() => Ok(Subject::Root),
            (None, Some(name)) => Ok(Subject::User(name.clone())),
            (None, None) => Err(ApiError::new(
                400,
                "ValidationError",
                "Must specify userName when calling with non-User credentials",
            )),
        }
    }

    /// The ARN that IAM authorizes.
    pub(super) fn arn(&self, account: &str) -> String {
        match self {
            Subject::Root => format!("arn:aws:iam::{account}:root"),
            Subject::User(name) => format!("arn:aws:iam::{account}:user/{name}"),
        }
    }

    pub(super) fn check_exists(&self, turn: &Turn<'_>) -> Result<(), ApiError> {
        let Subject::User(name) = self else { return Ok(()) };
        let account = turn.world.account(turn.account());
        let is_it = |found: &crate::world::IamPrincipal| found.kind == PrincipalType::User && found.name == *name;
        if account.is_some_and(|account| account.principals.iter().any(is_it)) {
            return Ok(());
        }
        Err(super::no_such(format!("The user with name {name} cannot be found.")))
    }
}
