//! IAM users and roles with static credentials.

use std::fmt;

/// A static access key. Its secret is not printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AccessKey {
    /// 20 characters.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Whether a principal is a user or a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalType {
    /// An IAM user.
    User,
    /// A role; its static key acts as one standing session of it.
    Role {
        /// The name of that session.
        session_name: String,
        /// The source identity of that session, which AWS would have set at `sts:AssumeRole`.
        source_identity: Option<String>,
    },
}

/// An IAM user or role.
#[derive(Debug, Clone)]
pub struct IamPrincipal {
    /// Its name.
    pub name: String,
    /// Its path, `/` for most.
    pub path: String,
    /// User or role.
    pub kind: PrincipalType,
    /// Identity policies, JSON.
    pub policies: Vec<String>,
    /// Permissions boundary, JSON.
    pub boundary: Option<String>,
    /// A role's trust policy, JSON: who may assume it.
    pub trust: Option<String>,
    /// Tags, as `aws:PrincipalTag/NAME`.
    pub tags: Vec<(String, String)>,
    /// The static key.
    pub access_key: AccessKey,
}

impl IamPrincipal {
    /// A user without policies, with a key derived from account and name.
    pub fn user(account: &str, name: &str) -> Self {
        Self::new(account, name, PrincipalType::User)
    }

    /// A role without policies, with a key derived from account and name that acts as a session called `simulator`.
    pub fn role(account: &str, name: &str) -> Self {
        Self::new(account, name, PrincipalType::Role { session_name: "simulator".to_owned(), source_identity: None })
    }

    /// The same with one more identity policy.
    #[must_use]
    pub fn with_policy(mut self, json: &str) -> Self {
        self.policies.push(json.to_owned());
        self
    }

    fn new(account: &str, name: &str, kind: PrincipalType) -> Self {
        let (access_key_id, secret_access_key) = crate::crypto::derived_access_key(&format!("{account}/{name}"));
        Self {
            name: name.to_owned(),
            path: "/".to_owned(),
            kind,
            policies: Vec::new(),
            boundary: None,
            trust: None,
            tags: Vec::new(),
            access_key: AccessKey { access_key_id, secret_access_key },
        }
    }

    /// The ARN of the user or role itself.
    pub fn arn(&self, account: &str) -> String {
        let noun = match self.kind {
            PrincipalType::User => "user",
            PrincipalType::Role { .. } => "role",
        };
        format!("arn:aws:iam::{account}:{noun}{}{}", self.path, self.name)
    }

    /// The id that IAM would have given: stable, and of the right prefix and length.
    pub fn unique_id(&self, account: &str) -> String {
        let prefix = match self.kind {
            PrincipalType::User => "AIDA",
            PrincipalType::Role { .. } => "AROA",
        };
        let (id, _) = crate::crypto::derived_access_key(&format!("id of {account}/{}", self.name));
        format!("{prefix}{}", id.get(4..).unwrap_or_default())
    }
}
