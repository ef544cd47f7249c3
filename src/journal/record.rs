//! How an event becomes a record: body, hash, position.

mod body;
mod encode;

pub(super) use body::{Body, Change, Facts, body_text};
pub(super) use encode::{Effect, Encoded, Oversize, encode};

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;

use crate::clock::Timestamp;

/// Longest body in bytes. Far above what an act needs, and small enough that a full batch is some megabytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Separates these hashes from every other use of SHA-256, and says the version of the encoding.
const DOMAIN: &[u8] = b"rootgate/journal/v1\n";

const HASH_BYTES: usize = 32;

/// Hash of a record, which binds the record and all before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordHash([u8; HASH_BYTES]);

impl RecordHash {
    /// Stands for the record before the first.
    pub(super) const ZERO: Self = Self([0; HASH_BYTES]);

    /// Hash of the record with this index and body, after the record with hash `previous`.
    pub(super) fn of(index: u64, previous: Self, body: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(DOMAIN);
        context.update(&index.to_be_bytes());
        context.update(&previous.0);
        context.update(&(body.len() as u64).to_be_bytes());
        context.update(body.as_bytes());
        let mut bytes = [0; HASH_BYTES];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The inverse of `Display`, which writes lower-case digits only.
    pub(super) fn from_lower_hex(digits: &[u8; 2 * HASH_BYTES]) -> Option<Self> {
        let mut bytes = [0; HASH_BYTES];
        let mut seen = 0;
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
            let (high, low) = (lower_hex(*high), lower_hex(*low));
            seen |= high | low;
            *byte = (high << 4) | low;
        }
        (seen < NO_DIGIT).then_some(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

/// 64 lower-case hexadecimal digits.
impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A hash or an expectation that is not written as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not a hash.
    #[error("a record's hash has 64 hexadecimal digits")]
    Hash,
    /// Not an expectation.
    #[error("must be INDEX:HASH as in a receipt: the record's index, from 1, and its hash of 64 hexadecimal digits")]
    Expectation,
}

impl FromStr for RecordHash {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let digits = text.as_bytes();
        if digits.len() != 2 * HASH_BYTES {
            return Err(ParseError::Hash);
        }
        let mut bytes = [0; HASH_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().try_fold(0, |sum, digit| Some(sum * 16 + hex(*digit)?)).ok_or(ParseError::Hash)?;
        }
        Ok(Self(bytes))
    }
}

/// Above the value of every digit, in a bit that no digit sets.
const NO_DIGIT: u8 = 0x10;

fn lower_hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => NO_DIGIT,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Where a record stands: what a receipt carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Index of the record, from 1.
    pub index: u64,
    /// Hash of the record.
    pub hash: RecordHash,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A record that must be in the journal, kept elsewhere by whoever got the receipt. Written `INDEX:HASH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Index of the record, from 1.
    pub index: u64,
    /// Hash of the record.
    pub hash: RecordHash,
}

impl From<Position> for Expectation {
    fn from(position: Position) -> Self {
        Self { index: position.index, hash: position.hash }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.index, self.hash)
    }
}

impl FromStr for Expectation {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (index, hash) = text.split_once(':').ok_or(ParseError::Expectation)?;
        if !index.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseError::Expectation);
        }
        let index = index.parse().ok().filter(|index| *index > 0).ok_or(ParseError::Expectation)?;
        Ok(Self { index, hash: hash.parse().map_err(|_| ParseError::Expectation)? })
    }
}

#[cfg(test)]
mod tests;
