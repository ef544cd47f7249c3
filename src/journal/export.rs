//! The journal for other tools: JSON lines, CSV, OCSF and CloudEvents.

mod cloudevents;
mod csv;
mod file;
mod ocsf;
mod record;

pub use file::FileError;

pub(super) use cloudevents::HEAD as CLOUDEVENTS_HEAD;
pub(super) use csv::HEAD as CSV_HEAD;
pub(super) use file::NewFile;
pub(super) use ocsf::HEAD as OCSF_HEAD;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use clap::ValueEnum;

use super::{Expectation, Fault, ListedRecord, RecordHash, VerifyError, records::Records};
use crate::store::Location;

use self::record::Record;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line a record, {"hash":…,"record":…}, to the byte as it is stored; the only one that can be verified
    Jsonl,
    /// Comma-separated values for spreadsheets, one row a record, with a header
    Csv,
    /// Events of the Open Cybersecurity Schema Framework 1.6, one a line
    Ocsf,
    /// CloudEvents 1.0 as JSON, one a line
    Cloudevents,
}

/// Which records. Both ends belong to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// None for the first that is not archived.
    pub from: Option<u64>,
    pub to: Option<u64>,
}

/// What was exported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exported {
    pub records: u64,
    /// Index of the first of them.
    pub first: u64,
    /// The last of them.
    pub last: Expectation,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportFailure {
    /// The journal cannot be read, or a record of it is not what was written.
    #[error(transparent)]
    Journal(#[from] VerifyError),
    /// There are no such records.
    #[error("there is nothing to export from record {from} on: the journal ends with record {last}")]
    Nothing {
        /// The first that was asked for.
        from: u64,
        /// The last that there is; 0 in an empty journal.
        last: u64,
    },
    /// They are kept elsewhere.
    #[error("the records up to {last} were moved into an archive: take them from there, and export from record {} on", last.saturating_add(1))]
    Archived {
        /// The last of them.
        last: u64,
    },
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Intents that are remembered until their outcome comes. One that was forgotten is read again.
const INTENTS_MAX: usize = 4096;

/// Writes the records as they are at this moment, and checks on the way that each follows from the one before it. Holds
/// one page of them at a time.
pub(super) async fn export(
    location: impl Into<Location>,
    format: Format,
    range: Range,
    out: &mut dyn Write,
) -> Result<Exported, ExportFailure> {
    let mut records = Records::begin(&location.into()).await?;
    let mut link = Link::before(range.from, &mut records).await?;
    let first = link.next;
    let mut intents = Intents::default();
    let mut written = 0;
    format.begin(out)?;
    loop {
        let page = records.page(link.next, range.to).await?;
        if page.is_empty() {
            break;
        }
        for stored in &page {
            link.follow(stored)?;
        }
        written += page.len() as u64;
        if format == Format::Jsonl {
            page.iter().try_for_each(|stored| jsonl(stored, out))?;
            continue;
        }
        let page = page.into_iter().map(|stored| Record::read(stored).map_err(ExportFailure::from));
        for record in page.collect::<Result<Vec<_>, _>>()? {
            let intent = intents.of(&record, &mut records).await?;
            format.write(&record, intent.as_ref(), out)?;
            intents.remember(record);
        }
    }
    if written == 0 {
        return Err(ExportFailure::Nothing { from: first, last: records.last_index().await? });
    }
    out.flush()?;
    records.end().await?;
    Ok(Exported { records: written, first, last: Expectation { index: link.next - 1, hash: link.previous } })
}

impl Format {
    fn begin(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Csv => out.write_all(csv::HEAD),
            Self::Jsonl | Self::Ocsf | Self::Cloudevents => Ok(()),
        }
    }

    fn write(self, record: &Record, intent: Option<&Record>, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Jsonl => jsonl(&record.stored, out),
            Self::Csv => csv::write(record, intent, out),
            Self::Ocsf => ocsf::write(record, intent, out),
            Self::Cloudevents => cloudevents::write(record, intent, out),
        }
    }
}

/// The form that `verify` reads: the body as it is stored, so that its hash can be computed from this line.
pub(super) fn jsonl(record: &ListedRecord, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{{\"hash\":\"{}\",\"record\":{}}}", record.hash, record.body)
}

/// The chain of the records that are written.
struct Link {
    next: u64,
    previous: RecordHash,
}

impl Link {
    /// The link that the record at `from`, else the first that is not archived, hangs on.
    async fn before(from: Option<u64>, records: &mut Records) -> Result<Self, ExportFailure> {
        let beginning = Expectation { index: 0, hash: RecordHash::ZERO };
        let archived = records.archived().await?.unwrap_or(beginning);
        let next = from.unwrap_or(archived.index.saturating_add(1));
        let before = next.saturating_sub(1);
        if before < archived.index {
            return Err(ExportFailure::Archived { last: archived.index });
        }
        if before == archived.index {
            return Ok(Self { next, previous: archived.hash });
        }
        match records.at(before).await? {
            Some(record) => Ok(Self { next, previous: record.hash }),
            None => Err(ExportFailure::Nothing { from: next, last: records.last_index().await? }),
        }
    }

    fn follow(&mut self, record: &ListedRecord) -> Result<(), VerifyError> {
        let bad = |fault| VerifyError::Tampered { index: self.next, fault };
        if record.index != self.next {
            return Err(bad(i64::try_from(record.index).map_or(Fault::Order(record.index), Fault::Gap)));
        }
        if RecordHash::of(record.index, self.previous, &record.body) != record.hash {
            return Err(bad(Fault::Hash));
        }
        if record.body.contains(['\n', '\r']) {
            return Err(bad(Fault::Body("it has more than one line")));
        }
        *self = Self { next: self.next + 1, previous: record.hash };
        Ok(())
    }
}

/// The intents that are still to be closed: they alone say who asked for what.
#[derive(Default)]
struct Intents {
    open: BTreeMap<u64, Record>,
}

impl Intents {
    /// The intent that this record belongs to.
    async fn of(&mut self, record: &Record, records: &mut Records) -> Result<Option<Record>, ExportFailure> {
        let Some(index) = record.number("intent_index") else { return Ok(None) };
        let known = if record.closes() { self.open.remove(&index) } else { self.open.get(&index).cloned() };
        let intent = match known {
            Some(intent) => Some(intent),
            None => records.at(index).await?.map(Record::read).transpose()?,
        };
        Ok(intent.filter(|intent| intent.event() == "Intent" && intent.operation_id() == record.operation_id()))
    }

    fn remember(&mut self, record: Record) {
        if record.event() == "Intent" {
            if self.open.len() >= INTENTS_MAX {
                self.open.pop_first();
            }
            self.open.insert(record.stored.index, record);
        }
    }
}

#[cfg(test)]
mod tests;
