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
        ("[journal]", "[servers]\n[journal]", &["f:15:2: servers: is not known (did you mean `server`?)"]),
        (
            "[journal]",
            "[server]\nreflexion = true\n[journal]",
            &["f:16:1: server.reflexion: is not known (did you mean `reflection`?)"],
        ),
        (
            "listen =",
            "address = ''\nlisten =",
            &[
                "f:2:1: listeners.main.address: is not known (remove it; known here: listen, peer_uids, schemes, socket_mode, tls)",
            ],
        ),
        (
            "certificate =",
            "port = 1\ncertificate =",
            &[
                "f:5:1: listeners.main.tls.port: is not known (remove it; known here: certificate, client_ca, client_certificate, \
                 handshake_timeout, private_key, spiffe_trust_domains, spiffe_workload_api)",
            ],
        ),
        (
            "[authentication.mtls]",
            "[server.limits]\nconnection-max = 5\n[authentication.mtls]",
            &["f:9:1: server.limits.connection-max: is not known (did you mean `connections_max`?)"],
        ),
        (
            "[authentication.mtls]",
            "[authentication]\nsaml = {}\n[authentication.mtls]",
            &["f:9:1: authentication.saml: is not known (remove it; known here: aws_iam, jwt, mesh, mtls)"],
        ),
        (
            "spiffe_trust_domains =",
            "uri_san = []\nspiffe_trust_domains =",
            &["f:9:1: authentication.mtls.uri_san: is not known (did you mean `uri_sans`?)"],
        ),
        (
            "policies =",
            "group = {}\npolicies =",
            &["f:11:1: authorization.group: is not known (did you mean `groups`?)"],
        ),
        (
            "home_region =",
            "Retries = 1\n\"attempts.max\" = 1\nhome_region =",
            &[
                "f:13:1: aws.Retries: is not known (remove it; known here: account_cache_ttl, allowed_regions, assume_root_per_second_max, \
             attempt_timeout, attempts_max, broker, connect_timeout, delegated_administrator_allowed, development, home_region, operation_timeout, \
             protected_accounts, session_duration_default, session_duration_max)",
                "f:14:1: aws.attempts.max: is not known (did you mean `attempts_max`?)",
            ],
        ),
        ("[journal]", "[journal]\npaht = 'a'", &["f:16:1: journal.paht: is not known (did you mean `path`?)"]),
        (
            "[journal]",
            "[log]\nlevels = 'info'\n[journal]",
            &["f:16:1: log.levels: is not known (did you mean `level`?)"],
        ),
    ]);
}

#[test]
fn what_is_required_must_be_there() {
    assert_eq!(
        errors(""),
        [
            "f:1:1: listeners: is required: they say where to listen (add [listeners.main] with `listen = \"127.0.0.1:8443\"` and \
             `schemes = [\"mtls\"]`, and [listeners.main.tls])",
            "f:1:1: aws: is required: it says where the gateway may act (add [aws] with home_region and allowed_regions)",
            "f:1:1: authentication: is required: somebody must be able to call (add [authentication.mtls] with \
             `spiffe_trust_domains = [\"example.org\"]`, dns_sans or uri_sans)",
            "f:1:1: authorization: is required: without policies nothing is allowed (add [authorization] with \
             `policies = [\"policies/\"]`)",
            "f:1:1: journal: is required: no act goes unrecorded (add [journal] with `path = \"journal.db\"`)",
        ]
    );
    assert_refused(&[
        (
            "listen = \"127.0.0.1:8443\"\n",
            "",
            &["f:1:1: listeners.main.listen: is required (write `listen = \"127.0.0.1:8443\"`)"],
        ),
        (
            "private_key = \"/run/secrets/server.key\"\n",
            "",
            &["f:4:1: listeners.main.tls.private_key: is required (write `private_key = \"server.key\"`)"],
        ),
        (
            "[authentication.mtls]\nspiffe_trust_domains = [\"example.org\"]",
            "",
            &["f:1:1: authentication: is required: somebody must be able to call (add [authentication.mtls] with \
                 `spiffe_trust_domains = [\"example.org\"]`, dns_sans or uri_sans)"],
        ),
        (
            "spiffe_trust_domains = [\"example.org\"]",
            "spiffe_trust_domains = []",
            &["f:8:1: authentication.mtls: names no certificate, so nobody could call (give \
               `spiffe_trust_domains = [\"example.org\"]`, dns_sans or uri_sans)"],
        ),
        (
            "policies = [\"policies/\"]",
            "",
            &["f:10:1: authorization.policies: is required (write `policies = [\"policies/\"]`)"],
        ),
        (
            "[\"policies/\"]",
            "[]",
            &[
                "f:11:12: authorization.policies: must not be empty: without policies nothing is allowed (write `policies = [\"policies/\"]`)",
            ],
        ),
        (
            "allowed_regions = [\"us-east-1\", \"eu-west-1\"]\n",
            "",
            &["f:12:1: aws.allowed_regions: is required (write `allowed_regions = [\"us-east-1\", \"eu-west-1\"]`)"],
        ),
        (
            "path = \"journal.db\"",
            "",
            &[
                "f:15:1: journal.path: is required (write `path = \"journal.db\"`; or `url` for a PostgreSQL database that \
               several gateways share)",
            ],
        ),
    ]);
}

#[test]
fn a_journal_is_in_one_place_and_its_password_in_a_file() {
    let both = "path = \"journal.db\"\nurl = \"postgresql://u@127.0.0.1/d\"";
    assert_refused(&[
        (
            "path = \"journal.db\"",
            both,
            &[
                "f:17:7: journal.url: cannot be given together with path: there is one journal (keep path for one gateway \
               alone, or url for several that share a database)",
            ],
        ),
        (
            "path = \"journal.db\"",
            "path = \"journal.db\"\npassword_file = \"password\"",
            &[
                "f:17:17: journal.password_file: is for a database, and the journal is a file (remove it, or give url in \
               place of path)",
            ],
        ),
        (
            "path = \"journal.db\"",
            "url = \"journal.db\"",
            &[
                "f:16:7: journal.url: must begin with postgresql:// (write postgresql://USER@HOST/DATABASE; a file belongs \
               into path)",
            ],
        ),
        (
            "path = \"journal.db\"",
            "url = \"postgresql://u:SECRET@127.0.0.1/d\"",
            &[
                "f:16:7: journal.url: must not hold a password: URLs are logged and shown (take the password out of the URL, \
               change it, and put it into a file that password_file names)",
            ],
        ),
        (
            "path = \"journal.db\"",
            "url = \"postgresql://u@db.internal/d\"",
            &[
                "f:16:7: journal.url: must have sslmode=verify-full: without it anybody on the way can read and change the \
               journal (add sslmode=verify-full&sslrootcert=/path/of/the/authority.pem; only a Unix socket, 127.0.0.1 and \
               [::1] may do without)",
            ],
        ),
    ]);
}

#[test]
fn wrong_types_are_refused() {
    assert_refused(&[
        (
            "\"127.0.0.1:8443\"",
            "8443",
            &["f:2:10: listeners.main.listen: must be a string, not an integer (write it in double quotes)"],
        ),
        (
            "\"127.0.0.1:8443\"",
            "\"localhost:8443\"",
            &[
                "f:2:10: listeners.main.listen: must be an IP address and a port, or unix: and a path (write \"127.0.0.1:8443\", \"[::1]:8443\" or \
                 \"unix:/run/rootgate/sidecar.sock\"; names are not looked up)",
            ],
        ),
        (
            "[journal]",
            "[server]\nreflection = \"true\"\n[journal]",
            &["f:16:14: server.reflection: must be a boolean, not a string (write true or false, without quotes)"],
        ),
        (
            "[journal]",
            "[server]\nshutdown_grace = 30\n[journal]",
            &[
                "f:16:18: server.shutdown_grace: must be a duration in a string, not an integer (write a whole number and ms, s, m or h in \
               quotes, such as \"30s\")",
            ],
        ),
        (
            "[\"us-east-1\", \"eu-west-1\"]",
            "\"us-east-1\"",
            &[
                "f:14:19: aws.allowed_regions: must be an array, not a string (write a list in brackets, such as [\"a\", \"b\"])",
            ],
        ),
        (
            "\"eu-west-1\"]",
            "1.5, []]",
            &[
                "f:14:33: aws.allowed_regions[1]: must be a string, not a float (write it in double quotes)",
                "f:14:38: aws.allowed_regions[2]: must be a string, not an array (write it in double quotes)",
            ],
        ),
        (
            "[journal]",
            "[[journal]]",
            &["f:15:1: journal: must be a section, not an array (write `[journal]` and its keys below)"],
        ),
        (
            "home_region",
            "attempts_max = \"3\"\nhome_region",
            &["f:13:16: aws.attempts_max: must be an integer, not a string (write a number without quotes)"],
        ),
        (
            "home_region",
            "protected_accounts = [111122223333]\nhome_region",
            &["f:13:23: aws.protected_accounts[0]: must be a string, not an integer (write it in double quotes)"],
        ),
        (
            "policies =",
            "groups = [\"a\"]\npolicies =",
            &[
                "f:11:10: authorization.groups: must be a section, not an array (write `[authorization.groups]` and its keys below)",
            ],
        ),
    ]);
}

#[test]
fn regions_accounts_and_endpoints_are_refused_with_their_rule() {
    const REGION: &str = "must be the name of an AWS region such as eu-west-1 (look it up in the AWS General Reference, \"Regional endpoints\")";
    let region = |place: &str, key: &str| format!("f:{place}: aws.{key}: {REGION}");
    assert_eq!(errors(&minimal_with("\"eu-west-1\"", "\"us-east-1.evil\"")), [region("14:33", "allowed_regions[1]")]);
    assert_eq!(
        errors(&minimal_with("home_region = \"us-east-1\"", "home_region = \"\"")),
        [region("13:15", "home_region")]
    );
    assert_refused(&[
        (
            "home_region = \"us-east-1\"",
            "home_region = \"aws-global\"",
            &[
                "f:13:15: aws.home_region: must not be aws-global: the global STS endpoint does not know AssumeRoot (name a region such as us-east-1)",
            ],
        ),
        (
            "\"eu-west-1\"]",
            "\"aws-global\"]",
            &[
                "f:14:33: aws.allowed_regions[1]: must not be aws-global: the global STS endpoint does not know AssumeRoot (name a region \
               such as us-east-1)",
            ],
        ),
        ("\"eu-west-1\"]", "\"us-east-1\"]", &["f:14:33: aws.allowed_regions[1]: is given twice (remove one of them)"]),
        (
            "home_region",
            "protected_accounts = [\"1234\"]\nhome_region",
            &[
                "f:13:23: aws.protected_accounts[0]: must be an AWS account id of exactly 12 digits (write it in quotes, with its leading zeros)",
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
    let missing = "f:17:1: aws.development.allow_endpoint_override: is required (in production remove [aws.development]; for a simulator \
                   write `allow_endpoint_override = \"yes-root-sessions-may-leave-aws\"`)";
    assert_eq!(errors(&with("endpoint = \"http://127.0.0.1:4599\"")), [missing]);
    assert_eq!(
        errors(&with("endpoint = \"http://127.0.0.1:4599\"\nallow_endpoint_override = \"yes\"")),
        [
            "f:19:27: aws.development.allow_endpoint_override: must be the sentence that says what it does (in production remove \
          [aws.development]; for a simulator write \"yes-root-sessions-may-leave-aws\")"
        ]
    );
    assert_eq!(
        errors(&with("endpoint = \"http://127.0.0.1:4599\"\nallow_endpoint_override = true")),
        [
            "f:19:27: aws.development.allow_endpoint_override: must be a string, not a boolean (write it in double quotes)"
        ]
    );
    assert_eq!(
        errors(&with(&format!("endpoint = \"https://user:pw@evil/\"\n{sentence}"))),
        [
            "f:18:12: aws.development.endpoint: must be http:// or https:// with host and port, and nothing behind (write \
          \"http://127.0.0.1:4599\")"
        ]
    );
    assert_eq!(
        errors(&with(&sentence)),
        [
            "f:17:1: aws.development.endpoint: is required (write `endpoint = \"http://127.0.0.1:4599\"`, or remove the section)"
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
                "f:13:15: aws.home_region: must be one of aws.allowed_regions (add it there, or choose a region that is there)",
            ],
        ),
        (
            "[\"us-east-1\", \"eu-west-1\"]",
            "[]",
            &[
                "f:13:15: aws.home_region: must be one of aws.allowed_regions (add it there, or choose a region that is there)",
            ],
        ),
        (
            "home_region",
            "session_duration_default = \"10m\"\nsession_duration_max = \"5m\"\nhome_region",
            &[
                "f:13:28: aws.session_duration_default: must not be longer than aws.session_duration_max (shorten it, or raise \
               session_duration_max)",
            ],
        ),
        (
            "home_region",
            "session_duration_max = \"1500ms\"\nhome_region",
            &[
                "f:13:24: aws.session_duration_max: must be whole seconds, as AWS counts them (write \"300s\" or \"5m\")",
            ],
        ),
        (
            "home_region",
            "connect_timeout = \"30s\"\nattempt_timeout = \"25s\"\nhome_region",
            &[
                "f:13:19: aws.connect_timeout: contradiction: connect_timeout is longer than attempt_timeout (raise attempt_timeout, \
                 which holds it)",
                "f:14:19: aws.attempt_timeout: contradiction: attempt_timeout is longer than operation_timeout (raise operation_timeout, \
                 which holds it)",
            ],
        ),
        (
            "home_region",
            "operation_timeout = \"4s\"\nhome_region",
            &[
                "f:13:21: aws.operation_timeout: contradiction: attempt_timeout is longer than operation_timeout (raise operation_timeout, \
               which holds it)",
            ],
        ),
        (
            "home_region",
            "session_duration_max = \"16m\"\nhome_region",
            &["f:13:24: aws.session_duration_max: must be from 1s to 15m (leave it out for 15m)"],
        ),
    ]);
}

#[test]
fn all_errors_are_reported_at_once_in_the_order_of_the_file() {
    let text = r#"colour = "red"
[server]
listen = "8443"
[server.tls]
certificate = 1
[server.limits]
connections_max = 0
[listeners.main]
listen = "8443"
schemes = ["mtls", "saml", "jwt"]
[listeners.main.tls]
certificate = 1
private_key = ""
[listeners."side car"]
[authentication.mtls]
dns_sans = ["*.example.org"]
[authentication.jwt.issuers.login]
issuer = "http://login.example.org"
algorithms = ["HS256", "none"]
[authorization.groups]
ops = ["alice"]
[organization]
source = "file"
[limits.operations.AssumRoot]
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
            "1 journal",
            "1 colour",
            "3 server.listen",
            "4 server.tls",
            "7 server.limits.connections_max",
            "9 listeners.main.listen",
            "10 listeners.main.schemes[1]",
            "12 listeners.main.tls.certificate",
            "13 listeners.main.tls.private_key",
            "14 listeners.side car",
            "16 authentication.mtls.dns_sans[0]",
            "17 authentication.jwt.issuers.login.audiences",
            "18 authentication.jwt.issuers.login.issuer",
            "19 authentication.jwt.issuers.login.algorithms[0]",
            "19 authentication.jwt.issuers.login.algorithms[1]",
            "20 authorization.policies",
            "21 authorization.groups.ops[0]",
            "22 organization.file",
            "24 limits.operations.AssumRoot",
            "27 aws.allowed_regions[1]",
            "28 aws.attempts_max",
            "30 log.level",
            "31 log.format",
        ]
    );
    let log: Vec<String> = errors(text).into_iter().filter(|line| line.contains("log.")).collect();
    assert_eq!(
        log,
        [
            "f:30:9: log.level: must not be trace: libraries print headers, and so credentials, at that level (write \"debug\")",
            "f:31:10: log.format: must be auto, json or text (write \"auto\")",
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
