//! The file of a Unix socket: made with its permissions, replaced if a dead process left it, removed at the end.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::BindError;

/// Connections that wait to be accepted. The acceptor takes them at once; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: u32 = 1024;

/// The file of a bound socket. Removes it when it is dropped, if it is still the same one.
#[derive(Debug)]
pub(in crate::edge) struct SocketFile {
    path: PathBuf,
    /// Device and inode: a successor may have put another socket there.
    identity: (u64, u64),
}

/// Binds a socket whose file never has more permissions than `mode`.
///
/// Between `bind` and `chmod` the file has the permissions that the umask leaves. Nobody can use them: a socket refuses
/// connections until `listen`, which comes last. That needs no change of the umask, which is the whole process's.
pub(super) async fn bind(name: &str, path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), BindError> {
    let failed = |source| BindError::Io { name: name.to_owned(), address: path.display().to_string(), source };
    make_room(name, path).await?;
    let socket = UnixSocket::new_stream().map_err(failed)?;
    socket.bind(path).map_err(failed)?;
    // From here on the file is ours to remove, whatever else fails.
    let file = SocketFile { path: path.to_owned(), identity: identity(path).map_err(failed)? };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    let listener = socket.listen(BACKLOG).map_err(failed)?;
    Ok((listener, file))
}

/// Removes the socket of a dead process. Two gateways that start at the same moment would remove each other's; the
/// journal's lock keeps the second one from coming so far.
async fn make_room(name: &str, path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Io { name: name.to_owned(), address: path.display().to_string(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(BindError::NotASocket { name: name.to_owned(), path: path.to_owned() });
        }
        Ok(_) => {}
    }
    // Not a blocking connect: that would wait for a process that hangs with a full backlog.
    match UnixStream::connect(path).await {
        // Nobody listens: the only answer that proves it.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        // Gone in the meantime.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(failed(error)),
        Ok(_) | Err(_) => Err(BindError::InUse { name: name.to_owned(), path: path.to_owned() }),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
impl SocketFile {
    /// The guard of a file that others make, for tests.
    pub(in crate::edge) fn testing(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: (0, 0) }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket file stays; the next start replaces it");
        }
    }
}
