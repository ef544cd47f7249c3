//! End-to-end tests: a real socket with mutual TLS, the real AWS SDK clients, and the simulator behind them.
//!
//! `harness` lets the tests read as prose; `rpc/` mirrors the proto.

#![allow(unreachable_pub, clippy::large_futures, reason = "a test binary exports nothing, and runs on roomy stacks")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "../support/pki.rs"]
mod pki;

mod aws_errors;
mod broker;
mod cancel;
mod checkpoints;
mod crash;
mod credentials;
mod deploy_aws;
mod flood;
mod harness;
mod idempotency;
mod identity;
mod journal;
mod journal_failures;
mod limits;
mod matrix;
mod plan;
mod process;
mod reconcile;
mod reload;
mod replicas;
mod rpc;
mod schemes;
mod secrets;
mod standard_services;
mod targets;
mod verification;
