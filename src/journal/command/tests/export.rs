//! `export`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::journal::tests::tampering::tamper;

/// What there is beside the journal that an export could have left.
fn beside(fixture: &Fixture) -> Vec<String> {
    let names =
        fs::read_dir(fixture.directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with("journal.db")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn standard_output_has_what_the_list_has() {
    let (fixture, _) = filled().await;
    let (_, listed) = answer(&fixture, &["list", "--json"]).await.unwrap();
    assert_eq!(answer(&fixture, &["export"]).await.unwrap(), (ExitCode::SUCCESS, listed));
}

#[tokio::test]
async fn a_file_is_for_its_owner_only_and_its_receipt_is_told() {
    let (fixture, _) = filled().await;
    let path = fixture.directory.path().join("out.jsonl");
    let (code, text) = answer(&fixture, &["export", "--output", path.to_str().unwrap()]).await.unwrap();
    let head = Expectation::from(fixture.verify().await.head.unwrap());
    assert_eq!(code, ExitCode::SUCCESS);
    assert_eq!(text, format!("exported: 4 records to {}\nlast record: {head}\n", path.display()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(beside(&fixture), ["out.jsonl"]);
}

#[tokio::test]
async fn an_export_that_fails_leaves_nothing_and_takes_nothing_away() {
    let (fixture, _) = filled().await;
    let path = fixture.directory.path().join("out");
    let out = path.to_str().unwrap();
    let error = answer(&fixture, &["export", "--from", "9", "--output", out]).await.unwrap_err();
    assert!(
        error.to_string().contains(
            "nothing is exported: there is nothing to export from record 9 on: the journal ends with record 4"
        ),
        "{error}"
    );
    assert_eq!(beside(&fixture), [""; 0]);

    fs::write(&path, "old").unwrap();
    let error = answer(&fixture, &["export", "--output", out]).await.unwrap_err();
    assert!(error.to_string().contains("exists"), "{error}");
    tamper(&fixture.path, "UPDATE records SET body = replace(body, 'evil', 'good') WHERE idx = 3").await;
    let error = answer(&fixture, &["export", "--output", out, "--force"]).await.unwrap_err();
    assert!(error.to_string().starts_with("record 3: its hash does not match"), "{error}");
    assert_eq!((beside(&fixture), fs::read(&path).unwrap()), (vec!["out".to_owned()], b"old".to_vec()));
}

#[tokio::test]
async fn ctrl_c_leaves_nothing() {
    let (fixture, _) = filled().await;
    let path = fixture.directory.path().join("out");
    let arguments =
        ["journal", "export", "--journal", fixture.path.to_str().unwrap(), "--output", path.to_str().unwrap()];
    let JournalCommand::Export(arguments) = Cli::parse_from(arguments).command else { unreachable!() };
    // The reader has no answer at its first step: then the signal is there.
    let error = super::super::export::run_export(&arguments, &mut Vec::new(), std::future::ready(())).await;
    match error {
        Err(CommandError::Interrupted) => assert_eq!(beside(&fixture), [""; 0]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_output_that_is_closed_or_full_is_an_error() {
    let (fixture, _) = filled().await;
    let arguments = ["journal", "export", "--journal", fixture.path.to_str().unwrap()];
    let command = Cli::parse_from(arguments).command;
    let mut full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = run(command.clone(), &mut full).await.unwrap_err();
    assert!(matches!(&error, CommandError::Output(cause) if cause.kind() == io::ErrorKind::StorageFull), "{error}");
    let (reader, mut writer) = io::pipe().unwrap();
    drop(reader);
    let error = run(command, &mut writer).await.unwrap_err();
    assert!(matches!(&error, CommandError::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe), "{error}");
}

#[tokio::test]
async fn a_list_ends_well_when_its_reader_goes_away() {
    let (fixture, _) = filled().await;
    for verb in ["list", "tail"] {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        let command = Cli::parse_from(["journal", verb, "--journal", fixture.path.to_str().unwrap()]).command;
        assert_eq!(run(command, &mut writer).await.unwrap(), ExitCode::SUCCESS);
    }
}

#[tokio::test]
async fn a_range_that_is_none_is_refused() {
    let (fixture, _) = filled().await;
    let error = answer(&fixture, &["export", "--from", "3", "--to", "2"]).await.unwrap_err();
    assert!(matches!(error, CommandError::Range { from: 3, to: 2 }), "{error}");
    for arguments in [["--from", "0"], ["--to", "0"], ["--format", "xml"]] {
        let line = ["journal", "export", "--journal", "j"].into_iter().chain(arguments);
        assert!(Cli::try_parse_from(line).is_err(), "{arguments:?}");
    }
}

#[test]
fn every_format_is_told() {
    let help = Cli::try_parse_from(["journal", "export", "--help"]).unwrap_err().to_string();
    for word in ["jsonl", "csv", "ocsf", "cloudevents", "rootgate journal export --journal journal.db --output"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
