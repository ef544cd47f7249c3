//! Which records are listed.

use super::{Common, Fields, moment, page};
use crate::{
    error::Error,
    ops::{GetCheckpoint, ListRecords, PagePlace, RecordFilter},
    pb,
};

const PAGE_SIZES: page::Sizes = page::Sizes { default: 100, max: 1000 };

impl Common for pb::GetCheckpointRequest {
    fn account_id(&self) -> &str {
        ""
    }
    fn reason(&self) -> &str {
        &self.reason
    }
    fn ticket(&self) -> &str {
        &self.ticket
    }
}

pub(in super::super) fn list_records(message: &pb::ListRecordsRequest) -> Result<ListRecords, Error> {
    let mut fields = Fields::default();
    let why = fields.why(message);
    let page_size = page::size(&mut fields, message.page_size, PAGE_SIZES);
    let filter = filter(&mut fields, message);
    let place = filter.as_ref().and_then(|filter| {
        let place = page::place(&message.page_token, &listing(filter).each_ref().map(String::as_str));
        fields.take("page_token", place)
    });
    let place = place.map(|place| place.map(|[from, through]| PagePlace { from, through }));
    let operation = filter.zip(place).zip(page_size.zip(why));
    fields.finish(operation.map(|((filter, place), (page_size, why))| ListRecords { filter, place, page_size, why }))
}

pub(in super::super) fn get_checkpoint(message: &pb::GetCheckpointRequest) -> Result<GetCheckpoint, Error> {
    let mut fields = Fields::default();
    let why = fields.why(message);
    fields.finish(why.map(|why| GetCheckpoint { why }))
}

/// The filters, if none breaks a rule.
fn filter(fields: &mut Fields, message: &pb::ListRecordsRequest) -> Option<RecordFilter> {
    let before = fields.violations.len();
    let filter = RecordFilter {
        account: fields.parse_optional("account_id", &message.account_id),
        operation_id: fields.parse_optional("operation_id", &message.operation_id),
        event: fields.parse_optional("event", &message.event),
        caller: fields.parse_optional("caller", &message.caller),
        since: message.since.as_ref().and_then(|since| moment(fields, "since", since)),
        until: message.until.as_ref().and_then(|until| moment(fields, "until", until)),
        from_index: from_index(fields, message.from_index),
    };
    if filter.since.zip(filter.until).is_some_and(|(since, until)| until <= since) {
        fields.wrong("until", "must be later than since");
    }
    (fields.violations.len() == before).then_some(filter)
}

fn from_index(fields: &mut Fields, index: i64) -> Option<u64> {
    if index < 0 {
        fields.wrong("from_index", "must be the index of a record, from 1, or unset for the first");
    }
    u64::try_from(index).ok().filter(|index| *index > 0)
}

/// The token of the page that follows.
pub(in super::super) fn records_page_token(next: PagePlace, filter: &RecordFilter) -> String {
    page::of([next.from, next.through], &listing(filter).each_ref().map(String::as_str))
}

/// What a token belongs to.
fn listing(filter: &RecordFilter) -> [String; 8] {
    let RecordFilter { account, operation_id, event, caller, since, until, from_index } = filter;
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        "ListRecords".to_owned(),
        text(account.map(|account| account.to_string())),
        text(operation_id.map(|id| id.to_string())),
        text(event.map(|event| event.to_string())),
        text(caller.as_ref().map(|caller| caller.as_str().to_owned())),
        text(since.map(|since| since.to_string())),
        text(until.map(|until| until.to_string())),
        text(from_index.map(|index| index.to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp as Moment;

    use super::*;
    use crate::{
        clock::Timestamp,
        error::ErrorReason,
        types::{OperationId, RecordKind},
    };

    fn plain() -> pb::ListRecordsRequest {
        pb::ListRecordsRequest { reason: "the review of the week".to_owned(), ..Default::default() }
    }

    fn everything() -> pb::ListRecordsRequest {
        pb::ListRecordsRequest {
            page_size: 1000,
            account_id: "333333333333".to_owned(),
            operation_id: OperationId::generate().to_string(),
            ticket: "INC-1".to_owned(),
            event: "Refusal".to_owned(),
            caller: "spiffe://example.org/ops/alice".to_owned(),
            since: Some(Moment { seconds: 5, nanos: 1000 }),
            until: Some(Moment { seconds: 5, nanos: 2000 }),
            from_index: 7,
            ..plain()
        }
    }

    fn fields(message: &pb::ListRecordsRequest) -> Vec<String> {
        let error = list_records(message).unwrap_err();
        assert_eq!(error.reason(), ErrorReason::InvalidRequest);
        error.violations().iter().map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn what_is_not_set_is_not_asked() {
        let list = list_records(&plain()).unwrap();
        assert_eq!((list.filter, list.place, list.page_size), (RecordFilter::default(), None, 100));
        let list = list_records(&everything()).unwrap();
        assert_eq!((list.filter.event, list.filter.from_index), (Some(RecordKind::Refusal), Some(7)));
        assert_eq!(list.filter.since, Some(Timestamp::from_unix_micros(5_000_001)));
        assert_eq!((list.page_size, list.why.ticket.unwrap().as_str()), (1000, "INC-1"));
    }

    #[test]
    fn every_field_that_breaks_a_rule_is_named_at_once() {
        let message = pb::ListRecordsRequest {
            page_size: -1,
            account_id: "3".to_owned(),
            operation_id: "17".to_owned(),
            reason: String::new(),
            event: "refusal".to_owned(),
            caller: " alice".to_owned(),
            since: Some(Moment { seconds: i64::MIN, nanos: -1 }),
            until: Some(Moment { seconds: 0, nanos: 1_000_000_000 }),
            from_index: -1,
            ..plain()
        };
        let all =
            ["reason", "page_size", "account_id", "operation_id", "event", "caller", "since", "until", "from_index"];
        assert_eq!(fields(&message), all);
        assert_eq!(fields(&pb::ListRecordsRequest { page_size: 1001, ..plain() }), ["page_size"]);
        let empty = pb::ListRecordsRequest { until: everything().since, ..everything() };
        assert_eq!(fields(&empty), ["until"]);
        assert_eq!(get_checkpoint(&pb::GetCheckpointRequest::default()).unwrap_err().violations()[0].field, "reason");
    }

    #[test]
    fn a_token_goes_on_with_its_own_filters_only() {
        let full = everything();
        let place = PagePlace { from: 17, through: 42 };
        let token = records_page_token(place, &list_records(&full).unwrap().filter);
        let with = |message: pb::ListRecordsRequest| pb::ListRecordsRequest { page_token: token.clone(), ..message };
        assert_eq!(list_records(&with(full.clone())).unwrap().place, Some(place));
        let resized = pb::ListRecordsRequest { page_size: 1, reason: "another one".to_owned(), ..with(full.clone()) };
        assert_eq!(list_records(&resized).unwrap().place, Some(place), "neither is a filter");
        let unset = |change: fn(&mut pb::ListRecordsRequest)| {
            let mut other = with(full.clone());
            change(&mut other);
            other
        };
        for other in [
            unset(|message| message.account_id.clear()),
            unset(|message| message.operation_id.clear()),
            unset(|message| message.event.clear()),
            unset(|message| message.caller.clear()),
            unset(|message| message.since = None),
            unset(|message| message.until = None),
            unset(|message| message.from_index = 0),
        ] {
            assert_eq!(fields(&other), ["page_token"], "{other:?}");
        }
    }
}
