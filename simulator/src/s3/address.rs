//! Which bucket, key and operation a request means.

use crate::message::{Message, decode};

/// What a request addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The bucket, from the host or the path.
    pub(crate) bucket: Option<String>,
    /// The object's key.
    pub(crate) key: Option<String>,
}

impl Address {
    /// Reads virtual-host style (`bucket.s3.REGION.amazonaws.com`, `bucket.localhost`) and path style.
    pub(crate) fn read(message: &Message) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| decode(text, false));
        let path = message.path.strip_prefix('/').unwrap_or(&message.path);
        match bucket_of_host(message.host()) {
            Some(bucket) => Self { bucket: Some(bucket.to_owned()), key: some(path) },
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                Self { bucket: some(bucket), key: some(key) }
            }
        }
    }

    /// The name of the operation, empty if the simulator knows none.
    pub(crate) fn operation(&self, message: &Message) -> &'static str {
        // `x-id` only repeats the operation's name, for logs.
        let params = message.query_params();
        let has = |name: &str| params.iter().any(|(key, _)| key == name);
        match (&self.bucket, &self.key, message.method.as_str()) {
            (None, _, "GET") => "ListBuckets",
            (Some(_), None, "GET") if has("policy") => "GetBucketPolicy",
            (Some(_), None, "PUT") if has("policy") => "PutBucketPolicy",
            (Some(_), None, "DELETE") if has("policy") => "DeleteBucketPolicy",
            (Some(_), None, "GET") if has("location") => "GetBucketLocation",
            (Some(_), None, "GET") if params.iter().any(|(key, value)| key == "list-type" && value == "2") => {
                "ListObjectsV2"
            }
            (_, _, _) if params.iter().any(|(key, _)| is_subresource(key)) => "",
            (Some(_), None, "HEAD") => "HeadBucket",
            (Some(_), None, "PUT") => "CreateBucket",
            (Some(_), Some(_), "GET") => "GetObject",
            (Some(_), Some(_), "HEAD") => "HeadObject",
            (Some(_), Some(_), "PUT") => "PutObject",
            (Some(_), Some(_), "DELETE") => "DeleteObject",
            _ => "",
        }
    }
}

/// A parameter that makes the request another operation than its method says.
fn is_subresource(name: &str) -> bool {
    const KNOWN: [&str; 22] = [
        "acl",
        "cors",
        "encryption",
        "lifecycle",
        "logging",
        "notification",
        "ownershipControls",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "tagging",
        "uploads",
        "uploadId",
        "versioning",
        "versions",
        "website",
        "delete",
        "retention",
        "legal-hold",
        "torrent",
    ];
    KNOWN.contains(&name)
}

fn bucket_of_host(host: &str) -> Option<&str> {
    if let Some(bucket) = host.strip_suffix(".localhost") {
        return Some(bucket);
    }
    let rest = host.strip_suffix(".amazonaws.com")?;
    let (bucket, region) = rest.rsplit_once(".s3.").or_else(|| rest.strip_suffix(".s3").map(|bucket| (bucket, "")))?;
    (region.is_empty() || crate::region::is_region(region)).then_some(bucket)
}

/// Whether the text can be a bucket's name. Names of directory buckets, access points and the like are not.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (3..=63).contains(&name.len())
        && name.bytes().all(fine)
        && ends(name.as_bytes().first())
        && ends(name.as_bytes().last())
        && !["--x-s3", "-s3alias", "--ol-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix))
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets() {
        assert_eq!(bucket_of_host("b.s3.eu-west-1.amazonaws.com"), Some("b"));
        assert_eq!(bucket_of_host("a.b.s3.amazonaws.com"), Some("a.b"));
        assert_eq!(bucket_of_host("b.localhost"), Some("b"));
        for host in ["127.0.0.1", "localhost", "s3.eu-west-1.amazonaws.com", "sts.amazonaws.com"] {
            assert_eq!(bucket_of_host(host), None, "{host}");
        }
    }

    #[test]
    fn names_that_route_elsewhere_are_none() {
        assert!(is_bucket_name("payments-ledger") && is_bucket_name("a.b"));
        for bad in
            ["dir--usw2-az1--x-s3", "ap-s3alias", "lambda--ol-s3", "arn:aws:s3:::b", "UPPER", "ab", "-ab", "a..b"]
        {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }
}
