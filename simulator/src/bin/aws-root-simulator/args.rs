//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  aws-root-simulator                                   the built-in organization, on 127.0.0.1:4599
  aws-root-simulator --listen 127.0.0.1:0              any free port; the endpoint is printed
  aws-root-simulator --print-scenario > mine.toml      start from the built-in organization ...
  aws-root-simulator --scenario mine.toml              ... and use your own
  aws-root-simulator --cloudtrail logs                 leave CloudTrail log files behind at the end

  While it runs:
  curl -s 127.0.0.1:4599/_simulator/calls              every call so far, as JSON
  curl -s 127.0.0.1:4599/_simulator/cloudtrail         what CloudTrail would have logged of them
  curl -s 127.0.0.1:4599/_simulator/world              what is in the world now
  curl -s 127.0.0.1:4599/_simulator/faults -d '{\"service\":\"s3\",\"action\":\"DeleteBucketPolicy\",\"effect\":\"lose_reply\"}'

Nothing leaves this machine, and no AWS account is needed. Exit codes: 0 stopped, 64 wrong command line or scenario.";

/// A small, faithful AWS for centralized root access (sts:AssumeRoot), for any AWS SDK and the AWS CLI.
///
/// Speaks STS, IAM, Organizations, S3 and SQS on one endpoint, verifies SigV4, and evaluates identity policies, resource policies, SCPs,
/// RCPs and the five root task policies. Listens on loopback addresses only.
#[derive(Debug, Parser)]
#[command(name = "aws-root-simulator", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The world to start from; without it, a built-in organization
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,

    /// Loopback address of the endpoint; port 0 takes any free port. The global STS endpoint takes the next port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4599")]
    pub(crate) listen: SocketAddr,

    /// At the end, write what CloudTrail would have logged into this folder, as log files in its layout
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cloudtrail: Option<PathBuf>,

    /// Print the endpoints only: neither principals nor calls
    #[arg(long)]
    pub(crate) quiet: bool,

    /// Print the built-in scenario and exit
    #[arg(long)]
    pub(crate) print_scenario: bool,
}
