#!/usr/bin/env python3
"""Drives the built gateway as people do: with grpcurl, buf and the AWS CLI, on the simulated AWS.

Usage: python3 tests/clients/gateway.py BIN_DIR     (the folder with rootgate and aws-root-simulator, such as target/debug)

Needs openssl, and `pip install -r tests/clients/requirements.txt` with its bin folder on PATH. Prints one line per check, and exits
non-zero if any of them failed. Everything happens in a temporary folder, on ports that were free.
"""
import hashlib
import json
import re
import shutil
import sqlite3
import sys
import urllib.request
import uuid

sys.dont_write_bytecode = True  # The checkout stays as it is.
from harness import CALL_SECONDS, OPERATOR, REASON, ROOT, ROOT_ACCESS, STRANGER, log_field, main, run, tool

MANAGEMENT, OWN, PAYMENTS, ANALYTICS, SUSPENDED, FORTRESS, UNKNOWN = (digit * 12 for digit in "1234569")
BUCKET, QUEUE = "payments-ledger", "payments-events"
QUEUE_ARN = f"arn:aws:sqs:eu-west-1:{PAYMENTS}:{QUEUE}"
DELETE = {"mode": "UNLOCK_MODE_DELETE_POLICY"}
JOURNAL = "rootgate.v1.JournalService"
S3_TASK = "TASK_POLICY_S3_UNLOCK_BUCKET_POLICY"
TICKET = "INC-20261121"

# grpcurl exits with 64 + the gRPC code.
UNKNOWN_OUTCOME, INVALID, NOT_FOUND, ALREADY_EXISTS, DENIED, EXHAUSTED, PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL = (
    64 + code for code in (2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13))

# The shipped policy lets nobody call AssumeRoot.
POLICIES = f"""
@id("alice-assumes-root-for-buckets")
permit (
  principal == Rootgate::Caller::"{OPERATOR}",
  action == Rootgate::Action::"AssumeRoot",
  resource == Rootgate::Account::"{PAYMENTS}"
)
when {{ context.task_policy == "S3UnlockBucketPolicy" }};
"""

# Every method that the gateway reflects must be called by the checks; these are all that are not served yet.
NOT_SERVED = {
    "rootgate.v1.ApprovalService/ApproveRequest": {"approvalId": "a", "operationDigest": "d"},
    "rootgate.v1.ApprovalService/CancelRequest": {"approvalId": "a"},
    "rootgate.v1.ApprovalService/GetApproval": {"approvalId": "a"},
    "rootgate.v1.ApprovalService/ListApprovals": {},
    "rootgate.v1.ApprovalService/RejectRequest": {"approvalId": "a"},
}


class Gateway:
    """A gateway on the simulated AWS, and the clients around it."""

    def __init__(self, site):
        self.site, self.checks = site, site.checks
        self.aws, self.buf = tool("aws", "pip install awscli"), tool("buf", "pip install buf-bin")
        self.called = set()
        self.receipts = []

    def start(self):
        site = self.site
        site.certificates()
        self.simulator = site.start([site.binary("aws-root-simulator"), "--listen", "127.0.0.1:0"])
        self.endpoint = self.simulator.wait_for(lambda line: line.split()[1] if line.startswith("endpoint") else None)
        self.simulator.wait_for(lambda line: True if "/_simulator/calls" in line else None)
        principal = r"# arn:aws:iam::\d+:(?:user|role)/(\S+) .*\nexport (AWS_ACCESS_KEY_ID)=(\S+) (AWS_SECRET_ACCESS_KEY)=(\S+)"
        self.keys = {name: {key: value, key2: value2} for name, key, value, key2, value2 in
                     re.findall(principal, "".join(self.simulator.log))}
        site.configure(self.endpoint, POLICIES)
        good = site.rootgate("check", "--config", "rootgate.toml")
        self.checks.equal("`rootgate check` finds the configuration good", good.exit, 0, good.text)
        site.serve(*self.keys["gateway"].values())
        return self

    def grpc(self, method, body=None, **more):
        self.called.add(method)
        return self.site.grpc(method, {} if body is None else body, **more)

    def act(self, rpc, account=PAYMENTS, **fields):
        self.called.add(f"{ROOT_ACCESS}/{rpc}")
        return self.site.act(rpc, account, **fields)

    def done(self, name, reply, changed):
        """An act that was carried through, and leaves a receipt."""
        ok = self.checks.equal(name, (reply.exit, reply.json.get("changed")), (0, changed), reply.text)
        if ok:
            self.receipts.append(reply.receipt)
        return reply.json

    def simulated(self, path, **body):
        """What the simulator says from outside; with a body, what it is told."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{self.endpoint}/_simulator/{path}", json.dumps(body).encode() if body else None)
        with direct.open(request, timeout=CALL_SECONDS) as reply:
            return json.load(reply)

    def aws_calls(self):
        return self.simulated("calls")["calls"]

    def root_sessions(self):
        """How many root sessions AWS has opened so far."""
        return sum(call["action"] == "AssumeRoot" for call in self.aws_calls())

    def changes(self):
        """How many calls have changed something in a member account so far."""
        return sum(call["mutating"] and call["service"] != "sts" for call in self.aws_calls())

    def cli(self, credentials, *arguments):
        command = [self.aws, "--endpoint-url", self.endpoint, "--region", "eu-west-1", "--output", "json", *arguments]
        return run(command, self.site.environment(AWS_MAX_ATTEMPTS="1", **credentials), self.site.folder)

    def refused_connection(self, why):
        """Waits until the log says that a connection was refused for this."""
        return self.site.gateway.wait_for(lambda line: why in (log_field(line, "why") or "") or None)

    def curl(self, *arguments):
        """`buf curl`, which asks for reflection v1 where grpcurl asks for v1alpha."""
        # Its options have grpcurl's names, with two dashes.
        tls = [f"-{word}" if word.startswith("-") else word for word in self.site.identity("operator")]
        return run([self.buf, "curl", "--protocol", "grpc", *tls, *arguments], self.site.environment(), self.site.folder)


def reflection(gateway):
    checks, site = gateway.checks, gateway.site
    listed = site.grpc("list")
    services = listed.out.split()
    checks.holds("grpcurl lists the services (reflection v1alpha)", listed.text, *{name.split("/")[0] for name in NOT_SERVED},
                 "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
    methods = {method.replace(f"{service}.", f"{service}/") for service in services for method in site.grpc(f"list {service}").out.split()}
    described = site.grpc("describe rootgate.v1.UnlockBucketPolicyRequest")
    checks.holds("grpcurl describes a message with its comments", described.out, "string bucket = 8;", "no ARN, no access point")
    details = site.grpc("describe google.rpc.ErrorInfo")
    checks.holds("grpcurl describes what rides in error details", details.text, "string reason = 1;")
    seen_by_buf = gateway.curl("--list-methods", f"https://{site.address}")
    checks.equal("buf lists the same methods (reflection v1)", set(seen_by_buf.out.split()), methods, seen_by_buf.text)
    gateway.called |= {method for method in methods if method.endswith("/ServerReflectionInfo")}
    gateway.methods = methods
    files = run([gateway.buf, "build", str(ROOT / "proto"), "-o", "-#format=json"], site.environment(), site.folder).json.get("file", [])
    wanted = {f"{file['package']}.{service['name']}/{method['name']}"
              for file in files for service in file.get("service", []) for method in service["method"]}
    checks.true("what is reflected is what proto/ says", wanted and wanted == {m for m in methods if m.startswith("rootgate.")},
                f"proto/: {wanted}\nreflected: {methods}")


def health(gateway):
    checks = gateway.checks
    check = lambda service: gateway.grpc("grpc.health.v1.Health/Check", {"service": service})
    for service, status in (("", "SERVING"), (ROOT_ACCESS, "SERVING"), (JOURNAL, "SERVING"), ("rootgate.v1.ApprovalService", "NOT_SERVING")):
        reply = check(service)
        checks.equal(f"health of {service or 'the whole'} is {status}", reply.json.get("status"), status, reply.text)
    checks.equal("health of a service that is not there is NOT_FOUND", check("nobody.v1.Nothing").exit, NOT_FOUND)
    seen = gateway.curl("-d", '{"service":""}', f"https://{gateway.site.address}/grpc.health.v1.Health/Check")
    checks.equal("buf calls a method too", seen.json.get("status"), "SERVING", seen.text)
    # Stays open, to see what watchers are told when the gateway stops.
    gateway.called.add("grpc.health.v1.Health/Watch")
    gateway.watch = gateway.site.start([gateway.site.grpcurl, *gateway.site.identity("operator"), "-d", "{}", gateway.site.address,
                                        "grpc.health.v1.Health/Watch"])
    status = gateway.watch.wait_for(lambda line: line.strip() if "status" in line else None)
    checks.equal("a watcher is told at once", status, '"status": "SERVING"')


def aws_errors(gateway):
    """What AWS says, as grpcurl reads it: one reason, AWS's own code and request id, and what helps."""
    checks, site = gateway.checks, gateway.site
    unlock = lambda **which: gateway.act("UnlockBucketPolicy", **({"bucket": BUCKET} | DELETE | which))
    audit = lambda: gateway.act("AuditRootCredentials")
    error = lambda status, code, message: {"error": {"status": status, "code": code, "message": message}}
    off = "Root sessions feature is not enabled for your AWS Organization."
    rcp = "with an explicit deny in a resource control policy"
    for name, call, service, action, fault, exit_code, reason, code, more in (
        ("the global endpoint of STS", audit, "sts", "AssumeRoot", {"effect": error(400, "InvalidAction", "Unknown Operation")},
         INTERNAL, "AWS_MISCONFIGURED", "InvalidAction", {}),
        ("a feature that is off", unlock, "sts", "AssumeRoot", {"effect": error(403, "AccessDenied", off)},
         PRECONDITION, "FEATURE_NOT_ENABLED", "AccessDenied", {"Help": "enable-organizations-root-sessions", "PreconditionFailure": PAYMENTS}),
        ("a region without STS", audit, "sts", "AssumeRoot", {"effect": error(403, "RegionDisabledException", "not here")},
         PRECONDITION, "REGION_DISABLED", "RegionDisabledException", {"Help": "aws.home_region", "PreconditionFailure": PAYMENTS}),
        ("throttling, after three attempts", audit, "sts", "AssumeRoot", {"effect": "throttle", "times": 3},
         EXHAUSTED, "AWS_THROTTLED", "Throttling", {"RetryInfo": "5s"}),
        ("a bucket that is gone meanwhile", unlock, "s3", "GetBucketPolicy", {"effect": error(404, "NoSuchBucket", "gone")},
         NOT_FOUND, "BUCKET_NOT_FOUND", "NoSuchBucket", {}),
        ("an RCP", lambda: gateway.act("UnlockQueuePolicy", queueArn=QUEUE_ARN, **DELETE), "sqs", "GetQueueUrl",
         {"effect": error(403, "AccessDenied", rcp), "without_query_error": True},
         DENIED, "RCP_DENY", "AccessDeniedException", {"Help": "aws:AssumedRoot"}),
        ("a bucket elsewhere, without a body", lambda: unlock(region="eu-west-1"), "s3", "GetBucketPolicy",
         {"effect": error(301, "", ""), "bucket_region": "us-west-2", "empty_body": True},
         PRECONDITION, "WRONG_REGION", None, {"ErrorInfo": "us-west-2", "PreconditionFailure": PAYMENTS}),
        ("a page of a proxy in place of an answer to a change", unlock, "s3", "DeleteBucketPolicy", {"effect": "html_500"},
         UNKNOWN_OUTCOME, "OUTCOME_UNKNOWN", None, {}),
    ):
        gateway.simulated("faults", service=service, action=action, **fault)
        reply = call()
        site.refused(name, reply, exit_code, reason)
        hit = [call for call in gateway.aws_calls() if call["fault"]][-1]
        facts = reply.details.get("ErrorInfo", {}).get("metadata", {})
        keys = ("account_id", "aws_service", "aws_operation", "aws_http_status", "aws_error_code", "aws_request_id")
        seen = [facts.get(key) for key in keys]
        said = [PAYMENTS, service, action, str(hit["status"]), code, hit["request_id"]]
        checks.equal(f"{name}: the facts are AWS's", seen, said, reply.text)
        helpful = {kind: json.dumps(detail) for kind, detail in reply.details.items()}
        for kind, words in more.items():
            checks.holds(f"{name}: {kind} says what helps", helpful.get(kind, ""), words)
        checks.equal(f"{name}: there is no other detail", set(reply.details), {"ErrorInfo", *more}, reply.text)
    checks.equal("every fault was hit", gateway.simulated("faults").get("faults"), [])


def plans(gateway):
    """Look first, then act on what was seen."""
    checks, site = gateway.checks, gateway.site
    unlock = lambda **fields: gateway.act("UnlockBucketPolicy", **({"bucket": BUCKET} | fields))
    before = gateway.changes()
    looked = gateway.done("validate_only changes nothing", unlock(validateOnly=True, **DELETE), False)
    plan = looked.get("plan", {})
    checks.equal("it says what would be called", [call["operation"] for call in plan.get("calls", [])],
                 ["AssumeRoot", "ListBuckets", "GetBucketPolicy", "DeleteBucketPolicy", "GetBucketPolicy"])
    checks.holds("and what would change, as a diff", plan.get("policyDiff", ""), '-      "Sid": "Locked"')
    gateway.etag = plan.get("etag", "")
    for rpc, more in (("UnlockQueuePolicy", {"queueArn": QUEUE_ARN}), ("DeleteRootCredentials", {"credentialKinds": ["CREDENTIAL_KIND_ALL"]}),
                      ("AllowPasswordRecovery", {"ticket": TICKET})):
        planned = gateway.done(f"{rpc} has a plan too", gateway.act(rpc, validateOnly=True, **more), False).get("plan", {})
        checks.true("with an etag", planned.get("etag"), planned)
    site.refused("an etag of something else is stale", unlock(etag=planned.get("etag", ""), **DELETE), ABORTED, "STALE_ETAG", "etag")
    checks.equal("for all that nothing was changed", gateway.changes(), before)


def unlock_modes(gateway):
    checks, site = gateway.checks, gateway.site
    unlock = lambda bucket, mode, **more: gateway.act("UnlockBucketPolicy", bucket=bucket, mode=f"UNLOCK_MODE_{mode}", **more)
    kept = gateway.done("a deny without TLS locks nobody out", gateway.act("UnlockBucketPolicy", bucket="payments-open"), False)
    checks.equal("its verdict says so", [(judged["sid"], judged["verdict"], judged["removed"]) for judged in kept.get("statements", [])],
                 [("TlsOnly", "VERDICT_HARMLESS", False)])
    missing = unlock("payments-open", "REMOVE_LISTED_STATEMENTS", statements=[{"sid": "Nobody"}])
    site.refused("a statement that is not there", missing, PRECONDITION, "STATEMENT_NOT_FOUND", "Nobody")
    listed = gateway.done("a listed statement goes", unlock("payments-open", "REMOVE_LISTED_STATEMENTS", statements=[{"sid": "TlsOnly"}]), True)
    back = gateway.act("RestoreBucketPolicy", bucket="payments-open", backupId=listed.get("backupId"))
    gateway.done("RestoreBucketPolicy puts it back", back, True)
    statement = {"Sid": "New", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::payments-plain/*"}
    policy = lambda **changed: json.dumps({"Version": "2012-10-17", "Statement": [statement | changed]})
    replace = lambda text: unlock("payments-plain", "REPLACE_POLICY", replacementPolicy=text, ticket=TICKET)
    site.refused("what would open it to everybody is not installed", replace(policy()), PRECONDITION, "WOULD_EXPOSE", "accept_exposure")
    locking = policy(Effect="Deny", Action="s3:*", Resource="arn:aws:s3:::payments-plain")
    site.refused("nor what would lock", replace(locking), PRECONDITION, "WOULD_LOCK", "statement 0")
    own = policy(Principal={"AWS": f"arn:aws:iam::{PAYMENTS}:root"})
    replaced = gateway.done("what only the account itself gains is", replace(own), True)
    checks.equal("and was read again", (replaced.get("result"), replaced.get("verification")),
                 ("POLICY_RESULT_POLICY_REPLACED", "VERIFICATION_VERIFIED"))


def restore(gateway):
    checks, site, admin = gateway.checks, gateway.site, gateway.keys["payments-admin"]
    listed = gateway.act("ListPolicyBackups", bucket=BUCKET, includePolicies=True)
    backups = listed.json.get("backups", [])
    # The newest first; the other one was made for the change whose answer was lost.
    newest = [(backup["backupId"], backup["caller"], backup["operation"]) for backup in backups[:1]]
    wanted = [(gateway.bucket_backup, OPERATOR, "UnlockBucketPolicy")]
    checks.equal("ListPolicyBackups knows the removed policy, and who removed it", newest, wanted, listed.text)
    checks.equal("both times it was the same", [backup["policy"].count('"Sid": "Locked"') for backup in backups], [1, 1], listed.text)
    bucket = lambda **more: gateway.act("RestoreBucketPolicy", **({"bucket": BUCKET, "backupId": gateway.bucket_backup} | more))
    site.refused("what locks is put back only if that is accepted", bucket(), PRECONDITION, "WOULD_LOCK", "statement 0")
    nowhere = bucket(backupId="0197f1a2-0000-7000-8000-000000000001")
    site.refused("a backup that is not there", nowhere, NOT_FOUND, "BACKUP_NOT_FOUND")
    locking = {"acceptLockout": True, "ticket": TICKET}
    site.refused("a lockout wants a ticket", bucket(acceptLockout=True), DENIED, "PERMISSION_DENIED")
    plan = gateway.done("a restore can be planned", bucket(validateOnly=True, **locking), False).get("plan", {})
    gateway.done("RestoreBucketPolicy", bucket(etag=plan.get("etag"), **locking), True)
    site.refused("the same etag is stale then", bucket(etag=plan.get("etag"), **locking), ABORTED, "STALE_ETAG")
    read = gateway.cli(admin, "s3api", "get-bucket-policy", "--bucket", BUCKET)
    checks.holds("the admin is locked out again", read.err, "AccessDenied")
    queue = gateway.act("RestoreQueuePolicy", queueArn=QUEUE_ARN, backupId=gateway.queue_backup, **locking)
    gateway.done("RestoreQueuePolicy", queue, True)
    for rpc, which in (("UnlockBucketPolicy", {"bucket": BUCKET}), ("UnlockQueuePolicy", {"queueArn": QUEUE_ARN})):
        done = gateway.done(f"{rpc} without a mode takes away only what locks", gateway.act(rpc, **which), True)
        checks.equal("here that is all of it", done.get("result"), "POLICY_RESULT_POLICY_DELETED")


def unlock_bucket(gateway):
    checks, admin = gateway.checks, gateway.keys["payments-admin"]
    read = lambda: gateway.cli(admin, "s3api", "get-bucket-policy", "--bucket", BUCKET)
    put = lambda: gateway.cli(admin, "s3api", "put-object", "--bucket", BUCKET, "--key", "note.txt")
    checks.holds("the bucket's own admin is locked out of its policy", read().err, "AccessDenied")
    checks.holds("and of its objects", put().err, "AccessDenied")
    unlock = gateway.act("UnlockBucketPolicy", bucket=BUCKET, etag=gateway.etag, **DELETE)
    unlocked = gateway.done("UnlockBucketPolicy with the plan's etag", unlock, True)
    gateway.bucket_backup, gateway.unlock_index = unlocked.get("backupId"), unlocked.get("receipt", {}).get("journalIndex")
    checks.equal("it was verified by reading again", unlocked.get("verification"), "VERIFICATION_VERIFIED")
    checks.equal("it found the region", unlocked.get("region"), "eu-west-1")
    checks.holds("it hands back the policy that was removed", unlocked.get("previousPolicy", ""), '"Sid": "Locked"', f"arn:aws:s3:::{BUCKET}/*")
    calls = [call["operation"] for call in unlocked.get("receipt", {}).get("awsCalls", [])]
    checks.equal("the receipt lists the AWS calls", calls, ["AssumeRoot", "ListBuckets", "GetBucketPolicy", "DeleteBucketPolicy", "GetBucketPolicy"])
    checks.holds("there is no policy any more", read().err, "NoSuchBucketPolicy")
    checks.equal("the admin writes again", put().exit, 0)
    objects = gateway.cli(admin, "s3api", "list-objects-v2", "--bucket", BUCKET)
    checks.equal("nothing else was touched", [found["Key"] for found in objects.json.get("Contents", [])], ["2026/01.csv", "note.txt"], objects.text)
    gateway.done("a second time there is nothing to do", gateway.act("UnlockBucketPolicy", bucket=BUCKET, **DELETE), False)


def unlock_queue(gateway):
    checks, admin = gateway.checks, gateway.keys["payments-admin"]
    url = f"{gateway.endpoint}/{PAYMENTS}/{QUEUE}"
    receive = lambda: gateway.cli(admin, "sqs", "receive-message", "--queue-url", url)
    checks.holds("the queue's own admin is locked out", receive().err, "AccessDenied")
    unlocked = gateway.done("UnlockQueuePolicy", gateway.act("UnlockQueuePolicy", queueArn=QUEUE_ARN, **DELETE), True)
    gateway.queue_backup = unlocked.get("backupId")
    checks.equal("it was verified by reading again", unlocked.get("verification"), "VERIFICATION_VERIFIED")
    checks.holds("it hands back the policy that was removed", unlocked.get("previousPolicy", ""), '"Sid": "Locked"', QUEUE_ARN)
    message = receive()
    checks.equal("the admin reads the messages that were there", message.json.get("Messages", [{}])[0].get("Body"), "paid 1", message.text)
    by_name = gateway.act("UnlockQueuePolicy", queueName=QUEUE, region="eu-west-1", **DELETE)
    gateway.done("by name and region, there is nothing to do", by_name, False)
    by_url = gateway.act("UnlockQueuePolicy", queueUrl=f"https://sqs.eu-west-1.amazonaws.com/{PAYMENTS}/{QUEUE}", **DELETE)
    gateway.done("by URL too", by_url, False)


def root_credentials(gateway):
    checks = gateway.checks
    audit = lambda **who: gateway.act("AuditRootCredentials", **who)
    lists = ("accessKeys", "signingCertificates", "mfaDevices")
    drawers = lambda found: [bool(found.get("loginProfile")), *(len(found.get(name, "x")) for name in lists)]
    before = audit(who="auditor").json
    checks.equal("an auditor sees what root credentials there are", (before.get("hasCredentials"), drawers(before)), (True, [True, 2, 1, 1]))
    last_used = {key["accessKeyId"]: key["lastUsedService"] for key in before.get("accessKeys", [])}
    checks.equal("and when keys were last used", last_used, {"AKIAROOTKEY01EXAMPLE": "s3", "AKIAROOTKEY02EXAMPLE": ""})
    kinds = gateway.act("DeleteRootCredentials")
    gateway.site.refused("to leave out the kinds never means all", kinds, INVALID, "INVALID_REQUEST", "credential_kinds", "CREDENTIAL_KIND_ALL")
    deleted = gateway.done("DeleteRootCredentials of ALL", gateway.act("DeleteRootCredentials", credentialKinds=["CREDENTIAL_KIND_ALL"]), True)
    checks.equal("each item has its own status", [item["status"] for item in deleted.get("items", [])], ["DELETION_STATUS_DELETED"] * 5)
    after = audit().json
    checks.equal("nothing is left", (after.get("hasCredentials"), drawers(after)), (False, [False, 0, 0, 0]))
    again = gateway.act("DeleteRootCredentials", credentialKinds=["CREDENTIAL_KIND_ALL"])
    gateway.done("a second time there is nothing to do", again, False)

    recover = lambda **why: gateway.act("AllowPasswordRecovery", **why)
    gateway.site.refused("the shipped policy wants a ticket for password recovery", recover(), DENIED, "PERMISSION_DENIED")
    gateway.done("AllowPasswordRecovery", recover(ticket=TICKET), True)
    gateway.done("a second time it is allowed already", recover(ticket=TICKET), False)
    found = audit().json
    checks.equal("the login profile is there", (found.get("hasCredentials"), drawers(found)), (True, [True, 0, 0, 0]))


def assume_root(gateway):
    checks = gateway.checks
    assumed = gateway.act("AssumeRoot", taskPolicy=S3_TASK, duration="300s")
    checks.equal("AssumeRoot", assumed.exit, 0, assumed.text)
    gateway.receipts.append(assumed.receipt)
    credentials = assumed.json.get("credentials", {})
    gateway.secrets = [credentials.get("secretAccessKey", "?"), credentials.get("sessionToken", "?")]
    receipt = assumed.json.get("receipt", {})
    checks.equal("the receipt names the key that CloudTrail will show", receipt.get("accessKeyId"), credentials.get("accessKeyId"))
    exported = {"AWS_ACCESS_KEY_ID": credentials.get("accessKeyId", ""), "AWS_SECRET_ACCESS_KEY": gateway.secrets[0],
                "AWS_SESSION_TOKEN": gateway.secrets[1]}
    who = gateway.cli(exported, "sts", "get-caller-identity")
    checks.equal("exported into the AWS CLI, they are root", who.json.get("Arn"), f"arn:aws:iam::{PAYMENTS}:root", who.text)
    policy = gateway.cli(exported, "s3api", "get-bucket-policy", "--bucket", "payments-open", "--region", "us-east-1")
    checks.holds("they read a bucket's policy", policy.out, "TlsOnly")
    objects = gateway.cli(exported, "s3api", "list-objects-v2", "--bucket", BUCKET)
    checks.holds("but not its objects", objects.err, "AccessDenied")
    summary = gateway.cli(exported, "iam", "get-account-summary")
    checks.holds("and nothing of another task", summary.err, "AccessDenied")
    other = gateway.act("AssumeRoot", taskPolicy="TASK_POLICY_IAM_CREATE_ROOT_USER_PASSWORD")
    gateway.site.refused("policy allows one task policy only", other, DENIED, "PERMISSION_DENIED")


def who_may(gateway):
    checks, site, sessions = gateway.checks, gateway.site, gateway.root_sessions()
    unlock = lambda who: gateway.act("UnlockBucketPolicy", who=who, bucket=BUCKET, **DELETE)
    checks.equal("PERMISSION_DENIED is exit code 64+7", DENIED, 71)
    site.refused("a stranger may nothing", unlock("stranger"), DENIED, "PERMISSION_DENIED", "policy does not allow")
    site.refused("not even look", gateway.act("AuditRootCredentials", who="stranger"), DENIED, "PERMISSION_DENIED")
    site.refused("an auditor may not unlock", unlock("auditor"), DENIED, "PERMISSION_DENIED")
    # The TLS handshake fails, so there is no gRPC status: grpcurl exits with 1, and the gateway's log says why.
    soon = ("-connect-timeout", "2")
    nobody = gateway.grpc("grpc.health.v1.Health/Check", who=None, flags=soon)
    checks.true("without a client certificate there is no connection", nobody.exit == 1 and "Failed to dial" in nobody.err, nobody.text)
    checks.equal("and the log says why", gateway.refused_connection("peer sent no certificates"), True)
    # grpcurl does not send a certificate that none of the server's authorities issued; openssl sends it all the same.
    own = [word for name in ("cert", "key") for word in (f"-{name}", str(site.folder / f"outsider.{name.replace('cert', 'pem')}"))]
    foreign = run([tool("openssl", "apt-get install openssl"), "s_client", "-connect", site.address, "-CAfile", str(site.folder / "ca.pem"),
                   "-alpn", "h2", *own, "-ign_eof"], stdin="\n")
    checks.true("a certificate of another authority is refused", "alert" in foreign.err, foreign.text)
    checks.equal("and the log says why", gateway.refused_connection("UnknownIssuer"), True)
    outsider = gateway.grpc("grpc.health.v1.Health/Check", who="outsider", flags=soon)
    checks.true("so it is through grpcurl", outsider.exit == 1 and "Failed to dial" in outsider.err, outsider.text)
    checks.equal("for none of them AWS was asked for a root session", gateway.root_sessions(), sessions)


def explain(gateway):
    """Who may, and why, over gRPC and on the command line: both say what then happens."""
    checks, site = gateway.checks, gateway.site
    ask = lambda subject, who="auditor": gateway.grpc("rootgate.v1.PolicyService/ExplainAccess", {
        "reason": REASON, "caller": {"subject": subject, "scheme": "mtls"},
        "unlockBucketPolicy": {"accountId": PAYMENTS, "reason": REASON, "bucket": BUCKET, **DELETE}}, who=who)
    yes = ask(OPERATOR)
    checks.equal("an auditor learns that the operator may unlock", yes.json.get("allowed"), True, yes.text)
    checks.true("and by which policy", any(policy["policyId"].endswith("#operators-unlock")
                                           for policy in yes.json.get("decidingPolicies", [])), yes.text)
    no = ask(STRANGER)
    checks.equal("and that the stranger may not, since nothing permits", (no.json.get("allowed"), no.json.get("decidingPolicies")),
                 (False, []), no.text)
    site.refused("a stranger may not ask", ask(OPERATOR, who="stranger"), DENIED, "PERMISSION_DENIED")
    command = lambda subject: site.rootgate("policy", "explain", "--config", "rootgate.toml", "--caller", subject, "--operation",
                                            "UnlockBucketPolicy", "--account", PAYMENTS, "--bucket", BUCKET, "--json")
    for subject, allowed in ((OPERATOR, True), (STRANGER, False)):
        offline = command(subject)
        checks.equal(f"`rootgate policy explain` says the same of {subject}", (offline.json.get("allowed"), offline.exit),
                     (allowed, 0 if allowed else 1), offline.text)


def read_journal(gateway):
    """The journal over the API: whole, by filters, page by page, and each record checked as its comment in the proto says."""
    checks, site = gateway.checks, gateway.site
    records = lambda who="auditor", **fields: gateway.grpc(f"{JOURNAL}/ListRecords", {"reason": REASON, **fields}, who=who)
    listed, token = [], ""
    while True:
        page = records(pageSize=50, pageToken=token)
        listed += page.json.get("records", [])
        token = page.json.get("nextPageToken", "")
        if not checks.equal("an auditor reads a page of the journal", page.exit, 0, page.text) or not token:
            break
    written = [json.loads(line) for line in site.rootgate("journal", "list", "--journal", "journal.db", "--limit", "10000", "--json").out.splitlines()]
    through = int(page.json.get("throughIndex", 0))
    checks.equal("all pages are the journal's file up to there", [(record["hash"], json.loads(record["bodyJson"])) for record in listed],
                 [(line["hash"], line["record"]) for line in written[:through]])
    number = lambda value: int(value).to_bytes(8, "big")
    follows = lambda record: hashlib.sha256(
        b"rootgate/journal/v1\n" + number(record["index"]) + bytes.fromhex(record["previousHash"])
        + number(len(record["bodyJson"].encode())) + record["bodyJson"].encode()).hexdigest() == record["hash"]
    chain = ["0" * 64, *(record["hash"] for record in listed)]
    checks.true("every record's hash follows from the one before", listed and all(map(follows, listed))
                and [record["previousHash"] for record in listed] == chain[:-1], "a hash does not follow")
    backups = records(event="Backup", accountId=PAYMENTS)
    checks.true("filters find what they say", backups.json.get("records") and all(
        json.loads(record["bodyJson"])["event"] == "Backup" for record in backups.json["records"]), backups.text)
    first = records(pageSize=1).json.get("nextPageToken", "")
    for name, fields in (("of other filters", {"pageToken": first, "event": "Backup"}), ("made by hand", {"pageToken": "2.9-0"})):
        site.refused(f"a page token {name}", records(**fields), INVALID, "INVALID_REQUEST", "page_token", "every filter")
    site.refused("a page of less than nothing", records(pageSize=-1), INVALID, "INVALID_REQUEST", "page_size", "1 to 1000")
    site.refused("an event that is none", records(event="refusal"), INVALID, "INVALID_REQUEST", "event", "Refusal")
    site.refused("an operator may not read who did what", records(who="operator"), DENIED, "PERMISSION_DENIED")
    sign = lambda who: gateway.grpc(f"{JOURNAL}/GetCheckpoint", {"reason": REASON}, who=who)
    site.refused("without a key nothing is signed", sign("auditor"), PRECONDITION, "CHECKPOINTS_NOT_CONFIGURED", "no key")
    site.refused("nor for an operator", sign("operator"), DENIED, "PERMISSION_DENIED")


def bad_input(gateway):
    site, act, sessions = gateway.site, gateway.act, gateway.root_sessions()
    unlock = lambda **fields: act("UnlockBucketPolicy", **({"bucket": BUCKET} | DELETE | fields))
    assume = lambda **fields: act("AssumeRoot", **({"taskPolicy": S3_TASK} | fields))
    for name, reply, *words in (
        ("an account id of eleven digits", act("AuditRootCredentials", "33333333333"), "account_id", "exactly 12 digits"),
        ("an account id with letters", act("AuditRootCredentials", "33333333333x"), "account_id", "exactly 12 digits"),
        ("an ARN for a bucket's name", unlock(bucket=f"arn:aws:s3:::{BUCKET}"), "bucket", "not an ARN"),
        ("901 seconds", assume(duration="901s"), "duration", "whole seconds from 1 to 900"),
        ("a negative duration", assume(duration="-5s"), "duration", "whole seconds from 1 to 900"),
        ("half a second", assume(duration="0.5s"), "duration", "whole seconds from 1 to 900"),
        ("a task policy that is not known", assume(taskPolicy=77), "task_policy", "one of the five"),
        ("a credential kind that is not known", act("DeleteRootCredentials", credentialKinds=[77]), "credential_kinds", "known"),
        ("ALL among other kinds", act("DeleteRootCredentials", credentialKinds=[1, 2]), "credential_kinds", "stand alone"),
        ("an unlock mode that is not known", unlock(mode=77), "mode", "known UnlockMode"),
        ("a request id in capitals", unlock(requestId="01A1FFB8-C475-7301-932C-20666BFE2B7B"), "request_id", "lower case"),
        ("no reason", act("AuditRootCredentials", reason=""), "reason", "is required"),
        ("a dot for a reason", act("AuditRootCredentials", reason="."), "reason", "8"),
        ("a line break in a reason", act("AuditRootCredentials", reason="because\nof this"), "reason", "control"),
        ("a ticket with spaces", act("AuditRootCredentials", ticket="INC 1"), "ticket"),
        ("no queue", act("UnlockQueuePolicy", **DELETE), "queue_arn", "exactly one of"),
        ("two queues", act("UnlockQueuePolicy", queueArn=QUEUE_ARN, queueName=QUEUE, **DELETE), "queue_arn", "exactly one of"),
        ("another account's queue", act("UnlockQueuePolicy", ANALYTICS, queueArn=QUEUE_ARN, **DELETE), "queue_arn", "account_id"),
        ("a queue's name without region", act("UnlockQueuePolicy", queueName=QUEUE, **DELETE), "region"),
        ("a region that cannot be", unlock(region="us-east-1.evil"), "region"),
    ):
        site.refused(name, reply, INVALID, "INVALID_REQUEST", *words)
        violations = reply.details.get("BadRequest", {}).get("fieldViolations", [])
        gateway.checks.true(f"{name}: the field is named for machines too", [v["field"] for v in violations] == words[:1], reply.text)
    several = act("AuditRootCredentials", "1", reason="", ticket="a b")
    site.refused("everything that is wrong is said at once", several, INVALID, "INVALID_REQUEST", "account_id", "reason", "ticket")
    huge = act("AuditRootCredentials", reason="x" * 5 * 2**20)
    gateway.checks.true("a message of 5 MiB is refused with its limit", huge.exit == OUT_OF_RANGE and "65536 bytes" in huge.err, huge.err)
    gateway.checks.equal("for none of it AWS was asked for a root session", gateway.root_sessions(), sessions)


def targets(gateway):
    site = gateway.site
    audit = lambda account: gateway.act("AuditRootCredentials", account)
    bucket = lambda account=PAYMENTS, **which: gateway.act("UnlockBucketPolicy", account, **({"bucket": BUCKET} | DELETE | which))
    nowhere = gateway.act("UnlockQueuePolicy", queueName="nowhere", region="eu-west-1", **DELETE)
    for name, reply, code, reason in (
        ("the management account", audit(MANAGEMENT), PRECONDITION, "MANAGEMENT_ACCOUNT"),
        ("the gateway's own account", audit(OWN), PRECONDITION, "OWN_ACCOUNT"),
        ("a suspended account", audit(SUSPENDED), PRECONDITION, "ACCOUNT_NOT_ACTIVE"),
        ("an account outside of the organization", audit(UNKNOWN), NOT_FOUND, "ACCOUNT_NOT_IN_ORGANIZATION"),
        ("a bucket that is not there", bucket(bucket="payments-nowhere"), NOT_FOUND, "BUCKET_NOT_FOUND"),
        ("a bucket of another account", bucket(ANALYTICS), NOT_FOUND, "BUCKET_NOT_FOUND"),
        ("a queue that is not there", nowhere, NOT_FOUND, "QUEUE_NOT_FOUND"),
        ("a region that is not allowed", bucket(region="eu-north-1"), PRECONDITION, "REGION_NOT_ALLOWED"),
        ("a bucket in another region", bucket(region="us-east-1"), PRECONDITION, "WRONG_REGION"),
    ):
        site.refused(name, reply, code, reason)
    fortress = gateway.act("UnlockBucketPolicy", FORTRESS, bucket="fortress-vault", **DELETE)
    site.refused("an SCP that binds root", fortress, DENIED, "SCP_DENY", "service control policy", "aws:AssumedRoot", "aws_request_id")


def repeat(gateway):
    """A request with an id is carried out once."""
    checks, sessions = gateway.checks, gateway.root_sessions()
    unlock = lambda bucket=BUCKET: gateway.act("UnlockBucketPolicy", bucket=bucket, requestId=str(uuid.UUID(int=4711, version=4)), **DELETE)
    first, again = unlock(), unlock()
    gateway.done("UnlockBucketPolicy with a request_id", first, False)
    checks.equal("the same request again has the same answer, receipt and all", again.json, first.json, again.text)
    gateway.site.refused("another request under this id", unlock("payments-open"), ALREADY_EXISTS, "REQUEST_ID_REUSED", "request_id")
    checks.equal("one root session was asked for", gateway.root_sessions(), sessions + 1)


def not_served(gateway):
    site = gateway.site
    for method, body in NOT_SERVED.items():
        site.refused(f"{method} is not served yet", gateway.grpc(method, body), UNIMPLEMENTED, "NOT_SERVED", "not served yet")
    approval = gateway.act("UnlockBucketPolicy", bucket=BUCKET, approvalId="x", **DELETE)
    site.refused("approval_id that is not served is refused, not ignored", approval, UNIMPLEMENTED, "NOT_SERVED", "not served yet", "approval_id")


def every_method(gateway):
    left = gateway.methods - gateway.called
    gateway.checks.true(f"all {len(gateway.methods)} methods of the descriptor were called", not left, f"not called: {sorted(left)}")
    gone = gateway.called - gateway.methods
    gateway.checks.true("and no other", not gone, f"not in the descriptor: {sorted(gone)}")


def journal(gateway):
    checks, site = gateway.checks, gateway.site
    verify = lambda *more, file="journal.db": site.rootgate("journal", "verify", "--journal", file, *more)
    expected = [word for receipt in gateway.receipts for word in ("--expect", receipt)]
    whole = verify(*expected)
    checks.equal(f"the journal verifies with {len(gateway.receipts)} receipts while the gateway writes", whole.exit, 0, whole.text)
    checks.holds("and says so", whole.out, "verified", f"{len(gateway.receipts)} receipts")
    index = gateway.receipts[0].split(":")[0]
    forged = verify("--expect", f"{index}:{'0' * 64}")
    checks.true("a receipt of another journal is noticed", forged.exit == 1 and f"record {index}" in forged.text, forged.text)

    listed = site.rootgate("journal", "list", "--journal", "journal.db", "--limit", "1000", "--json")
    records = [json.loads(line)["record"] for line in listed.out.splitlines()]
    events = lambda name: [record for record in records if record["event"] == name]
    checks.equal("every intent has its outcome", len(events("Outcome")), len(events("Intent")))
    refusals = {(refusal["rpc"], refusal["error"]["reason"], (refusal["caller"] or {}).get("subject")) for refusal in events("Refusal")}
    wanted = {("UnlockBucketPolicy", "PERMISSION_DENIED", STRANGER), ("AssumeRoot", "INVALID_REQUEST", OPERATOR),
              ("ListRecords", "PERMISSION_DENIED", OPERATOR)}
    checks.true("refusals are recorded with who asked", wanted <= refusals, refusals)
    unlocked = next(outcome for outcome in events("Outcome") if str(outcome["index"]) == gateway.unlock_index)
    backups = {backup["index"]: backup["policy_sha256"] for backup in events("Backup")}
    kept = site.rootgate("journal", "backup", "--journal", "journal.db", gateway.bucket_backup)
    checks.holds("the removed policy is printed from the journal's file", kept.out, '"Sid": "Locked"')
    digest = hashlib.sha256(kept.out.encode()).hexdigest()
    checks.equal("and is the one of the record", backups.get(unlocked["detail"]["backup_index"]), digest)
    shown = site.rootgate("journal", "list", "--journal", "journal.db", "--limit", "100")
    checks.holds("people can read it", shown.out, "Started", "Intent", "Backup", "Outcome", REASON, OPERATOR)
    text = listed.out + "".join(site.gateway.log)
    checks.true("neither journal nor log holds a secret", not any(secret in text for secret in gateway.secrets), "a secret of AssumeRoot")


def stop(gateway):
    checks, site = gateway.checks, gateway.site
    code = site.gateway.stop()
    checks.equal("SIGTERM ends it with 0, although somebody watches", code, 0, "".join(site.gateway.log[-5:]))
    gateway.watch.stop()
    checks.holds("the watcher was told to go elsewhere", "".join(gateway.watch.log), "NOT_SERVING")
    verified = site.rootgate("journal", "verify", "--journal", "journal.db", "--expect", gateway.receipts[-1], "--json")
    checks.equal("the journal verifies after the stop", (verified.exit, verified.json.get("open_intents")), (0, []), verified.text)
    checks.equal("the simulator ends with 0", gateway.simulator.stop(), 0)


def tamper(gateway):
    checks, site = gateway.checks, gateway.site
    verify = lambda file, *more: site.rootgate("journal", "verify", "--journal", file, *more)
    journal = (site.folder / "journal.db").read_bytes()
    ticket = TICKET.encode()
    checks.true("the file holds the ticket", ticket in journal, "the ticket is not in the file")
    (site.folder / "edited.db").write_bytes(journal.replace(ticket, ticket[:-1] + b"2", 1))
    edited = verify("edited.db")
    checks.true("one changed byte is noticed", edited.exit == 1 and "NOT verified" in edited.out, edited.text)
    checks.holds("and where it is", edited.out, "its hash does not match")
    shutil.copy(site.folder / "journal.db", site.folder / "cut.db")
    with sqlite3.connect(site.folder / "cut.db", isolation_level=None) as database:
        database.execute("DROP TRIGGER records_no_delete")
        database.execute("DELETE FROM records WHERE idx >= ?", [int(gateway.receipts[-1].split(":")[0])])
    cut = verify("cut.db", "--expect", gateway.receipts[-1])
    checks.true("a receipt proves that the end was cut off", cut.exit == 1 and "cut off" in cut.out, cut.text)


PARTS = (reflection, health, aws_errors, plans, unlock_bucket, unlock_queue, restore, unlock_modes, root_credentials, assume_root,
         who_may, explain, read_journal, bad_input, targets, repeat, not_served, every_method, journal, stop, tamper)

if __name__ == "__main__":
    main(__doc__, lambda site: Gateway(site).start(), PARTS)
