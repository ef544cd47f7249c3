//! What keeps the gateway from starting.

use crate::{
    authz::PolicyErrors,
    aws::PlatformError,
    edge::{BindError, EdgeError, TlsError, WorkloadApiError},
    journal::{AppendError, KeyFileError, OpenError},
    policy::files::PolicyFilesError,
};

/// What keeps the gateway from starting, or ended it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Certificates or keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Policy files that cannot be read.
    #[error(transparent)]
    PolicyFiles(#[from] PolicyFilesError),
    /// Policies that do not validate.
    #[error(transparent)]
    Policies(#[from] PolicyErrors),
    /// Issuers, keys and authorities that cannot be used.
    #[error("{}", .0.join("\n"))]
    Identity(Vec<String>),
    /// The file of the organization.
    #[error("{0}")]
    Organization(String),
    /// The key of checkpoints.
    #[error("the key of checkpoints (journal.checkpoint.key_file) cannot be used: {0}")]
    CheckpointKey(#[from] KeyFileError),
    /// No certificate from the SPIFFE Workload API.
    #[error(transparent)]
    WorkloadApi(#[from] WorkloadApiError),
    /// Several of the above at once.
    #[error("{}", lines(.0, "\n"))]
    Several(Vec<StartError>),
    /// AWS settings.
    #[error(transparent)]
    Aws(#[from] PlatformError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal cannot be written.
    #[error("the journal cannot be written: {0}")]
    Journal(#[from] AppendError),
    /// The journal hangs.
    #[error(
        "the stop could not be recorded in time: the journal's disk hangs (what is open is INTERRUPTED at the next start)"
    )]
    StopUnrecorded,
    /// What takes up new policies and certificates is gone.
    #[error("the task that takes up new policies, certificates and keys ended by itself; the gateway has stopped")]
    Background,
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The server ended by itself.
    #[error(transparent)]
    Edge(#[from] EdgeError),
}

impl StartError {
    /// One error, or all of them.
    pub(super) fn all(mut errors: Vec<Self>) -> Self {
        match (errors.pop(), errors.is_empty()) {
            (Some(only), true) => only,
            (last, _) => Self::Several(errors.into_iter().chain(last).collect()),
        }
    }
}

fn lines(items: &[impl ToString], separator: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}
