//! ARNs, taken apart.

/// The six parts of `arn:partition:service:region:account:resource`; only the last may hold more colons. `None` for a
/// text with fewer.
///
/// Source: IAM User Guide, "Identify AWS resources with Amazon Resource Names (ARNs)".
pub(super) fn parts(text: &str) -> Option<[&str; 6]> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    Some([next()?, next()?, next()?, next()?, next()?, next()?])
}
