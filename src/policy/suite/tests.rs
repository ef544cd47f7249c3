use proptest::prelude::*;

use super::*;
use crate::{authn::Scheme, authz::Argument, types::Kind};

const GOOD: &str = r#"policies = ["policy/"]
[groups]
operators = ["spiffe://example.org/ops/alice"]
[callers.alice]
subject = "spiffe://example.org/ops/alice"
[callers.robot]
subject = "k8s:prod:ci:robot"
scheme = "jwt"
listener = "sidecar"
groups = ["robots"]
attributes = { namespace = "ci" }
[[test]]
name = "operators unlock buckets"
caller = "alice"
operation = "UnlockBucketPolicy"
account = "333333333333"
bucket = "payments-ledger"
expect = "allow"
because = ["example.cedar#operators-unlock"]
"#;

fn parse(text: &str) -> Result<Suite, String> {
    Suite::parse("tests/a.toml", text).map_err(|found| {
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

/// The good file with one text replaced.
fn with(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} must occur once");
    GOOD.replace(from, to)
}

#[test]
fn what_is_not_said_has_the_documented_default() {
    let suite = parse(GOOD).unwrap();
    assert_eq!(suite.policies, [PathBuf::from("tests/policy/")]);
    assert_eq!(suite.organization, None);
    let [test] = suite.tests.as_slice() else { panic!("{suite:?}") };
    assert_eq!((test.place.as_str(), test.expect), ("tests/a.toml:12:1", Expect::Allow));
    let because = test.because.as_ref().unwrap();
    assert_eq!(because[0].place, "tests/a.toml:19:12");
    let [Case { caller, question }] = test.cases.as_slice() else { panic!("{test:?}") };
    assert_eq!((caller.as_str(), question.kind), ("alice", Kind::UnlockBucketPolicy));
    assert_eq!((question.principal.scheme, question.principal.listener.as_str()), (Scheme::Mtls, "main"));
    assert_eq!((question.reason.as_str(), question.ticket.as_deref()), ("policy test", None));
    assert_eq!(question.now.to_string(), "2026-01-07T12:00:00.000000Z");
    assert_eq!(question.arguments["mode"], Argument::Text("REMOVE_LOCKING_STATEMENTS".to_owned()));
    assert_eq!(question.arguments["accept_exposure"], Argument::Text("ORGANIZATION".to_owned()));
    assert_eq!(question.arguments["validate_only"], Argument::Flag(false));
    assert_eq!(question.region, None);
}

#[test]
fn flags_are_written_as_toml_writes_them() {
    let text = with("\nbucket", "\narguments = { validate_only = true }\nbucket");
    assert_eq!(parse(&text).unwrap().tests[0].cases[0].question.arguments["validate_only"], Argument::Flag(true));
    let restore = text.replace("UnlockBucketPolicy", "RestoreBucketPolicy");
    let restore = restore.replace("validate_only = true", "accept_lockout = true, validate_only = false");
    let arguments = &parse(&restore).unwrap().tests[0].cases[0].question.arguments;
    assert_eq!(
        (&arguments["accept_lockout"], &arguments["validate_only"]),
        (&Argument::Flag(true), &Argument::Flag(false))
    );
}

/// GitHub's names of environments have them.
#[test]
fn a_caller_with_spaces_can_be_asked_about() {
    let subject = "jwt:github:repo:acme/app:environment:Production EU";
    let text = GOOD.replace("spiffe://example.org/ops/alice", subject);
    let suite = parse(&text).unwrap();
    assert_eq!(suite.groups.unwrap()["operators"], BTreeSet::from([subject.to_owned()]));
    assert_eq!(suite.tests[0].cases[0].question.principal.subject, subject);
}

#[test]
fn everything_can_be_said() {
    let text = with(
        "because = [\"example.cedar#operators-unlock\"]\n",
        r#"
[[test]]
name = "all"
callers = ["alice", "robot"]
operations = ["AssumeRoot", "UnlockBucketPolicy"]
bucket = "payments-ledger"
accounts = ["333333333333", "444444444444"]
arguments = { task_policy = "S3UnlockBucketPolicy", duration_seconds = 0x3c }
reason = "the deployment is locked out"
ticket = "INC-1"
region = "eu-west-1"
now = "2026-12-24T12:00:00+01:00"
expect = "deny"
because = []
"#,
    );
    let suite = parse(&text.replacen("[groups]", "organization = \"organization.toml\"\n[groups]", 1)).unwrap();
    assert_eq!(suite.organization, Some(PathBuf::from("tests/organization.toml")));
    let test = &suite.tests[1];
    assert_eq!(test.because, Some(Vec::new()));
    let cases: Vec<String> = test
        .cases
        .iter()
        .map(|Case { caller, question }| format!("{caller} {} {}", question.kind, question.target.account().unwrap()))
        .collect();
    assert_eq!(cases.len(), 8);
    assert_eq!(
        (cases[0].as_str(), cases[7].as_str()),
        ("alice AssumeRoot 333333333333", "robot UnlockBucketPolicy 444444444444")
    );
    let question = &test.cases[4].question;
    assert_eq!(question.principal.groups, BTreeSet::from(["robots".to_owned()]));
    assert_eq!(question.principal.attributes["namespace"], "ci");
    assert_eq!(question.now.to_string(), "2026-12-24T11:00:00.000000Z");
    assert_eq!(question.arguments["duration_seconds"], Argument::Number(60));
    let region = |case: usize| test.cases[case].question.region.as_ref().map(ToString::to_string);
    assert_eq!((region(4), region(6)), (None, Some("eu-west-1".to_owned())), "an account has no region");
    let bare = text.replace("\"2026-12-24T12:00:00+01:00\"", "2026-12-24T12:00:00+01:00");
    assert_eq!(parse(&bare).unwrap(), parse(&text).unwrap(), "TOML's own time is one as well");
}

/// Each refusal: what is written instead of what, and the whole of what is said.
const REFUSALS: [(&str, &str, &str); 53] = [
    (
        "name = ",
        "nmae = ",
        "12:1: test.name: is required (say what it proves)\n13:1: test.nmae: is not known (known here: name, expect, because, caller, callers, operation, operations, account, accounts, bucket, queue, region, arguments, ticket, reason, now)",
    ),
    ("name = \"operators unlock buckets\"", "name = 1", "13:8: test.name: must be a text in quotes, not an integer"),
    ("\"operators unlock buckets\"", "\"\"", "13:8: test.name: must not be empty"),
    (
        "\"operators unlock buckets\"",
        "\"\"\"two\nlines\"\"\"",
        "13:8: test.name: must have at most 128 characters, and be one line",
    ),
    ("expect = \"allow\"\n", "", "12:1: test.expect: is required (write \"allow\" or \"deny\")"),
    ("expect = \"allow\"", "expect = \"permit\"", "18:10: test.expect: must be \"allow\" or \"deny\""),
    ("expect = \"allow\"", "expect = true", "18:10: test.expect: must be \"allow\" or \"deny\""),
    ("caller = \"alice\"\n", "", "12:1: test.caller: is required (name one of [callers])"),
    (
        "caller = \"alice\"",
        "caller = \"alcie\"",
        "14:10: test.caller: must be a caller of this file (known here: alice, robot)",
    ),
    (
        "caller = \"alice\"",
        "callers = [\"robot\", \"bob\"]",
        "14:21: test.caller: must be a caller of this file (known here: alice, robot)",
    ),
    (
        "caller = \"alice\"",
        "callers = [\"alice\", \"alice\"]",
        "14:21: test.callers: is given twice (remove one of them)",
    ),
    ("caller = \"alice\"", "callers = []", "14:11: test.callers: must not be empty: it would be no test at all"),
    (
        "caller = \"alice\"",
        "callers = \"alice\"",
        "14:11: test.callers: must be a list in brackets, such as [\"a\", \"b\"]",
    ),
    (
        "caller = \"alice\"",
        "caller = \"alice\"\ncallers = [\"robot\"]",
        "15:11: test.callers: must not stand beside `caller` (remove one of them)",
    ),
    (
        "operation = \"UnlockBucketPolicy\"\n",
        "",
        "12:1: test.operation: is required (known: AssumeRoot, UnlockBucketPolicy, UnlockQueuePolicy, DeleteRootCredentials, AllowPasswordRecovery, AuditRootCredentials, RestoreBucketPolicy, RestoreQueuePolicy, ListPolicyBackups, ExplainAccess, ListRecords, GetCheckpoint)",
    ),
    (
        "operation = \"UnlockBucketPolicy\"",
        "operation = \"Unlock\"",
        "15:13: test.operation: must be one of AssumeRoot, UnlockBucketPolicy, UnlockQueuePolicy, DeleteRootCredentials, AllowPasswordRecovery, AuditRootCredentials, RestoreBucketPolicy, RestoreQueuePolicy, ListPolicyBackups, ExplainAccess, ListRecords, GetCheckpoint",
    ),
    ("account = \"333333333333\"\n", "", "12:1: test.account: is required: 12 digits"),
    (
        "account = \"333333333333\"",
        "account = 333333333333",
        "16:11: test.account: must be a text in quotes, not an integer",
    ),
    (
        "account = \"333333333333\"",
        "account = \"33333333333\"",
        "16:11: test.account: must be an AWS account id of exactly 12 digits",
    ),
    ("bucket = \"payments-ledger\"\n", "", "12:1: test.bucket: is required: the operation acts on a bucket"),
    (
        "bucket = \"payments-ledger\"",
        "bucket = \"arn:aws:s3:::a\"",
        "17:10: test.bucket: must be a bucket's name, not an ARN",
    ),
    (
        "operation = \"UnlockBucketPolicy\"",
        "operation = \"AuditRootCredentials\"",
        "17:10: test.bucket: must be left out: no operation here acts on a bucket",
    ),
    (
        "bucket = \"payments-ledger\"",
        "bucket = \"payments-ledger\"\nqueue = \"arn:aws:sqs:eu-west-1:333333333333:jobs\"",
        "18:9: test.queue: must be left out: no operation here acts on a queue",
    ),
    (
        "operation = \"UnlockBucketPolicy\"",
        "operations = [\"UnlockBucketPolicy\", \"UnlockQueuePolicy\"]\nqueue = \"arn:aws:sqs:eu-west-1:444444444444:jobs\"",
        "16:9: test.queue: must be of the account that is named",
    ),
    (
        "bucket = \"payments-ledger\"",
        "bucket = \"payments-ledger\"\nqueue = \"jobs\"",
        "18:9: test.queue: must be an ARN of the form arn:aws:sqs:REGION:ACCOUNT:NAME",
    ),
    (
        "expect = ",
        "arguments = { mod = \"DELETE_POLICY\" }\nexpect = ",
        "18:21: test.arguments.mod: is not known (known here: accept_exposure, mode, validate_only)",
    ),
    (
        "expect = ",
        "arguments = { mode = \"delete\" }\nexpect = ",
        "18:22: test.arguments.mode: must be one of REMOVE_LOCKING_STATEMENTS, REMOVE_LISTED_STATEMENTS, DELETE_POLICY, REPLACE_POLICY",
    ),
    (
        "expect = ",
        "arguments = { validate_only = \"yes\" }\nexpect = ",
        "18:31: test.arguments.validate_only: must be true or false",
    ),
    (
        "expect = ",
        "arguments = { accept_exposure = true }\nexpect = ",
        "18:33: test.arguments.accept_exposure: must be one of ORGANIZATION, OUTSIDE_ORGANIZATION, PUBLIC",
    ),
    (
        "expect = ",
        "arguments = { accept_lockout = true }\nexpect = ",
        "18:32: test.arguments.accept_lockout: is not known (known here: accept_exposure, mode, validate_only)",
    ),
    (
        "expect = ",
        "arguments = { mode = 1.5 }\nexpect = ",
        "18:22: test.arguments.mode: must be a text, a whole number, true, false or a list of texts, not a float",
    ),
    ("expect = ", "arguments = \"mode\"\nexpect = ", "18:13: test.arguments: must be a table of keys"),
    (
        "expect = ",
        "reason = \".\"\nexpect = ",
        "18:10: test.reason: must have at least 8 characters, 3 of them letters or digits",
    ),
    (
        "expect = ",
        "ticket = \"two words\"\nexpect = ",
        "18:10: test.ticket: must have 1 to 128 characters of A-Z a-z 0-9 . _ / : # -",
    ),
    (
        "expect = ",
        "region = \"aws-global\"\nexpect = ",
        "18:10: test.region: must be the name of an AWS region such as eu-west-1",
    ),
    (
        "operation = \"UnlockBucketPolicy\"\naccount = \"333333333333\"\nbucket = \"payments-ledger\"",
        "operation = \"AssumeRoot\"\naccount = \"333333333333\"\nregion = \"eu-west-1\"",
        "17:10: test.region: must be left out: no operation here names a region",
    ),
    (
        "operation = \"UnlockBucketPolicy\"\naccount = \"333333333333\"\nbucket = \"payments-ledger\"",
        "operation = \"UnlockQueuePolicy\"\nqueue = \"arn:aws:sqs:eu-west-1:333333333333:jobs\"\nregion = \"us-east-1\"",
        "17:10: test.region: must be left out, or be the queue's own",
    ),
    (
        "expect = ",
        "now = \"yesterday\"\nexpect = ",
        "18:7: test.now: must be a time with its offset, such as 2026-12-24T12:00:00Z",
    ),
    (
        "expect = ",
        "now = 2026-12-24\nexpect = ",
        "18:7: test.now: must be a time with its offset, such as 2026-12-24T12:00:00Z",
    ),
    ("expect = ", "now = 12\nexpect = ", "18:7: test.now: must be a time, not an integer"),
    (
        "because = [\"example.cedar#operators-unlock\"]",
        "because = \"operators-unlock\"",
        "19:11: test.because: must be a list in brackets, such as [\"a\", \"b\"]",
    ),
    (
        "subject = \"spiffe://example.org/ops/alice\"",
        "subject = \"alice \"",
        "5:11: callers.alice.subject: must be a caller's subject: 1 to 2052 printable ASCII characters, without spaces around them",
    ),
    (
        "subject = \"spiffe://example.org/ops/alice\"",
        "subject = \"alice\\tsmith\"",
        "5:11: callers.alice.subject: must be a caller's subject: 1 to 2052 printable ASCII characters, without spaces around them",
    ),
    ("subject = \"k8s:prod:ci:robot\"\n", "", "6:1: callers.robot.subject: is required (as the journal shows it)"),
    ("scheme = \"jwt\"", "scheme = \"oidc\"", "8:10: callers.robot.scheme: must be one of mtls, jwt, mesh, aws_iam"),
    (
        "attributes = { namespace = \"ci\" }",
        "attributes = { namespace = 1 }",
        "11:28: callers.robot.attributes.namespace: must be a text in quotes, not an integer",
    ),
    (
        "listener = ",
        "listen = ",
        "9:1: callers.robot.listen: is not known (known here: subject, scheme, listener, groups, attributes)",
    ),
    (
        "operators = [\"spiffe://example.org/ops/alice\"]",
        "operators = \"alice\"",
        "3:13: groups.operators: must be a list of subjects, not a string",
    ),
    (
        "operators = [\"spiffe://example.org/ops/alice\"]",
        "operators = [\"\"]",
        "3:13: groups.operators: must be a caller's subject: 1 to 2052 printable ASCII characters, without spaces around them",
    ),
    (
        "policies = [\"policy/\"]",
        "policies = \"policy/\"",
        "1:12: policies: must be a list in brackets, such as [\"a\", \"b\"]",
    ),
    (
        "policies = ",
        "policy = ",
        "1:1: policy: is not known (known here: policies, organization, groups, callers, test)",
    ),
    ("[[test]]", "[test]", "12:1: test: must be tables (write `[[test]]` above each)"),
    (
        "[[test]]",
        "[[tests]]",
        "1:1: test: is required: a file without tests proves nothing (add [[test]])\n12:3: tests: is not known (known here: policies, organization, groups, callers, test)",
    ),
];

#[test]
fn every_mistake_is_refused_at_its_place_with_its_rule() {
    for (from, to, expected) in REFUSALS {
        let said = parse(&with_first(from, to)).unwrap_err().replace("tests/a.toml:", "");
        assert_eq!(said, expected, "{to}");
    }
}

/// The good file with the first occurrence of a text replaced, in the test where it has one.
fn with_first(from: &str, to: &str) -> String {
    match GOOD.split_once("[[test]]\n") {
        Some((head, test)) if test.contains(from) => format!("{head}[[test]]\n{}", test.replacen(from, to, 1)),
        _ => GOOD.replacen(from, to, 1),
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let text =
        GOOD.replace("scheme = \"jwt\"", "scheme = \"x\"").replace("alice\"\n", "bob\"\n").replace("\"allow\"", "1");
    let said = parse(&text).unwrap_err();
    let places: Vec<&str> = said.lines().map(|line| &line[..line.find(": ").unwrap()]).collect();
    assert_eq!(places, ["tests/a.toml:8:10", "tests/a.toml:14:10", "tests/a.toml:18:10"]);
}

#[test]
fn a_wrong_syntax_is_told_alone() {
    let said = parse("[groups\nname = \"x\"\n[[test]]\nnmae = 1\n").unwrap_err();
    assert!(said.lines().all(|line| line.contains("TOML syntax: ")), "{said}");
    assert!(said.starts_with("tests/a.toml:1:8: "), "{said}");
}

#[test]
fn an_empty_table_is_no_test() {
    let said = parse("policies = [\"a\"]\ntest = []\n").unwrap_err();
    assert_eq!(said, "tests/a.toml:2:8: test: is required: a file without tests proves nothing (add [[test]])");
}

#[test]
fn a_name_is_given_once() {
    let test = GOOD.split_once("[[test]]").unwrap().1;
    let said = parse(&format!("{GOOD}[[test]]{test}")).unwrap_err();
    assert_eq!(said, "tests/a.toml:20:1: test.name: \"operators unlock buckets\" is given twice (rename one)");
}

#[test]
fn what_would_never_end_is_refused() {
    let many = |prefix: &str| (0..1000).map(|n| format!("\"{prefix}{n:012}\"")).collect::<Vec<_>>().join(",");
    let accounts = with("account = \"333333333333\"", &format!("accounts = [{}]", many("")));
    let both = accounts.replace("caller = \"alice\"", "callers = [\"alice\", \"robot\"]");
    assert_eq!(parse(&both).unwrap().tests[0].cases.len(), 2000);
    let test = both.split_once("[[test]]").unwrap().1;
    let tests = (0..6).map(|n| format!("[[test]]{}", test.replace("operators unlock", &format!("{n}"))));
    let said = parse(&format!("{both}{}", tests.collect::<String>())).unwrap_err();
    assert!(said.ends_with("test: more than 10000 cases (split the file)"), "{said}");
    let callers = (0..1000).map(|n| format!("[callers.c{n}]\nsubject = \"dns:c{n}\"\n")).collect::<String>();
    let product = both.replace("[[test]]", &format!("{callers}[[test]]"));
    let product =
        product.replace("\"alice\", \"robot\"", &(0..1000).map(|n| format!("\"c{n}\"")).collect::<Vec<_>>().join(","));
    assert!(parse(&product).unwrap_err().ends_with(": test: more than 10000 cases (split the file)"));
    let too_long = accounts.replace("accounts = [", "accounts = [\"111111111111\",");
    assert!(parse(&too_long).unwrap_err().contains("test.accounts: must have at most 1000 elements"));
}

#[test]
fn a_thousand_mistakes_are_cut() {
    let said = parse(&(0..1000).map(|n| format!("key{n} = 1\n")).collect::<String>()).unwrap_err();
    assert_eq!(said.lines().count(), 101);
    assert!(said.ends_with("tests/a.toml: … and 901 more"), "{said}");
}

#[test]
fn nothing_of_the_file_steers_the_terminal() {
    let said = parse(&with("[callers.alice]", "[callers.\"a\\u001b[2Jlice\"]")).unwrap_err();
    assert!(!said.contains('\u{1b}') && said.contains("a\\u{1b}[2Jlice"), "{said}");
    let long = parse(&format!("{} = 1\n", "k".repeat(5000))).unwrap_err();
    assert!(long.len() < 500, "{long}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    /// Whatever stands in place of a value, the file is refused or read; a place always lies in the file.
    #[test]
    fn no_value_makes_it_panic(line in 0_usize..19, value in r#"("[a-z0-9]{0,5}"|\[("[a-z]{0,3}",?){0,3}\]|[0-9]{1,20}|\{ [a-z]{1,3} = [0-9] \}|true)"#) {
        let lines: Vec<String> = GOOD.lines().enumerate().map(|(n, text)| match text.split_once(" = ") {
            Some((key, _)) if n == line => format!("{key} = {value}"),
            _ => text.to_owned(),
        }).collect();
        let said = parse(&lines.join("\n")).err().unwrap_or_default();
        for line in said.lines() {
            let at: usize = line.split(':').nth(1).unwrap().parse().unwrap();
            prop_assert!((1..=19).contains(&at), "{}", line);
        }
    }
}
