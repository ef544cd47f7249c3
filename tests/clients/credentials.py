#!/usr/bin/env python3
"""Uses the gateway through profiles of the AWS CLI and boto3 whose `credential_process` is `rootgate credentials`.

Usage: python3 tests/clients/credentials.py BIN_DIR     (the folder with rootgate and aws-root-simulator, such as target/debug)

Needs openssl, and `pip install -r tests/clients/requirements.txt` with its bin folder on PATH. Prints one line per check, and exits
non-zero if any of them failed. Everything happens in a temporary folder, on ports that were free.
"""
import json
import re
import sys
import urllib.request

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, CredentialRetrievalError

sys.dont_write_bytecode = True  # The checkout stays as it is.
from harness import CALL_SECONDS, OPERATOR, REASON, main, run, tool

PAYMENTS, BUCKET = "3" * 12, "payments-ledger"
TASK = "S3UnlockBucketPolicy"

# The shipped policy lets nobody call AssumeRoot.
POLICIES = f"""
@id("alice-assumes-root-for-buckets")
permit (
  principal == Rootgate::Caller::"{OPERATOR}",
  action == Rootgate::Action::"AssumeRoot",
  resource == Rootgate::Account::"{PAYMENTS}"
)
when {{ context.task_policy == "{TASK}" }};
"""


class Profiles:
    """A gateway on the simulated AWS, and ~/.aws/config of people who call AWS through it."""

    def __init__(self, site):
        self.site, self.checks, self.aws = site, site.checks, tool("aws", "pip install awscli")

    def start(self):
        site = self.site
        site.certificates()
        simulator = site.start([site.binary("aws-root-simulator"), "--listen", "127.0.0.1:0"])
        self.endpoint = simulator.wait_for(lambda line: line.split()[1] if line.startswith("endpoint") else None)
        simulator.wait_for(lambda line: True if "/_simulator/calls" in line else None)
        keys = re.findall(r"# arn:aws:iam::\d+:(?:user|role)/gateway .*\nexport AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)",
                          "".join(simulator.log))
        site.configure(self.endpoint, POLICIES)
        site.serve(*keys[0])
        profiles = {"payments-root": ("operator", f"{TASK} --duration 15m"), "not-alice": ("stranger", TASK),
                    "other-task": ("operator", "SQSUnlockQueuePolicy"), "nobody": ("nobody", TASK)}
        # As people write it: with quotes around the reason.
        self.config = site.folder / "aws-config"
        self.config.write_text("".join(f"""
[profile {name}]
region = eu-west-1
credential_process = {site.binary("rootgate")} credentials --server https://{site.address} --ca {site.folder}/ca.pem \
--certificate {site.folder}/{who}.pem --private-key {site.folder}/{who}.key --account {PAYMENTS} --reason "{REASON}" --task {task}
""" for name, (who, task) in profiles.items()))
        return self

    def cli(self, profile, *arguments):
        environment = self.site.environment(AWS_CONFIG_FILE=str(self.config), AWS_MAX_ATTEMPTS="1")
        command = [self.aws, "--profile", profile, "--endpoint-url", self.endpoint, "--output", "json", *arguments]
        return run(command, environment, self.site.folder)

    def s3(self, profile):
        """What boto3 makes of the profile."""
        session = botocore.session.Session(profile=profile)
        session.set_config_variable("config_file", str(self.config))
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return session.create_client("s3", endpoint_url=self.endpoint, config=config)

    def root_sessions(self):
        """How many root sessions AWS has opened so far."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{self.endpoint}/_simulator/calls", timeout=CALL_SECONDS) as reply:
            return sum(call["action"] == "AssumeRoot" for call in json.load(reply)["calls"])

    def acts(self):
        """Records of acts that were carried through."""
        listed = self.site.rootgate("journal", "list", "--journal", "journal.db", "--limit", "1000", "--json")
        records = [json.loads(line)["record"] for line in listed.out.splitlines()]
        return [record for record in records if record["event"] == "Outcome"]


def aws_cli(profiles):
    checks = profiles.checks
    before = profiles.root_sessions()
    read = profiles.cli("payments-root", "s3api", "get-bucket-policy", "--bucket", BUCKET)
    checks.equal("the AWS CLI reads a locked bucket's policy through the profile", read.exit, 0, read.text)
    checks.holds("and shows it", read.json.get("Policy", ""), "Deny")
    # As docs/CREDENTIALS.md says: one for the profile, and one for the request, since botocore renews what lives for less than 15 minutes.
    checks.equal("a command with one request opens two root sessions", profiles.root_sessions() - before, 2)
    checks.equal("every session that it opened is an act in the journal", len(profiles.acts()), profiles.root_sessions())
    who = profiles.cli("payments-root", "sts", "get-caller-identity")
    checks.equal("it is root of the account", who.json.get("Arn"), f"arn:aws:iam::{PAYMENTS}:root", who.text)
    beyond = profiles.cli("payments-root", "s3api", "list-objects-v2", "--bucket", BUCKET)
    checks.true("a call beyond the task is denied", beyond.exit != 0 and "AccessDenied" in beyond.err, beyond.text)
    iam = profiles.cli("payments-root", "iam", "list-access-keys")
    checks.true("and so is one of another service", iam.exit != 0 and "AccessDenied" in iam.err, iam.text)


def boto3(profiles):
    checks = profiles.checks
    before = profiles.root_sessions()
    s3 = profiles.s3("payments-root")
    for _ in range(2):
        checks.holds("boto3 reads it through the same profile", s3.get_bucket_policy(Bucket=BUCKET)["Policy"], "Deny")
    checks.equal("a client opens one root session, and one for each request", profiles.root_sessions() - before, 3)
    try:
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"b")
        checks.true("a call beyond the task is denied", False, "it was done")
    except ClientError as error:
        checks.equal("a call beyond the task is denied", error.response["Error"]["Code"], "AccessDenied")


def refused(profiles):
    checks = profiles.checks
    sessions = profiles.root_sessions()
    for name, profile, words in (
        ("somebody whom policy allows nothing", "not-alice", ("PERMISSION_DENIED", "operation_id", "journal_index")),
        ("a task that policy does not allow", "other-task", ("PERMISSION_DENIED", "operation_id", "journal_index")),
        ("somebody without certificate", "nobody", ("client certificate", "nobody.pem", "does not exist")),
    ):
        said = profiles.cli(profile, "s3api", "get-bucket-policy", "--bucket", BUCKET)
        checks.true(f"{name} gets nothing from the AWS CLI", said.exit != 0 and not said.out, said.text)
        checks.holds(f"{name} reads why", said.err, "error: ", *words)
        try:
            profiles.s3(profile).get_bucket_policy(Bucket=BUCKET)
            checks.true(f"{name} gets nothing from boto3", False, "it was done")
        except CredentialRetrievalError as error:
            checks.holds(f"{name} gets nothing from boto3, and reads why", str(error), *words)
    checks.equal("and AWS was not asked", profiles.root_sessions(), sessions)


def gateway_down(profiles):
    checks = profiles.checks
    checks.equal("the gateway stops", profiles.site.gateway.stop(), 0)
    said = profiles.cli("payments-root", "s3api", "get-bucket-policy", "--bucket", BUCKET)
    checks.true("without a gateway there are no credentials", said.exit != 0 and not said.out, said.text)
    checks.holds("and the AWS CLI says why", said.err, "cannot be reached", profiles.site.address)


if __name__ == "__main__":
    main(__doc__, lambda site: Profiles(site).start(), (aws_cli, boto3, refused, gateway_down))
