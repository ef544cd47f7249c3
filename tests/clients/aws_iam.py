#!/usr/bin/env python3
"""Calls the built gateway as AWS roles and users, with tokens that boto3, the Go SDK and the Rust SDK sign.

Usage: python3 tests/clients/aws_iam.py BIN_DIR     (the folder with rootgate and aws-root-simulator, such as target/debug)

Needs openssl, boto3, and `pip install -r tests/clients/requirements.txt` with its bin folder on PATH. The other SDKs are tried where BIN_DIR
holds their examples: examples/aws-iam-token (`cargo build --examples`), and examples/aws-iam-token-go (`go build -C examples/aws-iam-token/go
-o BIN_DIR/examples/aws-iam-token-go`). Prints one line per check, and exits non-zero if any of them failed. Everything happens in a temporary
folder, on ports that were free.
"""
import concurrent.futures
import json
import sys
import urllib.request

import boto3

sys.dont_write_bytecode = True  # The checkout stays as it is.
from harness import CALL_SECONDS, REASON, ROOT, ROOT_ACCESS, log_field, main, run

SECURITY, PAYMENTS = "222222222222", "333333333333"
AUDIENCE, REGION = "rootgate.example.org", "eu-west-1"
HEADER = "x-rootgate-aws-iam"
EXAMPLES = ROOT / "examples/aws-iam-token"
# grpcurl exits with 64 + the gRPC code.
DENIED, UNAUTHENTICATED = (64 + code for code in (7, 16))
AUDIT = "AuditRootCredentials"

# Role and session name are in the policy; so are scheme and listener.
POLICIES = """
@id("the-broker-role-audits")
permit (principal, action == Rootgate::Action::"AuditRootCredentials", resource)
when {
  context.scheme == "aws_iam" &&
  context.listener == "aws" &&
  principal.hasTag("account_id") && principal.getTag("account_id") == "222222222222" &&
  principal.hasTag("role_name") && principal.getTag("role_name") == "broker" &&
  principal.hasTag("session_name") && principal.getTag("session_name") == "job-7"
};
"""


class Aws:
    """The gateway with listeners for AWS identities, the simulated AWS behind it, and credentials of its principals."""

    def __init__(self, site):
        self.site, self.checks = site, site.checks

    def start(self):
        site = self.site
        site.certificates()
        self.simulator = site.start([site.binary("aws-root-simulator"), "--listen", "127.0.0.1:0"])
        self.endpoint = self.simulator.wait_for(lambda line: line.split()[1] if line.startswith("endpoint") else None)
        self.simulator.wait_for(lambda line: True if "/_simulator/calls" in line else None)
        site.configure(self.endpoint, POLICIES)
        with open(site.folder / "rootgate.toml", "a", encoding="utf-8") as configuration:
            configuration.write(f"""
[listeners.aws]
listen = "127.0.0.1:0"
schemes = ["aws_iam"]
tls = {{ certificate = "server.pem", private_key = "server.key" }}

[listeners.both]
listen = "127.0.0.1:0"
schemes = ["mtls", "aws_iam"]
tls = {{ certificate = "server.pem", private_key = "server.key", client_ca = "ca.pem" }}

[authentication.aws_iam]
audience = "{AUDIENCE}"
accounts = ["{SECURITY}"]
regions = ["{REGION}"]
""")
        good = site.rootgate("check", "--config", "rootgate.toml")
        self.checks.equal("`rootgate check` finds the configuration good", good.exit, 0, good.text)
        site.gateway = site.start([site.binary("rootgate"), "serve", "--config", "rootgate.toml"], **self.keys("gateway"))
        self.addresses = {}
        while not {"main", "aws", "both"} <= self.addresses.keys():
            name, address = site.gateway.wait_for(lambda line: (found, log_field(line, "address")) if (found := log_field(line, "listener"))
                                                  and log_field(line, "address") else None)
            self.addresses[name] = address
        self.broker = self.assume_role("job-7")
        self.descriptors = site.folder / "rootgate.protoset"
        described = run([site.grpcurl, *site.identity("operator"), "-protoset-out", str(self.descriptors), self.addresses["main"], "describe",
                         ROOT_ACCESS], site.environment(), site.folder)
        self.checks.equal("grpcurl learns the API", described.exit, 0, described.text)
        return self

    def keys(self, name):
        """The credentials that the simulator prints for this principal."""
        lines = "".join(self.simulator.log).splitlines()
        at = next(at for at, line in enumerate(lines) if line.startswith("#") and f"/{name} " in f"{line} ")
        return dict(word.split("=", 1) for word in lines[at + 1].split() if "=" in word)

    def assume_role(self, session):
        """Temporary credentials of the broker role, as a Lambda function or an EC2 instance has them of its own."""
        own = self.keys("gateway")
        sts = boto3.client("sts", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=own["AWS_ACCESS_KEY_ID"],
                           aws_secret_access_key=own["AWS_SECRET_ACCESS_KEY"])
        made = sts.assume_role(RoleArn=f"arn:aws:iam::{SECURITY}:role/broker", RoleSessionName=session)["Credentials"]
        return {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
                "AWS_SESSION_TOKEN": made["SessionToken"]}

    def token(self, credentials=None, audience=AUDIENCE, program=(sys.executable, "-B", EXAMPLES / "rootgate_token.py"), **more):
        """What the example prints with these credentials."""
        environment = self.site.environment(AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION, **(credentials or self.broker), **more)
        made = run([*map(str, program), audience], environment, self.site.folder)
        if made.exit:
            raise RuntimeError(made.text)
        return made.out.strip()

    def audit(self, *tokens, listener="aws", who=None, reflection=False):
        """An audit with these tokens. The API is known from a file: asking for it by reflection would use the token up."""
        files = [] if reflection else ["-protoset", str(self.descriptors)]
        headers = [word for at, _ in enumerate(tokens) for word in ("-H", f"{HEADER}: ${{TOKEN{at}}}")]
        environment = self.site.environment(**{f"TOKEN{at}": token for at, token in enumerate(tokens)})
        body = json.dumps({"accountId": PAYMENTS, "reason": REASON})
        command = [self.site.grpcurl, *self.site.identity(who), "-connect-timeout", "5", "-max-time", str(CALL_SECONDS), "-emit-defaults",
                   "-expand-headers", *files, *headers, "-d", body, self.addresses[listener], f"{ROOT_ACCESS}/{AUDIT}"]
        return run(command, environment, self.site.folder)

    def done(self, name, reply):
        return self.checks.equal(name, reply.exit, 0, reply.text)

    def nobody(self, name, reply, *words):
        """A call that proved nobody: the caller reads always the same, and the journal says why."""
        self.checks.equal(name, reply.exit, UNAUTHENTICATED, reply.text)
        self.checks.holds(f"{name}: the caller learns nothing more", reply.err, "the identity of the caller was not proven")
        last = self.records("Refusal")[-1]
        self.checks.equal(f"{name}: nobody is in the journal", last["caller"], None)
        self.checks.holds(f"{name}: the journal says why", last["error"]["message"], *words)

    def records(self, event):
        listed = self.site.rootgate("journal", "list", "--journal", "journal.db", "--limit", "1000", "--json")
        records = [json.loads(line)["record"] for line in listed.out.splitlines()]
        return [record for record in records if record["event"] == event]

    def fault(self, effect):
        """What STS does at the next GetCallerIdentity."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        body = json.dumps({"service": "sts", "action": "GetCallerIdentity", "effect": effect}).encode()
        with direct.open(f"{self.endpoint}/_simulator/faults", data=body, timeout=CALL_SECONDS):
            pass


def each_sdk(aws):
    aws.done("boto3: a session of a role audits", aws.audit(aws.token()))
    record = aws.records("Intent")[-1]
    caller = json.dumps(record["caller"])
    aws.checks.holds("the journal names the role by account, name and unique id", caller, f"aws:{SECURITY}:role/broker/AROA", "job-7")
    aws.checks.holds("and says how it was proven", caller, "aws_iam")
    for sdk, name in (("Rust", "aws-iam-token"), ("Go", "aws-iam-token-go")):
        program = aws.site.bin / "examples" / name
        if program.exists():
            aws.done(f"{sdk}: a session of a role audits", aws.audit(aws.token(program=[program])))


def policy(aws):
    aws.checks.equal("another session of the role may not", aws.audit(aws.token(aws.assume_role("job-8"))).exit, DENIED)
    aws.checks.equal("another role may not", aws.audit(aws.token(aws.keys("readonly"))).exit, DENIED)
    aws.checks.equal("the same role by another listener may not", aws.audit(aws.token(), listener="both").exit, DENIED)
    aws.nobody("a user of an account that is not listed", aws.audit(aws.token(aws.keys("payments-admin"))), f"account {PAYMENTS}")


def once(aws):
    token = aws.token()
    aws.done("a token is good for a call", aws.audit(token))
    aws.nobody("and for one only", aws.audit(token), "aws_iam: the token was used before")
    token = aws.token()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        exits = sorted(reply.exit for reply in pool.map(lambda _: aws.audit(token), range(8)))
    aws.checks.equal("of eight calls at once with one token, one gets through", exits, [0] + 7 * [UNAUTHENTICATED])
    used_up = aws.audit(aws.token(), reflection=True)
    aws.checks.true("reflection is a call of its own, and uses the token up", used_up.exit != 0, used_up.text)


def made_for_this_gateway(aws):
    other = aws.token(audience="rootgate.example.com")
    aws.nobody("a token for another gateway", aws.audit(other), "403 SignatureDoesNotMatch")
    broken = {**aws.broker, "AWS_SECRET_ACCESS_KEY": "wrong"}
    aws.nobody("a token with another secret key", aws.audit(aws.token(broken)), "403 SignatureDoesNotMatch")
    aws.nobody("no token", aws.audit(), "no identity was offered")
    aws.nobody("what is no token", aws.audit("k8s-aws-v1.aHR0cHM6Ly8"), "must begin with rootgate-aws-v1.")
    aws.nobody("two tokens", aws.audit(aws.token(), aws.token()), f"several headers {HEADER}")


def with_a_certificate(aws):
    aws.done("a listener for both takes a certificate", aws.audit(listener="both", who="operator"))
    both = aws.audit(aws.token(), listener="both", who="operator")
    aws.nobody("a certificate and a token are two identities", both, "AWS was not asked, because an identity by mtls")
    bad = aws.audit("nonsense", listener="both", who="operator")
    aws.nobody("a bad token refuses whoever has a good certificate", bad, "aws_iam: ")
    aws.done("a listener without the scheme does not look at tokens", aws.audit("nonsense", listener="main", who="operator"))


def aws_is_out(aws):
    for effect, words in (({"status": 503}, "AWS could not say who signed the token: 503"), ("throttle", "400 Throttling"),
                          ("drop_connection", "AWS could not be asked"), ("html_500", "AWS could not say")):
        aws.fault(effect)
        aws.nobody(f"STS with {effect}", aws.audit(aws.token()), words)
    aws.done("and when STS is back, so are its roles", aws.audit(aws.token()))


def secrets(aws):
    aws.site.gateway.stop()
    log = "".join(aws.site.gateway.log)
    journal = json.dumps(aws.records("Refusal") + aws.records("Intent"))
    for name, text in (("log", log), ("journal", journal)):
        aws.checks.true(f"no token and no session token is in the {name}",
                        "X-Amz-Signature" not in text and aws.broker["AWS_SESSION_TOKEN"][:40] not in text and "rootgate-aws-v1.aHR0" not in text)


if __name__ == "__main__":
    main(__doc__, lambda site: Aws(site).start(),
         (each_sdk, policy, once, made_for_this_gateway, with_a_certificate, aws_is_out, secrets))
