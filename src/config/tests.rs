mod authentication;
mod bounds;
mod broker;
mod checkpoint;
mod example;
mod groups;
mod issuers;
mod listeners;
mod refused;
mod sections;

use std::{path::PathBuf, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::store::Location;

const MINIMAL: &str = r#"[listeners.main]
listen = "127.0.0.1:8443"
schemes = ["mtls"]
[listeners.main.tls]
certificate = "server.pem"
private_key = "/run/secrets/server.key"
client_ca = "clients-ca.pem"
[authentication.mtls]
spiffe_trust_domains = ["example.org"]
[authorization]
policies = ["policies/"]
[aws]
home_region = "us-east-1"
allowed_regions = ["us-east-1", "eu-west-1"]
[journal]
path = "journal.db"
"#;

const EXAMPLE: &str = include_str!("../../deploy/rootgate.example.toml");

/// The example with everything that it shows commented out.
fn full() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(|line| on(line) + "\n").collect()
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::from_toml(text, Path::new("/etc/rootgate"), "f")
}

fn errors(text: &str) -> Vec<String> {
    parse(text).unwrap_err().to_string().lines().map(str::to_owned).collect()
}

fn assert_errors(text: &str, expected: &[&str]) {
    assert_eq!(errors(text), expected, "{text}");
}

/// The minimal configuration with one text replaced.
fn minimal_with(from: &str, to: &str) -> String {
    assert_eq!(MINIMAL.matches(from).count(), 1, "{from:?} must occur once");
    MINIMAL.replace(from, to)
}

/// Lines added at the end of a section of the minimal configuration, after the line that ends with the first text.
fn minimal_plus(after: &str, lines: &str) -> String {
    minimal_with(after, &format!("{after}\n{lines}"))
}

#[test]
fn the_minimal_file_gets_every_default() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(
        config.server,
        ServerConfig {
            reflection: true,
            shutdown_grace: Duration::from_secs(25),
            reload_interval: Duration::from_secs(10),
            limits: ServerLimitsConfig {
                connections_max: 1024,
                handshakes_max: 128,
                streams_per_connection_max: 64,
                message_bytes_max: 65_536,
                header_bytes_max: 16_384,
                connection_age_max: Duration::from_secs(1800),
                connection_age_grace: Duration::from_secs(30),
                keepalive_interval: Duration::from_secs(30),
                keepalive_timeout: Duration::from_secs(10),
                operations_in_flight_max: 64,
            },
        }
    );
    assert_eq!(
        config.authentication,
        AuthenticationConfig {
            mtls: Some(MtlsConfig {
                spiffe_trust_domains: ["example.org".parse().unwrap()].into(),
                dns_sans: [].into(),
                uri_sans: [].into(),
            }),
            jwt: None,
            mesh: None,
            aws_iam: None,
        }
    );
    assert_eq!(config.authorization.policies, [PathBuf::from("/etc/rootgate/policies/")]);
    assert!(config.authorization.groups.is_empty());
    assert_eq!(config.organization, OrganizationConfig::None);
    let caller =
        CallerLimitsConfig { operations_per_minute: 60, burst: 20, in_flight_max: 8, refusals_recorded_per_minute: 30 };
    assert_eq!(config.limits, LimitsConfig { caller, operations: [].into() });
    assert_eq!(config.journal.location, Location::File(PathBuf::from("/etc/rootgate/journal.db")));
    assert_eq!(config.log, LogConfig { format: LogFormat::Auto, level: LogLevel::Info });
}

#[test]
fn the_minimal_listener_demands_client_certificates() {
    let [listener] = parse(MINIMAL).unwrap().listeners.try_into().unwrap();
    assert_eq!(
        listener,
        ListenerConfig {
            name: "main".to_owned(),
            listen: ListenAddress::Tcp("127.0.0.1:8443".parse().unwrap()),
            schemes: [Scheme::Mtls].into(),
            tls: Some(TlsConfig {
                material: TlsMaterial::Files {
                    certificate: PathBuf::from("/etc/rootgate/server.pem"),
                    private_key: PathBuf::from("/run/secrets/server.key"),
                    client_ca: Some(PathBuf::from("/etc/rootgate/clients-ca.pem")),
                },
                client_certificate: ClientCertificate::Required,
                handshake_timeout: Duration::from_secs(5),
            }),
            unix: None,
        }
    );
}

#[test]
fn the_minimal_file_gets_the_defaults_of_aws() {
    let region = |name: &str| name.parse().unwrap();
    assert_eq!(
        parse(MINIMAL).unwrap().aws,
        AwsConfig {
            home_region: region("us-east-1"),
            allowed_regions: [region("us-east-1"), region("eu-west-1")].into(),
            protected_accounts: [].into(),
            delegated_administrator_allowed: false,
            session_duration_default: Duration::from_secs(300),
            session_duration_max: Duration::from_secs(900),
            account_cache_ttl: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(3),
            attempts_max: 3,
            assume_root_per_second_max: 5,
            broker: None,
            development: None,
        }
    );
}

#[test]
fn a_default_that_is_not_written_follows_a_shorter_maximum() {
    let aws = parse(&minimal_plus("[aws]", "session_duration_max = \"2m\"")).unwrap().aws;
    assert_eq!(
        (aws.session_duration_default, aws.session_duration_max),
        (Duration::from_secs(120), Duration::from_secs(120))
    );
}

/// A key file given in place of the configuration, or a key pasted in place of its path, must not reach a terminal.
#[test]
fn errors_never_repeat_a_value() {
    const SECRET: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n");
    let pasted = minimal_with("\"/run/secrets/server.key\"", &format!("\"\"\"{pem}\"\"\""));
    let everywhere =
        full().replace(" = \"", &format!(" = \"\\u0007{SECRET}")).replace("[\"", &format!("[\"\\u0007{SECRET}"));
    for text in [pem, pasted, everywhere] {
        let errors = parse(&text).unwrap_err();
        assert!(!errors.to_string().contains(SECRET), "{errors}");
        assert!(!format!("{errors:?}").contains(SECRET));
    }
}

#[test]
fn a_byte_order_mark_is_not_counted() {
    assert!(parse(&format!("\u{feff}{MINIMAL}")).is_ok());
    assert_eq!(errors(&format!("\u{feff}colour = 1\n{MINIMAL}")).len(), 1);
    assert!(errors(&format!("\u{feff}colour = 1\n{MINIMAL}"))[0].starts_with("f:1:1: colour:"));
}

#[test]
fn the_digest_is_of_the_file() {
    let digest = |text: &str| parse(text).unwrap().sha256;
    // FIPS 180-4 test vector "abc", and any change of the file changes it.
    assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(digest(MINIMAL), sha256_hex(MINIMAL.as_bytes()));
    assert_ne!(digest(MINIMAL), digest(&format!("{MINIMAL}# comment\n")));
    assert_ne!(digest(MINIMAL), digest(&format!("\u{feff}{MINIMAL}")));
}

#[test]
fn load_reads_relative_to_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rootgate.toml");
    std::fs::write(&file, MINIMAL).unwrap();
    let config = Config::load(&file).unwrap();
    assert_eq!(config.journal.location, Location::File(folder.path().join("journal.db")));
    assert_eq!(config.sha256, sha256_hex(MINIMAL.as_bytes()));
}

#[test]
fn load_refuses_what_is_no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, bytes: Option<&[u8]>| {
        let file = folder.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&file, bytes).unwrap();
        }
        let text = Config::load(&file).unwrap_err().to_string();
        text.strip_prefix(&format!("{}:", file.display())).unwrap().to_owned()
    };
    let missing = load("missing.toml", None);
    assert!(
        missing.starts_with(" cannot be read: ")
            && missing.ends_with("(give an existing file that this user may read to --config)")
    );
    assert!(load(".", None).starts_with(" cannot be read: "));
    assert_eq!(
        load("latin1.toml", Some(b"# a\n# caf\xe9\n")),
        "2:6: must be UTF-8 (save the file as UTF-8; was another file meant?)"
    );
    let large = vec![b'#'; FILE_BYTES_MAX + 1];
    assert_eq!(load("large.toml", Some(&large)), " must have at most 1 MiB (give the configuration file to --config)");
    assert!(
        Config::from_toml(&"#".repeat(FILE_BYTES_MAX + 1), Path::new(""), "f")
            .unwrap_err()
            .to_string()
            .contains("1 MiB")
    );
}

#[test]
fn a_list_is_bounded() {
    let list = |length: usize| {
        format!("dns_sans = [{}]", (0..length).map(|i| format!("\"h{i}.example\"")).collect::<Vec<_>>().join(","))
    };
    let config = parse(&minimal_plus("[authentication.mtls]", &list(4096))).unwrap();
    assert_eq!(config.authentication.mtls.unwrap().dns_sans.len(), 4096);
    assert_eq!(
        errors(&minimal_plus("[authentication.mtls]", &list(4097))),
        ["f:9:12: authentication.mtls.dns_sans: must have at most 4096 elements (shorten the list)"]
    );
}

#[test]
fn endpoint_variables_are_refused_without_the_sentence() {
    let production = parse(MINIMAL).unwrap();
    let simulator = parse(&format!(
        "{MINIMAL}[aws.development]\nendpoint = \"http://127.0.0.1:1\"\nallow_endpoint_override = \"{ENDPOINT_OVERRIDE_SENTENCE}\"\n"
    ))
    .unwrap();
    let check = |variables: &[(&str, &str)], config: &Config| {
        refuse_endpoint_overrides(&variables.iter().copied().collect(), config).map_err(|refusal| refusal.variables)
    };
    for harmless in ["AWS_REGION", "AWS_ENDPOINT_URLS", "MY_AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_ENDPOINT_UR"] {
        assert_eq!(check(&[(harmless, "x")], &production), Ok(()), "{harmless}");
    }
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_"] {
        assert_eq!(check(&[(variable, "http://evil")], &production), Err(vec![variable.to_owned()]));
        assert_eq!(check(&[(variable, "")], &production), Err(vec![variable.to_owned()]), "empty is set");
        assert_eq!(check(&[(variable, "http://evil")], &simulator), Ok(()));
    }
    let refusal = refuse_endpoint_overrides(
        &Environment::from_iter([("AWS_ENDPOINT_URL_STS", "http://secret"), ("AWS_ENDPOINT_URL", "http://secret")]),
        &production,
    )
    .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the environment redirects AWS calls, and with them root sessions: AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS must not be set \
         (unset it; for a simulator use [aws.development] in the configuration)"
    );
}

#[test]
fn the_environment_shows_names_only() {
    let environment = Environment::from_iter([("AWS_SECRET_ACCESS_KEY", "canary-value")]);
    assert_eq!(environment.get("AWS_SECRET_ACCESS_KEY"), Some("canary-value"));
    assert_eq!(environment.get("aws_secret_access_key"), None);
    assert_eq!(format!("{environment:?}"), "{\"AWS_SECRET_ACCESS_KEY\"}");
    assert!(Environment::of_process().get("PATH").is_some());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}|[\\[\\]a-z.= \"'\n#0-9{},]{0,200}") {
        let _ = parse(&text);
    }

    /// Values of every type at every key: either a configuration, or errors that all have a place in the text.
    #[test]
    fn no_value_panics(
        index in 0usize..120,
        value in prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            "[a-z0-9:./*-]{0,30}".prop_map(|s| format!("{s:?}")),
            "\\PC{0,20}".prop_map(|s| format!("{s:?}")),
            Just("[]".to_owned()), Just("{}".to_owned()), Just("[{a=[1]}]".to_owned()), Just("1979-05-27".to_owned()), Just("nan".to_owned()),
        ],
    ) {
        let full = full();
        let keys: Vec<usize> = full.lines().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#')).map(|(i, _)| i).collect();
        let target = keys[index % keys.len()];
        let lines = full.lines().enumerate().map(|(i, line)| match line.split_once(" = ") {
            Some((key, _)) if i == target => format!("{key} = {value}"),
            _ => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.errors().is_empty());
            for error in errors.errors() {
                let place = error.place.unwrap();
                prop_assert!(place.line <= text.lines().count() + 1 && place.column >= 1, "{error}");
            }
        }
    }
}

/// A section or key that goes missing is an error, never a silent default.
#[test]
fn every_line_of_the_minimal_file_is_needed() {
    for index in 0..MINIMAL.lines().count() {
        let others = MINIMAL.lines().enumerate().filter(|(i, _)| *i != index);
        let text: String = others.map(|(_, line)| format!("{line}\n")).collect();
        assert!(parse(&text).is_err(), "{text}");
    }
}
