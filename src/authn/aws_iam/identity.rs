//! Whom AWS names in its answer: a session of a role, or a user. Root, federated users and all else are refused.
//!
//! Sources: IAM User Guide, "IAM identifiers" (ARNs, unique ids), "IAM and AWS STS quotas" (names); STS API Reference,
//! `GetCallerIdentity`.

use crate::types::{AccountId, Rule};

/// Names of users and roles.
const NAME_LENGTH_MAX: usize = 64;
/// Paths of users, slashes included.
const PATH_LENGTH_MAX: usize = 512;
/// Unique ids have 21 characters today; the API allows this many.
const UNIQUE_ID_LENGTH_MAX: usize = 128;
const UNIQUE_ID_LENGTH_MIN: usize = 16;

/// A user or role of one account that AWS has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The account that the user or role belongs to.
    pub(super) account: AccountId,
    /// Which of the two, and its name.
    pub(super) entity: Entity,
    /// The id that IAM gave it. A user or role that is deleted and made again under the same name has another.
    pub(super) unique_id: String,
    /// The ARN as AWS wrote it.
    pub(super) arn: String,
}

/// What kind of identity it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    /// A session of a role. Its ARN has lost the role's path, so that `/a/deploy` and `/b/deploy` look the same; IAM
    /// keeps names unique in an account whatever their paths.
    Role {
        /// The role's name.
        name: String,
        /// The session's name, which whoever assumed the role has chosen.
        session: String,
    },
    /// An IAM user.
    User {
        /// The user's name.
        name: String,
    },
}

impl Identity {
    /// Reads the three fields of the answer, which must agree.
    ///
    /// # Errors
    ///
    /// The rule that was broken.
    pub(super) fn parse(account: &str, arn: &str, user_id: &str) -> Result<Self, Rule> {
        // A user's path may hold colons.
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", "aws", service, "", owner, resource] = parts.as_slice() else {
            return Err(Rule::new("the ARN must be one of IAM or STS in the partition aws"));
        };
        let account = account.parse().map_err(|rule: Rule| Rule(format!("Account {rule}").into()))?;
        if owner.parse() != Ok(account) {
            return Err(Rule::new("the account in the ARN must be the one in Account"));
        }
        let (entity, unique_id) = match (*service, resource.split_once('/')) {
            ("sts", Some(("assumed-role", rest))) => session(rest, user_id)?,
            ("iam", Some(("user", rest))) => user(rest, user_id)?,
            _ => return Err(Rule::new("only sessions of roles and users are callers (not root, nor federated users)")),
        };
        Ok(Self { account, entity, unique_id: unique_id.to_owned(), arn: arn.to_owned() })
    }

    /// The caller's stable subject.
    pub(super) fn subject(&self) -> String {
        let (kind, name) = match &self.entity {
            Entity::Role { name, .. } => ("role", name),
            Entity::User { name } => ("user", name),
        };
        format!("aws:{}:{kind}/{name}/{}", self.account, self.unique_id)
    }
}

fn session<'u>(rest: &str, user_id: &'u str) -> Result<(Entity, &'u str), Rule> {
    let (name, session) = rest.split_once('/').ok_or(Rule::new("the ARN of a session must be ROLE/SESSION"))?;
    if !is_name(name) || !is_name(session) {
        return Err(Rule::new("role and session in the ARN must be names as IAM allows them"));
    }
    let unique_id = user_id.strip_suffix(session).and_then(|id| id.strip_suffix(':'));
    let unique_id = unique_id.filter(|id| is_unique_id(id, "AROA"));
    let unique_id = unique_id.ok_or(Rule::new("UserId must be the role's id (AROA...), a colon and the session"))?;
    Ok((Entity::Role { name: name.to_owned(), session: session.to_owned() }, unique_id))
}

fn user<'u>(rest: &str, user_id: &'u str) -> Result<(Entity, &'u str), Rule> {
    let (path, name) = rest.rsplit_once('/').unwrap_or(("", rest));
    if !is_name(name) || path.len() > PATH_LENGTH_MAX || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Rule::new("path and name in the ARN must be as IAM allows them"));
    }
    if !is_unique_id(user_id, "AIDA") {
        return Err(Rule::new("UserId must be the user's id (AIDA...)"));
    }
    Ok((Entity::User { name: name.to_owned() }, user_id))
}

/// Names of users, roles and sessions; neither slash nor colon can be in them.
fn is_name(text: &str) -> bool {
    (1..=NAME_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

fn is_unique_id(text: &str, prefix: &str) -> bool {
    (UNIQUE_ID_LENGTH_MIN..=UNIQUE_ID_LENGTH_MAX).contains(&text.len())
        && text.starts_with(prefix)
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACCOUNT: &str = "111122223333";
    const ROLE_ID: &str = "AROACKCEVSQ6C2EXAMPLE";
    const USER_ID: &str = "AIDACKCEVSQ6C2EXAMPLE";

    #[test]
    fn a_session_of_a_role_is_its_role_and_unique_id() {
        let arn = "arn:aws:sts::111122223333:assumed-role/deploy/i-0abc@ci";
        let identity = Identity::parse(ACCOUNT, arn, &format!("{ROLE_ID}:i-0abc@ci")).unwrap();
        assert_eq!(identity.subject(), format!("aws:111122223333:role/deploy/{ROLE_ID}"));
        assert_eq!(identity.entity, Entity::Role { name: "deploy".into(), session: "i-0abc@ci".into() });
        assert_eq!(identity.arn, arn);
    }

    #[test]
    fn a_user_is_its_name_and_unique_id_whatever_its_path() {
        for path in ["", "ops/", "a/b/", "assumed-role/", "x:y/", "//"] {
            let arn = format!("arn:aws:iam::111122223333:user/{path}alice");
            let identity = Identity::parse(ACCOUNT, &arn, USER_ID).unwrap();
            assert_eq!(identity.subject(), format!("aws:111122223333:user/alice/{USER_ID}"), "{arn}");
        }
    }

    #[test]
    fn root_federated_users_and_everything_else_are_no_callers() {
        let session = format!("{ROLE_ID}:s1");
        for (arn, user_id) in [
            ("arn:aws:iam::111122223333:root", ACCOUNT),
            ("arn:aws:sts::111122223333:federated-user/alice", "111122223333:alice"),
            ("arn:aws:sts::111122223333:self", ACCOUNT),
            ("arn:aws:iam::111122223333:role/deploy", ROLE_ID),
            ("arn:aws:iam::111122223333:group/ops", USER_ID),
            ("arn:aws:iam::111122223333:assumed-role/deploy/s1", &session),
            ("arn:aws:sts::111122223333:user/alice", USER_ID),
            ("arn:aws-cn:sts::111122223333:assumed-role/deploy/s1", &session),
            ("arn:aws-us-gov:iam::111122223333:user/alice", USER_ID),
            ("arn:aws:sts:eu-west-1:111122223333:assumed-role/deploy/s1", &session),
            ("arn:aws:sts::111122223333:assumed-role/deploy", &session),
            ("arn:aws:sts::111122223333:assumed-role/path/deploy/s1", &session),
            ("arn:aws:sts::111122223333:assumed-role//s1", &session),
            ("arn:aws:sts::111122223333:assumed-role/deploy/s1:x", &session),
            ("arn:aws:sts::111122223333:assumed-role/de ploy/s1", &session),
            ("arn:aws:iam::111122223333:user/", USER_ID),
            ("arn:aws:iam::111122223333:user/ali\u{e9}", USER_ID),
            ("arn:aws:iam::111122223333:user/a\nb/alice", USER_ID),
            ("ARN:aws:iam::111122223333:user/alice", USER_ID),
            ("", ""),
        ] {
            assert!(Identity::parse(ACCOUNT, arn, user_id).is_err(), "{arn}");
        }
    }

    #[test]
    fn account_arn_and_user_id_must_agree() {
        let arn = "arn:aws:sts::111122223333:assumed-role/deploy/s1";
        let parse = |account: &str, user_id: &str| Identity::parse(account, arn, user_id);
        assert!(parse(ACCOUNT, &format!("{ROLE_ID}:s1")).is_ok());
        assert!(parse("444455556666", &format!("{ROLE_ID}:s1")).is_err());
        assert!(parse("", &format!("{ROLE_ID}:s1")).is_err());
        for user_id in [
            format!("{ROLE_ID}:s2"),
            format!("{ROLE_ID}s1"),
            format!("{ROLE_ID}:"),
            ROLE_ID.to_owned(),
            format!("{USER_ID}:s1"),
            "AROA:s1".to_owned(),
            "aroackcevsq6c2example:s1".to_owned(),
            format!("{ROLE_ID}:x:s1"),
            ":s1".to_owned(),
            String::new(),
        ] {
            assert!(parse(ACCOUNT, &user_id).is_err(), "{user_id}");
        }
        assert!(Identity::parse(ACCOUNT, "arn:aws:iam::111122223333:user/alice", ROLE_ID).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(account in "[0-9]{12}|.{0,14}", arn in ".{0,80}", user_id in ".{0,40}") {
            let _ = Identity::parse(&account, &arn, &user_id);
        }

        /// So that one subject cannot be read as another.
        #[test]
        fn a_subject_has_exactly_its_parts(
            resource in "(user|assumed-role)/[a-z/:@.]{1,30}",
            user_id in "(AROA|AIDA)[A-Z0-9]{17}(:[a-z/:@.]{1,10})?",
        ) {
            let service = if resource.starts_with("user") { "iam" } else { "sts" };
            let arn = format!("arn:aws:{service}::{ACCOUNT}:{resource}");
            if let Ok(identity) = Identity::parse(ACCOUNT, &arn, &user_id) {
                let subject = identity.subject();
                prop_assert_eq!(subject.split(':').count(), 3);
                prop_assert_eq!(subject.split('/').count(), 3);
            }
        }
    }
}
