//! The five root-task managed policies, verbatim as AWS publishes them (default version v1).
//!
//! They only deny: a root session may do what root may, less what its task policy denies. Nothing here says what each task is for,
//! because nothing needs to: the documents are evaluated.

const ARN_MIDDLE: &str = ":iam::aws:policy/root-task/";

/// The organization feature without which AWS refuses a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// The credentials tasks.
    RootCredentialsManagement,
    /// The unlock tasks.
    RootSessions,
}

impl Feature {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Feature::RootCredentialsManagement => "RootCredentialsManagement",
            Feature::RootSessions => "RootSessions",
        }
    }

    /// What STS says when the feature is off.
    pub(crate) fn disabled_message(self) -> &'static str {
        match self {
            Feature::RootCredentialsManagement => {
                "Root credentials management feature is not enabled for your AWS Organization."
            }
            Feature::RootSessions => "Root sessions feature is not enabled for your AWS Organization.",
        }
    }
}

/// One of the five.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskPolicy {
    /// The policy's name.
    pub(crate) name: &'static str,
    /// The policy document.
    pub(crate) document: &'static str,
    /// The feature that it needs.
    pub(crate) feature: Feature,
}

/// All five, in the order of the documentation.
const ALL: [TaskPolicy; 5] = [
    TaskPolicy {
        name: "IAMAuditRootUserCredentials",
        document: include_str!("task_policies/IAMAuditRootUserCredentials.json"),
        feature: Feature::RootCredentialsManagement,
    },
    TaskPolicy {
        name: "IAMCreateRootUserPassword",
        document: include_str!("task_policies/IAMCreateRootUserPassword.json"),
        feature: Feature::RootCredentialsManagement,
    },
    TaskPolicy {
        name: "IAMDeleteRootUserCredentials",
        document: include_str!("task_policies/IAMDeleteRootUserCredentials.json"),
        feature: Feature::RootCredentialsManagement,
    },
    TaskPolicy {
        name: "S3UnlockBucketPolicy",
        document: include_str!("task_policies/S3UnlockBucketPolicy.json"),
        feature: Feature::RootSessions,
    },
    TaskPolicy {
        name: "SQSUnlockQueuePolicy",
        document: include_str!("task_policies/SQSUnlockQueuePolicy.json"),
        feature: Feature::RootSessions,
    },
];

/// The task policy of an ARN, if it is one of this partition.
pub(crate) fn find(arn: &str, partition: &str) -> Option<TaskPolicy> {
    let name = arn.strip_prefix("arn:")?.strip_prefix(partition)?.strip_prefix(ARN_MIDDLE)?;
    ALL.into_iter().find(|task| task.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_five_arns_are_task_policies() {
        let found = find("arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy", "aws").unwrap();
        assert_eq!(found.feature, Feature::RootSessions);
        assert!(find("arn:aws:iam::aws:policy/AdministratorAccess", "aws").is_none());
        assert!(find("arn:aws-cn:iam::aws:policy/root-task/S3UnlockBucketPolicy", "aws").is_none());
        assert!(ALL.iter().all(|task| crate::policy::Document::parse(task.document).is_ok()));
    }
}
