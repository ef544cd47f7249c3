//! `rootgate check`: everything that `serve` would load, and nothing that it would do.

use std::fmt;

use serde::Serialize;

use super::{Parts, StartError, parts::groups_without_members};
use crate::{
    clock::{Clock, SystemClock},
    config::{CheckpointConfig, Config, ListenerConfig},
    journal::Checkpointer,
};

/// What a good configuration amounts to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Where the gateway would listen, and whom it would believe there.
    pub listeners: Vec<ListenerReport>,
    /// Where it would keep its journal.
    pub journal: String,
    /// Who would sign what the journal is, and where that would go.
    pub checkpoints: Option<CheckpointReport>,
    /// How many policies were loaded.
    pub policies: usize,
    /// Groups that policies name and the configuration does not: nobody is in them.
    pub groups_without_members: Vec<String>,
    /// SHA-256 of the policies, as the journal's start record would say it.
    pub policy_sha256: String,
    /// SHA-256 of the configuration.
    pub configuration_sha256: String,
    /// Where it would act.
    pub allowed_regions: Vec<String>,
    /// The endpoint that replaces AWS, in development.
    pub development_endpoint: Option<String>,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListenerReport {
    /// Its name.
    pub name: String,
    /// Its address.
    pub listen: String,
    /// The schemes that it believes.
    pub schemes: Vec<&'static str>,
    /// Whether clients need TLS.
    pub tls: bool,
}

/// Signed checkpoints of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointReport {
    /// The journal's name.
    pub origin: String,
    /// What signatures are verified with.
    pub public_key: String,
    /// Where they are kept.
    pub anchors: Vec<String>,
}

impl CheckpointReport {
    fn of(checkpointer: &Checkpointer, config: &CheckpointConfig) -> Self {
        let file = config.file.iter().map(|path| path.display().to_string());
        let bucket = config.s3.iter().map(|s3| format!("s3://{}/{}", s3.bucket.as_str(), s3.prefix));
        Self {
            origin: checkpointer.origin().to_string(),
            public_key: checkpointer.verifier().to_string(),
            anchors: file.chain(bucket).collect(),
        }
    }
}

impl From<&ListenerConfig> for ListenerReport {
    fn from(listener: &ListenerConfig) -> Self {
        Self {
            name: listener.name.clone(),
            listen: listener.listen.to_string(),
            schemes: listener.schemes.iter().map(|scheme| scheme.name()).collect(),
            tls: listener.tls.is_some(),
        }
    }
}

/// Loads certificates, keys and policies, opens and sends nothing.
///
/// # Errors
/// Everything that is wrong with them.
#[allow(clippy::unused_async, reason = "checks of what has to be asked will await")]
pub async fn check(config: &Config) -> Result<CheckReport, StartError> {
    let parts = Parts::load(config, &SystemClock as &dyn Clock)?;
    let checkpoints = parts.checkpointer.as_deref().zip(config.journal.checkpoint.as_ref());
    Ok(CheckReport {
        listeners: config.listeners.iter().map(ListenerReport::from).collect(),
        journal: config.journal.location.to_string(),
        checkpoints: checkpoints.map(|(checkpointer, config)| CheckpointReport::of(checkpointer, config)),
        policies: parts.engine.policies_count(),
        groups_without_members: groups_without_members(&parts.engine, config),
        policy_sha256: parts.engine.sha256().to_owned(),
        configuration_sha256: config.sha256.clone(),
        allowed_regions: config.aws.allowed_regions.iter().map(ToString::to_string).collect(),
        development_endpoint: config.aws.development.as_ref().map(|development| development.endpoint.clone()),
    })
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration is good")?;
        for ListenerReport { name, listen, schemes, tls } in &self.listeners {
            let over = if *tls { ", over TLS" } else { "" };
            writeln!(f, "  listens on   {listen} ({name}): {}{over}", schemes.join(", "))?;
        }
        writeln!(f, "  journal      {}", self.journal)?;
        if let Some(CheckpointReport { origin, public_key, anchors }) = &self.checkpoints {
            let kept =
                if anchors.is_empty() { "on demand".to_owned() } else { format!("kept in {}", anchors.join(", ")) };
            writeln!(f, "  checkpoints  of {origin}, {kept} (public key {public_key})")?;
        }
        writeln!(f, "  policies     {} (sha256 {})", self.policies, self.policy_sha256)?;
        write!(f, "  regions      {}", self.allowed_regions.join(", "))?;
        if !self.groups_without_members.is_empty() {
            let groups = self.groups_without_members.join(", ");
            write!(
                f,
                "\n  NOTE         nobody is in these groups of the policies: {groups} (see authorization.groups)"
            )?;
        }
        match &self.development_endpoint {
            Some(endpoint) => write!(f, "\n  DEVELOPMENT  all AWS calls go to {endpoint}"),
            None => Ok(()),
        }
    }
}
