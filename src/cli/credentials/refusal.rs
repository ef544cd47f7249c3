//! What the gateway said instead of an answer, for people: every detail of `google.rpc` that it sends.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::super::Exit;
use crate::types::{cut, printable};

/// Characters of one text in an error. The gateway's own words are shorter; what else answers there is cut.
const TEXT_CHARS_MAX: usize = 2000;
/// Lines of one kind. The gateway's own requests have fewer fields, and its errors fewer facts.
const LINES_MAX: usize = 32;

/// What a script can do about it: mend the command line, come back later, or ask a person.
pub(super) const fn exit(code: Code) -> Exit {
    match code {
        Code::InvalidArgument | Code::OutOfRange => Exit::Usage,
        Code::Unavailable | Code::ResourceExhausted | Code::Aborted | Code::DeadlineExceeded | Code::Cancelled => {
            Exit::Unavailable
        }
        Code::Ok
        | Code::Unknown
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => Exit::Failure,
    }
}

/// Reason and message on the first line, and a line for whatever else helps.
pub(super) fn words(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info();
    let reason = info.map_or_else(|| format!("{:?}", status.code()), |info| info.reason.clone());
    let mut lines = vec![format!("{}: {}", shown(&reason), shown(status.message()))];
    for violation in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations).take(LINES_MAX) {
        lines.push(format!("  {}: {}", shown(&violation.field), shown(&violation.description)));
    }
    for link in details.help().into_iter().flat_map(|help| &help.links).take(LINES_MAX) {
        lines.push(format!("  help: {} ({})", shown(&link.description), shown(&link.url)));
    }
    if let Some(wait) = details.retry_info().and_then(|info| info.retry_delay) {
        lines.push(format!("  try again in {wait:?}"));
    }
    // Sorted: the order of a map would be another one each time.
    let mut facts: Vec<_> = info.into_iter().flat_map(|info| &info.metadata).collect();
    facts.sort();
    lines.extend(facts.into_iter().take(LINES_MAX).map(|(key, value)| format!("  {}: {}", shown(key), shown(value))));
    lines.join("\n")
}

/// A text of the other side: bounded, and nothing in it steers the terminal.
pub(super) fn shown(text: &str) -> String {
    printable(&cut(text, TEXT_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn every_detail_is_shown_on_a_line_of_its_own() {
        let facts = [("operation_id", "0199-a"), ("journal_index", "7"), ("aws_error_code", "AccessDenied")];
        let facts: HashMap<String, String> = facts.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let mut details = ErrorDetails::with_error_info("INVALID_REQUEST", "rootgate", facts);
        details.add_bad_request_violation("duration", "must be at most 600 seconds");
        details.add_bad_request_violation("reason", "is required");
        details.add_help_link("shorten it", "https://example.org/help");
        details.set_retry_info(Some(Duration::from_millis(1500)));
        let status = Status::with_error_details(Code::InvalidArgument, "two fields are wrong", details);
        assert_eq!(
            words(&status),
            "INVALID_REQUEST: two fields are wrong\n  duration: must be at most 600 seconds\n  reason: is required\n  \
             help: shorten it (https://example.org/help)\n  try again in 1.5s\n  aws_error_code: AccessDenied\n  \
             journal_index: 7\n  operation_id: 0199-a"
        );
    }

    #[test]
    fn what_is_no_gateway_is_shown_by_its_code() {
        assert_eq!(words(&Status::unimplemented("no such method")), "Unimplemented: no such method");
    }

    #[test]
    fn what_the_other_side_wrote_is_bounded_and_steers_no_terminal() {
        let facts = (0..100).map(|n| (format!("key{n}"), "v".repeat(9999))).collect::<HashMap<_, _>>();
        let mut details = ErrorDetails::with_error_info("R\u{1b}[31m", "rootgate", facts);
        for n in 0..100 {
            details.add_bad_request_violation(format!("field\u{202e}{n}"), "d\r\nerror: forged");
            details.add_help_link("h\u{7}", "u");
        }
        let text = words(&Status::with_error_details(Code::Internal, "m\n".repeat(9999), details));
        assert!(text.lines().count() <= 1 + 3 * LINES_MAX, "{}", text.lines().count());
        assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text:?}");
        assert!(text.lines().all(|line| line.starts_with("  ") || line.starts_with("R\\u{1b}")), "{text}");
    }

    #[test]
    fn scripts_can_tell_a_denial_from_a_bad_argument_and_an_outage() {
        for (code, wanted) in [
            (Code::PermissionDenied, Exit::Failure),
            (Code::Unauthenticated, Exit::Failure),
            (Code::FailedPrecondition, Exit::Failure),
            (Code::InvalidArgument, Exit::Usage),
            (Code::Unavailable, Exit::Unavailable),
            (Code::ResourceExhausted, Exit::Unavailable),
        ] {
            assert_eq!(exit(code), wanted, "{code:?}");
        }
    }
}
