//! Who a policy speaks of, and whether that is the caller.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal" and "AWS JSON policy elements: NotPrincipal".

use super::statement::Selection;
use super::{Caller, CallerKind};

/// One principal as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principal {
    /// `*`, alone or under `AWS`.
    Anyone,
    /// An account: its number, or the ARN of its root user.
    Account(String),
    /// The ARN of a user, a role or a session.
    Arn(String),
    /// A service, a federated identity or a canonical user. None of the callers here is one, so it never names a
    /// caller.
    Elsewhere,
}

/// How closely a statement names the caller. A closer one grants more: see [`super::evaluate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Naming {
    /// By its account, which leaves it to that account's identity policies.
    Account,
    /// By the role that the session is of.
    Role,
    /// The caller itself, or anyone at all.
    Caller,
}

impl Principal {
    /// Reads a principal under `AWS`; `None` when it is none of the documented forms. "You cannot use a wildcard to
    /// match part of a principal name or ARN."
    pub(super) fn parse_aws(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Anyone);
        }
        if is_account(text) {
            return Some(Self::Account(text.to_owned()));
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, "", account, name] = parts.as_slice() else {
            return None;
        };
        if partition.is_empty() || account.is_empty() || name.is_empty() || text.contains(['*', '?']) {
            return None;
        }
        match *service {
            "iam" if *name == "root" => is_account(account).then(|| Self::Account((*account).to_owned())),
            "iam" | "sts" => Some(Self::Arn(text.to_owned())),
            _ => None,
        }
    }

    fn names(&self, caller: &Caller) -> Option<Naming> {
        match self {
            Self::Anyone => Some(Naming::Caller),
            // The ARN of an account's root user stands for the account, and the root user is the whole of its account.
            Self::Account(account) if *account == caller.account => Some(match caller.kind {
                CallerKind::RootUser | CallerKind::RootSession => Naming::Caller,
                CallerKind::User | CallerKind::RoleSession { .. } => Naming::Account,
            }),
            Self::Arn(arn) if *arn == caller.arn => Some(Naming::Caller),
            Self::Arn(arn) => match &caller.kind {
                CallerKind::RoleSession { role_arn } if role_arn == arn => Some(Naming::Role),
                _ => None,
            },
            Self::Account(_) | Self::Elsewhere => None,
        }
    }
}

/// How closely the `Principal` or `NotPrincipal` of a statement names the caller, if it does. `bounded` says that the
/// caller has a permissions boundary.
pub(super) fn naming(principals: &Selection<Vec<Principal>>, caller: &Caller, bounded: bool) -> Option<Naming> {
    match principals {
        Selection::Only(listed) => listed.iter().filter_map(|principal| principal.names(caller)).max(),
        Selection::AllBut(listed) => (!spared(listed, caller, bounded)).then_some(Naming::Caller),
    }
}

/// Whether a `NotPrincipal` leaves the caller out. AWS "might validate the account first, then the role, and then the
/// assumed-role user", so the list must name the account and, within it, the user, or the role (its sessions follow).
/// The same page: it "will always deny any IAM principal that has a permissions boundary policy attached".
fn spared(listed: &[Principal], caller: &Caller, bounded: bool) -> bool {
    let names_account =
        |principal: &Principal| matches!(principal, Principal::Account(account) if *account == caller.account);
    let names_arn =
        |wanted: &str| listed.iter().any(|principal| matches!(principal, Principal::Arn(arn) if arn == wanted));
    if listed.contains(&Principal::Anyone) {
        return true;
    }
    listed.iter().any(names_account)
        && match &caller.kind {
            CallerKind::RootUser | CallerKind::RootSession => true,
            CallerKind::User => names_arn(&caller.arn) && !bounded,
            CallerKind::RoleSession { role_arn } => names_arn(role_arn) && !bounded,
        }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
