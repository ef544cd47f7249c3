//! Strings, with their escapes undone.

use std::borrow::Cow;

use super::{Parsed, Reader};

const END: &str = "a closing quote";
const ESCAPE: &str = "an escape that JSON has";
const SURROGATE: &str = "the other half of a surrogate pair";

impl<'a> Reader<'a> {
    /// RFC 8259, section 7. The quote is next. Borrowed unless it holds an escape.
    pub(super) fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.at += 1;
        let mut unescaped: Option<String> = None;
        loop {
            let run = self.run();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match unescaped {
                        Some(text) => Cow::Owned(text + run),
                        None => Cow::Borrowed(run),
                    });
                }
                Some(b'\\') => {
                    self.at += 1;
                    let character = self.escape()?;
                    let text = unescaped.get_or_insert_default();
                    text.push_str(run);
                    text.push(character);
                }
                Some(_) => return Err(self.fault("no control character inside a string")),
                None => return Err(self.fault(END)),
            }
        }
    }

    /// What stands for itself. It ends before an ASCII character, so never inside of another one.
    fn run(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn escape(&mut self) -> Parsed<char> {
        let character = match self.peek() {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.fault(ESCAPE)),
        };
        self.at += 1;
        Ok(character)
    }

    /// The digits after `\u`, and a second escape where the first is half of a pair.
    fn unicode(&mut self) -> Parsed<char> {
        let first = self.hex()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        if !(self.eat(b'\\') && self.eat(b'u')) {
            return Err(self.fault(SURROGATE));
        }
        let second = self.hex()?;
        if !(0xD800..0xDC00).contains(&first) || !(0xDC00..0xE000).contains(&second) {
            return Err(self.fault(SURROGATE));
        }
        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        char::from_u32(code).ok_or_else(|| self.fault(SURROGATE))
    }

    fn hex(&mut self) -> Parsed<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.fault("four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(code)
    }
}
