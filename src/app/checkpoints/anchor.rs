//! One place that holds checkpoints, and how it is doing.

use std::{path::Path, time::Duration};

use tokio::{task::JoinHandle, time::timeout};

use crate::{
    aws::{AnchorBucket, AnchorSettings, Platform},
    clock::Timestamp,
    config::{AnchorBucketConfig, ObjectLockMode},
    journal::{AnchorFile, AnchorFileError, Checkpoint, Checkpointer, SignedNote},
    types::NoteName,
};

/// One place that holds checkpoints.
pub(in super::super) struct Anchor {
    /// For the log.
    name: String,
    place: Place,
    /// The checkpoint that it holds.
    holds: Option<Checkpoint>,
    /// The look at it that is under way: one that takes longer than it may is waited for again in the next round.
    looking: Option<JoinHandle<Result<Option<SignedNote>, AnchorFileError>>>,
    /// Whether a look found that everything in it was signed by this gateway, once in this process.
    was_read: bool,
    /// Whether the last look found that.
    is_ours: bool,
    /// What was told last of its failure; none if it is well.
    told: Option<String>,
}

enum Place {
    Disk(AnchorFile),
    Bucket { bucket: AnchorBucket, prefix: String, retention: Duration },
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Anchor {
    pub(super) fn file(path: &Path, origin: &NoteName) -> Self {
        let file = AnchorFile::new(path.to_owned(), origin.clone());
        Self::of(path.display().to_string(), Place::Disk(file))
    }

    pub(super) fn bucket(platform: &Platform, config: &AnchorBucketConfig) -> Self {
        let settings = AnchorSettings {
            bucket: config.bucket.clone(),
            region: config.region.clone(),
            owner: config.expected_bucket_owner,
            compliance: config.mode == ObjectLockMode::Compliance,
        };
        let (prefix, retention) = (config.prefix.clone(), DAY * config.retention_days);
        let bucket = AnchorBucket::new(platform, settings);
        Self::of(format!("s3://{}/{prefix}", config.bucket.as_str()), Place::Bucket { bucket, prefix, retention })
    }

    fn of(name: String, place: Place) -> Self {
        // A bucket may be written and not be read.
        let is_ours = matches!(place, Place::Bucket { .. });
        Self { name, place, holds: None, looking: None, was_read: is_ours, is_ours, told: None }
    }

    /// Whether all that it held when this process began was shown to who signs.
    pub(super) const fn was_read(&self) -> bool {
        self.was_read
    }

    /// Hands what is published already to who signs next. Of a bucket that is what this process put there: it may write
    /// there and read nothing.
    pub(super) async fn look(&mut self, checkpointer: &Checkpointer, limit: Duration) {
        let Place::Disk(file) = &self.place else { return };
        let file = file.clone();
        let looking = self.looking.get_or_insert_with(|| tokio::spawn(async move { file.latest().await }));
        let looked = match timeout(limit, looking).await {
            Err(_elapsed) => Err(format!("it cannot be read: no answer within {} s", limit.as_secs_f32())),
            Ok(looked) => {
                self.looking = None;
                show(looked.map_err(|error| error.to_string()), checkpointer).await
            }
        };
        self.is_ours = looked.is_ok();
        self.was_read |= self.is_ours;
        if let Err(words) = looked {
            self.fail(words);
        }
    }

    /// Whether it holds the checkpoint now.
    pub(super) async fn publish(
        &mut self,
        note: &SignedNote,
        checkpoint: &Checkpoint,
        now: Timestamp,
        limit: Duration,
    ) -> bool {
        if !self.is_ours {
            return false;
        }
        if self.holds.as_ref() == Some(checkpoint) {
            self.recover();
            return true;
        }
        let written = timeout(limit, self.write(note, checkpoint, now)).await;
        match written.unwrap_or_else(|_elapsed| Err(format!("no answer within {} s", limit.as_secs()))) {
            Ok(()) => {
                self.holds = Some(checkpoint.clone());
                self.recover();
                tracing::debug!(anchor = self.name, size = checkpoint.size, "a checkpoint was published");
                true
            }
            Err(words) => {
                self.fail(words);
                false
            }
        }
    }

    async fn write(&self, note: &SignedNote, checkpoint: &Checkpoint, now: Timestamp) -> Result<(), String> {
        match &self.place {
            Place::Disk(file) => file.append(note).await.map_err(|error| error.to_string()),
            Place::Bucket { bucket, prefix, retention } => {
                let key = format!("{prefix}{}", object_name(checkpoint));
                let put = bucket.put(&key, &note.to_string(), now.plus(*retention)).await;
                put.map_err(|failure| format!("{failure} (the permissions are in deploy/aws/README.md)"))
            }
        }
    }

    /// Tells a failure, unless it was told already.
    fn fail(&mut self, words: String) {
        if self.told.as_ref() != Some(&words) {
            tracing::error!(
                anchor = self.name,
                failure = words,
                "a checkpoint of the journal is not published; it is tried again"
            );
            self.told = Some(words);
        }
    }

    fn recover(&mut self) {
        if self.told.take().is_some() {
            tracing::warn!(anchor = self.name, "checkpoints of the journal are published again");
        }
    }

    #[cfg(test)]
    pub(super) fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }
}

/// Whoever signs learns what the file says, if it was signed here.
async fn show(
    looked: Result<Result<Option<SignedNote>, AnchorFileError>, String>,
    checkpointer: &Checkpointer,
) -> Result<(), String> {
    match looked?.map_err(|error| error.to_string())? {
        None => Ok(()),
        Some(note) => checkpointer.continue_from(&note).await.map_err(|error| {
            format!("its latest checkpoint is not one of this gateway: {error}; name another file, and keep this one")
        }),
    }
}

/// Sorts by the number of records, and differs where journals differ.
fn object_name(checkpoint: &Checkpoint) -> String {
    let hash = checkpoint.hash.to_string();
    format!("{:020}-{}.txt", checkpoint.size, hash.get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_sort_by_size() {
        let checkpoint = |size| Checkpoint {
            origin: "o".parse().unwrap(),
            size,
            hash: format!("{}{}", "0123456789abcdef", "f".repeat(48)).parse().unwrap(),
            recorded_at: None,
        };
        assert_eq!(object_name(&checkpoint(42)), "00000000000000000042-0123456789abcdef.txt");
        assert!(object_name(&checkpoint(9)) < object_name(&checkpoint(10)));
        assert!(object_name(&checkpoint(10)) < object_name(&checkpoint(u64::MAX)));
    }
}
