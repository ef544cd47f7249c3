//! `[organization]`: from where the gateway knows in which organizational unit an account is.

use std::{path::PathBuf, time::Duration};

use super::{
    error::{Fault, Reported},
    table::Table,
    value::{Bounded, boolean, text_rule},
};

/// From where the gateway knows in which organizational unit an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganizationConfig {
    /// From nowhere: accounts are in no unit.
    None,
    /// From AWS Organizations.
    Aws {
        /// How often it is asked.
        refresh: Duration,
        /// How old its last answer may become before acts are refused that need it: at least twice `refresh`.
        stale_after: Duration,
        /// Whether tags of accounts are read.
        tags: bool,
    },
    /// From a file.
    InFile(PathBuf),
}

#[derive(Clone, Copy)]
enum Source {
    None,
    Aws,
    File,
}

/// Reading an organization of 1,000 accounts in 50 units takes about 150 calls, which Organizations throttles for
/// everybody in the organization.
const REFRESH: Bounded<Duration> = Bounded {
    default: Duration::from_secs(5 * 60),
    min: Duration::from_secs(60),
    // Who moves an account into a frozen unit expects it to hold within the hour.
    max: Duration::from_secs(60 * 60),
};
/// Longer than an outage that mends itself; a longer one must not leave yesterday's organization in force.
const STALE_AFTER: Bounded<Duration> = Bounded {
    default: Duration::from_secs(60 * 60),
    min: Duration::from_secs(2 * 60),
    max: Duration::from_secs(24 * 60 * 60),
};
/// Reading tags takes one more call for each account.
const TAGS: bool = false;

impl OrganizationConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let source = table.optional("source", text_rule(source));
        let file = table.optional_path("file");
        let refresh = table.duration("refresh", &REFRESH);
        let stale_after = table.duration("stale_after", &STALE_AFTER);
        let tags = table.optional("tags", boolean);
        let source = source?.unwrap_or(Source::None);
        refuse_unused(table, source)?;
        match source {
            Source::None => Ok(Self::None),
            Source::Aws => Self::aws(table, refresh?, stale_after?, tags?.unwrap_or(TAGS)),
            Source::File => file?.map(Self::InFile).ok_or_else(|| {
                let fix = r#"write `file = "organization.toml"`"#;
                table.report_at("file", Fault::new("is required with source file", fix))
            }),
        }
    }

    fn aws(table: &Table<'_>, refresh: Duration, stale_after: Duration, tags: bool) -> Result<Self, Reported> {
        // The age of a tree counts from when its reading began, and waits differ: with less, there would be none again and
        // again, though AWS answers.
        table.check(
            refresh.saturating_mul(2) <= stale_after,
            &["stale_after", "refresh"],
            Fault::new(
                "contradiction: stale_after is shorter than twice refresh, so that a tree grows stale before the next \
                 one is read",
                "raise stale_after, or shorten refresh",
            ),
        )?;
        Ok(Self::Aws { refresh, stale_after, tags })
    }
}

/// Refuses keys of another source: who wrote them believes in an effect that they do not have.
fn refuse_unused(table: &Table<'_>, source: Source) -> Result<(), Reported> {
    let only_for = |source: &str, key: &str| {
        let rule = format!("is only for source {source}");
        let fix = format!(r#"remove it, or write `source = "{source}"`"#);
        table.check(!table.has(key), &[key], Fault::new(rule, fix))
    };
    let of_aws = || ["refresh", "stale_after", "tags"].map(|key| only_for("aws", key)).into_iter().collect();
    match source {
        Source::Aws => only_for("file", "file"),
        Source::File => of_aws(),
        Source::None => only_for("file", "file").and(of_aws()),
    }
}

fn source(text: &str) -> Result<Source, Fault> {
    match text {
        "none" => Ok(Source::None),
        "aws" => Ok(Source::Aws),
        "file" => Ok(Source::File),
        _ => Err(Fault::new("must be none, aws or file", r#"write "none""#)),
    }
}
