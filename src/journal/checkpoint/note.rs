//! Signed notes (C2SP, signed-note): a text, and who signed it.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Malformed;
use crate::types::NoteName;

/// Largest note. Sixteen signatures must be accepted, and one that resists quantum computers has nearly 5 kB (C2SP,
/// signed-note, "Format").
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// Most signatures of a note: four times what must be accepted.
const SIGNATURES_MAX: usize = 64;

/// A text and its signatures. That it parsed says nothing about whether they are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoteSignature {
    pub name: NoteName,
    pub key_id: [u8; 4],
    pub signature: Vec<u8>,
}

impl SignedNote {
    pub(super) const fn new(text: String, signatures: Vec<NoteSignature>) -> Self {
        Self { text, signatures }
    }

    /// What is signed, its last newline counted in.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl FromStr for SignedNote {
    type Err = Malformed;

    fn from_str(note: &str) -> Result<Self, Malformed> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Malformed("a note has at most 128 KiB"));
        }
        // More than the control characters of ASCII: nothing in a note may steer the reader's terminal.
        if note.contains(|c: char| c.is_control() && c != '\n') {
            return Err(Malformed("a note has no control characters"));
        }
        let without = Malformed("a note is a text, a blank line, and one signature a line");
        let (text, lines) = note.rsplit_once("\n\n").ok_or(without)?;
        let lines = lines.strip_suffix('\n').ok_or(Malformed("a note ends with a newline"))?;
        if text.is_empty() {
            return Err(without);
        }
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(Malformed("a note has at most 64 signatures"));
        }
        let signatures = lines.split('\n').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }
}

impl FromStr for NoteSignature {
    type Err = Malformed;

    fn from_str(line: &str) -> Result<Self, Malformed> {
        let wrong = Malformed("a signature line is `— NAME SIGNATURE`, the signature in base64");
        let (name, signature) = line.strip_prefix("— ").and_then(|line| line.split_once(' ')).ok_or(wrong)?;
        let bytes = STANDARD.decode(signature).map_err(|_| wrong)?;
        match bytes.split_first_chunk() {
            Some((key_id, signature)) if !signature.is_empty() => {
                Ok(Self { name: name.parse().map_err(|_| wrong)?, key_id: *key_id, signature: signature.to_owned() })
            }
            _ => Err(wrong),
        }
    }
}

/// The note, byte for byte as it was parsed or signed.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for NoteSignature { name, key_id, signature } in &self.signatures {
            let bytes = [&key_id[..], signature].concat();
            writeln!(f, "— {name} {}", STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}
