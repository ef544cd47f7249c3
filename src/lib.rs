//! rootgate: the single narrow gateway to AWS root capability.
//!
//! The promise: *nobody gets more root than the one act they were allowed, and no act goes unrecorded.*
//!
//! The way of a request, which is also the order of the modules: [`edge`] accepts the connection, [`layers`] and
//! [`authn`] say who it is, [`rpc`] turns the message into an operation, [`gate`] decides with [`authz`] and records in
//! the [`journal`], [`ops`] act on [`aws`]. See `docs/ARCHITECTURE.md`.

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

pub mod aws;
pub mod fetch;
pub mod lockout;
pub mod ops;
pub mod policy;

pub mod clock;
pub mod error;
pub mod pb;
pub mod types;
