//! The shipped example is good, complete, and true about defaults.

use super::*;

#[test]
fn the_example_shows_the_defaults_and_everything_else() {
    let (example, minimal) = (parse(EXAMPLE).unwrap(), parse(MINIMAL).unwrap());
    assert_eq!((&example.server, &example.limits), (&minimal.server, &minimal.limits));
    assert_eq!((&example.organization, &example.log), (&minimal.organization, &minimal.log));
    assert_eq!(example.backups, minimal.backups);
    assert_eq!(example.journal.request_ids_kept, minimal.journal.request_ids_kept);
    let tls = |config: &Config| {
        let tls = config.listeners[0].tls.clone().unwrap();
        (tls.client_certificate, tls.handshake_timeout)
    };
    assert_eq!(tls(&example), tls(&minimal));
    assert_eq!(AwsConfig { protected_accounts: [].into(), ..example.aws.clone() }, minimal.aws);
    assert_eq!(example.aws.protected_accounts, ["111122223333".parse().unwrap()].into());
    let mtls = example.authentication.mtls.unwrap();
    assert_eq!(mtls.dns_sans, ["deployer.ops.example.org".parse().unwrap()].into());
    assert_eq!(mtls.uri_sans, ["urn:example:incident-bot".parse().unwrap()].into());
    assert_eq!(example.authorization.groups["operators"].len(), 2);
}

#[test]
fn everything_that_the_example_shows_commented_out_works_at_once() {
    let config = parse(&full()).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> = config.listeners.iter().map(|listener| listener.name.as_str()).collect();
    assert_eq!(names, ["main", "sidecar", "tokens"]);
    let used: BTreeSet<Scheme> = config.listeners.iter().flat_map(|listener| &listener.schemes).copied().collect();
    assert_eq!(used, Scheme::ALL.into());
    let presets: Vec<JwtPreset> = config.authentication.jwt.unwrap().issuers.into_iter().map(|i| i.preset).collect();
    assert!(
        matches!(presets[..], [JwtPreset::Kubernetes { .. }, JwtPreset::Oidc { .. }, JwtPreset::Spiffe { .. }]),
        "{presets:?}"
    );
    assert_eq!(config.aws.development, Some(DevelopmentConfig { endpoint: "http://127.0.0.1:4599".to_owned() }));
}

/// A default that the example shows is the one that the reader has: without the line nothing changes.
#[test]
fn what_the_example_shows_as_default_is_the_default() {
    let full = full();
    let all = parse(&full).unwrap();
    let shown: Vec<usize> =
        full.lines().enumerate().filter(|(_, line)| shows_a_default(line)).map(|(i, _)| i).collect();
    assert!(shown.len() > 40, "{}", shown.len());
    for index in shown {
        let others = full.lines().enumerate().filter(|(i, _)| *i != index).map(|(_, line)| line.to_owned() + "\n");
        let without = parse(&others.collect::<String>());
        let line = full.lines().nth(index).unwrap();
        let same = without.map(|without| Config { sha256: all.sha256.clone(), ..without } == all);
        assert_eq!(same, Ok(true), "{line}");
    }
}

/// A key that is neither required nor an example. These are shown for what they say in their section.
fn shows_a_default(line: &str) -> bool {
    const NO_DEFAULTS: [&str; 22] = [
        "IAMAuditRootUserCredentials",
        "listen",
        "schemes",
        "certificate",
        "private_key",
        "client_ca",
        "operators",
        "auditors",
        "burst = 5",
        "issuer",
        "audiences",
        "preset = \"kubernetes\"",
        "preset = \"spiffe\"",
        "jwks_url",
        "ca =",
        "jwks_file",
        "trust_domains",
        "proxy",
        "expected_by",
        "endpoint",
        "allow_endpoint_override",
        "path",
    ];
    let key = line.contains(" = ") && !line.starts_with('#') && !line.starts_with('[');
    let excepted = NO_DEFAULTS.iter().any(|start| line.starts_with(start));
    key && !line.contains("# required") && !line.contains("# example") && !excepted
}

/// Every key that the readers know is in the example: what it does not show is not known to its reader.
#[test]
fn the_example_is_complete() {
    let full = full();
    let headers: Vec<&str> = full.lines().filter(|line| line.starts_with('[')).collect();
    let sections = headers.iter().filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0));
    let tables = ["authentication.jwt.issuers.login.attributes", "authentication.jwt.issuers.login.groups"];
    let free = ["authorization.groups", "aws.broker.roles"];
    let implicit = ["authentication", "authentication.jwt", "limits"];
    for section in sections.filter(|section| !free.contains(section)).chain(implicit) {
        let unknown = if implicit.contains(&section) {
            format!("{full}\n[{section}]\nzzzzzzzz = 1\n")
        } else {
            full.replace(&format!("\n[{section}]"), &format!("\n[{section}]\nzzzzzzzz = 1 #"))
        };
        let [error] = errors(&unknown).try_into().unwrap();
        assert!(error.contains(&format!("{section}.zzzzzzzz: is not known")), "{error}");
        let known = error.split_once("known here: ").unwrap().1.trim_end_matches(')').to_owned();
        for key in known.split(", ") {
            let dotted = |line: &str| {
                let line = line.trim_start_matches("# ");
                let header = line.starts_with('[') && line.contains(&format!("{key}."));
                header || line.contains(&format!(".{key}]")) || line.starts_with(&format!("{key} ="))
            };
            assert!(full.lines().any(dotted), "the example does not show {section} {key}");
        }
    }
    for table in tables {
        assert!(full.contains(&format!("\n{} = {{", table.rsplit('.').next().unwrap())), "{table}");
    }
}
