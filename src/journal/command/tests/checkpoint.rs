use std::path::{Path, PathBuf};

use super::{
    super::super::{CheckpointError, SignError, checkpoint::tests::forge},
    *,
};

const ORIGIN: &str = "rootgate.example.com/journal";

async fn words(arguments: &[&str]) -> Result<String, CommandError> {
    let command = Cli::parse_from(["journal"].iter().chain(arguments)).command;
    let mut out = Vec::new();
    run(command, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

struct Site {
    fixture: Fixture,
    key: PathBuf,
    public: String,
    anchor: PathBuf,
}

impl Site {
    /// A journal of four records, and a key.
    async fn new() -> Self {
        let (fixture, _) = filled().await;
        let (key, anchor) = (fixture.directory.path().join("k"), fixture.directory.path().join("checkpoints"));
        let public = generate(&key, ORIGIN).await;
        Self { fixture, key, public, anchor }
    }

    async fn checkpoint(&self, more: &[&str]) -> Result<String, CommandError> {
        let (journal, key) = (text(&self.fixture.path), text(&self.key));
        words(&[&["checkpoint", "--journal", journal, "--key", key], more].concat()).await
    }

    async fn verify(&self, more: &[&str]) -> Result<(ExitCode, String), CommandError> {
        let anchor = ["verify", "--checkpoint", text(&self.anchor)];
        answer(&self.fixture, &[&anchor, more].concat()).await
    }

    async fn grow(&self) {
        let Opened { journal, .. } = self.fixture.open().await;
        journal.append(started()).await.unwrap();
        journal.close().await.unwrap();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn generate(path: &Path, name: &str) -> String {
    let public = words(&["key", "generate", "--name", name, "--output", text(path)]).await.unwrap();
    public.trim_end().to_owned()
}

#[tokio::test]
async fn a_key_is_made_once_and_its_public_key_printed_again() {
    let site = Site::new().await;
    let again = words(&["key", "public", "--key", text(&site.key)]).await.unwrap();
    assert_eq!(again, format!("{}\n", site.public));
    assert!(site.public.starts_with(&format!("{ORIGIN}+")), "{}", site.public);
    let error = words(&["key", "generate", "--name", ORIGIN, "--output", text(&site.key)]).await.unwrap_err();
    assert!(error.to_string().contains("never overwritten"), "{error}");
    let error = Cli::try_parse_from(["journal", "key", "generate", "--name", "a b", "--output", "x"]).unwrap_err();
    assert!(error.to_string().contains("without spaces"), "{error}");
}

#[tokio::test]
async fn a_journal_is_verified_against_a_file_of_checkpoints() {
    let site = Site::new().await;
    let printed = site.checkpoint(&[]).await.unwrap();
    assert!(printed.starts_with(&format!("{ORIGIN}\n4\n")), "{printed}");
    std::fs::write(&site.anchor, &printed).unwrap();
    let (code, text) = site.verify(&["--public-key", &site.public]).await.unwrap();
    assert_eq!(code, ExitCode::SUCCESS, "{text}");
    assert!(text.starts_with("verified: 4 records, 0 receipts, 1 checkpoints\n"), "{text}");
    assert!(!text.contains("no receipt"), "{text}");

    std::fs::remove_file(&site.anchor).unwrap();
    for _ in 0..3 {
        site.checkpoint(&["--output", site.anchor.to_str().unwrap()]).await.unwrap();
        site.grow().await;
    }
    let public = site.fixture.directory.path().join("public");
    std::fs::write(&public, format!("{}\n", site.public)).unwrap();
    let arguments = ["--public-key", public.to_str().unwrap(), "--origin", ORIGIN, "--json"];
    let (code, text) = site.verify(&arguments).await.unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["checkpoints"]), (ExitCode::SUCCESS, &Value::from(3)));
}

#[tokio::test]
async fn a_cut_tail_and_a_journal_written_anew_are_found() {
    let site = Site::new().await;
    // With the record that closes the open intent, 7.
    site.grow().await;
    site.checkpoint(&["--output", text(&site.anchor)]).await.unwrap();
    forge(&site.fixture.path, "DELETE FROM records WHERE idx = 7").await;
    let (code, said) = site.verify(&["--public-key", &site.public]).await.unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    assert!(said.starts_with("NOT verified: record 7: is missing: the journal ends before it"), "{said}");
    // And the next checkpoint is not signed into the same file.
    let error = site.checkpoint(&["--output", text(&site.anchor)]).await.unwrap_err();
    assert!(matches!(error, CommandError::Unsigned(SignError::Cut { signed: 7, found: 6 })), "{error}");

    let anew = Site { fixture: filled().await.0, ..site };
    anew.grow().await;
    let (code, said) = anew.verify(&["--public-key", &anew.public]).await.unwrap();
    assert_eq!(code, ExitCode::FAILURE);
    assert!(said.starts_with("NOT verified: record 7: its hash is"), "{said}");
    let error = anew.checkpoint(&["--output", text(&anew.anchor)]).await.unwrap_err();
    assert!(matches!(error, CommandError::Unsigned(SignError::Replaced { signed: 7 })), "{error}");
}

/// Each has its own words.
#[tokio::test]
async fn evidence_that_proves_nothing_is_told_apart() {
    let site = Site::new().await;
    let (directory, anchor) = (site.fixture.directory.path().to_owned(), text(&site.anchor).to_owned());
    let note = site.checkpoint(&[]).await.unwrap();
    std::fs::write(&anchor, &note).unwrap();

    let other = generate(&directory.join("other"), ORIGIN).await;
    let error = site.verify(&["--public-key", &other]).await.unwrap_err();
    let signer = site.public.splitn(3, '+').take(2).collect::<Vec<_>>().join("+");
    let expected = format!("checkpoint 1 in {anchor}: it is signed by {signer}, and not by the public key given");
    assert!(error.to_string().contains(&expected), "{error}");

    let error = site.verify(&["--public-key", &site.public, "--origin", "other.example"]).await.unwrap_err();
    assert!(error.to_string().contains("it is of the journal rootgate.example.com/journal"), "{error}");

    let of_another = site.checkpoint(&["--origin", "other.example"]).await.unwrap();
    std::fs::write(&anchor, format!("{note}\n{of_another}\n")).unwrap();
    let error = site.verify(&["--public-key", &site.public]).await.unwrap_err();
    assert!(error.to_string().contains("checkpoint 2 in "), "{error}");
    assert!(error.to_string().contains("it is of the journal other.example, not of"), "{error}");

    std::fs::write(&anchor, note.replace("\n4\n", "\n3\n")).unwrap();
    let error = site.verify(&["--public-key", &site.public]).await.unwrap_err();
    assert!(error.to_string().contains("does not fit its text"), "{error}");
    let CommandError::Unproven(UnprovenCheckpoint { source, .. }) = &error else { panic!("{error}") };
    assert!(matches!(source, CheckpointError::BadSignature(_)), "{error}");

    std::fs::write(&anchor, "hello\n").unwrap();
    let error = site.verify(&["--public-key", &site.public]).await.unwrap_err();
    assert!(error.to_string().contains("is not a whole file of checkpoints"), "{error}");
}

#[tokio::test]
async fn what_is_given_in_place_of_a_public_key_is_told_and_no_secret_repeated() {
    let site = Site::new().await;
    site.checkpoint(&["--output", text(&site.anchor)]).await.unwrap();
    let private = std::fs::read_to_string(&site.key).unwrap();
    // The last of five parts, which may hold the separator itself.
    let secret = private.trim_end().splitn(5, '+').nth(4).unwrap().to_owned();
    for (given, expected) in [
        (private.trim_end(), "is a private key"),
        (text(&site.key), "is a private key"),
        ("a+b+c", "must be a public key, NAME+ID+KEY"),
        ("nowhere", "nowhere: No such file"),
    ] {
        let error = site.verify(&["--public-key", given]).await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains(&secret), "{error}");
    }
}

#[test]
fn checkpoints_and_public_keys_go_together() {
    for arguments in [&["--checkpoint", "x"][..], &["--public-key", "x"], &["--origin", "x"]] {
        let all = ["journal", "verify", "--journal", "j"].iter().chain(arguments);
        assert!(Cli::try_parse_from(all).unwrap_err().to_string().contains("required"), "{arguments:?}");
    }
    let help = |verbs: &[&str]| {
        let all = ["journal"].iter().chain(verbs).chain(&["--help"]);
        Cli::try_parse_from(all).unwrap_err().to_string()
    };
    assert!(help(&["checkpoint"]).contains("rootgate journal checkpoint --journal journal.db --key checkpoint.key"));
    assert!(help(&["key", "generate"]).contains("--name rootgate.example.com/journal"));
}
