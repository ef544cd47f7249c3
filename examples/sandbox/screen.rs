//! What people see: colour on a terminal, none in a pipe.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use crate::stage::{OPEN_BUCKET, PAYMENTS, Stage, Who};

const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const CALL: Style = AnsiColor::Cyan.on_default();

/// The terminal, or whatever stands in for it.
pub struct Screen {
    out: anstream::AutoStream<std::io::Stdout>,
}

impl Screen {
    pub fn new() -> Self {
        Self { out: anstream::stdout() }
    }

    pub fn line(&mut self, text: &str) {
        // A closed pipe is no reason to stop.
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    pub fn title(&mut self, text: &str) {
        self.line(&format!("\n{TITLE}{text}{TITLE:#}"));
    }

    pub fn fact(&mut self, name: &str, value: &str) {
        self.line(&format!("  {FAINT}{name}:{FAINT:#} {value}"));
    }

    /// Somebody does something.
    pub fn does(&mut self, who: &str, what: &str) {
        self.line(&format!("  {who} {CALL}{what}{CALL:#}"));
    }

    pub fn good(&mut self, text: &str) {
        self.line(&format!("  {GOOD}✔{GOOD:#} {text}"));
    }

    pub fn refused(&mut self, text: &str) {
        self.line(&format!("  {BAD}✘{BAD:#} {text}"));
    }

    pub fn failed(&mut self, text: &str) {
        self.line(&format!("{BAD}the sandbox failed:{BAD:#} {text}"));
    }

    /// What to type next, ready to be pasted.
    pub fn invitation(&mut self, stage: &Stage) {
        self.title("Now yours. Paste these into another terminal:");
        let grpcurl = |who: Who| {
            let folder = stage.folder().display();
            let name = who.file_name();
            format!("grpcurl -cacert {folder}/ca.pem -cert {folder}/{name}.pem -key {folder}/{name}.key")
        };
        let address = stage.address;
        let service = "rootgate.v1.RootAccessService";
        let unlock = format!(
            "\"account_id\":\"{PAYMENTS}\",\"reason\":\"Trying the sandbox\",\"bucket\":\"{OPEN_BUCKET}\",\"mode\":\"UNLOCK_MODE_DELETE_POLICY\""
        );
        let audit = format!("{{\"account_id\":\"{}\",\"reason\":\"Trying the sandbox\"}}", PAYMENTS);
        for (what, command) in [
            ("what there is", format!("{} {address} list", grpcurl(Who::Operator))),
            ("the contract", format!("{} {address} describe {service}", grpcurl(Who::Operator))),
            (
                "audit as the auditor",
                format!("{} -d '{audit}' {address} {service}/AuditRootCredentials", grpcurl(Who::Auditor)),
            ),
            (
                "see what an unlock would do: its calls, the policy's diff, and an etag",
                format!(
                    "{} -d '{{{unlock},\"validate_only\":true}}' {address} {service}/UnlockBucketPolicy",
                    grpcurl(Who::Operator)
                ),
            ),
            (
                "unlock as the operator; add \"etag\" to act on nothing but what you saw",
                format!("{} -d '{{{unlock}}}' {address} {service}/UnlockBucketPolicy", grpcurl(Who::Operator)),
            ),
            (
                "see what can be put back, with RestoreBucketPolicy and accept_lockout if it locks",
                format!("{} -d '{audit}' {address} {service}/ListPolicyBackups", grpcurl(Who::Auditor)),
            ),
            (
                "read the records about an account, which is recorded too",
                format!("{} -d '{audit}' {address} rootgate.v1.JournalService/ListRecords", grpcurl(Who::Auditor)),
            ),
            (
                "be refused as a stranger",
                format!("{} -d '{audit}' {address} {service}/AuditRootCredentials", grpcurl(Who::Stranger)),
            ),
            ("see what AWS saw", format!("curl -s {}/_simulator/calls", stage.aws.endpoint())),
            (
                "read the whole journal, without the gateway",
                format!("cargo sandbox rootgate journal list --journal {}", stage.journal_path().display()),
            ),
            (
                "verify it",
                format!("cargo sandbox rootgate journal verify --journal {}", stage.journal_path().display()),
            ),
        ] {
            self.line(&format!("  {FAINT}# {what}{FAINT:#}\n  {command}"));
        }
        self.line(&format!("\n{FAINT}Ctrl-C ends it and removes its folder.{FAINT:#}"));
    }
}
