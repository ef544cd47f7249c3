//! Ids that policies write out must be ids: `Bucket::"trail"` matches no bucket, and a `forbid` on it would forbid nothing.

use cedar_policy::{EntityUid, Policy};

use super::tree::{is_organization_id, is_unit_id};
use crate::types::{AccountId, BucketName, QueueRef};

/// What is wrong with the ids in a policy, in words for whoever wrote it.
pub(super) fn mistakes(policy: &Policy) -> Vec<String> {
    policy.entity_literals().iter().filter_map(mistake).collect()
}

fn mistake(uid: &EntityUid) -> Option<String> {
    let id = uid.id().unescaped();
    let (good, form) = match uid.type_name().basename() {
        "Account" => (id.parse::<AccountId>().is_ok(), "the 12 digits of an account"),
        "OrganizationalUnit" => (is_unit_id(id), "the unit's id, such as ou-ab12-security1, and not its name"),
        "Organization" => (is_organization_id(id), "the organization's id, such as o-exampleorgid"),
        "Bucket" => (is_bucket_arn(id), "the bucket's ARN, such as arn:aws:s3:::payments-ledger"),
        "Queue" => (QueueRef::from_arn(id).is_ok(), "the queue's ARN, such as arn:aws:sqs:eu-west-1:333333333333:jobs"),
        // Whoever is meant by the others is said in the configuration or by a proof, in their own words.
        _ => return None,
    };
    (!good).then(|| format!("`{uid}` matches nothing: the id must be {form}"))
}

fn is_bucket_arn(id: &str) -> bool {
    id.strip_prefix("arn:aws:s3:::").is_some_and(|name| name.parse::<BucketName>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(resource: &str) -> Vec<String> {
        let policy = format!("forbid(principal, action, resource in Rootgate::{resource});");
        mistakes(&Policy::parse(None, policy).unwrap())
    }

    #[test]
    fn an_id_of_another_form_is_found_where_it_would_match_nothing() {
        for good in [
            "Account::\"333333333333\"",
            "OrganizationalUnit::\"ou-ab12-security1\"",
            "Organization::\"o-exampleorgid\"",
            "Bucket::\"arn:aws:s3:::payments-ledger\"",
            "Queue::\"arn:aws:sqs:eu-west-1:333333333333:jobs\"",
        ] {
            assert_eq!(found(good), Vec::<String>::new(), "{good}");
        }
        for bad in [
            "Account::\"33333333333\"",
            "Account::\"payments\"",
            "OrganizationalUnit::\"Security\"",
            "Organization::\"acme\"",
            "Bucket::\"payments-ledger\"",
            "Bucket::\"arn:aws:s3:::payments-ledger/*\"",
            "Queue::\"jobs\"",
        ] {
            let found = found(bad);
            assert!(found.len() == 1 && found[0].contains("matches nothing"), "{bad}: {found:?}");
        }
    }

    #[test]
    fn ids_in_conditions_are_looked_at_too() {
        let policy = "forbid(principal, action, resource) when { resource == Rootgate::Bucket::\"trail\" };";
        assert_eq!(mistakes(&Policy::parse(None, policy).unwrap()).len(), 1);
        let policy = "permit(principal in Rootgate::Group::\"any words\", action, resource);";
        assert_eq!(mistakes(&Policy::parse(None, policy).unwrap()).len(), 0);
    }
}
