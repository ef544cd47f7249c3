//! `[journal.checkpoint]`.

use super::*;

const SECTION: &str = "[journal.checkpoint]\nkey_file = 'checkpoint.key'\norigin = 'rootgate.example.com/journal'\n";
const BUCKET: &str =
    "[journal.checkpoint.s3]\nbucket = 'anchor'\nregion = 'eu-west-1'\nexpected_bucket_owner = '111122223333'\n";

fn checkpoint(lines: &str) -> CheckpointConfig {
    let config = parse(&format!("{MINIMAL}{SECTION}{lines}\n")).unwrap_or_else(|errors| panic!("{errors}"));
    config.journal.checkpoint.unwrap()
}

#[test]
fn checkpoints_are_made_when_they_are_asked_for() {
    assert_eq!(parse(MINIMAL).unwrap().journal.checkpoint, None);
    let expected = CheckpointConfig {
        key_file: PathBuf::from("/etc/rootgate/checkpoint.key"),
        origin: "rootgate.example.com/journal".parse().unwrap(),
        interval: Duration::from_secs(300),
        file: None,
        s3: None,
    };
    assert_eq!(checkpoint(""), expected, "for who asks the API");
    let file = Some(PathBuf::from("/var/anchor"));
    let interval = Duration::from_secs(60);
    assert_eq!(checkpoint("file = '/var/anchor'\ninterval = '1m'"), CheckpointConfig { file, interval, ..expected });
}

#[test]
fn a_bucket_has_safe_defaults() {
    let expected = AnchorBucketConfig {
        bucket: "anchor".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        expected_bucket_owner: "111122223333".parse().unwrap(),
        prefix: String::new(),
        retention_days: 400,
        mode: ObjectLockMode::Compliance,
    };
    assert_eq!(checkpoint(BUCKET).s3, Some(expected.clone()));
    let written = checkpoint(&format!("{BUCKET}prefix = 'a/b-c_.d/'\nretention_days = 30\nmode = 'GOVERNANCE'"));
    let (prefix, mode) = ("a/b-c_.d/".to_owned(), ObjectLockMode::Governance);
    assert_eq!(written.s3, Some(AnchorBucketConfig { prefix, retention_days: 30, mode, ..expected }));
}

#[test]
fn every_error_of_the_section_is_told() {
    let section = format!("{MINIMAL}[journal.checkpoint]\n");
    assert_errors(
        &format!("{section}origin = 'a b'\nfiel = 'x'\n"),
        &[
            "f:17:1: journal.checkpoint.key_file: is required (write `key_file = \"checkpoint.key\"`)",
            "f:18:10: journal.checkpoint.origin: must be a name of 1 to 255 bytes, without spaces, control characters and \
             `+` (write a URL without scheme: `rootgate.example.com/journal`)",
            "f:19:1: journal.checkpoint.fiel: is not known (did you mean `file`?)",
        ],
    );
    assert_errors(
        &format!("{MINIMAL}{SECTION}interval = '1m'\n"),
        &["f:20:12: journal.checkpoint.interval: has no effect: checkpoints are kept nowhere (add file or \
           [journal.checkpoint.s3])"],
    );
    let bucket = "bucket = 'arn:aws:s3:::a'\nprefix = '/a'\nmode = 'compliance'\nretention_day = 1\n";
    let found = errors(&format!("{MINIMAL}{SECTION}[journal.checkpoint.s3]\n{bucket}"));
    let keys: Vec<&str> = found.iter().map(|error| error.split(": ").nth(1).unwrap()).collect();
    let names = ["region", "expected_bucket_owner", "bucket", "prefix", "mode", "retention_day"];
    assert_eq!(keys, names.map(|name| format!("journal.checkpoint.s3.{name}")), "{found:?}");
    assert!(found[5].contains("did you mean `retention_days`?"), "{found:?}");
}

#[test]
fn a_prefix_is_made_of_safe_characters() {
    let prefix = |text: &str| parse(&format!("{MINIMAL}{SECTION}{BUCKET}prefix = '{text}'\n"));
    for good in ["", "a", "a/", "2026/journal.v1_x-"] {
        assert_eq!(prefix(good).unwrap().journal.checkpoint.unwrap().s3.unwrap().prefix, good);
    }
    for bad in ["/", "a b", "a+b", "a%b", "é", "../a", "a/./b", &"a".repeat(257)] {
        assert!(prefix(bad).unwrap_err().to_string().contains("journal.checkpoint.s3.prefix: must have"), "{bad}");
    }
}
