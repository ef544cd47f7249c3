use super::*;
use crate::authz::Unmet;

const POLICIES: &str = r#"@id("operators-unlock")
permit (principal in Rootgate::Group::"operators", action == Rootgate::Action::"UnlockBucketPolicy", resource)
when { context.mode == "REMOVE_LOCKING_STATEMENTS" };
@id("alice-in-one-account")
permit (principal == Rootgate::Caller::"dns:alice", action, resource in Rootgate::Account::"444444444444");
@id("not-at-weekends")
forbid (principal, action, resource) when { context.weekday > 5 };
@id("not-in-the-vault")
forbid (principal, action == Rootgate::Action::"AssumeRoot", resource in Rootgate::OrganizationalUnit::"ou-ab12-security1");
"#;

const ORGANIZATION: &str = r#"id = "o-exampleorgid"
[units."ou-ab12-security1"]
name = "Security"
[accounts."333333333333"]
name = "payments"
[accounts."555555555555"]
name = "log-archive"
unit = "ou-ab12-security1"
"#;

const SUITE: &str = r#"
policies = ["../policy"]
organization = "../organization.toml"
[groups]
operators = ["dns:olga"]
[callers.olga]
subject = "dns:olga"
[callers.alice]
subject = "dns:alice"
"#;

/// A folder with policies, an organization and tests.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in ["policy", "tests"] {
            std::fs::create_dir(folder.at(name)).unwrap();
        }
        folder.write("policy/a.cedar", POLICIES);
        folder.write("organization.toml", ORGANIZATION);
        folder
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.at(path);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The suite with these tests, and the rules that it names.
    fn load(&self, tests: &str) -> (Suite, Rules) {
        let suite = Suite::load(&self.write("tests/a.toml", &format!("{SUITE}{tests}"))).unwrap();
        let rules = Rules::load(&suite.grounds(&Grounds::default()).unwrap()).unwrap();
        (suite, rules)
    }

    /// What every case of these tests fails by.
    fn failures(&self, tests: &str) -> Vec<String> {
        let (suite, rules) = self.load(tests);
        run(&suite, &rules).unwrap().into_iter().flat_map(|outcome| outcome.failures).collect()
    }
}

/// A test of an unlocking by olga, with more lines.
fn unlocking(name: &str, lines: &str) -> String {
    format!(
        "[[test]]\nname = {name:?}\ncaller = \"olga\"\noperation = \"UnlockBucketPolicy\"\naccount = \"333333333333\"\n\
         bucket = \"ledger\"\n{lines}\n"
    )
}

#[test]
fn a_case_passes_only_if_the_answer_and_its_cause_are_the_expected() {
    let folder = Folder::new();
    let passing = [
        unlocking("allowed", "expect = \"allow\""),
        unlocking("because", "expect = \"allow\"\nbecause = [\"operators-unlock\"]"),
        unlocking(
            "forbidden",
            "now = 2026-01-10T12:00:00Z\nexpect = \"deny\"\nbecause = [\"a.cedar#not-at-weekends\"]",
        ),
        unlocking("not permitted", "arguments = { mode = \"REPLACE_POLICY\" }\nexpect = \"deny\"\nbecause = []"),
    ];
    assert_eq!(folder.failures(&passing.concat()), Vec::<String>::new());
    let failing = [
        unlocking("a", "expect = \"deny\""),
        unlocking("b", "now = 2026-01-10T12:00:00Z\nexpect = \"allow\""),
        unlocking("c", "expect = \"allow\"\nbecause = [\"alice-in-one-account\"]"),
        unlocking("d", "expect = \"allow\"\nbecause = []"),
        unlocking("e", "arguments = { mode = \"DELETE_POLICY\" }\nexpect = \"deny\"\nbecause = [\"operators-unlock\"]"),
    ];
    assert_eq!(
        folder.failures(&failing.concat()),
        [
            "expected deny, got allow",
            "expected allow, got deny",
            "expected to be decided by a.cedar#alice-in-one-account, but it was a.cedar#operators-unlock",
            "expected to be decided by no policy, but it was a.cedar#operators-unlock",
            "expected to be decided by a.cedar#operators-unlock, but it was no policy",
        ]
    );
}

/// A suite says of a policy that may be opened to strangers what the gateway would.
#[test]
fn only_a_permit_that_speaks_of_exposure_passes_a_test_that_exposes() {
    let folder = Folder::new();
    let permit = |id: &str, condition: &str| {
        format!("@id({id:?}) permit (principal in Rootgate::Group::\"operators\", action, resource){condition};\n")
    };
    let partners = permit("partners", " when { context has accept_exposure && context.accept_exposure != \"PUBLIC\" }");
    folder.write("policy/a.cedar", &format!("{}{partners}", permit("broad", "")));
    let exposing = |name: &str, kind: &str, lines: &str| {
        let accepted = format!("arguments = {{ mode = \"REPLACE_POLICY\", accept_exposure = {name:?} }}\n{lines}");
        let test = unlocking(&format!("{kind} {name}"), &accepted).replace("UnlockBucketPolicy", kind);
        if kind.starts_with("Restore") { test.replace("mode = \"REPLACE_POLICY\", ", "") } else { test }
    };
    let tests = ["UnlockBucketPolicy", "RestoreBucketPolicy"].map(|kind| {
        exposing("ORGANIZATION", kind, "expect = \"allow\"\nbecause = [\"broad\", \"partners\"]")
            + &exposing("OUTSIDE_ORGANIZATION", kind, "expect = \"allow\"\nbecause = [\"partners\"]")
            + &exposing("PUBLIC", kind, "expect = \"deny\"\nbecause = []")
    });
    assert_eq!(folder.failures(&tests.concat()), Vec::<String>::new());
}

/// An error denies, but a test that expects a denial did not mean that.
#[test]
fn what_cannot_be_decided_fails_whatever_is_expected() {
    let folder = Folder::new();
    let assume_root = |expect: &str| {
        let test = unlocking(expect, &format!("expect = {expect:?}"));
        test.replace("UnlockBucketPolicy", "AssumeRoot").replace("bucket = \"ledger\"\n", "").replace("3333", "9999")
    };
    for expect in ["allow", "deny"] {
        let failures = folder.failures(&assume_root(expect));
        assert!(failures.len() == 1 && failures[0].starts_with("could not be decided: "), "{failures:?}");
    }
}

#[test]
fn a_policy_that_does_not_exist_decides_nothing_and_is_told_at_its_place() {
    let folder = Folder::new();
    let (suite, rules) = folder.load(&unlocking("x", "expect = \"deny\"\nbecause = [\"operators-unlock\", \"gone\"]"));
    let mistakes = run(&suite, &rules).unwrap_err();
    let [mistake] = mistakes.as_slice() else { panic!("{mistakes:?}") };
    assert!(mistake.place.ends_with("tests/a.toml:17:32"), "{mistake}");
    assert!(mistake.message.starts_with("test.because: must be the name of a policy (known: a.cedar#"), "{mistake}");
}

#[test]
fn policies_that_never_decided_are_named_over_all_files() {
    let folder = Folder::new();
    let mut coverage = Coverage::default();
    let (suite, rules) = folder.load(&unlocking("a", "expect = \"allow\""));
    coverage.add(&rules, &run(&suite, &rules).unwrap());
    let never = |coverage: &Coverage| coverage.never_decided().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(
        never(&coverage),
        ["a.cedar#alice-in-one-account", "a.cedar#not-at-weekends", "a.cedar#not-in-the-vault"]
    );
    let (suite, rules) = folder.load(&unlocking("b", "now = 2026-01-10T12:00:00Z\nexpect = \"deny\""));
    coverage.add(&rules, &run(&suite, &rules).unwrap());
    assert_eq!(never(&coverage), ["a.cedar#alice-in-one-account", "a.cedar#not-in-the-vault"]);
}

#[test]
fn policies_are_those_of_the_command_line_and_groups_those_of_the_file() {
    let folder = Folder::new();
    let (suite, _) = folder.load(&unlocking("a", "expect = \"allow\""));
    let line = Grounds {
        policies: vec![PathBuf::from("other.cedar")],
        groups: BTreeMap::from([("others".to_owned(), BTreeSet::from(["dns:other".to_owned()]))]),
        organization: Some(PathBuf::from("other.toml")),
    };
    let grounds = suite.grounds(&line).unwrap();
    assert_eq!(grounds.policies, line.policies);
    assert_eq!(grounds.groups.keys().collect::<Vec<_>>(), ["operators"]);
    assert_eq!(grounds.organization, Some(folder.at("organization.toml")));
    let bare = Suite { policies: Vec::new(), groups: None, organization: None, ..suite };
    assert_eq!(bare.grounds(&line).unwrap(), line);
    let error = bare.grounds(&Grounds::default()).unwrap_err().to_string();
    assert!(error.contains("policies: is required"), "{error}");
}

#[test]
fn everything_that_is_wrong_with_policies_and_organization_is_told() {
    let folder = Folder::new();
    let organization = folder.write("wrong.toml", "id = \"o-exampleorgid\"\nunit = 1\n");
    let policy = folder.write("wrong.cedar", "permit(\nprincipal,, action, resource);");
    let grounds = Grounds { policies: vec![policy], organization: Some(organization), groups: BTreeMap::new() };
    let error = Rules::load(&grounds).unwrap_err();
    let Error::Wrong(mistakes) = &error else { panic!("{error}") };
    assert!(mistakes[0].place.ends_with("wrong.cedar:2:11"), "{error}");
    assert!(mistakes[1].place.ends_with("wrong.toml:2:1"), "{error}");
    let gone = Grounds { organization: Some(folder.at("gone.toml")), ..grounds };
    let error = Rules::load(&gone).unwrap_err();
    assert!(matches!(error, Error::Unreadable(_)), "{error}");
    assert!(error.to_string().contains("wrong.cedar:2:11") && error.to_string().contains("gone.toml"), "{error}");
}

#[test]
fn what_nearly_permitted_is_said_only_if_nothing_decided() {
    let folder = Folder::new();
    let tests = [
        unlocking("condition", "arguments = { mode = \"DELETE_POLICY\" }\nexpect = \"deny\""),
        unlocking("exposure", "arguments = { accept_exposure = \"PUBLIC\" }\nexpect = \"deny\""),
        unlocking("resource", "expect = \"deny\"").replace("olga", "alice"),
        unlocking("forbidden", "now = 2026-01-10T12:00:00Z\nexpect = \"deny\""),
        unlocking("allowed", "expect = \"allow\""),
    ];
    let (suite, rules) = folder.load(&tests.concat());
    let near: Vec<Vec<(String, Unmet)>> = run(&suite, &rules)
        .unwrap()
        .iter()
        .map(|outcome| {
            let near = rules.near_misses(&outcome.case.question, &outcome.explanation);
            near.into_iter().map(|miss| (rules.short(&miss.policy.id).to_owned(), miss.unmet)).collect()
        })
        .collect();
    let expected = [
        vec![("a.cedar#operators-unlock".to_owned(), Unmet::Condition)],
        vec![("a.cedar#operators-unlock".to_owned(), Unmet::Exposure)],
        vec![("a.cedar#alice-in-one-account".to_owned(), Unmet::Resource)],
        vec![],
        vec![],
    ];
    assert_eq!(near, expected);
}

#[test]
fn policies_that_speak_of_what_is_not_known_are_told() {
    let needs = |units, tags| TreeNeeds { units, tags };
    let said = |needs, known| check_needs(needs, known).err().map(|rule| rule.to_string()).unwrap_or_default();
    for known in [Known::Nothing, Known::Units, Known::UnitsAndTags] {
        assert_eq!(said(needs(false, false), known), "");
    }
    for needs in [needs(true, false), needs(false, true), needs(true, true)] {
        assert!(said(needs, Known::Nothing).contains("organization.source"));
        assert_eq!(said(needs, Known::Units).contains("organization.tags"), needs.tags);
        assert_eq!(said(needs, Known::UnitsAndTags), "");
    }
}

#[test]
fn a_moment_has_its_offset() {
    assert_eq!(moment("2026-12-24T12:00:00.5+01:00").unwrap().to_string(), "2026-12-24T11:00:00.500000Z");
    for text in ["", "2026-12-24", "2026-12-24T12:00:00", "2026-13-24T12:00:00Z", "now", "99999-01-01T00:00:00Z"] {
        assert!(moment(text).is_err(), "{text}");
    }
}
