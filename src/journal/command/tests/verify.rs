//! `verify --export`.

use super::*;

/// The export of a journal of four records, in a file beside it.
async fn exported() -> (Fixture, Expectation, String) {
    let (fixture, receipt) = filled().await;
    let path = fixture.beside(".jsonl").to_str().unwrap().to_owned();
    answer(&fixture, &["export", "--output", &path]).await.unwrap();
    (fixture, receipt, path)
}

#[tokio::test]
async fn an_export_is_answered_as_the_journal_is() {
    let (fixture, receipt, path) = exported().await;
    let expect = receipt.to_string();
    for more in [&[][..], &["--json"], &["--expect", &expect]] {
        let of_journal = answer(&fixture, &[&["verify"], more].concat()).await.unwrap();
        let of_export = said(&[&["verify", "--export", &path], more].concat()).await.unwrap();
        assert_eq!(of_export, of_journal);
        assert_eq!(of_export.0, ExitCode::SUCCESS);
    }
}

#[tokio::test]
async fn a_bad_line_is_named_and_exits_with_one() {
    let (_fixture, _, path) = exported().await;
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("Locked out", "locked out", 1)).unwrap();
    let (code, answer) = said(&["verify", "--export", &path]).await.unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    assert!(answer.starts_with(&format!("NOT verified: record 2 ({path}, line 2): its hash does not")), "{answer}");
    let (code, answer) = said(&["verify", "--export", &path, "--json"]).await.unwrap();
    let json: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    assert_eq!((&json["verified"], &json["index"], &json["line"]), (&false.into(), &2.into(), &2.into()));
    assert_eq!(json["export"], path);
}

#[tokio::test]
async fn segments_are_given_in_their_order_or_behind_a_receipt() {
    let (fixture, receipt, _) = exported().await;
    let [first, second] = ["a", "b"].map(|name| fixture.beside(name).to_str().unwrap().to_owned());
    answer(&fixture, &["export", "--to", "2", "--output", &first]).await.unwrap();
    answer(&fixture, &["export", "--from", "3", "--output", &second]).await.unwrap();
    let (code, text) = said(&["verify", "--export", &first, "--export", &second]).await.unwrap();
    assert!(code == ExitCode::SUCCESS && text.starts_with("verified: 4 records"), "{text}");
    let (code, text) = said(&["verify", "--export", &second]).await.unwrap();
    assert!(
        code == ExitCode::FAILURE && text.contains("begins with record 3") && text.contains("--after INDEX:HASH"),
        "{text}"
    );
    let after = receipt.to_string();
    let (code, text) = said(&["verify", "--export", &second, "--after", &after]).await.unwrap();
    assert!(code == ExitCode::SUCCESS && text.contains(&format!("segment behind record: {after}\n")), "{text}");
    let (_, text) = said(&["verify", "--export", &second, "--after", &after, "--json"]).await.unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["records"], &json["after"]), (&2.into(), &after.into()));
}

#[test]
fn a_journal_or_exports_are_verified() {
    let refused = |arguments: &[&str]| {
        Cli::try_parse_from(["journal", "verify"].iter().chain(arguments)).unwrap_err().to_string()
    };
    assert!(refused(&[]).contains("--journal <FILE|URL>"));
    let after = format!("3:{}", "0".repeat(64));
    assert!(refused(&["--journal", "j", "--after", &after]).contains("--export <FILE>"));
    assert!(refused(&["--after", &after]).contains("--export <FILE>"));
}
