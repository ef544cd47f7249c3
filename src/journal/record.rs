//! How an event becomes a record: body, hash, position.

mod body;
mod encode;

pub(super) use body::{Body, Change, Facts, body_text};
pub(super) use encode::{Claims, Effect, Encoded, Oversize, encode};

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;

use crate::{clock::Timestamp, store::RecordHash};

/// Separates these hashes from every other use of SHA-256, and says the version of the encoding.
const DOMAIN: &[u8] = b"rootgate/journal/v1\n";

impl RecordHash {
    /// Hash of the record with this index and body, after the record with hash `previous`.
    pub(super) fn of(index: u64, previous: Self, body: &str) -> Self {
        // In one piece: a context of the library costs more than this copy.
        let mut hashed = Vec::with_capacity(DOMAIN.len() + 2 * size_of::<u64>() + size_of::<Self>() + body.len());
        hashed.extend_from_slice(DOMAIN);
        hashed.extend_from_slice(&index.to_be_bytes());
        hashed.extend_from_slice(previous.as_bytes());
        hashed.extend_from_slice(&(body.len() as u64).to_be_bytes());
        hashed.extend_from_slice(body.as_bytes());
        // SHA-256 has 32 bytes.
        Self::from_bytes(digest::digest(&digest::SHA256, &hashed).as_ref()).unwrap_or(Self::ZERO)
    }
}

/// A text that is no expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be INDEX:HASH as in a receipt: the record's index, from 1, and its hash of 64 hexadecimal digits")]
pub struct ParseError;

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
        let (index, hash) = text.split_once(':').ok_or(ParseError)?;
        if !index.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseError);
        }
        let index = index.parse().ok().filter(|index| *index > 0).ok_or(ParseError)?;
        Ok(Self { index, hash: hash.parse().map_err(|_| ParseError)? })
    }
}

#[cfg(test)]
mod tests;
