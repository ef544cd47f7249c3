use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{AppendError, Event, tests::*},
    *,
};
use crate::{clock::Timestamp, store::BODY_BYTES_MAX, types::OperationId};

#[test]
fn a_hash_covers_domain_index_previous_length_and_body() {
    let previous = RecordHash::from_bytes(&[7; 32]).unwrap();
    let body = "{\"index\":258}";
    let mut bytes = b"rootgate/journal/v1\n".to_vec();
    bytes.extend([0, 0, 0, 0, 0, 0, 1, 2]);
    bytes.extend([7; 32]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 13]);
    bytes.extend(body.bytes());
    let expected = digest::digest(&digest::SHA256, &bytes);
    assert_eq!(RecordHash::of(258, previous, body).as_bytes(), expected.as_ref());
}

#[test]
fn hashes_and_expectations_print_what_they_parse() {
    let digits = "00ff".repeat(16);
    assert_eq!(digits.parse::<RecordHash>().unwrap().to_string(), digits);
    assert_eq!(digits.to_uppercase().parse::<RecordHash>().unwrap().to_string(), digits);
    let text = format!("17:{digits}");
    assert_eq!(text.parse::<Expectation>().unwrap().to_string(), text);
}

#[test]
fn refuses_what_is_no_expectation() {
    let digits = "0".repeat(64);
    for text in [
        String::new(),
        digits.clone(),
        format!(":{digits}"),
        format!("0:{digits}"),
        format!("+1:{digits}"),
        format!("-1:{digits}"),
        format!("18446744073709551616:{digits}"),
        format!("1:{}", &digits[1..]),
        format!("1:{digits}0"),
        format!("1:{}g", &digits[1..]),
        format!("1:{}é", &digits[2..]),
        format!("1:{digits}:1"),
    ] {
        assert_eq!(text.parse::<Expectation>(), Err(ParseError), "{text}");
    }
}

#[test]
fn a_body_has_index_and_time_first_and_the_events_own_members_after() {
    let started =
        Event::Started { version: "1.0".to_owned(), configuration_sha256: None, policy_sha256: Some("ab".to_owned()) };
    let encoded = encode(&started, Oversize::Refuse).unwrap();
    assert_eq!(
        body_text(3, Timestamp::from_unix(0, 0), false, &encoded.json),
        r#"{"index":3,"recorded_at":"1970-01-01T00:00:00.000000Z","event":"Started","version":"1.0","configuration_sha256":null,"policy_sha256":"ab"}"#
    );
    let stopped = encode(&Event::Stopped {}, Oversize::Refuse).unwrap();
    assert_eq!(
        body_text(4, Timestamp::from_unix(0, 0), true, &stopped.json),
        r#"{"index":4,"recorded_at":"1970-01-01T00:00:00.000000Z","clock_behind":true,"event":"Stopped"}"#
    );
}

#[test]
fn types_are_written_as_their_text() {
    let id = OperationId::generate();
    let encoded = encode(&intent(id), Oversize::Refuse).unwrap();
    let members: Value = serde_json::from_str(&encoded.json).unwrap();
    assert_eq!(members["operation_id"], id.to_string());
    assert_eq!(members["operation"], "UnlockBucketPolicy");
    assert_eq!(members["account_id"], "333333333333");
    assert_eq!(members["caller"]["subject"], "spiffe://example/ns/a");
    assert_eq!(encoded.effect, Effect::Opens { operation_id: id.to_string() });
    assert_eq!(encoded.intent, Some((id, "333333333333".parse().ok())));
}

#[test]
fn what_the_writer_encodes_the_reader_reads() {
    let id = OperationId::generate();
    for event in [intent(id), outcome(id, 9), refusal("x"), Event::Stopped {}] {
        let encoded = encode(&event, Oversize::Refuse).unwrap();
        let at = Timestamp::from_unix_micros(1_234_567);
        let body = Body::parse(&body_text(11, at, false, &encoded.json)).unwrap();
        assert_eq!((body.index, body.recorded_at, body.effect), (11, at, encoded.effect));
    }
}

#[test]
fn a_large_intent_is_refused_and_a_large_outcome_trimmed() {
    let id = OperationId::generate();
    let Event::Intent(mut large) = intent(id) else { unreachable!() };
    large.arguments = json!({ "policy": "x".repeat(BODY_BYTES_MAX) });
    let refused = encode(&Event::Intent(large), Oversize::Refuse).unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { bytes, bytes_max } if bytes > bytes_max), "{refused}");

    let Event::Outcome(mut large) = outcome(id, 5) else { unreachable!() };
    large.detail = json!({ "policy": "x".repeat(BODY_BYTES_MAX) });
    let encoded = encode(&Event::Outcome(large.clone()), Oversize::Trim).unwrap();
    let members: Value = serde_json::from_str(&encoded.json).unwrap();
    assert_eq!(members["detail"], json!({ "trimmed": true, "bytes": BODY_BYTES_MAX + 13 }));
    assert_eq!(members["aws_calls"][0]["request_id"], "r-1", "only the detail is trimmed when that is enough");

    let calls = large.aws_calls[0].clone();
    large.aws_calls = vec![calls; 5000];
    let encoded = encode(&Event::Outcome(large), Oversize::Trim).unwrap();
    let members: Value = serde_json::from_str(&encoded.json).unwrap();
    assert_eq!(members["aws_calls"]["trimmed"], true);
    assert_eq!(members["result"], "Succeeded");
    assert_eq!(encoded.effect, Effect::Closes { operation_id: id.to_string(), intent_index: 5 });
}

proptest! {
    // Each case handles some hundred kilobytes.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_trimmed_fits_and_still_reads(
        sizes in proptest::array::uniform5(prop_oneof![Just(0_usize), 1..4000_usize, 60_000..70_000_usize]),
        filler in prop_oneof![Just("x"), Just("\""), Just("\u{1}"), Just("é")],
    ) {
        let text = |i: usize| filler.repeat(sizes[i] / filler.len());
        let event = Event::Refusal(crate::journal::Refusal {
            operation_id: OperationId::generate(),
            rpc: text(0),
            caller: None,
            account_id: Some(text(1)),
            resource: Some(text(2)),
            reason: Some(text(3)),
            ticket: None,
            error: crate::journal::ErrorRecord { reason: "R".to_owned(), message: text(4) },
            policies: Vec::new(),
            unrecorded_before: u64::MAX,
        });
        let encoded = encode(&event, Oversize::Trim).unwrap();
        let body = body_text(u64::MAX, Timestamp::from_unix_micros(i64::MIN), true, &encoded.json);
        prop_assert!(body.len() <= BODY_BYTES_MAX, "{}", body.len());
        let read = Body::parse(&body).unwrap();
        prop_assert_eq!(read.text("event"), Some("Refusal"));
    }

}

proptest! {
    #[test]
    fn every_time_reads_as_it_was_written(micros in prop_oneof![any::<i64>(), -62_000_000_000_000_000..250_000_000_000_000_000_i64]) {
        let at = Timestamp::from_unix_micros(micros);
        let body = Body::parse(&body_text(1, at, false, "{\"event\":\"Stopped\"}")).unwrap();
        prop_assert_eq!(body.recorded_at, at);
    }

    #[test]
    fn reading_never_panics(text in "\\PC{0,80}|\\{\"index\":[0-9-]{0,3},\"recorded_at\":\"[0-9TZus:-]{0,25}\",\"event\":\"(Intent|Outcome)\"\\}") {
        let _ = Body::parse(&text);
    }
}
