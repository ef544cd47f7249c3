//! Verifying exports: nothing is needed but their lines.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
};

use aws_lc_rs::digest::{Context, SHA256};

use super::{Evidence, Fault, ReadArchives, Verified, archives::ArchiveFile, chain::Chain, lines::Lines};
use crate::{
    journal::{Expectation, record::Facts},
    types::hex,
};

/// A JSONL export, or a segment of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportSource {
    /// In a file, or anything else that can be read like one.
    File(PathBuf),
    /// On standard input.
    StandardInput,
}

/// A line of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which export.
    pub source: ExportSource,
    /// Number of the line, from 1.
    pub line: u64,
}

/// Why an export is not verified.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be read; this says nothing about its records.
    #[error("the export {name} cannot be read ({cause}): check the path and who may read it")]
    Unreadable {
        /// Which export.
        name: ExportSource,
        /// What the operating system said.
        cause: io::Error,
    },
    /// It is something else than a JSONL export.
    #[error("{name} is not a JSONL export: {what}")]
    NotAnExport {
        /// Which export.
        name: ExportSource,
        /// What it is, and what to do.
        what: &'static str,
    },
    /// It is not what was written.
    #[error("record {index}: {fault}")]
    Tampered {
        /// Where it shows; none where no line is bad but one is missing at the end.
        place: Option<Place>,
        /// The first bad index.
        index: u64,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// A record is counted to the watcher whenever so many were read.
const WATCH_RECORDS: u64 = 8192;
/// Large enough that reading costs little beside hashing.
const BUFFER_BYTES: usize = 256 * 1024;

/// Reads exports, one after the other as one chain, and checks them. `after` is the record before the first of them, where
/// that is not record 1. `watch` is told now and then how many records were read.
///
/// What the chain proves of them, and what only `expect` proves, is as for [`verify`](super::verify); that open intents
/// are listed and policies stored as the records say can be checked in the database only.
///
/// # Errors
/// The first bad record, or why an export cannot be read.
pub fn verify_exports(
    exports: &[ExportSource],
    after: Option<Expectation>,
    expect: &[Expectation],
    watch: &mut dyn FnMut(u64),
) -> Result<Verified, ExportError> {
    let mut chain = match after {
        Some(before) => Chain::after(before, expect).map_err(nowhere)?,
        None => Chain::new(expect),
    };
    let mut read = 0;
    for source in exports {
        follow_source(source, None, &mut chain, &mut read, watch)?;
    }
    chain.check_end().map_err(nowhere)?;
    Ok(chain.verified())
}

/// Reads the archives of a journal in the same way, for [`verify_behind`](super::verify_behind): the journal goes on behind them.
pub(in super::super) fn read_archives(
    files: &[ExportSource],
    after: Option<Expectation>,
    evidence: Evidence<'_>,
    watch: &mut dyn FnMut(u64),
) -> Result<ReadArchives, ExportError> {
    let mut chain = match after {
        Some(before) => Chain::segment(before, evidence).map_err(nowhere)?,
        None => Chain::new(&evidence.all()),
    };
    let mut read = 0;
    for source in files {
        let first = chain.next_index();
        let mut context = Context::new(&SHA256);
        follow_source(source, Some(&mut context), &mut chain, &mut read, watch)?;
        let file = ArchiveFile { first, last: chain.last(), sha256: hex(context.finish().as_ref()) };
        chain.archives().add(file);
    }
    Ok(ReadArchives(chain))
}

fn nowhere((index, fault): (u64, Fault)) -> ExportError {
    ExportError::Tampered { place: None, index, fault }
}

fn follow_source(
    source: &ExportSource,
    context: Option<&mut Context>,
    chain: &mut Chain,
    read: &mut u64,
    watch: &mut dyn FnMut(u64),
) -> Result<(), ExportError> {
    let inner: Box<dyn Read> = match source {
        ExportSource::StandardInput => Box::new(io::stdin().lock()),
        ExportSource::File(path) => {
            let file = File::open(path);
            Box::new(file.map_err(|cause| ExportError::Unreadable { name: source.clone(), cause })?)
        }
    };
    let reader = BufReader::with_capacity(BUFFER_BYTES, Hashing { inner, context });
    follow_all(source, reader, chain, read, watch)
}

/// Hashes what passes, if that is asked for.
struct Hashing<'a> {
    inner: Box<dyn Read>,
    context: Option<&'a mut Context>,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(context) = &mut self.context {
            context.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}

fn follow_all(
    source: &ExportSource,
    reader: impl BufRead,
    chain: &mut Chain,
    read: &mut u64,
    watch: &mut dyn FnMut(u64),
) -> Result<(), ExportError> {
    let mut lines = Lines::new(reader);
    while lines.read().map_err(|cause| ExportError::Unreadable { name: source.clone(), cause })? {
        if lines.number() == 1
            && let Some(what) = something_else(lines.bytes())
        {
            return Err(ExportError::NotAnExport { name: source.clone(), what });
        }
        follow(&lines, chain).map_err(|fault| ExportError::Tampered {
            place: Some(Place { source: source.clone(), line: lines.number() }),
            index: chain.next_index(),
            fault,
        })?;
        *read += 1;
        if read.is_multiple_of(WATCH_RECORDS) {
            watch(*read);
        }
    }
    if lines.number() == 0 {
        let what = "it is empty; even the shortest journal has a record";
        return Err(ExportError::NotAnExport { name: source.clone(), what });
    }
    Ok(())
}

fn follow(lines: &Lines<impl BufRead>, chain: &mut Chain) -> Result<(), Fault> {
    let line = lines.parse()?;
    chain.follow(line.hash, line.body).map_err(|fault| misplaced(&fault, line.body, chain).unwrap_or(fault))
}

/// A hash that does not follow, of a record that says itself that it belongs elsewhere.
fn misplaced(fault: &Fault, body: &str, chain: &Chain) -> Option<Fault> {
    let index = Facts::parse(body).ok().filter(|_| *fault == Fault::Hash)?.index;
    let next = chain.next_index();
    if index > next && chain.is_empty() && chain.is_whole() {
        Some(Fault::Segment(index))
    } else if index > next {
        Some(i64::try_from(index).map_or(Fault::Order(index), Fault::Gap))
    } else {
        (index < next).then_some(Fault::Order(index))
    }
}

/// What a file that begins like this is, if it is no export.
fn something_else(line: &[u8]) -> Option<&'static str> {
    const OTHERS: [(&[u8], &str); 8] = [
        (b"\x1f\x8b", "it is compressed with gzip; use `gzip -dc EXPORT | rootgate journal verify --export -`"),
        (
            b"\x28\xb5\x2f\xfd",
            "it is compressed with Zstandard; use `zstd -dc EXPORT | rootgate journal verify --export -`",
        ),
        (b"SQLite format 3\0", "it is the journal itself; use `rootgate journal verify --journal FILE`"),
        (b"\xff\xfe", "it was converted to UTF-16; export it again"),
        (b"\xfe\xff", "it was converted to UTF-16; export it again"),
        (super::super::export::CSV_HEAD, "it is an export as CSV, which has no hash chain; verify an export as JSONL"),
        (
            super::super::export::OCSF_HEAD,
            "it is an export as OCSF, which has no hash chain; verify an export as JSONL",
        ),
        (super::super::export::CLOUDEVENTS_HEAD, "it is an export as CloudEvents; verify an export as JSONL"),
    ];
    OTHERS.iter().find(|(head, _)| line.starts_with(head)).map(|(_, what)| *what)
}

impl fmt::Display for ExportSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::StandardInput => f.write_str("on standard input"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.source, self.line)
    }
}

#[cfg(test)]
mod tests;
