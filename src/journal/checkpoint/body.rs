//! The text of a checkpoint (C2SP, tlog-checkpoint, "Note text").

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    super::{Expectation, Position, RecordHash},
    CheckpointError, CheckpointVerifier, Malformed, SignedNote,
};
use crate::{clock::Timestamp, types::NoteName};

/// What a journal was at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The journal's name.
    pub origin: NoteName,
    /// Number of its records, which is the index of the last one.
    pub size: u64,
    /// Hash of the last record; zeros of an empty journal.
    pub hash: RecordHash,
    /// When the last record was made; none of an empty journal.
    pub recorded_at: Option<Timestamp>,
}

/// Begins the extension line with the time of the last record.
const RECORDED_AT: &str = "recorded-at ";
/// Extension lines that are read over. Our own checkpoints have one line.
const EXTENSIONS_MAX: usize = 16;

impl Checkpoint {
    /// What this head amounts to.
    #[must_use]
    pub fn of_head(origin: NoteName, head: Option<Position>) -> Self {
        Self {
            origin,
            size: head.map_or(0, |head| head.index),
            hash: head.map_or(RecordHash::ZERO, |head| head.hash),
            recorded_at: head.map(|head| head.recorded_at),
        }
    }

    /// The checkpoint of a note that one of these keys has signed, and none of them badly.
    ///
    /// # Errors
    /// It proves nothing, and why.
    pub fn verified(note: &SignedNote, keys: &[CheckpointVerifier]) -> Result<Self, CheckpointError> {
        // The text is not looked at before it is known who wrote it.
        CheckpointVerifier::check(keys, note)?;
        Ok(Self::parse(note.text())?)
    }

    /// Whether it speaks of this journal.
    ///
    /// # Errors
    /// It speaks of another one.
    pub fn of(&self, origin: &NoteName) -> Result<(), CheckpointError> {
        if self.origin == *origin {
            return Ok(());
        }
        let (found, expected) = (self.origin.to_string(), origin.to_string());
        Err(CheckpointError::OtherOrigin { found, expected })
    }

    /// The record that must be in the journal; none if it was empty, which every journal was once.
    #[must_use]
    pub fn expectation(&self) -> Option<Expectation> {
        (self.size > 0).then_some(Expectation { index: self.size, hash: self.hash })
    }

    /// The text that is signed.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.hash.as_bytes()));
        if let Some(recorded_at) = self.recorded_at {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{RECORDED_AT}{recorded_at}");
        }
        text
    }

    /// The inverse of `text`. Extension lines of later versions are read over.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let three = Malformed("a checkpoint begins with three lines: origin, number of records, hash of the last one");
        let text = text.strip_suffix('\n').ok_or(three)?;
        let mut lines = text.split('\n');
        let (origin, size, hash) = (lines.next().ok_or(three)?, lines.next().ok_or(three)?, lines.next().ok_or(three)?);
        let (origin, size, hash) = (origin.parse().map_err(|_| three)?, parse_size(size)?, parse_hash(hash)?);
        let recorded_at = parse_extensions(&lines.collect::<Vec<_>>())?;
        if (size == 0) != recorded_at.is_none() {
            return Err(Malformed("a checkpoint says `recorded-at` of its last record, if it has one"));
        }
        if (size == 0) != (hash == RecordHash::ZERO) {
            return Err(Malformed("only the checkpoint of an empty journal has a hash of zeros"));
        }
        Ok(Self { origin, size, hash, recorded_at })
    }
}

fn parse_size(text: &str) -> Result<u64, Malformed> {
    let number = text.parse::<u64>().ok().filter(|number| number.to_string() == text);
    number.ok_or(Malformed("the number of records is decimal, without zeros in front"))
}

fn parse_hash(text: &str) -> Result<RecordHash, Malformed> {
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| RecordHash::from_bytes(&bytes));
    bytes.ok_or(Malformed("the hash is 32 bytes in base64"))
}

fn parse_extensions(lines: &[&str]) -> Result<Option<Timestamp>, Malformed> {
    if lines.len() > EXTENSIONS_MAX || lines.iter().any(|line| line.is_empty()) {
        return Err(Malformed("a checkpoint has at most 16 extension lines, and no empty line"));
    }
    let mut times = lines.iter().filter_map(|line| line.strip_prefix(RECORDED_AT));
    let Some(time) = times.next() else { return Ok(None) };
    match (parse_time(time), times.next()) {
        (Some(time), None) => Ok(Some(time)),
        _ => Err(Malformed("`recorded-at` is given once, with a time as the journal writes it")),
    }
}

/// Exactly what `Timestamp` prints.
fn parse_time(text: &str) -> Option<Timestamp> {
    let micros = match text.strip_suffix("us") {
        Some(micros) => micros.parse().ok()?,
        None => OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos().div_euclid(1000),
    };
    let time = Timestamp::from_unix_micros(i64::try_from(micros).ok()?);
    (time.to_string() == text).then_some(time)
}
