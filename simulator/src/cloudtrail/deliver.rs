//! Log files in the layout in which CloudTrail delivers them.
//!
//! Source: CloudTrail User Guide, "CloudTrail log file examples" (names) and "Finding your CloudTrail log files".

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Event, log_file};
use crate::crypto;

/// CloudTrail delivers about every five minutes.
const MINUTES: u32 = 5;

/// Writes the events under `folder`, one file for each account, region and five minutes; returns the files.
pub(crate) fn deliver(events: &[Event], folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: BTreeMap<PathBuf, Vec<Event>> = BTreeMap::new();
    for event in events {
        files.entry(stem(event)).or_default().push(event.clone());
    }
    files.into_iter().map(|(stem, events)| write(&folder.join(stem), &events)).collect()
}

/// `AWSLogs/o-id/account/CloudTrail/region/2026/01/31/account_CloudTrail_region_20260131T1205Z`.
fn stem(event: &Event) -> PathBuf {
    let (account, region) = (&event.account, &event.region);
    let part = |from, to| event.time.get(from..to).unwrap_or_default();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let minute = part(14, 16).parse::<u32>().unwrap_or_default() / MINUTES * MINUTES;
    let name = format!("{account}_CloudTrail_{region}_{year}{month}{day}T{}{minute:02}Z", part(11, 13));
    let mut path = PathBuf::from("AWSLogs");
    path.extend(&event.organization);
    path.extend([account, "CloudTrail", region, year, month, day, &name]);
    path
}

fn write(stem: &Path, events: &[Event]) -> io::Result<PathBuf> {
    let content = log_file(events).to_string();
    // AWS makes names unique by chance; by content, the same events get the same name.
    let unique = crypto::sha256_hex(content.as_bytes()).get(..16).unwrap_or_default().to_owned();
    let name = format!("{}_{unique}.json.gz", stem.file_name().unwrap_or_default().to_string_lossy());
    let path = stem.with_file_name(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = GzEncoder::new(fs::File::create(&path)?, Compression::default());
    file.write_all(content.as_bytes())?;
    file.finish()?;
    Ok(path)
}
