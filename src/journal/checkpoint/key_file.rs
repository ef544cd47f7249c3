//! Files of keys.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    str::FromStr,
};

use super::{CheckpointKey, CheckpointVerifier, KeyFileError, Malformed};

/// Owner only.
const MODE: u32 = 0o600;
/// Permission bits of everybody but owner and group. The group is left alone, since volume managers set it.
pub(super) const MODE_OTHERS: u32 = 0o007;
/// A key has at most 400 bytes; a wrong path must not fill the memory.
const BYTES_MAX: u64 = 4096;

impl CheckpointKey {
    /// Reads the file of a private key.
    ///
    /// # Errors
    /// It cannot be read, is open to everybody, or holds something else.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |source| KeyFileError::Inaccessible { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & MODE_OTHERS != 0 {
            return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
        }
        parse(path, file)
    }

    /// Writes the private key into a new file that its owner alone can read.
    ///
    /// # Errors
    /// The file exists, or cannot be made. Nothing is left behind then.
    pub fn write(&self, path: &Path) -> Result<(), KeyFileError> {
        let failed = |source| KeyFileError::Inaccessible { path: path.to_owned(), source };
        let text = self.secret_text().ok_or(KeyFileError::NoRandomness)?;
        let file = match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(KeyFileError::Exists(path.to_owned()));
            }
            opened => opened.map_err(failed)?,
        };
        write_all(file, &text).and_then(|()| sync_directory(path)).map_err(|source| {
            // Half a key is none; the error that is told is the first one.
            let _ = std::fs::remove_file(path);
            failed(source)
        })
    }
}

impl CheckpointVerifier {
    /// Reads the file of a public key.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |source| KeyFileError::Inaccessible { path: path.to_owned(), source };
        parse(path, File::open(path).map_err(failed)?)
    }
}

fn parse<T: FromStr<Err = Malformed>>(path: &Path, file: File) -> Result<T, KeyFileError> {
    let malformed = |source| KeyFileError::Malformed { path: path.to_owned(), source };
    let mut text = String::new();
    match file.take(BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => text.strip_suffix('\n').unwrap_or(&text).parse().map_err(malformed),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(malformed(Malformed("it is not UTF-8"))),
        Err(source) => Err(KeyFileError::Inaccessible { path: path.to_owned(), source }),
    }
}

fn write_all(mut file: File, text: &str) -> io::Result<()> {
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// A new name in a directory is durable only when the directory is.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
