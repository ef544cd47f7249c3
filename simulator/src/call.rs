//! The call log: who called what, and what they were told.

mod path;

use std::collections::VecDeque;

use serde::Serialize;

pub use self::path::critical_path;

/// How many calls are kept.
const MAX_CALLS: usize = 100_000;

/// One request to the simulated AWS, also one that was refused. It holds no secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Counts from 0 for as long as the simulator runs.
    pub index: u64,
    /// When it came, as `2026-01-31T12:00:00Z`.
    pub time: String,
    /// Its place among all arrivals and all answers, which one counter numbers: a call that came after another one was
    /// answered has a larger `started` than that one's `ended`. Exact, because no clock is read. Counts from 0 for as long as the
    /// simulator runs.
    pub started: u64,
    /// The place of its answer, taken when that was ready to be sent, or when the connection was cut. `None` while a fault
    /// holds the answer back.
    pub ended: Option<u64>,
    /// `sts`, `iam`, `organizations`, `s3`, `sqs`, or whatever else the credential scope said.
    pub service: String,
    /// The operation; empty if the request names none.
    pub action: String,
    /// The regional endpoint addressed, `aws-global` for the global STS endpoint.
    pub region: String,
    /// The caller's ARN, once its signature was good.
    pub caller_arn: Option<String>,
    /// The caller's account, once its signature was good.
    pub caller_account: Option<String>,
    /// The access key id that the request names, good or not.
    pub access_key_id: Option<String>,
    /// The bucket, queue, role or account that it is about.
    pub target: Option<String>,
    /// The request id in the answer.
    pub request_id: String,
    /// HTTP status of the answer; 0 if the call was cut off before it was acted upon.
    pub status: u16,
    /// The error code in the answer.
    pub error_code: Option<String>,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// The source identity of the caller's session.
    pub source_identity: Option<String>,
    /// Whether the operation changes something when it succeeds.
    pub mutating: bool,
    /// Whether the answer was sent; a fault can drop the connection instead.
    pub delivered: bool,
    /// The fault that was injected into it.
    pub fault: Option<String>,
}

impl Call {
    /// Service and operation, such as `s3:DeleteBucketPolicy`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.action)
    }
}

/// The last calls.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: VecDeque<Call>,
    next: u64,
}

impl CallLog {
    /// Numbers a call and keeps it.
    pub(crate) fn push(&mut self, mut call: Call) -> Call {
        call.index = self.next;
        self.next += 1;
        if self.calls.len() >= MAX_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call.clone());
        call
    }

    /// Notes when the answer to a kept call was ready.
    pub(crate) fn end(&mut self, index: u64, ended: u64) {
        // Late answers are few and recent, so the search is short.
        if let Some(call) = self.calls.iter_mut().rev().find(|call| call.index == index) {
            call.ended = Some(ended);
        }
    }

    /// The calls from `index` on.
    pub(crate) fn since(&self, index: u64) -> Vec<Call> {
        self.calls.iter().filter(|call| call.index >= index).cloned().collect()
    }

    /// Forgets all; the numbering goes on.
    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }
}
