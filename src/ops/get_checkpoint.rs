//! Signs where the journal ends.

use serde_json::json;

use super::{Conclusion, Means, Operation, SignedCheckpoint};
use crate::{
    authz::{Argument, Ask, Permit, Target, Terms, Why},
    aws::Trail,
    error::Error,
    types::{Kind, Region},
};

/// Reads the gateway's own journal. It is no [`RootTask`](crate::authz::RootTask): it can reach no account.
#[derive(Debug)]
pub struct GetCheckpoint {
    /// Why.
    pub why: Why,
}

impl Ask for GetCheckpoint {
    const KIND: Kind = Kind::GetCheckpoint;

    fn target(&self) -> Target {
        Target::Journal(None)
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
        Vec::new()
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Operation for GetCheckpoint {
    type Output = SignedCheckpoint;

    async fn act(
        _permit: &Permit<Self>,
        Means { journal, .. }: Means<'_>,
        _trail: &Trail,
    ) -> Result<SignedCheckpoint, Error> {
        journal.checkpoint().await
    }

    fn conclude(SignedCheckpoint { index, hash, .. }: &SignedCheckpoint) -> Conclusion {
        Conclusion { changed: Some(false), detail: json!({ "index": index, "hash": hash }), shortfall: None }
    }
}
