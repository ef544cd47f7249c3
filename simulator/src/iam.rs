//! AWS Identity and Access Management: root credentials of an account, and the organization's root features.
//!
//! Source: IAM API Reference; live captures for what a root session is answered.

mod access_keys;
mod devices;
mod features;
mod login_profile;
mod subject;
mod summary;

use self::subject::Subject;
use crate::authz::Access;
use crate::error::ApiError;
use crate::protocol::Xml;
use crate::protocol::page::{self, Page};
use crate::protocol::query::Params;
use crate::turn::Turn;

/// What a call answers: the content of its result element, if it has one.
type Answer = Result<Option<Xml>, ApiError>;

/// Answers one call.
pub(crate) fn handle(turn: &mut Turn<'_>, action: &str, params: &Params) -> Answer {
    turn.target = Some(turn.account().to_owned());
    match action {
        "GetUser" => summary::get_user(turn, params),
        "GetAccountSummary" => summary::get_account_summary(turn),
        "GetLoginProfile" => login_profile::get(turn, params),
        "CreateLoginProfile" => login_profile::create(turn, params),
        "DeleteLoginProfile" => login_profile::delete(turn, params),
        "ListAccessKeys" => access_keys::list(turn, params),
        "DeleteAccessKey" => access_keys::delete(turn, params),
        "GetAccessKeyLastUsed" => access_keys::last_used(turn, params),
        "ListSigningCertificates" => devices::list_certificates(turn, params),
        "DeleteSigningCertificate" => devices::delete_certificate(turn, params),
        "ListMFADevices" => devices::list_devices(turn, params),
        "DeactivateMFADevice" => devices::deactivate(turn, params),
        "ListOrganizationsFeatures"
        | "EnableOrganizationsRootSessions"
        | "DisableOrganizationsRootSessions"
        | "EnableOrganizationsRootCredentialsManagement"
        | "DisableOrganizationsRootCredentialsManagement" => features::handle(turn, action),
        "" => Err(ApiError::new(400, "MissingAction", "The request must contain the parameter Action")),
        _ => Err(ApiError::new(
            400,
            "InvalidAction",
            format!(
                "Could not find operation {action} for version 2010-05-08 (see the README of aws-root-simulator for what it knows)"
            ),
        )),
    }
}

/// Whether the caller may do this to the subject of the call.
fn authorize(turn: &Turn<'_>, action: &str, resource: &str) -> Result<(), ApiError> {
    let action = format!("iam:{action}");
    let access = Access::new(&action, resource, turn.account());
    turn.require(&access, |text| ApiError::new(403, "AccessDenied", text))
}

/// Whom the call is about, once the caller may ask that.
fn subject(turn: &Turn<'_>, action: &str, params: &Params) -> Result<Subject, ApiError> {
    let subject = Subject::of(turn, params)?;
    authorize(turn, action, &subject.arn(turn.account()))?;
    subject.check_exists(turn)?;
    Ok(subject)
}

/// IAM's listings: `MaxItems` up to 1000, 100 if not said.
fn paged<T>(turn: &Turn<'_>, params: &Params, items: Vec<T>) -> Result<Page<T>, ApiError> {
    let wanted = match params.get("MaxItems") {
        None => 100,
        Some(text) => text.parse().ok().filter(|count| (1..=1000).contains(count)).ok_or_else(|| {
            ApiError::validation(&[format!(
                "Value '{text}' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000"
            )])
        })?,
    };
    page::cut(items, params.get("Marker"), wanted, &turn.world.settings).map_err(|_| {
        ApiError::new(400, "ValidationError", format!("Invalid Marker: {}", params.get("Marker").unwrap_or_default()))
    })
}

/// A listing in IAM's form.
fn listing<T>(page: &Page<T>, name: &str, member: impl Fn(&mut Xml, &T)) -> Xml {
    let mut xml = Xml::new();
    xml.text("IsTruncated", if page.next.is_some() { "true" } else { "false" });
    xml.element(name, |xml| {
        for item in &page.items {
            xml.element("member", |xml| member(xml, item));
        }
    });
    xml.maybe("Marker", page.next.as_deref());
    xml
}

fn no_such(text: String) -> ApiError {
    ApiError::new(404, "NoSuchEntity", text)
}
