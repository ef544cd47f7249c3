//! What acts need of the journal, for tests.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
};

use super::ActJournal;
use crate::error::{Error, ErrorReason};

/// A journal that lets an act go on for so many calls, and then says that another gateway has closed its intent.
pub(super) struct Confirming(AtomicU32);

impl Confirming {
    pub(super) const fn times(calls: u32) -> Self {
        Self(AtomicU32::new(calls))
    }
}

impl ActJournal for Confirming {
    fn keep(&self, _: String, _: String) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + '_>> {
        Box::pin(async { Ok(1) })
    }

    fn confirm(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let error = || Error::new(ErrorReason::JournalUnavailable, "its intent is closed");
        Box::pin(async move { left.map(drop).map_err(|_| error()) })
    }
}
