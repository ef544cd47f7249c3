#!/usr/bin/env python3
"""Does AWS's published procedure for privileged root tasks by hand, against the built simulator.

Usage: python3 procedure.py PATH_TO_BINARY

Uses boto3, and the AWS CLI too if `aws` is there. Starts the simulator itself, prints one line per check, and exits non-zero on
any surprise.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request

try:
    import boto3
    import botocore.session
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.config import Config
    from botocore.credentials import Credentials
    from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
except ImportError:
    sys.exit("procedure.py needs boto3: pip install boto3 awscli")

TASKS = "arn:aws:iam::aws:policy/root-task/"
PAYMENTS, CLEAN, SUSPENDED, FORTRESS = "333333333333", "444444444444", "555555555555", "666666666666"
failures = 0
checks = 0


def check(name, actual, expected):
    """One line per check."""
    global failures, checks
    checks += 1
    if actual == expected:
        print(f"ok    {name}")
    else:
        failures += 1
        print(f"FAIL  {name}\n      expected {expected!r}\n      was      {actual!r}")


def refused(name, call, code, status=None, text=None):
    """Checks that a call is refused with this code (and status, and part of its message)."""
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]
        check(name, found["Code"], code)
        if status is not None:
            check(f"{name}: status", error.response["ResponseMetadata"]["HTTPStatusCode"], status)
        if text is not None and text not in found["Message"]:
            check(f"{name}: message", found["Message"], text)
        return
    check(name, "allowed", code)


class Simulator:
    """The binary under test, with what it says about itself."""

    def __init__(self, binary, *args):
        command = [binary, "--listen", "127.0.0.1:0", *args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.keys, name = {}, None
        for line in self.process.stdout:
            if line.startswith("endpoint"):
                self.endpoint = line.split()[1]
            elif line.startswith("global-sts"):
                self.global_sts = line.split()[1]
            elif match := re.match(r"# arn:aws:iam::\d+:(?:user|role)/(\S+) ", line):
                name = match[1]
            elif match := re.match(r"export AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)", line):
                self.keys[name] = (match[1], match[2])
            elif "/_simulator/calls" in line:
                break
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True).start()

    def client(self, service, who, region="eu-west-1", endpoint=None, retries=1):
        """A boto3 client of a principal by name, or of a session's credentials."""
        key = self.keys[who] if isinstance(who, str) else (who["AccessKeyId"], who["SecretAccessKey"], who["SessionToken"])
        config = Config(retries={"total_max_attempts": retries, "mode": "standard"}, s3={"addressing_style": "path"})
        return boto3.session.Session(*key, region_name=region).client(service, endpoint_url=endpoint or self.endpoint, config=config)

    def assume(self, task, account=PAYMENTS, who="gateway", **more):
        sts = self.client("sts", who)
        return sts.assume_root(TargetPrincipal=account, TaskPolicyArn={"arn": TASKS + task}, **more)["Credentials"]

    def admin(self, path, method="GET", body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.endpoint}/_simulator/{path}", method=method, data=data)
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


def who_is_who(sim):
    gateway = sim.client("sts", "gateway").get_caller_identity()
    check("GetCallerIdentity of a role", gateway["Arn"], "arn:aws:sts::222222222222:assumed-role/gateway/gateway-session")
    root = sim.client("sts", sim.assume("S3UnlockBucketPolicy")).get_caller_identity()
    check("GetCallerIdentity of a root session", (root["Arn"], root["UserId"]), (f"arn:aws:iam::{PAYMENTS}:root", PAYMENTS))
    short = sim.assume("S3UnlockBucketPolicy", DurationSeconds=60)
    check("access key of a root session", short["AccessKeyId"][:4], "ASIA")


def assume_root_refusals(sim):
    assume = sim.assume
    gateway = "arn:aws:sts::222222222222:assumed-role/gateway/gateway-session"
    generic = f"User: {gateway} is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::"
    s3 = "S3UnlockBucketPolicy"
    refused("900 seconds at most", lambda: assume(s3, DurationSeconds=901), "ValidationError", 400,
            "1 validation error detected: Value '901' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 900")
    refused("no other policy", lambda: assume("../AdministratorAccess"), "ValidationError", 400, "Request must contain valid AWS managed task policy ARN")
    refused("no IAM user as target", lambda: assume(s3, f"arn:aws:iam::{PAYMENTS}:user/x"), "ValidationError", 400, "Request must contain a valid target principal")
    refused("not the management account", lambda: assume(s3, "111111111111"), "AccessDenied", 403, generic + "111111111111:root")
    refused("not outside of the organization", lambda: assume(s3, "999999999999"), "AccessDenied", 403, generic)
    refused("not a suspended account", lambda: assume(s3, SUSPENDED), "AccessDenied", 403, generic)
    refused("not without permission", lambda: assume(s3, who="readonly"), "AccessDenied", 403)
    refused("not from a member account", lambda: assume(s3, who="payments-admin"), "AccessDenied", 403)
    root = assume(s3)
    refused("not from a root session", lambda: assume(s3, who=root), "AccessDenied", 403)
    global_sts = sim.client("sts", "gateway", endpoint=sim.global_sts, region="us-east-1")
    refused("not at the global endpoint", lambda: global_sts.assume_root(TargetPrincipal=PAYMENTS, TaskPolicyArn={"arn": TASKS + s3}),
            "InvalidAction", 400, "Unknown Operation")
    check("the global endpoint knows callers", global_sts.get_caller_identity()["Account"], "222222222222")
    wrong = boto3.session.Session(sim.keys["gateway"][0], "x" * 40, region_name="eu-west-1")
    refused("wrong secret", wrong.client("sts", endpoint_url=sim.endpoint).get_caller_identity, "SignatureDoesNotMatch", 403)
    nobody = boto3.session.Session("AKIANOBODYNOBODYNOBO", "x" * 40, region_name="eu-west-1")
    refused("unknown key", nobody.client("sts", endpoint_url=sim.endpoint).get_caller_identity, "InvalidClientTokenId", 403)
    refused("unknown key at S3", nobody.client("s3", endpoint_url=sim.endpoint).list_buckets, "InvalidAccessKeyId", 403)
    root["SessionToken"] += "x"
    refused("wrong session token", sim.client("sts", root).get_caller_identity, "InvalidClientTokenId", 403)


def unlock_bucket(sim):
    admin = sim.client("s3", "payments-admin")
    bucket = {"Bucket": "payments-ledger"}
    refused("the admin is locked out of reading", lambda: admin.get_bucket_policy(**bucket), "AccessDenied", 403, "with an explicit deny in a resource-based policy")
    refused("the admin is locked out of deleting", lambda: admin.delete_bucket_policy(**bucket), "AccessDenied", 403)
    refused("the admin is locked out of the objects", lambda: admin.get_object(Key="2026/01.csv", **bucket), "AccessDenied", 403)
    session = sim.assume("S3UnlockBucketPolicy", DurationSeconds=300)
    s3 = sim.client("s3", session)
    found = s3.list_buckets(Prefix="payments-ledger", MaxBuckets=10)["Buckets"]
    check("ListBuckets tells the region", [(b["Name"], b["BucketRegion"]) for b in found], [("payments-ledger", "eu-west-1")])
    owner = {"ExpectedBucketOwner": PAYMENTS, **bucket}
    policy = json.loads(s3.get_bucket_policy(**owner)["Policy"])
    check("root reads the policy that denies it", policy["Statement"][0]["Sid"], "Locked")
    refused("expected owner", lambda: s3.get_bucket_policy(ExpectedBucketOwner=CLEAN, **bucket), "AccessDenied", 403, "Access Denied")
    refused("the task does not cover HeadBucket", lambda: s3.head_bucket(**bucket), "403", 403)
    refused("nor objects", lambda: s3.list_objects_v2(**bucket), "AccessDenied", 403)
    refused("nor IAM", lambda: sim.client("iam", session).get_user(), "AccessDenied", 403, "with an explicit deny in a session policy")
    refused("not JSON", lambda: s3.put_bucket_policy(Policy="no", **owner), "MalformedPolicy", 400, "Policies must be valid JSON and the first byte must be '{'")
    refused("no statement", lambda: s3.put_bucket_policy(Policy="{}", **owner), "MalformedPolicy", 400, "Missing required field Statement")
    check("DeleteBucketPolicy", s3.delete_bucket_policy(**owner)["ResponseMetadata"]["HTTPStatusCode"], 204)
    check("DeleteBucketPolicy again", s3.delete_bucket_policy(**owner)["ResponseMetadata"]["HTTPStatusCode"], 204)
    refused("no policy any more", lambda: s3.get_bucket_policy(**owner), "NoSuchBucketPolicy", 404, "The bucket policy does not exist")
    check("the admin reads again", admin.get_object(Key="2026/01.csv", **bucket)["Body"].read(), b"id,amount\n1,100\n")
    check("a policy put back", s3.put_bucket_policy(Policy=json.dumps(policy), **owner)["ResponseMetadata"]["HTTPStatusCode"], 204)
    refused("locks again", lambda: admin.list_objects_v2(**bucket), "AccessDenied", 403)
    refused("no such bucket", lambda: s3.get_bucket_policy(Bucket="payments-nowhere"), "NoSuchBucket", 404)
    other = sim.client("s3", sim.assume("S3UnlockBucketPolicy", CLEAN))
    refused("another account's root is bound", lambda: other.get_bucket_policy(**bucket), "AccessDenied", 403)


def buckets_and_regions(sim):
    admin = sim.client("s3", "payments-admin")
    check("wrong region, redirected", admin.get_bucket_location(Bucket="payments-open")["LocationConstraint"], None)
    check("right region", admin.get_bucket_location(Bucket="payments-plain")["LocationConstraint"], "eu-west-1")
    admin.create_bucket(Bucket="payments-new", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    admin.put_object(Bucket="payments-new", Key="a b/ü+&.txt", Body=b"hello")
    check("an object put and got", admin.get_object(Bucket="payments-new", Key="a b/ü+&.txt")["Body"].read(), b"hello")
    check("and listed", admin.list_objects_v2(Bucket="payments-new", Prefix="a b/")["KeyCount"], 1)
    check("HeadBucket", admin.head_bucket(Bucket="payments-new")["BucketRegion"], "eu-west-1")
    virtual = boto3.session.Session(*sim.keys["payments-admin"], region_name="eu-west-1").client(
        "s3", endpoint_url=sim.endpoint.replace("127.0.0.1", "localhost"), config=Config(s3={"addressing_style": "virtual"}))
    try:
        check("virtual-host style", virtual.head_bucket(Bucket="payments-new")["BucketRegion"], "eu-west-1")
    except EndpointConnectionError:
        print("skip  virtual-host style: this machine does not resolve names under localhost")


def unlock_queue(sim):
    admin = sim.client("sqs", "payments-admin")
    url = admin.get_queue_url(QueueName="payments-audit")["QueueUrl"]
    events = url.replace("payments-audit", "payments-events")
    refused("the admin is locked out of the queue", lambda: admin.get_queue_attributes(QueueUrl=events, AttributeNames=["All"]), "AccessDenied", 403, "sqs:getqueueattributes")
    sqs = sim.client("sqs", sim.assume("SQSUnlockQueuePolicy", DurationSeconds=300))
    check("GetQueueUrl", sqs.get_queue_url(QueueName="payments-events", QueueOwnerAWSAccountId=PAYMENTS)["QueueUrl"], events)
    check("ListQueues", sqs.list_queues(QueueNamePrefix="payments-e")["QueueUrls"], [events])
    read = lambda: sqs.get_queue_attributes(QueueUrl=events, AttributeNames=["Policy"]).get("Attributes", {})
    check("root reads the queue's policy", json.loads(read()["Policy"])["Statement"][0]["Sid"], "Locked")
    refused("the task does not cover messages", lambda: sqs.receive_message(QueueUrl=events), "AccessDenied", 403)
    refused("an invalid policy", lambda: sqs.set_queue_attributes(QueueUrl=events, Attributes={"Policy": "{"}), "InvalidAttributeValue", 400)
    sqs.set_queue_attributes(QueueUrl=events, Attributes={"Policy": ""})
    sqs.set_queue_attributes(QueueUrl=events, Attributes={"Policy": ""})
    check("the policy is gone", read(), {})
    check("the admin reads messages again", admin.receive_message(QueueUrl=events)["Messages"][0]["Body"], "paid 1")
    refused("no such queue", lambda: sqs.get_queue_url(QueueName="nowhere"), "AWS.SimpleQueueService.NonExistentQueue", 400)
    try:
        sqs.get_queue_url(QueueName="nowhere")
    except sqs.exceptions.QueueDoesNotExist:
        check("it has its type", True, True)
    elsewhere = sim.client("sqs", "payments-admin", region="us-east-1")
    refused("queues have a region", lambda: elsewhere.get_queue_url(QueueName="payments-audit"), "AWS.SimpleQueueService.NonExistentQueue")


def root_credentials(sim):
    audit = sim.client("iam", sim.assume("IAMAuditRootUserCredentials"))
    user = audit.get_user()["User"]
    check("GetUser", (user["UserId"], user["Arn"], "UserName" in user), (PAYMENTS, f"arn:aws:iam::{PAYMENTS}:root", False))
    summary = lambda client: [client.get_account_summary()["SummaryMap"][key] for key in (
        "AccountPasswordPresent", "AccountAccessKeysPresent", "AccountMFAEnabled", "AccountSigningCertificatesPresent")]
    check("GetAccountSummary", summary(audit), [1, 1, 1, 1])
    check("GetAccountSummary, clean", summary(sim.client("iam", sim.assume("IAMAuditRootUserCredentials", CLEAN))), [0, 0, 0, 0])
    keys = [key["AccessKeyId"] for page in audit.get_paginator("list_access_keys").paginate() for key in page["AccessKeyMetadata"]]
    check("ListAccessKeys", keys, ["AKIAROOTKEY01EXAMPLE", "AKIAROOTKEY02EXAMPLE"])
    check("GetAccessKeyLastUsed", [audit.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]["ServiceName"] for key in keys], ["s3", "N/A"])
    check("GetLoginProfile", audit.get_login_profile()["LoginProfile"]["CreateDate"].year, 2021)
    refused("an audit deletes nothing", lambda: audit.delete_login_profile(), "AccessDenied", 403, f"iam:DeleteLoginProfile on resource: arn:aws:iam::{PAYMENTS}:root with an explicit deny in a session policy")
    refused("a root session names no user", lambda: audit.list_access_keys(UserName="payments-admin"), "AccessDenied", 403)
    delete = sim.client("iam", sim.assume("IAMDeleteRootUserCredentials"))
    refused("deleting has no summary", delete.get_account_summary, "AccessDenied", 403)
    for key in keys:
        delete.delete_access_key(AccessKeyId=key)
    refused("a key that is gone", lambda: delete.delete_access_key(AccessKeyId=keys[0]), "NoSuchEntity", 404)
    delete.delete_login_profile()
    refused("a profile that is gone", delete.get_login_profile, "NoSuchEntity", 404, "Login Profile for User null cannot be found.")
    for device in delete.list_mfa_devices()["MFADevices"]:
        delete.deactivate_mfa_device(SerialNumber=device["SerialNumber"])
    for certificate in delete.list_signing_certificates()["Certificates"]:
        delete.delete_signing_certificate(CertificateId=certificate["CertificateId"])
    check("nothing is left", summary(audit), [0, 0, 0, 0])
    create = sim.client("iam", sim.assume("IAMCreateRootUserPassword"))
    check("CreateLoginProfile", sorted(create.create_login_profile()["LoginProfile"]), ["CreateDate", "PasswordResetRequired"])
    refused("twice", create.create_login_profile, "EntityAlreadyExists", 409, f"Login Profile for account {PAYMENTS} already exists.")
    check("the summary shows it", summary(audit), [1, 0, 0, 0])


def guardrails_and_features(sim):
    fortress = sim.client("s3", sim.assume("S3UnlockBucketPolicy", FORTRESS), region="us-east-1")
    refused("an SCP binds root sessions", lambda: fortress.delete_bucket_policy(Bucket="fortress-vault"), "AccessDenied", 403, "with an explicit deny in a service control policy")
    iam, admin = sim.client("iam", "gateway"), sim.client("iam", "org-admin")
    check("ListOrganizationsFeatures", iam.list_organizations_features()["EnabledFeatures"], ["RootCredentialsManagement", "RootSessions"])
    admin.disable_organizations_root_sessions()
    refused("the unlock tasks need RootSessions", lambda: sim.assume("S3UnlockBucketPolicy"), "AccessDenied", 403, "Root sessions feature is not enabled for your AWS Organization.")
    sim.assume("IAMAuditRootUserCredentials")
    check("RootSessions on again", admin.enable_organizations_root_sessions()["OrganizationId"], "o-exampleorg1")
    admin.disable_organizations_root_credentials_management()
    refused("the credentials tasks need the other", lambda: sim.assume("IAMAuditRootUserCredentials"), "AccessDenied", 403, "Root credentials management feature is not enabled for your AWS Organization.")
    admin.enable_organizations_root_credentials_management()


def organization(sim):
    org = sim.client("organizations", "gateway", region="us-east-1")
    check("DescribeOrganization", org.describe_organization()["Organization"]["MasterAccountId"], "111111111111")
    account = org.describe_account(AccountId=PAYMENTS)["Account"]
    check("DescribeAccount", (account["State"], "Status" in account), ("ACTIVE", False))
    check("its path", account["Paths"], [f"o-exampleorg1/r-exam/ou-exam-workload/ou-exam-production/{PAYMENTS}/"])
    accounts = [a["Id"] for page in org.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2}) for a in page["Accounts"]]
    check("ListAccounts in pages", len(accounts), 6)
    check("ListParents", org.list_parents(ChildId=PAYMENTS)["Parents"], [{"Id": "ou-exam-production", "Type": "ORGANIZATIONAL_UNIT"}])
    check("ListRoots", org.list_roots()["Roots"][0]["Id"], "r-exam")
    check("ListTagsForResource", {t["Key"]: t["Value"] for t in org.list_tags_for_resource(ResourceId=PAYMENTS)["Tags"]}, {"team": "payments", "tier": "production"})
    check("ListAccountsForParent", len(org.list_accounts_for_parent(ParentId="ou-exam-workload")["Accounts"]), 2)
    units = org.get_paginator("list_organizational_units_for_parent").paginate(ParentId="r-exam", PaginationConfig={"PageSize": 1})
    check("ListOrganizationalUnitsForParent", [u["Name"] for page in units for u in page["OrganizationalUnits"]], ["security", "workloads"])
    check("DescribeOrganizationalUnit", org.describe_organizational_unit(OrganizationalUnitId="ou-exam-restrict")["OrganizationalUnit"]["Name"], "restricted")
    refused("no such account", lambda: org.describe_account(AccountId="999999999999"), "AccountNotFoundException", 400)
    member = sim.client("organizations", "payments-admin", region="us-east-1")
    refused("members list nothing", member.list_accounts, "AccessDeniedException", 400)
    admin = sim.client("organizations", "org-admin", region="us-east-1")
    refused("a delegate holds trusted access", lambda: admin.disable_aws_service_access(ServicePrincipal="iam.amazonaws.com"), "ConstraintViolationException", 400)


def sessions_with_a_name(sim):
    broker = sim.client("sts", "gateway").assume_role(
        RoleArn="arn:aws:iam::222222222222:role/broker", RoleSessionName="op-1", SourceIdentity="alice@example.com",
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRoot", "Resource": f"arn:aws:iam::{PAYMENTS}:root",
             "Condition": {"StringEquals": {"sts:TaskPolicyArn": TASKS + "S3UnlockBucketPolicy"}}}]}))["Credentials"]
    sts = sim.client("sts", broker)
    reply = sts.assume_root(TargetPrincipal=PAYMENTS, TaskPolicyArn={"arn": TASKS + "S3UnlockBucketPolicy"})
    check("the source identity is handed on", reply["SourceIdentity"], "alice@example.com")
    refused("the session policy binds to the task", lambda: sim.assume("SQSUnlockQueuePolicy", who=broker), "AccessDenied", 403)
    refused("and to the account", lambda: sim.assume("S3UnlockBucketPolicy", CLEAN, who=broker), "AccessDenied", 403)
    refused("not everybody assumes the role", lambda: sim.client("sts", "payments-admin").assume_role(
        RoleArn="arn:aws:iam::222222222222:role/broker", RoleSessionName="op-1"), "AccessDenied", 403)


def presigned(sim):
    request = AWSRequest("GET", f"{sim.endpoint}/?Action=GetCallerIdentity&Version=2011-06-15")
    SigV4QueryAuth(Credentials(*sim.keys["gateway"]), "sts", "eu-west-1", expires=60).add_auth(request)
    with urllib.request.urlopen(request.url) as reply:
        check("a presigned GetCallerIdentity", b"assumed-role/gateway" in reply.read(), True)
    try:
        urllib.request.urlopen(request.url.replace("2011-06-15", "2011-06-16"))
        check("a changed presigned URL", "allowed", "403")
    except urllib.error.HTTPError as error:
        check("a changed presigned URL", error.code, 403)


def faults(sim):
    bucket = {"Bucket": "payments-ledger"}
    s3 = sim.client("s3", sim.assume("S3UnlockBucketPolicy"))
    fault = lambda action, effect, **more: sim.admin("faults", "POST", {"service": "s3", "action": action, "effect": effect, **more})
    fault("GetBucketPolicy", "throttle")
    refused("throttled", lambda: s3.get_bucket_policy(**bucket), "SlowDown", 503)
    fault("GetBucketPolicy", "html_500")
    refused("a proxy's page", lambda: s3.get_bucket_policy(**bucket), "500", 500)
    for effect, left in (("drop_connection", True), ("lose_reply", False)):
        fault("DeleteBucketPolicy", effect)
        try:
            s3.delete_bucket_policy(**bucket)
            check(effect, "answered", "closed")
        except ConnectionClosedError:
            payments = next(a for a in sim.admin("world")["accounts"] if a["id"] == PAYMENTS)
            policy = next(b for b in payments["buckets"] if b["name"] == "payments-ledger")["policy"]
            check(f"{effect}: the policy is there", policy is not None, left)
    fault("GetBucketPolicy", {"error": {"status": 403, "code": "Odd", "message": "so"}}, times=2)
    fault("GetBucketPolicy", "throttle")
    sim.admin("faults", "DELETE")
    refused("faults are forgotten", lambda: s3.get_bucket_policy(**bucket), "NoSuchBucketPolicy", 404)
    sim.admin("expire-sessions", "POST")
    refused("expired at S3", lambda: s3.get_bucket_policy(**bucket), "ExpiredToken", 400)


def log(sim):
    calls = sim.admin("calls")["calls"]
    text = json.dumps(calls)
    check("the log numbers all calls", [c["index"] for c in calls], list(range(len(calls))))
    secrets = [secret for _, secret in sim.keys.values()]
    check("the log holds no secret", any(secret in text for secret in secrets), False)
    lost = [c for c in calls if not c["delivered"]]
    check("the log knows lost replies", [(c["action"], c["status"], c["mutating"]) for c in lost],
          [("DeleteBucketPolicy", 0, True), ("DeleteBucketPolicy", 204, True)])
    check("the log knows source identities", any(c["source_identity"] == "alice@example.com" for c in calls), True)
    check("since", len(sim.admin(f"calls?since={len(calls) - 1}")["calls"]), 1)


def command_line(sim):
    """What people do by hand in a shell."""
    if not shutil.which("aws"):
        print("skip  the AWS CLI is not installed")
        return
    base = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    base |= {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}

    def aws(env, *args, endpoint=sim.endpoint):
        done = subprocess.run(["aws", "--endpoint-url", endpoint, "--output", "json", *args], env=base | env, capture_output=True, text=True)
        return (json.loads(done.stdout) if done.stdout.strip() else {}) if done.returncode == 0 else done.stderr.strip()

    gateway = dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), sim.keys["gateway"]))

    def assume(task, endpoint=sim.endpoint):
        return aws(gateway, "sts", "assume-root", "--target-principal", PAYMENTS, "--task-policy-arn", f"arn={TASKS}{task}", "--duration-seconds", "300", endpoint=endpoint)

    def session(task):
        found = assume(task)["Credentials"]
        return {"AWS_ACCESS_KEY_ID": found["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"], "AWS_SESSION_TOKEN": found["SessionToken"]}

    check("cli: wrong endpoint", "InvalidAction" in assume("S3UnlockBucketPolicy", sim.global_sts), True)
    s3 = session("S3UnlockBucketPolicy")
    check("cli: get-caller-identity", aws(s3, "sts", "get-caller-identity")["Arn"], f"arn:aws:iam::{PAYMENTS}:root")
    check("cli: delete-bucket-policy", aws(s3, "s3api", "delete-bucket-policy", "--bucket", "payments-ledger"), {})
    check("cli: wrong task", "AccessDenied" in aws(s3, "iam", "get-account-summary"), True)
    sqs = session("SQSUnlockQueuePolicy")
    url = aws(sqs, "sqs", "get-queue-url", "--queue-name", "payments-events")["QueueUrl"]
    check("cli: set-queue-attributes", aws(sqs, "sqs", "set-queue-attributes", "--queue-url", url, "--attributes", '{"Policy":""}'), {})
    audit = session("IAMAuditRootUserCredentials")
    check("cli: list-access-keys", aws(audit, "iam", "list-access-keys")["AccessKeyMetadata"], [])
    admin = dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), sim.keys["payments-admin"]))
    check("cli: s3api list-buckets", len(aws(admin, "s3api", "list-buckets")["Buckets"]), 4)


def strange_arguments(binary):
    done = subprocess.run([binary, "--listen", "0.0.0.0:0"], capture_output=True, text=True)
    check("refuses to listen beyond loopback", (done.returncode, "loopback" in done.stderr), (64, True))
    done = subprocess.run([binary, "--scenario", "/nonexistent.toml"], capture_output=True, text=True)
    check("refuses a scenario that is not there", (done.returncode, "nonexistent" in done.stderr), (64, True))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    strange_arguments(sys.argv[1])
    sim = Simulator(sys.argv[1])
    try:
        for part in (who_is_who, assume_root_refusals, unlock_bucket, buckets_and_regions, unlock_queue, root_credentials,
                     guardrails_and_features, organization, sessions_with_a_name, presigned, faults, log, command_line):
            part(sim)
    finally:
        code = sim.stop()
    check("stops cleanly on SIGTERM", code, 0)
    check("prints one line per call", sum(" sts:AssumeRoot " in line for line in sim.lines) > 20, True)
    print(f"{checks - failures} passed, {failures} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
