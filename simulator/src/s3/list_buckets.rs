//! `ListBuckets`: the caller's own buckets, in all regions.

use super::bucket::{bad_token, bounded, listing};
use super::canonical_id;
use crate::authz::Access;
use crate::clock::iso;
use crate::error::ApiError;
use crate::protocol::{Reply, page};
use crate::turn::Turn;

pub(super) fn list_buckets(turn: &Turn<'_>) -> Result<Reply, ApiError> {
    let access = Access::new("s3:ListAllMyBuckets", "arn:aws:s3:::*", turn.account());
    turn.require(&access, |text| super::denied(&text, "arn:aws:s3:::*"))?;
    let param = |name: &str| turn.message.query_param(name);
    let (prefix, region, token) = (param("prefix"), param("bucket-region"), param("continuation-token"));
    if let Some(region) = region.as_deref().filter(|region| *region != turn.region) {
        return Err(ApiError::new(
            400,
            "InvalidArgument",
            format!("Argument value {region} is not a valid AWS Region"),
        )
        .detail("ArgumentName", "bucket-region"));
    }
    let wanted = bounded(turn, "max-buckets", 10_000)?;
    let buckets = turn
        .world
        .account(turn.account())
        .map(|account| account.buckets.values().collect::<Vec<_>>())
        .unwrap_or_default();
    let matching = buckets
        .into_iter()
        .filter(|bucket| prefix.as_deref().is_none_or(|prefix| bucket.name.starts_with(prefix)))
        .filter(|bucket| region.as_deref().is_none_or(|region| bucket.region == region))
        .collect();
    // The region is told to those alone who ask for pages.
    let paginated = prefix.is_some() || region.is_some() || token.is_some() || param("max-buckets").is_some();
    let mut settings = turn.world.settings.clone();
    settings.empty_first_page = false;
    if !paginated {
        settings.page_size = None;
    }
    let page = page::cut(matching, token.as_deref(), wanted, &settings).map_err(|_| bad_token())?;
    Ok(listing("ListAllMyBucketsResult", |xml| {
        xml.element("Owner", |xml| {
            xml.text("ID", &canonical_id(turn.account()));
        });
        xml.element("Buckets", |xml| {
            for bucket in &page.items {
                xml.element("Bucket", |xml| {
                    xml.text("Name", &bucket.name).text("CreationDate", &iso(bucket.created).replace('Z', ".000Z"));
                    if paginated {
                        xml.text("BucketRegion", &bucket.region)
                            .text("BucketArn", &format!("arn:aws:s3:::{}", bucket.name));
                    }
                });
            }
        });
        xml.maybe("ContinuationToken", page.next.as_deref()).maybe("Prefix", prefix.as_deref());
    }))
}
