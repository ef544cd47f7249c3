//! Issuers of tokens: what each preset needs, and whose tokens nobody should believe.

use std::collections::BTreeMap;

use super::{authentication::with_scheme, *};
use crate::types::JwtAlgorithm;

/// With one issuer of tokens, whose lines begin in line 26.
fn with_issuer(lines: &str) -> String {
    with_scheme("'jwt'", &format!("[authentication.jwt.issuers.login]\n{lines}"))
}

/// With two issuers, the lines of the second beginning behind the first.
fn with_issuers(one: &str, other: &str) -> String {
    with_issuer(&format!("{one}\n[authentication.jwt.issuers.other]\n{other}"))
}

const LEAST: &str = "issuer = 'https://login.example.org'\naudiences = ['rootgate']";
const CLUSTER: &str = "preset = 'kubernetes'\nissuer = 'https://kubernetes.default.svc'\naudiences = ['rootgate']";
const WORKLOADS: &str =
    "preset = 'spiffe'\ntrust_domains = ['example.org']\naudiences = ['rootgate']\njwks_file = 'bundle.json'";

fn issuer(lines: &str) -> JwtIssuerConfig {
    let config = parse(&with_issuer(lines)).unwrap_or_else(|errors| panic!("{lines}: {errors}"));
    config.authentication.jwt.unwrap().issuers.remove(0)
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn an_issuer_gets_every_default() {
    use JwtAlgorithm::*;
    let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
    assert_eq!(
        issuer(LEAST),
        JwtIssuerConfig {
            name: "login".to_owned(),
            preset: JwtPreset::Oidc { issuer: "https://login.example.org".to_owned(), subject_claim: "sub".to_owned() },
            audiences: set(&["rootgate"]),
            algorithms: [Rs256, Ps256, Es256, Es384, EdDsa].into(),
            keys: KeySource::Discovery,
            ca: None,
            attributes: [].into(),
            groups: None,
            certificate_bound: CertificateBound::IfPresent,
            token_age_max: hours(24),
            leeway: Duration::from_secs(30),
            keys_max_age: hours(24),
        }
    );
}

#[test]
fn an_issuer_has_all_that_is_written() {
    use JwtAlgorithm::*;
    let lines = "issuer = 'https://login.example.org/realms/a/'\naudiences = ['rootgate', 'https://rootgate.example.org']\n\
                 algorithms = ['ES384', 'RS512']\njwks_url = 'https://login.example.org:8443/keys'\nca = 'ca.pem'\n\
                 subject_claim = 'https://example.org/oid'\nattributes = { email = 'email', cost_center = 'CostCenter' }\n\
                 groups_claim = 'roles'\ngroups = { '0b1c-immutable-id' = 'operators', 'Läufer 2' = 'operators' }\n\
                 certificate_bound = 'required'\ntoken_age_max = '1h'\nleeway = '0s'\nkeys_max_age = '12h'";
    assert_eq!(
        issuer(lines),
        JwtIssuerConfig {
            name: "login".to_owned(),
            preset: JwtPreset::Oidc {
                issuer: "https://login.example.org/realms/a/".to_owned(),
                subject_claim: "https://example.org/oid".to_owned(),
            },
            audiences: set(&["rootgate", "https://rootgate.example.org"]),
            algorithms: [Rs512, Es384].into(),
            keys: KeySource::Url("https://login.example.org:8443/keys".to_owned()),
            ca: Some(PathBuf::from("/etc/rootgate/ca.pem")),
            attributes: map(&[("email", "email"), ("cost_center", "CostCenter")]),
            groups: Some(JwtGroups {
                claim: "roles".to_owned(),
                names: map(&[("0b1c-immutable-id", "operators"), ("Läufer 2", "operators")]),
            }),
            certificate_bound: CertificateBound::Required,
            token_age_max: Duration::from_secs(3600),
            leeway: Duration::ZERO,
            keys_max_age: Duration::from_secs(12 * 3600),
        }
    );
    let groups = issuer(&format!("{LEAST}\ngroups = {{ a = 'b' }}")).groups.unwrap();
    assert_eq!(groups, JwtGroups { claim: "groups".to_owned(), names: map(&[("a", "b")]) });
}

#[test]
fn presets_know_what_they_need() {
    let cluster = issuer(CLUSTER);
    let kubernetes = JwtPreset::Kubernetes { issuer: "https://kubernetes.default.svc".to_owned() };
    assert_eq!((cluster.preset, cluster.keys), (kubernetes, KeySource::Discovery));
    let workloads = issuer(WORKLOADS);
    let spiffe = JwtPreset::Spiffe { trust_domains: ["example.org".parse().unwrap()].into() };
    let bundle = KeySource::InFile(PathBuf::from("/etc/rootgate/bundle.json"));
    assert_eq!((workloads.preset, workloads.keys), (spiffe, bundle));
    assert!(!workloads.algorithms.contains(&JwtAlgorithm::EdDsa), "JWT-SVID, section 2.1");
}

#[test]
fn an_issuer_that_nobody_should_believe_is_refused() {
    let least = |line: &str| format!("{LEAST}\n{line}");
    let cases: &[(String, &[&str])] = &[
        (
            String::new(),
            &[
                "f:25:1: authentication.jwt.issuers.login.issuer: is required (write `issuer = \
                 \"https://login.example.org\"`, just as its tokens spell `iss`)",
                "f:25:1: authentication.jwt.issuers.login.audiences: is required (write `audiences = \
                 [\"rootgate\"]`, a name that the issuer gives no other service)",
            ],
        ),
        (
            "issuer = 'https://login.example.org'\naudiences = []".to_owned(),
            &["f:27:13: authentication.jwt.issuers.login.audiences: must not be empty: a token for another \
                 service would be good here (write `audiences = [\"rootgate\"]`, a name that the issuer gives no \
                 other service)"],
        ),
        (
            "issuer = 'https://login.example.org'\naudiences = ['', 'a b']".to_owned(),
            &[
                "f:27:14: authentication.jwt.issuers.login.audiences[0]: must have 1 to 512 characters of \
                 printable ASCII, without spaces (write it just as the other side spells it)",
                "f:27:18: authentication.jwt.issuers.login.audiences[1]: must have 1 to 512 characters of \
                 printable ASCII, without spaces (write it just as the other side spells it)",
            ],
        ),
        (
            "issuer = 'http://login.example.org'\naudiences = ['a']".to_owned(),
            &["f:26:10: authentication.jwt.issuers.login.issuer: must be https://: over http:// whoever is on \
                 the way could put in keys of its own (write https://; http:// is only for 127.0.0.1 or [::1], and \
                 only with [aws.development])"],
        ),
        (
            "issuer = 'http://127.0.0.1:4599'\naudiences = ['a']".to_owned(),
            &["f:26:10: authentication.jwt.issuers.login.issuer: must be https://: over http:// whoever is on \
                 the way could put in keys of its own (write https://; http:// is only for 127.0.0.1 or [::1], and \
                 only with [aws.development])"],
        ),
        (
            "issuer = 'https://user:secret@login.example.org?x#y'\naudiences = ['a']".to_owned(),
            &["f:26:10: authentication.jwt.issuers.login.issuer: must be a URL of https://, host and path, \
                 without user, query and fragment (write \"https://login.example.org\")"],
        ),
        (
            least("jwks_url = 'http://login.example.org/keys'"),
            &["f:28:12: authentication.jwt.issuers.login.jwks_url: must be https://: over http:// whoever is on \
                 the way could put in keys of its own (write https://; http:// is only for 127.0.0.1 or [::1], and \
                 only with [aws.development])"],
        ),
        (
            least("algorithms = ['RS256', 'HS256']"),
            &["f:28:24: authentication.jwt.issuers.login.algorithms[1]: must not be HS256, HS384 or HS512: \
                 whoever can verify such a token can make one, and public keys would be secrets (write \"ES256\" or \
                 \"RS256\", whichever the issuer signs with)"],
        ),
        (
            least("algorithms = ['none', 'None', 'hs512', 'ES256K']"),
            &[
                "f:28:15: authentication.jwt.issuers.login.algorithms[0]: must not be none: anybody can write a \
                 token that nobody signed (write \"ES256\" or \"RS256\", whichever the issuer signs with)",
                "f:28:23: authentication.jwt.issuers.login.algorithms[1]: must not be none: anybody can write a \
                 token that nobody signed (write \"ES256\" or \"RS256\", whichever the issuer signs with)",
                "f:28:31: authentication.jwt.issuers.login.algorithms[2]: must not be HS256, HS384 or HS512: \
                 whoever can verify such a token can make one, and public keys would be secrets (write \"ES256\" or \
                 \"RS256\", whichever the issuer signs with)",
                "f:28:40: authentication.jwt.issuers.login.algorithms[3]: must be one of RS256, RS384, RS512, \
                 PS256, PS384, PS512, ES256, ES384, EdDSA (write \"ES256\" or \"RS256\", whichever the issuer signs \
                 with)",
            ],
        ),
        (
            least("algorithms = []"),
            &["f:28:14: authentication.jwt.issuers.login.algorithms: must not be empty: nobody could call (leave \
                 it out for the usual ones)"],
        ),
        (
            least("preset = 'saml'"),
            &["f:28:10: authentication.jwt.issuers.login.preset: must be oidc, kubernetes or spiffe (write \
                 \"oidc\")"],
        ),
        (
            least("trust_domains = ['example.org']"),
            &["f:28:17: authentication.jwt.issuers.login.trust_domains: is only for preset spiffe (remove it, or \
                 write `preset = \"spiffe\"`)"],
        ),
        (
            least("jwks_file = 'a'\njwks_url = 'https://a'"),
            &["f:28:13: authentication.jwt.issuers.login.jwks_file: contradiction: keys come from jwks_file or \
                 from jwks_url (remove one of them)"],
        ),
        (
            least("jwks_file = 'a'\nca = 'b'\nkeys_max_age = '1h'"),
            &[
                "f:29:6: authentication.jwt.issuers.login.ca: has no use with jwks_file: nothing is fetched \
                 (remove it)",
                "f:30:16: authentication.jwt.issuers.login.keys_max_age: has no use with jwks_file: nothing is \
                 fetched (remove it)",
            ],
        ),
        (
            least("attributes = { Email = 'email', a = '' }"),
            &[
                "f:28:16: authentication.jwt.issuers.login.attributes.Email: must be an attribute's name: 1 to 64 \
                 characters of a-z 0-9 _, a letter first (write the attribute left and the claim right, such as \
                 `email = \"email\"`)",
                "f:28:37: authentication.jwt.issuers.login.attributes.a: must have 1 to 256 bytes, in one line \
                 (write it just as the other side spells it)",
            ],
        ),
        (
            least("groups_claim = 'groups'"),
            &["f:28:16: authentication.jwt.issuers.login.groups_claim: has no use without groups: only ids that \
                 are listed put a caller in a group (add `groups = { \"ID-IN-THE-TOKEN\" = \"operators\" }`, or \
                 remove it)"],
        ),
        (
            least("groups = { a = 'o p', '' = 'operators' }"),
            &[
                "f:28:16: authentication.jwt.issuers.login.groups.a: must be a name of 1 to 64 characters of A-Z \
                 a-z 0-9 . - _ (rename it)",
                "f:28:23: authentication.jwt.issuers.login.groups.: must have 1 to 256 bytes, in one line (write \
                 it just as the other side spells it)",
            ],
        ),
        (
            least("certificate_bound = 'never'"),
            &["f:28:21: authentication.jwt.issuers.login.certificate_bound: must be if_present or required \
                 (write \"if_present\")"],
        ),
        (
            least("token_age_max = '59s'\nleeway = '301s'\nkeys_max_age = '169h'"),
            &[
                "f:28:17: authentication.jwt.issuers.login.token_age_max: must be from 1m to 168h (leave it out \
                 for 24h)",
                "f:29:10: authentication.jwt.issuers.login.leeway: must be from 0ms to 5m (leave it out for 30s)",
                "f:30:16: authentication.jwt.issuers.login.keys_max_age: must be from 5m to 168h (leave it out for \
                 24h)",
            ],
        ),
    ];
    for (lines, expected) in cases {
        assert_errors(&with_issuer(lines), expected);
    }
}

#[test]
fn keys_of_another_preset_are_refused() {
    let cases: &[(String, &[&str])] = &[
        (
            "preset = 'kubernetes'\naudiences = ['a']".to_owned(),
            &["f:25:1: authentication.jwt.issuers.login.issuer: is required (write `issuer = \
                 \"https://login.example.org\"`, just as its tokens spell `iss`)"],
        ),
        (
            format!("{CLUSTER}\nsubject_claim = 'sub'\ntrust_domains = ['example.org']"),
            &[
                "f:29:17: authentication.jwt.issuers.login.subject_claim: is only for preset oidc (remove it, or \
                 write `preset = \"oidc\"`)",
                "f:30:17: authentication.jwt.issuers.login.trust_domains: is only for preset spiffe (remove it, or \
                 write `preset = \"spiffe\"`)",
            ],
        ),
        (
            "preset = 'spiffe'\naudiences = ['a']".to_owned(),
            &[
                "f:25:1: authentication.jwt.issuers.login.trust_domains: must name one trust domain: with two, the \
                 keys of one would sign for the other (write `trust_domains = [\"example.org\"]`, and an issuer \
                 with its own bundle for each other trust domain)",
                "f:25:1: authentication.jwt.issuers.login.jwks_file: or jwks_url: one is required with preset \
                 spiffe, for a trust domain has no discovery (write `jwks_file = \"bundle.json\"` or jwks_url, \
                 either with the trust domain's SPIFFE bundle)",
            ],
        ),
        (
            format!("{WORKLOADS}\nissuer = 'https://a'\nsubject_claim = 'sub'"),
            &[
                "f:30:10: authentication.jwt.issuers.login.issuer: is not for preset spiffe: JWT-SVIDs are \
                 believed by their trust domain (remove it; see trust_domains)",
                "f:31:17: authentication.jwt.issuers.login.subject_claim: is only for preset oidc (remove it, or \
                 write `preset = \"oidc\"`)",
            ],
        ),
        (
            WORKLOADS.replace("['example.org']", "['a.example', 'b.example']"),
            &["f:27:17: authentication.jwt.issuers.login.trust_domains: must name one trust domain: with two, \
                 the keys of one would sign for the other (write `trust_domains = [\"example.org\"]`, and an issuer \
                 with its own bundle for each other trust domain)"],
        ),
        (
            WORKLOADS.replace("['example.org']", "['spiffe://example.org']"),
            &["f:27:18: authentication.jwt.issuers.login.trust_domains[0]: trust domain may only hold a-z, 0-9, \
                 '.', '-', '_' (write `example.org`, without `spiffe://` and path)"],
        ),
        (
            format!("{WORKLOADS}\nalgorithms = ['EdDSA']"),
            &["f:30:15: authentication.jwt.issuers.login.algorithms[0]: is no algorithm of JWT-SVIDs (JWT-SVID, \
                 section 2.1) (write \"ES256\")"],
        ),
    ];
    for (lines, expected) in cases {
        assert_errors(&with_issuer(lines), expected);
    }
}

/// A token of which nobody could say who issued it would be judged by the keys of either.
#[test]
fn two_issuers_are_told_apart() {
    let file = |name: &str| format!("{CLUSTER}\njwks_file = '{name}'");
    for (one, other) in [(file("a"), file("b")), (file("a"), format!("{CLUSTER}\njwks_url = 'https://a/keys'"))] {
        assert_eq!(parse(&with_issuers(&one, &other)).unwrap().authentication.jwt.unwrap().issuers.len(), 2);
    }
    let cases: &[(&str, &str, &[&str])] = &[
        (
            LEAST,
            LEAST,
            &["f:29:10: authentication.jwt.issuers.other.issuer: must not be the issuer of login too: nobody \
                 could say whose token it is (remove one of them; only clusters (preset kubernetes) may share an \
                 issuer, each with a jwks_file or jwks_url of its own)"],
        ),
        (
            CLUSTER,
            CLUSTER,
            &["f:31:10: authentication.jwt.issuers.other.issuer: must not be the issuer of login too: nobody \
                 could say whose token it is (remove one of them; only clusters (preset kubernetes) may share an \
                 issuer, each with a jwks_file or jwks_url of its own)"],
        ),
        (
            &file("a"),
            CLUSTER,
            &["f:32:10: authentication.jwt.issuers.other.issuer: must not be the issuer of login too: nobody \
                 could say whose token it is (remove one of them; only clusters (preset kubernetes) may share an \
                 issuer, each with a jwks_file or jwks_url of its own)"],
        ),
        (
            &file("a"),
            &file("./a"),
            &["f:32:10: authentication.jwt.issuers.other.issuer: must not be the issuer of login too: nobody \
                 could say whose token it is (remove one of them; only clusters (preset kubernetes) may share an \
                 issuer, each with a jwks_file or jwks_url of its own)"],
        ),
        (
            &file("a"),
            &file("b").replace("kubernetes'", "oidc'"),
            &["f:32:10: authentication.jwt.issuers.other.issuer: must not be the issuer of login too: nobody \
                 could say whose token it is (remove one of them; only clusters (preset kubernetes) may share an \
                 issuer, each with a jwks_file or jwks_url of its own)"],
        ),
        (
            WORKLOADS,
            &WORKLOADS.replace("bundle", "other"),
            &["f:32:17: authentication.jwt.issuers.other.trust_domains: must not be the trust domain of login \
                 too: a trust domain has one bundle (remove one of them)"],
        ),
    ];
    for (one, other, expected) in cases {
        assert_errors(&with_issuers(one, other), expected);
    }
}

#[test]
fn issuers_have_names_and_are_at_most_thirty_two() {
    let issuer = |i: usize| {
        format!("[authentication.jwt.issuers.i{i:02}]\nissuer = 'https://i{i}.example.org'\naudiences = ['rootgate']\n")
    };
    let more = |count: usize| with_scheme("'jwt'", &(0..count).map(issuer).collect::<String>());
    assert_eq!(parse(&more(32)).unwrap().authentication.jwt.unwrap().issuers.len(), 32);
    assert_errors(&more(33), &["f:25:21: authentication.jwt.issuers: must hold at most 32 issuers (remove some)"]);
    assert_errors(
        &with_scheme("'jwt'", "[authentication.jwt]"),
        &["f:25:1: authentication.jwt.issuers: is required: a token is believed by its issuer (add \
                 [authentication.jwt.issuers.NAME] with issuer and `audiences = [\"rootgate\"]`)"],
    );
    assert_errors(
        &with_scheme("'jwt'", "[authentication.jwt.issuers]"),
        &["f:25:1: authentication.jwt.issuers: must hold an issuer: nobody could call (add \
                 [authentication.jwt.issuers.NAME] with issuer and `audiences = [\"rootgate\"]`)"],
    );
    assert_errors(
        &with_scheme("'jwt'", &format!("[authentication.jwt.issuers.\"a:b\"]\n{LEAST}")),
        &["f:25:29: authentication.jwt.issuers.a:b: must be a name of 1 to 64 characters of A-Z a-z 0-9 . - \
                 _ (rename it)"],
    );
}

/// A simulator on this machine has no certificate; anywhere else plain HTTP gives keys away.
#[test]
fn plain_http_is_only_for_development_on_this_machine() {
    let development = format!(
        "\n[aws.development]\nendpoint = 'http://127.0.0.1:1'\nallow_endpoint_override = '{ENDPOINT_OVERRIDE_SENTENCE}'"
    );
    let local = "issuer = 'http://127.0.0.1:4599'\naudiences = ['a']";
    assert!(parse(&with_issuer(&format!("{local}{development}"))).is_ok());
    assert_errors(
        &with_issuer(&format!("{}{development}", local.replace("127.0.0.1", "10.0.0.1"))),
        &["f:26:10: authentication.jwt.issuers.login.issuer: must be https://: over http:// whoever is on \
                 the way could put in keys of its own (write https://; http:// is only for 127.0.0.1 or [::1], and \
                 only with [aws.development])"],
    );
}

/// A bound token needs a certificate that no other scheme takes for an identity.
#[test]
fn bound_tokens_need_client_certificates_on_every_listener_with_tokens() {
    let tokens = |schemes: &str, client_ca: &str| {
        let login = format!("[authentication.jwt.issuers.login]\n{LEAST}\ncertificate_bound = 'required'\n");
        format!(
            "{MINIMAL}[listeners.more]\nlisten = '127.0.0.1:1'\nschemes = [{schemes}]\n[listeners.more.tls]\n\
             certificate = 'a'\nprivate_key = 'a'\n{client_ca}\n{login}"
        )
    };
    assert!(parse(&tokens("'jwt'", "client_ca = 'a'")).is_ok());
    assert_errors(
        &tokens("'jwt'", ""),
        &["f:27:21: authentication.jwt.issuers.login.certificate_bound: required needs client certificates: \
                 listener more accepts none (add client_ca to [listeners.more.tls], or take jwt off its schemes)"],
    );
    assert_errors(
        &tokens("'jwt', 'mtls'", "client_ca = 'clients-ca.pem'"),
        &["f:27:21: authentication.jwt.issuers.login.certificate_bound: required cannot be met on listener \
                 more: its scheme mtls judges the certificate as well, and nobody may prove two identities (take \
                 mtls or jwt off the schemes of listener more)"],
    );
}
