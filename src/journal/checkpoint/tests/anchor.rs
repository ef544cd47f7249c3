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
    assert_eq!(anchor.latest().await.unwrap(), None);
    let mut notes = Vec::new();
    for index in 1..=100 {
        let note = signed(&key, index);
        anchor.append(&note).await.unwrap();
        assert_eq!(anchor.latest().await.unwrap().as_ref(), Some(&note));
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
            assert_eq!(anchor.latest().await.unwrap(), whole.last().cloned(), "{length}");
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
        for error in [anchor.latest().await.unwrap_err(), anchor.append(&signed(&key, 2)).await.unwrap_err()] {
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
    assert_eq!(anchor.latest().await.unwrap(), None);
    let full = AnchorFile::new("/dev/full".into(), origin());
    let error = full.append(&signed(&key(ORIGIN), 1)).await.unwrap_err();
    assert!(matches!(error, AnchorFileError::Exposed { mode: 0o666, .. }), "{error}");
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

/// Whoever may append can repeat what was signed.
#[tokio::test]
async fn the_latest_note_is_the_one_of_the_most_records_wherever_it_stands() {
    let (_directory, anchor, path) = anchor();
    let key = key(ORIGIN);
    for index in [1, 3, 2, 1] {
        anchor.append(&signed(&key, index)).await.unwrap();
    }
    let repeated: String = (0..100).map(|_| series::appended(&signed(&key, 1))).collect();
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + &repeated).unwrap();
    assert_eq!(anchor.latest().await.unwrap(), Some(signed(&key, 3)));
    // What was read is not read again, what comes on top is.
    anchor.append(&signed(&key, 4)).await.unwrap();
    assert_eq!(anchor.latest().await.unwrap(), Some(signed(&key, 4)));
    // A file that is another one, and shorter, or that is gone.
    leave(&path, series::appended(&signed(&key, 2)).as_bytes());
    assert_eq!(anchor.latest().await.unwrap(), Some(signed(&key, 2)));
    let other: String = (5..9).map(|index| series::appended(&signed(&key, index))).collect();
    leave(&path, format!("{other}{ORIGIN}").as_bytes());
    assert_eq!(anchor.latest().await.unwrap(), Some(signed(&key, 8)));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(anchor.latest().await.unwrap(), None);
}

#[tokio::test]
async fn two_notes_of_one_size_that_do_not_agree_are_no_anchor() {
    let (_directory, anchor, path) = anchor();
    let key = key(ORIGIN);
    let mut other = Checkpoint::of_head(origin(), Some(position(2)));
    other.hash = position(3).hash;
    anchor.append(&signed(&key, 2)).await.unwrap();
    anchor.append(&key.sign(other.text()).unwrap()).await.unwrap();
    for anchor in [anchor, AnchorFile::new(path, origin())] {
        assert!(anchor.latest().await.unwrap_err().to_string().contains("do not agree"));
    }
}

#[tokio::test]
async fn a_bad_note_is_found_wherever_it_stands() {
    let (_directory, anchor, path) = anchor();
    let key = key(ORIGIN);
    let [first, last] = [1, 2].map(|index| series::appended(&signed(&key, index)));
    for bad in ["hello\n", "hello\n\n— a AAAAAAAA\n\n", "\n", "\n\u{7}\n\n— a AAAAAAAA\n\n"] {
        leave(&path, format!("{first}{bad}{last}").as_bytes());
        let error = anchor.latest().await.unwrap_err();
        assert!(matches!(error, AnchorFileError::NotCheckpoints { .. }), "{bad:?}: {error}");
    }
}

#[tokio::test]
async fn a_note_that_is_the_last_one_already_is_not_appended_again() {
    let (_directory, anchor, path) = anchor();
    let key = key(ORIGIN);
    for index in [1, 1, 2, 2, 2] {
        anchor.append(&signed(&key, index)).await.unwrap();
    }
    assert_eq!(read_checkpoints(&path).unwrap(), [signed(&key, 1), signed(&key, 2)]);
}

/// As two processes do: each with its own handle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_appends_at_the_same_time_takes_nothing_away_from_the_other() {
    const NOTES: u64 = 60;
    let (_directory, _, path) = anchor();
    let key = key(ORIGIN);
    let tasks: Vec<_> = (0..3)
        .map(|task| {
            let anchor = AnchorFile::new(path.clone(), origin());
            let notes: Vec<_> = (0..NOTES).map(|n| signed(&key, 1 + task * NOTES + n)).collect();
            tokio::spawn(async move {
                for note in notes {
                    anchor.append(&note).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let notes = read_checkpoints(&path).unwrap();
    let sizes: std::collections::BTreeSet<_> =
        notes.iter().map(|note| Checkpoint::parse(note.text()).unwrap().size).collect();
    assert_eq!((notes.len() as u64, sizes.len() as u64), (3 * NOTES, 3 * NOTES));
}

#[tokio::test]
async fn a_file_that_another_process_writes_is_waited_for() {
    let (_directory, anchor, path) = anchor();
    let key = key(ORIGIN);
    let theirs = series::appended(&signed(&key, 1));
    let (begin, end) = theirs.split_at(50);
    leave(&path, begin.as_bytes());
    let mut other = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    other.lock().unwrap();
    let task = tokio::spawn(async move { anchor.append(&signed(&key, 2)).await });
    // Until the kernel has our lock in its list behind theirs.
    let inode = format!(":{} ", std::os::unix::fs::MetadataExt::ino(&other.metadata().unwrap()));
    while !std::fs::read_to_string("/proc/locks")
        .unwrap()
        .lines()
        .any(|line| line.contains("->") && line.contains(&inode))
    {
        assert!(!task.is_finished(), "it did not wait");
        tokio::task::yield_now().await;
    }
    std::io::Write::write_all(&mut other, end.as_bytes()).unwrap();
    drop(other);
    task.await.unwrap().unwrap();
    assert_eq!(read_checkpoints(&path).unwrap().len(), 2);
}

#[test]
fn notes_are_read_one_at_a_time_whatever_the_size_of_their_file() {
    let key = key(ORIGIN);
    let text: String = (1..=40).map(|index| series::appended(&signed(&key, index))).collect();
    let mut notes = series::Notes::new(std::io::Cursor::new(text.repeat(100)));
    let mut count = 0;
    while notes.next().ok().flatten().is_some() {
        count += 1;
        assert!(notes.held() < 2048, "{}", notes.held());
    }
    assert_eq!((count, notes.whole(), notes.rest().len()), (4000, 100 * text.len() as u64, 0));
    // A file without end of anything.
    let mut endless = series::Notes::new(std::io::BufReader::new(std::io::repeat(b'a')));
    assert!(matches!(endless.next(), Err(series::Fault::NotCheckpoints(_))));
    assert!(endless.held() <= 2 * (NOTE_BYTES_MAX + 2), "{}", endless.held());
}
