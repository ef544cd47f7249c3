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
const NOT_TEXT: Malformed = Malformed("it is not UTF-8");

/// Every checkpoint in a file, in its order; at least one.
///
/// # Errors
/// The file cannot be read, holds none, or holds anything else.
pub fn read_checkpoints(path: &Path) -> Result<Vec<SignedNote>, AnchorFileError> {
    let failed = |source| AnchorFileError::Inaccessible { path: path.to_owned(), doing: "read", source };
    let wrong = |why| AnchorFileError::NotCheckpoints { path: path.to_owned(), why };
    let malformed = |fault| match fault {
        NotesFault::Io(source) => failed(source),
        NotesFault::Malformed(why) => wrong(why),
    };
    let file = File::open(path).map_err(failed)?;
    let mut notes = Notes::new(BufReader::new(file.take(ANCHOR_BYTES_MAX + 1)));
    let mut read = Vec::new();
    while let Some(note) = notes.next().map_err(malformed)? {
        read.push(note.parse().map_err(wrong)?);
    }
    let rest = notes.rest();
    if notes.whole() + rest.len() as u64 > ANCHOR_BYTES_MAX {
        return Err(wrong(Malformed("it has more than 256 MiB")));
    }
    // A single note may have been saved without the blank line behind it.
    if !rest.is_empty() {
        let note = std::str::from_utf8(rest).map_err(|_| wrong(NOT_TEXT))?;
        read.push(note.parse().map_err(wrong)?);
    }
    if read.is_empty() { Err(wrong(Malformed("it holds no checkpoint"))) } else { Ok(read) }
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

/// Why there is no next note.
pub(super) enum NotesFault {
    Io(io::Error),
    Malformed(Malformed),
}

impl<R: BufRead> Notes<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, note: Vec::new(), whole: 0, is_done: false }
    }

    /// The next whole note, without the blank line behind it; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<&str>, NotesFault> {
        if std::mem::take(&mut self.is_done) {
            self.note.clear();
        }
        let mut is_signature = false;
        loop {
            let begin = self.note.len();
            let room = (NOTE_BYTES_MAX + 2).saturating_sub(begin) as u64;
            let read = self.reader.by_ref().take(room).read_until(b'\n', &mut self.note).map_err(NotesFault::Io)?;
            let line = self.note.get(begin..).unwrap_or_default();
            if line == b"\n" && is_signature {
                self.whole += self.note.len() as u64;
                self.note.truncate(begin);
                self.is_done = true;
                return std::str::from_utf8(&self.note).map(Some).map_err(|_| NotesFault::Malformed(NOT_TEXT));
            }
            if self.note.len() > NOTE_BYTES_MAX {
                return Err(NotesFault::Malformed(Malformed("a note has at most 128 KiB")));
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
