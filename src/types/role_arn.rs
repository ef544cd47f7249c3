//! ARNs of IAM roles.

use std::{fmt, str::FromStr};

use super::{AccountId, Rule};

/// The ARN of an IAM role in the partition `aws`: `arn:aws:iam::ACCOUNT:role/PATH/NAME` (IAM User Guide, "IAM identifiers").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleArn(String);

/// IAM API Reference, CreateRole: a path has at most 512 characters, a name at most 64.
const PATH_LENGTH_MAX: usize = 512;
const NAME_LENGTH_MAX: usize = 64;

impl RoleArn {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleArn {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let resource = text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
        let proper = resource.is_some_and(|(account, role)| account.parse::<AccountId>().is_ok() && is_role(role));
        if proper { Ok(Self(text.to_owned())) } else { Err(Rule::new("must be the ARN of an IAM role")) }
    }
}

/// Path, if there is one, and name.
fn is_role(text: &str) -> bool {
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    let in_path = |byte: u8| (b'!'..=b'~').contains(&byte);
    (1..=NAME_LENGTH_MAX).contains(&name.len())
        && name.bytes().all(in_name)
        && path.len() <= PATH_LENGTH_MAX
        && path.bytes().all(in_path)
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arns_of_roles_are_ones() {
        for good in
            ["arn:aws:iam::111122223333:role/rootgate-broker", "arn:aws:iam::111122223333:role/security/audit/b@x"]
        {
            assert_eq!(good.parse::<RoleArn>().unwrap().as_str(), good);
        }
        let long = format!("arn:aws:iam::111122223333:role/{}", "n".repeat(65));
        for bad in [
            "",
            "rootgate-broker",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/path/",
            "arn:aws:iam::11112222333:role/b",
            "arn:aws:iam::111122223333:user/b",
            "arn:aws-cn:iam::111122223333:role/b",
            "arn:aws:sts::111122223333:assumed-role/b/s",
            "arn:aws:iam::111122223333:role/b c",
            "arn:aws:iam::111122223333:role/*",
            &long,
        ] {
            assert!(bad.parse::<RoleArn>().is_err(), "{bad:?}");
        }
    }
}
