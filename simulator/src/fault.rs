//! Faults on request: what networks and services do to their callers on bad days.

mod refusal;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::authn::Refusal;
use crate::error::ApiError;
use crate::service::Service;

/// Longer than any client waits.
const MAX_LATENCY_MS: u64 = 600_000;

/// Where S3 says that a bucket is.
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// What proxies answer when they do not know further.
const HTML: &str = "<html><body><h1>500 Internal Server Error</h1></body></html>";

/// What happens to a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Effect {
    /// Nothing but its latency.
    #[default]
    None,
    /// Refused as too many, with the service's own code and status.
    Throttle,
    /// Refused with this status and the service's own code for it.
    Status(u16),
    /// Status 500 with a page in HTML, as proxies answer.
    #[serde(rename = "html_500")]
    Html500,
    /// The connection is closed before anything was done.
    DropConnection,
    /// The call is carried out and the connection closed without an answer.
    LoseReply,
    /// The caller's session ends, and the service says so.
    ExpireSession,
    /// Refused with exactly this.
    Error { status: u16, code: String, message: String },
}

/// A fault to inject into coming calls, built from [`Fault::on`].
///
/// ```
/// # use aws_root_simulator::Fault;
/// # use std::time::Duration;
/// let lost = Fault::on("s3", "DeleteBucketPolicy").lose_reply();
/// let slow_third = Fault::on("sts", "AssumeRoot").latency(Duration::from_secs(1)).after(2);
/// let throttled_twice = Fault::on("iam", "*").throttle().times(2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    service: String,
    action: String,
    #[serde(default)]
    effect: Effect,
    #[serde(default)]
    latency_ms: u64,
    #[serde(default)]
    reply_latency_ms: u64,
    #[serde(default)]
    bucket_region: Option<String>,
    #[serde(default)]
    empty_body: bool,
    #[serde(default)]
    without_query_error: bool,
    #[serde(default)]
    slow_to_show: u64,
    #[serde(default)]
    after: u64,
    #[serde(default = "once")]
    times: u64,
}

fn once() -> u64 {
    1
}

impl Fault {
    /// A fault on calls of this service (`s3`) and operation (`DeleteBucketPolicy`); `*` is any.
    #[must_use]
    pub fn on(service: &str, action: &str) -> Self {
        let (service, action) = (service.to_owned(), action.to_owned());
        Self {
            service,
            action,
            effect: Effect::None,
            latency_ms: 0,
            reply_latency_ms: 0,
            bucket_region: None,
            empty_body: false,
            without_query_error: false,
            slow_to_show: 0,
            after: 0,
            times: 1,
        }
    }

    /// Waits before anything else is done.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Carries the call out at once and waits before it answers.
    #[must_use]
    pub fn reply_latency(mut self, latency: Duration) -> Self {
        self.reply_latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Refuses as too many requests, with the service's own code and status.
    #[must_use]
    pub fn throttle(self) -> Self {
        self.with(Effect::Throttle)
    }

    /// Refuses with this status and the service's own code for it.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        self.with(Effect::Status(status))
    }

    /// Answers 500 with a page in HTML.
    #[must_use]
    pub fn html_500(self) -> Self {
        self.with(Effect::Html500)
    }

    /// Closes the connection before anything was done.
    #[must_use]
    pub fn drop_connection(self) -> Self {
        self.with(Effect::DropConnection)
    }

    /// Carries the call out and closes the connection without an answer.
    #[must_use]
    pub fn lose_reply(self) -> Self {
        self.with(Effect::LoseReply)
    }

    /// Ends the caller's session before the call is carried out: it is refused as expired, and so are all later ones.
    #[must_use]
    pub fn expire_session(self) -> Self {
        self.with(Effect::ExpireSession)
    }

    /// Refuses with exactly this status, code and message.
    #[must_use]
    pub fn error(self, status: u16, code: &str, message: &str) -> Self {
        self.with(Effect::Error { status, code: code.to_owned(), message: message.to_owned() })
    }

    /// S3: the error, this fault's or S3's own, names this region in `x-amz-bucket-region`, and in `Region` if it is
    /// `AuthorizationHeaderMalformed`.
    #[must_use]
    pub fn bucket_region(mut self, region: &str) -> Self {
        self.bucket_region = Some(region.to_owned());
        self
    }

    /// The error, this fault's or the service's own, has headers alone, as S3 answers now and then with a 301.
    #[must_use]
    pub fn empty_body(mut self) -> Self {
        self.empty_body = true;
        self
    }

    /// SQS: the error, this fault's or SQS's own, comes without `x-amzn-query-error`. SDKs then report the JSON shape's name as
    /// the code: `QueueDoesNotExist` and `AccessDeniedException` instead of `AWS.SimpleQueueService.NonExistentQueue` and
    /// `AccessDenied`.
    #[must_use]
    pub fn without_query_error(mut self) -> Self {
        self.without_query_error = true;
        self
    }

    /// SQS `SetQueueAttributes`: carried out, and so many `GetQueueAttributes` still answer what was there before.
    ///
    /// Source: SQS API Reference, `SetQueueAttributes`: "the change can take up to 60 seconds for most of the attributes to
    /// propagate throughout the Amazon SQS system".
    #[must_use]
    pub fn slow_to_show(mut self, reads: u64) -> Self {
        self.slow_to_show = reads;
        self
    }

    /// For how many calls it is good; 1 if not said.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// How many matching calls it lets pass first.
    #[must_use]
    pub fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }

    fn with(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    fn matches(&self, service: &str, action: &str) -> bool {
        (self.service == "*" || self.service == service) && (self.action == "*" || self.action == action)
    }

    /// How long to wait first.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_millis(self.latency_ms.min(MAX_LATENCY_MS))
    }

    /// How long to wait before the answer.
    pub(crate) fn wait_to_reply(&self) -> Duration {
        Duration::from_millis(self.reply_latency_ms.min(MAX_LATENCY_MS))
    }

    /// Whether the connection is closed before the call is carried out.
    pub(crate) fn drops_connection(&self) -> bool {
        self.effect == Effect::DropConnection
    }

    /// Whether the call is carried out and its answer withheld.
    pub(crate) fn loses_reply(&self) -> bool {
        self.effect == Effect::LoseReply
    }

    /// Whether the caller's session ends with this call.
    pub(crate) fn expires_session(&self) -> bool {
        self.effect == Effect::ExpireSession
    }

    /// How many reads do not show the change yet, if the fault says so.
    pub(crate) fn reads_before_change(&self) -> Option<u64> {
        Some(self.slow_to_show).filter(|reads| *reads > 0)
    }

    /// The error as the fault lets it be seen.
    pub(crate) fn alter(&self, mut error: ApiError) -> ApiError {
        if let Some(region) = &self.bucket_region {
            error.extra.headers.retain(|(name, _)| *name != BUCKET_REGION);
            error = error.header(BUCKET_REGION, region);
            if error.code == "AuthorizationHeaderMalformed" {
                error = error.detail("Region", region);
            }
        }
        error.extra.empty |= self.empty_body;
        error.extra.plain_json |= self.without_query_error;
        error
    }

    /// What it does, for the log.
    pub(crate) fn label(&self) -> String {
        match &self.effect {
            Effect::None if self.slow_to_show > 0 => format!("slow to show, {} reads", self.slow_to_show),
            Effect::None if self.without_query_error => "without query error".to_owned(),
            Effect::None if self.reply_latency_ms > 0 => format!("reply latency {} ms", self.reply_latency_ms),
            Effect::None => format!("latency {} ms", self.latency_ms),
            Effect::Throttle => "throttle".to_owned(),
            Effect::Status(status) => format!("status {status}"),
            Effect::Html500 => "html_500".to_owned(),
            Effect::DropConnection => "drop_connection".to_owned(),
            Effect::LoseReply => "lose_reply".to_owned(),
            Effect::ExpireSession => "expire_session".to_owned(),
            Effect::Error { code, .. } => format!("error {code}"),
        }
    }

    /// The error to answer with, if the fault is one.
    pub(crate) fn refusal(&self, service: Service) -> Option<ApiError> {
        match &self.effect {
            Effect::None | Effect::DropConnection | Effect::LoseReply => None,
            Effect::Throttle => Some(refusal::throttled(service)),
            Effect::Status(status) => Some(refusal::failed(service, refusal::valid(*status))),
            Effect::ExpireSession => Some(Refusal::Expired.error(service)),
            Effect::Html500 => Some(ApiError::raw(500, "text/html", HTML)),
            Effect::Error { status, code, message } => Some(refusal::exactly(service, *status, code, message)),
        }
    }
}

/// The faults that wait for calls.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds one.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// All that wait.
    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// The fault for a call: the first that matches and has let enough pass. Each matching fault counts the call.
    pub(crate) fn take(&mut self, service: &str, action: &str) -> Option<Fault> {
        let mut taken = None;
        for fault in self.0.iter_mut().filter(|fault| fault.matches(service, action)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if taken.is_none() && fault.times > 0 {
                fault.times -= 1;
                taken = Some(fault.clone());
            }
        }
        self.0.retain(|fault| fault.times > 0);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_wait_and_are_used_up() {
        let mut faults = Faults::default();
        faults.add(Fault::on("s3", "GetObject").throttle().after(1).times(2));
        let hits: Vec<bool> = (0..4).map(|_| faults.take("s3", "GetObject").is_some()).collect();
        assert_eq!(hits, [false, true, true, false]);
        assert!(faults.list().is_empty());
        assert!(faults.take("s3", "PutObject").is_none());
    }

    #[test]
    fn faults_are_read_from_json() {
        let fault: Fault = serde_json::from_str(r#"{"service":"s3","action":"*","effect":"lose_reply"}"#).unwrap();
        assert_eq!(fault, Fault::on("s3", "*").lose_reply());
        let fault: Fault =
            serde_json::from_str(r#"{"service":"iam","action":"*","effect":{"status":503},"times":3}"#).unwrap();
        assert_eq!(fault, Fault::on("iam", "*").status(503).times(3));
        let text = r#"{"service":"sqs","action":"SetQueueAttributes","effect":"lose_reply","slow_to_show":2}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(fault, Fault::on("sqs", "SetQueueAttributes").lose_reply().slow_to_show(2));
        assert!(serde_json::from_str::<Fault>(r#"{"service":"s3","action":"*","efect":"throttle"}"#).is_err());
    }
}
