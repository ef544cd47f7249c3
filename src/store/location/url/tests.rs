use proptest::prelude::*;

use crate::store::{Host, Location, LocationError, PostgresLocation};
use std::path::PathBuf;

const CA: &str = "sslmode=verify-full&sslrootcert=/etc/ca.pem";

fn place(text: &str) -> PostgresLocation {
    match Location::parse(text, None) {
        Ok(Location::Postgres(place)) => *place,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> LocationError {
    Location::parse(text, None).unwrap_err()
}

#[test]
fn a_url_says_everything_but_the_password() {
    let found = place(&format!("postgresql://rootgate@db.internal:6432/journal?{CA}"));
    let expected = PostgresLocation {
        user: "rootgate".to_owned(),
        host: Host::Tcp("db.internal".to_owned()),
        port: 6432,
        database: "journal".to_owned(),
        root_certificates: Some(PathBuf::from("/etc/ca.pem")),
        password_file: None,
    };
    assert_eq!(found, expected);
    let url = format!("postgres://r%40x@db/j%C3%A4?{CA}");
    let with_password = Location::parse(&url, Some(PathBuf::from("/run/password"))).unwrap();
    let Location::Postgres(found) = with_password else { panic!("{with_password:?}") };
    assert_eq!((found.user.as_str(), found.port, found.database.as_str()), ("r@x", 5432, "jä"));
    assert_eq!(found.password_file, Some(PathBuf::from("/run/password")));
    let within = "postgresql://u@127.0.0.1/d?password_file=/run/password";
    assert_eq!(place(within).password_file, Some(PathBuf::from("/run/password")));
    let twice = Location::parse(within, Some(PathBuf::from("/run/password"))).unwrap_err();
    assert!(twice.fix.contains("once"), "{twice}");
}

#[test]
fn what_is_no_url_is_a_path() {
    for path in ["journal.db", "/var/lib/rootgate/journal.db", "./postgresql", "a:b"] {
        assert_eq!(Location::parse(path, None), Ok(Location::File(PathBuf::from(path))));
    }
    assert!(Location::parse("journal.db", Some(PathBuf::from("/p"))).unwrap_err().rule.contains("is a file"));
    assert!(Location::parse("", None).is_err());
    for other in ["mysql://u@h/d", "sqlite://journal.db", "https://example.org/", "POSTGRESQL://u@h/d"] {
        assert!(refused(other).rule.contains("a path or a postgresql:// URL"), "{other}");
    }
}

#[test]
fn a_password_in_the_url_is_refused_and_never_repeated() {
    for url in [
        "postgresql://u:S3CRET@127.0.0.1/d",
        "postgresql://u:S3CRET@x@127.0.0.1/d",
        "postgresql://u@127.0.0.1/d?password=S3CRET",
        "postgresql://u@127.0.0.1/d?passfile=/S3CRET",
    ] {
        let error = refused(url);
        assert!(error.fix.contains("password_file"), "{url}: {error}");
        assert!(!error.to_string().contains("S3CRET"));
    }
}

#[test]
fn only_what_stays_on_this_machine_may_do_without_tls() {
    for url in [
        "postgresql://u@127.0.0.1/d",
        "postgresql://u@127.8.8.8/d?sslmode=disable",
        "postgresql://u@[::1]:5433/d",
        "postgresql://u@%2Fvar%2Frun%2Fpostgresql/d",
        "postgresql://u@/d?host=/var/run/postgresql",
        "postgresql://u@localhost/d?host=%2Fvar%2Frun%2Fpostgresql",
    ] {
        assert_eq!(place(url).root_certificates, None, "{url}");
    }
    for host in ["db.internal", "localhost", "10.0.0.1", "128.0.0.1", "[2001:db8::1]", "0.0.0.0", "[::ffff:127.0.0.1]"]
    {
        for query in ["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca"] {
            let error = refused(&format!("postgresql://u@{host}/d{query}"));
            assert!(error.rule.contains("sslmode=verify-full"), "{host} {query}: {error}");
        }
        assert!(place(&format!("postgresql://u@{host}/d?{CA}")).root_certificates.is_some(), "{host}");
    }
}

#[test]
fn who_vouches_for_the_server_is_said_and_only_where_it_matters() {
    assert!(refused("postgresql://u@db/d?sslmode=verify-full").fix.contains("sslrootcert="));
    assert!(refused("postgresql://u@db/d?sslrootcert=/ca.pem").fix.contains("sslmode=verify-full"));
    assert!(refused("postgresql://u@127.0.0.1/d?sslmode=disable&sslrootcert=/ca.pem").fix.contains("verify-full"));
    assert!(refused("postgresql://u@db/d?sslmode=verify-full&sslrootcert=ca.pem").rule.contains("relative"));
    assert!(refused(&format!("postgresql://u@%2Frun/d?{CA}")).rule.contains("Unix socket"));
    for mode in ["prefer", "require", "allow", "verify-ca", "VERIFY-FULL", ""] {
        assert!(refused(&format!("postgresql://u@127.0.0.1/d?sslmode={mode}")).rule.contains("verify-full"), "{mode}");
    }
}

#[test]
fn what_is_missing_or_strange_is_refused() {
    for (url, word) in [
        ("postgresql://127.0.0.1/d", "role"),
        ("postgresql://@127.0.0.1/d", "role"),
        ("postgresql://u@127.0.0.1", "database"),
        ("postgresql://u@127.0.0.1/", "database"),
        ("postgresql://u@/d", "host"),
        ("postgresql://u@a,b/d", "host"),
        ("postgresql://u@[::1/d", "host"),
        ("postgresql://u@[x]/d", "host"),
        ("postgresql://u@127.0.0.1:0/d", "port"),
        ("postgresql://u@127.0.0.1:70000/d", "port"),
        ("postgresql://u@127.0.0.1:+1/d", "port"),
        ("postgresql://u@127.0.0.1/d/e", "name"),
        ("postgresql://u@127.0.0.1/d%00", "%XX"),
        ("postgresql://u@127.0.0.1/d%4", "%XX"),
        ("postgresql://u@127.0.0.1/d%ff", "%XX"),
        ("postgresql://u@127.0.0.1/a b", "%XX"),
        ("postgresql://u@127.0.0.1/d#x", "fragment"),
        ("postgresql://u@127.0.0.1/d?options=-c%20fsync%3Doff", "unknown"),
        ("postgresql://u@127.0.0.1/d?sslmode=disable&sslmode=disable", "twice"),
        ("postgresql://u@db/d?host=/run", "socket"),
    ] {
        assert!(refused(url).rule.contains(word), "{url}: {}", refused(url));
    }
    assert!(refused(&format!("postgresql://{}@127.0.0.1/d", "u".repeat(64))).rule.contains("name"));
    assert!(refused(&format!("postgresql://u@127.0.0.1/d?host=/{}", "x".repeat(2048))).rule.contains("long"));
}

#[test]
fn it_is_shown_without_its_parameters() {
    let socket = Location::parse("postgresql://u@/d?host=/var/run/postgresql", None).unwrap();
    assert_eq!(socket.to_string(), "postgresql://u@%2Fvar%2Frun%2Fpostgresql:5432/d");
    let six = Location::parse(&format!("postgresql://u@[2001:db8::1]/d?{CA}"), None).unwrap();
    assert_eq!(six.to_string(), "postgresql://u@[2001:db8::1]:5432/d");
    assert_eq!(Location::File(PathBuf::from("/a/b")).to_string(), "/a/b");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_what_is_not_encrypted_stays_here(text in "(postgres(ql)?://)?[ -~]{0,60}") {
        if let Ok(Location::Postgres(place)) = Location::parse(&text, None)
            && place.root_certificates.is_none()
            && let Host::Tcp(host) = &place.host
        {
            prop_assert!(host.parse::<std::net::IpAddr>().unwrap().is_loopback(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_the_same(user in "[a-z]{1,9}", port in 1_u16.., database in "[a-z_]{1,9}") {
        let url = format!("postgresql://{user}@127.0.0.1:{port}/{database}");
        let location = Location::parse(&url, None).unwrap();
        prop_assert_eq!(location.to_string(), url);
    }
}
