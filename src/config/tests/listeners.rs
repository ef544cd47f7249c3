//! Listeners: what each address and scheme needs and forbids.

use super::*;

/// The certificate of any listener.
const TLS: &str = "certificate = \"server.pem\"\nprivate_key = \"server.key\"\n";
const JWT: &str =
    "[authentication.jwt.issuers.login]\nissuer = \"https://login.example.org\"\naudiences = [\"rootgate\"]\n";
const MESH: &str = "[authentication.mesh]\nproxy = \"linkerd\"\ntrust_domains = [\"example.org\"]\n";
const AWS_IAM: &str = "[authentication.aws_iam]\naudience = \"rootgate\"\naccounts = [\"111122223333\"]\n";

/// The minimal configuration with every scheme configured, and this as the section of its one listener. The listener's
/// name is in line 1.
fn with_listener(lines: &str) -> String {
    let (_, rest) = MINIMAL.split_once("[authentication.mtls]").unwrap();
    let others =
        "[listeners.all]\nlisten = \"127.0.0.1:1\"\nschemes = [\"mtls\", \"jwt\", \"aws_iam\"]\n[listeners.all.tls]\n";
    // All listeners with client certificates have the same authorities.
    let api: String =
        lines.lines().filter(|line| line.starts_with("spiffe_")).map(|line| format!("{line}\n")).collect();
    let material = if !api.contains("unix:") || lines.contains("client_ca") {
        format!("client_ca = \"ca.pem\"\n{TLS}")
    } else {
        api
    };
    let proxy = "[listeners.proxy]\nlisten = \"127.0.0.1:2\"\nschemes = [\"mesh\"]\n";
    format!("[listeners.main]\n{lines}\n{others}{material}{proxy}{JWT}{MESH}{AWS_IAM}[authentication.mtls]{rest}")
}

fn main_listener(lines: &str) -> ListenerConfig {
    let config = parse(&with_listener(lines)).unwrap_or_else(|errors| panic!("{lines}: {errors}"));
    config.listeners.into_iter().find(|listener| listener.name == "main").unwrap()
}

/// `schemes`, the rest of TLS, and what becomes of client certificates.
#[test]
fn whether_clients_show_certificates_follows_the_schemes() {
    const CA: &str = "client_ca = \"ca.pem\"";
    const API: &str = "spiffe_workload_api = \"unix:/run/spire.sock\"";
    for (schemes, tls, expected) in [
        ("'mtls'", CA, ClientCertificate::Required),
        ("'mtls', 'jwt'", CA, ClientCertificate::Optional),
        ("'mtls', 'aws_iam'", CA, ClientCertificate::Optional),
        ("'jwt'", CA, ClientCertificate::Optional),
        ("'jwt'", "", ClientCertificate::None),
        ("'aws_iam'", "", ClientCertificate::None),
        ("'jwt'", "client_ca = 'ca.pem'\nclient_certificate = 'required'", ClientCertificate::Required),
        ("'aws_iam'", "client_ca = 'ca.pem'\nclient_certificate = 'required'", ClientCertificate::Required),
        ("'mesh'", "", ClientCertificate::None),
        ("'mtls'", API, ClientCertificate::Required),
        ("'mtls', 'jwt'", API, ClientCertificate::Optional),
        ("'jwt'", API, ClientCertificate::Optional),
        ("'aws_iam'", API, ClientCertificate::None),
        ("'mesh'", API, ClientCertificate::None),
    ] {
        let files = if tls == API { "" } else { TLS };
        let lines = format!("listen = '127.0.0.1:3'\nschemes = [{schemes}]\n[listeners.main.tls]\n{files}{tls}");
        assert_eq!(main_listener(&lines).tls.unwrap().client_certificate, expected, "{schemes} {tls}");
    }
}

#[test]
fn a_sidecar_has_a_socket_of_its_own() {
    let least = main_listener("listen = 'unix:/run/rootgate/sidecar.sock'\nschemes = ['mesh']");
    assert_eq!(
        least,
        ListenerConfig {
            name: "main".to_owned(),
            listen: ListenAddress::Unix(PathBuf::from("/run/rootgate/sidecar.sock")),
            schemes: [Scheme::Mesh].into(),
            tls: None,
            unix: Some(UnixConfig { socket_mode: 0o600, peer_uids: [].into() }),
        }
    );
    let more = "listen = 'unix:run/s.sock'\nschemes = ['mesh']\nsocket_mode = '0660'\npeer_uids = [1337, 0]";
    let more = main_listener(more);
    assert_eq!(more.listen, ListenAddress::Unix(PathBuf::from("/etc/rootgate/run/s.sock")));
    assert_eq!(more.unix, Some(UnixConfig { socket_mode: 0o660, peer_uids: [0, 1337].into() }));
    let loopback = main_listener("listen = '[::1]:3'\nschemes = ['mesh']");
    assert_eq!((loopback.tls, loopback.unix), (None, None));
}

#[test]
fn the_workload_api_replaces_the_files() {
    let tls = "spiffe_workload_api = 'unix:///run/spire/agent.sock'\nspiffe_trust_domains = ['b.example', 'a.example']";
    let lines = format!("listen = '0.0.0.0:3'\nschemes = ['mtls']\n[listeners.main.tls]\n{tls}");
    assert_eq!(
        main_listener(&lines).tls.unwrap().material,
        TlsMaterial::WorkloadApi {
            socket: PathBuf::from("/run/spire/agent.sock"),
            trust_domains: ["a.example".parse().unwrap(), "b.example".parse().unwrap()].into(),
        }
    );
}

/// The names of `[authentication.mtls]` hold everywhere, and a CA could issue those of another listener's callers.
#[test]
fn listeners_with_client_certificates_trust_the_same_authorities() {
    let second = |material: &str| {
        format!(
            "{MINIMAL}[listeners.other]\nlisten = '127.0.0.1:2'\nschemes = ['mtls']\n[listeners.other.tls]\n{material}\n"
        )
    };
    let files = |client_ca: &str| second(&format!("certificate = 'c'\nprivate_key = 'k'\nclient_ca = '{client_ca}'"));
    assert_eq!(parse(&files("clients-ca.pem")).unwrap().listeners.len(), 2);
    for other in [files("other-ca.pem"), second("spiffe_workload_api = 'unix:/run/agent.sock'")] {
        let errors = errors(&other);
        assert!(errors.len() == 1 && errors[0].contains("listeners main and other trust different ones"), "{errors:?}");
        assert!(errors[0].starts_with("f:8:1: authentication.mtls: "), "{errors:?}");
    }
}

#[test]
fn listeners_are_by_name_and_at_most_sixteen() {
    let listener = |i: usize| format!("[listeners.l{i:02}]\nlisten = '127.0.0.1:0'\nschemes = ['mesh']\n");
    let more = |count: usize| MINIMAL.to_owned() + MESH + &(1..count).rev().map(listener).collect::<String>();
    let listeners = parse(&more(16)).unwrap().listeners;
    assert!(listeners.len() == 16 && listeners.is_sorted_by_key(|listener| listener.name.clone()));
    assert_errors(&more(17), &["f:1:2: listeners: must hold at most 16 listeners (remove some)"]);
}

#[test]
fn what_no_listener_may_be_is_refused() {
    let cases: &[(&str, &[&str])] = &[
        // Schemes.
        ("listen = '127.0.0.1:3'", &["f:1:1: listeners.main.schemes: is required (write `schemes = [\"mtls\"]`)"]),
        (
            "listen = '127.0.0.1:3'\nschemes = []",
            &["f:3:11: listeners.main.schemes: must not be empty: nobody could call (write `schemes = \
                 [\"mtls\"]`)"],
        ),
        (
            "listen = '127.0.0.1:3'\nschemes = ['mesh', 'saml']",
            &["f:3:20: listeners.main.schemes[1]: must be mtls, jwt, mesh or aws_iam (write \"mtls\")"],
        ),
        (
            "listen = '127.0.0.1:3'\nschemes = ['mesh', 'mesh']",
            &["f:3:20: listeners.main.schemes[1]: is given twice (remove one of them)"],
        ),
        // A mesh is alone, and nobody but the proxy reaches it.
        (
            "listen = '127.0.0.1:3'\nschemes = ['mesh', 'jwt']",
            &["f:3:11: listeners.main.schemes: mesh must be alone: its listener is for the proxy, and every \
                 other caller for a listener without it (write `schemes = [\"mesh\"]`, and a listener of their own \
                 for the others)"],
        ),
        (
            "listen = '0.0.0.0:3'\nschemes = ['mesh']",
            &["f:2:10: listeners.main.listen: must be a Unix socket or a loopback address with scheme mesh: \
                 anybody who reaches the listener can write the header (write \"unix:/run/rootgate/sidecar.sock\" \
                 or \"127.0.0.1:8080\", and let the proxy connect there)"],
        ),
        (
            "listen = '0.0.0.0:3'\nschemes = ['mtls', 'mesh']",
            &[
                "f:2:10: listeners.main.listen: must be a Unix socket or a loopback address with scheme mesh: \
                 anybody who reaches the listener can write the header (write \"unix:/run/rootgate/sidecar.sock\" \
                 or \"127.0.0.1:8080\", and let the proxy connect there)",
                "f:3:11: listeners.main.schemes: mesh must be alone: its listener is for the proxy, and every \
                 other caller for a listener without it (write `schemes = [\"mesh\"]`, and a listener of their own \
                 for the others)",
            ],
        ),
        (
            "listen = '10.0.0.1:3'\nschemes = ['mesh']\ntls = { certificate = 'a', private_key = 'a' }",
            &["f:2:10: listeners.main.listen: must be a Unix socket or a loopback address with scheme mesh: \
                 anybody who reaches the listener can write the header (write \"unix:/run/rootgate/sidecar.sock\" \
                 or \"127.0.0.1:8080\", and let the proxy connect there)"],
        ),
        // TLS.
        (
            "listen = '127.0.0.1:3'\nschemes = ['mtls']",
            &["f:1:1: listeners.main.tls: is required: without TLS, whoever is on the way could be every caller \
                 (add [listeners.main.tls] with certificate and private_key)"],
        ),
        (
            "listen = '127.0.0.1:3'\nschemes = ['jwt']",
            &["f:1:1: listeners.main.tls: is required: without TLS, whoever is on the way could be every caller \
                 (add [listeners.main.tls] with certificate and private_key)"],
        ),
        (
            "listen = '127.0.0.1:3'\nschemes = ['aws_iam']",
            &["f:1:1: listeners.main.tls: is required: without TLS, whoever is on the way could be every caller \
                 (add [listeners.main.tls] with certificate and private_key)"],
        ),
        (
            "listen = '127.0.0.1:3'\nschemes = ['jwt']\ntls = false",
            &["f:4:7: listeners.main.tls: must be a section, not a boolean (write `[listeners.main.tls]` and its \
                 keys below)"],
        ),
        (
            "listen = 'unix:/s'\nschemes = ['mesh']\ntls = { certificate = 'a', private_key = 'a' }",
            &["f:4:7: listeners.main.tls: must not be there on a Unix socket: no network carries it, and the \
                 kernel says who connects (remove the section, or listen on an IP address and a port)"],
        ),
        // Unix sockets.
        (
            "listen = 'unix:/s'\nschemes = ['mtls']",
            &["f:3:11: listeners.main.schemes: only mesh works on a Unix socket: the others prove callers over \
                 TLS (write `schemes = [\"mesh\"]`, or listen on an IP address and a port)"],
        ),
        (
            "listen = 'unix:/s'\nschemes = ['jwt', 'aws_iam']",
            &["f:3:11: listeners.main.schemes: only mesh works on a Unix socket: the others prove callers over \
                 TLS (write `schemes = [\"mesh\"]`, or listen on an IP address and a port)"],
        ),
        (
            "listen = 'unix:/s'\nschemes = ['mesh']\nsocket_mode = '0666'",
            &["f:4:15: listeners.main.socket_mode: must be an octal mode from 0600 to 0660, with nothing for \
                 others: whoever connects can write the header (write \"0600\", or \"0660\" and give the proxy and \
                 the gateway a group in common)"],
        ),
        (
            "listen = 'unix:/s'\nschemes = ['mesh']\nsocket_mode = 600",
            &["f:4:15: listeners.main.socket_mode: must be a string, not an integer (write it in double quotes)"],
        ),
        (
            "listen = 'unix:/s'\nschemes = ['mesh']\npeer_uids = []",
            &["f:4:13: listeners.main.peer_uids: must not be empty: nobody could connect (leave it out for the \
                 gateway's own user id)"],
        ),
        (
            "listen = 'unix:/s'\nschemes = ['mesh']\npeer_uids = ['proxy', -1, 4294967295]",
            &[
                "f:4:14: listeners.main.peer_uids[0]: must be an integer, not a string (write a number without \
                 quotes)",
                "f:4:23: listeners.main.peer_uids[1]: must be a user id from 0 to 4294967294 (look it up with `id \
                 -u USER`)",
                "f:4:27: listeners.main.peer_uids[2]: must be a user id from 0 to 4294967294 (look it up with `id \
                 -u USER`)",
            ],
        ),
        (
            "listen = '127.0.0.1:3'\nschemes = ['mesh']\nsocket_mode = '0600'\npeer_uids = [1]",
            &[
                "f:4:15: listeners.main.socket_mode: is only for a Unix socket (remove it, or write `listen = \
                 \"unix:/run/NAME.sock\"`)",
                "f:5:13: listeners.main.peer_uids: is only for a Unix socket (remove it, or write `listen = \
                 \"unix:/run/NAME.sock\"`)",
            ],
        ),
        (
            "listen = 'unix:@s'\nschemes = ['mesh']",
            &["f:2:10: listeners.main.listen: must be unix: and the path of a socket in the file system (write \
                 \"unix:/run/NAME.sock\")"],
        ),
        (
            &format!("listen = 'unix:/{}'\nschemes = ['mesh']", "a".repeat(107)),
            &["f:2:10: listeners.main.listen: must have at most 107 bytes as a whole path: the system allows no \
                 more (put the socket into a folder with a shorter path, such as /run)"],
        ),
        // Addresses.
        (
            "listen = '127.0.0.1:2'\nschemes = ['mesh']",
            &["f:12:10: listeners.proxy.listen: must not be where another listener listens (choose another port \
                 or path)"],
        ),
    ];
    for (lines, expected) in cases {
        assert_errors(&with_listener(lines), expected);
    }
}

#[test]
fn what_tls_does_not_fit_the_schemes_is_refused() {
    let with_tls = |schemes: &str, tls: &str| {
        with_listener(&format!("listen = '127.0.0.1:3'\nschemes = [{schemes}]\n[listeners.main.tls]\n{tls}"))
    };
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "'mtls'",
            "certificate = 'a'\nprivate_key = 'a'",
            &["f:4:1: listeners.main.tls.client_ca: is required by scheme mtls: it says whose certificates are \
                 believed (write `client_ca = \"clients-ca.pem\"`)"],
        ),
        (
            "'mtls'",
            "certificate = 'a'",
            &[
                "f:4:1: listeners.main.tls.private_key: is required (write `private_key = \"server.key\"`)",
                "f:4:1: listeners.main.tls.client_ca: is required by scheme mtls: it says whose certificates are \
                 believed (write `client_ca = \"clients-ca.pem\"`)",
            ],
        ),
        (
            "'mtls', 'jwt'",
            "certificate = 'a'\nprivate_key = 'a'",
            &["f:4:1: listeners.main.tls.client_ca: is required by scheme mtls: it says whose certificates are \
                 believed (write `client_ca = \"clients-ca.pem\"`)"],
        ),
        (
            "'jwt'",
            "certificate = 'a'\nprivate_key = 'a'\nclient_certificate = 'required'",
            &["f:7:22: listeners.main.tls.client_certificate: needs client_ca: without it no client certificate \
                 can be verified (write `client_ca = \"clients-ca.pem\"`)"],
        ),
        (
            "'mtls'",
            "certificate = 'a'\nprivate_key = 'a'\nclient_ca = 'a'\nclient_certificate = 'optional'",
            &["f:8:22: listeners.main.tls.client_certificate: must be required with scheme mtls alone: who shows \
                 no certificate could prove nothing (write \"required\", or leave it out)"],
        ),
        (
            "'mtls', 'jwt'",
            "certificate = 'a'\nprivate_key = 'a'\nclient_ca = 'a'\nclient_certificate = 'required'",
            &["f:8:22: listeners.main.tls.client_certificate: must be optional with scheme mtls beside others: \
                 whoever proves otherwise who it is would have to show a certificate too, and nobody may prove two \
                 identities (write \"optional\", or give the other schemes a listener of their own)"],
        ),
        (
            "'mtls'",
            "certificate = 'a'\nprivate_key = 'a'\nclient_ca = 'a'\nclient_certificate = 'none'",
            &["f:8:22: listeners.main.tls.client_certificate: must be required or optional (write \"required\")"],
        ),
        (
            "'aws_iam'",
            "certificate = 'a'\nprivate_key = 'a'\nclient_ca = 'a'",
            &["f:7:13: listeners.main.tls.client_ca: has no use: no scheme of this listener looks at client \
                 certificates (remove it, or write `client_certificate = \"required\"` to let in only who has one)"],
        ),
        (
            "'mesh'",
            "certificate = 'a'\nprivate_key = 'a'\nclient_ca = 'a'\nclient_certificate = 'required'",
            &["f:7:13: listeners.main.tls.client_ca: has no use with scheme mesh, which believes nobody who shows \
                 a certificate of its own (remove it)"],
        ),
        (
            "'aws_iam'",
            "spiffe_workload_api = 'unix:/s'\nclient_certificate = 'optional'",
            &["f:6:22: listeners.main.tls.client_certificate: has no use: no scheme of this listener looks at \
                 client certificates (remove it, or write `client_certificate = \"required\"` to let in only who \
                 has one)"],
        ),
        (
            "'mtls'",
            "certificate = 'a'\nclient_ca = 'a'\nspiffe_workload_api = 'unix:/s'",
            &["f:5:15: listeners.main.tls.certificate: contradiction: spiffe_workload_api gives certificate, key \
                 and authorities (remove either the files or spiffe_workload_api)"],
        ),
        (
            "'mtls'",
            "spiffe_workload_api = '/run/spire.sock'",
            &["f:5:23: listeners.main.tls.spiffe_workload_api: must be unix: and the path of a socket in the \
                 file system (write \"unix:/run/NAME.sock\")"],
        ),
        (
            "'mtls'",
            "certificate = 'a'\nprivate_key = 'a'\nclient_ca = 'a'\nspiffe_trust_domains = ['a']",
            &["f:8:24: listeners.main.tls.spiffe_trust_domains: is only for spiffe_workload_api: a file has the \
                 authorities that it has (remove it; [authentication.mtls] says which trust domains are callers)"],
        ),
        (
            "'mtls'",
            "client_ca = ''",
            &[
                "f:4:1: listeners.main.tls.certificate: is required (write `certificate = \"server.pem\"`)",
                "f:4:1: listeners.main.tls.private_key: is required (write `private_key = \"server.key\"`)",
                "f:5:13: listeners.main.tls.client_ca: must be a path (write the path of a file, not its content)",
            ],
        ),
    ];
    for (schemes, tls, expected) in cases {
        assert_errors(&with_tls(schemes, tls), expected);
    }
}

#[test]
fn a_scheme_is_configured_and_used_or_neither() {
    let cases: [(String, &[&str]); 3] = [
        (
            minimal_with("[\"mtls\"]", "[\"mtls\", \"jwt\", \"aws_iam\"]"),
            &[
                "f:3:20: listeners.main.schemes[1]: must be configured: there is no [authentication.jwt] (add \
                 [authentication.jwt], or take jwt off the list)",
                "f:3:27: listeners.main.schemes[2]: must be configured: there is no [authentication.aws_iam] (add \
                 [authentication.aws_iam], or take aws_iam off the list)",
            ],
        ),
        (
            format!("{MINIMAL}{JWT}{AWS_IAM}{MESH}"),
            &[
                "f:17:17: authentication.jwt: has no use: no listener believes this scheme (add \"jwt\" to the \
                 `schemes` of a listener, or remove the section)",
                "f:20:1: authentication.aws_iam: has no use: no listener believes this scheme (add \"aws_iam\" to \
                 the `schemes` of a listener, or remove the section)",
                "f:23:1: authentication.mesh: has no use: no listener believes this scheme (add \"mesh\" to the \
                 `schemes` of a listener, or remove the section)",
            ],
        ),
        (
            MINIMAL.replace("[authentication.mtls]", "[authentication]\n[authentication.mtlss]"),
            &[
                "f:3:12: listeners.main.schemes[0]: must be configured: there is no [authentication.mtls] (add \
                 [authentication.mtls], or take mtls off the list)",
                "f:9:17: authentication.mtlss: is not known (did you mean `mtls`?)",
            ],
        ),
    ];
    for (text, expected) in &cases {
        assert_errors(text, expected);
    }
}

/// Who upgrades an old configuration learns where its keys are now.
#[test]
fn old_keys_say_where_they_are_now() {
    let old = "[server]\nlisten = '127.0.0.1:8443'\n[server.tls]\ncertificate = 'server.pem'\n";
    let without = &MINIMAL[MINIMAL.find("[authentication.mtls]").unwrap()..];
    assert_errors(
        &format!("{old}{without}"),
        &[
            "f:1:1: listeners: is required: they say where to listen (add [listeners.main] with `listen = \
                 \"127.0.0.1:8443\"` and `schemes = [\"mtls\"]`, and [listeners.main.tls])",
            "f:2:1: server.listen: has moved: each listener has a section of its own (write [listeners.main] \
                 with this `listen` and `schemes = [\"mtls\"]`)",
            "f:3:9: server.tls: has moved: each listener has a section of its own (write it as \
                 [listeners.main.tls])",
        ],
    );
}
