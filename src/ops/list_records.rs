//! Lists records of the journal.

use serde_json::json;

use super::{Conclusion, JournalRecord, Means, Operation, PagePlace, RecordFilter, RecordPage, RecordQuery};
use crate::{
    authz::{Argument, Ask, Permit, Target, Terms, Why},
    aws::Trail,
    error::Error,
    types::{Kind, Region},
};

/// With hashes and frames a page stays below the 4 MiB that gRPC clients take by default.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Reads the gateway's own journal. It is no [`RootTask`](crate::authz::RootTask): it can reach no account.
#[derive(Debug)]
pub struct ListRecords {
    /// Which records.
    pub filter: RecordFilter,
    /// Which page of them; none for the first.
    pub place: Option<PagePlace>,
    /// How many at most.
    pub page_size: u32,
    /// Why.
    pub why: Why,
}

/// One page of records.
#[derive(Clone, Debug)]
pub struct RecordList {
    /// Oldest first.
    pub records: Vec<JournalRecord>,
    /// Where the next page is, if there is one.
    pub next: Option<PagePlace>,
    /// The last index that the listing looks at.
    pub through: u64,
    /// What was asked, for the token of the next page.
    pub filter: RecordFilter,
}

impl Ask for ListRecords {
    const KIND: Kind = Kind::ListRecords;

    fn target(&self) -> Target {
        Target::Journal(self.filter.account)
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn terms(&self) -> Option<&Terms> {
        None
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        Vec::new()
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        // The account is the target.
        let RecordFilter { account: _, operation_id, event, caller, since, until, from_index } = &self.filter;
        let all = [
            ("operation_id", operation_id.map(|id| id.to_string())),
            ("event", event.map(|event| event.name().to_owned())),
            ("caller", caller.as_ref().map(|caller| caller.as_str().to_owned())),
            ("since", since.map(|since| since.to_string())),
            ("until", until.map(|until| until.to_string())),
            ("from_index", from_index.map(|index| index.to_string())),
            ("page_from", self.place.map(|place| place.from.to_string())),
            ("page_through", self.place.map(|place| place.through.to_string())),
            ("page_size", Some(self.page_size.to_string())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Operation for ListRecords {
    type Output = RecordList;

    async fn act(permit: &Permit<Self>, Means { journal, .. }: Means<'_>, _trail: &Trail) -> Result<RecordList, Error> {
        let Self { filter, place, page_size, .. } = permit.operation();
        let (filter, place, page_size) = (filter.clone(), *place, *page_size);
        let query = RecordQuery { filter: filter.clone(), place, page_size, bytes_max: PAGE_BYTES_MAX };
        let RecordPage { records, next, through } = journal.records(query).await?;
        Ok(RecordList { records, next: next.map(|from| PagePlace { from, through }), through, filter })
    }

    fn conclude(RecordList { records, next, through, .. }: &RecordList) -> Conclusion {
        let detail = json!({
            "records": records.len(),
            "first_index": records.first().map(|record| record.index),
            "last_index": records.last().map(|record| record.index),
            "through_index": through,
            "more": next.is_some(),
        });
        Conclusion { changed: Some(false), detail, shortfall: None }
    }
}
