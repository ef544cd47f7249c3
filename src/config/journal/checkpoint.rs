//! `[journal.checkpoint]`: who signs what the journal is, how often, and where that is kept.

use std::{path::PathBuf, time::Duration};

use crate::types::{AccountId, BucketName, NoteName, Region};

use super::super::{
    error::{Fault, Reported},
    table::Table,
    value::{Bounded, account, region, text_rule},
};

/// Who signs what the journal is, how often, and where that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointConfig {
    /// File of the private key, as `rootgate journal key generate` makes it.
    pub key_file: PathBuf,
    /// The journal's name, which every checkpoint says.
    pub origin: NoteName,
    /// How often the journal is looked at; it is signed if it has grown.
    pub interval: Duration,
    /// File that checkpoints are appended to.
    pub file: Option<PathBuf>,
    /// Bucket that checkpoints are put into.
    pub s3: Option<AnchorBucketConfig>,
}

/// Bucket that checkpoints are put into, with S3 Object Lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorBucketConfig {
    /// Its name.
    pub bucket: BucketName,
    /// Its region.
    pub region: Region,
    /// The account that owns it: nothing is put into a bucket of another one.
    pub expected_bucket_owner: AccountId,
    /// Begins the key of every object; empty, or as it is written.
    pub prefix: String,
    /// How many days nobody can delete a checkpoint.
    pub retention_days: u32,
    /// Who can delete it earlier.
    pub mode: ObjectLockMode,
}

/// Who can delete a locked object before its time (S3 User Guide, "Retention modes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectLockMode {
    /// Nobody, not even the root user.
    Compliance,
    /// Who has `s3:BypassGovernanceRetention`.
    Governance,
}

/// Who rewrites the journal has at most this long before somebody else holds the truth.
const INTERVAL: Bounded<Duration> = Bounded {
    default: Duration::from_secs(5 * 60),
    // Each checkpoint is a sync and an object that stays for years.
    min: Duration::from_secs(10),
    // Evidence that is younger than a day is what an incident is about.
    max: Duration::from_secs(24 * 60 * 60),
};
/// As long as policies are kept: longer than the year that an audit looks back on. S3 allows 36500 days; a wrong zero
/// could not be taken back.
const RETENTION_DAYS: Bounded<u32> = Bounded { default: 400, min: 1, max: 3650 };
/// The mode that keeps who administers the bucket from rewriting history with the journal.
const MODE: ObjectLockMode = ObjectLockMode::Compliance;
/// A key of S3 has at most 1024 bytes; our own part of it has 41.
const PREFIX_BYTES_MAX: usize = 256;

impl CheckpointConfig {
    pub(in super::super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let key_file = table.required_path("key_file", r#"write `key_file = "checkpoint.key"`"#);
        let fix = r#"write `origin = "rootgate.example.com/journal"`"#;
        let origin = table.required("origin", fix, text_rule(origin));
        let interval = table.duration("interval", &INTERVAL);
        let file = table.optional_path("file");
        let s3 = table.optional_section("s3", AnchorBucketConfig::read);
        let is_kept = table.has("file") || table.has("s3") || !table.has("interval");
        let fault = Fault::new("has no effect: checkpoints are kept nowhere", "add file or [journal.checkpoint.s3]");
        table.check(is_kept, &["interval"], fault)?;
        Ok(Self { key_file: key_file?, origin: origin?, interval: interval?, file: file?, s3: s3? })
    }
}

impl AnchorBucketConfig {
    fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let bucket = table.required("bucket", r#"write `bucket = "example-journal-anchor"`"#, text_rule(bucket));
        let region = table.required("region", r#"write `region = "eu-west-1"`"#, text_rule(region));
        let owner = r#"write `expected_bucket_owner = "111122223333"`, the account that owns the bucket"#;
        let owner = table.required("expected_bucket_owner", owner, text_rule(account));
        let prefix = table.optional("prefix", text_rule(prefix));
        let retention_days = table.integer("retention_days", &RETENTION_DAYS);
        let mode = table.optional("mode", text_rule(mode));
        Ok(Self {
            bucket: bucket?,
            region: region?,
            expected_bucket_owner: owner?,
            prefix: prefix?.unwrap_or_default(),
            retention_days: retention_days?,
            mode: mode?.unwrap_or(MODE),
        })
    }
}

fn origin(text: &str) -> Result<NoteName, Fault> {
    text.parse().map_err(|rule| Fault::of_rule(rule, "write a URL without scheme: `rootgate.example.com/journal`"))
}

fn bucket(text: &str) -> Result<BucketName, Fault> {
    text.parse().map_err(|rule| Fault::of_rule(rule, "write the name of a bucket with Object Lock"))
}

/// Characters that need no escaping anywhere (S3 User Guide, "Naming Amazon S3 objects", "Safe characters"), without those
/// that shells and URLs read.
fn prefix(text: &str) -> Result<String, Fault> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
    let dots = text.split('/').any(|part| part == "." || part == "..");
    if text.len() > PREFIX_BYTES_MAX || !text.bytes().all(allowed) || text.starts_with('/') || dots {
        let rule =
            format!("must have at most {PREFIX_BYTES_MAX} characters of A-Z a-z 0-9 / - _ . and not begin with /");
        return Err(Fault::new(rule, r#"write "rootgate/checkpoints/", or leave it out"#));
    }
    Ok(text.to_owned())
}

fn mode(text: &str) -> Result<ObjectLockMode, Fault> {
    match text {
        "COMPLIANCE" => Ok(ObjectLockMode::Compliance),
        "GOVERNANCE" => Ok(ObjectLockMode::Governance),
        _ => Err(Fault::new("must be COMPLIANCE or GOVERNANCE", r#"write "COMPLIANCE""#)),
    }
}
