use clap::CommandFactory as _;

use super::*;

const MINIMAL: &str = r#"
[listeners.main]
listen = "127.0.0.1:0"
schemes = ["mtls"]
tls = { certificate = "rootgate.toml", private_key = "k", client_ca = "c" }
[authentication.mtls]
dns_sans = ["a.example"]
[authorization]
policies = ["p"]
[aws]
home_region = "us-east-1"
allowed_regions = ["us-east-1"]
[journal]
path = "j"
"#;

/// What a command line printed: exit code, standard output, standard error.
async fn run_in(environment: &Environment, line: &str) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), anstream::StripStream::new(Vec::new()));
    let exit = run(line.split_whitespace(), environment, &mut Output::new(&mut out, &mut err)).await;
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err.into_inner()).unwrap())
}

async fn run_line(line: &str) -> (Exit, String, String) {
    run_in(&Environment::default(), line).await
}

/// A folder with a configuration in it, and the configuration's path.
fn folder(configuration: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rootgate.toml");
    std::fs::write(&file, configuration).unwrap();
    let file = file.display().to_string();
    (folder, file)
}

#[test]
fn the_commands_are_consistent() {
    Cli::command().debug_assert();
}

/// Every command shows examples, and each example is a command line that parses.
#[test]
fn every_example_in_a_help_text_parses() {
    let mut commands = vec![Cli::command()];
    let mut seen = 0;
    while let Some(command) = commands.pop() {
        let help = command.clone().render_long_help().to_string();
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples: {help}"));
        // What stands behind a pipe or a redirection is not the program's.
        let lines = examples.lines().map(|line| line.split(['|', '<', '>']).next().unwrap().trim());
        let examples: Vec<&str> = lines.filter(|line| line.starts_with("rootgate ")).collect();
        assert!(!examples.is_empty(), "{help}");
        for example in examples {
            Cli::try_parse_from(example.split_whitespace()).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
        commands.extend(command.get_subcommands().cloned());
        seen += 1;
    }
    assert!(seen >= 6, "serve, check, version, journal and its commands");
}

#[test]
fn exit_codes_are_those_of_the_documentation() {
    for (exit, code) in [
        (Exit::Ok, 0),
        (Exit::Failure, 1),
        (Exit::Usage, 2),
        (Exit::NoInput, 66),
        (Exit::Unavailable, 69),
        (Exit::Config, 78),
    ] {
        assert_eq!(exit as u8, code);
    }
}

#[tokio::test]
async fn usage_errors_exit_with_2_and_help_with_0() {
    for line in [
        "rootgate",
        "rootgate serve",
        "rootgate check --config",
        "rootgate version --yaml",
        "rootgate sevre",
        "rootgate journal",
    ] {
        let (exit, out, err) = run_line(line).await;
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "{line}");
        assert!(err.contains("--help") || err.contains("Usage: rootgate"), "{line}: {err}");
    }
    for line in [
        "rootgate --help",
        "rootgate serve --help",
        "rootgate check -h",
        "rootgate --version",
        "rootgate journal --help",
    ] {
        let (exit, out, err) = run_line(line).await;
        assert_eq!((exit, err.as_str()), (Exit::Ok, ""), "{line}");
        assert!(out.contains("rootgate"), "{line}: {out}");
    }
}

#[tokio::test]
async fn version_is_for_people_and_machines() {
    assert_eq!(
        run_line("rootgate version").await,
        (Exit::Ok, format!("rootgate {}\n", env!("CARGO_PKG_VERSION")), String::new())
    );
    let (exit, out, _) = run_line("rootgate version --json").await;
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, json["version"].as_str()), (Exit::Ok, Some(env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_bad_configuration_exits_with_78_and_every_error() {
    let (_folder, file) = folder("[server]\nreflectoin = 1\n");
    for command in ["serve", "check"] {
        let (exit, out, err) = run_line(&format!("rootgate {command} --config {file}")).await;
        assert_eq!((exit, out.as_str()), (Exit::Config, ""));
        assert!(err.starts_with("error: the configuration must be mended\n"), "{err}");
        assert!(
            err.contains(&format!("\n{file}:2:1: server.reflectoin: is not known (did you mean `reflection`?)\n")),
            "{err}"
        );
        assert_eq!(err.lines().count(), 7, "{err}");
    }
    let (exit, _, err) = run_line("rootgate check --config does-not-exist.toml").await;
    assert_eq!(exit, Exit::Config);
    assert!(err.contains("does-not-exist.toml: cannot be read: "), "{err}");
}

#[tokio::test]
async fn check_json_lists_errors_for_machines() {
    let (_folder, file) = folder(&MINIMAL.replace("path", "paht"));
    let (exit, out, err) = run_line(&format!("rootgate check --json --config {file}")).await;
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, json["ok"].as_bool()), (Exit::Config, Some(false)));
    assert_eq!(
        json["errors"][1],
        serde_json::json!({
            "file": file, "line": 14, "column": 1, "key": "journal.paht", "rule": "is not known", "fix": "did you mean `path`?",
        })
    );
    assert!(err.starts_with("error: "));
}

#[tokio::test]
async fn endpoint_variables_exit_with_78_before_anything_starts() {
    let (_folder, file) = folder(MINIMAL);
    let environment = Environment::from_iter([("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")]);
    for command in ["serve", "check"] {
        let (exit, out, err) = run_in(&environment, &format!("rootgate {command} --config {file}")).await;
        assert_eq!((exit, out.as_str()), (Exit::Config, ""));
        assert!(err.contains("AWS_ENDPOINT_URL_STS must not be set (unset it;"), "{err}");
    }
}

/// Where the reader of a pipe has gone away.
struct Closed;

impl std::io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}

/// Where the disk is full.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
    let mut err = Vec::new();
    let exit = run(["rootgate", "version"], &Environment::default(), &mut Output::new(&mut Closed, &mut err)).await;
    assert_eq!((exit, err.as_slice()), (Exit::Ok, &b""[..]));
    let exit = run(["rootgate", "version"], &Environment::default(), &mut Output::new(&mut Full, &mut err)).await;
    assert_eq!(exit, Exit::Failure);
    assert!(String::from_utf8(err).unwrap().contains("the output cannot be written"));
    let mut out = Vec::new();
    let exit = run(["rootgate", "serve"], &Environment::default(), &mut Output::new(&mut out, &mut Closed)).await;
    assert_eq!(exit, Exit::Usage, "the exit code tells the truth when nobody reads");
}

#[tokio::test]
async fn errors_are_red_where_styles_are_wanted() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    Output::new(&mut out, &mut err).error("words");
    assert_eq!(String::from_utf8(err).unwrap(), "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m words\n");
}

#[derive(Debug, thiserror::Error)]
#[error("{words}")]
struct Chained {
    words: &'static str,
    source: Option<Box<Chained>>,
}

#[test]
fn causes_are_printed_once() {
    let cause = |words, source: Option<Chained>| Chained { words, source: source.map(Box::new) };
    let error = cause("cannot start", Some(cause("cannot listen", Some(cause("address in use", None)))));
    assert_eq!(chain(&error), "cannot start: cannot listen: address in use");
    let repeating = cause("cannot listen: address in use", Some(cause("address in use", None)));
    assert_eq!(chain(&repeating), "cannot listen: address in use");
}
