//! Only whole trees are made, and they say where accounts are.

use proptest::prelude::*;

use super::*;

#[test]
fn an_account_is_in_its_unit_and_in_every_unit_above() {
    let accounts = [(account_id(1), member(Some(5))), (account_id(2), member(Some(1))), (account_id(3), member(None))];
    let tree = Tree::new(ORGANIZATION, chain(5), accounts.into()).unwrap();
    let units =
        |account| tree.placement(account_id(account)).unwrap().units.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    assert_eq!(units(1), [unit_id(5), unit_id(4), unit_id(3), unit_id(2), unit_id(1)]);
    assert_eq!(units(2), [unit_id(1)]);
    assert!(units(3).is_empty());
    let placement = tree.placement(account_id(1)).unwrap();
    assert_eq!((placement.organization_id, &*placement.member.name), (ORGANIZATION, "account"));
    assert_eq!(placement.units[0].1, &unit(Some(4)));
}

#[test]
fn who_is_not_in_the_organization_is_nowhere() {
    let tree = Tree::new(ORGANIZATION, chain(1), [(account_id(1), member(None))].into()).unwrap();
    assert_eq!(tree.placement(account_id(2)), None);
}

#[test]
fn a_circle_is_no_tree_however_long_it_is() {
    for length in 1..=9 {
        let mut units = chain(length);
        units.insert(unit_id(1), unit(Some(length)));
        let refused = refused(units, HashMap::new());
        assert_eq!(refused.len(), length, "each unit of the circle is told: {refused:?}");
        let word = if length <= Tree::DEPTH_MAX { "a circle" } else { "not below a circle" };
        assert!(refused.iter().all(|line| line.contains(".parent: ") && line.contains(word)), "{refused:?}");
    }
}

#[test]
fn what_hangs_below_a_circle_is_no_tree_either() {
    let mut units = chain(3);
    units.insert(unit_id(1), unit(Some(2)));
    units.insert(unit_id(9), unit(Some(3)));
    let refused = refused(units, HashMap::new());
    assert_eq!(refused.len(), 4, "{refused:?}");
}

#[test]
fn six_units_deep_is_one_more_than_aws_has() {
    assert!(Tree::new(ORGANIZATION, chain(5), HashMap::new()).is_ok());
    let refused = refused(chain(6), HashMap::new());
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].starts_with("units.ou-ab12-00000006.parent: must be at most 5"), "{refused:?}");
}

#[test]
fn every_missing_parent_is_named_where_it_is_named() {
    let units = [(unit_id(1), unit(Some(7))), (unit_id(2), unit(Some(1)))].into();
    let refused = refused(units, [(account_id(1), member(Some(8))), (account_id(2), member(Some(1)))].into());
    assert_eq!(
        refused,
        [
            "units.ou-ab12-00000001.parent: must be a unit of this tree, which ou-ab12-00000007 is not",
            "accounts.000000000001.unit: must be a unit of this tree, which ou-ab12-00000008 is not",
        ]
    );
}

#[test]
fn ids_are_spelled_as_aws_spells_them() {
    for id in ["", "o-", "o-short", "o-EXAMPLEORG", "exampleorgid", "o-example_org", &format!("o-{}", "a".repeat(33))] {
        assert_eq!(Tree::new(id, BTreeMap::new(), HashMap::new()).unwrap_err()[0].field, "id", "{id}");
    }
    for id in ["", "ou-ab12", "ou-ab1-12345678", "ou-ab12-1234567", "OU-ab12-12345678", "r-ab12", "ou-ab12-1234-5678"] {
        let refused = refused([(id.to_owned(), unit(None))].into(), HashMap::new());
        assert!(refused[0].contains("must be called by a unit's id"), "{id}: {refused:?}");
    }
}

#[test]
fn names_and_tags_are_bounded() {
    let long = |length| "ü".repeat(length);
    let mut full = member(None);
    full.name = long(128);
    full.tags = (0..50).map(|number| (format!("{}{number:02}", long(126)), long(256))).collect();
    let mut over = full.clone();
    over.name.push('ü');
    over.tags.insert("x".to_owned(), String::new());
    let mut keys = member(None);
    keys.tags = [(String::new(), String::new()), (long(129), String::new()), ("a".to_owned(), long(257))].into();
    let accounts = [(account_id(1), full), (account_id(2), over), (account_id(3), keys)];
    let refused = refused(BTreeMap::new(), accounts.into());
    let fields: Vec<&str> = refused.iter().map(|line| line.split(": ").next().unwrap()).collect();
    let long_key = format!("accounts.000000000003.tags.{}…", long(80));
    assert_eq!(
        fields,
        [
            "accounts.000000000002.name",
            "accounts.000000000002.tags",
            "accounts.000000000003.tags.",
            "accounts.000000000003.tags.a",
            &long_key,
        ]
    );
}

#[test]
fn counts_are_bounded() {
    let units = (0..=10_000).map(|number| (unit_id(number), unit(None))).collect();
    let accounts = (0..=50_000).map(|number| (account_id(number), member(None))).collect();
    assert_eq!(
        refused(units, accounts),
        ["units: must be at most 10000, not 10001", "accounts: must be at most 50000, not 50001"]
    );
}

#[test]
fn a_thousand_mistakes_are_cut_to_a_hundred() {
    let accounts = (0..1000).map(|number| (account_id(number), member(Some(1)))).collect();
    let refused = refused(BTreeMap::new(), accounts);
    assert_eq!(refused.len(), 100);
    assert!(refused[99].starts_with("accounts.000000000099.unit: "), "in the order of ids: {}", refused[99]);
}

#[test]
fn a_message_holds_nothing_that_a_terminal_obeys() {
    let units = [("\u{1b}[31m\n".repeat(50), unit(None))].into();
    let refused = refused(units, HashMap::new());
    assert!(refused[0].len() < 1000 && refused[0].chars().all(|c| !c.is_control()), "{refused:?}");
}

#[test]
fn a_thousand_accounts_in_fifty_units_are_all_found() {
    let units: BTreeMap<_, _> =
        (0..50).map(|number| (unit_id(number), unit((number >= 10).then_some(number % 10)))).collect();
    let accounts = (0..1000).map(|number| (account_id(number), member(Some(number % 50)))).collect();
    let tree = Tree::new(ORGANIZATION, units, accounts).unwrap();
    assert_eq!((tree.units().len(), tree.accounts().len()), (50, 1000));
    for (account, member) in tree.accounts() {
        let placement = tree.placement(account).unwrap();
        assert_eq!(placement.member, member);
        assert_eq!(placement.units[0].0, member.unit.as_deref().unwrap());
        assert!((1..=2).contains(&placement.units.len()));
    }
}

#[test]
fn the_digest_sees_every_part() {
    let base = || (chain(2), HashMap::from([(account_id(1), member(Some(1)))]));
    let digest = |(units, accounts)| Tree::new(ORGANIZATION, units, accounts).unwrap().sha256().to_owned();
    let mut digests = vec![digest(base()), Tree::new("o-exampleorg2", base().0, base().1).unwrap().sha256().to_owned()];
    type Change = fn(&mut BTreeMap<String, Unit>, &mut HashMap<AccountId, Member>);
    let changes: [Change; 7] = [
        |units, _| units.get_mut(&unit_id(1)).unwrap().name.push('x'),
        |units, _| units.get_mut(&unit_id(2)).unwrap().parent = None,
        |units, _| drop(units.insert(unit_id(3), unit(None))),
        |_, accounts| accounts.get_mut(&account_id(1)).unwrap().unit = None,
        |_, accounts| accounts.get_mut(&account_id(1)).unwrap().name.push('x'),
        |_, accounts| drop(accounts.get_mut(&account_id(1)).unwrap().tags.insert("a".to_owned(), "b".to_owned())),
        |_, accounts| drop(accounts.insert(account_id(2), member(None))),
    ];
    for change in changes {
        let (mut units, mut accounts) = base();
        change(&mut units, &mut accounts);
        digests.push(digest((units, accounts)));
    }
    assert_eq!(digests[0], digest(base()), "equal trees have equal digests");
    assert!(digests.iter().all(|digest| digest.len() == 64));
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 9);
}

/// Any graph of up to eight units, most of them no trees.
fn any_parents() -> impl Strategy<Value = Vec<Option<usize>>> {
    proptest::collection::vec(proptest::option::of(0_usize..9), 0..9)
}

/// The plain definition: after at most five units there is none.
fn ends_at_the_root(parents: &[Option<usize>], start: usize) -> bool {
    let mut next = Some(start);
    for _ in 0..Tree::DEPTH_MAX {
        let Some(unit) = next else { return true };
        let Some(parent) = parents.get(unit) else { return false };
        next = *parent;
    }
    next.is_none()
}

proptest! {
    #[test]
    fn a_tree_is_made_exactly_if_every_unit_ends_at_the_root(parents in any_parents()) {
        let units: BTreeMap<_, _> = parents.iter().enumerate().map(|(number, parent)| (unit_id(number), unit(*parent))).collect();
        let whole = (0..parents.len()).all(|start| ends_at_the_root(&parents, start));
        let accounts: HashMap<_, _> = (0..parents.len()).map(|number| (account_id(number), member(Some(number)))).collect();
        let made = Tree::new(ORGANIZATION, units, accounts);
        prop_assert_eq!(made.is_ok(), whole, "{:?}", parents);
        let Ok(tree) = made else { return Ok(()) };
        for (number, parent) in parents.iter().enumerate() {
            let placement = tree.placement(account_id(number)).unwrap();
            prop_assert!(placement.units.len() <= Tree::DEPTH_MAX);
            prop_assert_eq!(placement.units.get(1).map(|(id, _)| (*id).to_owned()), parent.map(unit_id));
        }
    }
}
