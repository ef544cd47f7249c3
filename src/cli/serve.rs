//! `rootgate serve`.

use std::io::IsTerminal as _;

use crate::{
    app::{self, StartError},
    config::Environment,
    telemetry,
};

use super::{ConfigArgs, Exit, Failure, chain};

pub(super) async fn run(args: &ConfigArgs, environment: &Environment) -> Result<Exit, Failure> {
    let config = args.load(environment)?;
    telemetry::start(&config.log, environment, std::io::stderr().is_terminal());
    telemetry::log_panics();
    // Boxed: it holds all of the gateway.
    Box::pin(app::serve(config, app::Deps::production())).await?;
    Ok(Exit::Ok)
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(exit_of(&error), chain(&error))
    }
}

/// Whether somebody must mend something here, or a restart may help.
fn exit_of(error: &StartError) -> Exit {
    match error {
        StartError::Tls(_)
        | StartError::PolicyFiles(_)
        | StartError::Policies(_)
        | StartError::Identity(_)
        | StartError::Organization(_)
        | StartError::CheckpointKey(_)
        | StartError::Aws(_) => Exit::Config,
        StartError::Several(errors) if errors.iter().all(|error| exit_of(error) == Exit::Config) => Exit::Config,
        StartError::Several(_)
        | StartError::Open(_)
        | StartError::Journal(_)
        | StartError::StopUnrecorded
        | StartError::Background
        | StartError::Bind(_)
        | StartError::WorkloadApi(_)
        | StartError::Edge(_) => Exit::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::BindError;

    fn listen() -> StartError {
        let (name, address) = ("main".to_owned(), "127.0.0.1:1".to_owned());
        StartError::Bind(BindError::Io { name, address, source: std::io::ErrorKind::AddrInUse.into() })
    }

    #[test]
    fn what_a_restart_may_mend_is_no_configuration_error() {
        assert_eq!(exit_of(&listen()), Exit::Unavailable);
        assert_eq!(exit_of(&StartError::Several(vec![listen()])), Exit::Unavailable);
        assert_eq!(exit_of(&StartError::Several(vec![])), Exit::Config);
    }

    #[test]
    fn the_fix_is_printed_once() {
        let failure = Failure::from(listen());
        assert_eq!(failure.words.matches("address in use").count(), 1, "{}", failure.words);
        assert!(failure.words.contains("listener main: cannot listen on 127.0.0.1:1"), "{}", failure.words);
    }
}
