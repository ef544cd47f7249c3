//! What is locked, and which calls manage its policy.

use super::glob::{self, has_variable, widened};
use super::json::Node;
use super::reach::{Fit, Reach, quote, texts};
use crate::types::{AccountId, BucketName, QueueName, QueueRef, Region};

/// The resource whose policy is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A bucket, managed by `s3:GetBucketPolicy`, `s3:PutBucketPolicy` and `s3:DeleteBucketPolicy`.
    Bucket {
        /// The bucket's owner.
        account: AccountId,
        /// The bucket's name.
        name: BucketName,
    },
    /// A queue, managed by `sqs:SetQueueAttributes`, `sqs:GetQueueAttributes`, `sqs:GetQueueUrl`, `sqs:AddPermission`
    /// and `sqs:RemovePermission`.
    Queue {
        /// The queue's region.
        region: Region,
        /// The queue's owner.
        account: AccountId,
        /// The queue's name.
        name: QueueName,
    },
}

impl Target {
    /// The account that owns the resource.
    pub(super) fn account(&self) -> AccountId {
        match self {
            Self::Bucket { account, .. } | Self::Queue { account, .. } => *account,
        }
    }
}

/// A call that manages a policy.
struct Call {
    action: &'static str,
    /// Whoever can make one of the essential calls can free the resource, the others need not be denied for a lock.
    essential: bool,
}

const BUCKET_CALLS: [Call; 3] = [
    Call { action: "s3:PutBucketPolicy", essential: true },
    Call { action: "s3:DeleteBucketPolicy", essential: true },
    Call { action: "s3:GetBucketPolicy", essential: false },
];

/// `AddPermission` cannot take a Deny away, and `RemovePermission` only a statement that has a known label.
const QUEUE_CALLS: [Call; 5] = [
    Call { action: "sqs:SetQueueAttributes", essential: true },
    Call { action: "sqs:GetQueueAttributes", essential: false },
    Call { action: "sqs:GetQueueUrl", essential: false },
    Call { action: "sqs:AddPermission", essential: false },
    Call { action: "sqs:RemovePermission", essential: false },
];

/// The parts of an ARN that colons separate: `arn:partition:service:region:account:resource`.
const ARN_PARTS: usize = 6;
const PARTITION: usize = 1;
/// How every [`Management::arn`] begins.
const OWN_PARTITION: &str = "arn:aws:";

/// A target as requests name it.
pub(super) struct Management {
    pub(super) account: AccountId,
    pub(super) is_bucket: bool,
    arn: String,
    calls: &'static [Call],
}

impl Management {
    pub(super) fn of(target: &Target) -> Self {
        match target {
            Target::Bucket { account, name } => {
                Self { account: *account, is_bucket: true, arn: name.arn(), calls: &BUCKET_CALLS }
            }
            Target::Queue { region, account, name } => {
                let queue = QueueRef { region: region.clone(), account: *account, name: name.clone() };
                Self { account: *account, is_bucket: false, arn: queue.arn(), calls: &QUEUE_CALLS }
            }
        }
    }

    /// How `Action`, or `NotAction` when it is `negated`, reaches the calls.
    pub(super) fn actions<'n>(&self, node: &'n Node<'_>, element: &'static str, negated: bool) -> Reach<'n> {
        let Some(listed) = texts(node) else {
            return Reach::Unclear(format!("{element} is neither a string nor a list of strings"));
        };
        if let Some(odd) = listed.iter().find(|text| !is_action(text)) {
            return Reach::Unclear(format!("{element} holds {}, which is no action", quote(odd)));
        }
        let denied =
            |call: &&Call| listed.iter().any(|pattern| glob::matches_ignoring_case(pattern, call.action)) != negated;
        let all: Vec<&'static str> = self.calls.iter().filter(denied).map(|call| call.action).collect();
        let spared = self.calls.iter().any(|call| call.essential && !all.contains(&call.action));
        if all.is_empty() {
            Reach::never(move || format!("{element} reaches none of the actions that manage this policy"))
        } else if !spared {
            Reach::always(move || format!("{element} denies {}", all.join(", ")))
        } else {
            Reach::perhaps(move || format!("{element} denies {}, a part of managing this policy", all.join(", ")))
        }
    }

    /// How `Resource`, or `NotResource` when it is `negated`, reaches the resource.
    pub(super) fn resources<'n>(&'n self, node: &'n Node<'_>, element: &'static str, negated: bool) -> Reach<'n> {
        let Some(listed) = texts(node) else {
            return Reach::Unclear(format!("{element} is neither a string nor a list of strings"));
        };
        if let Some(odd) = listed.iter().find(|text| **text != "*" && !text.starts_with("arn:")) {
            return Reach::Unclear(format!("{element} holds {}, which is no ARN", quote(odd)));
        }
        match Fit::any(listed.iter().map(|pattern| self.resource(pattern))).negate_if(negated) {
            Fit::No => {
                Reach::never(move || format!("{element} leaves out {}, on which its policy is managed", self.arn))
            }
            Fit::Maybe => Reach::perhaps(move || format!("{element} may mean {}", self.arn)),
            Fit::Yes if negated => Reach::Always("NotResource means it too".into()),
            Fit::Yes => Reach::Always("Resource means it".into()),
        }
    }

    /// Whether the pattern names something else before its first wildcard, in the same partition. That settles most of
    /// a long list without looking at its parts.
    fn is_elsewhere(&self, pattern: &str) -> bool {
        let head = literal_head(pattern);
        head.starts_with(OWN_PARTITION) && !self.arn.starts_with(head)
    }

    /// IAM matches part by part and completes missing parts with `*`. A pattern that fits only when completed, only
    /// across the colons, only in another partition, or only for some value of a variable, may fit.
    fn resource(&self, pattern: &str) -> Fit {
        if pattern == "*" || pattern == self.arn {
            return Fit::Yes;
        }
        if self.is_elsewhere(pattern) {
            return Fit::No;
        }
        let wide = widened(pattern);
        let complete = wide.splitn(ARN_PARTS, ':').count() == ARN_PARTS;
        let mut parts = wide.splitn(ARN_PARTS, ':').chain(std::iter::repeat("*"));
        let mut fits = Fit::Yes;
        for (index, part) in self.arn.splitn(ARN_PARTS, ':').enumerate() {
            match parts.next().is_some_and(|pattern| glob::matches(pattern, part)) {
                true => {}
                false if index == PARTITION => fits = Fit::Maybe,
                false => fits = Fit::No,
            }
            if fits == Fit::No {
                break;
            }
        }
        match fits {
            Fit::No if glob::matches(&wide, &self.arn) => Fit::Maybe,
            Fit::Yes if has_variable(pattern) || !complete => Fit::Maybe,
            fits => fits,
        }
    }
}

/// What stands before the first wildcard or variable.
fn literal_head(pattern: &str) -> &str {
    pattern.split(['*', '?', '$']).next().unwrap_or_default()
}

/// `*`, or a vendor and a name, in which `*` and `?` are wildcards.
fn is_action(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*' | b'?');
    match text.split_once(':') {
        Some((vendor, name)) => {
            !vendor.is_empty() && !name.is_empty() && vendor.bytes().chain(name.bytes()).all(is_known)
        }
        None => text == "*",
    }
}
