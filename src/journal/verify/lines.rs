//! Lines of an export, each within its bound.

use std::io::{self, BufRead, Read as _};

use super::Fault;
use crate::journal::{BODY_BYTES_MAX, RecordHash};

/// What stands before and behind a record in its line.
const HEAD: &[u8] = b"{\"hash\":\"";
const MIDDLE: &[u8] = b"\",\"record\":";
const TAIL: &[u8] = b"}";
/// Digits of a hash.
const DIGITS: usize = 64;
/// Longest line in bytes, with its end.
const LINE_BYTES_MAX: usize = HEAD.len() + DIGITS + MIDDLE.len() + BODY_BYTES_MAX + TAIL.len() + 1;

/// Reads lines. Never holds more of one than the longest that the gateway writes.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
}

/// A line as it is written, believed in nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub hash: RecordHash,
    pub body: &'a str,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), number: 0 }
    }

    /// Number of the line that was read last, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The line that was read last, or as much of it as a line may have.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.line
    }

    /// Reads a line; false at the end.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        self.line.clear();
        let bound = LINE_BYTES_MAX as u64;
        let read = self.reader.by_ref().take(bound).read_until(b'\n', &mut self.line)?;
        self.number += u64::from(read > 0);
        Ok(read > 0)
    }

    /// What the line says, or how it is not a line that the gateway writes.
    pub(super) fn parse(&self) -> Result<Line<'_>, Fault> {
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Err(Fault::Line(if self.line.len() < LINE_BYTES_MAX {
                "has no end: the file was cut off in the middle of it, or is still being written"
            } else {
                "is longer than any that the gateway writes"
            }));
        };
        parse(line).ok_or_else(|| Fault::Line(complaint(line)))
    }
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (digits, rest) = line.strip_prefix(HEAD)?.split_first_chunk::<DIGITS>()?;
    let body = rest.strip_prefix(MIDDLE)?.strip_suffix(TAIL)?;
    Some(Line { hash: RecordHash::from_lower_hex(digits)?, body: std::str::from_utf8(body).ok()? })
}

fn complaint(line: &[u8]) -> &'static str {
    if line.is_empty() {
        "is empty"
    } else if line.starts_with(b"\xef\xbb\xbf") {
        "begins with a byte order mark: the file was converted; export it again"
    } else if line.ends_with(b"\r") {
        "ends with CR LF: the file was converted; export it again"
    } else if line.contains(&0) {
        "holds NUL bytes: the file was damaged, or is not text"
    } else if std::str::from_utf8(line).is_err() {
        "is not UTF-8: the file was damaged or converted"
    } else {
        "is not {\"hash\":\"…\",\"record\":{…}} as `rootgate journal export --format jsonl` writes it"
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn line(body: &str) -> Vec<u8> {
        format!("{{\"hash\":\"{}\",\"record\":{body}}}\n", "0a".repeat(32)).into_bytes()
    }

    fn only(bytes: &[u8]) -> Result<(RecordHash, String), Fault> {
        let mut lines = Lines::new(BufReader::with_capacity(7, bytes));
        assert!(lines.read().unwrap());
        lines.parse().map(|line| (line.hash, line.body.to_owned()))
    }

    #[test]
    fn a_line_is_hash_and_body() {
        let (hash, body) = only(&line("{\"a\":\"é\"}")).unwrap();
        assert_eq!((hash.to_string(), body.as_str()), ("0a".repeat(32), "{\"a\":\"é\"}"));
    }

    #[test]
    fn the_longest_line_is_read_and_none_longer_is_held() {
        let longest = "x".repeat(BODY_BYTES_MAX);
        assert_eq!(only(&line(&longest)).unwrap().1, longest);
        let (long, endless) = (line(&format!("{longest}x")), vec![b'x'; 1 << 20]);
        for bytes in [long, endless] {
            let mut lines = Lines::new(bytes.as_slice());
            lines.read().unwrap();
            assert_eq!(lines.parse(), Err(Fault::Line("is longer than any that the gateway writes")));
            assert!(lines.line.capacity() <= 2 * LINE_BYTES_MAX, "{}", lines.line.capacity());
        }
    }

    #[test]
    fn each_way_of_being_no_line_is_named() {
        let good = line("{}");
        let digits = "0a".repeat(32);
        let replaced = |from: &str, to: &str| String::from_utf8(good.clone()).unwrap().replacen(from, to, 1);
        let cases: [(Vec<u8>, &str); 13] = [
            (good[..good.len() - 1].to_vec(), "has no end"),
            (good[..20].to_vec(), "has no end"),
            (b"\n".to_vec(), "is empty"),
            ([b"\xef\xbb\xbf", good.as_slice()].concat(), "byte order mark"),
            (replaced("\n", "\r\n").into_bytes(), "CR LF"),
            (replaced("{}", "{\0}").into_bytes().repeat(1)[1..].to_vec(), "NUL"),
            ([&good[..84], b"{\xff}}\n"].concat(), "UTF-8"),
            (replaced(&digits, &digits.to_uppercase()).into_bytes(), "is not {"),
            (replaced(&digits, &digits[1..]).into_bytes(), "is not {"),
            (replaced(&digits, &format!("{digits}0")).into_bytes(), "is not {"),
            (replaced("\"record\"", " \"record\"").into_bytes(), "is not {"),
            (replaced("{\"hash", " {\"hash").into_bytes(), "is not {"),
            (replaced("{}}", "{}").into_bytes()[..84].iter().copied().chain(*b"\n").collect(), "is not {"),
        ];
        for (bytes, expected) in cases {
            let fault = only(&bytes).unwrap_err().to_string();
            assert!(fault.contains(expected), "{fault}: {}", String::from_utf8_lossy(&bytes));
        }
    }
}
