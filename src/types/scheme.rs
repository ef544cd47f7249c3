//! How callers prove who they are.

use std::fmt;

/// How an identity was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// A client certificate.
    Mtls,
    /// A JSON Web Token of a configured issuer.
    Jwt,
    /// A header of the mesh proxy beside the gateway.
    Mesh,
    /// A presigned `sts:GetCallerIdentity` that AWS confirmed.
    AwsIam,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 4] = [Self::Mtls, Self::Jwt, Self::Mesh, Self::AwsIam];

    /// The stable name in policies, journal, configuration and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mtls => "mtls",
            Self::Jwt => "jwt",
            Self::Mesh => "mesh",
            Self::AwsIam => "aws_iam",
        }
    }

    /// The scheme of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
