//! Roles, passwords and TLS.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::*;

/// A file that holds a password, and its folder.
fn password_file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (folder, path)
}

fn guarded_role(database: &Database) -> String {
    let role = format!("role_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'p@ss wörd' IN ROLE {PASSWORD_ROLE}"));
    database.execute(&format!("GRANT CREATE ON DATABASE {} TO {role}", database.name()));
    role
}

#[tokio::test]
async fn the_password_comes_from_its_file_as_it_is_now() {
    let database = Cluster::shared().database("password");
    let role = guarded_role(&database);
    let (_folder, path) = password_file("wrong\n");
    let location = Location::parse(&database.url_of(&role), Some(path.clone())).unwrap();
    let store = open(&location).await.unwrap();
    let error = store.connect(WhenEmpty::Initialise).await.err().unwrap();
    assert_eq!(problem(&error), ServerProblem::NotAuthenticated);
    assert!(error.to_string().contains("pg_hba.conf") && !error.to_string().contains("wrong\n"), "{error}");
    fs::write(&path, "p@ss wörd\n").unwrap();
    store.connect(WhenEmpty::Initialise).await.unwrap();
    store.snapshot().await.unwrap();
    let without = Location::parse(&database.url_of(&role), None).unwrap();
    assert_eq!(problem(&refused(&without).await), ServerProblem::NotAuthenticated);
}

#[tokio::test]
async fn a_password_file_that_is_none_is_refused() {
    let database = Cluster::shared().database("file");
    for (text, word) in [("", "one line"), ("a\nb\n", "one line"), (&*"x".repeat(2000), "at most")] {
        let (_folder, path) = password_file(text);
        let error = refused(&Location::parse(database.url(), Some(path)).unwrap()).await;
        assert!(error.to_string().contains(word), "{error}");
    }
    let (_folder, path) = password_file("good");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let error = refused(&Location::parse(database.url(), Some(path.clone())).unwrap()).await;
    assert!(error.to_string().contains("chmod o="), "{error}");
    fs::remove_file(&path).unwrap();
    let error = refused(&Location::parse(database.url(), Some(path)).unwrap()).await;
    assert!(matches!(error, OpenError::Password { .. }), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_opened_says_why_and_what_to_do() {
    let database = Cluster::shared().database("why");
    let missing = database.url().replace(database.name(), "nobody");
    let role = format!("limited_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 0"));
    let poor = format!("poor_{}", database.name());
    database.execute(&format!("CREATE ROLE {poor} LOGIN"));
    for (url, expected, fix) in [
        (missing, ServerProblem::NoDatabase, "create it"),
        (database.url_of("nobody"), ServerProblem::NotAuthenticated, "check the role"),
        (database.url_of(&role), ServerProblem::TooManyConnections, "raise"),
        (database.url_of(&poor), ServerProblem::NotAllowed, "docs/OPERATIONS.md"),
        ("postgresql://u@127.0.0.1:1/d".to_owned(), ServerProblem::Unreachable, "check that the server runs"),
        ("postgresql://u@/d?host=/nowhere".to_owned(), ServerProblem::Unreachable, "check that the server runs"),
    ] {
        let error = refused(&Location::parse(&url, None).unwrap()).await;
        assert_eq!(problem(&error), expected, "{error}");
        assert!(error.to_string().contains(fix), "{error}");
    }
}

/// A role without any right to change or delete records, made as deploy/postgresql says.
#[tokio::test]
async fn a_gateway_needs_no_right_to_change_or_delete_records() {
    let database = Cluster::shared().database("least");
    connect(&database).await;
    let role = format!("gateway_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN"));
    let grants = include_str!("../../../../deploy/postgresql/grants.sql").replace(":gateway", &role);
    database.execute(&grants);
    let store = open(&Location::parse(&database.url_of(&role), None).unwrap()).await.unwrap();
    let mut connection = store.connect(WhenEmpty::Initialise).await.unwrap();
    let me = Instance::generate();
    let intent =
        NewIntent { index: 1, operation_id: "o".to_owned(), target: Some("t".to_owned()), instance: me.clone() };
    let mut writes = connection.append().await.unwrap();
    writes.renew(&me, Duration::from_secs(30)).await.unwrap();
    writes.probe().await.unwrap();
    writes.add(&Additions { intents: vec![intent], ..one(1) }).await.unwrap();
    let key = crate::store::IntentKey { index: 1, operation_id: "o".to_owned() };
    assert_eq!(writes.close_intents(&[key]).await.unwrap(), [true]);
    let long_ago = crate::clock::Timestamp::from_unix_micros(0);
    writes.expire_backups(long_ago, 1).await.unwrap();
    writes.expire_requests(long_ago, 1).await.unwrap();
    writes.renew(&me, Duration::ZERO).await.unwrap();
    writes.commit().await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().records(0, 10).await.unwrap().len(), 1);
    for sql in [
        "UPDATE rootgate.records SET body = 'x'",
        "DELETE FROM rootgate.records",
        "TRUNCATE rootgate.records",
        "UPDATE rootgate.policy_backups SET policy = 'x'",
        "UPDATE rootgate.journal SET schema_version = 2",
        "INSERT INTO rootgate.archived VALUES (1, 1, '')",
        "DROP TABLE rootgate.records",
        "CREATE TABLE rootgate.x (a int)",
        "ALTER TABLE rootgate.records DISABLE TRIGGER ALL",
    ] {
        let error = database.try_query(&format!("SET ROLE {role}; {sql}")).unwrap_err();
        assert!(error.contains("42501"), "{sql}: {error}");
    }
}

/// An authority, and a certificate by it for these names.
fn certificate(names: &[&str]) -> (String, Tls) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), Tls { certificate: certificate.pem(), key: key.serialize_pem() })
}

#[tokio::test]
async fn over_the_network_the_server_proves_who_it_is() {
    let (authority, tls) = certificate(&["127.0.0.1"]);
    let cluster = Cluster::start_new(&Options { tls: Some(tls), ..Options::default() });
    let database = cluster.database("tls");
    database.execute(&format!(
        "CREATE ROLE remote LOGIN PASSWORD 'right'; GRANT CREATE ON DATABASE {} TO remote",
        database.name()
    ));
    let (folder, password) = password_file("right");
    let port = cluster.tls_port().unwrap();
    let at = |host: &str, authorities: &str| {
        let path = folder.path().join("authorities.pem");
        fs::write(&path, authorities).unwrap();
        let (name, path) = (database.name(), path.display());
        let url = format!("postgresql://remote@{host}:{port}/{name}?sslmode=verify-full&sslrootcert={path}");
        Location::parse(&url, Some(password.clone())).unwrap()
    };
    let store = open(&at("127.0.0.1", &authority)).await.unwrap();
    let mut connection = store.connect(WhenEmpty::Initialise).await.unwrap();
    append(connection.as_mut(), 1).await.unwrap();
    let encrypted =
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND usename = 'remote'";
    assert_eq!(database.query(encrypted), "1");
    let other_name = at("localhost", &authority);
    let other_authority = at("127.0.0.1", &certificate(&["127.0.0.1"]).0);
    for location in [other_authority, other_name] {
        let error = refused(&location).await;
        assert_eq!(problem(&error), ServerProblem::Untrusted, "{location}: {error}");
    }
}
