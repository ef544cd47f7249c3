use serde_json::Value;

use super::*;
use crate::{
    error::ErrorReason,
    gate::{Evidence, Position},
    ops::{AllowPasswordRecovery, RecoveryAllowed},
};

/// An answer that is its bytes.
#[derive(Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Answer<AllowPasswordRecovery> for Bytes {
    fn new(_output: RecoveryAllowed, _evidence: Evidence) -> Self {
        Self(Vec::new())
    }

    fn set_position(&mut self, _position: Position) {}

    fn kept(&self) -> Kept {
        match self.0.as_slice() {
            b"secret" => Kept::Instead(Error::new(ErrorReason::AlreadyIssued, "handed out")),
            bytes => Kept::Answer(bytes.to_vec()),
        }
    }

    fn read(kept: &[u8]) -> Option<Self> {
        (kept != b"strange").then(|| Self(kept.to_vec()))
    }
}

fn conclusion(changed: Option<bool>, shortfall: Option<ErrorReason>) -> Conclusion {
    Conclusion { changed, detail: Value::Null, shortfall: shortfall.map(|reason| Error::new(reason, "words")) }
}

fn ended(conclusion: &Conclusion, answer: &[u8]) -> RequestEnd {
    end_of::<AllowPasswordRecovery, Bytes>(Ok((conclusion, &Bytes(answer.to_vec()))))
}

fn failed(reason: ErrorReason) -> RequestEnd {
    end_of::<AllowPasswordRecovery, Bytes>(Err(&Error::new(reason, "words").with_private("for the log")))
}

fn kept(end: RequestEnd) -> Vec<u8> {
    match end {
        RequestEnd::Keep(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn again(kept: &[u8]) -> Option<Result<Done<Bytes>, Error>> {
    read::<AllowPasswordRecovery, Bytes>(kept)
}

#[test]
fn a_success_is_kept_whole() {
    let kept = kept(ended(&conclusion(Some(true), None), b"\0answer\xff"));
    let done = again(&kept).unwrap().unwrap();
    assert_eq!(done.answer, Bytes(b"\0answer\xff".to_vec()));
    assert!(done.shortfall.is_none());
}

#[test]
fn what_was_done_in_part_is_kept_with_its_error() {
    let done = again(&kept(ended(&conclusion(Some(true), Some(ErrorReason::Incomplete)), b"items"))).unwrap().unwrap();
    assert_eq!((done.answer, done.shortfall.unwrap().reason()), (Bytes(b"items".to_vec()), ErrorReason::Incomplete));
}

#[test]
fn what_is_handed_out_once_is_not_kept() {
    let kept = kept(ended(&conclusion(Some(true), None), b"secret"));
    assert_eq!(again(&kept).unwrap().err().unwrap().reason(), ErrorReason::AlreadyIssued);
    let texts = String::from_utf8(kept).unwrap();
    assert!(!texts.contains("secret") && !texts.contains(&BASE64.encode("secret")), "{texts}");
}

#[test]
fn a_failure_for_good_is_kept_and_one_that_may_pass_frees_the_id() {
    for reason in
        [ErrorReason::BucketNotFound, ErrorReason::OutcomeUnknown, ErrorReason::Internal, ErrorReason::StaleEtag]
    {
        let kept = kept(failed(reason));
        assert!(!String::from_utf8_lossy(&kept).contains("for the log"));
        assert_eq!(again(&kept).unwrap().err().unwrap().reason(), reason);
    }
    for reason in [ErrorReason::AwsThrottled, ErrorReason::AwsUnavailable, ErrorReason::JournalUnavailable] {
        assert_eq!(failed(reason), RequestEnd::Release, "{reason:?}");
    }
}

#[test]
fn a_shortfall_that_may_pass_frees_the_id_only_if_nothing_was_changed() {
    let shortfall = |changed| ended(&conclusion(changed, Some(ErrorReason::AwsThrottled)), b"items");
    assert_eq!(shortfall(Some(false)), RequestEnd::Release);
    kept(shortfall(Some(true)));
    kept(shortfall(None));
}

#[test]
fn what_cannot_be_understood_is_not_guessed() {
    let good = String::from_utf8(kept(ended(&conclusion(Some(true), None), b"answer"))).unwrap();
    assert!(again(good.as_bytes()).is_some());
    for (known, strange) in [
        ("\"version\":1", "\"version\":2"),
        ("\"error\":null", "\"error\":{}"),
        ("\"error\":null", "\"error\":null,\"more\":1"),
        (&*BASE64.encode("answer"), "?"),
        (&*BASE64.encode("answer"), &*BASE64.encode("strange")),
        (&*format!("\"{}\"", BASE64.encode("answer")), "null"),
    ] {
        assert!(good.contains(known), "{known}");
        assert!(again(good.replacen(known, strange, 1).as_bytes()).is_none(), "{strange}");
    }
}
