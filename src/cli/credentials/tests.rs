use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: CredentialsArgs,
}

const ACT: [&str; 6] = ["--account", "333333333333", "--task", "S3UnlockBucketPolicy", "--reason", "Locked out again"];

fn parsed(more: &[&str]) -> Result<CredentialsArgs, String> {
    let arguments = [&["credentials"], &ACT[..], more].concat();
    Line::try_parse_from(arguments).map(|line| line.args).map_err(|error| error.to_string())
}

/// The words of what keeps the command line from being asked with.
fn refused(more: &[&str]) -> (Exit, String) {
    match parsed(more).unwrap_or_else(|error| panic!("{error}")).gateway() {
        Ok(_) => panic!("{more:?} is taken"),
        Err(Failure { exit, words, .. }) => (exit, words),
    }
}

const SERVER: [&str; 2] = ["--server", "https://rootgate.example.org:8443"];

#[test]
fn the_request_says_what_was_typed() {
    let args = parsed(&[&SERVER[..], &["--ticket", "INC-1", "--duration", "15m"]].concat()).unwrap();
    let wanted = pb::AssumeRootRequest {
        account_id: "333333333333".to_owned(),
        reason: "Locked out again".to_owned(),
        ticket: "INC-1".to_owned(),
        task_policy: pb::TaskPolicy::S3UnlockBucketPolicy.into(),
        duration: Some(prost_types::Duration { seconds: 900, nanos: 0 }),
        ..Default::default()
    };
    assert_eq!(args.request(), wanted);
    let plain = parsed(&SERVER).unwrap().request();
    assert_eq!((plain.duration, plain.ticket.as_str()), (None, ""), "the gateway's default, and no ticket");
}

#[test]
fn every_task_of_aws_is_taken_by_its_name_and_another_is_told_them() {
    for task in TASKS {
        let line = ["credentials", "--server", "unix:/a", "--account", "333333333333", "--reason", "Locked out"];
        let args = Line::try_parse_from([&line[..], &["--task", task.name()]].concat()).map(|line| line.args);
        let number = args.unwrap_or_else(|error| panic!("{error}")).request().task_policy;
        let message = pb::TaskPolicy::try_from(number).unwrap();
        assert_eq!(
            message.as_str_name().replace("TASK_POLICY", "").replace('_', ""),
            task.name().to_uppercase(),
            "the names of AWS and of the API agree"
        );
    }
    let error = parsed(&[&SERVER[..], &["--task", "S3"]].concat()).unwrap_err();
    assert!(error.contains("cannot be used multiple times"), "{error}");
    let line = ["credentials", "--server", "unix:/a", "--account", "333333333333", "--reason", "Locked out", "--task"];
    let error = Line::try_parse_from([&line[..], &["s3unlock"]].concat()).err().unwrap().to_string();
    for task in TASKS {
        assert!(error.contains(task.name()), "{error}");
    }
}

#[test]
fn what_the_gateway_would_refuse_is_refused_here_and_says_the_rule() {
    for (more, words) in [
        (&["--duration", "901s"][..], "must be whole seconds from 1s to 15m"),
        (&["--duration", "16m"], "must be whole seconds from 1s to 15m"),
        (&["--duration", "0s"], "must be whole seconds from 1s to 15m"),
        (&["--duration", "1500ms"], "must be whole seconds from 1s to 15m"),
        (&["--duration", "900"], "must be whole seconds from 1s to 15m"),
        (&["--timeout", "6m"], "must be from 1s to 5m"),
        (&["--timeout", "10ms"], "must be from 1s to 5m"),
        (&["--ticket", ""], "--ticket"),
        (&["--server-name", "no name"], "must be a DNS name or an IP address"),
        (&["--certificate", "a"], "--private-key"),
        (&["--private-key", "a"], "--certificate"),
        (&["--certificate", "a", "--private-key", "b", "--token-file", "c"], "cannot be used with"),
    ] {
        let error = parsed(&[&SERVER[..], more].concat()).unwrap_err();
        assert!(error.contains(words), "{more:?}: {error}");
    }
    for (place, bad) in [(1, "33"), (1, "0x3333333333"), (5, "."), (5, "a\nb")] {
        let mut line = [&["credentials"], &ACT[..], &SERVER[..]].concat();
        line[1 + place] = bad;
        assert!(Line::try_parse_from(line).is_err(), "{bad:?}");
    }
}

#[test]
fn nobody_is_asked_without_a_proof_and_no_proof_goes_out_without_tls() {
    let (exit, words) = refused(&SERVER);
    assert_eq!(exit, Exit::Usage);
    assert!(words.contains("say who you are"), "{words}");
    for server in ["http://127.0.0.1:15001", "unix:/run/mesh.sock"] {
        for more in [
            &["--token-file", "/etc/hostname"][..],
            &["--certificate", "a", "--private-key", "b"],
            &["--ca", "a"],
            &["--server-name", "a.example"],
        ] {
            let (exit, words) = refused(&[&["--server", server], more].concat());
            assert_eq!(exit, Exit::Usage, "{server} {more:?}");
            assert!(words.contains("are for https:// servers"), "{words}");
        }
        let gateway = parsed(&["--server", server]).unwrap().gateway().unwrap_or_else(|error| panic!("{error:?}"));
        assert!(gateway.tls.is_none() && gateway.token.is_none());
    }
}

#[test]
fn files_that_are_not_there_are_all_named() {
    let files = ["--ca", "/no/ca.pem", "--certificate", "/no/me.pem", "--private-key", "/no/me.key"];
    let (exit, words) = refused(&[&SERVER[..], &files].concat());
    assert_eq!(exit, Exit::NoInput);
    for file in ["/no/ca.pem", "/no/me.pem", "/no/me.key"] {
        assert!(words.contains(file), "{words}");
    }
    let (exit, words) = refused(&[&SERVER[..], &["--token-file", "/no/token"]].concat());
    assert_eq!(exit, Exit::NoInput);
    assert!(words.contains("/no/token"), "{words}");
}

/// The line for `~/.aws/config` in the help is one that works, with its quotes.
#[test]
fn the_profile_in_the_help_parses() {
    let line = EXAMPLES.lines().find_map(|line| line.trim().strip_prefix("credential_process = rootgate ")).unwrap();
    let (words, reason) = line.split_once(" --reason \"").unwrap();
    let arguments = words.split(' ').chain(["--reason", reason.strip_suffix('"').unwrap()]);
    let args = Line::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}")).args;
    assert_eq!(args.reason.as_str(), "INC-1234: the bucket is locked");
}

/// A gateway that is gone, on a socket: nothing is printed, and the exit code says so.
#[tokio::test]
async fn a_gateway_that_is_not_there_is_unavailable_and_nothing_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let server = format!("unix:{}", folder.path().join("gone.sock").display());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = parsed(&["--server", &server]).unwrap();
    let failure = run(&args, true, &mut Output::new(&mut out, &mut err)).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Unavailable);
    assert!(failure.words.contains("cannot be reached") && failure.words.contains("gone.sock"), "{}", failure.words);
    assert!(out.is_empty() && err.is_empty(), "no credentials, no warning");
}

/// Somebody who accepts and never says a word.
#[tokio::test(start_paused = true)]
async fn a_gateway_that_hangs_is_given_up_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mute.sock");
    let _listener = tokio::net::UnixListener::bind(&path).unwrap();
    let args = parsed(&["--server", &format!("unix:{}", path.display()), "--timeout", "7s"]).unwrap();
    let began = tokio::time::Instant::now();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let failure = run(&args, false, &mut Output::new(&mut out, &mut err)).await.unwrap_err();
    assert_eq!((failure.exit, began.elapsed().as_secs()), (Exit::Unavailable, 7));
    assert!(failure.words.contains("within 7s") && failure.words.contains("journal"), "{}", failure.words);
    assert!(out.is_empty());
}

#[test]
fn on_a_terminal_it_warns_where_nobody_reads_credentials() {
    for is_watched in [true, false] {
        let (mut out, mut err) = (Vec::new(), anstream::StripStream::new(Vec::new()));
        print("{}", is_watched, &mut Output::new(&mut out, &mut err)).unwrap();
        let err = String::from_utf8(err.into_inner()).unwrap();
        assert_eq!((out.as_slice(), err.starts_with("warning: these are credentials")), (&b"{}\n"[..], is_watched));
    }
}
