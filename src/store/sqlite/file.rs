//! Guards of the file itself: created for its owner only, locked for one process, noticed when it goes away.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::store::{OpenError, WriteFailure};

/// Owner only: the journal names people, accounts and reasons.
const MODE: u32 = 0o600;
/// Permission bits of everybody but owner and group. The group is left alone, since volume managers set it.
const MODE_OTHERS: u32 = 0o007;
/// Enough for a process id.
const HOLDER_BYTES_MAX: u64 = 32;

/// A journal file that exists and that this process alone may write, as long as this value lives.
#[derive(Debug)]
pub(super) struct Guarded {
    /// Where the file really is: without symbolic links, so that two names of one file share one lock.
    pub path: PathBuf,
    lock: File,
}

impl Drop for Guarded {
    /// Closing the file would leave the lock to every process that inherited it, as one does between fork and exec.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, path = %self.path.display(), "the lock of the journal could not be given back");
        }
    }
}

/// Where the file really is; it must be there.
pub(super) async fn find(path: &Path) -> Result<PathBuf, OpenError> {
    let absolute = match tokio::fs::canonicalize(path).await {
        Ok(absolute) => absolute,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::Missing(path.to_owned())),
        Err(source) => return Err(OpenError::Inaccessible { path: path.to_owned(), source }),
    };
    if absolute.is_file() { Ok(absolute) } else { Err(OpenError::NotAFile(absolute)) }
}

/// Creates the file if there is none, and takes its lock.
pub(super) fn guard(path: &Path) -> Result<Guarded, OpenError> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if !directory.is_dir() {
        return Err(OpenError::DirectoryMissing(directory.to_owned()));
    }
    let inaccessible = |source| refused(path, source);
    create(path, directory).map_err(inaccessible)?;
    let path = fs::canonicalize(path).map_err(inaccessible)?;
    let metadata = fs::metadata(&path).map_err(inaccessible)?;
    if !metadata.is_file() {
        return Err(OpenError::NotAFile(path));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & MODE_OTHERS != 0 {
        return Err(OpenError::Exposed { path, mode });
    }
    let lock = lock(&path)?;
    Ok(Guarded { path, lock })
}

fn create(path: &Path, directory: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        // A new name in a directory is durable only when the directory is.
        Ok(_) => File::open(directory)?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The lock is on a file beside the journal: SQLite has locks of its own on the journal, which a process loses when it
/// closes any other handle of that file (SQLite, "How To Corrupt An SQLite Database File", section 2.2).
fn lock(path: &Path) -> Result<File, OpenError> {
    let beside = suffixed(path, ".lock");
    let inaccessible = |source| refused(&beside, source);
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(MODE);
    let mut file = options.open(&beside).map_err(inaccessible)?;
    match file.try_lock() {
        Ok(()) => {
            // For the error message of the second process only.
            file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(inaccessible)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned(), holder: holder(file) }),
        Err(TryLockError::Error(error)) => Err(inaccessible(error)),
    }
}

fn holder(file: File) -> String {
    let mut text = String::new();
    match file.take(HOLDER_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => text.trim().parse::<u32>().map_or_else(|_| String::new(), |id| format!(" (process {id})")),
        Err(_) => String::new(),
    }
}

fn refused(path: &Path, source: io::Error) -> OpenError {
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly(path.to_owned()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::DiskFull(path.to_owned()),
        _ => OpenError::Inaccessible { path: path.to_owned(), source },
    }
}

/// A path with something after its last letter.
pub(crate) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Which files the database consists of: device and inode of the journal and of its write-ahead log.
///
/// SQLite goes on writing to files that were removed, and reports success for what the next start will not find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    journal: (u64, u64),
    log: (u64, u64),
}

impl Identity {
    /// Looks at the files that are there now.
    pub(super) async fn of(path: &Path) -> Result<Self, WriteFailure> {
        let (journal, log) = (path.to_owned(), suffixed(path, "-wal"));
        // Both in one turn of a blocking thread: every record waits for this twice.
        in_background(path, move || Ok(Self { journal: inode(&journal)?, log: inode(&log)? })).await
    }

    /// Fails unless the files are still these.
    pub(super) async fn check(self, path: &Path) -> Result<(), WriteFailure> {
        let now = Self::of(path).await?;
        if now.journal != self.journal {
            return Err(WriteFailure::Replaced(path.to_owned()));
        }
        if now.log != self.log {
            return Err(WriteFailure::Replaced(suffixed(path, "-wal")));
        }
        Ok(())
    }
}

/// Fails when there is no file.
pub(super) async fn exists(path: &Path) -> Result<(), WriteFailure> {
    let file = path.to_owned();
    in_background(path, move || inode(&file).map(|_| ())).await
}

/// Looks at files where a hanging disk holds up nobody else.
async fn in_background<T: Send + 'static>(
    path: &Path,
    look: impl FnOnce() -> Result<T, WriteFailure> + Send + 'static,
) -> Result<T, WriteFailure> {
    let failed =
        |error: tokio::task::JoinError| WriteFailure::Storage { path: path.to_owned(), message: error.to_string() };
    tokio::task::spawn_blocking(look).await.map_err(failed)?
}

fn inode(path: &Path) -> Result<(u64, u64), WriteFailure> {
    match fs::metadata(path) {
        Ok(metadata) => Ok((metadata.dev(), metadata.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(WriteFailure::Removed(path.to_owned())),
        Err(error) => Err(WriteFailure::Storage { path: path.to_owned(), message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests;
