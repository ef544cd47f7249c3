//! Every way in which the three files can be wrong, and what the configuration is when they are right.

use std::{fs, time::Duration};

use rcgen::{CertificateParams, IsCa, KeyPair, date_time_ymd};

use super::*;
use crate::{
    authn::testing::{TestCa, ca_params, client_params, server_params, uri},
    edge::{
        ClientCertificate,
        testing::{CLIENTS, Files, SERVER_NAME},
        tls::files::FILE_BYTES_MAX,
    },
};

const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);

/// What is wrong, by file.
fn faults(files: &Files) -> Vec<(TlsRole, TlsFault)> {
    let error = load(&files.paths(), NOW).unwrap_err();
    error.problems().iter().map(|problem| (problem.role, problem.fault.clone())).collect()
}

#[track_caller]
fn assert_only(files: &Files, role: TlsRole, wanted: impl Fn(&TlsFault) -> bool) {
    let found = faults(files);
    assert!(matches!(found.as_slice(), [(at, fault)] if *at == role && wanted(fault)), "{found:?}");
}

#[test]
fn good_files_make_mutual_tls_for_http2_without_resumption() {
    let config = load(&Files::good().paths(), NOW).unwrap();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec()]);
    assert_eq!((config.send_tls13_tickets, config.max_tls13_tickets, config.max_early_data_size), (0, 0, 0));
    assert!(!config.session_storage.can_cache());
    assert!(!config.ticketer.enabled());
    assert!(!config.enable_secret_extraction);
}

#[test]
fn each_missing_file_is_named_and_all_are_reported_at_once() {
    for (name, role) in
        [("tls.crt", TlsRole::Certificate), ("tls.key", TlsRole::PrivateKey), ("ca.crt", TlsRole::ClientCa)]
    {
        let files = Files::good();
        files.remove(name);
        assert_only(&files, role, |fault| *fault == TlsFault::Missing);
        let text = load(&files.paths(), NOW).unwrap_err().to_string();
        assert!(text.contains(&role.to_string()) && text.contains(name) && text.contains("check the path"), "{text}");
    }
    let files = Files::good();
    for name in ["tls.crt", "tls.key", "ca.crt"] {
        files.remove(name);
    }
    assert_eq!(faults(&files).len(), 3);
    assert_eq!(load(&files.paths(), NOW).unwrap_err().to_string().lines().count(), 3);
}

#[test]
fn an_empty_ca_bundle_never_means_no_client_authentication() {
    for content in ["", "\n", "# no certificates\n"] {
        let files = Files::good();
        files.write("ca.crt", content.as_bytes());
        assert_only(&files, TlsRole::ClientCa, |fault| *fault == TlsFault::NoBlock("CERTIFICATE"));
    }
}

#[test]
fn swapped_files_are_no_block_of_the_right_kind() {
    let files = Files::good();
    let TlsFiles { certificate, private_key, client_ca } = files.paths();
    let swapped = TlsFiles { certificate: private_key, private_key: certificate, client_ca };
    let error = load(&swapped, NOW).unwrap_err();
    let faults: Vec<_> = error.problems().iter().map(|problem| &problem.fault).collect();
    assert!(matches!(faults.as_slice(), [TlsFault::NoBlock("CERTIFICATE"), TlsFault::NoBlock(_)]), "{faults:?}");
}

#[test]
fn a_directory_is_unreadable_and_a_huge_file_is_too_large() {
    let files = Files::good();
    let mut paths = files.paths();
    paths.certificate = paths.certificate.parent().unwrap().to_owned();
    let error = load(&paths, NOW).unwrap_err();
    assert!(matches!(&error.problems()[0].fault, TlsFault::Unreadable(_)), "{error}");
    files.write("ca.crt", &vec![b'x'; usize::try_from(FILE_BYTES_MAX).unwrap() + 1]);
    assert_only(&files, TlsRole::ClientCa, |fault| *fault == TlsFault::TooLarge);
}

#[test]
fn broken_pem_and_broken_der_are_told_apart() {
    let files = Files::good();
    files.write("tls.crt", b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    files.write("tls.key", b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    files.write("ca.crt", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    let found = faults(&files);
    assert!(
        matches!(
            found.as_slice(),
            [
                (TlsRole::Certificate, TlsFault::NotPem(_)),
                (TlsRole::ClientCa, TlsFault::BrokenCertificate { at: 1, .. })
            ]
        ),
        "{found:?}"
    );
    let files = Files::good();
    files.write("tls.key", b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    assert_only(&files, TlsRole::PrivateKey, |fault| matches!(fault, TlsFault::BrokenKey(_)));
    files.write("tls.key", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n");
    assert_only(&files, TlsRole::PrivateKey, |fault| matches!(fault, TlsFault::NoBlock(_)));
}

#[test]
fn one_broken_certificate_spoils_its_file() {
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let files = Files::good();
    files.write("ca.crt", format!("{}{broken}", CLIENTS.pem).as_bytes());
    assert_only(&files, TlsRole::ClientCa, |fault| matches!(fault, TlsFault::BrokenCertificate { at: 2, .. }));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let files = Files::good();
    files.write("tls.key", KeyPair::generate().unwrap().serialize_pem().as_bytes());
    assert_only(&files, TlsRole::PrivateKey, |fault| *fault == TlsFault::KeyMismatch);
}

#[test]
fn the_servers_certificate_must_be_valid_now() {
    let with = |from: i32, to: i32| {
        let mut params = server_params(SERVER_NAME);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        Files::with(&params)
    };
    assert_only(&with(2020, 2026), TlsRole::Certificate, |fault| matches!(fault, TlsFault::Expired { at: 1, .. }));
    assert_only(&with(2027, 2030), TlsRole::Certificate, |fault| matches!(fault, TlsFault::NotYetValid { at: 1, .. }));
    let text = load(&with(2020, 2026).paths(), NOW).unwrap_err().to_string();
    assert!(text.contains("expired at 2026-01-01T00:00:00.999999Z"), "{text}");
    let files = with(2020, 2027);
    let last = Timestamp::from_unix(date_time_ymd(2027, 1, 1).unix_timestamp(), 0);
    assert!(load(&files.paths(), last).is_ok());
    assert!(load(&files.paths(), last.plus(Duration::from_secs(1))).is_err());
}

#[test]
fn an_expired_intermediate_is_found_too() {
    let files = Files::good();
    let mut old = ca_params("old intermediate");
    old.not_after = date_time_ymd(2026, 1, 1);
    let leaf = fs::read_to_string(files.paths().certificate).unwrap();
    files.write("tls.crt", format!("{leaf}{}", TestCa::with(old).pem).as_bytes());
    assert_only(&files, TlsRole::Certificate, |fault| matches!(fault, TlsFault::Expired { at: 2, .. }));
}

#[test]
fn only_cas_vouch_for_clients() {
    let files = Files::good();
    let leaf = CLIENTS.issue(&client_params(vec![uri("spiffe://example.org/a")]));
    files.write("ca.crt", format!("{}{}", CLIENTS.pem, leaf.pem).as_bytes());
    assert_only(&files, TlsRole::ClientCa, |fault| *fault == TlsFault::NotACa { at: 2 });
    let mut self_signed = CertificateParams::default();
    self_signed.is_ca = IsCa::NoCa;
    let key = KeyPair::generate().unwrap();
    files.write("ca.crt", self_signed.self_signed(&key).unwrap().pem().as_bytes());
    assert_only(&files, TlsRole::ClientCa, |fault| *fault == TlsFault::NotACa { at: 1 });
}

#[test]
fn an_expired_client_ca_is_left_out_and_alone_is_refused() {
    let mut old = ca_params("old clients");
    old.not_after = date_time_ymd(2026, 1, 1);
    let old = TestCa::with(old);
    let both = || certificates(format!("{}{}", old.pem, CLIENTS.pem).as_bytes()).unwrap();
    let (roots, _) = client_roots(both(), NOW).unwrap();
    assert_eq!(roots.len(), 1);
    let before = Timestamp::from_unix(date_time_ymd(2025, 1, 1).unix_timestamp(), 0);
    let (roots, expires) = client_roots(both(), before).unwrap();
    assert_eq!(roots.len(), 2);
    assert_eq!(expires, Timestamp::from_unix(date_time_ymd(2026, 1, 1).unix_timestamp(), 999_999_999));
    let files = Files::good();
    files.write("ca.crt", old.pem.as_bytes());
    assert_only(&files, TlsRole::ClientCa, |fault| matches!(fault, TlsFault::Expired { at: 1, .. }));
}

#[test]
fn errors_never_repeat_what_the_files_hold() {
    let files = Files::good();
    let secret = KeyPair::generate().unwrap().serialize_pem();
    files.write("tls.crt", secret.as_bytes());
    files.write("tls.key", secret.replace("PRIVATE", "SECRET").as_bytes());
    files.write("ca.crt", secret.as_bytes());
    let error = load(&files.paths(), NOW).unwrap_err();
    let body = secret.lines().nth(1).unwrap();
    assert!(!error.to_string().contains(body) && !format!("{error:?}").contains(body));
}

#[test]
fn a_trust_bundle_in_json_does_as_well_as_pem() {
    let files = Files::good();
    let base64: String = CLIENTS.pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = format!(r#"{{"use":"x509-svid","kty":"EC","x5c":["{base64}"]}}"#);
    files.write("ca.crt", format!(r#" {{"keys":[{key}]}}"#).as_bytes());
    load(&files.paths(), NOW).unwrap();
    let leaf = CLIENTS.issue(&client_params(vec![uri("spiffe://example.org/a")]));
    let base64: String = leaf.pem.lines().filter(|line| !line.starts_with('-')).collect();
    let other = format!(r#"{{"use":"x509-svid","kty":"EC","x5c":["{base64}"]}}"#);
    files.write("ca.crt", format!(r#"{{"keys":[{key},{other}]}}"#).as_bytes());
    assert_only(&files, TlsRole::ClientCa, |fault| *fault == TlsFault::NotACa { at: 2 });
}

#[test]
fn what_is_demanded_of_clients_follows_from_the_files() {
    let files = Files::good();
    let ca = files.path("ca.crt");
    for (client_ca, demanded) in [
        (ClientCa::Required(ca.clone()), ClientCertificate::Required),
        (ClientCa::Optional(ca), ClientCertificate::Optional),
        (ClientCa::None, ClientCertificate::None),
    ] {
        let paths = files.paths_with(client_ca);
        assert_eq!(paths.client_certificate(), demanded);
        let config = load(&paths, NOW).unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec()]);
        assert_eq!((config.send_tls13_tickets, config.max_early_data_size), (0, 0));
    }
}

#[test]
fn an_optional_client_ca_must_be_as_good_as_a_required_one() {
    let files = Files::good();
    files.write("ca.crt", b"");
    let error = load(&files.paths_with(ClientCa::Optional(files.path("ca.crt"))), NOW).unwrap_err();
    assert!(matches!(error.problems()[0].fault, TlsFault::NoBlock("CERTIFICATE")), "{error}");
}
