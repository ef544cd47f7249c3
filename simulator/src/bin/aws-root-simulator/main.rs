//! The simulator as a program: starts, says how to use it, and prints one line per call.

mod args;
mod show;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use aws_root_simulator::{Call, Scenario, Simulator};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use self::args::Args;

/// `EX_USAGE` of sysexits: the command line or the scenario is wrong.
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if args.print_scenario {
        say(Scenario::example_toml());
        return ExitCode::SUCCESS;
    }
    match Box::pin(run(&args)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "aws-root-simulator: {error}");
            ExitCode::from(USAGE)
        }
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let scenario = match &args.scenario {
        Some(path) => Scenario::load(path)?,
        None => Scenario::example(),
    };
    let simulator = Simulator::start_on(scenario, args.listen).await?;
    let mut calls = simulator.subscribe();
    let mut terminate = signal(SignalKind::terminate())?;
    say(&show::endpoints(&simulator));
    if !args.quiet {
        say(&show::principals(&simulator));
    }
    let colour = std::io::stdout().is_terminal();
    loop {
        tokio::select! {
            call = calls.recv() => match call {
                Ok(call) => if !args.quiet { print_call(&call, colour) },
                Err(RecvError::Lagged(missed)) => say(&format!("... {missed} calls not shown\n")),
                Err(RecvError::Closed) => break,
            },
            _ = tokio::signal::ctrl_c() => break,
            _ = terminate.recv() => break,
        }
    }
    let delivered = args.cloudtrail.as_deref().map(|folder| simulator.write_cloudtrail(folder)).transpose();
    simulator.stop().await;
    delivered?;
    Ok(())
}

fn print_call(call: &Call, colour: bool) {
    say(&show::call(call, colour));
}

/// Whoever closes the pipe does not want to read on; that is no reason to stop serving.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
