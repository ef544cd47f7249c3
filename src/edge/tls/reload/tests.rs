//! Files that change under a running listener.

use std::{fs, os::unix::fs::symlink, time::Duration};

use rcgen::date_time_ymd;

use super::*;
use crate::{
    authn::testing::{TestCa, ca_params, client_params, server_params, uri},
    edge::{
        ClientCa, TlsFault,
        testing::{ALICE, CLIENTS, Client, Files, SERVER_NAME, SERVERS},
    },
};

const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);

fn reloader(files: &TlsFiles) -> TlsReloader {
    TlsReloader::new(files.clone(), NOW, Arc::default()).unwrap()
}

/// A look that finds something new, and the one after it.
fn settle(reloader: &TlsReloader, now: Timestamp) -> Reloaded {
    let before = reloader.current().get();
    assert_eq!(reloader.reload_if_changed(now), Reloaded::Unsettled);
    assert!(Arc::ptr_eq(&before, &reloader.current().get()));
    reloader.reload_if_changed(now)
}

fn replaced(what: &[TlsRole]) -> Reloaded {
    Reloaded::Replaced { what: what.to_vec() }
}

#[test]
fn what_has_not_changed_is_not_replaced() {
    let files = Files::good();
    let reloader = reloader(&files.paths());
    let before = reloader.current().get();
    // The same content written again, with a new time.
    let pem = fs::read(files.path("tls.crt")).unwrap();
    files.write("tls.crt", &pem);
    assert_eq!(reloader.reload_if_changed(NOW), Reloaded::Unchanged);
    assert!(Arc::ptr_eq(&before, &reloader.current().get()));
    assert_eq!(reloader.counters.get(EdgeCount::ReloadDone), 0);
}

#[test]
fn each_file_is_replaced_by_itself_and_named() {
    let files = Files::good();
    let reloader = reloader(&files.paths());
    let before = reloader.current().get();
    files.write("ca.crt", TestCa::new("others").pem.as_bytes());
    assert_eq!(settle(&reloader, NOW), replaced(&[TlsRole::ClientCa]));
    assert!(!Arc::ptr_eq(&before, &reloader.current().get()));
    let server = SERVERS.issue(&server_params(SERVER_NAME));
    files.write("tls.crt", server.pem.as_bytes());
    files.write("tls.key", server.key.serialize_pem().as_bytes());
    assert_eq!(settle(&reloader, NOW), replaced(&[TlsRole::Certificate, TlsRole::PrivateKey]));
    assert_eq!(reloader.reload_if_changed(NOW), Reloaded::Unchanged);
    assert_eq!(reloader.counters.get(EdgeCount::ReloadDone), 2);
}

#[test]
fn what_does_not_load_never_replaces_what_does() {
    let files = Files::good();
    let reloader = reloader(&files.paths());
    let (current, before) = (reloader.current(), reloader.current().get());
    let kept = |is_news: bool, wanted: &dyn Fn(&TlsFault) -> bool| {
        let looked = if is_news { settle(&reloader, NOW) } else { reloader.reload_if_changed(NOW) };
        let Reloaded::Kept { error, is_news: found, is_refusing: false } = looked else { panic!("{looked:?}") };
        assert!(error.problems().iter().all(|problem| wanted(&problem.fault)), "{error}");
        assert_eq!(found, is_news, "{error}");
        assert!(Arc::ptr_eq(&before, &current.get()));
    };
    let good = fs::read(files.path("ca.crt")).unwrap();
    files.remove("ca.crt");
    kept(true, &|fault| *fault == TlsFault::Missing);
    // It is not news any more, and still said.
    kept(false, &|fault| *fault == TlsFault::Missing);
    files.write("ca.crt", b"");
    kept(true, &|fault| matches!(fault, TlsFault::NoBlock(_)));
    files.write("ca.crt", br#"{"keys":[]}"#);
    kept(true, &|fault| *fault == TlsFault::NoX509Authority);
    files.write("ca.crt", &good);
    assert_eq!(reloader.reload_if_changed(NOW), Reloaded::Unchanged);
    // A key that came before its certificate.
    let server = SERVERS.issue(&server_params(SERVER_NAME));
    files.write("tls.key", server.key.serialize_pem().as_bytes());
    kept(true, &|fault| *fault == TlsFault::KeyMismatch);
    files.write("tls.crt", server.pem.as_bytes());
    assert_eq!(settle(&reloader, NOW), replaced(&[TlsRole::Certificate, TlsRole::PrivateKey]));
    assert_eq!(reloader.counters.get(EdgeCount::ReloadKept), 4);
    assert_eq!(reloader.counters.get(EdgeCount::ReloadDone), 1);
}

/// How Kubernetes mounts a secret: the files are links into `..data`, which is a link that is swapped.
#[test]
fn a_swapped_symbolic_link_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (Files::good(), Files::good());
    let data = dir.path().join("..data");
    symlink(first.path(""), &data).unwrap();
    let files = TlsFiles {
        certificate: data.join("tls.crt"),
        private_key: data.join("tls.key"),
        client_ca: ClientCa::Required(data.join("ca.crt")),
    };
    let reloader = reloader(&files);
    assert_eq!(reloader.files(), &files);
    symlink(second.path(""), dir.path().join("..data_tmp")).unwrap();
    fs::rename(dir.path().join("..data_tmp"), &data).unwrap();
    // The client CA is the same in both.
    assert_eq!(settle(&reloader, NOW), replaced(&[TlsRole::Certificate, TlsRole::PrivateKey]));
}

#[test]
fn a_client_ca_that_expires_is_dropped_without_any_change_of_the_file() {
    let files = Files::good();
    let mut old = ca_params("old clients");
    old.not_after = date_time_ymd(2027, 1, 1);
    files.write("ca.crt", format!("{}{}", TestCa::with(old).pem, CLIENTS.pem).as_bytes());
    let reloader = reloader(&files.paths());
    let last = Timestamp::from_unix(date_time_ymd(2027, 1, 1).unix_timestamp(), 0);
    assert_eq!(reloader.reload_if_changed(last), Reloaded::Unchanged);
    let after = last.plus(Duration::from_secs(1));
    assert_eq!(reloader.reload_if_changed(after), replaced(&[TlsRole::ClientCa]));
    assert_eq!(reloader.reload_if_changed(after), Reloaded::Unchanged);
}

/// One handshake with the configuration in force, as a client of this CA.
async fn shake(reloader: &TlsReloader, ca: &TestCa) -> bool {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(listener.local_addr().unwrap(), Some(&ca.issue(&client_params(vec![uri(ALICE)]))));
    let acceptor = tokio_rustls::TlsAcceptor::from(reloader.current().get());
    let accepting = async { acceptor.accept(listener.accept().await.unwrap().0).await.is_ok() };
    let (is_accepted, _connected) = tokio::join!(accepting, client.connect());
    is_accepted
}

#[tokio::test]
async fn the_last_client_ca_that_expires_is_not_believed_until_the_next_restart() {
    let files = Files::good();
    let mut old = ca_params("old clients");
    old.not_after = date_time_ymd(2027, 1, 1);
    let old = TestCa::with(old);
    files.write("ca.crt", old.pem.as_bytes());
    let reloader = reloader(&files.paths());
    let last = Timestamp::from_unix(date_time_ymd(2027, 1, 1).unix_timestamp(), 0);
    assert_eq!(reloader.reload_if_changed(last), Reloaded::Unchanged);
    assert!(shake(&reloader, &old).await);
    let after = last.plus(Duration::from_secs(1));
    for is_news in [true, false] {
        let looked = reloader.reload_if_changed(after);
        let Reloaded::Kept { error, is_news: found, is_refusing: true } = looked else { panic!("{looked:?}") };
        assert!(matches!(error.problems()[0].fault, TlsFault::Expired { at: 1, .. }), "{error}");
        assert_eq!(found, is_news);
        assert!(!shake(&reloader, &old).await);
    }
    assert_eq!(reloader.counters.get(EdgeCount::ReloadKept), 1);
    // A clock that is set back makes the same files good again.
    assert_eq!(reloader.reload_if_changed(last), replaced(&[TlsRole::ClientCa]));
    assert!(shake(&reloader, &old).await);
    assert!(matches!(reloader.reload_if_changed(after), Reloaded::Kept { is_refusing: true, .. }));
    files.write("ca.crt", CLIENTS.pem.as_bytes());
    assert_eq!(settle(&reloader, after), replaced(&[TlsRole::ClientCa]));
    assert!(shake(&reloader, &CLIENTS).await);
    assert!(!shake(&reloader, &old).await);
}

#[test]
fn a_bundle_that_is_written_in_place_is_not_taken_up_by_half() {
    let (files, second) = (Files::good(), TestCa::new("second"));
    let reloader = reloader(&files.paths());
    let before = reloader.current().get();
    // Half of a bundle of two is a bundle that loads.
    for half in [second.pem.clone(), format!("{}{}", second.pem, TestCa::new("third").pem)] {
        files.write("ca.crt", half.as_bytes());
        assert_eq!(reloader.reload_if_changed(NOW), Reloaded::Unsettled);
        assert!(Arc::ptr_eq(&before, &reloader.current().get()));
    }
    assert_eq!(reloader.reload_if_changed(NOW), replaced(&[TlsRole::ClientCa]));
    assert_eq!(reloader.reload_if_changed(NOW), Reloaded::Unchanged);
}

#[test]
fn without_client_cas_there_is_none_to_watch() {
    let files = Files::good();
    let reloader = reloader(&files.paths_with(ClientCa::None));
    files.remove("ca.crt");
    assert_eq!(reloader.reload_if_changed(NOW), Reloaded::Unchanged);
}

#[test]
fn the_first_load_has_no_fallback() {
    let files = Files::good();
    files.remove("ca.crt");
    let error = TlsReloader::new(files.paths(), NOW, Arc::default()).unwrap_err();
    assert_eq!(error.problems()[0].role, TlsRole::ClientCa);
}
