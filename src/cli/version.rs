//! `rootgate version`.

use super::{Exit, Failure, Output, VersionArgs};

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn run(args: &VersionArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    if args.json {
        writeln!(output.out(), "{}", serde_json::json!({ "name": NAME, "version": VERSION }))?;
    } else {
        writeln!(output.out(), "{NAME} {VERSION}")?;
    }
    output.out().flush()?;
    Ok(Exit::Ok)
}
