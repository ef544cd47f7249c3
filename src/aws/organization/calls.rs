//! The calls to AWS Organizations: paced, with all their pages.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use aws_sdk_organizations::{Client, config, types};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig};

use super::TreeReadError;
use crate::{
    aws::{AwsFailure, Platform, pace::Pace},
    types::AccountId,
};

const SERVICE: &str = "organizations";

/// The most that Organizations gives in a page.
const PAGE_ITEMS_MAX: i32 = 20;
/// A page can be empty and have a next one. This is four times what the largest tree needs in one unit.
const PAGES_MAX: usize = 10_000;
/// One call of thousands that is throttled four times in a row must not cost the whole reading.
const ATTEMPTS_MAX: u32 = 8;
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// Time for a call with its retries; the platform's is for calls that somebody waits for.
const CALL_TIME_MAX: Duration = Duration::from_mins(3);

/// Where to look: the root or a unit.
pub(super) struct Parent {
    id: String,
    is_root: bool,
}

impl Parent {
    pub(super) fn root(id: String) -> Self {
        Self { id, is_root: true }
    }

    pub(super) fn unit(id: String) -> Self {
        Self { id, is_root: false }
    }
}

/// What is directly below the root or a unit.
pub(super) struct Below {
    /// The unit; none for the root.
    pub(super) parent: Option<String>,
    /// Ids and names.
    pub(super) units: Vec<(String, String)>,
    /// Ids and names.
    pub(super) accounts: Vec<(AccountId, String)>,
}

/// One page: its items, and the token of the next.
type Page<T> = (Option<Vec<T>>, Option<String>);

#[derive(Debug)]
pub(super) struct Calls {
    client: Client,
    pace: Pace,
}

impl Calls {
    pub(super) fn new(platform: &Platform, per_second_max: NonZeroU32) -> Self {
        let shared = platform.as_gateway();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX).with_max_backoff(BACKOFF_MAX);
        let timeouts = shared.timeout_config().map(|timeouts| timeouts.to_builder());
        let config = config::Builder::from(&shared)
            .retry_config(retries)
            .timeout_config(timeouts.unwrap_or_default().operation_timeout(CALL_TIME_MAX).build());
        Self { client: Client::from_conf(config.build()), pace: Pace::new(per_second_max) }
    }

    pub(super) async fn organization_id(&self) -> Result<String, AwsFailure> {
        const OPERATION: &str = "DescribeOrganization";
        self.pace.turn().await;
        let described = answer(OPERATION, self.client.describe_organization().send().await)?;
        described.organization.and_then(|found| found.id).ok_or_else(|| nonsense(OPERATION, "an organization's id"))
    }

    /// There is exactly one (Organizations User Guide, "Quotas").
    pub(super) async fn root_id(&self) -> Result<String, TreeReadError> {
        const OPERATION: &str = "ListRoots";
        let page = |token| {
            let call = self.client.list_roots().max_results(PAGE_ITEMS_MAX).set_next_token(token);
            async {
                let page = answer(OPERATION, call.send().await)?;
                Ok((page.roots, page.next_token))
            }
        };
        let roots: Vec<types::Root> = self.pages(OPERATION, page).await?;
        match <[types::Root; 1]>::try_from(roots) {
            Ok([types::Root { id: Some(id), .. }]) => Ok(id),
            _ => Err(nonsense(OPERATION, "one root with its id").into()),
        }
    }

    pub(super) async fn below(&self, parent: Parent) -> Result<Below, TreeReadError> {
        let units = self.units(&parent.id).await?;
        let accounts = self.accounts(&parent.id).await?;
        Ok(Below { parent: (!parent.is_root).then_some(parent.id), units, accounts })
    }

    async fn units(&self, parent: &str) -> Result<Vec<(String, String)>, TreeReadError> {
        const OPERATION: &str = "ListOrganizationalUnitsForParent";
        let page = |token| {
            let call = self.client.list_organizational_units_for_parent().parent_id(parent);
            let call = call.max_results(PAGE_ITEMS_MAX).set_next_token(token);
            async {
                let page = answer(OPERATION, call.send().await)?;
                Ok((page.organizational_units, page.next_token))
            }
        };
        let units: Vec<types::OrganizationalUnit> = self.pages(OPERATION, page).await?;
        let known = |unit: types::OrganizationalUnit| {
            unit.id.zip(unit.name).ok_or_else(|| nonsense(OPERATION, "the id and the name of each unit").into())
        };
        units.into_iter().map(known).collect()
    }

    async fn accounts(&self, parent: &str) -> Result<Vec<(AccountId, String)>, TreeReadError> {
        const OPERATION: &str = "ListAccountsForParent";
        let page = |token| {
            let call = self.client.list_accounts_for_parent().parent_id(parent);
            let call = call.max_results(PAGE_ITEMS_MAX).set_next_token(token);
            async {
                let page = answer(OPERATION, call.send().await)?;
                Ok((page.accounts, page.next_token))
            }
        };
        let accounts: Vec<types::Account> = self.pages(OPERATION, page).await?;
        let known = |account: types::Account| {
            let id = account.id.and_then(|id| id.parse().ok());
            id.zip(account.name).ok_or_else(|| nonsense(OPERATION, "the id and the name of each account").into())
        };
        accounts.into_iter().map(known).collect()
    }

    pub(super) async fn tags(&self, account: AccountId) -> Result<BTreeMap<String, String>, TreeReadError> {
        const OPERATION: &str = "ListTagsForResource";
        let page = |token| {
            let call = self.client.list_tags_for_resource().resource_id(account.as_str()).set_next_token(token);
            async {
                let page = answer(OPERATION, call.send().await)?;
                Ok((page.tags, page.next_token))
            }
        };
        let tags: Vec<types::Tag> = self.pages(OPERATION, page).await?;
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Every page. A listing that breaks off is an error and no shorter list.
    pub(super) async fn pages<T, F: Future<Output = Result<Page<T>, AwsFailure>>>(
        &self,
        operation: &'static str,
        page: impl Fn(Option<String>) -> F,
    ) -> Result<Vec<T>, TreeReadError> {
        let mut items = Vec::new();
        let mut token = None;
        for _ in 0..PAGES_MAX {
            self.pace.turn().await;
            let (found, next) = page(token).await?;
            items.extend(found.unwrap_or_default());
            token = next.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(items);
            }
        }
        Err(nonsense(operation, "a last page").into())
    }
}

fn answer<T, E: ProvideErrorMetadata>(
    operation: &'static str,
    result: Result<T, SdkError<E, HttpResponse>>,
) -> Result<T, AwsFailure> {
    result.map_err(|error| AwsFailure::of(SERVICE, operation, &error))
}

fn nonsense(operation: &'static str, without: &str) -> AwsFailure {
    AwsFailure::nonsense(SERVICE, operation, &format!("AWS answered success without {without}"))
}
