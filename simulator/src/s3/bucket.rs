//! Buckets themselves.

use super::{Found, authorize};
use crate::authz::Access;
use crate::error::ApiError;
use crate::protocol::{Reply, s3_xml};
use crate::turn::Turn;
use crate::world::Bucket;

pub(super) fn head(turn: &Turn<'_>, bucket: &Found) -> Result<Reply, ApiError> {
    authorize(turn, "s3:ListBucket", &bucket.arn(), bucket, false)?;
    Ok(Reply::empty(200).header("x-amz-bucket-region", &bucket.region).header("x-amz-access-point-alias", "false"))
}

/// us-east-1 is written as nothing.
pub(super) fn location(turn: &Turn<'_>, bucket: &Found) -> Result<Reply, ApiError> {
    authorize(turn, "s3:GetBucketLocation", &bucket.arn(), bucket, false)?;
    let region = if bucket.region == "us-east-1" { "" } else { bucket.region.as_str() };
    let mut xml = crate::protocol::Xml::new();
    xml.text("LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", region);
    Ok(Reply::new(200, "application/xml", xml.document()))
}

pub(super) fn create(turn: &mut Turn<'_>, name: &str) -> Result<Reply, ApiError> {
    let arn = format!("arn:aws:s3:::{name}");
    let access = Access::new("s3:CreateBucket", &arn, turn.account());
    turn.require(&access, |text| super::denied(&text, &arn))?;
    check_constraint(turn)?;
    if let Some((owner, _)) = turn.world.bucket(name) {
        let (code, text) = if owner.id == turn.account() {
            (
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            )
        } else {
            (
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
            )
        };
        return Err(ApiError::new(409, code, text).detail("BucketName", name));
    }
    let (id, region, created) = (turn.account().to_owned(), turn.region.to_owned(), turn.now);
    if let Some(account) = turn.world.account_mut(&id) {
        account.buckets.insert(name.to_owned(), Bucket { created, ..Bucket::new(name, &region) });
    }
    Ok(Reply::empty(200).header("location", &format!("/{name}")))
}

fn check_constraint(turn: &Turn<'_>) -> Result<(), ApiError> {
    let body = String::from_utf8_lossy(&turn.message.body);
    let constraint =
        body.split_once("<LocationConstraint>").and_then(|(_, rest)| rest.split_once("</")).map(|(text, _)| text);
    let illegal = |constraint: &str| {
        let text = format!(
            "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        Err(ApiError::new(400, "IllegalLocationConstraintException", text))
    };
    match constraint {
        None if turn.region == "us-east-1" => Ok(()),
        None => illegal("unspecified"),
        Some(region) if region == turn.region => Ok(()),
        Some(region) => illegal(region),
    }
}

/// A listing's parameter that has to be a number within bounds.
pub(super) fn bounded(turn: &Turn<'_>, name: &str, max: usize) -> Result<usize, ApiError> {
    let Some(text) = turn.message.query_param(name) else { return Ok(max) };
    text.parse().ok().filter(|count| (1..=max).contains(count)).ok_or_else(|| {
        ApiError::new(400, "InvalidArgument", format!("Argument {name} must be an integer between 1 and {max}"))
            .detail("ArgumentName", name)
            .detail("ArgumentValue", text)
    })
}

/// A token that the simulator did not give.
pub(super) fn bad_token() -> ApiError {
    ApiError::new(400, "InvalidArgument", "The continuation token provided is incorrect")
        .detail("ArgumentName", "continuation-token")
}

/// The document of a listing.
pub(super) fn listing(root: &str, inside: impl FnOnce(&mut crate::protocol::Xml)) -> Reply {
    s3_xml::document(root, inside)
}
