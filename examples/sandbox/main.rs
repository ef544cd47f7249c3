//! `cargo sandbox`: a simulated AWS and the gateway together, the main job done for real, and then yours to try.
//!
//! Everything is made anew at each start in a temporary folder: certificates, configuration, policy, journal. The gateway
//! is the real one, with mutual TLS; only AWS is simulated.

#![allow(unreachable_pub, reason = "an example exports nothing")]

#[path = "../../tests/support/pki.rs"]
mod pki;
mod screen;
mod stage;
mod story;

use std::process::ExitCode;

use clap::Parser;
use rootgate::{
    cli::{self, Output},
    config::Environment,
};

use self::{screen::Screen, stage::Stage};

/// Whatever goes wrong here is shown and ends the sandbox.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Starts a simulated AWS and the gateway, shows the main job, and keeps serving.
#[derive(Parser)]
#[command(
    name = "cargo sandbox",
    after_help = "Examples:\n  cargo sandbox\n  cargo sandbox --once\n  cargo sandbox rootgate journal --help"
)]
struct Arguments {
    /// End after the story instead of serving until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// `rootgate` and its arguments: the gateway's own command line, without a second build.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.command.is_empty() {
        let (mut out, mut err) = (anstream::stdout(), anstream::stderr());
        let mut output = Output::new(&mut out, &mut err);
        return cli::run(arguments.command, &Environment::of_process(), &mut output).await.into();
    }
    let mut screen = Screen::new();
    match run(&arguments, &mut screen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failed(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments, screen: &mut Screen) -> Result<(), Failure> {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err("another cryptography provider is installed already".into());
    }
    let mut stage = Stage::build().await?;
    screen.title("rootgate sandbox");
    screen.fact("simulated AWS", &stage.aws.endpoint());
    screen.fact("gateway", &format!("https://{} (mutual TLS)", stage.address));
    screen.fact("certificates, policy, journal", &stage.folder().display().to_string());
    story::tell(&stage, screen).await?;
    if !arguments.once {
        screen.invitation(&stage);
        tokio::signal::ctrl_c().await?;
        screen.line("");
    }
    let records = stage.end().await?;
    screen.good(&format!("ended; the journal holds {records} records and verifies"));
    Ok(())
}
