//! What a denial means. AWS has one code for many causes: its words are a hint for people, and never grant anything.

use super::AwsFailure;
use crate::error::{ErrorReason, Help};

pub(super) const BROKER_HELP: Help<'static> = Help {
    words: "allow sts:AssumeRole, sts:SetSourceIdentity and sts:TagSession on the broker role, both in the gateway's own \
            policy and, for the gateway's role, in the broker role's trust policy",
    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html",
};
const SCP_PAGE: &str =
    "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html";
const RCP_PAGE: &str = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html";
const FEATURES_PAGE: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html";

impl AwsFailure {
    /// Root sessions and broker sessions are asked for as the gateway or a broker role: what an organization's policy denies
    /// there, it denies to them and not to root.
    pub(super) fn denied_to_the_gateway(&self) -> Option<(ErrorReason, &'static str, Option<Help<'static>>)> {
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

/// A denial to a root session, or to whoever opens one.
pub(super) fn denied(message: &str) -> (ErrorReason, &'static str, Option<Help<'static>>) {
    if message.contains("root sessions feature is not enabled") {
        let words = "aws iam enable-organizations-root-sessions, as the management account";
        let help = Some(Help { words, url: FEATURES_PAGE });
        (ErrorReason::FeatureNotEnabled, "the RootSessions feature of the organization is off", help)
    } else if message.contains("root credentials management feature is not enabled") {
        let words = "aws iam enable-organizations-root-credentials-management, as the management account";
        let help = Some(Help { words, url: FEATURES_PAGE });
        (ErrorReason::FeatureNotEnabled, "the RootCredentialsManagement feature of the organization is off", help)
    } else if message.contains("service not enabled for aws organizations") {
        let words = "aws organizations enable-aws-service-access --service-principal iam.amazonaws.com";
        let help = Some(Help { words, url: FEATURES_PAGE });
        (ErrorReason::TrustedAccessNotEnabled, "trusted access for IAM is off in the organization", help)
    } else if message.contains("service control policy") {
        let words = "exempt centralized root in the SCP: add \"Null\": {\"aws:AssumedRoot\": \"true\"} to the condition of the Deny";
        let url = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_examples_general.html";
        (ErrorReason::ScpDeny, "a service control policy denies it to root", Some(Help { words, url }))
    } else if message.contains("resource control policy") {
        let words = "exempt centralized root in the RCP too: add \"Null\": {\"aws:AssumedRoot\": \"true\"} to the condition of the Deny";
        let url = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html";
        (ErrorReason::RcpDeny, "a resource control policy denies it, which binds root too", Some(Help { words, url }))
    } else {
        (ErrorReason::AwsAccessDenied, "AWS denies it", None)
    }
}
