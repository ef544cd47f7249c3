//! A policy document, read and ready to be evaluated.

use super::error::PolicyError;
use super::parse;
use super::statement::Statement;

/// The longest document that is read, in bytes: the limit of S3 bucket policies, the largest of all policy limits here.
///
/// Source: Amazon S3 User Guide, "Bucket policies": "Bucket policies are limited to 20 KB in size."
pub const MAX_DOCUMENT_BYTES: usize = 20 * 1024;

/// One JSON policy: identity policy, resource policy, session policy, service control policy or any other kind.
///
/// Source: IAM User Guide, "IAM JSON policy elements reference".
#[derive(Debug, Clone)]
pub struct Document {
    statements: Vec<Statement>,
}

impl Document {
    /// Reads a document. Nothing is skipped: what cannot be understood is refused.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] names the first fault and its place: text that is too long or not JSON, a key given twice, an
    /// unknown element or condition operator, a missing element, both of two elements that exclude each other (`Action`
    /// and `NotAction`), or a value that its element does not take.
    ///
    /// Source: IAM User Guide, "Grammar of the IAM JSON policy language".
    pub fn parse(json: &str) -> Result<Self, PolicyError> {
        Ok(Self { statements: parse::statements(json)? })
    }

    /// Whether every statement says whom it speaks of, as the policy of a resource must and an identity policy must
    /// not.
    ///
    /// Source: IAM User Guide, "AWS JSON policy elements: Principal".
    pub fn names_principals(&self) -> bool {
        self.statements.iter().all(|statement| statement.principals.is_some())
    }

    pub(super) fn statements(&self) -> &[Statement] {
        &self.statements
    }
}
