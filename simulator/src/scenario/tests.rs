use super::*;

#[test]
fn the_example_is_a_scenario() {
    let world = Scenario::parse(EXAMPLE).unwrap().world;
    assert_eq!(world.accounts.len(), 6);
    assert_eq!(world.access_key("gateway").unwrap().access_key_id.len(), 20);
    assert_eq!(world.access_key("gateway").unwrap().secret_access_key.len(), 40);
    assert_eq!(world.account("333333333333").unwrap().root.access_keys.len(), 2);
    assert_eq!(
        world.organization.path_of(world.account("666666666666").unwrap()),
        "o-exampleorg1/r-exam/ou-exam-workload/ou-exam-restrict/666666666666/"
    );
    assert!(!format!("{world:?}").contains(&world.access_key("gateway").unwrap().secret_access_key));
}

#[test]
fn every_mistake_names_its_line() {
    let cases = [
        ("state = \"SUSPENDED\"", "state = \"GONE\"", "unknown variant `GONE`"),
        ("name = \"retired\"", "nmae = \"retired\"", "unknown field `nmae`"),
        ("id = \"444444444444\"", "id = \"4444\"", "twelve digits"),
        ("ou = \"restricted\"", "ou = \"nowhere\"", "no [[ou]] named"),
        ("\"RootSessions\"", "\"RootSession\"", "no root feature"),
        (
            "\"Deny\", \"Principal\": \"*\", \"Action\": \"sqs:*\"",
            "\"Denied\", \"Principal\": \"*\", \"Action\": \"sqs:*\"",
            "policy",
        ),
        ("region = \"us-east-1\"", "region = \"moon\"", "no region"),
    ];
    for (from, to, expected) in cases {
        let broken = EXAMPLE.replacen(from, to, 1);
        assert_ne!(broken, EXAMPLE, "{from}");
        let message = Scenario::parse(&broken).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains("line"), "{message}");
    }
}

#[test]
fn names_are_unique_and_references_hold() {
    let twice = EXAMPLE.replace("name = \"readonly\"", "name = \"gateway\"");
    assert!(Scenario::parse(&twice).unwrap_err().to_string().contains("twice"));
    let missing = EXAMPLE.replace("management_account = \"111111111111\"", "management_account = \"999999999999\"");
    assert!(Scenario::parse(&missing).unwrap_err().to_string().contains("999999999999"));
    assert!(Scenario::load(Path::new("/nonexistent.toml")).unwrap_err().to_string().contains("/nonexistent.toml"));
}
