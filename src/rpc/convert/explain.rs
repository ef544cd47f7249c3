//! A supposed question: who might ask what, and when.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::SessionDurations, Common, Fields, allow_password_recovery, assume_root, audit_root_credentials,
    delete_root_credentials, get_checkpoint, list_policy_backups, list_records, moment, restore_bucket_policy,
    restore_queue_policy, unlock_bucket_policy, unlock_queue_policy,
};
use crate::{
    authn::Scheme,
    authz::{Ask, Principal, Question},
    clock::Timestamp,
    error::{Error, ErrorReason},
    ops::ExplainAccess,
    pb::{self, explain_access_request::Act},
    types::{Rule, Subject, Violation},
};

/// Longest text that describes a caller beside its subject: attributes may hold a SPIFFE ID (SPIFFE-ID, section 2.3).
const TEXT_BYTES_MAX: usize = 2048;
/// Groups and attributes of a caller at most: more than any proof names.
const ENTRIES_MAX: usize = 64;

impl Common for pb::ExplainAccessRequest {
    fn account_id(&self) -> &str {
        self.act.as_ref().map_or("", |act| common(act).account_id())
    }
    fn reason(&self) -> &str {
        &self.reason
    }
    fn ticket(&self) -> &str {
        &self.ticket
    }
    fn resource(&self) -> &str {
        self.act.as_ref().map_or("", |act| common(act).resource())
    }
}

fn common(act: &Act) -> &dyn Common {
    match act {
        Act::AssumeRoot(message) => message,
        Act::UnlockBucketPolicy(message) => message,
        Act::UnlockQueuePolicy(message) => message,
        Act::DeleteRootCredentials(message) => message,
        Act::AllowPasswordRecovery(message) => message,
        Act::AuditRootCredentials(message) => message,
        Act::RestoreBucketPolicy(message) => message,
        Act::RestoreQueuePolicy(message) => message,
        Act::ListPolicyBackups(message) => message,
        Act::ListRecords(message) => message,
        Act::GetCheckpoint(message) => message,
    }
}

pub(in super::super) fn explain_access(
    message: &pb::ExplainAccessRequest,
    durations: SessionDurations,
    now: Timestamp,
) -> Result<ExplainAccess, Error> {
    let mut fields = Fields::default();
    let why = fields.why(message);
    let now = message.at.as_ref().map_or(Some(now), |at| moment(&mut fields, "at", at));
    let principal = principal(&mut fields, message.caller.as_ref());
    let about = match (&message.act, principal.zip(now)) {
        (None, _) => {
            fields.wrong("act", "is required: set the request of exactly one act");
            None
        }
        (Some(act), Some((principal, now))) => question(&mut fields, act, durations, principal, now)?,
        (Some(_), None) => None,
    };
    fields.finish(about.zip(why).map(|(about, why)| ExplainAccess { about, why }))
}

fn principal(fields: &mut Fields, caller: Option<&pb::ExplainedCaller>) -> Option<Principal> {
    let Some(caller) = caller else {
        fields.wrong("caller", "is required");
        return None;
    };
    let subject: Option<Subject> = fields.parse("caller.subject", &caller.subject);
    let scheme = Scheme::named(&caller.scheme);
    if scheme.is_none() {
        fields.wrong("caller.scheme", "must be mtls, jwt, mesh or aws_iam");
    }
    let listener = text(&caller.listener);
    if listener.is_none() {
        fields.wrong("caller.listener", "must be the name of a listener");
    }
    let groups: Option<BTreeSet<String>> = caller.groups.iter().map(|group| text(group)).collect();
    let groups = groups.filter(|groups| groups.len() <= ENTRIES_MAX);
    if groups.is_none() {
        fields.wrong("caller.groups", "must be at most 64 names of groups");
    }
    let attributes = attributes(caller);
    if attributes.is_none() {
        fields.wrong("caller.attributes", "must be at most 64 texts of at most 2048 bytes");
    }
    Some(Principal {
        scheme: scheme?,
        subject: subject?.into(),
        listener: listener?,
        groups: groups?,
        attributes: attributes?,
    })
}

fn attributes(caller: &pb::ExplainedCaller) -> Option<BTreeMap<String, String>> {
    let bounded = |text: &String| text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control);
    let good = caller.attributes.len() <= ENTRIES_MAX
        && caller.attributes.iter().all(|(name, value)| bounded(name) && bounded(value));
    good.then(|| caller.attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// A text as it stands in the name of a listener or group.
fn text(text: &str) -> Option<String> {
    let good = text.len() <= TEXT_BYTES_MAX && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    good.then(|| text.to_owned())
}

fn question(
    fields: &mut Fields,
    act: &Act,
    durations: SessionDurations,
    principal: Principal,
    now: Timestamp,
) -> Result<Option<Question>, Error> {
    let mut within = Within { fields, principal, now };
    match act {
        Act::AssumeRoot(message) => within.ask("assume_root", assume_root(message, durations)),
        Act::UnlockBucketPolicy(message) => within.ask("unlock_bucket_policy", unlock_bucket_policy(message)),
        Act::UnlockQueuePolicy(message) => within.ask("unlock_queue_policy", unlock_queue_policy(message)),
        Act::DeleteRootCredentials(message) => within.ask("delete_root_credentials", delete_root_credentials(message)),
        Act::AllowPasswordRecovery(message) => within.ask("allow_password_recovery", allow_password_recovery(message)),
        Act::AuditRootCredentials(message) => within.ask("audit_root_credentials", audit_root_credentials(message)),
        Act::RestoreBucketPolicy(message) => within.ask("restore_bucket_policy", restore_bucket_policy(message)),
        Act::RestoreQueuePolicy(message) => within.ask("restore_queue_policy", restore_queue_policy(message)),
        Act::ListPolicyBackups(message) => within.ask("list_policy_backups", list_policy_backups(message)),
        Act::ListRecords(message) => within.ask("list_records", list_records(message)),
        Act::GetCheckpoint(message) => within.ask("get_checkpoint", get_checkpoint(message)),
    }
}

struct Within<'f> {
    fields: &'f mut Fields,
    principal: Principal,
    now: Timestamp,
}

impl Within<'_> {
    /// The question that a well-formed message asks; what is wrong with its fields is told under the message's own name.
    fn ask<O: Ask>(&mut self, field: &str, parsed: Result<O, Error>) -> Result<Option<Question>, Error> {
        match parsed {
            Ok(operation) => Ok(Some(Question::of(&operation, self.principal.clone(), self.now))),
            Err(error) if error.reason() == ErrorReason::InvalidRequest => {
                let inside = |violation: &Violation| {
                    Violation::new(format!("{field}.{}", violation.field), Rule(violation.rule.0.clone()))
                };
                self.fields.violations.extend(error.violations().iter().map(inside));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::SessionDuration;

    const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);

    fn parse(message: &pb::ExplainAccessRequest) -> Result<ExplainAccess, Error> {
        let durations = SessionDurations { default: SessionDuration::MIN, max: SessionDuration::MIN };
        explain_access(message, durations, NOW)
    }

    fn good() -> pb::ExplainAccessRequest {
        let audit = pb::AuditRootCredentialsRequest {
            account_id: "333333333333".to_owned(),
            reason: "a supposed reason".to_owned(),
            ticket: "INC-1".to_owned(),
        };
        pb::ExplainAccessRequest {
            reason: "why was alice refused".to_owned(),
            caller: Some(pb::ExplainedCaller {
                subject: "spiffe://example.org/alice".to_owned(),
                scheme: "mtls".to_owned(),
                groups: vec!["operators".to_owned()],
                ..Default::default()
            }),
            act: Some(Act::AuditRootCredentials(audit)),
            ..Default::default()
        }
    }

    fn fields(message: &pb::ExplainAccessRequest) -> Vec<String> {
        parse(message).unwrap_err().violations().iter().map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn the_question_is_the_acts_own_and_not_the_one_who_asks() {
        let explain = parse(&good()).unwrap();
        assert_eq!(explain.why.reason.as_str(), "why was alice refused");
        assert_eq!(explain.about.reason, "a supposed reason");
        assert_eq!(explain.about.ticket.as_deref(), Some("INC-1"));
        assert_eq!(explain.about.principal.subject, "spiffe://example.org/alice");
        assert_eq!(explain.about.now, NOW);
        let at = pb::ExplainAccessRequest { at: Some(prost_types::Timestamp { seconds: 5, nanos: 1000 }), ..good() };
        assert_eq!(parse(&at).unwrap().about.now, Timestamp::from_unix_micros(5_000_001));
    }

    #[test]
    fn every_field_that_breaks_a_rule_is_named_at_once() {
        assert_eq!(fields(&pb::ExplainAccessRequest::default()), ["reason", "caller", "act"]);
        let mut message = good();
        message.at = Some(prost_types::Timestamp { seconds: i64::MIN, nanos: i32::MIN });
        message.caller = Some(pb::ExplainedCaller {
            subject: "alice ".to_owned(),
            scheme: "password".to_owned(),
            listener: "a\nb".to_owned(),
            groups: (0..65).map(|n| n.to_string()).collect(),
            attributes: [("a".to_owned(), "\u{1b}[31m".to_owned())].into(),
        });
        let all = ["at", "caller.subject", "caller.scheme", "caller.listener", "caller.groups", "caller.attributes"];
        assert_eq!(fields(&message), all);
    }

    /// GitHub's names of environments have them; whoever can be refused can be asked about.
    #[test]
    fn a_subject_may_hold_spaces_and_nothing_that_is_not_seen() {
        let of = |subject: &str| {
            let mut message = good();
            message.caller.as_mut().unwrap().subject = subject.to_owned();
            message
        };
        for subject in ["two words", "jwt:github:repo:acme/app:environment:Production EU"] {
            assert_eq!(parse(&of(subject)).unwrap().about.principal.subject, subject);
        }
        for subject in ["", " a", "a ", "a\tb", "a\u{a0}b", "a\u{202e}b", &"a".repeat(Subject::BYTES_MAX + 1)] {
            assert_eq!(fields(&of(subject)), ["caller.subject"], "{subject:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_act_is_told_under_its_own_name() {
        let mut message = good();
        message.act = Some(Act::AuditRootCredentials(pb::AuditRootCredentialsRequest::default()));
        assert_eq!(fields(&message), ["audit_root_credentials.account_id", "audit_root_credentials.reason"]);
    }
}
