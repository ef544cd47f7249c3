//! The proven identity behind a request.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use crate::types::Scheme;

/// Who is asking. Only authentication makes one, so holding it is the proof; cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(Arc<Facts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    scheme: Scheme,
    subject: String,
    listener: Arc<str>,
    groups: BTreeSet<String>,
    attributes: BTreeMap<String, String>,
}

impl Caller {
    /// A caller of whom a scheme has proven all of this.
    pub(super) fn new(scheme: Scheme, subject: &str, attributes: BTreeMap<String, String>) -> Self {
        let (subject, listener) = (subject.to_owned(), Arc::from(""));
        Self(Arc::new(Facts { scheme, subject, listener, groups: BTreeSet::new(), attributes }))
    }

    /// The same, in groups that its proof names.
    pub(super) fn in_groups(mut self, groups: BTreeSet<String>) -> Self {
        Arc::make_mut(&mut self.0).groups = groups;
        self
    }

    /// The same, on this listener.
    pub(super) fn on(mut self, listener: &Arc<str>) -> Self {
        Arc::make_mut(&mut self.0).listener = Arc::clone(listener);
        self
    }

    /// How the identity was proven.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// The stable id. No two schemes share one, except that a SPIFFE ID is the same workload by whatever it is proven:
    /// - a SPIFFE ID in full, by client certificate, JWT-SVID or mesh
    /// - `dns:NAME` or `uri:URI`, by client certificate
    /// - `jwt:ISSUER:SUB` and `k8s:ISSUER:NAMESPACE:NAME`, where ISSUER is the name that the configuration gives it
    /// - `linkerd:NAME`, by mesh
    /// - `aws:ACCOUNT:role/NAME/UNIQUE_ID` and `aws:ACCOUNT:user/NAME/UNIQUE_ID`, by AWS IAM
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Name of the listener that the caller came through.
    #[must_use]
    pub fn listener(&self) -> &str {
        &self.0.listener
    }

    /// Groups of ours that the proof puts the caller in, by the configuration of its issuer; those that the configuration
    /// lists by subject are added by authorization.
    #[must_use]
    pub fn groups(&self) -> &BTreeSet<String> {
        &self.0.groups
    }

    /// What else was proven, by name. No attribute identifies the caller; the subject does.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<String, String> {
        &self.0.attributes
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme(), self.subject())
    }
}
