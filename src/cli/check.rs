//! `rootgate check`.

use serde_json::json;

use crate::{
    app::{self, CheckReport},
    config::Environment,
};

use super::{CheckArgs, ConfigArgs, Exit, Failure, Output};

pub(super) async fn run(args: &CheckArgs, environment: &Environment, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let result = check(&args.config, environment).await;
    match (&result, args.json) {
        (Ok(report), true) => writeln!(output.out(), "{:#}", json!({ "ok": true, "report": report }))?,
        (Ok(report), false) => writeln!(output.out(), "{report}")?,
        // Also for machines the words go to standard error; this is what they can read.
        (Err(Failure { words, config_errors, .. }), true) => {
            writeln!(output.out(), "{:#}", json!({ "ok": false, "message": words, "errors": config_errors }))?;
        }
        (Err(_), false) => {}
    }
    output.out().flush()?;
    result.map(|_| Exit::Ok)
}

async fn check(args: &ConfigArgs, environment: &Environment) -> Result<CheckReport, Failure> {
    let config = args.load(environment)?;
    app::check(&config).await.map_err(Failure::from)
}
