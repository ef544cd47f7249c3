//! Both sides of every bound.

use super::{authentication::with_scheme, *};

#[test]
fn durations_and_numbers_have_bounds() {
    const DURATION: &str = "must be a duration (write a whole number and ms, s, m or h in quotes, such as \"30s\")";
    for (line, expected) in [
        ("shutdown_grace = \"30 s\"", format!("f:18:18: server.shutdown_grace: {DURATION}")),
        ("shutdown_grace = \"1.5s\"", format!("f:18:18: server.shutdown_grace: {DURATION}")),
        ("shutdown_grace = \"-1s\"", format!("f:18:18: server.shutdown_grace: {DURATION}")),
        ("shutdown_grace = \"99999999999999999999h\"", format!("f:18:18: server.shutdown_grace: {DURATION}")),
        (
            "shutdown_grace = \"0s\"",
            "f:18:18: server.shutdown_grace: must be from 100ms to 10m (leave it out for 25s)".to_owned(),
        ),
        (
            "shutdown_grace = \"601s\"",
            "f:18:18: server.shutdown_grace: must be from 100ms to 10m (leave it out for 25s)".to_owned(),
        ),
    ] {
        assert_eq!(errors(&format!("{MINIMAL}[server]\n{line}\n")), [expected], "{line}");
    }
}

/// Every number and duration refuses zero, one below its minimum, one above its maximum, and accepts both bounds.
#[test]
fn every_bound_holds_on_both_sides() {
    let numbers = [
        ("server.limits", "connections_max", 1, 65_536),
        ("server.limits", "handshakes_max", 1, 4096),
        ("server.limits", "streams_per_connection_max", 1, 1024),
        ("server.limits", "message_bytes_max", 32_768, 1_048_576),
        ("server.limits", "header_bytes_max", 4096, 65_536),
        ("server.limits", "operations_in_flight_max", 1, 1024),
        ("limits.caller", "operations_per_minute", 1, 60_000),
        ("limits.caller", "burst", 1, 10_000),
        ("limits.caller", "in_flight_max", 1, 64),
        ("limits.caller", "refusals_recorded_per_minute", 1, 6000),
        ("limits.operations.AssumeRoot", "per_minute", 1, 60_000),
        ("aws", "attempts_max", 1, 10),
        ("journal.checkpoint.s3", "retention_days", 1, 3650),
        ("aws", "assume_root_per_second_max", 1, 100),
    ];
    for (section, key, min, max) in numbers {
        for (number, accepted) in
            [(0, false), (-1, false), (min - 1, false), (min, true), (max, true), (max + 1, false), (i64::MAX, false)]
        {
            assert_bound(section, key, &number.to_string(), accepted);
        }
        for number in ["0x10000000000000000", "99999999999999999999999999999999999999999"] {
            assert_bound(section, key, number, false);
        }
    }
    let durations = [
        ("server", "shutdown_grace", 100, 600_000),
        ("server", "reload_interval", 1000, 3_600_000),
        ("listeners.main.tls", "handshake_timeout", 100, 60_000),
        ("server.limits", "connection_age_max", 1000, 86_400_000),
        ("server.limits", "connection_age_grace", 1000, 600_000),
        ("server.limits", "keepalive_interval", 1000, 3_600_000),
        ("server.limits", "keepalive_timeout", 1000, 300_000),
        ("aws", "session_duration_default", 1000, 900_000),
        ("aws", "session_duration_max", 1000, 900_000),
        ("aws", "account_cache_ttl", 1000, 600_000),
        ("aws", "operation_timeout", 5000, 300_000),
        ("aws", "attempt_timeout", 3000, 20_000),
        ("aws", "connect_timeout", 100, 5000),
        ("journal.checkpoint", "interval", 10_000, 86_400_000),
        ("organization", "refresh", 60_000, 3_600_000),
        ("organization", "stale_after", 120_000, 86_400_000),
        ("authentication.jwt.issuers.login", "token_age_max", 60_000, 604_800_000),
        ("authentication.jwt.issuers.login", "keys_max_age", 300_000, 604_800_000),
        ("authentication.aws_iam", "token_age_max", 30_000, 900_000),
    ];
    for (section, key, min, max) in durations {
        for (millis, accepted) in [(0, false), (min - 1, false), (min, true), (max, true), (max + 1, false)] {
            assert_bound(section, key, &format!("\"{millis}ms\""), accepted);
        }
    }
    // Clocks may be exact.
    for (leeway, accepted) in [("\"0s\"", true), ("\"5m\"", true), ("\"300001ms\"", false)] {
        assert_bound("authentication.jwt.issuers.login", "leeway", leeway, accepted);
    }
}

#[test]
fn request_ids_are_kept_for_days() {
    let kept = |value: &str| parse(&MINIMAL.replace("[journal]", &format!("[journal]\nrequest_ids_kept = {value}")));
    let day = Duration::from_secs(86_400);
    assert_eq!(parse(MINIMAL).unwrap().journal.request_ids_kept, 7 * day);
    for (value, days) in [("'1d'", 1), ("'400d'", 400)] {
        assert_eq!(kept(value).unwrap().journal.request_ids_kept, days * day, "{value}");
    }
    for value in ["'0d'", "'401d'"] {
        let error = kept(value).unwrap_err().to_string();
        assert!(error.contains("journal.request_ids_kept: must be from 1d to 400d (leave it out for 7d)"), "{error}");
    }
}

#[test]
fn backups_are_kept_for_days() {
    let retention = |value: &str| parse(&format!("{MINIMAL}[backups]\nretention = {value}\n"));
    let day = Duration::from_secs(86_400);
    assert_eq!(parse(MINIMAL).unwrap().backups.retention, 400 * day);
    for (value, days) in [("'1d'", 1), ("'30d'", 30), ("'0400d'", 400), ("'3650d'", 3650)] {
        assert_eq!(retention(value).unwrap().backups.retention, days * day, "{value}");
    }
    for value in ["'0d'", "'3651d'", "'99999999999999999999d'"] {
        let expected = "f:18:13: backups.retention: must be from 1d to 3650d (leave it out for 400d)";
        assert_eq!(retention(value).unwrap_err().to_string().trim(), expected, "{value}");
    }
    for value in ["''", "'d'", "'400'", "'24h'", "'-1d'", "'+1d'", "'1.5d'", "'1d '", "'٣d'"] {
        let error = retention(value).unwrap_err().to_string();
        assert!(error.contains("must be days (write a whole number of days and d in quotes"), "{value}: {error}");
    }
    assert!(retention("400").unwrap_err().to_string().contains("must be a number of days in a string, not an integer"));
}

fn assert_bound(section: &str, key: &str, value: &str, accepted: bool) {
    let line = format!("{key} = {value}");
    let text = match section {
        "listeners.main.tls" | "aws" => minimal_plus(&format!("[{section}]"), &line),
        "organization" if key == "stale_after" => {
            format!("{MINIMAL}[organization]\nsource = 'aws'\nrefresh = '1m'\n{line}\n")
        }
        "organization" => format!("{MINIMAL}[organization]\nsource = 'aws'\nstale_after = '2h'\n{line}\n"),
        "authentication.jwt.issuers.login" => {
            with_scheme("'jwt'", &format!("[{section}]\nissuer = 'https://a.example'\naudiences = ['a']\n{line}"))
        }
        "authentication.aws_iam" => {
            with_scheme("'aws_iam'", &format!("[{section}]\naudience = 'a'\naccounts = ['111122223333']\n{line}"))
        }
        "journal.checkpoint" => format!("{MINIMAL}[{section}]\nkey_file = 'k'\norigin = 'o'\nfile = 'f'\n{line}\n"),
        "journal.checkpoint.s3" => {
            let bucket = "bucket = 'anchor'\nregion = 'eu-west-1'\nexpected_bucket_owner = '111122223333'";
            let checkpoint = "[journal.checkpoint]\nkey_file = 'k'\norigin = 'o'";
            format!("{MINIMAL}{checkpoint}\n[{section}]\n{bucket}\n{line}\n")
        }
        section => format!("{MINIMAL}[{section}]\n{line}\n"),
    };
    match parse(&text) {
        Ok(_) => assert!(accepted, "{section}.{key} = {value} was accepted"),
        Err(errors) => {
            assert!(!accepted, "{value}: {errors}");
            assert_eq!(
                (errors.errors().len(), errors.errors()[0].key.as_str()),
                (1, &*format!("{section}.{key}")),
                "{errors}"
            );
        }
    }
}
