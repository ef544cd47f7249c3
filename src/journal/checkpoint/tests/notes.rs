use proptest::prelude::*;

use super::*;

fn verified(note: &str, keys: &[&CheckpointVerifier]) -> Result<Checkpoint, CheckpointError> {
    let keys: Vec<CheckpointVerifier> = keys.iter().map(|key| (*key).clone()).collect();
    Checkpoint::verified(&note.parse()?, &keys)
}

#[test]
fn a_note_of_other_peoples_tools_verifies_and_ours_is_the_same() {
    let note: SignedNote = GO_NOTE.parse().unwrap();
    CheckpointVerifier::check(&[GO_PUBLIC.parse().unwrap()], &note).unwrap();
    assert_eq!(note.to_string(), GO_NOTE);
    let key: CheckpointKey = GO_PRIVATE.parse().unwrap();
    assert_eq!(key.sign(note.text().to_owned()).unwrap().to_string(), GO_NOTE);
}

#[test]
fn a_checkpoint_says_origin_size_hash_and_time() {
    let key = key(ORIGIN);
    let note = signed(&key, 42);
    let lines: Vec<String> = note.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines[..2], [ORIGIN, "42"]);
    assert_eq!(lines[2].len(), 44);
    assert_eq!(lines[3..5], ["recorded-at 2026-11-21T18:35:54.000007Z", ""]);
    assert!(lines[5].starts_with("— rootgate.example.com/journal "));
    assert_eq!(lines.len(), 6);
    let checkpoint = verified(&note.to_string(), &[&key.verifier()]).unwrap();
    assert_eq!(checkpoint, Checkpoint::of_head(origin(), Some(position(42))));
    assert_eq!(checkpoint.expectation(), Some(position(42).into()));
}

#[test]
fn an_empty_journal_has_a_checkpoint_of_zeros_that_expects_nothing() {
    let key = key(ORIGIN);
    let empty = Checkpoint::of_head(origin(), None);
    assert_eq!(empty.text(), format!("{ORIGIN}\n0\n{}=\n", "A".repeat(43)));
    let note = key.sign(empty.text()).unwrap();
    assert_eq!(verified(&note.to_string(), &[&key.verifier()]).unwrap(), empty);
    assert_eq!(empty.expectation(), None);
}

/// A wrong key, a changed note, another journal and nonsense are four different things for whoever has to act on it.
#[test]
fn what_does_not_verify_says_why() {
    let (ours, other) = (key(ORIGIN), key(ORIGIN));
    let note = signed(&ours, 42).to_string();
    let error = verified(&note, &[&other.verifier()]).unwrap_err();
    let CheckpointError::UnknownSigner { signers, given } = &error else { panic!("{error}") };
    assert_eq!((signers, given), (&ours.verifier().label(), &other.verifier().label()));
    let error = verified(&note, &[]).unwrap_err();
    assert!(matches!(error, CheckpointError::UnknownSigner { .. }), "{error}");

    let error = verified(&note.replace("\n42\n", "\n41\n"), &[&ours.verifier()]).unwrap_err();
    assert_eq!(error, CheckpointError::BadSignature(ours.verifier().label()));

    let checkpoint = verified(&note, &[&other.verifier(), &ours.verifier()]).unwrap();
    checkpoint.of(&origin()).unwrap();
    let error = checkpoint.of(&"elsewhere.example/journal".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("of the journal rootgate.example.com/journal, not of elsewhere"), "{error}");

    assert!(matches!(verified("hello", &[&ours.verifier()]), Err(CheckpointError::Malformed(_))));
    let signed_nonsense = ours.sign("hello\n".to_owned()).unwrap().to_string();
    assert!(matches!(verified(&signed_nonsense, &[&ours.verifier()]), Err(CheckpointError::Malformed(_))));
}

#[test]
fn signatures_of_strangers_are_nobodys_business_and_a_bad_one_of_ours_is() {
    let (ours, witness) = (key(ORIGIN), key("witness.example"));
    let note = signed(&ours, 7);
    let cosignature = witness.sign(note.text().to_owned()).unwrap().to_string();
    let cosignature = cosignature.rsplit_once("\n\n").unwrap().1;
    let cosigned = format!("{note}{cosignature}");
    for keys in [vec![ours.verifier()], vec![witness.verifier()], vec![ours.verifier(), witness.verifier()]] {
        let keys: Vec<&CheckpointVerifier> = keys.iter().collect();
        verified(&cosigned, &keys).unwrap();
    }
    // A signature of ours over something else, before and behind the good one.
    let bad = signed(&ours, 8).to_string();
    let bad = bad.rsplit_once("\n\n").unwrap().1;
    let (text, good) = (note.text(), note.to_string());
    let good = good.rsplit_once("\n\n").unwrap().1;
    for lines in [format!("{good}{bad}"), format!("{bad}{good}")] {
        let error = verified(&format!("{text}\n{lines}"), &[&ours.verifier()]).unwrap_err();
        assert_eq!(error, CheckpointError::BadSignature(ours.verifier().label()));
    }
    // Name and id are needed both: a stranger may use our name.
    let namesake = key(ORIGIN);
    let line = namesake.sign(text.to_owned()).unwrap().to_string();
    let line = line.rsplit_once("\n\n").unwrap().1;
    verified(&format!("{note}{line}"), &[&ours.verifier()]).unwrap();
}

#[test]
fn many_signers_are_not_all_listed() {
    let note = signed(&key("a.example"), 1);
    let lines: String = (0..9)
        .map(|i| {
            let note = key(&format!("k{i}.example")).sign(note.text().to_owned()).unwrap().to_string();
            note.rsplit_once("\n\n").unwrap().1.to_owned()
        })
        .collect();
    let error = verified(&format!("{note}{lines}"), &[&key(ORIGIN).verifier()]).unwrap_err().to_string();
    assert!(error.contains("a.example+") && error.contains("k2.example+") && error.contains(" and 6 more"), "{error}");
    assert!(!error.contains("k3.example"), "{error}");
}

#[test]
fn what_is_no_note_is_refused() {
    let good = signed(&key(ORIGIN), 42).to_string();
    let (text, line) = good.rsplit_once("\n\n").unwrap();
    let signature = line.trim_end().rsplit_once(' ').unwrap().1;
    let long = |bytes: usize| format!("{}{good}", "a".repeat(bytes));
    for bad in [
        String::new(),
        "\n".to_owned(),
        "\n\n".to_owned(),
        format!("\n\n{line}"),
        text.to_owned(),
        format!("{text}\n"),
        format!("{text}\n\n"),
        format!("{text}\n{line}"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        good.replace('\n', "\r\n"),
        good.replace("42", "4\t2"),
        good.replace("42", "4\u{1b}[2J2"),
        good.replace("42", "4\u{9b}2"),
        good.replace("— ", "- "),
        good.replace("— ", "—"),
        good.replace("— rootgate", "— root gate"),
        good.replace("— rootgate", "— root+gate"),
        good.replace("— rootgate", "— root\u{2003}gate"),
        good.replace("— rootgate.example.com/journal", "— "),
        good.replace(signature, "AAAA"),
        good.replace(signature, "AAAAAA=="),
        good.replace(signature, ""),
        good.replace(signature, &format!("{signature} ")),
        good.replace(signature, &signature.replace('=', "")),
        format!("{good}{}", line.repeat(64)),
        long(NOTE_BYTES_MAX),
    ] {
        assert!(bad.parse::<SignedNote>().is_err(), "{:?}", &bad[..bad.len().min(300)]);
    }
    assert!(format!("{good}{}", line.repeat(15)).parse::<SignedNote>().is_ok(), "sixteen signatures must be accepted");
    assert!(long(1000).parse::<SignedNote>().is_ok());
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let good = Checkpoint::of_head(origin(), Some(position(42))).text();
    let hash = good.lines().nth(2).unwrap().to_owned();
    let time = good.lines().nth(3).unwrap().to_owned();
    for bad in [
        String::new(),
        "\n\n\n".to_owned(),
        good.trim_end().to_owned(),
        good.replace("\n42\n", "\n042\n"),
        good.replace("\n42\n", "\n+42\n"),
        good.replace("\n42\n", "\n-1\n"),
        good.replace("\n42\n", "\n\n"),
        good.replace("\n42\n", "\n0\n"),
        good.replace("\n42\n", "\n18446744073709551616\n"),
        good.replace("rootgate", "root gate"),
        good.replace(&hash, &hash[4..]),
        good.replace(&hash, &format!("{}=", "A".repeat(43))),
        good.replace(&hash, hash.trim_end_matches('=')),
        good.replace(&format!("{time}\n"), ""),
        good.replace(&time, &format!("{time}\n{time}")),
        good.replace(&time, &format!("\n{time}")),
        good.replace(&time, "recorded-at yesterday"),
        good.replace(&time, "recorded-at 2026-11-21T18:35:54Z"),
        good.replace(&time, "recorded-at 2026-11-21T19:35:54.000007+01:00"),
        format!("{good}\n"),
        format!("{good}{}", "x\n".repeat(16)),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
    let later = format!("{good}a later version says more\n");
    assert_eq!(Checkpoint::parse(&later), Checkpoint::parse(&good));
    assert!(Checkpoint::parse(&good).is_ok());
}

proptest! {
    /// Every change of a signed note is noticed; what still verifies says the same.
    #[test]
    fn no_edit_of_a_note_goes_unnoticed(at in 0_usize..400, byte in 0_u8..=255) {
        let key: CheckpointKey = GO_PRIVATE.parse().unwrap();
        let note = signed(&key, 42).to_string();
        let mut edited = note.clone().into_bytes();
        let at = at % edited.len();
        edited[at] = byte;
        let verified = std::str::from_utf8(&edited).ok().and_then(|text| verified(text, &[&key.verifier()]).ok());
        prop_assert_eq!(verified.is_some(), edited == note.as_bytes());
    }

    #[test]
    fn nothing_that_is_read_panics_and_what_parses_prints_itself(text in "(?s).{0,60}(\n\n— [a-z]{1,3} [A-Za-z0-9+/]{8}\n)?") {
        if let Ok(note) = text.parse::<SignedNote>() {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn a_checkpoint_reads_itself_again(index in 1_u64.., micros in any::<i64>()) {
        let head = Position { recorded_at: Timestamp::from_unix_micros(micros), ..position(index) };
        let checkpoint = Checkpoint::of_head(origin(), Some(head));
        prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
    }
}
