//! Reads over JSON as the gateway writes it: compact, with the few escapes that it uses.
//!
//! A body is checked as a whole although little of it is needed: what verifies must be readable by everybody. A general
//! reader takes twice as long as the hash; this one, which refuses every other spelling, half as long.

use std::borrow::Cow;

/// Nobody nests deeper, and other readers give up there too.
const DEPTH_MAX: u8 = 120;
/// Eight bytes at a time.
const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The rest of a JSON text.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

/// The inside of a string, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted<'a> {
    inside: &'a [u8],
    escaped: bool,
}

impl<'a> Scan<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes() }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Reads this text.
    pub(super) fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Reads this byte, if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Reads a number of digits alone.
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let digits = self.whole()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Option<Quoted<'a>> {
        let [b'"', begin @ ..] = self.rest else { return None };
        let mut rest = begin;
        let mut escaped = false;
        loop {
            rest = rest.get(plain(rest)..)?;
            match rest {
                [b'"', behind @ ..] => {
                    let inside = begin.get(..begin.len() - rest.len())?;
                    self.rest = behind;
                    return Some(Quoted { inside, escaped });
                }
                [b'\\', ..] => {
                    escaped = true;
                    rest = rest.get(escape(rest)?..)?;
                }
                _ => return None,
            }
        }
    }

    /// Reads over a value of any kind.
    pub(super) fn value(&mut self) -> Option<()> {
        self.nested(DEPTH_MAX)
    }

    fn nested(&mut self, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.members(depth.checked_sub(1)?),
            b'[' => self.elements(depth.checked_sub(1)?),
            b't' => self.expect(b"true"),
            b'f' => self.expect(b"false"),
            b'n' => self.expect(b"null"),
            _ => self.number(),
        }
    }

    fn members(&mut self, depth: u8) -> Option<()> {
        if self.take(b'{') && self.take(b'}') {
            return Some(());
        }
        loop {
            self.string()?;
            self.take(b':').then_some(())?;
            self.nested(depth)?;
            if !self.take(b',') {
                return self.take(b'}').then_some(());
            }
        }
    }

    fn elements(&mut self, depth: u8) -> Option<()> {
        if self.take(b'[') && self.take(b']') {
            return Some(());
        }
        loop {
            self.nested(depth)?;
            if !self.take(b',') {
                return self.take(b']').then_some(());
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        self.take(b'-');
        self.whole()?;
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') {
            let _ = self.take(b'-') || self.take(b'+');
            self.digits()?;
        }
        Some(())
    }

    /// Digits without needless zeros.
    fn whole(&mut self) -> Option<&'a [u8]> {
        self.digits().filter(|digits| !matches!(digits, [b'0', _, ..]))
    }

    fn digits(&mut self) -> Option<&'a [u8]> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(count).filter(|_| count > 0)?;
        self.rest = rest;
        Some(digits)
    }
}

impl<'a> Quoted<'a> {
    /// What the string says.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let inside = self.as_written()?;
        if self.escaped {
            return serde_json::from_str(&format!("\"{inside}\"")).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(inside))
    }

    /// The string with its escapes.
    pub(super) fn as_written(self) -> Option<&'a str> {
        std::str::from_utf8(self.inside).ok()
    }

    /// The same, as bytes.
    pub(super) const fn bytes(self) -> &'a [u8] {
        self.inside
    }
}

/// Bytes before the next quote, backslash or control character.
fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            // The lowest mark is always right; above one, a borrow may have set another.
            return bytes.len() - rest.len() + stops.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    bytes.len() - rest.len() + rest.iter().position(is_stop).unwrap_or(rest.len())
}

/// Marks bytes that end a plain stretch with their highest bit.
const fn stops(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below = word.wrapping_sub(ONES * 0x20) & !word;
    ((quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash) | below) & TOPS
}

/// Length of the escape that comes next. Source: RFC 8259, section 7; serde_json writes no other of them.
const fn escape(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        [b'\\', b'u', b'0', b'0', b'0' | b'1', b'0'..=b'9' | b'a'..=b'f', ..] => Some(6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn reads(text: &str) -> bool {
        let mut scan = Scan::new(text);
        scan.value().is_some() && scan.is_at_end()
    }

    #[test]
    fn what_the_gateway_does_not_write_is_refused() {
        for text in [
            "",
            " 1",
            "1 ",
            "[1, 2]",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\" :1}",
            "{a:1}",
            "{\"a\"}",
            "[1",
            "{",
            "\"",
            "\"\\\"",
            "01",
            "-",
            "-01",
            "1.",
            ".5",
            "+1",
            "1e",
            "1E5",
            "tru",
            "nul",
            "TRUE",
            "NaN",
            "\"\\/\"",
            "\"\\u0041\"",
            "\"\\u001F\"",
            "\"\\u00e9\"",
            "\"\\x\"",
            "\"\u{1}\"",
            "\"a\nb\"",
            "\"1234567\u{1f}\"",
            "\"12345678\u{0}\"",
            "1 1",
            "\"a\"\"b\"",
        ] {
            assert!(!reads(text), "{text}");
        }
        assert!(reads(&"[".repeat(120).chars().chain("]".repeat(120).chars()).collect::<String>()));
        assert!(!reads(&"[".repeat(121).chars().chain("]".repeat(121).chars()).collect::<String>()));
        assert!(!reads(&"[".repeat(1_000_000)), "however deep: no overflow");
    }

    #[test]
    fn strings_are_unescaped() {
        let read = |text| Scan::new(text).string().unwrap().text().unwrap();
        assert!(matches!(read("\"plain \u{7f}é\""), Cow::Borrowed("plain \u{7f}é")));
        assert_eq!(read("\"\\\"\\\\\\b\\f\\n\\r\\t\\u001b\\u0000 é\""), "\"\\\u{8}\u{c}\n\r\t\u{1b}\0 é");
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\"\\\\/\\x00-\\x1f\\x7fé\u{10ffff}a]{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_serde_writes_is_read(value in values()) {
            let text = value.to_string();
            prop_assert!(reads(&text), "{}", text);
            if let Value::String(expected) = &value {
                prop_assert_eq!(&Scan::new(&text).string().unwrap().text().unwrap(), expected);
            }
        }

        #[test]
        fn whatever_is_read_is_json(value in values(), at in any::<prop::sample::Index>(), to in "[\\[\\]{}\",:0-9a-fu.eE+ \\\\-]{0,2}") {
            let text = value.to_string();
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            for edited in [format!("{}{to}{}", &text[..at], &text[at..]), format!("{}{to}", &text[..at])] {
                if reads(&edited) {
                    prop_assert!(serde_json::from_str::<Value>(&edited).is_ok() || edited.contains('e'), "{}", edited);
                }
            }
        }

        #[test]
        fn the_quick_search_finds_what_the_slow_one_finds(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let slow = bytes.iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < 0x20);
            prop_assert_eq!(plain(&bytes), slow.unwrap_or(bytes.len()));
        }
    }
}
