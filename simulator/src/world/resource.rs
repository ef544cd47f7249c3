//! Buckets and queues.

use std::collections::BTreeMap;

/// An S3 bucket.
#[derive(Debug, Clone, Default)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// When it was made, in seconds since the epoch.
    pub created: i64,
    /// Its policy, JSON.
    pub policy: Option<String>,
    /// Its objects by key: their current versions.
    pub objects: BTreeMap<String, Object>,
    /// Whether it has Object Lock, and with it versions.
    pub object_lock: bool,
    /// Versions that are not current any more, with their keys, oldest first.
    pub older_versions: Vec<(String, Object)>,
}

impl Bucket {
    /// An empty bucket without policy.
    pub fn new(name: &str, region: &str) -> Self {
        Self { name: name.to_owned(), region: region.to_owned(), created: 1_609_459_200, ..Self::default() }
    }

    /// The same with a policy.
    #[must_use]
    pub fn with_policy(mut self, json: &str) -> Self {
        self.policy = Some(json.to_owned());
        self
    }
}

/// An S3 object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub body: Vec<u8>,
    /// Its content type, if one was given.
    pub content_type: Option<String>,
    /// When it was written, in seconds since the epoch.
    pub modified: i64,
    /// Its version, in a bucket that has them.
    pub version_id: Option<String>,
    /// Until when it cannot be deleted.
    pub lock: Option<ObjectLock>,
}

/// Retention of a version of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLock {
    /// Whether nobody at all may delete it (`COMPLIANCE`), or nobody without a permission of its own (`GOVERNANCE`).
    pub compliance: bool,
    /// The end, in seconds since the epoch.
    pub retain_until: i64,
}

/// An SQS queue.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// When it was made, in seconds since the epoch.
    pub created: i64,
    /// Its policy, JSON.
    pub policy: Option<String>,
    /// Its other attributes that a caller set.
    pub attributes: BTreeMap<String, String>,
    /// What it holds, oldest first.
    pub messages: Vec<Message>,
    /// What reads of its attributes show instead, while a change propagates.
    pub stale: Option<StaleAttributes>,
}

impl Queue {
    /// An empty queue without policy.
    pub fn new(name: &str, region: &str) -> Self {
        Self { name: name.to_owned(), region: region.to_owned(), created: 1_609_459_200, ..Self::default() }
    }

    /// The same with a policy.
    #[must_use]
    pub fn with_policy(mut self, json: &str) -> Self {
        self.policy = Some(json.to_owned());
        self
    }
}

/// What reads of a queue's attributes still show after a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaleAttributes {
    /// The policy before.
    pub policy: Option<String>,
    /// The other attributes before.
    pub attributes: BTreeMap<String, String>,
    /// For how many more reads.
    pub reads: u64,
}

/// A message in a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its body.
    pub body: String,
}
