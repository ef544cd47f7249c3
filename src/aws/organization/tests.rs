use std::{collections::BTreeSet, time::Instant};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_root_simulator::{
    Fault, Scenario, Simulator, World,
    world::{Account, OrganizationalUnit},
};

use super::*;
use crate::{
    aws::{GatewayCredentials, PlatformSettings},
    types::Region,
};

const PAYMENTS: &str = "333333333333";
/// A simulator need not be spared.
const FAST: TreeReaderSettings = TreeReaderSettings {
    tags: false,
    calls_per_second_max: NonZeroU32::new(100_000).unwrap(),
    time_max: Duration::from_secs(60),
};

async fn reader_as(simulator: &Simulator, principal: &str, settings: TreeReaderSettings) -> TreeReader {
    let key = simulator.access_key(principal).unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    let region: Region = "eu-west-1".parse().unwrap();
    let platform = PlatformSettings {
        allowed_regions: BTreeSet::from([region.clone()]),
        home_region: region,
        endpoint_override: Some(simulator.endpoint()),
        connect_timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_secs(30),
        operation_timeout: Duration::from_secs(30),
        attempts_max: 1,
        assume_root_per_second_max: NonZeroU32::MIN,
    };
    let credentials = GatewayCredentials::Provided(SharedCredentialsProvider::new(credentials));
    TreeReader::new(&Platform::new(platform, credentials).await.unwrap(), settings)
}

/// The example organization, changed, and a reader as the gateway.
async fn example(settings: TreeReaderSettings, change: impl FnOnce(&mut World)) -> (Simulator, TreeReader) {
    let simulator = Simulator::start(Scenario::example()).await.unwrap();
    simulator.edit(change);
    let reader = reader_as(&simulator, "gateway", settings).await;
    (simulator, reader)
}

/// Ids of the units above an account, the nearest first.
fn units(tree: &Tree, account: &str) -> Vec<String> {
    let placement = tree.placement(account.parse().unwrap()).unwrap();
    placement.units.iter().map(|(id, _)| (*id).to_owned()).collect()
}

fn unit(number: usize, parent: Option<usize>) -> OrganizationalUnit {
    OrganizationalUnit {
        id: format!("ou-exam-{number:08}"),
        name: format!("unit {number}"),
        parent: parent.map(|parent| format!("unit {parent}")),
        ..OrganizationalUnit::default()
    }
}

/// 50 units on three levels, and 1,000 accounts among them beside the six of the example.
fn grow(world: &mut World) {
    let parent = |number: usize| (number / 5).checked_sub(1);
    world.organization.units.extend((0..50).map(|number| unit(number, parent(number))));
    for number in 0..1000 {
        let mut account = Account::new(&format!("{:012}", 700_000_000_000_u64 + number), &format!("account {number}"));
        account.ou = Some(format!("unit {}", number % 50));
        world.accounts.insert(account.id.clone(), account);
    }
}

#[tokio::test]
async fn the_tree_of_aws_is_read_whole_and_nothing_is_changed() {
    let (simulator, reader) = example(FAST, |_| {}).await;
    let tree = reader.read().await.unwrap();
    assert_eq!(tree.organization_id(), "o-exampleorg1");
    assert_eq!((tree.units().len(), tree.accounts().len()), (4, 6));
    assert_eq!(units(&tree, PAYMENTS), ["ou-exam-production", "ou-exam-workload"]);
    assert_eq!(units(&tree, "222222222222"), ["ou-exam-security"]);
    assert!(units(&tree, "111111111111").is_empty());
    // The suspended one too: it is the directory that says what may be acted on.
    assert_eq!(units(&tree, "555555555555"), ["ou-exam-workload"]);
    let placement = tree.placement(PAYMENTS.parse().unwrap()).unwrap();
    assert_eq!((&*placement.member.name, &*placement.units[0].1.name), ("payments", "production"));
    assert!(placement.member.tags.is_empty(), "tags were not asked for");
    let calls = simulator.calls();
    assert_eq!(calls.len(), 2 + 2 * 5);
    assert!(calls.iter().all(|call| !call.mutating && call.service == "organizations" && call.status == 200));
}

#[tokio::test]
async fn tags_are_read_when_asked_for() {
    let (_simulator, reader) = example(TreeReaderSettings { tags: true, ..FAST }, |_| {}).await;
    let tree = reader.read().await.unwrap();
    let tags = |account: &str| tree.placement(account.parse().unwrap()).unwrap().member.tags.clone();
    let expected =
        [("team", "payments"), ("tier", "production")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(tags(PAYMENTS), expected.into());
    assert!(tags("111111111111").is_empty());
}

#[tokio::test]
async fn pages_of_one_give_the_same_tree() {
    let settings = TreeReaderSettings { tags: true, ..FAST };
    let (simulator, reader) = example(settings, |_| {}).await;
    let whole = reader.read().await.unwrap();
    simulator.edit(|world| {
        world.settings.page_size = Some(1);
        world.settings.empty_first_page = true;
    });
    assert_eq!(reader.read().await.unwrap(), whole);
}

#[tokio::test]
async fn a_thousand_accounts_in_fifty_units_are_read() {
    let (simulator, reader) = example(FAST, grow).await;
    let tree = reader.read().await.unwrap();
    assert_eq!((tree.units().len(), tree.accounts().len()), (54, 1006));
    assert_eq!(units(&tree, "700000000049"), ["ou-exam-00000049", "ou-exam-00000008", "ou-exam-00000000"]);
    assert_eq!(units(&tree, "700000000050"), ["ou-exam-00000000"]);
    // 55 parents twice, one page each: 20 accounts fit into one.
    assert_eq!(simulator.calls().len(), 2 + 2 * 55);
}

#[tokio::test]
async fn one_page_that_fails_fails_the_whole_tree_and_names_the_permission() {
    let (simulator, reader) = example(TreeReaderSettings { tags: true, ..FAST }, |world| {
        world.settings.page_size = Some(1);
    })
    .await;
    for (operation, after) in [
        ("DescribeOrganization", 0),
        ("ListRoots", 0),
        ("ListOrganizationalUnitsForParent", 3),
        // The second page of a unit: what was found before it is no tree.
        ("ListAccountsForParent", 4),
        ("ListTagsForResource", 5),
    ] {
        let fault = Fault::on("organizations", operation).error(400, "AccessDeniedException", "no");
        simulator.inject(fault.after(after));
        let words = reader.read().await.unwrap_err().to_string();
        assert!(words.starts_with(&format!("organizations:{operation} failed: AccessDeniedException")), "{words}");
        assert!(words.contains(&format!("(allow organizations:{operation} to the gateway's role")), "{words}");
        assert!(reader.read().await.is_ok(), "{operation} was the only fault");
    }
}

#[tokio::test]
async fn who_may_not_read_the_organization_learns_what_is_missing() {
    let simulator = Simulator::start(Scenario::example()).await.unwrap();
    let words = reader_as(&simulator, "broker", FAST).await.read().await.unwrap_err().to_string();
    assert!(words.contains("allow organizations:DescribeOrganization"), "{words}");
    // Every permission, and in the wrong account.
    let words = reader_as(&simulator, "payments-admin", FAST).await.read().await.unwrap_err().to_string();
    assert!(words.contains("organizations:ListRoots") && words.contains("delegated administrator"), "{words}");
    simulator.edit(|world| world.account_mut("222222222222").unwrap().in_organization = false);
    let words = reader_as(&simulator, "gateway", FAST).await.read().await.unwrap_err().to_string();
    assert!(words.contains("AWSOrganizationsNotInUseException") && words.contains("in no organization"), "{words}");
}

#[tokio::test]
async fn what_is_throttled_is_asked_again() {
    let (simulator, reader) = example(FAST, |_| {}).await;
    simulator.inject(Fault::on("organizations", "ListAccountsForParent").throttle().after(1));
    assert_eq!(reader.read().await.unwrap().accounts().len(), 6);
    let throttled = simulator.calls().into_iter().filter(|call| call.error_code.is_some()).count();
    assert_eq!(throttled, 1);
}

#[tokio::test]
async fn a_reading_ends_in_time_whatever_aws_does() {
    let settings = TreeReaderSettings { time_max: Duration::from_millis(200), ..FAST };
    let (simulator, reader) = example(settings, |_| {}).await;
    let slow = Fault::on("organizations", "ListRoots").latency(Duration::from_secs(20));
    simulator.inject(slow);
    let start = Instant::now();
    let error = reader.read().await.unwrap_err();
    assert!(matches!(error, TreeReadError::TooSlow(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn calls_are_paced() {
    let settings = TreeReaderSettings { calls_per_second_max: NonZeroU32::new(6).unwrap(), ..FAST };
    let (_simulator, reader) = example(settings, |_| {}).await;
    let start = Instant::now();
    reader.read().await.unwrap();
    // Twelve calls, of which six may go at once.
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
}

#[tokio::test]
async fn more_levels_than_aws_has_are_no_tree() {
    let (_simulator, reader) = example(FAST, |world| {
        let units = (0..6).map(|number: usize| unit(number, number.checked_sub(1)));
        world.organization.units.extend(units);
    })
    .await;
    let words = reader.read().await.unwrap_err().to_string();
    assert!(words.contains("units.ou-exam-00000005.parent: must be at most 5 units"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn pages_without_end_are_an_error() {
    let (_simulator, reader) = example(FAST, |_| {}).await;
    let endless = |_token| async { Ok((None::<Vec<()>>, Some("again".to_owned()))) };
    let words = reader.calls.pages("ListRoots", endless).await.unwrap_err().to_string();
    assert!(words.contains("organizations:ListRoots") && words.contains("without a last page"), "{words}");
}

fn below(parent: Option<&str>, units: &[&str], accounts: &[&str]) -> Below {
    Below {
        parent: parent.map(ToOwned::to_owned),
        units: units.iter().map(|id| ((*id).to_owned(), "a".to_owned())).collect(),
        accounts: accounts.iter().map(|id| (id.parse().unwrap(), "a".to_owned())).collect(),
    }
}

#[test]
fn what_is_moved_while_the_tree_is_read_is_not_guessed_at() {
    let mut found = Found::default();
    found.add(vec![below(None, &["ou-a", "ou-b"], &[PAYMENTS])]).unwrap();
    let account = found.add(vec![below(Some("ou-a"), &[], &[PAYMENTS])]).err().unwrap();
    assert!(matches!(&account, TreeReadError::Moved(id) if id == PAYMENTS), "{account}");
    // A unit that was moved below itself would be walked for ever.
    let unit = found.add(vec![below(Some("ou-b"), &["ou-a"], &[])]).err().unwrap();
    assert!(matches!(&unit, TreeReadError::Moved(id) if id == "ou-a"), "{unit}");
}

#[test]
fn a_tree_beyond_all_bounds_is_given_up() {
    let ids: Vec<String> = (0..=Tree::UNITS_MAX).map(|number| number.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert!(matches!(Found::default().add(vec![below(None, &ids, &[])]), Err(TreeReadError::TooLarge)));
}
