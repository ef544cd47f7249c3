use std::{os::unix::fs::PermissionsExt as _, path::Path};

use tempfile::TempDir;

use super::*;

fn anchor() -> (TempDir, AnchorFile, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checkpoints");
    (directory, AnchorFile::new(path.clone(), origin()), path)
}

/// What a gateway that has ended left behind.
fn leave(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn each_note_is_appended_whole_and_read_back_in_order() {
    let (_directory, anchor, path) = anchor();
    let key = key(ORIGIN);
    assert_eq!(anchor.newest().await.unwrap(), None);
    let mut notes = Vec::new();
    for index in 1..=100 {
        let note = signed(&key, index);
        anchor.append(&note).await.unwrap();
        assert_eq!(anchor.newest().await.unwrap().as_ref(), Some(&note));
        notes.push(note);
    }
    assert!(std::fs::metadata(&path).unwrap().len() > 16 * 1024, "the tail alone is not the whole file");
    assert_eq!(read_checkpoints(&path).unwrap(), notes);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_single_note_is_a_file_of_checkpoints_too() {
    let (_directory, _, path) = anchor();
    let note = signed(&key(ORIGIN), 3);
    std::fs::write(&path, note.to_string()).unwrap();
    assert_eq!(read_checkpoints(&path).unwrap(), [note]);
}

/// Wherever a crash cut the last note off, the next append leaves a file that is whole.
#[tokio::test]
async fn a_note_whose_writing_broke_off_is_cut_off_and_never_believed() {
    let key = key(ORIGIN);
    let (first, torn, next) = (signed(&key, 1), signed(&key, 2), signed(&key, 3));
    let torn = series::appended(&torn);
    for length in 0..torn.len() {
        for whole in [vec![], vec![first.clone()]] {
            let (_directory, anchor, path) = anchor();
            let written: String = whole.iter().map(series::appended).collect();
            leave(&path, &[written.as_bytes(), &torn.as_bytes()[..length]].concat());
            assert_eq!(anchor.newest().await.unwrap(), whole.last().cloned(), "{length}");
            anchor.append(&next).await.unwrap();
            let expected: Vec<SignedNote> = whole.into_iter().chain([next.clone()]).collect();
            assert_eq!(read_checkpoints(&path).unwrap(), expected, "{length}");
        }
    }
}

#[tokio::test]
async fn a_wrong_path_costs_no_file() {
    let key = key(ORIGIN);
    let good = series::appended(&signed(&key, 1));
    let of_another = series::appended(&key.sign("elsewhere.example\n1\n".to_owned()).unwrap());
    for content in [
        b"127.0.0.1 localhost\n".to_vec(),
        b"\xff\xfe".to_vec(),
        b"\n".to_vec(),
        of_another.as_bytes()[..10].to_vec(),
        vec![b'a'; 100_000],
        [good.as_bytes(), b"and now for something else\n"].concat(),
        [good.as_bytes(), ORIGIN.as_bytes(), b"\n", &[b'a'; 2000]].concat(),
    ] {
        let (_directory, anchor, path) = anchor();
        leave(&path, &content);
        for error in [anchor.newest().await.unwrap_err(), anchor.append(&signed(&key, 2)).await.unwrap_err()] {
            assert!(matches!(error, AnchorFileError::NotCheckpoints { .. }), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), content, "untouched");
    }
}

#[tokio::test]
async fn a_file_that_everybody_may_write_is_no_anchor() {
    let (_directory, anchor, path) = anchor();
    anchor.append(&signed(&key(ORIGIN), 1)).await.unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o606)).unwrap();
    let error = anchor.append(&signed(&key(ORIGIN), 2)).await.unwrap_err();
    assert!(matches!(error, AnchorFileError::Exposed { mode: 0o606, .. }), "{error}");
    assert_eq!(read_checkpoints(&path).unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_written_is_told_with_its_name() {
    let anchor = AnchorFile::new("/nowhere/checkpoints".into(), origin());
    let error = anchor.append(&signed(&key(ORIGIN), 1)).await.unwrap_err().to_string();
    assert!(error.starts_with("the checkpoints in /nowhere/checkpoints cannot be written ("), "{error}");
    assert_eq!(anchor.newest().await.unwrap(), None);
    let full = AnchorFile::new("/dev/full".into(), origin());
    assert!(full.append(&signed(&key(ORIGIN), 1)).await.is_err());
}

#[test]
fn files_that_are_not_of_checkpoints_are_refused() {
    let (_directory, _, path) = anchor();
    let good = signed(&key(ORIGIN), 1).to_string();
    for content in ["", "\n", "hello\n", &format!("{good}\n\n"), &format!("{good}\n{}", &good[..20])] {
        std::fs::write(&path, content).unwrap();
        let error = read_checkpoints(&path).unwrap_err();
        assert!(matches!(error, AnchorFileError::NotCheckpoints { .. }), "{content:?}: {error}");
    }
    std::fs::write(&path, b"\xff").unwrap();
    assert!(read_checkpoints(&path).unwrap_err().to_string().contains("UTF-8"));
}
