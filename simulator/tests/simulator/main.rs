//! The simulator over real HTTP, with requests signed by the AWS SDK's own signer.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests fail by panicking, and requests are signed with the real time"
)]

mod admin;
mod assume_root;
mod authorization;
mod client;
mod cloudtrail;
mod faults;
mod object_lock;
mod organization;
mod paging;
mod propagation;
mod rows;
mod signatures;

use aws_root_simulator::{Scenario, Simulator};

pub(crate) const PAYMENTS: &str = "333333333333";
pub(crate) const CLEAN: &str = "444444444444";

/// A simulator of the built-in organization.
pub(crate) async fn simulator() -> Simulator {
    Simulator::start(Scenario::example()).await.unwrap()
}
