//! What is printed.

use std::fmt::Write;

use aws_root_simulator::{Call, Simulator};

/// Machine-readable first lines: `endpoint URL` and `global-sts URL`.
pub(crate) fn endpoints(simulator: &Simulator) -> String {
    format!("endpoint   {}\nglobal-sts {}\n", simulator.endpoint(), simulator.global_sts_endpoint())
}

/// Who there is, with lines to paste.
pub(crate) fn principals(simulator: &Simulator) -> String {
    let endpoint = simulator.endpoint();
    let mut text = String::new();
    simulator.edit(|world| {
        for account in world.accounts.values() {
            for principal in &account.principals {
                let key = &principal.access_key;
                let _ = write!(
                    text,
                    "\n# {} in account {} ({})\nexport AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}\n",
                    principal.arn(&account.id),
                    account.id,
                    account.name,
                    key.access_key_id,
                    key.secret_access_key,
                );
            }
        }
        let members = world.accounts.values().filter(|account| !account.buckets.is_empty());
        let target = members.map(|account| account.id.clone()).next().unwrap_or_else(|| "333333333333".to_owned());
        let _ = write!(text, "\n{}", procedure(&endpoint, &target));
    });
    text
}

fn procedure(endpoint: &str, target: &str) -> String {
    format!(
        "# With the keys of a principal that may call sts:AssumeRoot:\n\
         unset AWS_SESSION_TOKEN; export AWS_DEFAULT_REGION=eu-west-1 AWS_ENDPOINT_URL={endpoint}\n\
         aws --endpoint-url {endpoint} sts get-caller-identity\n\
         aws --endpoint-url {endpoint} sts assume-root --target-principal {target} \\\n\
         \x20 --task-policy-arn arn=arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy --duration-seconds 300\n\
         # Export what it returns (with AWS_SESSION_TOKEN), and then:\n\
         aws --endpoint-url {endpoint} s3api list-buckets --max-items 10\n\
         # The calls so far:   curl -s {endpoint}/_simulator/calls\n\n"
    )
}

/// One line per call.
pub(crate) fn call(call: &Call, colour: bool) -> String {
    let (on, off) = match (colour, call.status) {
        (false, _) => ("", ""),
        (true, 0) => ("\x1b[35m", "\x1b[0m"),
        (true, 200..=299) => ("\x1b[32m", "\x1b[0m"),
        (true, 300..=499) => ("\x1b[33m", "\x1b[0m"),
        (true, _) => ("\x1b[31m", "\x1b[0m"),
    };
    let mut line = format!("{} {on}{:>3}{off} {}", call.time, call.status, call.name());
    let _ = write!(line, " {} {}", or_dash(&call.region), call.target.as_deref().unwrap_or("-"));
    let _ = write!(line, " by {}", call.caller_arn.as_deref().unwrap_or("-"));
    if let Some(code) = &call.error_code {
        let _ = write!(line, " {on}{code}{off}");
    }
    if let Some(fault) = &call.fault {
        let _ = write!(line, " [fault: {fault}]");
    }
    line.chars().filter(|character| !character.is_control() || *character == '\x1b').collect::<String>() + "\n"
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
