//! To whom a resource policy grants access.

use std::fmt;

/// How far the grants of a policy reach, the widest last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exposure {
    /// Nobody outside the organization.
    #[default]
    Organization,
    /// Accounts outside the organization, or somebody who cannot be placed in it.
    OutsideOrganization,
    /// Everybody.
    Public,
}

impl Exposure {
    /// Every exposure.
    pub const ALL: [Self; 3] = [Self::Organization, Self::OutsideOrganization, Self::Public];

    /// Name in the API, in policies and in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organization => "ORGANIZATION",
            Self::OutsideOrganization => "OUTSIDE_ORGANIZATION",
            Self::Public => "PUBLIC",
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
