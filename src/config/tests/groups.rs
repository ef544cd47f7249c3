//! Groups: only callers who can call are members.

use super::*;

/// Every scheme configured, and this as members of a group in line 2.
fn with_members(members: &str) -> String {
    let (before, rest) = MINIMAL.split_once("[authorization]").unwrap();
    let listeners = "[listeners.tokens]\nlisten = '127.0.0.1:1'\nschemes = ['jwt', 'aws_iam']\n[listeners.tokens.tls]\n\
                     certificate = 'a'\nprivate_key = 'a'\n[listeners.mesh]\nlisten = '127.0.0.1:2'\nschemes = ['mesh']\n";
    let names = "dns_sans = ['deployer.example.org']\nuri_sans = ['urn:example:bot']\n";
    let schemes = "[authentication.mesh]\nproxy = 'linkerd'\ntrust_domains = ['mesh.example']\n\
                   linkerd_identity_domains = ['linkerd.cluster.local']\n\
                   [authentication.aws_iam]\naudience = 'a'\naccounts = ['111122223333']\n\
                   [authentication.jwt.issuers.login]\nissuer = 'https://login.example.org'\naudiences = ['a']\n\
                   [authentication.jwt.issuers.prod]\npreset = 'kubernetes'\nissuer = 'https://k8s.example.org'\naudiences = ['a']\n\
                   [authentication.jwt.issuers.svid]\npreset = 'spiffe'\ntrust_domains = ['jwt.example']\naudiences = ['a']\njwks_file = 'a'\n";
    format!("[authorization.groups]\nops = [{members}]\n{before}{names}{schemes}{listeners}[authorization]{rest}")
}

#[test]
fn members_are_callers_of_any_scheme() {
    let members = [
        "spiffe://example.org/ops/alice",
        "spiffe://mesh.example/ops/alice",
        "spiffe://jwt.example/ops/alice",
        "dns:deployer.example.org",
        "uri:urn:example:bot",
        "jwt:login:auth0|alice",
        "k8s:prod:ns:account",
        "linkerd:a.b.serviceaccount.identity.linkerd.cluster.local",
        "aws:111122223333:role/deploy/AROAEXAMPLE",
    ];
    let config = parse(&with_members(&format!("{members:?}").replace(['[', ']'], ""))).unwrap();
    assert_eq!(config.authorization.groups["ops"], members.map(str::to_owned).into());
    let empty = parse(&with_members("")).unwrap();
    assert!(empty.authorization.groups["ops"].is_empty());
}

#[test]
fn members_who_cannot_call_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        (
            "'spiffe://exmaple.org/a', 'spiffe://example.org.evil/a'",
            &[
                "f:2:8: authorization.groups.ops[0]: must not be of a trust domain that cannot call (correct it, \
                 or add the trust domain to [authentication.mtls], [authentication.mesh] or a JWT issuer with \
                 preset spiffe)",
                "f:2:34: authorization.groups.ops[1]: must not be of a trust domain that cannot call (correct it, \
                 or add the trust domain to [authentication.mtls], [authentication.mesh] or a JWT issuer with \
                 preset spiffe)",
            ],
        ),
        (
            "'spiffe://example.org', 'spiffe://example.org/a?b'",
            &[
                "f:2:8: authorization.groups.ops[0]: must have a path: a trust domain is not a workload (write a \
                 SPIFFE ID such as `spiffe://example.org/ops/alice`)",
                "f:2:32: authorization.groups.ops[1]: path segments may only hold a-z, A-Z, 0-9, '.', '-', '_' \
                 (write a SPIFFE ID such as `spiffe://example.org/ops/alice`)",
            ],
        ),
        (
            "'dns:other.example.org'",
            &["f:2:8: authorization.groups.ops[0]: must not be a DNS name that cannot call (correct it, or add \
                 the name to authentication.mtls.dns_sans)"],
        ),
        (
            "'uri:urn:example:other'",
            &["f:2:8: authorization.groups.ops[0]: must not be a URI that cannot call (correct it, or add the \
                 URI to authentication.mtls.uri_sans)"],
        ),
        (
            "'jwt:lgoin:alice', 'jwt:prod:alice', 'jwt:login'",
            &[
                "f:2:8: authorization.groups.ops[0]: must name a configured issuer with preset oidc (correct the \
                 name behind jwt:, or add [authentication.jwt.issuers.NAME])",
                "f:2:27: authorization.groups.ops[1]: must name a configured issuer with preset oidc (correct the \
                 name behind jwt:, or add [authentication.jwt.issuers.NAME])",
                "f:2:45: authorization.groups.ops[2]: must have the form jwt:ISSUER:SUB (write it as the journal \
                 shows it, such as \"spiffe://example.org/ops/alice\")",
            ],
        ),
        (
            "'k8s:login:ns:account', 'k8s:svid:ns:account', 'k8s:prod:account'",
            &[
                "f:2:8: authorization.groups.ops[0]: must name a configured issuer with preset kubernetes (correct \
                 the name behind k8s:, or add [authentication.jwt.issuers.NAME])",
                "f:2:32: authorization.groups.ops[1]: must name a configured issuer with preset kubernetes \
                 (correct the name behind k8s:, or add [authentication.jwt.issuers.NAME])",
                "f:2:55: authorization.groups.ops[2]: must have the form k8s:ISSUER:NAMESPACE:SERVICE_ACCOUNT \
                 (write it as the journal shows it, such as \"spiffe://example.org/ops/alice\")",
            ],
        ),
        (
            "'linkerd:a.b.serviceaccount.identity.linkerd.cluster.local.evil'",
            &["f:2:8: authorization.groups.ops[0]: must not be a name of Linkerd that cannot call (write \
                 NAME.NAMESPACE.serviceaccount.identity. and one of authentication.mesh.linkerd_identity_domains)"],
        ),
        (
            "'aws:444455556666:role/deploy/AROAEXAMPLE', 'aws:111122223333:role/deploy'",
            &[
                "f:2:8: authorization.groups.ops[0]: must not be of an account that cannot call (correct it, or \
                 add the account to authentication.aws_iam.accounts)",
                "f:2:52: authorization.groups.ops[1]: must have the form aws:ACCOUNT:role/NAME/AROA… or \
                 aws:ACCOUNT:user/NAME/AIDA…: a name alone could be another's tomorrow (write it as the journal shows it, such as \"spiffe://example.org/ops/alice\")",
            ],
        ),
        (
            "'alice', 'jwt:login:a ', ''",
            &[
                "f:2:8: authorization.groups.ops[0]: must be a caller's subject, with spiffe://, dns:, uri:, jwt:, \
                 k8s:, linkerd: or aws: in front (write it as the journal shows it, such as \
                 \"spiffe://example.org/ops/alice\")",
                "f:2:17: authorization.groups.ops[1]: must be a caller's subject: 1 to 2052 \
                 printable ASCII characters, without spaces around them (write it as the journal shows it, such as \"spiffe://example.org/ops/alice\")",
                "f:2:33: authorization.groups.ops[2]: must be a caller's subject: 1 to 2052 \
                 printable ASCII characters, without spaces around them (write it as the journal shows it, such as \"spiffe://example.org/ops/alice\")",
            ],
        ),
        (
            "'dns:deployer.example.org', 'dns:deployer.example.org'",
            &["f:2:36: authorization.groups.ops[1]: is given twice (remove one of them)"],
        ),
    ];
    for (members, expected) in cases {
        assert_errors(&with_members(members), expected);
    }
}

/// A scheme that is off has no callers.
#[test]
fn members_of_a_scheme_that_is_off_are_refused() {
    let with = |member: &str| minimal_plus("policies/\"]", &format!("groups = {{ ops = ['{member}'] }}"));
    for member in [
        "jwt:login:alice",
        "k8s:prod:ns:account",
        "linkerd:a.b.serviceaccount.identity.linkerd.cluster.local",
        "aws:111122223333:role/deploy/AROAEXAMPLE",
        "spiffe://mesh.example/a",
    ] {
        let [error] = errors(&with(member)).try_into().unwrap();
        assert!(error.starts_with("f:12:19: authorization.groups.ops[0]: must "), "{error}");
    }
}

#[test]
fn groups_have_names_and_lists() {
    let cases: &[(&str, &[&str])] = &[
        (
            "groups = { \"o p\" = [] }",
            &["f:12:12: authorization.groups.o p: must be a name of 1 to 64 characters of A-Z a-z 0-9 . - _ \
                 (rename it)"],
        ),
        (
            "groups = { ops = 'a' }",
            &["f:12:18: authorization.groups.ops: must be an array, not a string (write a list in brackets, such \
                 as [\"a\", \"b\"])"],
        ),
        (
            "groups = ['a']",
            &["f:12:10: authorization.groups: must be a section, not an array (write `[authorization.groups]` \
                 and its keys below)"],
        ),
    ];
    for (line, expected) in cases {
        assert_errors(&minimal_plus("policies/\"]", line), expected);
    }
}
