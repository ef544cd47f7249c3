//! The words of the product as values: what a text must look like to be an account id, a region, a bucket name.
//!
//! Each type is parsed once, at the edge, and carries its proof from there on. A failed parse says the [`Rule`] that was
//! broken; whoever knows the field's name makes a [`Violation`] of it.

mod account;
mod backup_id;
mod bucket;
mod credential;
mod current;
mod etag;
mod exposure;
mod jwt_algorithm;
mod kind;
mod names;
mod note_name;
mod queue;
mod reason;
mod record_kind;
mod region;
mod request_id;
mod role_arn;
mod scheme;
mod spiffe;
mod subject;
mod task_policy;
mod text;

pub use account::AccountId;
pub use backup_id::BackupId;
pub use bucket::BucketName;
pub use credential::CredentialKind;
pub use current::Current;
pub use etag::Etag;
pub use exposure::Exposure;
pub use jwt_algorithm::JwtAlgorithm;
pub use kind::Kind;
pub use names::{DnsName, UriName};
pub use note_name::NoteName;
pub use queue::{QueueName, QueueRef};
pub use reason::{Reason, Ticket};
pub use record_kind::RecordKind;
pub use region::Region;
pub use request_id::RequestId;
pub use role_arn::RoleArn;
pub use scheme::Scheme;
pub use spiffe::{SpiffeId, TrustDomain};
pub use subject::Subject;
pub use task_policy::TaskPolicy;
pub use text::{cut, hex, printable, sha256_hex};

use std::{borrow::Cow, fmt, str::FromStr};

/// The rule that a text broke, in words for whoever sent it. Never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rule(pub Cow<'static, str>);

impl Rule {
    /// A rule that is always the same words.
    #[must_use]
    pub const fn new(words: &'static str) -> Self {
        Self(Cow::Borrowed(words))
    }
}

/// A field and the rule that its value broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the field as the API or the configuration spells it.
    pub field: String,
    /// The rule.
    pub rule: Rule,
}

impl Violation {
    /// Names the field of a broken rule.
    #[must_use]
    pub fn new(field: impl Into<String>, rule: Rule) -> Self {
        Self { field: field.into(), rule }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.rule)
    }
}

/// Id of one operation, made by the gate. Both records around an act carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperationId(uuid::Uuid);

impl OperationId {
    /// A new id. Version 7 sorts by time (RFC 9562, section 5.7), which makes journals pleasant to read.
    #[must_use]
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl FromStr for OperationId {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        // One spelling only, so that an id that is asked for is the id that is stored.
        let parsed = uuid::Uuid::try_parse(text).ok().filter(|id| id.to_string() == text);
        parsed.map(Self).ok_or(Rule::new("must be the operation_id of an answer or a record: a UUID in lower case"))
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
