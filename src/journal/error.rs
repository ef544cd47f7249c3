//! Why an event is not recorded.

use std::sync::Arc;

use crate::{store::WriteFailure, types::OperationId};

/// Why an event is not recorded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Too many events wait already. Nothing was recorded.
    #[error("too many events wait for the journal: try again later")]
    Busy,
    /// The event is larger than a record may be. Nothing was recorded.
    #[error("the event has {bytes} bytes, a record holds at most {bytes_max}: send shorter texts")]
    TooLarge {
        /// Size of the event.
        bytes: usize,
        /// The most that fits.
        bytes_max: usize,
    },
    /// The policy is larger than any that AWS keeps. Nothing was recorded, so nothing may be changed.
    #[error("the policy has {bytes} bytes, a backup holds at most {bytes_max}: change it by hand, with a copy of it")]
    PolicyTooLarge {
        /// Size of the policy.
        bytes: usize,
        /// The most that fits.
        bytes_max: usize,
    },
    /// Another operation holds the target, whose intent this is about. Nothing was recorded.
    #[error("operation {0} works on the same target")]
    TargetHeld(String),
    /// The caller has used the id of the request before, with the operation of this id. Nothing was recorded.
    #[error("the request id was used before, by operation {0}")]
    RequestKnown(String),
    /// The operation has its backup already: a defect of the gateway. Nothing was recorded.
    #[error("operation {0} has a backup already")]
    SecondBackup(OperationId),
    /// The event cannot be written as JSON: a defect of the gateway. Nothing was recorded.
    #[error("the event cannot be encoded: {0}")]
    Unencodable(String),
    /// The intent that this needs is not open, or not this process's: another gateway took this one for dead and closed it,
    /// or a defect. Nothing was recorded, and nothing may be changed.
    #[error("there is no open intent at index {0} of this operation")]
    NoOpenIntent(u64),
    /// The write failed. The event is not recorded; should it turn out to have landed, an intent is closed as
    /// not started.
    #[error(transparent)]
    Unwritable(Arc<WriteFailure>),
    /// The journal was closed, or its writer ended.
    #[error("the journal is closed")]
    Closed,
}
