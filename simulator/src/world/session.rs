//! Temporary credentials.

use std::fmt;

use super::World;

/// The most sessions kept: beyond it, the oldest are forgotten and their keys become unknown.
const MAX_SESSIONS: usize = 20_000;

/// What a session acts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SessionKind {
    /// `sts:AssumeRoot`.
    Root {
        /// The task policy's ARN.
        task_policy_arn: String,
    },
    /// `sts:AssumeRole`.
    Role {
        /// The role's name.
        role: String,
        /// The session's name.
        session_name: String,
        /// Inline and managed session policies, JSON.
        policies: Vec<String>,
        /// Session tags.
        tags: Vec<(String, String)>,
    },
}

/// Temporary credentials that were issued. Secret and token are not printed.
#[derive(Clone)]
pub(crate) struct Session {
    /// `ASIA` and 16 characters.
    pub(crate) access_key_id: String,
    /// 40 characters.
    pub(crate) secret_access_key: String,
    /// What has to come with every call.
    pub(crate) session_token: String,
    /// When it was issued, in seconds since the epoch.
    pub(crate) issued: i64,
    /// In seconds since the epoch.
    pub(crate) expiration: i64,
    /// The account it acts in.
    pub(crate) account: String,
    /// What it acts as.
    pub(crate) kind: SessionKind,
    /// Who is behind it, as the caller's own session had it.
    pub(crate) source_identity: Option<String>,
}

impl Session {
    /// A fresh session with new credentials.
    pub(crate) fn issue(
        account: &str,
        kind: SessionKind,
        source_identity: Option<String>,
        expiration: i64,
        min_token: usize,
    ) -> Self {
        Self {
            access_key_id: crate::crypto::access_key_id("ASIA"),
            secret_access_key: crate::crypto::secret_access_key(),
            session_token: crate::crypto::session_token(min_token),
            issued: crate::clock::now(),
            expiration,
            account: account.to_owned(),
            kind,
            source_identity,
        }
    }

    /// Whether it comes from `sts:AssumeRoot`.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self.kind, SessionKind::Root { .. })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("access_key_id", &self.access_key_id)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// A session of `sts:AssumeRole`, without its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSession {
    /// The role's name.
    pub role: String,
    /// The session's name.
    pub session_name: String,
    /// Session policies, JSON.
    pub policies: Vec<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// Who is behind it.
    pub source_identity: Option<String>,
}

impl World {
    /// The sessions of `sts:AssumeRole` so far, in the order in which they were issued.
    pub fn role_sessions(&self) -> Vec<RoleSession> {
        let role_session = |session: &Session| match &session.kind {
            SessionKind::Root { .. } => None,
            SessionKind::Role { role, session_name, policies, tags } => Some(RoleSession {
                role: role.clone(),
                session_name: session_name.clone(),
                policies: policies.clone(),
                tags: tags.clone(),
                source_identity: session.source_identity.clone(),
            }),
        };
        self.sessions.iter().filter_map(role_session).collect()
    }

    /// Keeps a session, forgetting the oldest beyond the bound.
    pub(crate) fn remember(&mut self, session: Session) {
        if self.sessions.len() >= MAX_SESSIONS {
            self.sessions.drain(..MAX_SESSIONS / 10);
        }
        self.sessions.push(session);
    }
}
