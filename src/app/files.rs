//! Reads the small files that the configuration names.

use crate::types::sha256_hex;
use std::{fs::File, io::Read as _, path::Path};

/// Keys, bundles and organizations are far smaller; a wrong path must not fill the memory.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The content, or why not, with the file's name.
pub(super) fn read(path: &Path, key: &str) -> Result<Vec<u8>, String> {
    let words = |why: &dyn std::fmt::Display| format!("{}: cannot be read: {why} (see {key})", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| words(&error))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| words(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(words(&"larger than 16 MiB")) } else { Ok(bytes) }
}

/// SHA-256 in hexadecimal: whether a file is another one now.
pub(super) fn sha256(bytes: &[u8]) -> String {
    sha256_hex(bytes)
}

/// The same for text.
pub(super) fn read_text(path: &Path, key: &str) -> Result<String, String> {
    String::from_utf8(read(path, key)?).map_err(|_| format!("{}: is not UTF-8 (see {key})", path.display()))
}
