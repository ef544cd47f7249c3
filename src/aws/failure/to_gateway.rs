//! What an organization's policies deny to the gateway itself.

use super::AwsFailure;
use crate::error::{ErrorReason, Help};

pub(super) const BROKER_HELP: Help = Help {
    words: "allow sts:AssumeRole, sts:SetSourceIdentity and sts:TagSession on the broker role, both in the gateway's own \
            policy and, for the gateway's role, in the broker role's trust policy",
    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html",
};
const SCP_PAGE: &str =
    "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html";
const RCP_PAGE: &str = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html";

impl AwsFailure {
    /// Root sessions and broker sessions are asked for as the gateway or a broker role: what an organization's policy denies
    /// there, it denies to them and not to root.
    pub(super) fn denied_to_the_gateway(&self) -> Option<(ErrorReason, &'static str, Option<Help>)> {
        if self.service != "sts" || !self.is(&["AccessDenied", "AccessDeniedException"]) {
            return None;
        }
        let message = self.message.to_ascii_lowercase();
        let cause = |reason, cause, words, url| Some((reason, cause, Some(Help { words, url })));
        if message.contains("no service control policy allows") {
            let words =
                "allow the action in the SCPs on the path from the organization's root to the gateway's account";
            cause(ErrorReason::ScpDeny, "no service control policy allows it to the gateway's role", words, SCP_PAGE)
        } else if message.contains("service control policy") {
            let words = "exempt the gateway's and the broker roles in that SCP, as deploy/aws/deny-assume-root-to-others.scp.json does";
            let denied = "a service control policy on the gateway's own account denies it to the gateway's role";
            cause(ErrorReason::ScpDeny, denied, words, SCP_PAGE)
        } else if message.contains("resource control policy") {
            let words = "exempt the gateway's and the broker roles in that RCP";
            cause(ErrorReason::RcpDeny, "a resource control policy denies it to the gateway's role", words, RCP_PAGE)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Fate;

    fn told(service: &'static str, operation: &'static str, why: &str) -> (ErrorReason, &'static str, &'static str) {
        let failure = AwsFailure {
            status: Some(403),
            code: Some("AccessDenied".to_owned()),
            fate: Fate::Refused,
            ..AwsFailure::nonsense(service, operation, why)
        };
        let (reason, words, help) = failure.explain();
        (reason, words, help.map_or("", |help| help.words))
    }

    #[test]
    fn what_the_organization_denies_to_the_gateway_is_not_called_denied_to_root() {
        let explicit = "... sts:AssumeRole on resource: ... with an explicit deny in a service control policy";
        let implicit = "... because no service control policy allows the sts:AssumeRoot action";
        let of_resources = "... with an explicit deny in a resource control policy";
        for operation in ["AssumeRoot", "AssumeRole"] {
            let (reason, words, help) = told("sts", operation, explicit);
            assert_eq!(reason, ErrorReason::ScpDeny);
            assert!(words.contains("to the gateway's role") && help.contains("deny-assume-root-to-others"), "{help}");
            let (reason, _, help) = told("sts", operation, implicit);
            assert_eq!(reason, ErrorReason::ScpDeny);
            assert!(help.starts_with("allow the action in the SCPs on the path"), "{help}");
            assert_eq!(told("sts", operation, of_resources).0, ErrorReason::RcpDeny);
        }
        assert!(told("iam", "GetAccountSummary", explicit).2.contains("aws:AssumedRoot"));
        assert_eq!(told("sts", "AssumeRole", "not authorized").2, BROKER_HELP.words);
    }
}
