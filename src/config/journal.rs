//! `[journal]`: where the journal is, who vouches for it, and how long it knows requests again.

mod checkpoint;

pub use checkpoint::{AnchorBucketConfig, CheckpointConfig, ObjectLockMode};

use std::{path::PathBuf, time::Duration};

use super::{
    error::{Fault, Reported},
    table::Table,
    value::{Bounded, text},
};
use crate::store::Location;

/// Where the journal is, who vouches for it, and how long it knows requests again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// A file, made if it does not exist, whose folder must exist; or a PostgreSQL database.
    pub location: Location,
    /// Signed checkpoints; none if nobody asked for them.
    pub checkpoint: Option<CheckpointConfig>,
    /// A repetition of a request that is older than this is a new request.
    pub request_ids_kept: Duration,
}

/// Longer than the weekend over which somebody's job stands still. A day is more than any client retries by itself; what is
/// kept longer than a year only grows.
const REQUEST_IDS_KEPT_DAYS: Bounded<u32> = Bounded { default: 7, min: 1, max: 400 };

impl JournalConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let location = read_location(table);
        let checkpoint = table.optional_section("checkpoint", CheckpointConfig::read);
        let request_ids_kept = table.days("request_ids_kept", &REQUEST_IDS_KEPT_DAYS);
        Ok(Self { location: location?, checkpoint: checkpoint?, request_ids_kept: request_ids_kept? })
    }
}

fn read_location(table: &Table<'_>) -> Result<Location, Reported> {
    let path = table.optional_path("path");
    let url = table.optional("url", |value| Ok(text(value)?.to_owned()));
    let password_file = table.optional_path("password_file");
    let (path, url, password_file) = (path?, url?, password_file?);
    match (path, url) {
        (Some(path), None) => file(table, path, password_file.is_some()),
        (None, Some(url)) => database(table, &url, password_file),
        (Some(_), Some(_)) => {
            let fix = "keep path for one gateway alone, or url for several that share a database";
            Err(table.report_at("url", Fault::new("cannot be given together with path: there is one journal", fix)))
        }
        (None, None) => {
            let fix = r#"write `path = "journal.db"`; or `url` for a PostgreSQL database that several gateways share"#;
            Err(table.report_at("path", Fault::new("is required", fix)))
        }
    }
}

fn file(table: &Table<'_>, path: PathBuf, has_password: bool) -> Result<Location, Reported> {
    let fault = Fault::new("is for a database, and the journal is a file", "remove it, or give url in place of path");
    table.check(!has_password, &["password_file"], fault)?;
    Ok(Location::File(path))
}

fn database(table: &Table<'_>, url: &str, password_file: Option<PathBuf>) -> Result<Location, Reported> {
    match Location::parse(url, password_file) {
        Ok(location @ Location::Postgres(_)) => Ok(location),
        Ok(Location::File(_)) => {
            let fix = "write postgresql://USER@HOST/DATABASE; a file belongs into path";
            Err(table.report_at("url", Fault::new("must begin with postgresql://", fix)))
        }
        Err(error) => Err(table.report_at("url", Fault::new(error.rule, error.fix))),
    }
}
