//! rootgate: the single narrow gateway to AWS root capability.
//!
//! The promise: *nobody gets more root than the one act they were allowed, and no act goes unrecorded.*
//!
//! The way of a request, which is also the order of the modules: [`edge`] accepts the connection, [`layers`] and the
//! schemes of [`authn`] say who it is, [`rpc`] turns the message into an operation, [`gate`] decides with [`authz`], by
//! policies and by the [`organization`] that accounts are in, and records in the [`journal`], [`ops`] act on [`aws`].
//!
//! Beside the way: [`fetch`] asks issuers for their keys, [`policy`] tries policies before they are in force, [`lockout`]
//! judges policies of buckets and queues. See `docs/ARCHITECTURE.md`.

pub mod app;
pub mod cli;
pub mod config;
pub mod telemetry;

pub mod edge;
pub mod layers;

pub mod authn;
pub mod rpc;

pub mod authz;
pub mod gate;
pub mod journal;
pub mod organization;
pub mod store;

pub mod aws;
pub mod fetch;
pub mod lockout;
pub mod ops;
pub mod policy;

pub mod clock;
pub mod error;
mod log_budget;
pub mod pb;
pub mod types;
