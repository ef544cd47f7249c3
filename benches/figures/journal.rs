//! How fast the journal takes records, and whether it stays so when it is large.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{Context, SHA256};
use rootgate::{
    clock::SystemClock,
    journal::{ErrorRecord, Event, Journal, RecordHash, RecordQuery, Refusal, verify},
    store::{self, Additions, Location, NewRecord, WhenEmpty},
    types::OperationId,
};

/// Callers at a time, as the promise says.
const WRITERS: usize = 64;
/// What one fsync for each record costs is measured for so long.
const ONE_BY_ONE: Duration = Duration::from_secs(2);
const TOGETHER: usize = 40_000;
const ROUNDS: usize = 3;
const PAGES: usize = 200;
const PAGE_RECORDS: u32 = 100;
/// Records of one transaction while the large journal is made.
const CHUNK: u64 = 20_000;
const ACCOUNTS: u64 = 5_000;

/// Durable appends by many callers, against one fsync for each record on the same disk, in turns.
pub async fn appends(folder: &Path) {
    println!("durable appends of a refusal of {} bytes, on a disk", body_bytes());
    let (mut plain, mut alone, mut together) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        plain.push(one_fsync_each(&folder.join(format!("plain-{round}"))));
        let journal = Journal::open(&folder.join(format!("journal-{round}.db")), Arc::new(SystemClock)).await;
        let journal = journal.unwrap().journal;
        alone.push(one_caller(&journal).await);
        together.push(many_callers(&journal).await);
        journal.close().await.unwrap();
    }
    let (plain, alone, together) = (middle(&mut plain), middle(&mut alone), middle(&mut together));
    println!("  a file, one fsync each          {plain:>9.0}/s");
    println!("  the journal, one caller         {alone:>9.0}/s");
    println!("  the journal, {WRITERS} callers        {together:>9.0}/s");
    println!(
        "  against the file {:>5.1} times, against one caller {:>5.1} times\n",
        together / plain,
        together / alone
    );
}

/// Appends, pages and verification of a journal of so many records.
pub async fn growth(folder: &Path, records: u64) {
    let path = folder.join("large.db");
    let begin = Instant::now();
    build(&path, records).await;
    let bytes = fs::metadata(&path).map_or(0, |file| file.len());
    println!("a journal of {records} records, {} MiB, made in {:.0?}", bytes >> 20, begin.elapsed());
    let begin = Instant::now();
    let journal = Journal::open(&path, Arc::new(SystemClock)).await.unwrap().journal;
    println!("  opened in                       {:>9.1?}", begin.elapsed());
    println!("  one caller                      {:>9.0}/s", one_caller(&journal).await);
    println!("  {WRITERS} callers                      {:>9.0}/s", many_callers(&journal).await);
    pages(&journal, "any records", records, |_| None).await;
    pages(&journal, "records of one account", records / 2, |turn| Some(account(turn))).await;
    journal.close().await.unwrap();
    let begin = Instant::now();
    let verified = verify(&path, &[]).await.unwrap();
    let rate = verified.records as f64 / begin.elapsed().as_secs_f64();
    println!("  verified in the database        {rate:>9.0} records/s (an export: see `verify`)\n");
}

/// Pages of a hundred, each from another place, so that no page is warm from the one before.
async fn pages(journal: &Journal, what: &str, records: u64, of: impl Fn(u64) -> Option<String>) {
    let mut times = Vec::with_capacity(PAGES);
    for turn in 0..PAGES as u64 {
        let from =
            1 + turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) % records.saturating_sub(u64::from(PAGE_RECORDS)).max(1);
        let query = RecordQuery {
            from,
            through: None,
            limit: PAGE_RECORDS,
            bytes_max: usize::MAX,
            account: of(turn).map(|account| account.parse().unwrap()),
            operation_id: None,
            event: None,
            caller: None,
            since: None,
            until: None,
        };
        let begin = Instant::now();
        let page = journal.records(&query).await.unwrap();
        times.push(begin.elapsed());
        assert!(!page.records.is_empty(), "a page of {what} from {from} on");
    }
    times.sort();
    let (median, slow) = (times[PAGES / 2], times[PAGES * 99 / 100]);
    println!("  a page of {PAGE_RECORDS}, {what:<24} median {median:>8.1?}   99 of 100 within {slow:>8.1?}");
}

fn one_fsync_each(path: &Path) -> f64 {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path).unwrap();
    let record = vec![b'x'; body_bytes()];
    let (begin, mut written) = (Instant::now(), 0_u32);
    while begin.elapsed() < ONE_BY_ONE {
        file.write_all(&record).unwrap();
        file.sync_data().unwrap();
        written += 1;
    }
    f64::from(written) / begin.elapsed().as_secs_f64()
}

async fn one_caller(journal: &Journal) -> f64 {
    let (begin, mut written) = (Instant::now(), 0_u32);
    while begin.elapsed() < ONE_BY_ONE {
        journal.append(refusal()).await.unwrap();
        written += 1;
    }
    f64::from(written) / begin.elapsed().as_secs_f64()
}

async fn many_callers(journal: &Journal) -> f64 {
    let begin = Instant::now();
    let callers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for _ in 0..TOGETHER / WRITERS {
                    journal.append(refusal()).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    (TOGETHER / WRITERS * WRITERS) as f64 / begin.elapsed().as_secs_f64()
}

/// Writes records as the gateway would, in large transactions. The hash is the one of docs/JOURNAL.md.
async fn build(path: &Path, records: u64) {
    let store = store::open(&Location::from(path)).await.unwrap();
    let mut connection = store.connect(WhenEmpty::Initialise).await.unwrap();
    let (mut index, mut previous) = (0, RecordHash::ZERO);
    while index < records {
        let mut additions = Additions::default();
        for _ in 0..CHUNK.min(records - index) {
            index += 1;
            let body = body(index);
            previous = hash(index, previous, &body);
            additions.records.push(NewRecord { index, hash: previous, body });
        }
        let mut transaction = connection.append().await.unwrap();
        transaction.add(&additions).await.unwrap();
        transaction.commit().await.unwrap();
    }
    connection.close().await.unwrap();
}

fn hash(index: u64, previous: RecordHash, body: &str) -> RecordHash {
    let mut context = Context::new(&SHA256);
    context.update(b"rootgate/journal/v1\n");
    context.update(&index.to_be_bytes());
    context.update(previous.as_bytes());
    context.update(&(body.len() as u64).to_be_bytes());
    context.update(body.as_bytes());
    RecordHash::from_bytes(context.finish().as_ref()).unwrap()
}

fn account(turn: u64) -> String {
    format!("{:012}", 100_000_000_000 + turn % ACCOUNTS)
}

fn body(index: u64) -> String {
    let event = serde_json::to_string(&Event::Refusal(Refusal { account_id: Some(account(index)), ..told() })).unwrap();
    format!("{{\"index\":{index},\"recorded_at\":\"2026-11-22T00:00:00.000000Z\",{}", event.trim_start_matches('{'))
}

fn body_bytes() -> usize {
    body(1_000_000).len()
}

fn refusal() -> Event {
    Event::Refusal(told())
}

fn told() -> Refusal {
    Refusal {
        operation_id: OperationId::generate(),
        rpc: "UnlockBucketPolicy".to_owned(),
        caller: None,
        account_id: Some("333333333333".to_owned()),
        resource: Some("arn:aws:s3:::payments-ledger-of-the-second-quarter".to_owned()),
        reason: Some(
            "The policy that was deployed on Friday denies everybody, the deployment's own role too".to_owned(),
        ),
        ticket: Some("SEC-4711".to_owned()),
        error: ErrorRecord {
            reason: "PERMISSION_DENIED".to_owned(),
            message: "no policy permits it: the caller is in none of the groups that may unlock buckets".to_owned(),
        },
        policies: vec!["operators-unlock".to_owned(), "freeze-of-the-quarter".to_owned()],
        unrecorded_before: 0,
    }
}

fn middle(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
