//! Reads the organization's tree from AWS Organizations, with the gateway's own identity.
//!
//! The whole tree or none: a page that cannot be read fails the reading, and so does an account that was moved while it
//! went on. AWS does not say how often these calls may be made, shares the rate between everybody in the organization,
//! and throttles early; so they are paced, and a large organization is read in minutes.

mod calls;
mod error;

pub use error::TreeReadError;

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    time::Duration,
};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::timeout;

use self::calls::{Below, Calls, Parent};
use super::Platform;
use crate::{
    authz::{Member, Tree, Unit},
    types::AccountId,
};

/// How the tree is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeReaderSettings {
    /// Whether the accounts' tags are read: one more call for each account.
    pub tags: bool,
    /// Calls a second, retries not counted in.
    pub calls_per_second_max: NonZeroU32,
    /// Time for everything.
    pub time_max: Duration,
}

impl Default for TreeReaderSettings {
    /// 1,000 accounts in 50 units are some 180 calls, so 25 seconds; 5,000 in 500 with tags are 6,300, so 14 minutes.
    fn default() -> Self {
        let calls_per_second_max = const { NonZeroU32::new(8).unwrap() };
        Self { tags: false, calls_per_second_max, time_max: Duration::from_mins(30) }
    }
}

/// Calls under way at once. More get "another request is already in progress" from Organizations.
const CONCURRENT_CALLS_MAX: usize = 4;

/// Reads the tree.
#[derive(Debug)]
pub struct TreeReader {
    calls: Calls,
    settings: TreeReaderSettings,
}

impl TreeReader {
    /// A reader with the gateway's own identity. Sends nothing.
    ///
    /// The identity needs `organizations:DescribeOrganization`, `ListRoots`, `ListOrganizationalUnitsForParent` and
    /// `ListAccountsForParent`, for tags `ListTagsForResource` too, in the management account or in the account of a
    /// delegated administrator.
    #[must_use]
    pub fn new(platform: &Platform, settings: TreeReaderSettings) -> Self {
        Self { calls: Calls::new(platform, settings.calls_per_second_max), settings }
    }

    /// Reads the tree as it is now.
    ///
    /// # Errors
    /// It could not be read whole, or took too long.
    pub async fn read(&self) -> Result<Tree, TreeReadError> {
        let time_max = self.settings.time_max;
        timeout(time_max, Box::pin(self.walk())).await.map_err(|_elapsed| TreeReadError::TooSlow(time_max))?
    }

    /// From the root downwards, one level after the other.
    async fn walk(&self) -> Result<Tree, TreeReadError> {
        let organization_id = self.calls.organization_id().await?;
        let mut found = Found::default();
        let mut level = vec![Parent::root(self.calls.root_id().await?)];
        // Ends: each level has new units, and `add` bounds them.
        while !level.is_empty() {
            let reads = stream::iter(level).map(|parent| self.calls.below(parent));
            let below: Vec<Below> = reads.buffer_unordered(CONCURRENT_CALLS_MAX).try_collect().await?;
            level = found.add(below)?;
        }
        if self.settings.tags {
            self.read_tags(&mut found.accounts).await?;
        }
        Tree::new(organization_id, found.units, found.accounts).map_err(TreeReadError::NotWhole)
    }

    async fn read_tags(&self, accounts: &mut HashMap<AccountId, Member>) -> Result<(), TreeReadError> {
        let ids: Vec<AccountId> = accounts.keys().copied().collect();
        let reads =
            stream::iter(ids).map(async |account| Ok::<_, TreeReadError>((account, self.calls.tags(account).await?)));
        let tags: Vec<_> = reads.buffer_unordered(CONCURRENT_CALLS_MAX).try_collect().await?;
        for (account, tags) in tags {
            accounts.entry(account).and_modify(|member| member.tags = tags);
        }
        Ok(())
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    units: BTreeMap<String, Unit>,
    accounts: HashMap<AccountId, Member>,
}

impl Found {
    /// Takes one level in, and says which units to look into next.
    fn add(&mut self, level: Vec<Below>) -> Result<Vec<Parent>, TreeReadError> {
        let mut next = Vec::new();
        for Below { parent, units, accounts } in level {
            for (id, name) in units {
                let unit = Unit { name, parent: parent.clone() };
                if self.units.insert(id.clone(), unit).is_some() {
                    return Err(TreeReadError::Moved(id));
                }
                next.push(Parent::unit(id));
            }
            for (id, name) in accounts {
                let member = Member { unit: parent.clone(), name, tags: BTreeMap::new() };
                if self.accounts.insert(id, member).is_some() {
                    return Err(TreeReadError::Moved(id.to_string()));
                }
            }
        }
        if self.units.len() > Tree::UNITS_MAX || self.accounts.len() > Tree::ACCOUNTS_MAX {
            return Err(TreeReadError::TooLarge);
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
