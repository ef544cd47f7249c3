//! What does not agree.

use std::collections::BTreeSet;

use super::super::{
    acts::{Act, Call},
    cloudtrail::{Event, What},
};
use crate::{clock::Timestamp, types::AccountId};

/// One thing that a person has to look at.
#[derive(Clone, Debug)]
pub(in super::super) enum Finding {
    /// Somebody asked for a root session, and no act of the journal did.
    OutsideGateway {
        event: Event,
        /// An operation without known end at that time, or one that the event's caller is named after.
        possible_intent: Option<String>,
    },
    /// The journal says another account than CloudTrail.
    AccountDiffers { event: Event, journal_index: u64, account: AccountId },
    /// The journal tells of calls that CloudTrail does not know.
    NotInCloudTrail(Box<Missing>),
    /// Somebody used a session of the gateway for more than its act.
    UnlistedCall { event: Event, access_key_id: String, journal_index: u64, operation: Option<String> },
    /// A root session was used that no act opened.
    UnknownSession(Box<SessionUse>),
}

impl Finding {
    /// Its name for machines.
    pub(in super::super) const fn name(&self) -> &'static str {
        match self {
            Self::OutsideGateway { .. } => "ASSUME_ROOT_OUTSIDE_GATEWAY",
            Self::AccountDiffers { .. } => "ACCOUNT_DIFFERS",
            Self::NotInCloudTrail(_) => "NOT_IN_CLOUDTRAIL",
            Self::UnlistedCall { .. } => "CALL_NOT_IN_JOURNAL",
            Self::UnknownSession(_) => "SESSION_NOT_IN_JOURNAL",
        }
    }
}

/// Calls of an act that no log tells of.
#[derive(Clone, Debug)]
pub(in super::super) struct Missing {
    pub(in super::super) act: Act,
    pub(in super::super) calls: Vec<Call>,
}

/// What was done in a session.
#[derive(Clone, Debug)]
pub(in super::super) struct SessionUse {
    pub(in super::super) access_key_id: Option<String>,
    pub(in super::super) account: Option<AccountId>,
    /// Whether CloudTrail says that it is a session of AssumeRoot.
    pub(in super::super) assumed_root: bool,
    pub(in super::super) events: u64,
    pub(in super::super) span: Option<(Timestamp, Timestamp)>,
    /// The first few operations, by name.
    pub(in super::super) operations: BTreeSet<String>,
    pub(in super::super) source_ips: BTreeSet<String>,
    pub(in super::super) source_identity: Option<String>,
}

/// So many operations and addresses tell what a session was used for.
const SHOWN_MAX: usize = 10;

impl SessionUse {
    /// Of events in the order of their times.
    pub(super) fn of(access_key_id: Option<String>, events: Vec<Event>) -> Self {
        let times = events.iter().map(|event| event.time);
        let mut used = Self {
            access_key_id,
            account: events.first().map(|event| event.account),
            assumed_root: false,
            events: events.len() as u64,
            span: times.clone().min().zip(times.max()),
            operations: BTreeSet::new(),
            source_ips: BTreeSet::new(),
            source_identity: None,
        };
        for event in events {
            used.assumed_root |= matches!(event.what, What::Session { assumed_root: true, .. });
            if used.operations.len() < SHOWN_MAX {
                used.operations.insert(format!("{}:{}", event.service, event.operation));
            }
            if used.source_ips.len() < SHOWN_MAX {
                used.source_ips.extend(event.source_ip);
            }
            used.source_identity = used.source_identity.or(event.source_identity);
        }
        used
    }
}
