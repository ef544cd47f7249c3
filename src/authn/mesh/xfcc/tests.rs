//! What Envoy writes for certificates, good and hostile, and what is read from it.

use proptest::prelude::*;

use super::*;

const PROXY: &str = "spiffe://example.org/ns/rootgate/sa/rootgate";
const ALICE: &str = "spiffe://example.org/ops/alice";
const HASH: &str = "efde78064c9d8c0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5a8093ea";
const PEM: &str = "-----BEGIN%20CERTIFICATE-----%0AMIIB%2B%2F%3D%3D%0A-----END%20CERTIFICATE-----%0A";

/// A client's certificate and what Envoy is set to forward of it: a rendering of its `mutateXfccRequestHeader`.
#[derive(Clone, Debug, Default)]
struct Client {
    pem: Option<String>,
    chain: Option<String>,
    /// Values of common names.
    subject: Option<Vec<String>>,
    uris: Option<Vec<String>>,
    names: Option<Vec<String>>,
}

impl Client {
    fn named(uri: &str) -> Self {
        Self { subject: Some(vec!["alice".to_owned()]), uris: Some(vec![uri.to_owned()]), ..Self::default() }
    }

    fn render(&self) -> String {
        let mut pairs = vec![format!("By={PROXY}"), format!("Hash={HASH}")];
        pairs.extend(self.pem.as_ref().map(|pem| format!("Cert=\"{pem}\"")));
        pairs.extend(self.chain.as_ref().map(|chain| format!("Chain=\"{chain}\"")));
        pairs.extend(self.subject.as_ref().map(|names| format!("Subject=\"{}\"", rfc2253(names))));
        match self.uris.as_deref() {
            Some([]) => pairs.push("URI=".to_owned()),
            uris => pairs.extend(uris.unwrap_or_default().iter().map(|uri| format!("URI={uri}"))),
        }
        pairs.extend(self.names.iter().flatten().map(|name| format!("DNS={name}")));
        pairs.join(";")
    }

    /// The only identity that this certificate can prove.
    fn genuine(&self) -> Option<&str> {
        if let Some([uri]) = self.uris.as_deref() { Some(uri) } else { None }
    }
}

/// A subject as BoringSSL's `X509_NAME_print_ex` with `XN_FLAG_RFC2253` writes it.
fn rfc2253(names: &[String]) -> String {
    let escape = |name: &String| {
        let mut text = String::from("CN=");
        let last = name.len().saturating_sub(1);
        for (at, byte) in name.bytes().enumerate() {
            match byte {
                b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => text.extend(['\\', char::from(byte)]),
                b'#' if at == 0 => text.push_str("\\#"),
                b' ' if at == 0 || at == last => text.push_str("\\ "),
                0x20..=0x7e => text.push(char::from(byte)),
                _ => text.push_str(&format!("\\{byte:02X}")),
            }
        }
        text
    };
    names.iter().map(escape).collect::<Vec<_>>().join(",")
}

fn judge(text: &str) -> Result<Caller, String> {
    identify(&["example.org".parse().unwrap()].into(), &[PROXY.parse().unwrap()], text)
}

#[track_caller]
fn assert_refused(text: &str, words: &str) {
    let why = judge(text).unwrap_err();
    assert!(why.contains(words), "refused, but for another cause: {why}");
}

#[test]
fn what_envoy_writes_is_read() {
    let element =
        Element::parse("By=a;Hash=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff;URI=b").unwrap();
    assert_eq!((element.by, element.uri), ("a", "b"));
    assert_eq!(element.hash, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    for pem in [None, Some(PEM)] {
        for subject in
            [None, Some(vec![]), Some(vec!["alice".to_owned()]), Some(vec!["a\"b\\;,=".to_owned(), "c".to_owned()])]
        {
            let client = Client {
                pem: pem.map(str::to_owned),
                chain: pem.map(|pem| format!("{pem}{pem}")),
                subject,
                names: Some(vec![]),
                ..Client::named(ALICE)
            };
            let caller = judge(&client.render()).unwrap();
            assert_eq!(caller.subject(), ALICE);
            assert_eq!(caller.attributes().get("certificate_sha256").unwrap(), HASH);
        }
    }
}

/// What Envoy 1.40.0 wrote over HTTP/2 for certificates made with openssl; tests/clients/envoy.py has it write more.
#[test]
fn recorded_headers_are_judged_as_they_must_be() {
    let head = format!("By={PROXY};Hash=4b7322ebe253d770d36e3c0b3fa91d1a7257bf767400c8fdcc62ac89bda43199");
    for (written, identity) in [
        (r#"Subject="O=ops,CN=alice";URI=spiffe://example.org/ops/alice"#, Some(ALICE)),
        (r#"Subject="";URI=spiffe://example.org/ops/alice"#, Some(ALICE)),
        (r#"Subject="CN=a\, \"b\"\; c\\ \<d\>\ ";URI=spiffe://example.org/ops/alice"#, Some(ALICE)),
        (r#"Subject="CN=x";URI="#, None),
        (r#"Subject="CN=m";URI=spiffe://example.org/ops/alice "#, None),
        (r#"Subject="CN=m";URI=spiffe://example.org/ops/alice;DNS=x"#, None),
        (r#"Subject="CN=m";URI=spiffe://example.org/team/mallory;URI=spiffe://example.org/ops/alice"#, None),
        (r#"Subject="CN=m";URI=spiffe://example.org/team/mallory";URI=spiffe://example.org/ops/alice"#, None),
        (r#"Subject="O=ops,CN=alice";URI=spiffe://example.org/ops/alice;DNS=a.example;DNS=b.example"#, None),
        (r#"Subject="O=ops,CN=alice";URI=spiffe://example.org/ops/alice;Issuer="CN=ca""#, None),
        (r#"Subject="CN=m";URI=spiffe://example.org/a;DNS=x;URI=spiffe://example.org/ops/alice;Issuer="CN=ca""#, None),
    ] {
        let seen = judge(&format!("{head};{written}"));
        assert_eq!(seen.as_ref().ok().map(Caller::subject), identity, "{written}");
    }
    let json = format!(r#"[{{"by":["{PROXY}"],"hash":"{HASH}","subject":"O=ops,CN=alice","uri":["{ALICE}"]}}]"#);
    assert_refused(&json, "not JSON");
}

#[test]
fn a_uri_san_cannot_inject_pairs_or_elements() {
    let own = "spiffe://example.org/team/mallory";
    for injected in [
        format!("{own};URI={ALICE}"),
        format!("{ALICE};URI={own}"),
        format!("{ALICE};DNS=x"),
        format!("{ALICE};"),
        format!("{own};By={PROXY};Hash={HASH};URI={ALICE}"),
        format!("{own};Subject=\"\";URI={ALICE}"),
        format!("{ALICE};x=y"),
    ] {
        assert_refused(&Client::named(&injected).render(), "nothing may follow URI");
    }
    for injected in [
        format!("{own},By={PROXY};Hash={HASH};URI={ALICE}"),
        format!("{own},By={PROXY};Hash={HASH};Subject=\"\";URI={ALICE}"),
        format!("{ALICE},"),
        format!(",URI={ALICE}"),
    ] {
        assert_refused(&Client::named(&injected).render(), "one element");
    }
    for injected in [format!("\"{ALICE}\""), format!("{ALICE}\"\""), format!("{own}\",By={PROXY};URI={ALICE}\"")] {
        assert!(judge(&Client::named(&injected).render()).is_err(), "{injected}");
    }
    assert_refused(&Client::named(&format!("{own}\"")).render(), "quote is not closed");
}

#[test]
fn a_dns_name_cannot_inject_an_identity() {
    let own = "spiffe://example.org/team/mallory";
    for name in [format!("x;URI={ALICE}"), format!("x,By={PROXY};Hash={HASH};URI={ALICE}"), "x".to_owned()] {
        for uris in [None, Some(vec![]), Some(vec![own.to_owned()]), Some(vec![ALICE.to_owned()])] {
            let client = Client { names: Some(vec![name.clone()]), uris, ..Client::default() };
            assert!(judge(&client.render()).is_err(), "{client:?}");
        }
    }
    assert_refused(
        &Client { names: Some(vec!["a.example".to_owned()]), ..Client::named(ALICE) }.render(),
        "leave out dns and issuer",
    );
}

#[test]
fn a_subject_cannot_inject_an_identity() {
    for name in [
        format!("x\";URI={ALICE}"),
        format!("x\\\";URI={ALICE};Subject=\""),
        format!("x\\;URI={ALICE}"),
        format!("\",By={PROXY};Hash={HASH};URI={ALICE};Subject=\""),
    ] {
        let with = |uris| Client { subject: Some(vec![name.clone()]), uris, ..Client::default() }.render();
        let own = "spiffe://example.org/team/mallory";
        assert_eq!(judge(&with(Some(vec![own.to_owned()]))).unwrap().subject(), own);
        assert_refused(&with(Some(vec![])), "URI is empty");
        assert_refused(&with(None), "URI must follow");
    }
}

#[test]
fn several_uri_sans_or_none_are_no_identity() {
    let with = |uris: &[&str]| {
        let uris = Some(uris.iter().map(|&uri| uri.to_owned()).collect());
        Client { uris, ..Client::named(ALICE) }.render()
    };
    assert_refused(&with(&[]), "URI is empty");
    assert_refused(&with(&[""]), "URI is empty");
    assert_refused(&with(&[ALICE, ALICE]), "one URI SAN");
    assert_refused(&with(&[ALICE, "https://example.org/"]), "one URI SAN");
    assert_refused(&with(&["", ALICE]), "one URI SAN");
    assert_refused(&with(&["https://example.org/"]), "no SPIFFE ID");
}

#[test]
fn pairs_must_be_there_once_in_envoys_order_and_spelling() {
    let (by, hash, uri) = (format!("By={PROXY}"), format!("Hash={HASH}"), format!("URI={ALICE}"));
    let subject = "Subject=\"CN=x\"";
    assert!(judge(&[by.as_str(), &hash, subject, &uri].join(";")).is_ok());
    let lower = |pair: &str| pair.replacen("By", "by", 1).replacen("Hash", "hash", 1).replacen("URI", "uri", 1);
    for pairs in [
        // Twice.
        vec![by.as_str(), &by, &hash, &uri],
        vec![&by, &hash, &hash, &uri],
        vec![&by, &hash, subject, subject, &uri],
        vec![&by, &hash, &uri, &uri],
        // Not there.
        vec![&hash, &uri],
        vec![&by, &uri],
        vec![&by, &hash],
        vec![&by],
        vec![&uri],
        // Out of order.
        vec![&uri, &by, &hash],
        vec![&hash, &by, &uri],
        vec![&by, subject, &hash, &uri],
        vec![&by, &hash, &uri, subject],
        // Another spelling: the grammar's keys have no case, but Envoy's have.
        vec![&lower(&by), &hash, &uri],
        vec![&by, &lower(&hash), &uri],
        vec![&by, &hash, &lower(&uri)],
        vec![&by, &hash, "subject=\"CN=x\"", &uri],
        // Unknown, empty, without a value, with space.
        vec![&by, &hash, "Extra=1", &uri],
        vec![&by, &hash, "", &uri],
        vec!["", &by, &hash, &uri],
        vec![&by, &hash, &uri, ""],
        vec![&by, &hash, "=", &uri],
        vec![&by, &hash, "Subject", &uri],
        vec![&by, &hash, "URI"],
        vec![&by, &hash, &format!(" {uri}")],
        vec![&by, &hash, "SAN=spiffe://example.org/ops/alice"],
        // Unquoted where Envoy quotes.
        vec![&by, &hash, "Subject=CN=x", &uri],
        vec![&by, &hash, &format!("Cert={PEM}"), &uri],
    ] {
        let text = pairs.join(";");
        assert!(judge(&text).is_err(), "{text}");
    }
}

#[test]
fn several_elements_and_empty_ones_are_refused() {
    let good = Client::named(ALICE).render();
    let own = Client::named("spiffe://example.org/team/mallory").render();
    for text in [
        format!("{good},{own}"),
        format!("{own},{good}"),
        format!("{good},{good}"),
        format!("{good},"),
        format!(",{good}"),
        format!("{good}, {good}"),
        ",".to_owned(),
        vec![good.as_str(); 50].join(","),
        ",".repeat(1_000),
        "By=x,".repeat(1_000),
    ] {
        assert_refused(&text, "one element");
    }
    assert_refused(&format!("[{{\"By\":[\"{PROXY}\"]}}]"), "not JSON");
    assert_refused(&format!("{{\"By\":\"{PROXY}\"}}"), "not JSON");
}

#[test]
fn the_hash_is_required_and_has_one_form() {
    let with = |hash: &str| Client::named(ALICE).render().replace(HASH, hash);
    for hash in
        ["", "0", &HASH[1..], &format!("{HASH}0"), &HASH.to_uppercase(), &HASH.replace('e', "g"), &" ".repeat(64)]
    {
        assert_refused(&with(hash), "64 hexadecimal digits");
    }
    assert!(judge(&with(&"0".repeat(64))).is_ok());
}

#[test]
fn broken_quotes_and_escapes_are_refused() {
    let with = |pair: &str| format!("By={PROXY};Hash={HASH};{pair};URI={ALICE}");
    for pair in [
        "Subject=\"",
        "Subject=\"CN=x",
        "Subject=\"CN=x\\",
        "Subject=\"CN=x\\\"",
        "Subject=\"CN=x\"\"",
        "Subject=\"CN=x\"y",
        "Subject=\"CN=x\" ",
        "Subject=\"CN=x\"\"y\"",
        "Subject=\"CN=x;y\"",
        "Subject=\"\"\"",
        "Cert=\"",
        "Cert=\"\"\"",
        "Cert=\"a\"b",
        "Cert=\"a\" ",
        "Chain=\"a",
    ] {
        assert!(judge(&with(pair)).is_err(), "{pair}");
    }
    assert_refused(&format!("By={PROXY};Hash={HASH};Subject=\"CN=x\\"), "not closed");
    assert_refused(&format!("By={PROXY};Hash={HASH};Subject=\"CN=x\""), "URI must follow Subject");
    assert_refused("\"", "not closed");
    assert_refused("\\", "must begin with By");
}

#[test]
fn forwarded_certificates_are_skipped_only_if_they_are_percent_encoded() {
    let with = |pem: &str| format!("By={PROXY};Hash={HASH};Cert=\"{pem}\";URI={ALICE}");
    for good in ["", PEM, "%41%5a%5A", "a-b.c_d~e"] {
        assert!(judge(&with(good)).is_ok(), "{good}");
    }
    for bad in ["%", "%4", "%4g", "%g4", "%%41", "a%", "a b", "a=b", "a;b", "a,b", "a\\", "a/b", "a+b", "%\u{21}0"] {
        assert!(judge(&with(bad)).is_err(), "{bad}");
        assert!(judge(&with(bad).replace("Cert", "Chain")).is_err(), "{bad}");
    }
    assert_refused(&with("%4"), "percent-encoded");
}

/// With `APPEND_FORWARD`, Envoy keeps what the client wrote, puts a comma behind it, and then its own.
#[test]
fn a_clients_own_element_before_the_proxys_is_refused() {
    let own = "spiffe://example.org/team/mallory";
    // The last one closes a quote that the client left open in its own header.
    let uris = [own.to_owned(), format!("{own}\""), format!("{own}\";URI={ALICE}")];
    for before in [
        Client::named(ALICE).render(),
        format!("{};Subject=\"", Client::named(ALICE).render()),
        format!("By={PROXY};Hash={HASH};Subject=\""),
        format!("By={PROXY};Hash={HASH};Subject=\"\\"),
        format!("By={PROXY};Hash={HASH};Cert=\""),
        "\"".to_owned(),
        String::new(),
    ] {
        for client in uris.iter().map(|uri| Client::named(uri)) {
            for client in [Client { subject: None, ..client.clone() }, client] {
                let text = format!("{before},{}", client.render());
                assert!(judge(&text).is_err(), "{text}");
            }
        }
    }
}

const WORDS: [&str; 24] = [
    ";",
    ",",
    "\"",
    "\\",
    "=",
    " ",
    "%",
    "By=",
    "Hash=",
    "Cert=\"",
    "Chain=\"",
    "Subject=\"",
    "URI=",
    "DNS=",
    "\";",
    ALICE,
    PROXY,
    HASH,
    "spiffe://example.org/team/mallory",
    "spiffe://",
    "/",
    "{",
    "\u{e9}",
    "\t",
];

/// Texts of what an attacker would put into a certificate or a header.
fn hostile() -> impl Strategy<Value = String> {
    let word = prop_oneof![4 => proptest::sample::select(&WORDS).prop_map(str::to_owned), 1 => "[ -~]{0,4}"];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

/// Good names, hostile ones, and such that begin well.
fn name() -> impl Strategy<Value = String> {
    let begun = (proptest::sample::select(vec![ALICE, "spiffe://example.org/team/mallory"]), hostile());
    let begun = begun.prop_map(|(id, more)| id.to_owned() + &more);
    prop_oneof![2 => hostile(), 2 => begun, 1 => r"spiffe://example\.org(/[a-zA-Z0-9._-]{1,8}){1,3}"]
}

fn pem() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(Just(PEM.to_owned()))
}

fn client() -> impl Strategy<Value = Client> {
    let several = || proptest::option::weighted(0.9, proptest::collection::vec(name(), 0..3));
    let subject = proptest::option::of(proptest::collection::vec(hostile(), 0..3));
    (pem(), pem(), subject, several(), several()).prop_map(|(pem, chain, subject, uris, names)| Client {
        pem,
        chain,
        subject,
        uris,
        names,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn only_the_genuine_uri_san_is_ever_the_identity(client in client()) {
        if let Ok(caller) = judge(&client.render()) {
            prop_assert_eq!(Some(caller.subject()), client.genuine());
            prop_assert_eq!(&caller.attributes()["certificate_sha256"], HASH);
        }
    }

    #[test]
    fn a_good_certificate_is_never_refused(
        subject in proptest::option::of(proptest::collection::vec(".{0,20}", 0..3)),
        uri in r"spiffe://example\.org(/[a-zA-Z0-9_-]{1,8}){1,3}",
        pem in pem(),
    ) {
        let client = Client { pem: pem.clone(), chain: pem, subject, ..Client::named(&uri) };
        let caller = judge(&client.render()).unwrap();
        prop_assert_eq!(caller.subject(), uri);
    }

    #[test]
    fn nothing_before_the_proxys_element_gets_anybody_in(before in hostile(), client in client()) {
        let text = format!("{before},{}", client.render());
        prop_assert!(judge(&text).is_err());
    }

    #[test]
    fn any_text_is_survived_and_only_the_expected_proxy_believed(text in hostile()) {
        if judge(&text).is_ok() {
            let head = format!("By={PROXY};Hash=");
            prop_assert!(text.starts_with(&head));
        }
    }

    #[test]
    fn one_edit_of_a_good_header_names_nobody_else(at in 0usize..1_000, byte in 0x20u8..0x7f) {
        let good = Client { pem: Some(PEM.to_owned()), ..Client::named(ALICE) }.render();
        let mut bytes = good.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let edited = String::from_utf8(bytes).unwrap();
        if let Ok(caller) = judge(&edited) {
            let head = format!("By={PROXY};");
            prop_assert!(edited.starts_with(&head) && edited.ends_with(caller.subject()));
        }
    }
}
