//! How a call becomes an event.

use serde_json::{Map, Value, json};

use super::Event;
use crate::call::Call;
use crate::identity::Identity;
use crate::message::Message;
use crate::policy::CallerKind;
use crate::service::{HOME_REGION, Service};
use crate::world::{Session, World};
use crate::{clock, crypto};

/// The version of the record's form. Source: CloudTrail User Guide, "CloudTrail record contents", `eventVersion`.
const EVENT_VERSION: &str = "1.11";

/// An event while its call is under way.
#[derive(Debug)]
pub(crate) struct Draft {
    service: Service,
    organization: Option<String>,
    account: String,
    region: String,
    user_identity: Value,
    source_ip: String,
    parameters: Value,
    response: Value,
    error_message: Option<String>,
}

impl Draft {
    /// Begins an event, unless the call is none that a trail of management events logs.
    pub(crate) fn begin(
        world: &World,
        caller: &Identity,
        message: &Message,
        (service, call): (Service, &Call),
        parameters: Value,
    ) -> Option<Self> {
        if !is_management(service, &call.action) {
            return None;
        }
        let account = caller.caller.account.clone();
        let in_organization = world.account(&account).is_some_and(|found| found.in_organization);
        let session = world.sessions.iter().rev().find(|session| session.access_key_id == caller.access_key_id);
        Some(Self {
            service,
            organization: in_organization.then(|| world.organization.id.clone()),
            region: region(world, service, call, &parameters),
            user_identity: user_identity(caller, session),
            source_ip: message.source_ip.to_string(),
            account,
            parameters,
            response: Value::Null,
            error_message: None,
        })
    }

    /// Notes the credentials that the call returned. The session token, which AWS logs, is left out: what holds no secret
    /// cannot spill one.
    pub(crate) fn issued(&mut self, session: &Session) {
        self.response = json!({ "credentials": {
            "accessKeyId": session.access_key_id,
            "expiration": clock::iso(session.expiration),
        } });
        if let (Some(response), Some(name)) = (self.response.as_object_mut(), &session.source_identity) {
            response.insert("sourceIdentity".to_owned(), json!(name));
        }
    }

    /// Notes why the call was refused.
    pub(crate) fn refused(&mut self, message: &str) {
        self.response = Value::Null;
        self.error_message = Some(message.to_owned());
    }

    /// The event of the finished call.
    pub(crate) fn finish(self, call: &Call) -> Event {
        let mut record = json!({
            "eventVersion": EVENT_VERSION,
            "userIdentity": self.user_identity,
            "eventTime": call.time,
            "eventSource": format!("{}.amazonaws.com", self.service.name()),
            "eventName": call.action,
            "awsRegion": self.region,
            "sourceIPAddress": self.source_ip,
            "userAgent": call.user_agent,
            "requestParameters": self.parameters,
            "responseElements": self.response,
            "requestID": call.request_id,
            "eventID": crypto::request_id(),
            "readOnly": !call.mutating,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": self.account,
            "eventCategory": "Management",
        });
        if let (Some(members), Some(code)) = (record.as_object_mut(), &call.error_code) {
            members.insert("errorCode".to_owned(), json!(code));
            members.insert("errorMessage".to_owned(), json!(self.error_message));
        }
        let Self { account, region, organization, .. } = self;
        Event { account, region, organization, time: call.time.clone(), record }
    }
}

/// Whether the call is logged without asking for data events.
fn is_management(service: Service, action: &str) -> bool {
    match service {
        Service::Sts | Service::Iam | Service::Organizations => !action.is_empty(),
        Service::S3 => !action.is_empty() && action != "ListObjectsV2" && !action.ends_with("Object"),
        Service::Sqs => matches!(action, "CreateQueue" | "SetQueueAttributes"),
    }
}

/// Global services log in their home region, S3 in the bucket's, the others in that of the endpoint.
fn region(world: &World, service: Service, call: &Call, parameters: &Value) -> String {
    let bucket = || parameters.get("bucketName").and_then(Value::as_str).and_then(|name| world.bucket(name));
    let region = match service {
        Service::Iam | Service::Organizations => HOME_REGION,
        Service::S3 => bucket().map_or(call.region.as_str(), |(_, bucket)| &bucket.region),
        Service::Sts | Service::Sqs => &call.region,
    };
    if region == "aws-global" { HOME_REGION.to_owned() } else { region.to_owned() }
}

fn user_identity(caller: &Identity, session: Option<&Session>) -> Value {
    let (account, arn) = (&caller.caller.account, &caller.caller.arn);
    let mut identity = json!({
        "type": kind(&caller.caller.kind),
        "principalId": caller.user_id,
        "arn": arn,
        "accountId": account,
        "accessKeyId": caller.access_key_id,
    });
    let Some(members) = identity.as_object_mut() else { return identity };
    if let Some(name) = &caller.user_name {
        members.insert("userName".to_owned(), json!(name));
    }
    let context = session_context(caller, session);
    if !context.is_empty() {
        members.insert("sessionContext".to_owned(), context.into());
    }
    identity
}

fn kind(kind: &CallerKind) -> &'static str {
    match kind {
        CallerKind::User => "IAMUser",
        CallerKind::RoleSession { .. } => "AssumedRole",
        CallerKind::RootUser | CallerKind::RootSession => "Root",
    }
}

fn session_context(caller: &Identity, session: Option<&Session>) -> Map<String, Value> {
    let mut context = Map::new();
    let mut attributes = Map::from_iter([("mfaAuthenticated".to_owned(), json!("false"))]);
    attributes.extend(session.map(|session| ("creationDate".to_owned(), json!(clock::iso(session.issued)))));
    match &caller.caller.kind {
        CallerKind::User | CallerKind::RootUser => return context,
        CallerKind::RootSession => {
            context.insert("assumedRoot".to_owned(), json!("true"));
        }
        CallerKind::RoleSession { role_arn } => {
            let issuer = json!({
                "type": "Role",
                "principalId": caller.user_id.split(':').next(),
                "arn": role_arn,
                "accountId": caller.caller.account,
                "userName": role_arn.rsplit('/').next(),
            });
            context.insert("sessionIssuer".to_owned(), issuer);
        }
    }
    context.insert("attributes".to_owned(), attributes.into());
    context.extend(caller.source_identity.iter().map(|name| ("sourceIdentity".to_owned(), json!(name))));
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_to_objects_and_messages_is_no_management_event() {
        for (service, action) in [
            (Service::Sts, "AssumeRoot"),
            (Service::Iam, "GetAccountSummary"),
            (Service::S3, "GetBucketPolicy"),
            (Service::S3, "ListBuckets"),
            (Service::Sqs, "SetQueueAttributes"),
        ] {
            assert!(is_management(service, action), "{action}");
        }
        for (service, action) in [
            (Service::S3, "GetObject"),
            (Service::S3, "ListObjectsV2"),
            (Service::S3, ""),
            (Service::Sqs, "GetQueueAttributes"),
            (Service::Sqs, "SendMessage"),
        ] {
            assert!(!is_management(service, action), "{action}");
        }
    }
}
