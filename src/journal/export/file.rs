//! A file that is there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Who asked for what, and why: nothing for everybody's eyes.
const MODE: u32 = 0o600;

/// Why a file was not written. There is neither the file nor a part of it then.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Something is there already.
    #[error("{} exists: name another file, or overwrite it with --force", .0.display())]
    Exists(PathBuf),
    /// What is there is no file that could be overwritten.
    #[error("{} is not a regular file: name a file; for standard output leave --output out", .0.display())]
    NotAFile(PathBuf),
    /// Somebody else writes it, or was ended while writing it.
    #[error("{} exists: another export is writing it, or was killed; if none runs, remove it", .0.display())]
    Partial(PathBuf),
    /// Anything else.
    #[error("{} cannot be written ({cause}): check the path, who may write there, and the space on the volume", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// A file under another name until it is finished. Dropped before, it is removed.
#[derive(Debug)]
pub(in crate::journal) struct NewFile {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    force: bool,
    finished: bool,
}

impl NewFile {
    /// Begins to write.
    pub(in crate::journal) fn create(path: &Path, force: bool) -> Result<Self, FileError> {
        may_be_written(path, force)?;
        let partial = crate::store::suffixed(path, ".partial");
        let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&partial);
        let file = file.map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => FileError::Partial(partial.clone()),
            _ => FileError::Output { path: path.to_owned(), cause },
        })?;
        Ok(Self { path: path.to_owned(), partial, file, force, finished: false })
    }

    /// Makes everything durable, and gives the file its name.
    pub(in crate::journal) fn finish(mut self) -> Result<(), FileError> {
        may_be_written(&self.path, self.force)?;
        let finished = self.file.sync_all().and_then(|()| fs::rename(&self.partial, &self.path));
        finished.map_err(|cause| FileError::Output { path: self.path.clone(), cause })?;
        self.finished = true;
        let synced = File::open(folder(&self.path)).and_then(|folder| folder.sync_all());
        synced.map_err(|cause| FileError::Output { path: self.path.clone(), cause })
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

fn may_be_written(path: &Path, force: bool) -> Result<(), FileError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(FileError::Output { path: path.to_owned(), cause }),
        // A link is not followed: it would be replaced, and what it leads to would stay.
        Ok(found) if !found.is_file() => Err(FileError::NotAFile(path.to_owned())),
        Ok(_) if force => Ok(()),
        Ok(_) => Err(FileError::Exists(path.to_owned())),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut file = NewFile::create(&path, false).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()), ["out.partial"]);
        drop(file);
        assert_eq!(names(folder.path()), [""; 0]);

        let mut file = NewFile::create(&path, false).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(names(folder.path()), ["out"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_there_is_overwritten_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old").unwrap();
        let refused = NewFile::create(&path, false).unwrap_err();
        assert!(matches!(refused, FileError::Exists(_)) && refused.to_string().contains("--force"), "{refused}");
        let mut file = NewFile::create(&path, true).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old", "until the new one is whole");
        file.finish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"new".to_vec(), vec!["out".to_owned()]));
    }

    #[test]
    fn what_came_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let file = NewFile::create(&path, false).unwrap();
        fs::write(&path, "somebody else's").unwrap();
        assert!(matches!(file.finish(), Err(FileError::Exists(_))));
        assert_eq!(
            (fs::read(&path).unwrap(), names(folder.path())),
            (b"somebody else's".to_vec(), vec!["out".to_owned()])
        );
    }

    #[test]
    fn devices_links_folders_and_other_peoples_parts_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/nowhere", &link).unwrap();
        for path in [Path::new("/dev/full"), folder.path(), &link] {
            assert!(matches!(NewFile::create(path, true), Err(FileError::NotAFile(_))), "{}", path.display());
        }
        let path = folder.path().join("out");
        fs::write(folder.path().join("out.partial"), "another's").unwrap();
        assert!(matches!(NewFile::create(&path, true), Err(FileError::Partial(_))));
        assert_eq!(names(folder.path()), ["link", "out.partial"]);
        let nowhere = NewFile::create(&folder.path().join("no/such/folder"), false).unwrap_err();
        assert!(nowhere.to_string().contains("cannot be written"), "{nowhere}");
    }
}
