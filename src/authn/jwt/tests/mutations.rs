//! Random headers and damaged tokens.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().unwrap());
static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::es256("k1"));
static ISSUERS: LazyLock<JwtIssuers> = LazyLock::new(|| issuers([file(&[&SIGNER])]));
static TOKEN: LazyLock<String> = LazyLock::new(|| SIGNER.token(&claims()));

fn prove(value: &[u8]) -> Proof {
    let Ok(value) = HeaderValue::from_bytes(value) else { return Proof::NotOffered };
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    let evidence = Evidence { peer: None, headers: &headers, now: Timestamp::from_unix(NOW, 0) };
    RUNTIME.block_on(ISSUERS.prove(&evidence))
}

fn is_proven(token: &str) -> bool {
    matches!(prove(format!("Bearer {token}").as_bytes()), Proof::Proven(_))
}

proptest! {
    #[test]
    fn arbitrary_header_bytes_never_panic_and_prove_nothing(value in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(!matches!(prove(&value), Proof::Proven(_)));
    }

    #[test]
    fn arbitrary_parts_never_panic_and_prove_nothing(header in "\\PC{0,80}", payload in "\\PC{0,80}", end in "[A-Za-z0-9_-]{0,90}") {
        let [header, payload] = [header, payload].map(|text| crate::authn::jwt::binding::base64url(text.as_bytes()));
        let token = format!("{header}.{payload}.{end}");
        prop_assert!(!is_proven(&token));
    }

    #[test]
    fn a_token_with_one_other_character_never_verifies(at in any::<proptest::sample::Index>(), other in "[A-Za-z0-9_.=-]") {
        prop_assert!(is_proven(&TOKEN));
        let at = at.index(TOKEN.len());
        prop_assume!(TOKEN[at..=at] != other);
        let mutated = format!("{}{other}{}", &TOKEN[..at], &TOKEN[at + 1..]);
        prop_assert!(!is_proven(&mutated), "{}", mutated);
    }

    #[test]
    fn a_cut_or_extended_token_never_verifies(at in any::<proptest::sample::Index>(), more in "[A-Za-z0-9_.-]{1,8}") {
        let at = at.index(TOKEN.len());
        prop_assert!(!is_proven(&TOKEN[..at]));
        prop_assert!(!is_proven(&format!("{}{more}", *TOKEN)), "{}", more);
        prop_assert!(!is_proven(&format!("{more}{}", *TOKEN)), "{}", more);
        prop_assert!(!is_proven(&format!("{}{more}{}", &TOKEN[..at], &TOKEN[at..])), "{}", more);
    }
}
