//! The process: cryptography, runtime, command line, exit code.

use std::process::ExitCode;

use rootgate::{
    cli::{self, Exit, Output},
    config::Environment,
};

fn main() -> ExitCode {
    let (mut out, mut bytes, mut err) = (anstream::stdout(), std::io::stdout(), anstream::stderr());
    let mut output = Output::new(&mut out, &mut err).with_bytes(&mut bytes);
    // First of all: whoever builds TLS before would choose a provider by chance.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        output.error("another cryptography provider is installed already (this is a defect of rootgate)");
        return Exit::Failure.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output
                .error(&format!("the runtime cannot be started: {error} (raise the limits of threads and open files)"));
            return Exit::Failure.into();
        }
    };
    runtime.block_on(cli::run(std::env::args_os(), &Environment::of_process(), &mut output)).into()
}
