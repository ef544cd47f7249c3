//! Finds and reads policy files, for the gateway as for the command line.

use std::{
    fs,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use crate::authz::Sources;

/// Extension of policy files in a folder.
const EXTENSION: &str = "cedar";
/// Far above any policy that a person can review.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
const FILES_MAX: usize = 1000;

/// Policy files that cannot be read: everything that is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct PolicyFilesError(pub Vec<String>);

/// Reads every file, and every `*.cedar` file directly in a folder, in the order of their names. What is named twice is
/// read once.
///
/// # Errors
/// Everything that cannot be read, each with its path.
pub fn read(paths: &[PathBuf]) -> Result<Sources, PolicyFilesError> {
    let mut errors = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        match expand(path) {
            Ok(found) if found.is_empty() => {
                errors.push(format!(
                    "{}: no *.{EXTENSION} file in this folder; without policies nothing is allowed",
                    path.display()
                ));
            }
            Ok(found) => files.extend(found),
            Err(error) => errors.push(unreadable(path, &error)),
        }
    }
    if files.len() > FILES_MAX {
        errors.push(format!("authorization.policies: {} files, at most {FILES_MAX} are read", files.len()));
        files.clear();
    }
    let mut seen = Vec::new();
    files.retain(|file| {
        !seen.contains(file) && {
            seen.push(file.clone());
            true
        }
    });
    let mut sources = Vec::new();
    for file in files {
        match read_bounded(&file, FILE_BYTES_MAX) {
            Ok(text) => sources.push((file.display().to_string(), text)),
            Err(error) => errors.push(unreadable(&file, &error)),
        }
    }
    if errors.is_empty() { Ok(Sources(sources)) } else { Err(PolicyFilesError(errors)) }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{}: the policy cannot be read: {error} (see authorization.policies)", path.display())
}

fn expand(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = entries.collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == EXTENSION));
    files.sort();
    Ok(files)
}

/// Reads a text of at most so many bytes, and never more of it: what grows while it is read is refused as well.
pub(super) fn read_bounded(file: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(file)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        let words = format!("larger than {} MiB", bytes_max / (1024 * 1024));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(text)
}

/// A path written in a file of the folder `base`. Without its `..` if that leads to the same file, so that a policy is
/// called the same from wherever it is named.
pub(super) fn resolve(base: &Path, written: &str) -> PathBuf {
    let joined = base.join(written);
    let mut short = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            Component::CurDir => {}
            other => short.push(other),
        }
    }
    // Behind a symbolic link, `..` is somewhere else.
    match (fs::canonicalize(&short), fs::canonicalize(&joined)) {
        (Ok(at_short), Ok(at_joined)) if at_short == at_joined => short,
        _ => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_cedar_files_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.cedar", "a.cedar", "notes.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let sources = read(&[folder.path().to_owned(), folder.path().join("b.cedar")]).unwrap();
        let texts: Vec<&str> = sources.0.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["a.cedar", "b.cedar"]);
    }

    #[test]
    fn everything_unreadable_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.cedar");
        let error = read(&[missing, folder.path().to_owned()]).unwrap_err();
        assert_eq!(error.0.len(), 2, "{error}");
        assert!(error.to_string().contains("missing.cedar"), "{error}");
        assert!(error.to_string().contains("nothing is allowed"), "{error}");
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large.cedar");
        fs::File::create(&large).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        assert!(read(&[large]).unwrap_err().to_string().contains("larger than 1 MiB"));
        let error = read_bounded(Path::new("/dev/zero"), 1024 * 1024).unwrap_err();
        assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
    }

    #[test]
    fn a_path_loses_its_way_back_only_if_it_stays_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("policy/tests")).unwrap();
        fs::create_dir_all(at("elsewhere/deep")).unwrap();
        fs::write(at("policy/a.cedar"), "").unwrap();
        assert_eq!(resolve(&at("policy/tests"), "../a.cedar"), at("policy/a.cedar"));
        assert_eq!(resolve(&at("policy"), "./a.cedar"), at("policy/a.cedar"));
        assert_eq!(resolve(&at("policy"), "../gone"), at("policy/../gone"), "nothing is known of what is not there");
        assert_eq!(resolve(Path::new(""), "../x"), Path::new("../x"));
        std::os::unix::fs::symlink(at("elsewhere/deep"), at("policy/link")).unwrap();
        fs::write(at("elsewhere/a.cedar"), "").unwrap();
        assert_eq!(resolve(&at("policy/link"), "../a.cedar"), at("policy/link/../a.cedar"));
    }
}
