//! The arguments of each operation, as people write them and as policies see them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    authn::Scheme,
    authz::Argument,
    types::{CredentialKind, Exposure, Kind, Rule, Subject, TaskPolicy, Violation},
};

/// An argument as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A text; on a command line everything is one.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A list of texts.
    Texts(Vec<String>),
    /// Yes or no.
    Flag(bool),
}

/// One argument of an operation.
struct Parameter {
    name: &'static str,
    /// What is taken if it is not said, for a caller of this subject.
    default: fn(&str) -> Argument,
    read: fn(&Given) -> Result<Argument, Rule>,
}

const MODE: Parameter = Parameter { name: "mode", default: |_| Argument::Text(MODE_DEFAULT.to_owned()), read: mode };
const ACCEPT_EXPOSURE: Parameter = Parameter {
    name: "accept_exposure",
    default: |_| Argument::Text(Exposure::default().name().to_owned()),
    read: accept_exposure,
};
const ACCEPT_LOCKOUT: Parameter = Parameter { name: "accept_lockout", default: |_| Argument::Flag(false), read: flag };
const INCLUDE_POLICIES: Parameter =
    Parameter { name: "include_policies", default: |_| Argument::Flag(false), read: flag };
const VALIDATE_ONLY: Parameter = Parameter { name: "validate_only", default: |_| Argument::Flag(false), read: flag };
const TASK_POLICY: Parameter = Parameter {
    name: "task_policy",
    default: |_| Argument::Text(TaskPolicy::IamAuditRootUserCredentials.name().to_owned()),
    read: task_policy,
};
const DURATION: Parameter =
    Parameter { name: "duration_seconds", default: |_| Argument::Number(300), read: duration_seconds };
const CREDENTIAL_KINDS: Parameter = Parameter {
    name: "credential_kinds",
    default: |_| Argument::Texts(CredentialKind::ALL.map(CredentialKind::name).into()),
    read: credential_kinds,
};
const ABOUT_SUBJECT: Parameter =
    Parameter { name: "about_subject", default: |own| Argument::Text(own.to_owned()), read: about_subject };
const ABOUT_OPERATION: Parameter = Parameter {
    name: "about_operation",
    default: |_| Argument::Text(ABOUT_OPERATION_DEFAULT.name().to_owned()),
    read: about_operation,
};

const ABOUT_OPERATION_DEFAULT: Kind = Kind::AuditRootCredentials;

/// What an omitted mode means.
const MODE_DEFAULT: &str = "REMOVE_LOCKING_STATEMENTS";
const MODES: [&str; 4] = [MODE_DEFAULT, "REMOVE_LISTED_STATEMENTS", "DELETE_POLICY", "REPLACE_POLICY"];
/// AWS's own limit (STS API Reference, "AssumeRoot", `DurationSeconds`).
const DURATION_SECONDS_MAX: i64 = 900;
const TASK_POLICIES: [TaskPolicy; 5] = [
    TaskPolicy::IamAuditRootUserCredentials,
    TaskPolicy::IamCreateRootUserPassword,
    TaskPolicy::IamDeleteRootUserCredentials,
    TaskPolicy::S3UnlockBucketPolicy,
    TaskPolicy::SqsUnlockQueuePolicy,
];

const fn parameters(kind: Kind) -> &'static [Parameter] {
    match kind {
        Kind::AssumeRoot => &[TASK_POLICY, DURATION, VALIDATE_ONLY],
        Kind::UnlockBucketPolicy | Kind::UnlockQueuePolicy => &[MODE, ACCEPT_EXPOSURE, VALIDATE_ONLY],
        Kind::RestoreBucketPolicy | Kind::RestoreQueuePolicy => &[ACCEPT_LOCKOUT, ACCEPT_EXPOSURE, VALIDATE_ONLY],
        Kind::ListPolicyBackups => &[INCLUDE_POLICIES],
        Kind::DeleteRootCredentials => &[CREDENTIAL_KINDS, VALIDATE_ONLY],
        Kind::AllowPasswordRecovery => &[VALIDATE_ONLY],
        Kind::AuditRootCredentials | Kind::ListRecords | Kind::GetCheckpoint => &[],
        Kind::ExplainAccess => &[ABOUT_SUBJECT, ABOUT_OPERATION],
    }
}

/// Names of the arguments of these kinds.
pub(super) fn names(kinds: &[Kind]) -> BTreeSet<&'static str> {
    kinds.iter().flat_map(|kind| parameters(*kind)).map(|parameter| parameter.name).collect()
}

/// What policies see of `given` when this kind is asked for, with the defaults of what is not said.
///
/// # Errors
/// The first argument that breaks a rule.
pub(super) fn of(
    kind: Kind,
    subject: &str,
    given: &BTreeMap<String, Given>,
) -> Result<BTreeMap<String, Argument>, Violation> {
    let read = |Parameter { name, default, read }: &Parameter| {
        let argument = given.get(*name).map_or_else(|| Ok(default(subject)), read);
        argument.map(|argument| ((*name).to_owned(), argument)).map_err(|rule| Violation::new(*name, rule))
    };
    parameters(kind).iter().map(read).collect()
}

/// The kind of act that an explanation is about.
pub(super) fn about(arguments: &BTreeMap<String, Argument>) -> Kind {
    let Some(Argument::Text(name)) = arguments.get(ABOUT_OPERATION.name) else { return ABOUT_OPERATION_DEFAULT };
    kind(name).unwrap_or(ABOUT_OPERATION_DEFAULT)
}

/// The kind of this name.
pub(super) fn kind(name: &str) -> Result<Kind, Rule> {
    let known = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    known.ok_or_else(|| Rule(format!("must be one of {}", Kind::ALL.map(Kind::name).join(", ")).into()))
}

fn about_operation(given: &Given) -> Result<Argument, Rule> {
    let no_act = Rule::new("must be the name of an operation, and not ExplainAccess");
    let Given::Text(text) = given else { return Err(no_act) };
    match kind(text)? {
        act @ (Kind::AssumeRoot
        | Kind::UnlockBucketPolicy
        | Kind::UnlockQueuePolicy
        | Kind::DeleteRootCredentials
        | Kind::AllowPasswordRecovery
        | Kind::AuditRootCredentials
        | Kind::RestoreBucketPolicy
        | Kind::RestoreQueuePolicy
        | Kind::ListPolicyBackups
        | Kind::ListRecords
        | Kind::GetCheckpoint) => Ok(Argument::Text(act.name().to_owned())),
        // An explanation is never of another explanation.
        Kind::ExplainAccess => Err(no_act),
    }
}

fn about_subject(given: &Given) -> Result<Argument, Rule> {
    match given {
        Given::Text(text) => subject(text).map(Argument::Text),
        Given::Number(_) | Given::Texts(_) | Given::Flag(_) => Err(Rule::new("must be a caller's subject")),
    }
}

/// The scheme of this name.
pub(super) fn scheme(name: &str) -> Result<Scheme, Rule> {
    Scheme::named(name)
        .ok_or_else(|| Rule(format!("must be one of {}", Scheme::ALL.map(Scheme::name).join(", ")).into()))
}

/// A caller's stable id, as the journal shows it.
pub(super) fn subject(text: &str) -> Result<String, Rule> {
    text.parse::<Subject>().map(String::from)
}

fn mode(given: &Given) -> Result<Argument, Rule> {
    match given {
        Given::Text(text) if MODES.contains(&text.as_str()) => Ok(Argument::Text(text.clone())),
        _ => Err(Rule(format!("must be one of {}", MODES.join(", ")).into())),
    }
}

fn accept_exposure(given: &Given) -> Result<Argument, Rule> {
    let names = Exposure::ALL.map(Exposure::name);
    match given {
        Given::Text(text) if names.contains(&text.as_str()) => Ok(Argument::Text(text.clone())),
        _ => Err(Rule(format!("must be one of {}", names.join(", ")).into())),
    }
}

/// A flag; on a command line its name.
fn flag(given: &Given) -> Result<Argument, Rule> {
    match given {
        Given::Flag(flag) => Ok(Argument::Flag(*flag)),
        Given::Text(text) if text == "true" => Ok(Argument::Flag(true)),
        Given::Text(text) if text == "false" => Ok(Argument::Flag(false)),
        _ => Err(Rule::new("must be true or false")),
    }
}

fn task_policy(given: &Given) -> Result<Argument, Rule> {
    let known = |text: &String| TASK_POLICIES.iter().any(|policy| policy.name() == text);
    match given {
        Given::Text(text) if known(text) => Ok(Argument::Text(text.clone())),
        _ => Err(Rule(format!("must be one of {}", TASK_POLICIES.map(TaskPolicy::name).join(", ")).into())),
    }
}

fn duration_seconds(given: &Given) -> Result<Argument, Rule> {
    let seconds = match given {
        Given::Number(seconds) => Some(*seconds),
        Given::Text(text) => text.parse().ok(),
        Given::Texts(_) | Given::Flag(_) => None,
    };
    let seconds = seconds.filter(|seconds| (1..=DURATION_SECONDS_MAX).contains(seconds));
    seconds.map(Argument::Number).ok_or(Rule::new("must be whole seconds from 1 to 900"))
}

/// A list; a text is one with commas.
fn credential_kinds(given: &Given) -> Result<Argument, Rule> {
    let texts: Vec<&str> = match given {
        Given::Text(text) => text.split(',').collect(),
        Given::Texts(texts) => texts.iter().map(String::as_str).collect(),
        Given::Number(_) | Given::Flag(_) => Vec::new(),
    };
    let known = |text: &str| CredentialKind::ALL.map(CredentialKind::name).into_iter().find(|name| *name == text);
    let kinds: Option<BTreeSet<&'static str>> = texts.into_iter().map(known).collect();
    kinds.filter(|kinds| !kinds.is_empty()).map(Argument::Texts).ok_or_else(|| {
        Rule(format!("must be one or more of {}", CredentialKind::ALL.map(CredentialKind::name).join(", ")).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Given {
        Given::Text(text.to_owned())
    }

    fn one(kind: Kind, name: &str, given: Given) -> Result<Argument, String> {
        let given = BTreeMap::from([(name.to_owned(), given)]);
        let arguments = of(kind, "dns:me", &given).map_err(|violation| violation.to_string())?;
        Ok(arguments[name].clone())
    }

    #[test]
    fn what_is_not_said_has_the_documented_default() {
        let defaults = |kind| of(kind, "dns:me", &BTreeMap::new()).unwrap();
        let assume_root = defaults(Kind::AssumeRoot);
        assert_eq!(assume_root["duration_seconds"], Argument::Number(300));
        assert_eq!(assume_root["task_policy"], Argument::Text("IAMAuditRootUserCredentials".to_owned()));
        let unlock = defaults(Kind::UnlockQueuePolicy);
        assert_eq!(unlock["mode"], Argument::Text("REMOVE_LOCKING_STATEMENTS".to_owned()));
        for installs in [unlock, defaults(Kind::RestoreBucketPolicy)] {
            assert_eq!(installs["accept_exposure"], Argument::Text("ORGANIZATION".to_owned()));
        }
        assert_eq!(defaults(Kind::RestoreQueuePolicy)["accept_lockout"], Argument::Flag(false));
        assert_eq!(defaults(Kind::ListPolicyBackups)["include_policies"], Argument::Flag(false));
        for kind in Kind::ALL {
            let planned = kind.mutates().then_some(Argument::Flag(false));
            assert_eq!(defaults(kind).get("validate_only").cloned(), planned, "{kind}");
        }
        let kinds = &defaults(Kind::DeleteRootCredentials)["credential_kinds"];
        assert_eq!(*kinds, Argument::Texts(CredentialKind::ALL.map(CredentialKind::name).into()));
        assert_eq!(defaults(Kind::AuditRootCredentials), BTreeMap::new());
        let explain = defaults(Kind::ExplainAccess);
        assert_eq!(explain["about_subject"], Argument::Text("dns:me".to_owned()));
        assert_eq!(about(&explain), Kind::AuditRootCredentials);
    }

    /// A test file has TOML's own; a command line has only texts.
    #[test]
    fn flags_are_true_or_false_in_either_writing() {
        use Kind::{AllowPasswordRecovery, ListPolicyBackups, RestoreBucketPolicy, UnlockQueuePolicy};
        for (kind, name) in [
            (UnlockQueuePolicy, "validate_only"),
            (AllowPasswordRecovery, "validate_only"),
            (RestoreBucketPolicy, "accept_lockout"),
            (ListPolicyBackups, "include_policies"),
        ] {
            for flag in [true, false] {
                assert_eq!(one(kind, name, Given::Flag(flag)), Ok(Argument::Flag(flag)));
                assert_eq!(one(kind, name, text(&flag.to_string())), Ok(Argument::Flag(flag)));
            }
            for wrong in [text(""), text("True"), text("yes"), Given::Number(1), Given::Texts(vec!["true".to_owned()])]
            {
                assert_eq!(one(kind, name, wrong), Err(format!("{name}: must be true or false")));
            }
        }
    }

    #[test]
    fn each_argument_is_parsed_by_its_own_rule() {
        use Kind::{AssumeRoot, DeleteRootCredentials, ExplainAccess, RestoreQueuePolicy, UnlockBucketPolicy};
        assert_eq!(one(AssumeRoot, "duration_seconds", text("900")), Ok(Argument::Number(900)));
        assert_eq!(one(AssumeRoot, "duration_seconds", Given::Number(1)), Ok(Argument::Number(1)));
        for wrong in [text("901"), text("5m"), Given::Number(0), Given::Texts(vec!["5".to_owned()])] {
            assert!(one(AssumeRoot, "duration_seconds", wrong).unwrap_err().contains("1 to 900"));
        }
        assert!(one(AssumeRoot, "task_policy", text("S3UnlockBucketPolicy")).is_ok());
        for wrong in [text("s3unlockbucketpolicy"), text(""), Given::Number(1)] {
            assert!(one(AssumeRoot, "task_policy", wrong).unwrap_err().contains("SQSUnlockQueuePolicy"));
        }
        for mode in MODES {
            assert_eq!(one(UnlockBucketPolicy, "mode", text(mode)), Ok(Argument::Text(mode.to_owned())));
        }
        for wrong in [text(""), text("delete"), text("A_MODE_OF_TOMORROW"), Given::Number(1), Given::Flag(true)] {
            assert!(one(UnlockBucketPolicy, "mode", wrong).unwrap_err().contains("REMOVE_LISTED_STATEMENTS"));
        }
        for accepted in Exposure::ALL.map(Exposure::name) {
            let known = one(RestoreQueuePolicy, "accept_exposure", text(accepted));
            assert_eq!(known, Ok(Argument::Text(accepted.to_owned())));
        }
        for wrong in [text(""), text("public"), Given::Flag(true), Given::Texts(vec!["PUBLIC".to_owned()])] {
            assert!(one(UnlockBucketPolicy, "accept_exposure", wrong).unwrap_err().contains("OUTSIDE_ORGANIZATION"));
        }
        let both = Ok(Argument::Texts(["ACCESS_KEY", "MFA_DEVICE"].into()));
        let list = Given::Texts(vec!["MFA_DEVICE".to_owned(), "ACCESS_KEY".to_owned()]);
        assert_eq!(one(DeleteRootCredentials, "credential_kinds", list), both);
        assert_eq!(one(DeleteRootCredentials, "credential_kinds", text("ACCESS_KEY,MFA_DEVICE")), both);
        for wrong in [text(""), text("ACCESS_KEYS"), text("ACCESS_KEY, MFA_DEVICE"), Given::Texts(vec![])] {
            assert!(one(DeleteRootCredentials, "credential_kinds", wrong).unwrap_err().contains("LOGIN_PROFILE"));
        }
        assert!(one(ExplainAccess, "about_operation", text("AssumeRoot")).is_ok());
        for wrong in [text("Assumeroot"), text("ExplainAccess"), Given::Number(1)] {
            assert!(one(ExplainAccess, "about_operation", wrong).unwrap_err().starts_with("about_operation: must be"));
        }
        let spaced = "jwt:github:repo:acme/app:environment:Production EU";
        assert_eq!(one(ExplainAccess, "about_subject", text(spaced)), Ok(Argument::Text(spaced.to_owned())));
        for wrong in [text(""), text("alice "), text(&"x".repeat(2053)), Given::Number(1)] {
            assert!(one(ExplainAccess, "about_subject", wrong).unwrap_err().contains("subject"));
        }
    }
}
