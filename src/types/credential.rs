//! Kinds of root credentials.

/// A kind of credential that a root user can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CredentialKind {
    /// The console password.
    LoginProfile,
    /// Access keys.
    AccessKey,
    /// X.509 signing certificates.
    SigningCertificate,
    /// MFA devices.
    MfaDevice,
}

impl CredentialKind {
    /// Every kind, in the order in which answers list them.
    pub const ALL: [Self; 4] = [Self::LoginProfile, Self::AccessKey, Self::SigningCertificate, Self::MfaDevice];

    /// Name in the journal and in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoginProfile => "LOGIN_PROFILE",
            Self::AccessKey => "ACCESS_KEY",
            Self::SigningCertificate => "SIGNING_CERTIFICATE",
            Self::MfaDevice => "MFA_DEVICE",
        }
    }
}
