//! A small, faithful AWS for centralized root access: `sts:AssumeRoot` and its five tasks, over real HTTP and SigV4.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use aws_root_simulator::{Fault, Scenario, Simulator};
//!
//! let simulator = Simulator::start(Scenario::example()).await?;
//! let key = simulator.access_key("gateway");        // credentials for any SDK
//! let endpoint = simulator.endpoint();              // its endpoint URL, for all services and regions
//! simulator.inject(Fault::on("s3", "DeleteBucketPolicy").lose_reply());
//! // ... drive AWS clients ...
//! assert!(simulator.calls().iter().all(|call| !call.mutating));
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! The modules, in the order of a request: `server` reads it, `sigv4` and `authn` verify it, `dispatch` finds the operation and the
//! fault, the services (`sts`, `iam`, `organizations`, `s3`, `sqs`) act on the `world` once `authz` and `policy` agree, `protocol`
//! writes the answer, `call` keeps the log, `cloudtrail` what AWS would have logged.

mod admin;
mod authn;
mod authz;
mod call;
mod clock;
mod cloudtrail;
mod crypto;
mod dispatch;
mod error;
mod fault;
mod iam;
mod identity;
mod message;
mod organizations;
pub mod policy;
mod protocol;
mod region;
mod s3;
mod scenario;
mod server;
mod service;
mod sigv4;
mod sqs;
mod state;
mod sts;
mod task_policies;
mod turn;
pub mod world;

pub use call::{Call, critical_path};
pub use fault::Fault;
pub use scenario::{Scenario, ScenarioError};
pub use server::{Simulator, StartError};
pub use world::{AccessKey, World};
