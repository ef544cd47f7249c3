//! The architecture invariants of `docs/ARCHITECTURE.md`, held against the sources.
//!
//! Each check says the rule and the fix, and is itself held against a bad sample, so that none of them is one that
//! cannot fail. What the type system or a lint proves already is not checked again, except where a look at the source
//! keeps the proof itself in place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a check that cannot go on fails"
)]

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/fences.rs"]
mod fences;
#[path = "tidy/manifests.rs"]
mod manifests;
#[path = "tidy/order.rs"]
mod order;
#[path = "tidy/secrets.rs"]
mod secrets;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/stages.rs"]
mod stages;
#[path = "tidy/tables.rs"]
mod tables;

/// Fails with everything that was found, one line each.
#[track_caller]
fn none(violations: &[String]) {
    assert!(violations.is_empty(), "{} found:\n  {}\n", violations.len(), violations.join("\n  "));
}
