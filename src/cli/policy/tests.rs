use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: PolicyCommand,
}

const POLICIES: &str = r#"@id("operators-unlock")
@description("Operators make bucket policies manageable again.")
permit (principal in Rootgate::Group::"operators", action == Rootgate::Action::"UnlockBucketPolicy", resource)
when { context.mode == "REMOVE_LOCKING_STATEMENTS" };

@id("payments-only")
permit (principal in Rootgate::Group::"operators", action, resource in Rootgate::Account::"444444444444");

@id("vault")
forbid (principal, action, resource in Rootgate::OrganizationalUnit::"ou-ab12-security1");
"#;

const ORGANIZATION: &str = r#"id = "o-exampleorgid"
[units."ou-ab12-workload"]
name = "Workloads"
[units."ou-ab12-payments"]
name = "Payments"
parent = "ou-ab12-workload"
[units."ou-ab12-security1"]
name = "Security"
[accounts."333333333333"]
name = "payments"
unit = "ou-ab12-payments"
tags = { env = "prod", team = "ledger" }
[accounts."555555555555"]
name = "log-archive"
unit = "ou-ab12-security1"
"#;

const TESTS: &str = r#"policies = ["policy/"]
organization = "organization.toml"
[groups]
operators = ["dns:olga"]
[callers.olga]
subject = "dns:olga"
[callers.mallory]
subject = "dns:mallory"

[[test]]
name = "operators unlock buckets"
callers = ["olga", "mallory"]
operation = "UnlockBucketPolicy"
accounts = ["333333333333", "555555555555"]
bucket = "ledger"
expect = "allow"
because = ["operators-unlock"]
"#;

/// A folder with all of that, in which `DIR` stands for its path.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.0.path().join("policy")).unwrap();
        folder.write("policy/a.cedar", POLICIES);
        folder.write("organization.toml", ORGANIZATION);
        folder.write("tests.toml", TESTS);
        folder
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.0.path().join(path), text).unwrap();
    }

    /// Exit code, standard output and standard error, without styles.
    fn run(&self, line: &str) -> (Exit, String, String) {
        let dir = self.0.path().to_str().unwrap();
        let line = line.replace("DIR", dir);
        let command = Line::try_parse_from(std::iter::once("policy").chain(line.split_whitespace())).unwrap().command;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut out, &mut err);
        let exit = run(&command, &mut output).unwrap_or_else(|Failure { exit, words, .. }| {
            output.error(&words);
            exit
        });
        let plain = |bytes: Vec<u8>| {
            anstream::adapter::strip_str(std::str::from_utf8(&bytes).unwrap()).to_string().replace(dir, "DIR")
        };
        (exit, plain(out), plain(err))
    }

    fn json(&self, line: &str) -> (Exit, Value) {
        let (exit, out, _) = self.run(line);
        (exit, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}")))
    }
}

const EXPLAIN: &str = "explain --policies DIR/policy --organization DIR/organization.toml --group operators=dns:olga \
                       --operation UnlockBucketPolicy --bucket ledger --now 2026-12-24T12:00:00Z";

#[test]
fn the_schema_is_the_one_of_the_gateway() {
    let (exit, out, err) = Folder::new().run("schema");
    assert_eq!((exit, out.as_str(), err.as_str()), (Exit::Ok, SCHEMA, ""));
}

#[test]
fn good_policies_are_counted() {
    let folder = Folder::new();
    let said = folder.run("validate DIR/policy");
    assert_eq!(said, (Exit::Ok, "good: 3 policies in 1 file\n  DIR/policy/a.cedar\n".to_owned(), String::new()));
    let (exit, json) = folder.json("validate DIR/policy DIR/policy/a.cedar --json");
    let expected = serde_json::json!({
        "ok": true, "policies": 3, "files": ["DIR/policy/a.cedar"], "groups_without_members": null,
    });
    assert_eq!((exit, json), (Exit::Ok, expected));
}

#[test]
fn bad_policies_exit_with_78_and_every_error_with_its_place() {
    let folder = Folder::new();
    folder.write("policy/b.cedar", "permit (principal, action == Rootgate::Action::\"Unlock\", resource);\n");
    folder.write("policy/c.cedar", "\npermit (principal action, resource);\n");
    let (exit, out, err) = folder.run("validate DIR/policy");
    assert_eq!((exit, out.as_str()), (Exit::Config, ""));
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines[0], "error: this must be mended");
    assert!(lines.iter().any(|line| line.starts_with("DIR/policy/b.cedar:1:")), "{err}");
    assert!(lines.iter().any(|line| line.starts_with("DIR/policy/c.cedar:2:19: ")), "{err}");
    let (exit, json) = folder.json("validate DIR/policy --json");
    assert_eq!((exit, &json["ok"]), (Exit::Config, &Value::from(false)));
    assert_eq!(json["errors"].as_array().unwrap().len(), lines.len() - 1);
    assert!(json["errors"][0]["place"].as_str().unwrap().starts_with("DIR/policy/"), "{json}");
}

#[test]
fn what_cannot_be_read_exits_with_66() {
    let folder = Folder::new();
    folder.write("empty.toml", "");
    for line in [
        "validate DIR/gone.cedar",
        "test DIR/gone.toml",
        &format!("{EXPLAIN} --caller dns:olga --account 333333333333 --policies DIR/gone"),
    ] {
        let (exit, out, err) = folder.run(line);
        assert_eq!((exit, out.as_str()), (Exit::NoInput, ""), "{line}");
        assert!(err.starts_with("error: DIR/gone") && err.contains("cannot be read: "), "{err}");
        let (exit, json) = folder.json(&format!("{line} --json"));
        assert_eq!((exit, &json["ok"]), (Exit::NoInput, &Value::from(false)));
    }
}

#[test]
fn a_failed_case_says_what_was_expected_what_came_and_why() {
    let (exit, out, err) = Folder::new().run("test DIR/tests.toml");
    assert_eq!((exit, err.as_str()), (Exit::Failure, ""));
    let expected = "\
DIR/tests.toml
  operators unlock buckets
    ok    olga UnlockBucketPolicy on arn:aws:s3:::ledger of 333333333333
    FAIL  olga UnlockBucketPolicy on arn:aws:s3:::ledger of 555555555555
          expected allow, got deny (DIR/tests.toml:10:1)
          decided by forbid a.cedar#vault (DIR/policy/a.cedar:9:1)
          the caller is in operators
    FAIL  mallory UnlockBucketPolicy on arn:aws:s3:::ledger of 333333333333
          expected allow, got deny (DIR/tests.toml:10:1)
          no policy permits it
          the caller is in no group
    FAIL  mallory UnlockBucketPolicy on arn:aws:s3:::ledger of 555555555555
          expected allow, got deny (DIR/tests.toml:10:1)
          decided by forbid a.cedar#vault (DIR/policy/a.cedar:9:1)
          the caller is in no group
1 passed, 3 failed
never decided: permit a.cedar#payments-only (DIR/policy/a.cedar:6:1)
";
    assert_eq!(out, expected);
}

#[test]
fn coverage_is_an_error_only_if_it_is_required() {
    let folder = Folder::new();
    let passing = TESTS.replace("\"olga\", \"mallory\"", "\"olga\"").replace(", \"555555555555\"", "");
    folder.write("tests.toml", &passing);
    let (exit, out, _) = folder.run("test DIR/tests.toml");
    assert_eq!(exit, Exit::Ok);
    let never = "never decided: permit a.cedar#payments-only (DIR/policy/a.cedar:6:1)\n\
                 never decided: forbid a.cedar#vault (DIR/policy/a.cedar:9:1)\n";
    assert!(out.ends_with(&format!("1 passed, 0 failed\n{never}")), "{out}");
    let (exit, json) = folder.json("test DIR/tests.toml --require-coverage --json");
    assert_eq!((exit, &json["ok"], &json["failed"]), (Exit::Failure, &Value::from(false), &Value::from(0)));
    folder.write("one.cedar", POLICIES.split_once("\n\n").unwrap().0);
    let (exit, out, _) = folder.run("test DIR/tests.toml --policies DIR/one.cedar --require-coverage");
    assert_eq!(exit, Exit::Ok, "the command line's policies are the tested ones: {out}");
}

#[test]
fn machines_read_every_case() {
    let (exit, json) = Folder::new().json("test DIR/tests.toml --json");
    assert_eq!(exit, Exit::Failure);
    assert_eq!((&json["passed"], &json["failed"]), (&Value::from(1), &Value::from(3)));
    assert_eq!(json["never_decided"][0]["id"], "DIR/policy/a.cedar#payments-only");
    let case = &json["files"][0]["cases"][1];
    let expected = serde_json::json!({
        "test": "operators unlock buckets",
        "place": "DIR/tests.toml:10:1",
        "caller": "olga",
        "operation": "UnlockBucketPolicy",
        "account": "555555555555",
        "resource": "arn:aws:s3:::ledger",
        "expect": "allow",
        "passed": false,
        "allowed": false,
        "deciding": [{
            "id": "DIR/policy/a.cedar#vault", "effect": "forbid", "place": "DIR/policy/a.cedar:9:1",
            "annotations": { "id": "vault" },
        }],
        "errors": [],
        "failures": ["expected allow, got deny"],
    });
    assert_eq!(*case, expected);
}

#[test]
fn mistakes_of_all_test_files_are_told_and_nothing_is_run() {
    let folder = Folder::new();
    folder.write("a.toml", "tset = 1\n");
    folder.write("b.toml", &TESTS.replace("\"operators-unlock\"", "\"gone\""));
    folder.write("c.toml", &TESTS.replace("policies = [\"policy/\"]\n", ""));
    let (exit, out, err) = folder.run("test DIR/tests.toml DIR/a.toml DIR/c.toml");
    assert_eq!((exit, out.as_str()), (Exit::Config, ""));
    assert!(err.contains("DIR/a.toml:1:1: tset: is not known"), "{err}");
    assert!(
        err.contains(
            "DIR/c.toml: policies: is required (write `policies = [\"policy/\"]`, or give --policies or --config)"
        ),
        "{err}"
    );
    let (exit, out, err) = folder.run("test DIR/tests.toml DIR/b.toml");
    assert_eq!((exit, out.as_str()), (Exit::Config, ""));
    assert!(err.contains("DIR/b.toml:17:12: test.because: must be the name of a policy"), "{err}");
}

#[test]
fn what_is_allowed_is_explained() {
    let (exit, out, err) = Folder::new().run(&format!("{EXPLAIN} --caller dns:olga --account 333333333333"));
    let expected = "\
ALLOWED: dns:olga UnlockBucketPolicy on arn:aws:s3:::ledger of 333333333333
  decided by permit a.cedar#operators-unlock (DIR/policy/a.cedar:1:1): Operators make bucket policies manageable again.
  the caller is in operators
  the account \"payments\" is in o-exampleorgid / Workloads (ou-ab12-workload) / Payments (ou-ab12-payments)
  its tags are env=prod, team=ledger
";
    assert_eq!((exit, out.as_str(), err.as_str()), (Exit::Ok, expected, ""));
}

/// The gateway judges a queue by its own region, whatever the request says.
#[test]
fn a_queue_is_asked_about_in_its_own_region() {
    let folder = Folder::new();
    folder.write(
        "policy/a.cedar",
        "permit (principal, action == Rootgate::Action::\"UnlockQueuePolicy\", resource);\n\
         forbid (principal, action, resource) when { context has region && context.region != \"eu-west-1\" };\n",
    );
    let explain = "explain --policies DIR/policy --caller dns:olga --operation UnlockQueuePolicy --queue";
    assert_eq!(folder.run(&format!("{explain} arn:aws:sqs:eu-west-1:333333333333:jobs")).0, Exit::Ok);
    let (exit, out, _) = folder.run(&format!("{explain} arn:aws:sqs:us-east-1:333333333333:jobs"));
    assert_eq!(exit, Exit::Failure, "{out}");
    assert!(out.contains("decided by forbid a.cedar#policy1"), "{out}");
}

#[test]
fn what_is_refused_is_explained_with_what_nearly_permitted() {
    let folder = Folder::new();
    let line = format!("{EXPLAIN} --caller jwt:login:olga --scheme jwt --in-group operators --account 333333333333");
    let (exit, out, _) = folder.run(&format!("{line} --argument mode=REPLACE_POLICY"));
    let expected = "\
REFUSED: jwt:login:olga UnlockBucketPolicy on arn:aws:s3:::ledger of 333333333333
  no policy permits it
  nearly, but it has a condition that does not hold: a.cedar#operators-unlock (DIR/policy/a.cedar:1:1): Operators make bucket policies manageable again.
  nearly, but it is for other resources: a.cedar#payments-only (DIR/policy/a.cedar:6:1)
  the caller is in operators
  the account \"payments\" is in o-exampleorgid / Workloads (ou-ab12-workload) / Payments (ou-ab12-payments)
  its tags are env=prod, team=ledger
";
    assert_eq!((exit, out.as_str()), (Exit::Failure, expected));
}

/// On a command line a flag is a text.
#[test]
fn flags_and_exposure_are_said_as_texts() {
    let folder = Folder::new();
    folder.write(
        "policy/a.cedar",
        "@id(\"plans\") permit (principal, action, resource) when { context has validate_only && context.validate_only };\n\
         @id(\"opens\") permit (principal, action == Rootgate::Action::\"RestoreBucketPolicy\", resource)\n\
         when { context.accept_exposure == \"PUBLIC\" && !context.accept_lockout };\n",
    );
    let explain = "explain --policies DIR/policy --caller dns:olga --operation RestoreBucketPolicy --bucket ledger \
                   --account 333333333333";
    for (arguments, exit, said) in [
        ("", Exit::Failure, "no policy permits it"),
        ("--argument validate_only=false", Exit::Failure, "no policy permits it"),
        ("--argument validate_only=true", Exit::Ok, "decided by permit a.cedar#plans "),
        ("--argument accept_exposure=PUBLIC", Exit::Ok, "decided by permit a.cedar#opens "),
        ("--argument accept_exposure=PUBLIC --argument accept_lockout=true", Exit::Failure, "no policy permits it"),
        // Whoever wrote that planning is permitted did not think of the public.
        (
            "--argument accept_exposure=PUBLIC --argument accept_lockout=true --argument validate_only=true",
            Exit::Failure,
            "no policy permits it",
        ),
    ] {
        let (found, out, err) = folder.run(&format!("{explain} {arguments}"));
        assert_eq!((found, err.as_str()), (exit, ""), "{arguments}: {out}");
        assert!(out.contains(said), "{arguments}: {out}");
    }
    let (_, out, _) = folder.run(&format!("{explain} --argument accept_exposure=OUTSIDE_ORGANIZATION"));
    assert!(out.contains("nearly, but it does not ask for context.accept_exposure: a.cedar#plans "), "{out}");
    assert!(out.contains("nearly, but it has a condition that does not hold: a.cedar#opens "), "{out}");
}

#[test]
fn what_cannot_be_decided_is_refused_and_says_so() {
    let line = EXPLAIN.replace("--organization DIR/organization.toml ", "");
    let (exit, out, _) = Folder::new().run(&format!("{line} --caller dns:olga --account 333333333333"));
    assert_eq!(exit, Exit::Failure);
    assert!(out.starts_with("REFUSED: ") && out.contains("\n  not decided: policies ask for the account's"), "{out}");
}

#[test]
fn machines_read_an_explanation() {
    let folder = Folder::new();
    let (exit, json) = folder.json(&format!("{EXPLAIN} --caller dns:olga --account 333333333333 --json"));
    let annotations = serde_json::json!({ "id": "operators-unlock", "description": "Operators make bucket policies manageable again." });
    let expected = serde_json::json!({
        "allowed": true,
        "caller": "dns:olga",
        "operation": "UnlockBucketPolicy",
        "resource": "arn:aws:s3:::ledger",
        "now": "2026-12-24T12:00:00.000000Z",
        "deciding": [{
            "id": "DIR/policy/a.cedar#operators-unlock", "effect": "permit", "place": "DIR/policy/a.cedar:1:1",
            "annotations": annotations,
        }],
        "near_misses": [],
        "errors": [],
        "in_groups": ["operators"],
        "account": {
            "id": "333333333333",
            "placement": {
                "organization": "o-exampleorgid",
                "units": [
                    { "id": "ou-ab12-workload", "name": "Workloads" },
                    { "id": "ou-ab12-payments", "name": "Payments" },
                ],
                "name": "payments",
                "tags": { "env": "prod", "team": "ledger" },
            },
        },
    });
    assert_eq!((exit, json), (Exit::Ok, expected));
    let (_, json) = folder.json(&format!("{EXPLAIN} --caller dns:mallory --account 333333333333 --json"));
    assert_eq!((&json["allowed"], &json["near_misses"]), (&Value::from(false), &serde_json::json!([])));
}

#[test]
fn what_no_question_is_is_a_usage_error() {
    let folder = Folder::new();
    let base = "explain --policies DIR/policy --caller dns:olga";
    for (rest, said) in [
        (
            "--operation UnlockBucketPolicy --account 333333333333",
            "--bucket: is required: the operation acts on a bucket",
        ),
        ("--operation AssumeRoot --account 333333333333 --bucket ledger", "--bucket: must be left out"),
        ("--operation UnlockQueuePolicy --account 333333333333", "--queue: is required"),
        (
            "--operation AssumeRoot --account 333333333333 --argument mode=X",
            "--argument mode: is not known (known here: duration_seconds, task_policy, validate_only)",
        ),
        (
            "--operation AssumeRoot --account 333333333333 --argument validate_only=yes",
            "--argument validate_only: must be true or false",
        ),
        (
            "--operation AssumeRoot --account 333333333333 --argument duration_seconds=5m",
            "--argument duration_seconds: must be whole seconds from 1 to 900",
        ),
        (
            "--operation AssumeRoot --account 333333333333 --region eu-west-1",
            "--region: must be left out: no operation here names a region",
        ),
        (
            "--operation UnlockQueuePolicy --queue arn:aws:sqs:eu-west-1:333333333333:jobs --region us-east-1",
            "--region: must be left out, or be the queue's own",
        ),
        ("--operation AssumeRoot", "--account: is required: 12 digits"),
        ("--operation AssumeRoot --queue arn:aws:sqs:eu-west-1:333333333333:jobs", "--account: is required: 12 digits"),
    ] {
        let (exit, out, err) = folder.run(&format!("{base} {rest}"));
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "{rest}");
        assert!(err.contains(said), "{rest}: {err}");
    }
    let (exit, _, err) = folder.run("explain --caller dns:olga --operation AssumeRoot --account 333333333333");
    assert_eq!((exit, err.as_str()), (Exit::Usage, "error: say --config FILE, or --policies PATH\n"));
    let words = |rest: &str| Line::try_parse_from(format!("policy {base} {rest}").split_whitespace()).err();
    for rest in [
        "--operation Unlock --account 333333333333",
        "--operation AssumeRoot --account 3",
        "--operation AssumeRoot --account 333333333333 --scheme oidc",
        "--operation AssumeRoot --account 333333333333 --attribute novalue",
        "--operation AssumeRoot --account 333333333333 --group operators",
        "--operation AssumeRoot --account 333333333333 --now yesterday",
        "--operation AssumeRoot --account 333333333333 --reason .",
        "--operation AssumeRoot --account 333333333333 --config rootgate.toml",
    ] {
        assert!(words(rest).is_some(), "{rest}");
    }
    assert!(Line::try_parse_from(["policy", "validate"]).is_err());
    assert!(Line::try_parse_from(["policy", "test"]).is_err());
}

#[test]
fn nothing_of_a_file_steers_the_terminal() {
    let folder = Folder::new();
    folder.write("policy/a.cedar", &POLICIES.replace("Operators make", "\u{1b}[2J\u{202e}evil"));
    let (_, out, _) = folder.run(&format!("{EXPLAIN} --caller dns:olga --account 333333333333"));
    assert!(out.contains("\\u{1b}[2J\\u{202e}evil"), "{out}");
    assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "{out}");
}

/// A configuration without a section, if it has it.
fn without_section(configuration: &str, name: &str) -> String {
    let Some((before, section)) = configuration.split_once(&format!("\n[{name}]")) else {
        return configuration.to_owned();
    };
    format!("{before}{}", section.find("\n[").map_or("", |next| &section[next..]))
}

/// A configuration's policies, groups and organization are those that its gateway would have.
#[test]
fn a_configuration_names_policies_groups_and_organization() {
    let folder = Folder::new();
    let configuration = include_str!("../../../deploy/rootgate.example.toml");
    let policies = configuration.lines().find(|line| line.starts_with("policies = ")).unwrap();
    let group = configuration.lines().find(|line| line.starts_with("operators = ")).unwrap();
    let configuration = configuration
        .replace(policies, "policies = [\"policy/a.cedar\"]")
        .replace(group, "operators = [\"spiffe://example.org/ops/olga\"]\ninterns = []");
    // The policies speak of a unit.
    folder.write("rootgate.toml", &configuration);
    let (exit, out, err) = folder.run("validate --config DIR/rootgate.toml");
    assert_eq!((exit, out.as_str()), (Exit::Config, ""));
    assert!(err.contains("\nDIR/rootgate.toml: policies speak of organizational units"), "{err}");
    let organization = "\n[organization]\nsource = \"file\"\nfile = \"organization.toml\"\n";
    let configuration = format!("{}{organization}", without_section(&configuration, "organization"));
    folder.write("rootgate.toml", &configuration);
    let (exit, out, err) = folder.run("validate --config DIR/rootgate.toml");
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
    assert_eq!(out, "good: 3 policies in 1 file\n  DIR/policy/a.cedar\n");
    folder.write("rootgate.toml", &configuration.replace("\noperators = ", "\noperatros = "));
    let (_, out, _) = folder.run("validate --config DIR/rootgate.toml");
    assert!(out.ends_with("note: nobody is in the group operators (see authorization.groups)\n"), "{out}");
    let (_, json) = folder.json("validate --config DIR/rootgate.toml --json");
    assert_eq!(json["groups_without_members"], serde_json::json!(["operators"]));
    let issuer = "[authentication.jwt.issuers.login]\nissuer = \"https://login.example.org\"\naudiences = [\"rootgate\"]\n\
                  groups_claim = \"groups\"\ngroups = { \"0b1c\" = \"operators\" }\n";
    let listener = "[listeners.tokens]\nlisten = \"127.0.0.1:8444\"\nschemes = [\"jwt\"]\n[listeners.tokens.tls]\n\
                    certificate = \"server.pem\"\nprivate_key = \"server.key\"\n";
    folder.write(
        "rootgate.toml",
        &format!("{}\n{issuer}{listener}", configuration.replace("\noperators = ", "\noperatros = ")),
    );
    let (exit, out, err) = folder.run("validate --config DIR/rootgate.toml");
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
    assert!(!out.contains("note: "), "an issuer names who is in it: {out}");
    folder.write("rootgate.toml", &configuration);
    let rest = "--operation UnlockBucketPolicy --account 333333333333 --bucket ledger";
    let line = format!("explain --config DIR/rootgate.toml --caller spiffe://example.org/ops/olga {rest}");
    let (exit, out, err) = folder.run(&line);
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""), "{out}");
    folder.write("rootgate.toml", "tset = 1");
    let (exit, _, err) = folder.run(&line);
    assert_eq!(exit, Exit::Config);
    assert!(err.contains("tset"), "{err}");
}

/// The text of the first block of this language in docs/POLICY.md.
fn documented(language: &str) -> &'static str {
    let page = include_str!("../../../docs/POLICY.md");
    page.split_once(&format!("```{language}\n")).unwrap().1.split_once("```").unwrap().0
}

/// What docs/POLICY.md says that a command line prints.
fn printed(command: &str) -> &'static str {
    let page = include_str!("../../../docs/POLICY.md");
    let (_, rest) = page.split_once(&format!("$ rootgate policy {command}")).unwrap();
    rest.split_once('\n').unwrap().1.split_once("\n```").unwrap().0
}

#[test]
fn the_documentation_prints_what_its_examples_print() {
    let folder = Folder::new();
    std::fs::remove_file(folder.0.path().join("policy/a.cedar")).unwrap();
    std::fs::create_dir(folder.0.path().join("policy/tests")).unwrap();
    folder.write("policy/team.cedar", documented("cedar"));
    folder.write("policy/tests/team.toml", documented("toml"));
    let unit = "[units.\"ou-ab12-workloads\"]\nname = \"Workloads\"\n";
    let account =
        "[accounts.\"333333333333\"]\nname = \"payments\"\nunit = \"ou-ab12-workloads\"\ntags = { env = \"prod\" }\n";
    folder.write("organization.toml", &format!("id = \"o-exampleorgid\"\n{unit}{account}"));

    let (exit, out, _) = folder.run("validate DIR/policy");
    assert_eq!(exit, Exit::Ok);
    assert!(printed("validate policy/").starts_with(&out.replace("DIR/", "")), "{out}");

    let (exit, out, err) = folder.run("test DIR/policy/tests/team.toml --require-coverage");
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""), "{out}");
    assert_eq!(out.replace("DIR/", "").trim_end(), printed("test policy/tests/team.toml --require-coverage"));

    let deployer = "spiffe://example.org/platform/deployer";
    let (exit, out, _) = folder.run(&format!(
        "explain --policies DIR/policy --organization DIR/organization.toml --group platform={deployer} --caller {deployer} \
         --operation UnlockBucketPolicy --account 333333333333 --bucket payments-ledger --now 2026-01-07T23:00:00Z"
    ));
    assert_eq!(exit, Exit::Failure);
    assert!(printed("explain").ends_with(out.replace("DIR/", "").trim_end()), "{out}");

    folder.write("policy/team.cedar", &documented("cedar").replace("context.mode", "context.mod"));
    let (_, _, err) = folder.run("validate DIR/policy");
    let line = printed("validate policy/").lines().find(|line| line.contains("did you mean")).unwrap();
    assert!(err.replace("DIR/", "").lines().any(|said| said == line), "{err}");
}

/// What is shipped holds, and every policy of it decides somewhere.
#[test]
fn the_shipped_tests_pass_and_cover_the_shipped_policies() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/policy");
    let cedar = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "cedar");
    let entries = std::fs::read_dir(shipped).unwrap().map(|entry| entry.unwrap().path());
    let names: Vec<String> =
        entries.filter(|path| cedar(path)).map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        let (exit, out, err) = Folder::new().run(&format!("test {shipped}/tests/{name}.toml --require-coverage"));
        assert_eq!((exit, err.as_str()), (Exit::Ok, ""), "{out}");
    }
}
