//! What is known of an administrator's call, and what each other key depends on.
//!
//! Source: IAM User Guide, "AWS global condition context keys".

use crate::types::AccountId;

/// The value that a key has in every administrator's call.
pub(super) struct Fact<'a> {
    pub(super) value: &'a str,
    pub(super) because: &'static str,
}

/// What is certain about a key, which is in lower case. AWS gives these keys to every signed request.
pub(super) fn fact<'a>(key: &str, account: &'a AccountId) -> Option<Fact<'a>> {
    let (value, because) = match key {
        "aws:securetransport" => ("true", "who calls with TLS"),
        "aws:principalisawsservice" => ("false", "who is no AWS service"),
        "aws:principalaccount" => (account.as_str(), "who is of this account"),
        _ => return None,
    };
    Some(Fact { value, because })
}

/// Keys, or beginnings of keys, in lower case, and what their values depend on.
const DEPENDS_ON: [(&str, &str); 20] = [
    ("aws:sourcevpce", "it depends on the VPC endpoint that the call passes"),
    ("aws:sourcevpc", "it depends on the VPC that the call comes from"),
    ("aws:vpce", "it depends on the VPC endpoint that the call passes"),
    ("aws:sourceip", "it depends on the IP address that the call comes from"),
    ("aws:vpcsourceip", "it depends on the IP address that the call comes from"),
    ("aws:principalorg", "it depends on the organization that the account is in"),
    ("aws:resourceorg", "it depends on the organization that the account is in"),
    ("aws:resourceaccount", "it depends on whether the call carries the key"),
    ("aws:multifactorauth", "it depends on whether the caller signed in with MFA"),
    ("aws:principaltag/", "it depends on the tags of the caller"),
    ("aws:principaltype", "it depends on who calls"),
    ("aws:userid", "it depends on who calls"),
    ("aws:username", "it depends on who calls"),
    ("aws:sourceidentity", "it depends on who calls"),
    ("aws:source", "only calls that a service makes for somebody carry the key"),
    ("aws:viaawsservice", "it depends on whether a service calls for the administrator"),
    ("aws:calledvia", "it depends on whether a service calls for the administrator"),
    ("aws:currenttime", "it depends on the time of the call"),
    ("aws:epochtime", "it depends on the time of the call"),
    ("aws:requestedregion", "it depends on the region that is called"),
];

pub(super) fn depends_on(key: &str) -> &'static str {
    let known = DEPENDS_ON.into_iter().find(|(start, _)| key.starts_with(start));
    known.map_or("the analysis does not know this key", |(_, words)| words)
}
