use std::collections::BTreeSet;

use aws_root_simulator::Simulator;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::{PAYMENTS, simulator};

const WORKLOADS: &str = "ou-exam-workload";
const PRODUCTION: &str = "ou-exam-production";

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// Every item of a listing, and how many pages it took.
async fn list(client: &Client, action: &str, input: Value, items: &str, field: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut input) = (Vec::new(), 0, input);
    loop {
        let page = body(&client.organizations(action, input.clone()).await);
        found.extend(page[items].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()));
        pages += 1;
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = token.into(),
            None => return (found, pages),
        }
    }
}

fn small_pages(simulator: &Simulator) {
    simulator.edit(|world| {
        world.settings.page_size = Some(1);
        world.settings.empty_first_page = true;
    });
}

fn allow(simulator: &Simulator, statement: &str) {
    simulator.edit(|world| {
        let principals = &mut world.account_mut("222222222222").unwrap().principals;
        let reader = principals.iter_mut().find(|principal| principal.name == "readonly").unwrap();
        reader.policies = vec![format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)];
    });
}

#[tokio::test]
async fn the_tree_is_walked_in_small_pages() {
    let simulator = simulator().await;
    small_pages(&simulator);
    let gateway = Client::of(&simulator, "gateway");
    let (roots, pages) = list(&gateway, "ListRoots", json!({}), "Roots", "Id").await;
    assert_eq!((roots, pages), (vec!["r-exam".to_owned()], 2));
    let (mut parents, mut units, mut accounts) = (vec!["r-exam".to_owned()], BTreeSet::new(), BTreeSet::new());
    while let Some(parent) = parents.pop() {
        let input = json!({ "ParentId": parent });
        let (below, pages) =
            list(&gateway, "ListOrganizationalUnitsForParent", input.clone(), "OrganizationalUnits", "Id").await;
        assert_eq!(pages, if below.is_empty() { 1 } else { below.len() + 1 });
        let (inside, pages) = list(&gateway, "ListAccountsForParent", input, "Accounts", "Id").await;
        assert_eq!(pages, if inside.is_empty() { 1 } else { inside.len() + 1 });
        units.extend(below.iter().cloned());
        accounts.extend(inside.into_iter().map(|account| format!("{parent}/{account}")));
        parents.extend(below);
    }
    assert_eq!(Vec::from_iter(units), [PRODUCTION, "ou-exam-restrict", "ou-exam-security", WORKLOADS]);
    assert_eq!(
        Vec::from_iter(accounts),
        [
            "ou-exam-production/333333333333",
            "ou-exam-restrict/666666666666",
            "ou-exam-security/222222222222",
            "ou-exam-workload/444444444444",
            "ou-exam-workload/555555555555",
            "r-exam/111111111111",
        ]
    );
}

#[tokio::test]
async fn a_unit_is_described_with_its_path() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let answer =
        gateway.organizations("DescribeOrganizationalUnit", json!({ "OrganizationalUnitId": PRODUCTION })).await;
    assert_eq!(
        body(&answer)["OrganizationalUnit"],
        json!({
            "Id": PRODUCTION,
            "Arn": "arn:aws:organizations::111111111111:ou/o-exampleorg1/ou-exam-production",
            "Name": "production",
            "Path": "o-exampleorg1/r-exam/ou-exam-workload/ou-exam-production/",
        })
    );
}

#[tokio::test]
async fn accounts_units_and_roots_have_tags_in_pages() {
    let simulator = simulator().await;
    small_pages(&simulator);
    let gateway = Client::of(&simulator, "gateway");
    for (resource, keys) in
        [(PAYMENTS, &["team", "tier"][..]), (PRODUCTION, &["freeze"]), ("r-exam", &[]), ("111111111111", &[])]
    {
        let (found, pages) =
            list(&gateway, "ListTagsForResource", json!({ "ResourceId": resource }), "Tags", "Key").await;
        assert_eq!(
            (&found[..], pages),
            (&keys.iter().map(ToString::to_string).collect::<Vec<_>>()[..], keys.len() + 1)
        );
    }
}

#[tokio::test]
async fn what_is_not_there_has_the_code_of_aws() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    for (action, field, value, code) in [
        ("ListOrganizationalUnitsForParent", "ParentId", "ou-exam-nowhere1", "ParentNotFoundException"),
        ("ListOrganizationalUnitsForParent", "ParentId", "r-other", "ParentNotFoundException"),
        ("ListOrganizationalUnitsForParent", "ParentId", PAYMENTS, "InvalidInputException"),
        ("ListOrganizationalUnitsForParent", "ChildId", PAYMENTS, "InvalidInputException"),
        ("ListOrganizationalUnitsForParent", "NextToken", "nonsense", "InvalidInputException"),
        ("ListAccountsForParent", "ParentId", "ou-exam-nowhere1", "ParentNotFoundException"),
        ("ListAccountsForParent", "ParentId", PAYMENTS, "InvalidInputException"),
        (
            "DescribeOrganizationalUnit",
            "OrganizationalUnitId",
            "ou-exam-nowhere1",
            "OrganizationalUnitNotFoundException",
        ),
        ("DescribeOrganizationalUnit", "OrganizationalUnitId", "r-exam", "InvalidInputException"),
        ("ListTagsForResource", "ResourceId", "ou-exam-nowhere1", "TargetNotFoundException"),
        ("ListTagsForResource", "ResourceId", "r-other", "TargetNotFoundException"),
        ("ListTagsForResource", "ResourceId", "999999999999", "TargetNotFoundException"),
        ("ListRoots", "NextToken", "nonsense", "InvalidInputException"),
    ] {
        let refusal = gateway.organizations(action, json!({ field: value })).await.refusal();
        assert_eq!(refusal, (400, code.to_owned()), "{action} {field} {value}");
    }
    let token = json!({ "ParentId": WORKLOADS, "NextToken": "nonsense" });
    for action in ["ListOrganizationalUnitsForParent", "ListAccountsForParent"] {
        assert_eq!(gateway.organizations(action, token.clone()).await.refusal().1, "InvalidInputException");
        let twenty_one = json!({ "ParentId": WORKLOADS, "MaxResults": 21 });
        assert_eq!(gateway.organizations(action, twenty_one).await.refusal().1, "InvalidInputException");
    }
}

#[tokio::test]
async fn a_policy_can_allow_one_branch_of_the_tree() {
    let simulator = simulator().await;
    let reader = Client::of(&simulator, "readonly");
    allow(
        &simulator,
        r#"{"Effect":"Allow","Action":"organizations:List*",
            "Resource":["arn:aws:organizations::111111111111:ou/o-exampleorg1/ou-exam-workload",
                        "arn:aws:organizations::111111111111:account/o-exampleorg1/333333333333"]}"#,
    );
    for (action, input, status) in [
        ("ListOrganizationalUnitsForParent", json!({ "ParentId": WORKLOADS }), 200),
        ("ListAccountsForParent", json!({ "ParentId": WORKLOADS }), 200),
        ("ListTagsForResource", json!({ "ResourceId": PAYMENTS }), 200),
        ("ListOrganizationalUnitsForParent", json!({ "ParentId": "r-exam" }), 400),
        ("ListAccountsForParent", json!({ "ParentId": PRODUCTION }), 400),
        ("ListTagsForResource", json!({ "ResourceId": "444444444444" }), 400),
        ("ListRoots", json!({}), 400),
        ("DescribeOrganizationalUnit", json!({ "OrganizationalUnitId": WORKLOADS }), 400),
    ] {
        let answer = reader.organizations(action, input).await;
        assert_eq!(answer.status, status, "{action}: {}", answer.body);
        if status == 400 {
            assert_eq!(answer.refusal().1, "AccessDeniedException");
            assert!(answer.body.contains(&format!("organizations:{action}")), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn members_that_administer_nothing_see_no_tree() {
    let simulator = simulator().await;
    let member = Client::of(&simulator, "payments-admin");
    for (action, input) in [
        ("ListRoots", json!({})),
        ("ListOrganizationalUnitsForParent", json!({ "ParentId": "r-exam" })),
        ("DescribeOrganizationalUnit", json!({ "OrganizationalUnitId": WORKLOADS })),
        ("ListTagsForResource", json!({ "ResourceId": PAYMENTS })),
    ] {
        assert_eq!(
            member.organizations(action, input).await.refusal(),
            (400, "AccessDeniedException".into()),
            "{action}"
        );
    }
    assert_eq!(member.organizations("DescribeOrganization", json!({})).await.status, 200);
}
