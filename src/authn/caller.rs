//! The proven identity behind a request.

use std::{collections::BTreeMap, fmt, sync::Arc};

/// How an identity was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// A client certificate.
    Mtls,
}

impl Scheme {
    /// The stable name in policies, journal and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mtls => "mtls",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who is asking. Only authentication makes one, so holding it is the proof; cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    scheme: Scheme,
    subject: Arc<str>,
    attributes: Arc<BTreeMap<String, String>>,
}

impl Caller {
    pub(super) fn new(scheme: Scheme, subject: &str, attributes: BTreeMap<String, String>) -> Self {
        Self { scheme, subject: subject.into(), attributes: Arc::new(attributes) }
    }

    /// How the identity was proven.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The stable id, unique within the scheme: a SPIFFE ID in full, `dns:NAME` or `uri:URI`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What else was proven, by name. No attribute identifies the caller; the subject does.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<String, String> {
        &self.attributes
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.subject)
    }
}
