//! Finds log files, and unpacks them within bounds.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use super::ReconcileError;

/// The layout of a trail is ten folders deep, and may lie in a few more.
const DEPTH_MAX: u32 = 20;
/// A year of five-minute files of some hundred accounts.
const FILES_MAX: usize = 5_000_000;
/// AWS's files are some megabytes when unpacked. What claims to be a hundred times as large is no log.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 30;
/// Hours of reading. Whoever has more compares it in parts.
const TOTAL_BYTES_MAX: u64 = 1 << 40;
/// CloudTrail caps a record at 256 KB, or 1 MB for events with more context.
const RECORD_BYTES_MAX: u64 = 4 << 20;
const BUFFER_BYTES: usize = 64 * 1024;
/// RFC 1952, section 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What is under the given paths.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Log files, in the order of their names.
    pub(super) files: Vec<PathBuf>,
    /// Folders of digests and insights, which hold no events.
    pub(super) skipped_folders: u64,
    /// Files of other names.
    pub(super) skipped_files: u64,
    /// Links to folders, which are not followed.
    pub(super) links: Vec<PathBuf>,
}

/// Looks for log files. A path that names a file is taken as one, whatever its name.
pub(super) fn find(paths: &[PathBuf]) -> Result<Found, ReconcileError> {
    let mut found = Found::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if metadata.is_dir() {
            walk(path, DEPTH_MAX, &mut found)?;
        } else {
            found.files.push(path.clone());
        }
    }
    found.files.sort_unstable();
    found.files.dedup();
    if found.files.is_empty() { Err(ReconcileError::NoLogs) } else { Ok(found) }
}

fn walk(folder: &Path, depth: u32, found: &mut Found) -> Result<(), ReconcileError> {
    if depth == 0 {
        return Err(ReconcileError::TooMuch(
            "--cloudtrail: folders are nested more than 20 deep: give one further down",
        ));
    }
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        let entry = entry.map_err(|source| unreadable(folder, source))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| unreadable(&path, source))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            // They lie beside CloudTrail, and hold no events.
            if matches!(&*name, "CloudTrail-Digest" | "CloudTrail-Insight") {
                found.skipped_folders += 1;
            } else {
                walk(&path, depth - 1, found)?;
            }
        } else if kind.is_symlink() && fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            found.links.push(path);
        } else if name.ends_with(".json") || name.ends_with(".json.gz") {
            found.files.push(path);
        } else {
            found.skipped_files += 1;
        }
        if found.files.len() > FILES_MAX || found.links.len() > FILES_MAX {
            return Err(ReconcileError::TooMuch("--cloudtrail: more than 5,000,000 files: compare them in parts"));
        }
    }
    Ok(())
}

fn unreadable(path: &Path, source: io::Error) -> ReconcileError {
    ReconcileError::Unreadable { path: path.to_owned(), source }
}

/// How much may still be read.
#[derive(Debug)]
pub(super) struct Meter {
    total: Cell<u64>,
    file: Cell<u64>,
    record: Cell<u64>,
}

impl Meter {
    pub(super) const fn new() -> Self {
        Self { total: Cell::new(TOTAL_BYTES_MAX), file: Cell::new(FILE_BYTES_MAX), record: Cell::new(RECORD_BYTES_MAX) }
    }

    /// Whether all that may be read was read.
    pub(super) const fn is_spent(&self) -> bool {
        self.total.get() == 0
    }

    /// Another file begins.
    fn next_file(&self) {
        self.file.set(FILE_BYTES_MAX);
        self.next_record();
    }

    /// Another record begins.
    pub(super) fn next_record(&self) {
        self.record.set(RECORD_BYTES_MAX);
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        for (left, what) in [
            (&self.record, "a record is larger than 4 MiB"),
            (&self.file, "it is larger than 1 GiB when unpacked"),
            (&self.total, "the log files are larger than 1 TiB together"),
        ] {
            left.set(left.get().saturating_sub(bytes));
            if left.get() == 0 {
                return Err(io::Error::other(what));
            }
        }
        Ok(())
    }
}

/// Opens a log file, packed or not, whatever it is called.
pub(super) fn open<'m>(path: &Path, meter: &'m Meter) -> io::Result<impl Read + use<'m>> {
    meter.next_file();
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let packed = file.fill_buf()?.starts_with(&GZIP_MAGIC);
    let inner: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(BufReader::with_capacity(BUFFER_BYTES, Metered { inner, meter }))
}

struct Metered<'m> {
    inner: Box<dyn Read>,
    meter: &'m Meter,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.meter.take(read)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(total: u64, file: u64, record: u64) -> Meter {
        Meter { total: Cell::new(total), file: Cell::new(file), record: Cell::new(record) }
    }

    #[test]
    fn each_bound_ends_the_reading() {
        for (bounds, said) in
            [((9, 99, 99), "larger than 1 TiB"), ((99, 9, 99), "larger than 1 GiB"), ((99, 99, 9), "larger than 4 MiB")]
        {
            let meter = meter(bounds.0, bounds.1, bounds.2);
            let mut reader = Metered { inner: Box::new(io::repeat(b'x')), meter: &meter };
            let error = reader.read(&mut [0; 10]).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert_eq!(meter.is_spent(), bounds.0 == 9);
        }
    }

    #[test]
    fn records_and_files_begin_anew_and_the_total_does_not() {
        let meter = meter(30, 20, 15);
        meter.take(14).unwrap();
        assert!(meter.take(1).is_err(), "the record");
        meter.next_record();
        meter.take(5).unwrap();
        assert!(meter.take(1).is_err(), "the file");
        meter.next_file();
        meter.take(10).unwrap();
        assert!(meter.take(1).is_err(), "the total");
    }

    #[test]
    fn a_walk_does_not_follow_links_to_folders_and_tells_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("b")).unwrap();
        fs::write(path.join("b/x.json.gz"), "").unwrap();
        std::os::unix::fs::symlink(path, path.join("b/loop")).unwrap();
        std::os::unix::fs::symlink(path.join("b/x.json.gz"), path.join("a.json")).unwrap();
        let found = find(&[path.to_owned(), path.join("b/x.json.gz")]).unwrap();
        assert_eq!(found.files, [path.join("a.json"), path.join("b/x.json.gz")]);
        assert_eq!(found.links, [path.join("b/loop")]);
    }

    #[test]
    fn folders_are_walked_only_so_deep() {
        let folder = tempfile::tempdir().unwrap();
        let deep = (0..=DEPTH_MAX).fold(folder.path().to_owned(), |path, _| path.join("d"));
        fs::create_dir_all(deep).unwrap();
        let error = find(&[folder.path().to_owned()]).unwrap_err();
        assert!(error.to_string().contains("20 deep"), "{error}");
    }
}
