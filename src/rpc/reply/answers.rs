//! Which message answers which operation, and what is kept of it.

use prost::Message;
use prost_types::Any;

use super::{
    allow_password_recovery, assume_root, audit_root_credentials,
    change::{
        list_policy_backups, restore_bucket_policy, restore_queue_policy, unlock_bucket_policy, unlock_queue_policy,
    },
    delete_root_credentials, explain_access,
    journal::{get_checkpoint, list_records},
    timestamp,
};
use crate::{
    error::{Error, ErrorReason},
    gate::{Answer, Evidence, Kept, Position},
    ops::{
        AllowPasswordRecovery, AssumeRoot, AuditRootCredentials, DeleteRootCredentials, ExplainAccess, GetCheckpoint,
        ListPolicyBackups, ListRecords, Operation, RestoreBucketPolicy, RestoreQueuePolicy, UnlockBucketPolicy,
        UnlockQueuePolicy,
    },
    pb,
};

/// A message that answers.
pub(in super::super) trait Reply: Message + Default {
    /// Its name in an `Any`.
    const TYPE_URL: &'static str;

    /// The message as a detail of an error.
    fn detail(&self) -> Any {
        Any { type_url: Self::TYPE_URL.to_owned(), value: self.encode_to_vec() }
    }
}

macro_rules! answers {
    ($($operation:ident => $message:ident, $new:ident, $kept:ident;)*) => {$(
        impl Reply for pb::$message {
            const TYPE_URL: &'static str = concat!("type.googleapis.com/rootgate.v1.", stringify!($message));
        }

        impl Answer<$operation> for pb::$message {
            fn new(output: <$operation as Operation>::Output, evidence: Evidence) -> Self {
                $new(output, evidence)
            }

            fn set_position(&mut self, position: Position) {
                place(self.receipt.get_or_insert_default(), position);
            }

            fn kept(&self) -> Kept {
                $kept(self)
            }

            fn read(kept: &[u8]) -> Option<Self> {
                Self::decode(kept).ok()
            }
        }
    )*};
}

answers! {
    AssumeRoot => AssumeRootResponse, assume_root, without_credentials;
    UnlockBucketPolicy => UnlockBucketPolicyResponse, unlock_bucket_policy, whole;
    UnlockQueuePolicy => UnlockQueuePolicyResponse, unlock_queue_policy, whole;
    DeleteRootCredentials => DeleteRootCredentialsResponse, delete_root_credentials, whole;
    AllowPasswordRecovery => AllowPasswordRecoveryResponse, allow_password_recovery, whole;
    AuditRootCredentials => AuditRootCredentialsResponse, audit_root_credentials, whole;
    RestoreBucketPolicy => RestoreBucketPolicyResponse, restore_bucket_policy, whole;
    RestoreQueuePolicy => RestoreQueuePolicyResponse, restore_queue_policy, whole;
    ListPolicyBackups => ListPolicyBackupsResponse, list_policy_backups, whole;
    ExplainAccess => ExplainAccessResponse, explain_access, whole;
    ListRecords => ListRecordsResponse, list_records, whole;
    GetCheckpoint => GetCheckpointResponse, get_checkpoint, whole;
}

fn place(receipt: &mut pb::Receipt, position: Position) {
    receipt.journal_index = i64::try_from(position.index).unwrap_or(i64::MAX);
    receipt.record_hash = position.hash.to_string();
    receipt.recorded_at = Some(timestamp(position.recorded_at));
}

fn whole(message: &impl Message) -> Kept {
    Kept::Answer(message.encode_to_vec())
}

/// Credentials are handed out once and stored nowhere. A repetition learns of which ones there are, and until when.
fn without_credentials(message: &pb::AssumeRootResponse) -> Kept {
    let Some(credentials) = &message.credentials else { return whole(message) };
    let words = "the credentials of this request were handed out already and are stored nowhere; ask with a new request_id \
                 if they are lost";
    let error = Error::new(ErrorReason::AlreadyIssued, words)
        .with_metadata("access_key_id", credentials.access_key_id.as_str());
    let expiration = credentials.expiration.as_ref().map(ToString::to_string);
    Kept::Instead(expiration.into_iter().fold(error, |error, at| error.with_metadata("expiration", at)))
}
