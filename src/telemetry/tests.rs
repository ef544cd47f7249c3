use super::*;
use crate::{
    clock::{ManualClock, Timestamp},
    telemetry::testing::Log,
};

/// What `act` logs at 2026-11-21T18:35:54Z.
fn logged(form: Form, level: LogLevel, directives: Option<&str>, act: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let clock = ManualClock::new(Timestamp::from_unix(1_795_286_154, 0));
    let subscriber = subscriber(form, Levels::of(level, directives).targets, move || writer.clone(), clock);
    tracing::subscriber::with_default(subscriber, act);
    log.text()
}

const PLAIN: Form = Form::Text { colour: false };

/// One event of each level from each of the given targets; its message is the target and the level.
macro_rules! every_level {
    ($($target:literal),+ $(,)?) => {{ $(
        tracing::error!(target: $target, concat!($target, " error"));
        tracing::warn!(target: $target, concat!($target, " warn"));
        tracing::info!(target: $target, concat!($target, " info"));
        tracing::debug!(target: $target, concat!($target, " debug"));
        tracing::trace!(target: $target, concat!($target, " trace"));
    )+ }};
}

fn library_events() {
    every_level!(
        "aws_smithy_runtime::client::http",
        "aws_smithy_runtime",
        "aws_config::profile",
        "aws_sdk_sts",
        "aws_sigv4",
        "hyper::proto",
        "hyper_util::client",
        "h2::codec",
        "rustls::server",
        "tonic::transport",
        "sqlx::query",
        "log",
    );
}

#[test]
fn libraries_say_no_more_than_warn_whatever_the_variable_says() {
    for directives in [
        "trace",
        "rootgate=trace",
        "aws_smithy_runtime=trace",
        "aws_smithy_runtime::client::http=trace,hyper=trace,h2=trace,rustls=trace,aws_config=trace",
        "[]=trace",
        "[span]=trace",
        "rootgate[span]=trace",
        "rootgate[{field=value}]=trace",
        "=trace",
        "*=trace",
        "rootgat=trace",
        "rootgate:=trace",
        "TRACE",
        "5",
    ] {
        let text = logged(PLAIN, LogLevel::Debug, Some(directives), || {
            let _span = tracing::error_span!(target: "rootgate", "span", field = "value").entered();
            library_events();
        });
        for level in ["info", "debug", "trace"] {
            assert!(!text.contains(&format!(" {level}\n")), "{directives}: {text}");
        }
        assert_eq!(text.matches(" warn\n").count(), 12, "{directives}: {text}");
    }
}

#[test]
fn libraries_say_no_more_than_the_gateway() {
    let text = logged(PLAIN, LogLevel::Error, None, library_events);
    assert_eq!((text.matches(" error\n").count(), text.lines().count()), (12, 12), "{text}");
}

/// Levels of the gateway's own events that are written, and how many directives were not obeyed.
fn own_levels(level: LogLevel, directives: Option<&str>) -> (Vec<String>, usize) {
    let text = logged(PLAIN, level, directives, || every_level!("rootgate", "rootgate::gate"));
    let messages = text.lines().map(|line| line.split(": ").nth(1).unwrap().to_owned()).collect();
    (messages, Levels::of(level, directives).ignored)
}

#[test]
fn the_configured_level_is_obeyed() {
    for (level, count) in [(LogLevel::Error, 1), (LogLevel::Warn, 2), (LogLevel::Info, 3), (LogLevel::Debug, 4)] {
        assert_eq!(own_levels(level, None).0.len(), 2 * count, "{level:?}");
    }
}

#[test]
fn the_variable_is_obeyed_for_the_gateway_itself() {
    for (directives, expected, ignored) in [
        ("warn", vec!["rootgate error", "rootgate warn", "rootgate::gate error", "rootgate::gate warn"], 0),
        ("rootgate=error", vec!["rootgate error", "rootgate::gate error"], 0),
        ("error, rootgate::gate=warn", vec!["rootgate error", "rootgate::gate error", "rootgate::gate warn"], 0),
        ("error,hyper=trace,nonsense,rootgate=loud", vec!["rootgate error", "rootgate::gate error"], 3),
        ("off", vec![], 0),
    ] {
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(own_levels(LogLevel::Info, Some(directives)), (expected, ignored), "{directives}");
    }
    assert_eq!(own_levels(LogLevel::Error, Some("rootgate=trace")).0.len(), 10);
    assert_eq!(own_levels(LogLevel::Info, Some("")), own_levels(LogLevel::Info, None));
}

#[test]
fn directives_that_only_look_like_ours_are_counted() {
    for directive in
        ["rootgate[span]=trace", "rootgatex=trace", "rootgate:=trace", "xrootgate=trace", "=trace", "rootgate="]
    {
        assert_eq!(own_levels(LogLevel::Error, Some(directive)).1, 1, "{directive}");
    }
}

#[test]
fn a_flood_of_directives_is_cut() {
    let directives = "rootgate=error,".repeat(1000);
    assert_eq!(Levels::of(LogLevel::Info, Some(&directives)).ignored, 1000 - DIRECTIVES_MAX);
}

#[test]
fn json_is_one_flat_object_a_line() {
    let text = logged(Form::Json, LogLevel::Info, None, || {
        let _span = tracing::info_span!("operation", operation.id = "op-1").entered();
        tracing::info!(account_id = "111122223333", line = "a\nb", "done");
    });
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert_eq!(
        value,
        serde_json::json!({
            "timestamp": "2026-11-21T18:35:54.000000Z",
            "level": "INFO",
            "target": "rootgate::telemetry::tests",
            "message": "done",
            "account_id": "111122223333",
            "line": "a\nb",
            "span": { "name": "operation", "operation.id": "op-1" },
        })
    );
}

#[test]
fn text_is_one_readable_line() {
    let text = logged(PLAIN, LogLevel::Info, None, || {
        let _span = tracing::info_span!(target: "rootgate", "operation", id = 7).entered();
        tracing::warn!(target: "rootgate", account_id = %"111122223333", why = "a b", "refused");
    });
    assert_eq!(
        text,
        "2026-11-21T18:35:54.000000Z  WARN operation{id=7}: rootgate: refused account_id=111122223333 why=\"a b\"\n"
    );
}

/// A caller's text must not be able to write a log line of its own, nor to drive the terminal.
#[test]
fn text_cannot_forge_another_line() {
    let forged = "x\r\n2026-11-21T18:35:54.000000Z  INFO rootgate: forged \u{1b}[2J\u{9b}2J";
    for form in [PLAIN, Form::Text { colour: true }, Form::Json] {
        let text = logged(form, LogLevel::Info, None, || {
            tracing::info!(target: "rootgate", debug = ?forged, display = %forged, plain = forged, "message {forged}");
            tracing::info!(target: "rootgate", "second");
        });
        assert_eq!(text.lines().count(), 2, "{form:?}: {text:?}");
        assert!(text.ends_with('\n') && !text.contains('\r') && !text.contains("\u{1b}[2J"), "{form:?}: {text:?}");
        // JSON may hold C1 controls (RFC 8259, section 7), and is for programs.
        assert!(form == Form::Json || !text.contains('\u{9b}'), "{form:?}: {text:?}");
    }
}

#[test]
fn colour_is_for_terminals_only() {
    for (format, terminal, expected) in [
        (LogFormat::Auto, true, Form::Text { colour: true }),
        (LogFormat::Auto, false, Form::Json),
        (LogFormat::Json, true, Form::Json),
        (LogFormat::Json, false, Form::Json),
        (LogFormat::Text, true, Form::Text { colour: true }),
        (LogFormat::Text, false, Form::Text { colour: false }),
    ] {
        assert_eq!(Form::of(format, terminal, terminal), expected, "{format:?} {terminal}");
    }
    let event = || tracing::error!("x");
    assert!(logged(Form::Text { colour: true }, LogLevel::Info, None, event).contains('\u{1b}'));
    assert!(!logged(PLAIN, LogLevel::Info, None, event).contains('\u{1b}'));
}

#[test]
fn a_second_start_changes_nothing() {
    let config = LogConfig { format: LogFormat::Json, level: LogLevel::Error };
    let _ = start(&config, &Environment::default(), false);
    assert_eq!(start(&config, &Environment::default(), false), Started::Before);
}
