//! Refusals in AWS's words. Source: IAM User Guide, "Troubleshoot access denied error messages".

use crate::policy::DeniedBy;

/// Why `caller` may not do `action` on `resource`.
pub(crate) fn sentence(caller: &str, action: &str, resource: &str, by: DeniedBy) -> String {
    format!("User: {caller} is not authorized to perform: {action} on resource: {resource} {}", reason(action, by))
}

fn reason(action: &str, by: DeniedBy) -> String {
    match by {
        DeniedBy::ExplicitScp => explicit("a service control policy"),
        DeniedBy::ExplicitRcp => explicit("a resource control policy"),
        DeniedBy::ExplicitResource => explicit("a resource-based policy"),
        DeniedBy::ExplicitIdentity => explicit("an identity-based policy"),
        DeniedBy::ExplicitSession => explicit("a session policy"),
        DeniedBy::ImplicitScp => implicit(action, "service control"),
        DeniedBy::ImplicitRcp => implicit(action, "resource control"),
        DeniedBy::ImplicitIdentity => implicit(action, "identity-based"),
        DeniedBy::ImplicitResource => implicit(action, "resource-based"),
        DeniedBy::ImplicitSession => implicit(action, "session"),
    }
}

fn explicit(policy: &str) -> String {
    format!("with an explicit deny in {policy}")
}

fn implicit(action: &str, policy: &str) -> String {
    format!("because no {policy} policy allows the {action} action")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_read_as_in_aws() {
        assert_eq!(
            sentence("arn:aws:iam::1:root", "iam:GetUser", "*", DeniedBy::ExplicitScp),
            "User: arn:aws:iam::1:root is not authorized to perform: iam:GetUser on resource: * with an explicit deny in a service control policy"
        );
        assert!(
            sentence("a", "s3:X", "r", DeniedBy::ImplicitIdentity)
                .ends_with("because no identity-based policy allows the s3:X action")
        );
    }
}
