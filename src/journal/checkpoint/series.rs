//! Files of checkpoints: one, or many that were appended, each followed by a blank line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use super::{AnchorFileError, Malformed, NOTE_BYTES_MAX, SignedNote};

/// Largest file of checkpoints that is read whole: a checkpoint a minute for two years.
pub const ANCHOR_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What begins a signature line, and no line of a checkpoint's text that rootgate writes.
const SIGNATURE: &str = "— ";

/// What can be wrong with a file of checkpoints.
pub(super) enum Fault {
    Io(io::Error),
    Exposed(u32),
    NotCheckpoints(Malformed),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Malformed> for Fault {
    fn from(why: Malformed) -> Self {
        Self::NotCheckpoints(why)
    }
}

impl Fault {
    /// The same, of this file.
    pub(super) fn of(self, path: &Path, doing: &'static str) -> AnchorFileError {
        let path = path.to_owned();
        match self {
            Self::Io(source) => AnchorFileError::Inaccessible { path, doing, source },
            Self::Exposed(mode) => AnchorFileError::Exposed { path, mode },
            Self::NotCheckpoints(why) => AnchorFileError::NotCheckpoints { path, why },
        }
    }
}

/// Every checkpoint in a file, in its order; at least one.
///
/// # Errors
/// The file cannot be read, holds none, or holds anything else.
pub fn read_checkpoints(path: &Path) -> Result<Vec<SignedNote>, AnchorFileError> {
    read_all(path).map_err(|fault| fault.of(path, "read"))
}

fn read_all(path: &Path) -> Result<Vec<SignedNote>, Fault> {
    let mut notes = Notes::new(BufReader::new(File::open(path)?.take(ANCHOR_BYTES_MAX + 1)));
    let mut read = Vec::new();
    while let Some(note) = notes.next()? {
        read.push(note.parse()?);
    }
    let rest = notes.rest();
    if notes.whole() + rest.len() as u64 > ANCHOR_BYTES_MAX {
        return Err(Malformed("it has more than 256 MiB").into());
    }
    // A single note may have been saved without the blank line behind it.
    if !rest.is_empty() {
        read.push(text(rest)?.parse()?);
    }
    if read.is_empty() { Err(Malformed("it holds no checkpoint").into()) } else { Ok(read) }
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("it is not UTF-8"))
}

/// Notes as they are appended, read one after the other from a file of any size. Never holds more than one.
pub(super) struct Notes<R> {
    reader: R,
    note: Vec<u8>,
    /// Bytes of the notes that were whole, with their blank lines.
    whole: u64,
    /// Whether the next line begins a note.
    is_done: bool,
}

impl<R: BufRead> Notes<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, note: Vec::new(), whole: 0, is_done: false }
    }

    /// The next whole note, without the blank line behind it; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<&str>, Fault> {
        if std::mem::take(&mut self.is_done) {
            self.note.clear();
        }
        let mut is_signature = false;
        loop {
            let begin = self.note.len();
            let room = (NOTE_BYTES_MAX + 2).saturating_sub(begin) as u64;
            let read = self.reader.by_ref().take(room).read_until(b'\n', &mut self.note)?;
            let line = self.note.get(begin..).unwrap_or_default();
            if line == b"\n" && is_signature {
                self.whole += self.note.len() as u64;
                self.note.truncate(begin);
                self.is_done = true;
                return Ok(Some(text(&self.note)?));
            }
            if self.note.len() > NOTE_BYTES_MAX {
                return Err(Malformed("a note has at most 128 KiB").into());
            }
            if read == 0 {
                return Ok(None);
            }
            is_signature = line.starts_with(SIGNATURE.as_bytes());
        }
    }

    /// What is behind the last whole note, once there is none left.
    pub(super) fn rest(&self) -> &[u8] {
        if self.is_done { &[] } else { &self.note }
    }

    /// Bytes of the whole notes that were read.
    pub(super) const fn whole(&self) -> u64 {
        self.whole
    }

    /// Bytes of memory that it takes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.note.capacity()
    }
}

/// A note as it is appended.
pub(super) fn appended(note: &SignedNote) -> String {
    format!("{note}\n")
}

/// The end of a file: where its last whole note begins and ends, the blank line behind it counted in. None if there is no
/// whole note.
pub(super) fn last_whole(tail: &[u8]) -> Option<(usize, usize)> {
    let mut bounds = (None, 0);
    let mut at = 0;
    let mut is_signature = false;
    for line in tail.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line == b"\n" && is_signature {
            bounds = (Some(bounds.1), at);
        }
        is_signature = line.starts_with(SIGNATURE.as_bytes()) && line.ends_with(b"\n");
    }
    bounds.0.map(|begin| (begin, bounds.1))
}
