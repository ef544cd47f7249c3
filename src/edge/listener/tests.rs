//! Where may be listened, and what becomes of a Unix socket's file.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::{authn::testing::mtls_only, clock::SystemClock, edge::testing::limits};

fn options(address: Address) -> ListenerOptions {
    ListenerOptions {
        name: "sidecar".to_owned(),
        address,
        transport: Transport::Plaintext,
        limits: limits(),
        authenticator: Arc::new(mtls_only(Arc::new(SystemClock))),
        clock: Arc::new(SystemClock),
        counters: Arc::default(),
    }
}

fn unix(path: &Path, mode: u32) -> ListenerOptions {
    options(Address::Unix { path: path.to_owned(), mode, peer_uids: vec![0] })
}

fn socket() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    (dir, path)
}

#[tokio::test]
async fn plaintext_is_listened_for_on_loopback_addresses_only() {
    for address in ["127.0.0.1:0", "127.1.2.3:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
        // An address may be missing on this machine; what matters is that it is not refused for what it is.
        match Listener::bind(options(Address::Tcp(address.parse().unwrap()))).await {
            Ok(_) | Err(BindError::Io { .. }) => {}
            Err(error) => panic!("{address}: {error}"),
        }
    }
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:0.0.0.0]:0", "[::ffff:192.0.2.1]:0", "[fe80::1]:0"] {
        let error = Listener::bind(options(Address::Tcp(address.parse().unwrap()))).await.unwrap_err();
        assert!(matches!(error, BindError::NotLoopback { .. }), "{address}: {error}");
        assert!(error.to_string().contains("sidecar") && error.to_string().contains("add TLS"), "{error}");
    }
}

#[tokio::test]
async fn a_port_in_use_names_the_listener_and_the_address() {
    let first = Listener::bind(options(Address::Tcp("127.0.0.1:0".parse().unwrap()))).await.unwrap();
    let address = first.local_addr().tcp().unwrap();
    let error = Listener::bind(options(Address::Tcp(address))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("listener sidecar: cannot listen on {address}"));
}

#[tokio::test]
async fn the_socket_has_the_mode_that_was_asked_for_and_goes_with_its_listener() {
    for mode in [0o600, 0o660, 0o666, 0o000] {
        let (_dir, path) = socket();
        let listener = Listener::bind(unix(&path, mode)).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        assert_eq!(listener.local_addr().unix(), Some(path.as_path()));
        assert_eq!(listener.name(), "sidecar");
        drop(listener);
        assert!(!path.exists());
    }
}

/// The promise of `unix_socket::bind`, at the moment between `bind` and `listen`.
#[tokio::test]
async fn before_its_mode_is_set_nobody_can_connect() {
    let (_dir, path) = socket();
    let bound = tokio::net::UnixSocket::new_stream().unwrap();
    bound.bind(&path).unwrap();
    let refused = UnixStream::connect(&path).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn the_socket_of_a_dead_process_is_replaced() {
    let (_dir, path) = socket();
    // A closed socket leaves its file, as a killed process does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = Listener::bind(unix(&path, 0o600)).await.unwrap();
    UnixStream::connect(&path).await.unwrap();
    drop(listener);
}

#[tokio::test]
async fn the_socket_of_a_living_process_is_left_alone() {
    let (_dir, path) = socket();
    let living = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let error = Listener::bind(unix(&path, 0o600)).await.unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("stop it"), "{error}");
    living.accept().unwrap();
    UnixStream::connect(&path).await.unwrap();
}

#[tokio::test]
async fn a_process_that_hangs_with_a_full_backlog_is_alive() {
    let (_dir, path) = socket();
    let hanging = tokio::net::UnixSocket::new_stream().unwrap();
    hanging.bind(&path).unwrap();
    let _hanging = hanging.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = UnixStream::connect(&path).await {
        waiting.push(stream);
    }
    let bound = tokio::time::timeout(Duration::from_secs(30), Listener::bind(unix(&path, 0o600))).await.unwrap();
    assert!(matches!(bound.unwrap_err(), BindError::InUse { .. }));
}

#[tokio::test]
async fn what_is_no_socket_is_never_removed() {
    let (dir, path) = socket();
    fs::write(&path, "precious").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for path in [&path, &link, &dir.path().to_owned()] {
        let error = Listener::bind(unix(path, 0o600)).await.unwrap_err();
        assert!(matches!(error, BindError::NotASocket { .. }), "{error}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_successors_socket_is_not_removed() {
    let (_dir, path) = socket();
    let first = Listener::bind(unix(&path, 0o600)).await.unwrap();
    fs::remove_file(&path).unwrap();
    // Keeps the number of the first one's file from being used again.
    let _placeholder = std::os::unix::net::UnixListener::bind(path.with_extension("other")).unwrap();
    let second = Listener::bind(unix(&path, 0o600)).await.unwrap();
    drop(first);
    assert!(path.exists());
    drop(second);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_that_nobody_may_use_or_that_has_no_folder_is_an_error() {
    let (dir, path) = socket();
    let nobody = options(Address::Unix { path: path.clone(), mode: 0o600, peer_uids: Vec::new() });
    assert!(matches!(Listener::bind(nobody).await.unwrap_err(), BindError::NobodyMayConnect { .. }));
    assert!(!path.exists());
    let nowhere = dir.path().join("missing/s.sock");
    let error = Listener::bind(unix(&nowhere, 0o600)).await.unwrap_err();
    assert!(matches!(error, BindError::Io { .. }), "{error}");
}
