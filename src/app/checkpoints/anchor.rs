//! One place that holds checkpoints, and how it is doing.

use std::{path::Path, time::Duration};

use tokio::time::timeout;

use crate::{
    aws::{AnchorBucket, AnchorSettings, Platform},
    clock::Timestamp,
    config::{AnchorBucketConfig, ObjectLockMode},
    journal::{AnchorFile, Checkpoint, Checkpointer, SignedNote},
    types::NoteName,
};

/// One place that holds checkpoints.
pub(in super::super) struct Anchor {
    /// For the log.
    name: String,
    place: Place,
    /// The checkpoint that it holds.
    holds: Option<Checkpoint>,
    /// Whether it holds what this journal must not continue.
    is_foreign: bool,
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
        Self { name, place, holds: None, is_foreign: false, told: None }
    }

    /// Hands what is published already to who signs next. Of a bucket that is what this process put there: it may write
    /// there and read nothing.
    pub(super) async fn look(&mut self, checkpointer: &Checkpointer, limit: Duration) {
        let Place::Disk(file) = &self.place else { return };
        // If it cannot be read, it cannot be appended to either, which will be told.
        let Ok(Ok(newest)) = timeout(limit, file.newest()).await else { return };
        let continued = match newest {
            Some(note) => checkpointer.continue_from(&note).await,
            None => Ok(()),
        };
        self.is_foreign = continued.is_err();
        if let Err(error) = continued {
            self.fail(format!("its last checkpoint is not one of this gateway: {error}; name another file"));
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
        if self.is_foreign {
            return false;
        }
        if self.holds.as_ref() == Some(checkpoint) {
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
            Place::Disk(file) => {
                // A process before, or `rootgate journal checkpoint`, may have written it.
                if file.newest().await.map_err(|error| error.to_string())?.as_ref() == Some(note) {
                    return Ok(());
                }
                file.append(note).await.map_err(|error| error.to_string())
            }
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
