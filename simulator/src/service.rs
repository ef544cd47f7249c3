//! The services and their operations.

/// Where the global services are at home in the `aws` partition.
pub(crate) const HOME_REGION: &str = "us-east-1";

/// A simulated service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    /// Query protocol.
    Sts,
    /// Query protocol.
    Iam,
    /// AWS JSON 1.1.
    Organizations,
    /// REST-XML.
    S3,
    /// AWS JSON 1.0 with query-compatible errors.
    Sqs,
}

impl Service {
    /// The service that a SigV4 credential scope names.
    pub(crate) fn from_scope(name: &str) -> Option<Self> {
        match name {
            "sts" => Some(Service::Sts),
            "iam" => Some(Service::Iam),
            "organizations" => Some(Service::Organizations),
            "s3" => Some(Service::S3),
            "sqs" => Some(Service::Sqs),
            _ => None,
        }
    }

    /// Its name in credential scopes, in IAM actions and in the call log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Service::Sts => "sts",
            Service::Iam => "iam",
            Service::Organizations => "organizations",
            Service::S3 => "s3",
            Service::Sqs => "sqs",
        }
    }

    /// Whether the service has one endpoint for the whole partition.
    pub(crate) fn is_global(self) -> bool {
        matches!(self, Service::Iam | Service::Organizations)
    }

    /// Whether the operation changes anything, as CloudTrail's `readOnly` has it. Issuing credentials is a read.
    pub(crate) fn is_mutating(self, action: &str) -> bool {
        let reads = ["Get", "List", "Describe", "Head", "AssumeRo", "Receive"];
        !action.is_empty() && !reads.iter().any(|verb| action.starts_with(verb))
    }
}

#[cfg(test)]
mod tests {
    use super::Service;

    #[test]
    fn reading_is_not_mutating() {
        assert!(!Service::Sts.is_mutating("AssumeRoot"));
        assert!(!Service::S3.is_mutating("HeadBucket"));
        assert!(Service::S3.is_mutating("DeleteBucketPolicy"));
        assert!(Service::Iam.is_mutating("DeactivateMFADevice"));
        assert!(Service::Organizations.is_mutating("EnableAWSServiceAccess"));
    }
}
