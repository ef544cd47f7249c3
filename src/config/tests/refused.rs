//! Bad files and the exact words about them.

use super::*;

/// Each case: what to replace in the minimal configuration by what, and the exact errors.
fn assert_refused(cases: &[(&str, &str, &[&str])]) {
    for (from, to, expected) in cases {
        assert_eq!(errors(&minimal_with(from, to)), *expected, "{to}");
    }
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    assert_refused(&[
        ("[server]", "[servers]\n[server]", &["f:1:2: servers: is not known (did you mean `server`?)"]),
        (
            "listen =",
            "reflexion = true\nlisten =",
            &["f:2:1: server.reflexion: is not known (did you mean `reflection`?)"],
        ),
        (
            "certificate =",
            "port = 1\ncertificate =",
            &[
                "f:4:1: server.tls.port: is not known (remove it; known here: certificate, client_ca, handshake_timeout, private_key)",
            ],
        ),
        (
            "[authentication.mtls]",
            "[server.limits]\nconnection-max = 5\n[authentication.mtls]",
            &["f:8:1: server.limits.connection-max: is not known (did you mean `connections_max`?)"],
        ),
        (
            "[authentication.mtls]",
            "[authentication]\njwt = {}\n[authentication.mtls]",
            &["f:8:1: authentication.jwt: is not known (remove it; known here: mtls)"],
        ),
        (
            "spiffe_trust_domains =",
            "uri_san = []\nspiffe_trust_domains =",
            &["f:8:1: authentication.mtls.uri_san: is not known (did you mean `uri_sans`?)"],
        ),
        (
            "policies =",
            "group = {}\npolicies =",
            &["f:10:1: authorization.group: is not known (did you mean `groups`?)"],
        ),
        (
            "home_region =",
            "Retries = 1\n\"attempts.max\" = 1\nhome_region =",
            &[
                "f:12:1: aws.Retries: is not known (remove it; known here: account_cache_ttl, allowed_regions, assume_root_per_second_max, \
             attempt_timeout, attempts_max, connect_timeout, delegated_administrator_allowed, development, home_region, operation_timeout, \
             protected_accounts, session_duration_default, session_duration_max)",
                "f:13:1: aws.attempts.max: is not known (did you mean `attempts_max`?)",
            ],
        ),
        ("[journal]", "[journal]\npaht = 'a'", &["f:15:1: journal.paht: is not known (did you mean `path`?)"]),
        (
            "[journal]",
            "[log]\nlevels = 'info'\n[journal]",
            &["f:15:1: log.levels: is not known (did you mean `level`?)"],
        ),
    ]);
}

#[test]
fn what_is_required_must_be_there() {
    assert_eq!(
        errors(""),
        [
            "f:1:1: server: is required: it says where to listen (add [server] with listen, and [server.tls] with certificate, \
             private_key and client_ca)",
            "f:1:1: authentication: is required: somebody must be able to call (add [authentication.mtls] with \
             `spiffe_trust_domains = [\"example.org\"]`, dns_sans or uri_sans)",
            "f:1:1: authorization: is required: without policies nothing is allowed (add [authorization] with \
             `policies = [\"policies/\"]`)",
            "f:1:1: aws: is required: it says where the gateway may act (add [aws] with home_region and allowed_regions)",
            "f:1:1: journal: is required: no act goes unrecorded (add [journal] with `path = \"journal.db\"`)",
        ]
    );
    assert_refused(&[
        (
            "listen = \"127.0.0.1:8443\"\n",
            "",
            &["f:1:1: server.listen: is required (write `listen = \"127.0.0.1:8443\"`)"],
        ),
        (
            "client_ca = \"clients-ca.pem\"\n",
            "",
            &["f:3:1: server.tls.client_ca: is required (write `client_ca = \"clients-ca.pem\"`)"],
        ),
        (
            "[authentication.mtls]\nspiffe_trust_domains = [\"example.org\"]",
            "[authentication]",
            &[
                "f:7:1: authentication.mtls: is required: somebody must be able to call (add [authentication.mtls] with \
               `spiffe_trust_domains = [\"example.org\"]`, dns_sans or uri_sans)",
            ],
        ),
        (
            "spiffe_trust_domains = [\"example.org\"]",
            "spiffe_trust_domains = []",
            &["f:7:1: authentication.mtls: names no certificate, so nobody could call (give \
               `spiffe_trust_domains = [\"example.org\"]`, dns_sans or uri_sans)"],
        ),
        (
            "policies = [\"policies/\"]",
            "",
            &["f:9:1: authorization.policies: is required (write `policies = [\"policies/\"]`)"],
        ),
        (
            "[\"policies/\"]",
            "[]",
            &[
                "f:10:12: authorization.policies: must not be empty: without policies nothing is allowed (write `policies = [\"policies/\"]`)",
            ],
        ),
        (
            "allowed_regions = [\"us-east-1\", \"eu-west-1\"]\n",
            "",
            &["f:11:1: aws.allowed_regions: is required (write `allowed_regions = [\"us-east-1\", \"eu-west-1\"]`)"],
        ),
        ("path = \"journal.db\"", "", &["f:14:1: journal.path: is required (write `path = \"journal.db\"`)"]),
    ]);
}

/// A listener without TLS or without client authorities must never come out of a file (cerbos started in plaintext).
#[test]
fn there_is_no_listener_without_authentication() {
    let tls = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"/run/secrets/server.key\"\nclient_ca = \"clients-ca.pem\"\n";
    assert_refused(&[
        (
            tls,
            "",
            &[
                "f:1:1: server.tls: is required: there is no listener without authentication (add [server.tls] with certificate, \
               private_key and client_ca)",
            ],
        ),
        (
            tls,
            "tls = false\n",
            &["f:3:7: server.tls: must be a section, not a boolean (write `[server.tls]` and its keys below)"],
        ),
        (
            "\"clients-ca.pem\"",
            "\"\"",
            &["f:6:13: server.tls.client_ca: must be a path (write the path of a file, not its content)"],
        ),
    ]);
}

#[test]
fn wrong_types_are_refused() {
    assert_refused(&[
        (
            "\"127.0.0.1:8443\"",
            "8443",
            &["f:2:10: server.listen: must be a string, not an integer (write it in double quotes)"],
        ),
        (
            "\"127.0.0.1:8443\"",
            "\"localhost:8443\"",
            &[
                "f:2:10: server.listen: must be an IP address and a port (write \"127.0.0.1:8443\" or \"[::1]:8443\"; names are not looked up)",
            ],
        ),
        (
            "listen =",
            "reflection = \"true\"\nlisten =",
            &["f:2:14: server.reflection: must be a boolean, not a string (write true or false, without quotes)"],
        ),
        (
            "listen =",
            "shutdown_grace = 30\nlisten =",
            &[
                "f:2:18: server.shutdown_grace: must be a duration in a string, not an integer (write a whole number and ms, s, m or h in \
               quotes, such as \"30s\")",
            ],
        ),
        (
            "[\"us-east-1\", \"eu-west-1\"]",
            "\"us-east-1\"",
            &[
                "f:13:19: aws.allowed_regions: must be an array, not a string (write a list in brackets, such as [\"a\", \"b\"])",
            ],
        ),
        (
            "\"eu-west-1\"]",
            "1.5, []]",
            &[
                "f:13:33: aws.allowed_regions[1]: must be a string, not a float (write it in double quotes)",
                "f:13:38: aws.allowed_regions[2]: must be a string, not an array (write it in double quotes)",
            ],
        ),
        (
            "[journal]",
            "[[journal]]",
            &["f:14:1: journal: must be a section, not an array (write `[journal]` and its keys below)"],
        ),
        (
            "home_region",
            "attempts_max = \"3\"\nhome_region",
            &["f:12:16: aws.attempts_max: must be an integer, not a string (write a number without quotes)"],
        ),
        (
            "home_region",
            "protected_accounts = [111122223333]\nhome_region",
            &["f:12:23: aws.protected_accounts[0]: must be a string, not an integer (write it in double quotes)"],
        ),
        (
            "policies =",
            "groups = [\"a\"]\npolicies =",
            &[
                "f:10:10: authorization.groups: must be a section, not an array (write `[authorization.groups]` and its keys below)",
            ],
        ),
    ]);
}

#[test]
fn regions_accounts_and_endpoints_are_refused_with_their_rule() {
    const REGION: &str = "must be the name of an AWS region such as eu-west-1 (look it up in the AWS General Reference, \"Regional endpoints\")";
    let region = |place: &str, key: &str| format!("f:{place}: aws.{key}: {REGION}");
    assert_eq!(errors(&minimal_with("\"eu-west-1\"", "\"us-east-1.evil\"")), [region("13:33", "allowed_regions[1]")]);
    assert_eq!(
        errors(&minimal_with("home_region = \"us-east-1\"", "home_region = \"\"")),
        [region("12:15", "home_region")]
    );
    assert_refused(&[
        (
            "home_region = \"us-east-1\"",
            "home_region = \"aws-global\"",
            &[
                "f:12:15: aws.home_region: must not be aws-global: the global STS endpoint does not know AssumeRoot (name a region such as us-east-1)",
            ],
        ),
        (
            "\"eu-west-1\"]",
            "\"aws-global\"]",
            &[
                "f:13:33: aws.allowed_regions[1]: must not be aws-global: the global STS endpoint does not know AssumeRoot (name a region \
               such as us-east-1)",
            ],
        ),
        ("\"eu-west-1\"]", "\"us-east-1\"]", &["f:13:33: aws.allowed_regions[1]: is given twice (remove one of them)"]),
        (
            "home_region",
            "protected_accounts = [\"1234\"]\nhome_region",
            &[
                "f:12:23: aws.protected_accounts[0]: must be an AWS account id of exactly 12 digits (write it in quotes, with its leading zeros)",
            ],
        ),
    ]);
}

#[test]
fn an_endpoint_needs_the_whole_sentence() {
    let with = |lines: &str| format!("{MINIMAL}[aws.development]\n{lines}\n");
    let sentence = format!("allow_endpoint_override = \"{ENDPOINT_OVERRIDE_SENTENCE}\"");
    let config = parse(&with(&format!("endpoint = \"http://127.0.0.1:4599\"\n{sentence}"))).unwrap();
    assert_eq!(config.aws.development.unwrap().endpoint, "http://127.0.0.1:4599");
    let missing = "f:16:1: aws.development.allow_endpoint_override: is required (in production remove [aws.development]; for a simulator \
                   write `allow_endpoint_override = \"yes-root-sessions-may-leave-aws\"`)";
    assert_eq!(errors(&with("endpoint = \"http://127.0.0.1:4599\"")), [missing]);
    assert_eq!(
        errors(&with("endpoint = \"http://127.0.0.1:4599\"\nallow_endpoint_override = \"yes\"")),
        [
            "f:18:27: aws.development.allow_endpoint_override: must be the sentence that says what it does (in production remove \
          [aws.development]; for a simulator write \"yes-root-sessions-may-leave-aws\")"
        ]
    );
    assert_eq!(
        errors(&with("endpoint = \"http://127.0.0.1:4599\"\nallow_endpoint_override = true")),
        [
            "f:18:27: aws.development.allow_endpoint_override: must be a string, not a boolean (write it in double quotes)"
        ]
    );
    assert_eq!(
        errors(&with(&format!("endpoint = \"https://user:pw@evil/\"\n{sentence}"))),
        [
            "f:17:12: aws.development.endpoint: must be http:// or https:// with host and port, and nothing behind (write \
          \"http://127.0.0.1:4599\")"
        ]
    );
    assert_eq!(
        errors(&with(&sentence)),
        [
            "f:16:1: aws.development.endpoint: is required (write `endpoint = \"http://127.0.0.1:4599\"`, or remove the section)"
        ]
    );
}

#[test]
fn contradictions_are_refused() {
    assert_refused(&[
        (
            "home_region = \"us-east-1\"",
            "home_region = \"ap-south-1\"",
            &[
                "f:12:15: aws.home_region: must be one of aws.allowed_regions (add it there, or choose a region that is there)",
            ],
        ),
        (
            "[\"us-east-1\", \"eu-west-1\"]",
            "[]",
            &[
                "f:12:15: aws.home_region: must be one of aws.allowed_regions (add it there, or choose a region that is there)",
            ],
        ),
        (
            "home_region",
            "session_duration_default = \"10m\"\nsession_duration_max = \"5m\"\nhome_region",
            &[
                "f:12:28: aws.session_duration_default: must not be longer than aws.session_duration_max (shorten it, or raise \
               session_duration_max)",
            ],
        ),
        (
            "home_region",
            "session_duration_max = \"1500ms\"\nhome_region",
            &[
                "f:12:24: aws.session_duration_max: must be whole seconds, as AWS counts them (write \"300s\" or \"5m\")",
            ],
        ),
        (
            "home_region",
            "connect_timeout = \"30s\"\nattempt_timeout = \"25s\"\nhome_region",
            &[
                "f:12:19: aws.connect_timeout: contradiction: connect_timeout is longer than attempt_timeout (raise attempt_timeout, \
                 which holds it)",
                "f:13:19: aws.attempt_timeout: contradiction: attempt_timeout is longer than operation_timeout (raise operation_timeout, \
                 which holds it)",
            ],
        ),
        (
            "home_region",
            "operation_timeout = \"4s\"\nhome_region",
            &[
                "f:12:21: aws.operation_timeout: contradiction: attempt_timeout is longer than operation_timeout (raise operation_timeout, \
               which holds it)",
            ],
        ),
        (
            "home_region",
            "session_duration_max = \"16m\"\nhome_region",
            &["f:12:24: aws.session_duration_max: must be from 1s to 15m (leave it out for 15m)"],
        ),
    ]);
}

#[test]
fn groups_hold_subjects_that_can_call() {
    let with = |line: &str| minimal_plus("policies/\"]", line);
    let groups =
        parse(&with("groups = { ops = [\"spiffe://example.org/ops/alice\", \"deployer.example.org\"], none = [] }"))
            .unwrap();
    assert_eq!(groups.authorization.groups.keys().collect::<Vec<_>>(), ["none", "ops"]);
    for (line, expected) in [
        (
            "groups = { ops = [\"spiffe://exmaple.org/a\"] }",
            "f:11:19: authorization.groups.ops[0]: must not be of a trust domain that cannot call (correct it, or add the trust domain to \
             authentication.mtls.spiffe_trust_domains)",
        ),
        (
            "groups = { ops = [\"spiffe://example.org.evil/a\"] }",
            "f:11:19: authorization.groups.ops[0]: must not be of a trust domain that cannot call (correct it, or add the trust domain to \
             authentication.mtls.spiffe_trust_domains)",
        ),
        (
            "groups = { ops = [\"a b\"] }",
            "f:11:19: authorization.groups.ops[0]: must be a caller's subject: 1 to 2048 bytes without spaces (write it as the journal \
             shows it, such as \"spiffe://example.org/ops/alice\")",
        ),
        (
            "groups = { \"o p\" = [] }",
            "f:11:12: authorization.groups.o p: must be a group's name: 1 to 64 characters of A-Z a-z 0-9 . - _ (rename the group)",
        ),
        (
            "groups = { ops = [\"a\", \"a\"] }",
            "f:11:24: authorization.groups.ops[1]: is given twice (remove one of them)",
        ),
        (
            "groups = { ops = \"a\" }",
            "f:11:18: authorization.groups.ops: must be an array, not a string (write a list in brackets, such as [\"a\", \"b\"])",
        ),
    ] {
        assert_eq!(errors(&with(line)), [expected], "{line}");
    }
}

#[test]
fn all_errors_are_reported_at_once_in_the_order_of_the_file() {
    let text = r#"colour = "red"
[server]
listen = "8443"
[server.tls]
certificate = 1
private_key = ""
[server.limits]
connections_max = 0
[aws]
home_region = "us-east-1"
allowed_regions = ["eu-west-1", "moon"]
attempts_max = 99
[log]
level = "trace"
format = "xml"
"#;
    let keys: Vec<String> =
        parse(text).unwrap_err().errors().iter().map(|e| format!("{} {}", e.place.unwrap().line, e.key)).collect();
    assert_eq!(
        keys,
        [
            "1 authentication",
            "1 authorization",
            "1 journal",
            "1 colour",
            "3 server.listen",
            "4 server.tls.client_ca",
            "5 server.tls.certificate",
            "6 server.tls.private_key",
            "8 server.limits.connections_max",
            "11 aws.allowed_regions[1]",
            "12 aws.attempts_max",
            "14 log.level",
            "15 log.format",
        ]
    );
    let log: Vec<String> = errors(text).into_iter().filter(|line| line.contains("log.")).collect();
    assert_eq!(
        log,
        [
            "f:14:9: log.level: must not be trace: libraries print headers, and so credentials, at that level (write \"debug\")",
            "f:15:10: log.format: must be auto, json or text (write \"auto\")",
        ]
    );
}

#[test]
fn syntax_errors_have_their_place() {
    for (text, expected) in [
        ("[server", vec!["f:1:8: TOML syntax: unclosed table, expected `]` (see https://toml.io)"]),
        ("a = 1\r\na = 2", vec!["f:2:1: TOML syntax: duplicate key (see https://toml.io)"]),
        (
            "a = 1\n\n  é = 2",
            vec!["f:3:3: TOML syntax: invalid unquoted key, expected letters, numbers, `-`, `_` (see https://toml.io)"],
        ),
        (
            "a = 1\na = 2\n[b",
            vec![
                "f:2:1: TOML syntax: duplicate key (see https://toml.io)",
                "f:3:3: TOML syntax: unclosed table, expected `]` (see https://toml.io)",
            ],
        ),
    ] {
        assert_eq!(errors(text), expected, "{text:?}");
    }
}
