//! Schemes: what each is configured with, and what is refused.

use super::*;

/// The minimal configuration with one more listener for these schemes, and these lines behind.
pub(super) fn with_scheme(schemes: &str, lines: &str) -> String {
    let tls = if schemes.contains("mesh") {
        ""
    } else {
        "[listeners.more.tls]\ncertificate = 'a'\nprivate_key = 'a'\nclient_ca = 'a'\nclient_certificate = 'required'\n"
    };
    format!("{MINIMAL}[listeners.more]\nlisten = '127.0.0.1:1'\nschemes = [{schemes}]\n{tls}{lines}\n")
}

#[test]
fn a_mesh_names_its_proxy_and_its_workloads() {
    let mesh = |lines: &str| {
        let text = with_scheme("'mesh'", &format!("[authentication.mesh]\n{lines}"));
        parse(&text).unwrap_or_else(|errors| panic!("{errors}")).authentication.mesh.unwrap()
    };
    let domains = || ["example.org".parse().unwrap()].into();
    assert_eq!(
        mesh("proxy = 'envoy'\ntrust_domains = ['example.org']\nexpected_by = ['spiffe://example.org/gateway']"),
        MeshConfig::Envoy {
            trust_domains: domains(),
            expected_by: vec!["spiffe://example.org/gateway".parse().unwrap()]
        }
    );
    let identity_domains = || ["linkerd.cluster.local".parse().unwrap()].into();
    assert_eq!(
        mesh("proxy = 'linkerd'\nlinkerd_identity_domains = ['linkerd.cluster.local']"),
        MeshConfig::Linkerd { identity_domains: identity_domains(), trust_domains: [].into() }
    );
    assert_eq!(
        mesh("proxy = 'linkerd'\ntrust_domains = ['example.org']"),
        MeshConfig::Linkerd { identity_domains: [].into(), trust_domains: domains() }
    );
}

#[test]
fn a_mesh_that_would_believe_anybody_is_refused() {
    let cases: &[(&str, &[&str])] = &[
        (
            "",
            &["f:20:1: authentication.mesh.proxy: is required (write `proxy = \"envoy\"` (Istio too) or \
                 \"linkerd\")"],
        ),
        (
            "proxy = 'istio'",
            &["f:21:9: authentication.mesh.proxy: must be envoy (Istio too) or linkerd (write \"envoy\")"],
        ),
        (
            "proxy = 'envoy'",
            &[
                "f:20:1: authentication.mesh.trust_domains: must name whose workloads are callers (write \
                 `trust_domains = [\"example.org\"]`)",
                "f:20:1: authentication.mesh.expected_by: must name the proxy's own identity: a header that is not \
                 for it was written by somebody else (write `expected_by = \
                 [\"spiffe://example.org/ns/rootgate/sa/rootgate\"]`)",
            ],
        ),
        (
            "proxy = 'envoy'\ntrust_domains = ['example.org']\nexpected_by = []",
            &["f:23:15: authentication.mesh.expected_by: must name the proxy's own identity: a header that is \
                 not for it was written by somebody else (write `expected_by = \
                 [\"spiffe://example.org/ns/rootgate/sa/rootgate\"]`)"],
        ),
        (
            "proxy = 'envoy'\ntrust_domains = ['Example.org']\nexpected_by = ['spiffe://example.org', 'gateway']",
            &[
                "f:22:18: authentication.mesh.trust_domains[0]: trust domain may only hold a-z, 0-9, '.', '-', '_' \
                 (write `example.org`, without `spiffe://` and path)",
                "f:23:16: authentication.mesh.expected_by[0]: must have a path: a trust domain is not a workload \
                 (write a SPIFFE ID such as `spiffe://example.org/ops/alice`)",
                "f:23:40: authentication.mesh.expected_by[1]: must begin with spiffe:// in lower case (write a \
                 SPIFFE ID such as `spiffe://example.org/ops/alice`)",
            ],
        ),
        (
            "proxy = 'envoy'\ntrust_domains = ['a']\nexpected_by = ['spiffe://a/b']\nlinkerd_identity_domains = ['a.b']",
            &["f:24:28: authentication.mesh.linkerd_identity_domains: is only for proxy linkerd (remove it, or \
                 write `proxy = \"linkerd\"`)"],
        ),
        (
            "proxy = 'linkerd'",
            &["f:20:1: authentication.mesh.linkerd_identity_domains: must name whose workloads are callers \
                 (write `linkerd_identity_domains = [\"linkerd.cluster.local\"]`, or trust_domains for SPIFFE IDs)"],
        ),
        (
            "proxy = 'linkerd'\ntrust_domains = ['a']\nexpected_by = ['spiffe://a/b']",
            &["f:23:15: authentication.mesh.expected_by: is only for proxy envoy (remove it, or write `proxy = \
                 \"envoy\"`)"],
        ),
        (
            "proxy = 'linkerd'\nlinkerd_identity_domains = ['*.local']",
            &["f:22:29: authentication.mesh.linkerd_identity_domains[0]: must not hold a wildcard: a name is one \
                 caller (list each name, or recognise callers by spiffe_trust_domains)"],
        ),
    ];
    for (lines, expected) in cases {
        assert_errors(&with_scheme("'mesh'", &format!("[authentication.mesh]\n{lines}")), expected);
    }
}

#[test]
fn aws_callers_are_of_named_accounts() {
    let aws_iam = |lines: &str| {
        let least = "[authentication.aws_iam]\naudience = 'rootgate.example.org'\naccounts = ['111122223333']";
        let text = with_scheme("'aws_iam'", &format!("{least}\n{lines}"));
        parse(&text).unwrap_or_else(|errors| panic!("{errors}")).authentication.aws_iam.unwrap()
    };
    let least = AwsIamConfig {
        audience: "rootgate.example.org".to_owned(),
        accounts: ["111122223333".parse().unwrap()].into(),
        // Those of [aws].
        regions: ["us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap()].into(),
        token_age_max: Duration::from_secs(300),
    };
    assert_eq!(aws_iam(""), least);
    let more = aws_iam("regions = ['ap-south-1']\ntoken_age_max = '15m'");
    let regions = ["ap-south-1".parse().unwrap()].into();
    assert_eq!(more, AwsIamConfig { regions, token_age_max: Duration::from_secs(900), ..least });
}

#[test]
fn aws_callers_of_anywhere_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        (
            "",
            &[
                "f:25:1: authentication.aws_iam.audience: is required (write `audience = \
                 \"rootgate.example.org\"`, a name that no other service uses)",
                "f:25:1: authentication.aws_iam.accounts: is required (write `accounts = [\"111122223333\"]`)",
            ],
        ),
        (
            "audience = ''\naccounts = []",
            &[
                "f:26:12: authentication.aws_iam.audience: must have 1 to 255 characters of printable ASCII, \
                 without spaces (write it just as the other side spells it)",
                "f:27:12: authentication.aws_iam.accounts: must not be empty: nobody could call (write `accounts = \
                 [\"111122223333\"]`)",
            ],
        ),
        (
            "audience = 'two words'\naccounts = ['1234']",
            &[
                "f:26:12: authentication.aws_iam.audience: must have 1 to 255 characters of printable ASCII, \
                 without spaces (write it just as the other side spells it)",
                "f:27:13: authentication.aws_iam.accounts[0]: must be an AWS account id of exactly 12 digits \
                 (write it in quotes, with its leading zeros)",
            ],
        ),
        (
            "audience = 'a'\naccounts = ['111122223333']\nregions = []",
            &["f:28:11: authentication.aws_iam.regions: must not be empty: nobody could call (leave it out for \
                 aws.allowed_regions)"],
        ),
        (
            "audience = 'a'\naccounts = ['111122223333']\nregions = ['aws-global', 'moon']",
            &[
                "f:28:12: authentication.aws_iam.regions[0]: must not be aws-global: the global STS endpoint does \
                 not know AssumeRoot (name a region such as us-east-1)",
                "f:28:26: authentication.aws_iam.regions[1]: must be the name of an AWS region such as eu-west-1 \
                 (look it up in the AWS General Reference, \"Regional endpoints\")",
            ],
        ),
        (
            "audience = 'a'\naccounts = ['111122223333']\ntoken_age_max = '16m'",
            &["f:28:17: authentication.aws_iam.token_age_max: must be from 30s to 15m (leave it out for 5m)"],
        ),
    ];
    for (lines, expected) in cases {
        assert_errors(&with_scheme("'aws_iam'", &format!("[authentication.aws_iam]\n{lines}")), expected);
    }
}

#[test]
fn names_in_certificates_are_refused_with_their_fix() {
    let cases: &[(&str, &[&str])] = &[
        (
            "dns_sans = ['*.example.org', 'Host.example.org', 'a:443']",
            &[
                "f:9:13: authentication.mtls.dns_sans[0]: must not hold a wildcard: a name is one caller (list \
                 each name, or recognise callers by spiffe_trust_domains)",
                "f:9:30: authentication.mtls.dns_sans[1]: must be a DNS name in lower case, without port and final \
                 dot (write `deployer.ops.example.org`)",
                "f:9:50: authentication.mtls.dns_sans[2]: must be a DNS name in lower case, without port and final \
                 dot (write `deployer.ops.example.org`)",
            ],
        ),
        (
            "uri_sans = ['spiffe://example.org/a', 'no uri']",
            &[
                "f:9:13: authentication.mtls.uri_sans[0]: must not be a SPIFFE ID (name its trust domain in \
                 spiffe_trust_domains, and say in policy what each ID may)",
                "f:9:39: authentication.mtls.uri_sans[1]: must be a URI of at most 2048 ASCII characters without \
                 spaces (write `urn:example:deployer`, just as the certificate spells it)",
            ],
        ),
        (
            "spiffe_trust_domains = ['spiffe://example.org', '']",
            &[
                "f:9:25: authentication.mtls.spiffe_trust_domains[0]: trust domain may only hold a-z, 0-9, '.', \
                 '-', '_' (write `example.org`, without `spiffe://` and path)",
                "f:9:49: authentication.mtls.spiffe_trust_domains[1]: trust domain must have 1 to 255 bytes (write \
                 `example.org`, without `spiffe://` and path)",
            ],
        ),
    ];
    for (line, expected) in cases {
        assert_errors(&minimal_with("spiffe_trust_domains = [\"example.org\"]", line), expected);
    }
}
