//! Hashes of records.

use std::{fmt, str::FromStr};

const HASH_BYTES: usize = 32;

/// Hash of a record, which binds the record and all before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordHash([u8; HASH_BYTES]);

impl RecordHash {
    /// Stands for the record before the first.
    pub const ZERO: Self = Self([0; HASH_BYTES]);

    /// These bytes, if they are 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The inverse of `Display`, which writes lower-case digits only.
    #[must_use]
    pub fn from_lower_hex(digits: &[u8; 2 * HASH_BYTES]) -> Option<Self> {
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

/// A text that is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record's hash has 64 hexadecimal digits")]
pub struct NoHash;

impl FromStr for RecordHash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        let digits = text.as_bytes();
        if digits.len() != 2 * HASH_BYTES {
            return Err(NoHash);
        }
        let mut bytes = [0; HASH_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().try_fold(0, |sum, digit| Some(sum * 16 + hex(*digit)?)).ok_or(NoHash)?;
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
