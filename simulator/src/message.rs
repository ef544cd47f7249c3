//! A request as it came over the wire, whole.

use std::net::IpAddr;

use http::HeaderMap;
use hyper::body::Bytes;

/// One request with its body read. It holds tokens, so it cannot be printed.
#[derive(Clone)]
pub(crate) struct Message {
    /// Upper case.
    pub(crate) method: String,
    /// As written, not decoded.
    pub(crate) path: String,
    /// As written, without its question mark.
    pub(crate) query: String,
    /// All headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
    /// Whether it was sent to the global STS endpoint.
    pub(crate) global: bool,
    /// Whence it came.
    pub(crate) source_ip: IpAddr,
}

impl Message {
    /// A header as text; the first one if there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The host that was asked for, without port.
    pub(crate) fn host(&self) -> &str {
        let host = self.header("host").unwrap_or_default();
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        }
    }

    /// The parameters of the query string, decoded.
    pub(crate) fn query_params(&self) -> Vec<(String, String)> {
        pairs(&self.query, false)
    }

    /// One parameter of the query string.
    pub(crate) fn query_param(&self, name: &str) -> Option<String> {
        self.query_params().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// Splits `a=b&c` and decodes it. In forms, `+` is a space; in signed query strings it is a plus.
pub(crate) fn pairs(text: &str, form: bool) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(key, form), decode(value, form))
        })
        .collect()
}

/// Undoes percent-encoding; what is not UTF-8 afterwards is replaced.
pub(crate) fn decode(text: &str, form: bool) -> String {
    String::from_utf8_lossy(&decode_bytes(text, form)).into_owned()
}

fn decode_bytes(text: &str, form: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let ahead = bytes.hex_ahead();
        match (byte, ahead) {
            (b'%', Some(value)) => {
                out.push(value);
                bytes.nth(1);
            }
            (b'+', _) if form => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out
}

/// Two hexadecimal digits ahead of an iterator over bytes.
trait HexAhead {
    fn hex_ahead(&self) -> Option<u8>;
}

impl HexAhead for std::str::Bytes<'_> {
    fn hex_ahead(&self) -> Option<u8> {
        let mut ahead = self.clone();
        let high = char::from(ahead.next()?).to_digit(16)?;
        let low = char::from(ahead.next()?).to_digit(16)?;
        u8::try_from(high * 16 + low).ok()
    }
}

/// Percent-encodes as SigV4 does: everything but unreserved characters, and the slash if it is to be kept.
pub(crate) fn encode(text: &[u8], keep_slash: bool) -> String {
    use std::fmt::Write;
    text.iter().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            b'/' if keep_slash => out.push('/'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

/// Decodes and encodes again, so that every spelling of the same text becomes one.
pub(crate) fn normalize(text: &str, keep_slash: bool) -> String {
    encode(&decode_bytes(text, false), keep_slash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_and_redone() {
        assert_eq!(decode("a%2Fb%zz%4", false), "a/b%zz%4");
        assert_eq!(decode("a+b", true), "a b");
        assert_eq!(decode("a+b", false), "a+b");
        assert_eq!(encode("a b/ü".as_bytes(), true), "a%20b/%C3%BC");
        assert_eq!(normalize("/a%2fb%41", true), "/a/bA");
        assert_eq!(pairs("policy&x=1", false), [("policy".into(), String::new()), ("x".into(), "1".into())]);
    }
}
