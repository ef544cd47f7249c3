//! Records of an export that are verified a second, on one core: by the time that the core worked for it, and by the clock on
//! the wall, which counts too what else the machine does.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{Context, SHA256};
use rootgate::journal::{ExportSource, verify_exports};

const RECORDS: u64 = 1_000_000;
const RUNS: usize = 7;

/// Prints the figure.
pub fn exports(folder: &Path) {
    let path = folder.join("export.jsonl");
    let bytes = write_export(&path);
    let each = u32::try_from(bytes / RECORDS).map_or(f64::NAN, f64::from);
    let mut rates: Vec<Rates> = (0..RUNS).map(|_| verified_a_second(&path)).collect();
    println!("verify an export, {RECORDS} records, {each:.0} bytes a line");
    for (name, of) in [("core", (|rates| rates.core) as fn(&Rates) -> f64), ("wall", |rates| rates.wall)] {
        rates.sort_by(|a, b| of(a).total_cmp(&of(b)));
        let (best, median) = (of(&rates[RUNS - 1]), of(&rates[RUNS / 2]));
        println!("  records/s, {name}         best {best:>9.0}   median {median:>9.0}");
    }
    println!();
    std::fs::remove_file(path).unwrap();
}

/// Records a second.
struct Rates {
    core: f64,
    wall: f64,
}

fn verified_a_second(path: &Path) -> Rates {
    let sources = [ExportSource::File(path.to_owned())];
    let (begin, worked) = (Instant::now(), worked());
    let verified = verify_exports(&sources, None, &[], &mut |_| {}).unwrap();
    let (wall, core) = (begin.elapsed(), self::worked() - worked);
    assert_eq!(verified.records, RECORDS);
    Rates { core: 1_000_000.0 / core.as_secs_f64(), wall: 1_000_000.0 / wall.as_secs_f64() }
}

/// How long this thread was on a core. Source: Linux, "Scheduler Statistics", /proc/PID/schedstat.
fn worked() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split_whitespace().next().unwrap().parse().unwrap())
}

/// Intents and outcomes in turns, a refusal after every second pair, as the gateway writes them. Returns the bytes.
fn write_export(path: &Path) -> u64 {
    let mut out = BufWriter::new(File::create(path).unwrap());
    let mut previous = [0; 32];
    let mut bytes = 0;
    for index in 1..=RECORDS {
        let body = body(index);
        let mut context = Context::new(&SHA256);
        context.update(b"rootgate/journal/v1\n");
        context.update(&index.to_be_bytes());
        context.update(&previous);
        context.update(&(body.len() as u64).to_be_bytes());
        context.update(body.as_bytes());
        previous.copy_from_slice(context.finish().as_ref());
        let digits: String = previous.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("{{\"hash\":\"{digits}\",\"record\":{body}}}\n");
        out.write_all(line.as_bytes()).unwrap();
        bytes += line.len() as u64;
    }
    out.flush().unwrap();
    bytes
}

fn body(index: u64) -> String {
    let head = format!(
        "{{\"index\":{index},\"recorded_at\":\"2026-11-{:02}T{:02}:{:02}:{:02}.{:06}Z\"",
        1 + index / 86_400,
        index / 3600 % 24,
        index / 60 % 60,
        index % 60,
        index % 1_000_000
    );
    let id = |index: u64| format!("0198c5a4-6f0e-7cc3-9b5e-{index:012x}");
    let caller = r#"{"listener":"main","scheme":"mtls","subject":"spiffe://example.org/ns/operations/sa/break-glass","groups":["operators","on-call"],"attributes":{"trust_domain":"example.org","certificate_sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","certificate_serial":"4f:1a:22:09"}}"#;
    match index % 5 {
        1 | 3 => format!(
            r#"{head},"event":"Intent","operation_id":"{}","operation":"UnlockBucketPolicy","caller":{caller},"account_id":"333333333333","resource":"arn:aws:s3:::payments-ledger-eu-west-1","arguments":{{"mode":"DEFAULT","region":"eu-west-1","dry_run":false}},"reason":"Locked out by a policy change of this morning, see the incident","ticket":"SEC-{index}","policies":["operators.unlock","on-call.hours"]}}"#,
            id(index)
        ),
        2 | 4 => format!(
            r#"{head},"event":"Outcome","operation_id":"{}","intent_index":{},"result":"Succeeded","changed":true,"error":null,"detail":{{"removed":[{{"sid":"DenyAll","effect":"Deny"}}],"remaining_statements":2,"verified":true}},"aws_calls":[{{"service":"sts","operation":"AssumeRoot","request_id":"7b1c8a44-0f5f-4f6e-9f58-2f1d6a1c7e42","error_code":null}},{{"service":"s3","operation":"GetBucketPolicy","request_id":"4442587FB7D0A2F9","error_code":null}},{{"service":"s3","operation":"PutBucketPolicy","request_id":"79104EXAMPLEB723","error_code":null}}],"access_key_id":"ASIAIOSFODNN7EXAMPLE"}}"#,
            id(index - 1),
            index - 1
        ),
        _ => format!(
            r#"{head},"event":"Refusal","operation_id":"{}","rpc":"AssumeRoot","caller":{caller},"account_id":"333333333333","resource":null,"reason":"Rotate the root credentials","ticket":"SEC-{index}","error":{{"reason":"PERMISSION_DENIED","message":"no policy allows this: ask whoever keeps the policies"}},"policies":[],"unrecorded_before":0}}"#,
            id(index)
        ),
    }
}
