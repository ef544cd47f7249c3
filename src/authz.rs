//! May they? Code asks, policy answers: the question names exactly the act, and who may is said in Cedar only.
//!
//! - principal: the [`Caller`](crate::authn::Caller), inside the groups that the configuration puts it in
//! - action: the operation's [`Kind`]
//! - resource: the account, inside its organizational units and the organization, or a bucket or queue inside it; or the
//!   gateway's own journal
//! - context: reason, ticket, scheme, listener, time and the act's arguments
//!
//! No policy, no permission. Cedar skips a policy that fails to evaluate, which would make a broken `forbid` vanish; here
//! any evaluation error is a denial and an alarm. A [`Permit`] is the proof that an act was allowed, and can be made
//! nowhere else.

mod digest;
mod engine;
mod entities;
mod explanation;
mod literals;
mod moment;
mod near;
mod needs;
mod permit;
mod policies;
mod question;
mod scope;
mod source;
#[cfg(test)]
mod testing;
mod tree;

pub use digest::OperationDigest;
pub use engine::{Denial, Engine};
pub use entities::Groups;
pub use explanation::{AccountFacts, Deciding, Effect, Explanation, NearMiss, PlacementFacts, Unmet};
pub use needs::TreeNeeds;
pub use permit::Permit;
pub use question::{Circumstances, Principal, Question};
pub use source::{PolicyError, PolicyErrors, Sources};
pub use tree::{Member, Placement, Tree, TreeErrors, Unit};

use std::collections::BTreeSet;

use crate::types::{AccountId, BucketName, Etag, Kind, QueueRef, Reason, Region, RequestId, TaskPolicy, Ticket};

/// What an operation tells about itself, so that it can be judged and recorded.
pub trait Ask {
    /// Which kind of act it is.
    const KIND: Kind;

    /// What it acts on.
    fn target(&self) -> Target;

    /// The region that it acts in, as far as the request says.
    fn region(&self) -> Option<&Region>;

    /// Why it is asked for.
    fn why(&self) -> &Why;

    /// How far it may go; none for an act that changes nothing anyway.
    fn terms(&self) -> Option<&Terms>;

    /// Its own arguments, under the names that the schema gives them. The terms come beside them.
    fn arguments(&self) -> Vec<(&'static str, Argument)>;

    /// What the journal keeps of it beside, because policy does not judge by it.
    fn particulars(&self) -> Vec<(&'static str, String)>;
}

/// An operation that needs a root session. What is none can open none: `aws` takes permits of these only.
pub trait RootTask: Ask {
    /// The account whose root user acts.
    fn account(&self) -> AccountId;

    /// The AWS task policy that its root session is limited by.
    fn task_policy(&self) -> TaskPolicy;
}

/// Why an act is asked for, in the caller's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// For the people who read the journal.
    pub reason: Reason,
    /// A reference in the caller's tracker.
    pub ticket: Option<Ticket>,
}

/// How far an act that changes something may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Say what would be done, and change nothing.
    pub validate_only: bool,
    /// Act only on the state with this digest.
    pub etag: Option<Etag>,
    /// What a repetition of the same request is known by.
    pub request_id: Option<RequestId>,
}

/// What an operation acts on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The root user of an account.
    Account(AccountId),
    /// A bucket of an account.
    Bucket(AccountId, BucketName),
    /// A queue, which names its account.
    Queue(QueueRef),
    /// The gateway's own journal: all of it, or what it holds about one account.
    Journal(Option<AccountId>),
}

impl Target {
    /// The account that it is, or is in; none for the whole journal.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(account) | Self::Bucket(account, _) => Some(*account),
            Self::Queue(queue) => Some(queue.account),
            Self::Journal(account) => *account,
        }
    }

    /// ARN of what is acted on. The journal has none, and is called by [`JOURNAL`].
    #[must_use]
    pub fn arn(&self) -> String {
        match self {
            Self::Account(account) => account.root_arn(),
            Self::Bucket(_, bucket) => bucket.arn(),
            Self::Queue(queue) => queue.arn(),
            Self::Journal(_) => JOURNAL.to_owned(),
        }
    }
}

/// What the journal is called where other targets have an ARN, and as an entity if all of it is meant.
pub const JOURNAL: &str = "journal";

/// An argument of an act, as policy and journal see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A set of texts.
    Texts(BTreeSet<&'static str>),
    /// Yes or no.
    Flag(bool),
}

impl From<&Argument> for serde_json::Value {
    fn from(argument: &Argument) -> Self {
        match argument {
            Argument::Text(text) => text.as_str().into(),
            Argument::Number(number) => (*number).into(),
            Argument::Texts(texts) => texts.iter().copied().collect(),
            Argument::Flag(flag) => (*flag).into(),
        }
    }
}

/// The schema that policies are validated against, in Cedar's own notation.
pub const SCHEMA: &str = include_str!("authz/schema.cedarschema");
