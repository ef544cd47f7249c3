//! What records say of archives, and whether the files that were given are these.

use super::Fault;
use crate::journal::{Expectation, record::Body};

/// A file that was read before the journal.
#[derive(Clone, Debug)]
pub(super) struct ArchiveFile {
    /// Index of its first record.
    pub first: u64,
    /// Its last record.
    pub last: Expectation,
    /// SHA-256 of its bytes, as hexadecimal digits.
    pub sha256: String,
}

/// What is known of archives.
#[derive(Default)]
pub(super) struct Archives {
    files: Vec<ArchiveFile>,
    /// The last record that the store says is archived, while no record has said so.
    unvouched: Option<Expectation>,
}

impl Archives {
    /// Takes a file in.
    pub(super) fn add(&mut self, file: ArchiveFile) {
        self.files.push(file);
    }

    /// From now on some record has to say that everything up to this one is archived.
    pub(super) const fn expect(&mut self, last: Expectation) {
        self.unvouched = Some(last);
    }

    /// What no record has said.
    pub(super) const fn unvouched(&self) -> Option<Expectation> {
        self.unvouched
    }

    /// Takes an `Archived` record in.
    pub(super) fn count(&mut self, text: &str) -> Result<(), Fault> {
        const INCOMPLETE: Fault = Fault::Body("it does not say which records were archived, and where");
        let body = Body::parse(text).map_err(Fault::Body)?;
        let index = |member| body.members.get(member).and_then(serde_json::Value::as_u64).ok_or(INCOMPLETE);
        let (first, index) = (index("first_index")?, index("last_index")?);
        let hash = body.text("last_hash").and_then(|hash| hash.parse().ok()).ok_or(INCOMPLETE)?;
        let sha256 = body.text("file_sha256").ok_or(INCOMPLETE)?;
        let last = Expectation { index, hash };
        if self.unvouched == Some(last) {
            self.unvouched = None;
        }
        // Files that were put together or cut differently are what their records are; the chain shows that.
        let mut same = self.files.iter().filter(|file| file.first == first && file.last.index == index);
        match same.find(|file| file.last != last || file.sha256 != sha256) {
            Some(_) => Err(Fault::ArchiveFile { first, last: index }),
            None => Ok(()),
        }
    }
}
