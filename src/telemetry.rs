//! The log: the gateway's own events and what libraries warn of, to standard error.
//!
//! The log is for operators, evidence is in the journal. Libraries are kept at `warn`, whatever `RUST_LOG` says: below,
//! the AWS SDK, hyper and h2 print headers and bodies, and with them the credentials of root sessions.

use std::{
    fmt::{self, Write as _},
    io,
};

use tracing::{Level, Subscriber, field::Field, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer as _,
    field::MakeExt as _,
    filter::Targets,
    fmt::{
        MakeWriter,
        format::{self, Writer},
        time::FormatTime,
    },
    layer::SubscriberExt as _,
    registry::Registry,
};

use crate::{
    clock::{Clock, SystemClock},
    config::{Environment, LogConfig, LogFormat, LogLevel},
};

/// Name of this crate, the root of all its targets.
const OWN_TARGET: &str = "rootgate";
/// The most that a library may say.
const LIBRARY_LEVEL_MAX: LevelFilter = LevelFilter::WARN;
/// Directives that are read; nobody types more, and the variable is not ours.
const DIRECTIVES_MAX: usize = 64;
/// What operators of Rust services expect.
const VARIABLE: &str = "RUST_LOG";

/// What became of the wish to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// This call started the log.
    Now,
    /// Somebody started one before; that one stays. Tests in one process do so.
    Before,
}

/// Starts the log of this process on standard error.
///
/// `terminal` says whether standard error is one: then the log is coloured text, unless configuration or `NO_COLOR` say
/// otherwise.
pub fn start(config: &LogConfig, environment: &Environment, terminal: bool) -> Started {
    let colour = terminal && environment.get("NO_COLOR").is_none_or(str::is_empty);
    let form = Form::of(config.format, terminal, colour);
    let levels = Levels::of(config.level, environment.get(VARIABLE));
    let subscriber = subscriber(form, levels.targets, io::stderr, SystemClock);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        return Started::Before;
    }
    if levels.ignored > 0 {
        tracing::warn!(
            ignored = levels.ignored,
            "RUST_LOG holds directives that are not obeyed: only `LEVEL`, `rootgate=LEVEL` and `rootgate::MODULE=LEVEL` \
             are, because libraries print credentials at lower levels"
        );
    }
    Started::Now
}

/// Makes panics of this process lines of the log, for whoever collects it line by line.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or("(no words)");
        tracing::error!(
            panic.location = location,
            panic.message = words,
            "a task panicked; this is a defect of rootgate"
        );
    }));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Text { colour: bool },
}

impl Form {
    fn of(format: LogFormat, terminal: bool, colour: bool) -> Self {
        match (format, terminal) {
            (LogFormat::Json, _) | (LogFormat::Auto, false) => Self::Json,
            (LogFormat::Text, _) | (LogFormat::Auto, true) => Self::Text { colour },
        }
    }
}

fn subscriber<W>(form: Form, targets: Targets, writer: W, clock: impl Clock) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_timer(Time(clock));
    let layer = match form {
        Form::Json => layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        Form::Text { colour } => {
            layer.with_ansi(colour).fmt_fields(format::debug_fn(text_field).delimited(" ")).boxed()
        }
    };
    Registry::default().with(layer.with_filter(targets))
}

/// Which levels of which targets are written.
struct Levels {
    targets: Targets,
    /// How many directives of `RUST_LOG` were not obeyed.
    ignored: usize,
}

impl Levels {
    fn of(level: LogLevel, directives: Option<&str>) -> Self {
        let mut own = level_filter(level);
        let mut modules = Vec::new();
        let mut ignored = 0;
        let words = directives.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
        for (index, word) in words.enumerate() {
            match directive(word).filter(|_| index < DIRECTIVES_MAX) {
                Some((OWN_TARGET, level)) => own = level,
                Some((module, level)) => modules.push((module.to_owned(), level)),
                None => ignored += 1,
            }
        }
        let libraries = level_filter(level).min(LIBRARY_LEVEL_MAX);
        let targets = Targets::new().with_default(libraries).with_target(OWN_TARGET, own).with_targets(modules);
        Self { targets, ignored }
    }
}

/// Target and level of a directive that is obeyed.
fn directive(word: &str) -> Option<(&str, LevelFilter)> {
    let (target, level) = word.split_once('=').unwrap_or((OWN_TARGET, word));
    let own = target == OWN_TARGET || target.strip_prefix(OWN_TARGET).is_some_and(|rest| rest.starts_with("::"));
    // An empty level would parse, as `error`.
    let level = level.parse().ok().filter(|_| !level.is_empty())?;
    own.then_some((target, level))
}

fn level_filter(level: LogLevel) -> LevelFilter {
    LevelFilter::from_level(match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    })
}

/// Writes a field of a text event. The library's own formatter lets through what `%value` holds, so that a caller's text
/// could break the line and pretend to be another event, or drive the terminal.
fn text_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    write!(Escaped(writer), "{value:?}")
}

/// Escapes control characters.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c.is_control() {
            true => write!(self.0, "{}", c.escape_default()),
            false => self.0.write_char(c),
        })
    }
}

/// The time as the journal writes it, so that both can be laid beside each other.
struct Time<C>(C);

impl<C: Clock> FormatTime for Time<C> {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", self.0.now())
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
