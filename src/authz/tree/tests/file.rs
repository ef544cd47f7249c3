//! The tree as a file.

use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"
id = "o-exampleorgid"

[units."ou-ab12-security1"]
name = "Security"

[units.ou-ab12-workload]
name = "Prod"
parent = "ou-ab12-security1"

[accounts."333333333333"]
name = "payments"
unit = "ou-ab12-workload"
tags = { env = "prod", "cost center" = "42" }

[accounts.444444444444]
name = "sandbox"
"#;

fn errors(text: &str) -> Vec<String> {
    Tree::from_toml(text).unwrap_err().0
}

#[test]
fn a_file_says_the_same_as_the_values() {
    let units = [
        ("ou-ab12-security1".to_owned(), Unit { name: "Security".to_owned(), parent: None }),
        ("ou-ab12-workload".to_owned(), Unit { name: "Prod".to_owned(), parent: Some("ou-ab12-security1".to_owned()) }),
    ];
    let tags = [("env", "prod"), ("cost center", "42")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let payments = Member { unit: Some("ou-ab12-workload".to_owned()), name: "payments".to_owned(), tags: tags.into() };
    let sandbox = Member { unit: None, name: "sandbox".to_owned(), tags: BTreeMap::new() };
    let accounts = [("333333333333".parse().unwrap(), payments), ("444444444444".parse().unwrap(), sandbox)];
    let expected = Tree::new(ORGANIZATION, units.into(), accounts.into()).unwrap();
    assert_eq!(Tree::from_toml(GOOD), Ok(expected.clone()));
    assert_eq!(Tree::from_toml(&format!("\u{feff}{}", GOOD.replace('\n', "\r\n"))), Ok(expected));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = r#"id = "example"
owner = "me"
units.ou-ab12-whatever = 7

[accounts."33333333333"]
name = "payments"

[accounts."444444444444"]
name = 4
unit = "ou-ab12-whatever"
tags = { env = true, team = "a" }

[accounts."555555555555"]
unit = "ou-ab12-nowhere1"
"#;
    assert_eq!(
        errors(text),
        [
            "1:6: id: must be an organization's id, such as o-exampleorgid",
            "2:1: owner: is not known; known here: id, units, accounts",
            "3:26: units.ou-ab12-whatever: must be a table, not integer",
            "5:11: accounts.33333333333: must be an AWS account id of exactly 12 digits",
            "9:8: accounts.444444444444.name: must be a string in quotes, not integer",
            "11:16: accounts.444444444444.tags.env: must be a string in quotes, not boolean",
            "13:11: accounts.555555555555.name: is required: write name = \"…\"",
            "14:8: accounts.555555555555.unit: must be a unit of this tree, which ou-ab12-nowhere1 is not",
        ]
    );
}

#[test]
fn one_mistake_gives_one_line() {
    for (from, to, expected) in [
        ("id = \"o-exampleorgid\"\n", "\n", "1:1: id: is required: write id = \"…\""),
        ("id = \"o-exampleorgid\"", "id = 7", "2:6: id: must be a string in quotes, not integer"),
        ("\"o-exampleorgid\"", "\"o-x\"", "2:6: id: must be an organization's id, such as o-exampleorgid"),
        (
            "name = \"Security\"",
            "nmae = \"Security\"\nname = \"a\"",
            "5:1: units.ou-ab12-security1.nmae: is not known; known here: name, parent",
        ),
        ("name = \"Security\"", "", "4:8: units.ou-ab12-security1.name: is required: write name = \"…\""),
        (
            "parent = \"ou-ab12-security1\"",
            "parent = true",
            "9:10: units.ou-ab12-workload.parent: must be a string in quotes, not boolean",
        ),
        (
            "parent = \"ou-ab12-security1\"",
            "parent = \"ou-ab12-security2\"",
            "9:10: units.ou-ab12-workload.parent: must be a unit of this tree, which ou-ab12-security2 is not",
        ),
        (
            "parent = \"ou-ab12-security1\"",
            "parent = \"ou-ab12-workload\"",
            "9:10: units.ou-ab12-workload.parent: must not lead back to the unit itself: a circle",
        ),
        (
            "accounts.\"333333333333\"",
            "accounts.\"33333333333\"",
            "11:11: accounts.33333333333: must be an AWS account id of exactly 12 digits",
        ),
        (
            "unit = \"ou-ab12-workload\"",
            "unit = \"ou-ab12-workload2\"",
            "13:8: accounts.333333333333.unit: must be a unit of this tree, which ou-ab12-workload2 is not",
        ),
        ("env = \"prod\"", "env = 3", "14:16: accounts.333333333333.tags.env: must be a string in quotes, not integer"),
        ("tags = {", "tags = [{", "TOML syntax"),
        (
            "tags = { env = \"prod\", \"cost center\" = \"42\" }",
            "tags = \"prod\"",
            "14:8: accounts.333333333333.tags: must be a table, not string",
        ),
        (
            "env = \"prod\"",
            "\"\" = \"prod\"",
            "14:15: accounts.333333333333.tags.: must be called by 1 to 128 characters",
        ),
        (
            "[accounts.444444444444]\nname = \"sandbox\"",
            "[accounts]\n444444444444 = \"sandbox\"",
            "17:16: accounts.444444444444: must be a table, not string",
        ),
        (
            "[units.ou-ab12-workload]",
            "[units.ou-AB12-workload]\nname = \"x\"\n[units.ou-ab12-workload]",
            "7:8: units.ou-AB12-workload: must be called by a unit's id, such as ou-ab12-security1",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let errors = errors(&text);
        assert!(errors[0].contains(expected), "{errors:?}\nnot {expected}");
        assert!(errors.len() == 1 || expected == "TOML syntax", "{errors:?}");
    }
}

#[test]
fn an_account_or_unit_that_stands_twice_is_refused() {
    for header in ["[accounts.\"333333333333\"]", "[units.ou-ab12-workload]"] {
        let errors = errors(&format!("{GOOD}\n{header}\nname = \"again\"\n"));
        assert!(errors.iter().any(|line| line.contains("TOML syntax: duplicate key")), "{errors:?}");
    }
}

#[test]
fn a_circle_is_told_at_each_of_its_parents() {
    let text = GOOD.replace("name = \"Security\"", "name = \"Security\"\nparent = \"ou-ab12-workload\"");
    let errors = errors(&text);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("6:10: units.ou-ab12-security1.parent: must not lead back"), "{errors:?}");
    assert!(errors[1].starts_with("10:10: units.ou-ab12-workload.parent: must not lead back"), "{errors:?}");
}

#[test]
fn a_thousand_mistakes_are_cut_to_a_hundred_and_counted() {
    let mistakes: String = (0..1000).map(|number| format!("mistake{number} = 1\n")).collect();
    let errors = errors(&format!("{mistakes}{GOOD}"));
    assert_eq!((errors.len(), &*errors[100]), (101, "… and 900 more"));
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let errors = errors(&"#".repeat(16 * 1024 * 1024 + 1));
    assert_eq!(errors, ["1:1: must have at most 16777216 bytes: the wrong file?"]);
}

#[test]
fn a_thousand_accounts_in_fifty_units_are_read() {
    use std::fmt::Write as _;
    let mut text = format!("id = \"{ORGANIZATION}\"\n");
    for number in 0..50 {
        write!(text, "[units.{}]\nname = \"Unit {number}\"\n", unit_id(number)).unwrap();
    }
    for number in 0..1000 {
        write!(text, "[accounts.{}]\nname = \"a\"\nunit = \"{}\"\n", account_id(number), unit_id(number % 50)).unwrap();
    }
    let tree = Tree::from_toml(&text).unwrap();
    assert_eq!((tree.units().len(), tree.accounts().len()), (50, 1000));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_obey(text in "\\PC{0,200}|(id|units|accounts|name|[=.\"{}\\[\\]\n\u{1b} ]|o-exampleorgid|333333333333){0,40}") {
        if let Err(errors) = Tree::from_toml(&text) {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(errors.0.iter().all(|line| line.chars().all(|c| !c.is_control())), "{:?}", errors);
        }
    }

    #[test]
    fn a_good_file_cut_anywhere_is_told_about_or_smaller(at in 0..GOOD.len()) {
        let whole = Tree::from_toml(GOOD).unwrap();
        match Tree::from_toml(&GOOD[..at]) {
            Ok(tree) => prop_assert!(tree.accounts().len() <= whole.accounts().len()),
            Err(errors) => prop_assert!(errors.0.iter().all(|line| line.starts_with(|c: char| c.is_ascii_digit()))),
        }
    }
}
