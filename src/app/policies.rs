//! Finds and reads the policy files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};

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

/// Reads every file, and every `*.cedar` file directly in a folder, in the order of their names.
pub(super) fn read(paths: &[PathBuf]) -> Result<Sources, PolicyFilesError> {
    let mut errors = Vec::new();
    let mut files = Vec::new();
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
    let mut sources = Vec::new();
    for file in files {
        match read_bounded(&file) {
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

fn read_bounded(file: &Path) -> io::Result<String> {
    if fs::metadata(file)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    fs::read_to_string(file)
}

/// Digest of all policies, for the journal: which rules were in force.
pub(super) fn sha256(sources: &Sources) -> String {
    let mut context = Context::new(&SHA256);
    for (name, text) in &sources.0 {
        // Lengths first, so that no two sets of files give the same bytes.
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
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
        let sources = read(&[folder.path().to_owned()]).unwrap();
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
    fn the_digest_sees_names_and_texts() {
        let of = |name: &str, text: &str| sha256(&Sources(vec![(name.to_owned(), text.to_owned())]));
        assert_eq!(of("a", "b"), of("a", "b"));
        assert_ne!(of("a", "b"), of("ab", ""));
        assert_ne!(of("a", "b"), of("a", "c"));
    }
}
