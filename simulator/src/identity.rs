//! Who a verified request comes from.

use crate::policy::{Caller, CallerKind};
use crate::world::{Account, IamPrincipal, PrincipalType, Session, SessionKind, World};

/// A caller whose signature was good, and what bears on what it may do.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// As policies see it.
    pub(crate) caller: Caller,
    /// `aws:PrincipalArn`: the user, the role behind a session, or root.
    pub(crate) principal_arn: String,
    /// `UserId` of `GetCallerIdentity`.
    pub(crate) user_id: String,
    /// The key that signed.
    pub(crate) access_key_id: String,
    /// Whether the key is temporary, that is, came with a session token.
    pub(crate) temporary: bool,
    /// The IAM user's name, if the caller is one.
    pub(crate) user_name: Option<String>,
    /// Who is behind the session.
    pub(crate) source_identity: Option<String>,
    /// Principal and session tags.
    pub(crate) tags: Vec<(String, String)>,
    /// Identity policies.
    pub(crate) policies: Vec<String>,
    /// Permissions boundary.
    pub(crate) boundary: Option<String>,
    /// Session policies, or the task policy of a root session.
    pub(crate) session_policies: Vec<String>,
}

impl Identity {
    /// Whether the caller is a root user or root session.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self.caller.kind, CallerKind::RootUser | CallerKind::RootSession)
    }

    /// Whether the caller is a session of `sts:AssumeRoot`.
    pub(crate) fn is_root_session(&self) -> bool {
        self.caller.kind == CallerKind::RootSession
    }

    /// A user or role with its static key.
    pub(crate) fn of_principal(account: &Account, principal: &IamPrincipal) -> Self {
        let arn = principal.arn(&account.id);
        match &principal.kind {
            PrincipalType::User => Self {
                user_id: principal.unique_id(&account.id),
                user_name: Some(principal.name.clone()),
                ..Self::bare(account, principal, Caller { arn, account: account.id.clone(), kind: CallerKind::User })
            },
            PrincipalType::Role { session_name, source_identity } => Self {
                source_identity: source_identity.clone(),
                ..Self::role_session(account, principal, session_name)
            },
        }
    }

    /// A static key of the root user.
    pub(crate) fn of_root_user(account: &str, access_key_id: &str) -> Self {
        Self::root(account, access_key_id, CallerKind::RootUser)
    }

    /// Temporary credentials. `None` if the role behind them is gone.
    pub(crate) fn of_session(world: &World, session: &Session) -> Option<Self> {
        let mut identity = match &session.kind {
            SessionKind::Root { task_policy_arn } => {
                let task = crate::task_policies::find(task_policy_arn, "aws")?;
                let mut identity = Self::root(&session.account, &session.access_key_id, CallerKind::RootSession);
                identity.session_policies = vec![task.document.to_owned()];
                identity
            }
            SessionKind::Role { role, session_name, policies, tags } => {
                let account = world.account(&session.account)?;
                let is_it = |found: &&IamPrincipal| found.name == *role && found.kind != PrincipalType::User;
                let principal = account.principals.iter().find(is_it)?;
                let mut identity = Self::role_session(account, principal, session_name);
                identity.session_policies.clone_from(policies);
                identity.tags.extend(tags.iter().cloned());
                identity
            }
        };
        identity.access_key_id.clone_from(&session.access_key_id);
        identity.source_identity.clone_from(&session.source_identity);
        identity.temporary = true;
        Some(identity)
    }

    fn role_session(account: &Account, principal: &IamPrincipal, session_name: &str) -> Self {
        let role_arn = principal.arn(&account.id);
        let arn = format!("arn:aws:sts::{}:assumed-role/{}/{session_name}", account.id, principal.name);
        let caller =
            Caller { arn, account: account.id.clone(), kind: CallerKind::RoleSession { role_arn: role_arn.clone() } };
        Self {
            principal_arn: role_arn,
            user_id: format!("{}:{session_name}", principal.unique_id(&account.id)),
            ..Self::bare(account, principal, caller)
        }
    }

    fn bare(account: &Account, principal: &IamPrincipal, caller: Caller) -> Self {
        Self {
            principal_arn: caller.arn.clone(),
            user_id: account.id.clone(),
            access_key_id: principal.access_key.access_key_id.clone(),
            temporary: false,
            user_name: None,
            source_identity: None,
            tags: principal.tags.clone(),
            policies: principal.policies.clone(),
            boundary: principal.boundary.clone(),
            session_policies: Vec::new(),
            caller,
        }
    }

    fn root(account: &str, access_key_id: &str, kind: CallerKind) -> Self {
        let arn = format!("arn:aws:iam::{account}:root");
        Self {
            principal_arn: arn.clone(),
            user_id: account.to_owned(),
            access_key_id: access_key_id.to_owned(),
            temporary: false,
            user_name: None,
            source_identity: None,
            tags: Vec::new(),
            policies: Vec::new(),
            boundary: None,
            session_policies: Vec::new(),
            caller: Caller { arn, account: account.to_owned(), kind },
        }
    }
}
