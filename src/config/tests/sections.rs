//! `[organization]` and `[limits]`.

use super::*;
use crate::types::Kind;

fn organization(lines: &str) -> OrganizationConfig {
    parse(&format!("{MINIMAL}[organization]\n{lines}\n")).unwrap_or_else(|errors| panic!("{errors}")).organization
}

#[test]
fn an_organization_has_one_source() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let aws = |refresh, stale_after, tags| OrganizationConfig::Aws { refresh, stale_after, tags };
    assert_eq!(organization(""), OrganizationConfig::None);
    assert_eq!(organization("source = 'none'"), OrganizationConfig::None);
    assert_eq!(organization("source = 'aws'"), aws(minutes(5), minutes(60), false));
    let written = organization("source = 'aws'\nrefresh = '1m'\nstale_after = '2m'\ntags = true");
    assert_eq!(written, aws(minutes(1), minutes(2), true));
    let file = OrganizationConfig::InFile(PathBuf::from("/etc/rootgate/organization.toml"));
    assert_eq!(organization("source = 'file'\nfile = 'organization.toml'"), file);
}

#[test]
fn keys_of_another_source_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        ("source = 'ldap'", &["f:18:10: organization.source: must be none, aws or file (write \"none\")"]),
        (
            "source = 'file'",
            &["f:17:1: organization.file: is required with source file (write `file = \"organization.toml\"`)"],
        ),
        (
            "file = 'organization.toml'",
            &["f:18:8: organization.file: is only for source file (remove it, or write `source = \"file\"`)"],
        ),
        (
            "source = 'aws'\nfile = 'organization.toml'",
            &["f:19:8: organization.file: is only for source file (remove it, or write `source = \"file\"`)"],
        ),
        (
            "source = 'file'\nfile = 'a'\nrefresh = '5m'\nstale_after = '1h'\ntags = false",
            &[
                "f:20:11: organization.refresh: is only for source aws (remove it, or write `source = \"aws\"`)",
                "f:21:15: organization.stale_after: is only for source aws (remove it, or write `source = \"aws\"`)",
                "f:22:8: organization.tags: is only for source aws (remove it, or write `source = \"aws\"`)",
            ],
        ),
        (
            "tags = true",
            &["f:18:8: organization.tags: is only for source aws (remove it, or write `source = \"aws\"`)"],
        ),
        (
            "source = 'aws'\nrefresh = '20m'\nstale_after = '39m'",
            &[
                "f:20:15: organization.stale_after: contradiction: stale_after is shorter than twice refresh, so that a \
                 tree grows stale before the next one is read (raise stale_after, or shorten refresh)",
            ],
        ),
        (
            "source = 'aws'\nrefresh = '31m'",
            &["f:19:11: organization.refresh: contradiction: stale_after is shorter than twice refresh, so that a \
                 tree grows stale before the next one is read (raise stale_after, or shorten refresh)"],
        ),
        (
            "source = 'aws'\nrefresh = '59s'\nstale_after = '25h'\ntags = 'yes'",
            &[
                "f:19:11: organization.refresh: must be from 1m to 1h (leave it out for 5m)",
                "f:20:15: organization.stale_after: must be from 2m to 24h (leave it out for 1h)",
                "f:21:8: organization.tags: must be a boolean, not a string (write true or false, without quotes)",
            ],
        ),
    ];
    for (lines, expected) in cases {
        assert_errors(&format!("{MINIMAL}[organization]\n{lines}\n"), expected);
    }
}

#[test]
fn every_kind_of_operation_can_have_a_rate() {
    let section = |kind: Kind| format!("[limits.operations.{kind}]\nper_minute = 30\nburst = 40\n");
    let all = parse(&(MINIMAL.to_owned() + &Kind::ALL.map(section).concat())).unwrap().limits.operations;
    assert_eq!(all, Kind::ALL.map(|kind| (kind, RateConfig { per_minute: 30, burst: 40 })).into());
    for (per_minute, burst) in [(1, 1), (19, 19), (20, 20), (21, 20), (60_000, 20)] {
        let text = format!("{MINIMAL}[limits.operations.AssumeRoot]\nper_minute = {per_minute}\n");
        let rates = parse(&text).unwrap().limits.operations;
        assert_eq!(rates, [(Kind::AssumeRoot, RateConfig { per_minute, burst })].into());
    }
}

#[test]
fn limits_that_are_not_written_follow_lower_ones() {
    let caller = |lines: &str| parse(&format!("{MINIMAL}{lines}\n")).unwrap().limits.caller;
    assert_eq!(caller("[limits.caller]\noperations_per_minute = 5").burst, 5);
    assert_eq!(caller("[limits.caller]\noperations_per_minute = 5\nburst = 50").burst, 50);
    assert_eq!(caller("[server.limits]\noperations_in_flight_max = 4").in_flight_max, 4);
}

#[test]
fn limits_of_nothing_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        (
            "[limits.operations.AssumRoot]\nper_minute = 1",
            &["f:17:20: limits.operations.AssumRoot: must be a kind of operation: AssumeRoot, \
                 UnlockBucketPolicy, UnlockQueuePolicy, DeleteRootCredentials, AllowPasswordRecovery, \
                 AuditRootCredentials, RestoreBucketPolicy, RestoreQueuePolicy, ListPolicyBackups, ExplainAccess, ListRecords, GetCheckpoint (did you mean `AssumeRoot`?)"],
        ),
        (
            "[limits.operations.DeleteAccount]\nper_minute = 1",
            &["f:17:20: limits.operations.DeleteAccount: must be a kind of operation: AssumeRoot, \
                 UnlockBucketPolicy, UnlockQueuePolicy, DeleteRootCredentials, AllowPasswordRecovery, \
                 AuditRootCredentials, RestoreBucketPolicy, RestoreQueuePolicy, ListPolicyBackups, ExplainAccess, ListRecords, GetCheckpoint (write the name of the RPC)"],
        ),
        (
            "[limits.operations]\nAssumeRoot = 10",
            &["f:18:14: limits.operations.AssumeRoot: must be a section, not an integer (write \
                 `[limits.operations.AssumeRoot]` and its keys below)"],
        ),
        (
            "[limits.operations.AssumeRoot]\nburst = 1",
            &["f:17:1: limits.operations.AssumeRoot.per_minute: is required (write `per_minute = 10`, or remove \
                 the section for no limit)"],
        ),
        (
            "[limits.operations.AssumeRoot]\nper_minute = 0\nburst = 0",
            &[
                "f:18:14: limits.operations.AssumeRoot.per_minute: must be from 1 to 60000 (write `per_minute = \
                 10`, or remove the section for no limit)",
                "f:19:9: limits.operations.AssumeRoot.burst: must be from 1 to 10000 (leave it out for 20)",
            ],
        ),
        (
            "[limits.operation.AssumeRoot]\nper_minute = 1",
            &["f:17:9: limits.operation: is not known (did you mean `operations`?)"],
        ),
        (
            "[limits.caller]\nin_flight_max = 65",
            &["f:18:17: limits.caller.in_flight_max: must not be more than \
                 server.limits.operations_in_flight_max, which is for all callers together (lower it, or raise \
                 operations_in_flight_max)"],
        ),
        (
            "[limits.caller]\nrefusals_recorded_per_minute = 0\nper_minute = 1",
            &[
                "f:18:32: limits.caller.refusals_recorded_per_minute: must be from 1 to 6000 (leave it out for 30)",
                "f:19:1: limits.caller.per_minute: is not known (remove it; known here: burst, in_flight_max, \
                 operations_per_minute, refusals_recorded_per_minute)",
            ],
        ),
    ];
    for (lines, expected) in cases {
        assert_errors(&format!("{MINIMAL}{lines}\n"), expected);
    }
}

#[test]
fn a_journal_may_be_in_a_database() {
    let toml = minimal_with(
        "path = \"journal.db\"",
        "url = \"postgresql://rootgate@db.internal:5432/rootgate?sslmode=verify-full&sslrootcert=/etc/ca.pem\"\n\
         password_file = \"journal.password\"",
    );
    let Location::Postgres(place) = parse(&toml).unwrap().journal.location else { panic!("a database") };
    assert_eq!((place.user.as_str(), place.port, place.database.as_str()), ("rootgate", 5432, "rootgate"));
    assert_eq!(place.root_certificates, Some(PathBuf::from("/etc/ca.pem")));
    assert_eq!(place.password_file, Some(PathBuf::from("/etc/rootgate/journal.password")), "relative to the file");
}
