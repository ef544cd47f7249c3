//! Lists what policies of an account were before acts changed them.

use serde_json::json;

use super::{BackupQuery, Conclusion, Means, Operation, PolicyBackup};
use crate::{
    authz::{Argument, Ask, Permit, Target, Terms, Why},
    aws::Trail,
    error::Error,
    types::{AccountId, Kind, Region},
};

/// Asks the gateway's own store. It is no [`RootTask`](crate::authz::RootTask): it can reach no account.
#[derive(Debug)]
pub struct ListPolicyBackups {
    /// Whose policies.
    pub account: AccountId,
    /// Only backups of the resource with this ARN.
    pub resource: Option<String>,
    /// Only backups that were made before the journal had this index.
    pub before: Option<u64>,
    /// How many at most.
    pub page_size: u32,
    /// With the policies themselves.
    pub include_policies: bool,
    /// Why.
    pub why: Why,
}

/// One page of backups.
#[derive(Clone, Debug)]
pub struct PolicyBackupList {
    /// Newest first.
    pub backups: Vec<PolicyBackup>,
    /// Where the next page begins, if there is one.
    pub next_before: Option<u64>,
    /// What was asked, for the token of the next page.
    pub query: BackupQuery,
}

impl Ask for ListPolicyBackups {
    const KIND: Kind = Kind::ListPolicyBackups;

    fn target(&self) -> Target {
        Target::Account(self.account)
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn terms(&self) -> Option<&Terms> {
        None
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("include_policies", Argument::Flag(self.include_policies))]
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        let before = self.before.map(|before| ("before", before.to_string()));
        self.resource.iter().map(|resource| ("resource", resource.clone())).chain(before).collect()
    }
}

impl Operation for ListPolicyBackups {
    type Output = PolicyBackupList;

    async fn act(
        permit: &Permit<Self>,
        Means { backups, .. }: Means<'_>,
        _trail: &Trail,
    ) -> Result<PolicyBackupList, Error> {
        let Self { account, resource, before, page_size, include_policies, .. } = permit.operation();
        // One more than asked for tells whether there is a next page.
        let query = BackupQuery {
            account: *account,
            resource: resource.clone(),
            before: *before,
            limit: page_size.saturating_add(1),
            include_policies: *include_policies,
        };
        let mut found = backups.list(query.clone()).await?;
        let page_size = usize::try_from(*page_size).unwrap_or(usize::MAX);
        let is_last = found.len() <= page_size;
        found.truncate(page_size);
        let next_before = found.last().filter(|_| !is_last).map(|backup| backup.journal_index);
        Ok(PolicyBackupList { backups: found, next_before, query })
    }

    fn conclude(list: &PolicyBackupList) -> Conclusion {
        let ids: Vec<&str> = list.backups.iter().map(|backup| backup.id.as_str()).collect();
        Conclusion { changed: Some(false), detail: json!({ "backups": ids }), shortfall: None }
    }
}
