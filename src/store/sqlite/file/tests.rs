use std::fs;

use super::*;

#[test]
fn the_lock_goes_with_its_holder() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let first = guard(&path).unwrap();
    assert!(matches!(guard(&path), Err(OpenError::Locked { .. })));
    drop(first);
    guard(&path).unwrap();
}

/// A process that is just being started holds copies of all open files until it runs its program.
#[test]
fn the_lock_goes_with_its_holder_even_if_a_child_has_a_copy_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let first = guard(&path).unwrap();
    let inherited = first.lock.try_clone().unwrap();
    drop(first);
    guard(&path).unwrap();
    drop(inherited);
}

#[test]
fn a_name_without_directory_is_in_the_working_directory() {
    // A name that cannot be created there, so that the test leaves nothing behind.
    let name = "x".repeat(300);
    assert!(matches!(guard(Path::new(&name)), Err(OpenError::Inaccessible { .. })));
}

#[test]
fn operating_system_errors_have_their_own_fix() {
    let of = |kind: io::ErrorKind| refused(Path::new("journal.db"), kind.into());
    assert!(matches!(of(io::ErrorKind::ReadOnlyFilesystem), OpenError::ReadOnly(_)));
    assert!(matches!(of(io::ErrorKind::StorageFull), OpenError::DiskFull(_)));
    assert!(matches!(of(io::ErrorKind::PermissionDenied), OpenError::Inaccessible { .. }));
    assert!(of(io::ErrorKind::PermissionDenied).to_string().contains("let the gateway's user"));
}

#[tokio::test]
async fn an_identity_notices_removal_and_replacement_of_either_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let log = suffixed(&path, "-wal");
    let other = directory.path().join("other");
    for file in [&path, &log] {
        fs::write(file, "").unwrap();
    }
    let identity = Identity::of(&path).await.unwrap();
    identity.check(&path).await.unwrap();
    for file in [&path, &log] {
        fs::rename(file, directory.path().join("aside")).unwrap();
        assert!(matches!(identity.check(&path).await, Err(WriteFailure::Removed(gone)) if gone == *file));
        fs::write(&other, "").unwrap();
        fs::rename(&other, file).unwrap();
        assert!(matches!(identity.check(&path).await, Err(WriteFailure::Replaced(new)) if new == *file));
        fs::rename(directory.path().join("aside"), file).unwrap();
        identity.check(&path).await.unwrap();
    }
}
