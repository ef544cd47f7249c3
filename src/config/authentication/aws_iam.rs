//! `[authentication.aws_iam]`: which roles and users of AWS are callers.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    config::{
        aws::AwsConfig,
        error::{Fault, Reported},
        table::Table,
        value::{Bounded, account, region, text_rule, word},
    },
    types::{AccountId, Region},
};

/// Whose presigned `sts:GetCallerIdentity` is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsIamConfig {
    /// Value of the signed header `x-rootgate-audience`: a proof for this gateway is none for another.
    pub audience: String,
    /// Accounts whose roles and users are callers. Not empty.
    pub accounts: BTreeSet<AccountId>,
    /// Regions whose STS may confirm a proof. Not empty.
    pub regions: BTreeSet<Region>,
    /// How old a proof may be.
    pub token_age_max: Duration,
}

/// Names of hosts are usual, and those have at most 253 characters.
const AUDIENCE_LENGTH_MAX: usize = 255;
/// A proof is made for one call, and each is taken once; five minutes forgive a slow clock.
const TOKEN_AGE_MAX: Bounded<Duration> = Bounded {
    default: Duration::from_secs(5 * 60),
    // Less, and clocks that differ by little would refuse good callers.
    min: Duration::from_secs(30),
    // STS itself takes no signature older than 15 minutes (IAM User Guide, "Create a signed AWS API request").
    max: Duration::from_secs(15 * 60),
};

impl AwsIamConfig {
    pub(super) fn read(table: &Table<'_>, aws: Option<&AwsConfig>) -> Result<Self, Reported> {
        const ACCOUNTS: &str = r#"write `accounts = ["111122223333"]`"#;
        let audience = table.required(
            "audience",
            r#"write `audience = "rootgate.example.org"`, a name that no other service uses"#,
            text_rule(|text| word(text, AUDIENCE_LENGTH_MAX)),
        );
        let accounts = table.required_list("accounts", ACCOUNTS, text_rule(account)).and_then(|accounts| {
            let fault = Fault::new("must not be empty: nobody could call", ACCOUNTS);
            table.check(!accounts.is_empty(), &["accounts"], fault).map(|()| accounts.into_iter().collect())
        });
        let regions = read_regions(table, aws);
        let token_age_max = table.duration("token_age_max", &TOKEN_AGE_MAX);
        Ok(Self { audience: audience?, accounts: accounts?, regions: regions?, token_age_max: token_age_max? })
    }
}

fn read_regions(table: &Table<'_>, aws: Option<&AwsConfig>) -> Result<BTreeSet<Region>, Reported> {
    let Some(regions) = table.list("regions", text_rule(region))? else {
        // Without [aws] there is no configuration.
        return Ok(aws.map(|aws| aws.allowed_regions.clone()).unwrap_or_default());
    };
    let fault = Fault::new("must not be empty: nobody could call", "leave it out for aws.allowed_regions");
    table.check(!regions.is_empty(), &["regions"], fault)?;
    Ok(regions.into_iter().collect())
}
