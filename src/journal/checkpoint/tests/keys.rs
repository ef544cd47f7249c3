use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn keys_are_those_of_other_peoples_tools() {
    let key: CheckpointKey = GO_PRIVATE.parse().unwrap();
    assert_eq!(key.verifier().to_string(), GO_PUBLIC);
    assert_eq!(key.verifier(), GO_PUBLIC.parse().unwrap());
    assert_eq!(key.secret_text().unwrap(), GO_PRIVATE);
}

#[test]
fn a_generated_key_reads_itself_again_and_is_another_each_time() {
    let (one, two) = (key(ORIGIN), key(ORIGIN));
    let again: CheckpointKey = one.secret_text().unwrap().parse().unwrap();
    assert_eq!(again.verifier(), one.verifier());
    assert_eq!(one.verifier().to_string().parse::<CheckpointVerifier>().unwrap(), one.verifier());
    assert_ne!(one.verifier(), two.verifier());
    assert_eq!(one.verifier().name().as_str(), ORIGIN);
}

/// Every change of one character is noticed: of the name and the key by the id, of the rest by the form.
#[test]
fn a_key_that_was_not_copied_whole_is_refused() {
    for (at, _) in GO_PUBLIC.char_indices() {
        let changed = |replacement: &str| format!("{}{replacement}{}", &GO_PUBLIC[..at], &GO_PUBLIC[at + 1..]);
        for replacement in ["", "#", "A", "0", " "] {
            if replacement != &GO_PUBLIC[at..=at] {
                assert!(changed(replacement).parse::<CheckpointVerifier>().is_err(), "{}", changed(replacement));
            }
        }
    }
    for (at, _) in GO_PRIVATE.char_indices() {
        let without = format!("{}{}", &GO_PRIVATE[..at], &GO_PRIVATE[at + 1..]);
        assert!(without.parse::<CheckpointKey>().is_err(), "{at}");
    }
    // ECDSA, a witness's cosignature: keys that we do not have.
    for kind in ["Aq", "BK"] {
        let other = GO_PUBLIC.replace("+AR", &format!("+{kind}"));
        assert!(other.parse::<CheckpointVerifier>().is_err(), "{other}");
    }
}

#[test]
fn a_private_key_in_place_of_a_public_one_is_told_and_not_repeated() {
    let error = GO_PRIVATE.parse::<CheckpointVerifier>().unwrap_err().to_string();
    assert!(error.contains("is a private key") && !error.contains("AYEKFAL"), "{error}");
    let error = GO_PRIVATE.replace("c74f", "c74e").parse::<CheckpointKey>().err().unwrap().to_string();
    assert!(!error.contains("AYEKFAL"), "{error}");
}

#[test]
fn a_key_file_is_for_its_owner_alone_and_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checkpoint.key");
    let key = key(ORIGIN);
    key.write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(CheckpointKey::read(&path).unwrap().verifier(), key.verifier());
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(super::key(ORIGIN).write(&path), Err(KeyFileError::Exists(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    for mode in [0o604, 0o602, 0o601, 0o666] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = CheckpointKey::read(&path).err().unwrap();
        assert!(matches!(error, KeyFileError::Exposed { mode: found, .. } if found == mode), "{error}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(CheckpointKey::read(&path).is_ok(), "groups are set by volume managers");
}

#[test]
fn what_is_no_key_file_is_told_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k");
    let words = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        CheckpointKey::read(&path).err().unwrap().to_string()
    };
    for content in [&b""[..], b"\xff", b"-----BEGIN PRIVATE KEY-----\n", GO_PUBLIC.as_bytes(), &[b'a'; 9000]] {
        let words = words(content);
        assert!(words.starts_with(path.to_str().unwrap()), "{words}");
        assert!(words.contains("PRIVATE+KEY+NAME+ID+SEED") || words.contains("UTF-8"), "{words}");
    }
    assert!(words(format!("{GO_PRIVATE}\n\n").as_bytes()).contains("must be a private key"));
    let missing = directory.path().join("none");
    assert!(matches!(CheckpointKey::read(&missing), Err(KeyFileError::Inaccessible { .. })));
    let no_directory = directory.path().join("none/k");
    assert!(matches!(key(ORIGIN).write(&no_directory), Err(KeyFileError::Inaccessible { .. })));
}
