//! A bearer token from a file.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use tonic::metadata::{Ascii, MetadataValue};

/// The header `authorization` with its token. Not `Debug`: it is a secret.
pub(super) struct Token(MetadataValue<Ascii>);

/// Tokens are far smaller, and no gateway takes larger headers; a wrong path must not fill the memory.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Why there is no token. Never holds what is in the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("token file {}: the file cannot be read ({source}); check the path, and who may read it", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("token file {}: the file has more than 16 KiB; check the path", .file.display())]
    TooLong { file: PathBuf },
    #[error("token file {}: the file must hold one bearer token (RFC 6750, section 2.1) on one line, and nothing else", .file.display())]
    NoToken { file: PathBuf },
}

impl Token {
    /// Reads the file: one line, around which space does not matter.
    pub(super) fn read(path: &Path) -> Result<Self, TokenError> {
        let file = path.to_owned();
        let bytes = match bytes(path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(TokenError::Unreadable { file, source }),
        };
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong { file });
        }
        match Self::parse(&bytes) {
            Some(token) => Ok(token),
            None => Err(TokenError::NoToken { file }),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let token = std::str::from_utf8(bytes).ok()?.trim();
        let unpadded = token.trim_end_matches('=');
        if unpadded.is_empty() || !unpadded.bytes().all(in_token) {
            return None;
        }
        let mut header: MetadataValue<Ascii> = format!("Bearer {token}").parse().ok()?;
        // HTTP/2 must not keep it in its table of headers (RFC 7541, section 7.1.3).
        header.set_sensitive(true);
        Some(Self(header))
    }

    /// What goes into the header `authorization`.
    pub(super) fn header(&self) -> MetadataValue<Ascii> {
        self.0.clone()
    }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TOKEN_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `b64token` without its padding.
const fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(content: &[u8]) -> Result<Token, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, content).unwrap();
        Token::read(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_is_one_line_and_space_around_it_does_not_matter() {
        for content in ["eyJ.a-b_c.d==", "eyJ.a-b_c.d==\n", "  eyJ.a-b_c.d==\r\n\n"] {
            let header = read(content.as_bytes()).unwrap_or_else(|error| panic!("{content:?}: {error}")).header();
            assert_eq!(header.to_str().unwrap(), "Bearer eyJ.a-b_c.d==");
            assert!(header.is_sensitive());
            assert!(!format!("{header:?}").contains("eyJ"));
        }
    }

    #[test]
    fn what_is_no_token_is_refused_and_never_repeated() {
        for content in ["", " \n", "=", "canary canary", "canary\ncanary", "Bearer canary", "canary\u{e9}", "canary\0"]
        {
            let error = read(content.as_bytes()).err().unwrap_or_else(|| panic!("{content:?} is taken"));
            assert!(error.contains("must hold one bearer token") && !error.contains("canary"), "{error}");
        }
        assert!(read(b"\xff\xfe").is_err());
        assert!(read(&[b'a'; TOKEN_BYTES_MAX]).is_ok());
        assert!(read(&[b'a'; TOKEN_BYTES_MAX + 1]).is_err_and(|error| error.contains("16 KiB")));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Token::read(Path::new("/does/not/exist")).err().unwrap().to_string();
        assert!(error.contains("token file /does/not/exist: the file cannot be read"), "{error}");
    }
}
