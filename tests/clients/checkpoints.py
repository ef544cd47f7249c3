#!/usr/bin/env python3
"""Holds the gateway's signed checkpoints against Go's own implementation of signed notes, golang.org/x/mod/sumdb/note.

Usage: python3 tests/clients/checkpoints.py BIN_DIR     (the folder with rootgate and aws-root-simulator, such as target/debug)

Needs openssl, grpcurl, and the program of tests/clients/note as `note` on PATH (`.ci/clients` builds it). Prints one line per check,
and exits non-zero if any of them failed. Everything happens in a temporary folder, on ports that were free.
"""
import re
import sys

sys.dont_write_bytecode = True  # The checkout stays as it is.
from harness import main, run, tool

ORIGIN = "rootgate.example.com/journal"
PAYMENTS = "3" * 12


class Published:
    """A gateway that publishes checkpoints into a file, and has stopped after an act."""

    def __init__(self, site):
        self.site, self.checks, self.note = site, site.checks, tool("note", "go build in tests/clients/note")

    def start(self):
        site = self.site
        site.certificates()
        simulator = site.start([site.binary("aws-root-simulator"), "--listen", "127.0.0.1:0"])
        endpoint = simulator.wait_for(lambda line: line.split()[1] if line.startswith("endpoint") else None)
        simulator.wait_for(lambda line: True if "/_simulator/calls" in line else None)
        keys = re.findall(r"# arn:aws:iam::\d+:(?:user|role)/gateway .*\nexport AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)",
                          "".join(simulator.log))
        site.configure(endpoint, "")
        self.public = site.rootgate("journal", "key", "generate", "--name", ORIGIN, "--output", "checkpoint.key").out.strip()
        with (site.folder / "rootgate.toml").open("a") as config:
            config.write(f'[journal.checkpoint]\nkey_file = "checkpoint.key"\norigin = "{ORIGIN}"\nfile = "checkpoints.txt"\n')
        site.serve(*keys[0])
        self.act = site.act("AuditRootCredentials", PAYMENTS)
        self.stopped = site.gateway.stop()
        return self

    def notes(self):
        """The checkpoints as the file has them: each ends with its signature, and a blank line."""
        text = (self.site.folder / "checkpoints.txt").read_text()
        return [part + "\n" for part in re.findall(r"(.+?\n\n— .+?)\n\n", text, re.DOTALL)]

    def go(self, command, argument, stdin=None):
        return run([self.note, command, argument], env=self.site.environment(), cwd=self.site.folder, stdin=stdin)

    def verify(self, *arguments):
        return self.site.rootgate("journal", "verify", "--journal", "journal.db", "--checkpoint", *arguments)


def go_reads_what_rootgate_signs(published):
    checks = published.checks
    checks.equal("the act is done", published.act.exit, 0, published.act.text)
    checks.equal("the gateway stops", published.stopped, 0)
    notes = published.notes()
    checks.true("checkpoints are published at the start and at the stop", len(notes) >= 2, notes)
    for note in notes:
        opened = published.go("verify", published.public, note)
        checks.equal("Go verifies the checkpoint", opened.exit, 0, opened.text)
        checks.equal("and reads its text", opened.out, note.split("\n\n")[0] + "\n")
    printed = published.site.rootgate("journal", "checkpoint", "--journal", "journal.db", "--key", "checkpoint.key").out
    checks.equal("a checkpoint on demand says what the last published one does", printed, notes[-1])
    changed = published.go("verify", published.public, notes[-1].replace(ORIGIN + "\n", ORIGIN + "x\n", 1))
    checks.true("Go refuses a changed one", changed.exit != 0 and "invalid signature" in changed.err, changed.text)


def rootgate_reads_what_go_signs(published):
    checks, site = published.checks, published.site
    text = published.notes()[-1].split("\n\n")[0] + "\n"
    signed = published.go("sign", "checkpoint.key", text)
    checks.equal("Go signs the same text with the same key to the byte", signed.out, published.notes()[-1], signed.text)
    private, public = published.go("generate", ORIGIN).out.split()
    (site.folder / "go.key").write_text(private + "\n")
    (site.folder / "go.key").chmod(0o600)
    printed = site.rootgate("journal", "key", "public", "--key", "go.key")
    checks.equal("rootgate reads a key that Go made", printed.out.strip(), public, printed.text)
    (site.folder / "go.txt").write_text(published.go("sign", "go.key", text).out)
    verified = published.verify("go.txt", "--public-key", public)
    checks.equal("and a checkpoint that Go signed with it", verified.exit, 0, verified.text)
    wrong = published.verify("go.txt", "--public-key", published.public)
    checks.true("not with another key", wrong.exit == 66 and "and not by the public key given" in wrong.err, wrong.text)


def the_journal_is_held_against_them(published):
    checks = published.checks
    verified = published.verify("checkpoints.txt", "--public-key", published.public, "--origin", ORIGIN)
    checks.equal("the journal verifies against its anchor", verified.exit, 0, verified.text)
    checks.holds("and says so", verified.out, f"{len(published.notes())} checkpoints")


if __name__ == "__main__":
    main(__doc__, lambda site: Published(site).start(),
         (go_reads_what_rootgate_signs, rootgate_reads_what_go_signs, the_journal_is_held_against_them))
