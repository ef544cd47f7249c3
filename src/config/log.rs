//! `[log]`: form and level of the log on standard error.

use super::{
    error::{Fault, Reported},
    table::Table,
    value::text_rule,
};

/// Form and level of the log. The log is for operators; evidence is in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// Form.
    pub format: LogFormat,
    /// The least important level that is written, of the gateway's own events.
    pub level: LogLevel,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON else: people read the one, collectors the other.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// One line of text.
    Text,
}

/// Level of the log. There is no `trace`, see [`crate::telemetry`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed that somebody must look at.
    Error,
    /// Something is wrong, and the gateway copes.
    Warn,
    /// Starts, stops, reloads and one line for each operation: what an operator wants to see.
    #[default]
    Info,
    /// Steps of an operation.
    Debug,
}

impl LogConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let format = table.optional("format", text_rule(format));
        let level = table.optional("level", text_rule(level));
        Ok(Self { format: format?.unwrap_or_default(), level: level?.unwrap_or_default() })
    }
}

fn format(text: &str) -> Result<LogFormat, Fault> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err(Fault::new("must be auto, json or text", "write \"auto\"")),
    }
}

fn level(text: &str) -> Result<LogLevel, Fault> {
    match text {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Err(Fault::new(
            "must not be trace: libraries print headers, and so credentials, at that level",
            "write \"debug\"",
        )),
        _ => Err(Fault::new("must be error, warn, info or debug", "write \"info\"")),
    }
}
