#!/usr/bin/env python3
"""Lets the built gateway unlock buckets and queues on an AWS that is not ours: ministack, which knows nothing of this project.

Usage: python3 tests/clients/ministack.py BIN_DIR     (the folder with rootgate, such as target/debug)

Needs openssl, and `pip install -r tests/clients/requirements-ministack.txt` with its bin folder on PATH. Prints one line per check,
and exits non-zero if any of them failed. Everything happens in a temporary folder, on ports that were free.

Ministack has no sts:AssumeRoot, so a router stands before it. The router answers for STS and Organizations itself, and hands out
credentials that ministack made: sessions of an account's root user, by GetSessionToken. Calls of S3 and SQS pass through it unchanged,
and ministack verifies their signatures and session tokens. What ministack does not do, and these checks so cannot show:

- Its root user may do everything: no task policy limits a session. The simulator's task policies do.
- It ignores `x-amz-expected-bucket-owner`.
- It denies root on a queue whose policy denies everybody, where AWS documents that root may edit it. So the queue that is unlocked here
  has a policy that does not lock, and the one that locks shows how the gateway reports a denial of SQS.
- A 12-digit access key is an account's root user whatever the signature. Only this script uses such keys, to set the scene.
"""
import datetime
import http.client
import http.server
import json
import re
import sys
import threading
import urllib.parse

sys.dont_write_bytecode = True  # The checkout stays as it is.
from harness import START_SECONDS, main, tool

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    raise SystemExit("boto3 is not there: pip install -r tests/clients/requirements-ministack.txt") from None

MANAGEMENT, OWN, PAYMENTS, ANALYTICS = (digit * 12 for digit in "1234")
GATEWAY_KEY = "AKIAGATEWAY00EXAMPLE"
BUCKET, SIMILAR, DOTTED, OPEN = "payments-ledger", "payments-ledger-copy", "payments.in.virginia", "payments-open"
QUEUE, LOCKED_QUEUE, FIFO = "payments-events", "payments-locked", "payments-orders.fifo"
DELETE = {"mode": "UNLOCK_MODE_DELETE_POLICY"}
TASKS = "arn:aws:iam::aws:policy/root-task/"
# grpcurl exits with 64 + the gRPC code.
NOT_FOUND, DENIED, PRECONDITION = (64 + code for code in (5, 7, 9))


class Router(http.server.BaseHTTPRequestHandler):
    """Answers for STS and Organizations, and passes S3 and SQS on to ministack as they came."""

    protocol_version = "HTTP/1.1"

    def route(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        scope = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
        key, service = scope.groups() if scope else ("", "")
        if service in ("s3", "sqs"):
            self.server.passed.append((service, key))
            self.forward(body)
        elif key != GATEWAY_KEY:
            self.answer(403, "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code></Error></ErrorResponse>")
        elif service == "sts":
            self.sts({name: values[0] for name, values in urllib.parse.parse_qs(body.decode()).items()})
        else:
            self.organizations(self.headers.get("X-Amz-Target", ""), json.loads(body or b"{}"))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = route

    def forward(self, body):
        """The method, the path, every header with its value, Host too, and the body: that is all that a signature covers."""
        upstream = http.client.HTTPConnection(self.server.ministack, timeout=START_SECONDS)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        reply = upstream.getresponse()
        content = reply.read()
        self.send_response_only(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        upstream.close()

    def sts(self, call):
        if call["Action"] == "GetCallerIdentity":
            result = (f"<Account>{OWN}</Account><UserId>AROAGATEWAY:gateway-session</UserId>"
                      f"<Arn>arn:aws:sts::{OWN}:assumed-role/gateway/gateway-session</Arn>")
        else:
            account, task = call["TargetPrincipal"], call["TaskPolicyArn.arn"]
            self.server.assumed.append((account, task.removeprefix(TASKS), int(call["DurationSeconds"])))
            made = self.server.root("sts", account).get_session_token(DurationSeconds=900)["Credentials"]
            expiration = made["Expiration"].astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            fields = made | {"Expiration": expiration}
            result = "<Credentials>" + "".join(f"<{name}>{fields[name]}</{name}>" for name in
                                               ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")) + "</Credentials>"
        action = call["Action"]
        self.answer(200, "text/xml", f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{result}'
                                     f"</{action}Result><ResponseMetadata><RequestId>sts-1</RequestId></ResponseMetadata></{action}Response>")

    def organizations(self, target, call):
        if target.endswith(".DescribeOrganization"):
            answer = {"Organization": {"Id": "o-exampleorg1", "MasterAccountId": MANAGEMENT, "FeatureSet": "ALL"}}
        elif call.get("AccountId") in (PAYMENTS, ANALYTICS):
            answer = {"Account": {"Id": call["AccountId"], "State": "ACTIVE"}}
        else:
            answer = {"__type": "AccountNotFoundException", "Message": "You specified an account that doesn't exist."}
        self.answer(400 if "__type" in answer else 200, "application/x-amz-json-1.1", json.dumps(answer))

    def answer(self, status, kind, text):
        content = text.encode()
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-amzn-RequestId", "router-1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """The checks say what matters."""


class Ministack:
    """The independent AWS, the router before it, and a gateway that acts through the router."""

    def __init__(self, site):
        self.site, self.checks = site, site.checks

    def start(self):
        site = self.site
        command = [tool("ministack", "pip install -r tests/clients/requirements-ministack.txt")]
        self.process = site.start(command, AUTH="true", BIND_HOST="127.0.0.1", GATEWAY_PORT="0", PERSIST_STATE="0", TMPDIR=str(site.folder))
        # The line of its HTTP server names the true port.
        self.endpoint = self.process.wait_for(lambda line: (re.search(r"Running on (http://127\.0\.0\.1:\d+)", line) or [None, None])[1])
        self.router = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Router)
        self.router.ministack, self.router.root = self.endpoint.removeprefix("http://"), self.root
        self.router.assumed, self.router.passed = [], []
        site.stack.callback(self.router.server_close)
        site.stack.callback(self.router.shutdown)
        threading.Thread(target=self.router.serve_forever, daemon=True).start()
        self.set_the_scene()
        site.certificates()
        site.configure(f"http://127.0.0.1:{self.router.server_port}", "")
        site.serve(GATEWAY_KEY, "not-a-secret")
        return self

    def client(self, service, keys, region="eu-west-1"):
        """Straight to ministack, past the router."""
        config = Config(retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"})
        session = boto3.session.Session(*keys, region_name=region)
        return session.client(service, endpoint_url=self.endpoint, config=config)

    def root(self, service, account=PAYMENTS, region="eu-west-1"):
        return self.client(service, (account, "test"), region)

    def set_the_scene(self):
        """An administrator, buckets and queues with policies and with contents."""
        iam = self.root("iam")
        iam.create_user(UserName="admin")
        anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=json.dumps(anything))
        key = iam.create_access_key(UserName="admin")["AccessKey"]
        self.admin = key["AccessKeyId"], key["SecretAccessKey"]
        for bucket, region in ((BUCKET, "eu-west-1"), (SIMILAR, "eu-west-1"), (OPEN, "eu-west-1"), (DOTTED, "us-east-1")):
            s3 = self.root("s3", region=region)
            where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            s3.create_bucket(Bucket=bucket, **where)
            s3.put_object(Bucket=bucket, Key="2026/01.csv", Body=b"id,amount\n1,100\n")
            if bucket != OPEN:
                s3.put_bucket_policy(Bucket=bucket, Policy=locking("s3", f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"))
        sqs = self.root("sqs")
        for queue in (QUEUE, LOCKED_QUEUE, FIFO):
            fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if queue == FIFO else {}
            url = sqs.create_queue(QueueName=queue, Attributes=fifo)["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody="paid 1", **({"MessageGroupId": "one"} if fifo else {}))
            policy = locking("sqs", arn(queue)) if queue == LOCKED_QUEUE else granting(arn(queue))
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def bucket_policy(self, bucket, region="eu-west-1"):
        """What ministack holds; the code of its error if there is none."""
        return outcome(lambda: self.root("s3", region=region).get_bucket_policy(Bucket=bucket)["Policy"])

    def queue_policy(self, queue):
        """What ministack holds; none if there is none."""
        sqs = self.root("sqs")
        read = lambda: sqs.get_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], AttributeNames=["Policy"])
        return outcome(lambda: read().get("Attributes", {}).get("Policy"))

    def done(self, name, reply, changed, verification, previous):
        seen = [reply.json.get(field) for field in ("changed", "verification", "previousPolicy")]
        self.checks.equal(name, (reply.exit, seen), (0, [changed, verification, previous]), reply.text)


def arn(queue):
    return f"arn:aws:sqs:eu-west-1:{PAYMENTS}:{queue}"


def locking(service, *resources):
    statement = {"Sid": "Locked", "Effect": "Deny", "Principal": "*", "Action": f"{service}:*", "Resource": resources}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def granting(resource):
    principal = {"AWS": f"arn:aws:iam::{ANALYTICS}:root"}
    statement = {"Sid": "Analytics", "Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def outcome(call):
    """What a call returns, or the code of its error."""
    try:
        return call()
    except ClientError as error:
        return error.response["Error"]["Code"]


def it_is_a_strict_aws(aws):
    """What the other checks rest on: nothing passes ministack that is not signed with the session's secret and token."""
    made = aws.root("sts").get_session_token(DurationSeconds=900)["Credentials"]
    key, secret, token = made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]
    read = lambda *keys: outcome(lambda: aws.client("s3", keys).get_bucket_policy(Bucket=BUCKET)["Policy"])
    aws.checks.holds("a root session reads a locked policy", read(key, secret, token), "Locked")
    aws.checks.equal("a wrong secret is refused", read(key, "wrong", token), "SignatureDoesNotMatch")
    aws.checks.equal("a wrong session token is refused", read(key, secret, "wrong"), "InvalidToken")
    aws.checks.equal("no session token is refused", read(key, secret), "InvalidAccessKeyId")
    get = lambda: aws.client("s3", aws.admin).get_object(Bucket=BUCKET, Key="2026/01.csv")["Body"].read()
    aws.checks.equal("the account's administrator is locked out", outcome(get), "AccessDenied")


def unlock_buckets(aws):
    checks, act = aws.checks, aws.site.act
    policy = aws.bucket_policy(BUCKET)
    found = act("UnlockBucketPolicy", PAYMENTS, bucket=BUCKET, **DELETE)
    aws.done("UnlockBucketPolicy finds the region", found, True, "VERIFICATION_VERIFIED", policy)
    checks.equal("the region is the bucket's", found.json.get("region"), "eu-west-1")
    checks.equal("the policy is gone", aws.bucket_policy(BUCKET), "NoSuchBucketPolicy")
    get = lambda: aws.client("s3", aws.admin).get_object(Bucket=BUCKET, Key="2026/01.csv")["Body"].read()
    checks.equal("the administrator reads the object that was there", outcome(get), b"id,amount\n1,100\n")
    checks.holds("a bucket whose name begins the same is as it was", aws.bucket_policy(SIMILAR), "Locked")
    again = act("UnlockBucketPolicy", PAYMENTS, bucket=BUCKET, **DELETE)
    aws.done("a second time there is nothing to do", again, False, "VERIFICATION_UNSPECIFIED", "")
    open_bucket = act("UnlockBucketPolicy", PAYMENTS, bucket=OPEN, region="eu-west-1", **DELETE)
    aws.done("a bucket that never had a policy: nothing to do", open_bucket, False, "VERIFICATION_UNSPECIFIED", "")

    policy = aws.bucket_policy(DOTTED, "us-east-1")
    wrong = act("UnlockBucketPolicy", PAYMENTS, bucket=DOTTED, region="eu-west-1", **DELETE)
    aws.site.refused("a wrong region is refused", wrong, PRECONDITION, "WRONG_REGION", '"bucket_region":"us-east-1"')
    checks.equal("and changes nothing", aws.bucket_policy(DOTTED, "us-east-1"), policy)
    named = act("UnlockBucketPolicy", PAYMENTS, bucket=DOTTED, region="us-east-1", **DELETE)
    aws.done("UnlockBucketPolicy in the region that is named", named, True, "VERIFICATION_VERIFIED", policy)
    checks.equal("the policy is gone there", aws.bucket_policy(DOTTED, "us-east-1"), "NoSuchBucketPolicy")
    calls = named.json.get("receipt", {}).get("awsCalls", [])
    operations = ["AssumeRoot", "GetBucketPolicy", "DeleteBucketPolicy", "GetBucketPolicy"]
    checks.equal("without looking for the bucket", [call["operation"] for call in calls], operations)
    checks.true("the receipt has the request id of every call", calls and all(call["requestId"] for call in calls), calls)


def buckets_that_are_not_the_accounts(aws):
    act, refused = aws.site.act, aws.site.refused
    refused("an unknown bucket", act("UnlockBucketPolicy", PAYMENTS, bucket="payments-nowhere", **DELETE), NOT_FOUND, "BUCKET_NOT_FOUND")
    named = act("UnlockBucketPolicy", PAYMENTS, bucket="payments-nowhere", region="eu-west-1", **DELETE)
    refused("an unknown bucket in a region that is named", named, NOT_FOUND, "BUCKET_NOT_FOUND", '"aws_error_code":"NoSuchBucket"', "aws_request_id")
    refused("another account's bucket", act("UnlockBucketPolicy", ANALYTICS, bucket=SIMILAR, **DELETE), NOT_FOUND, "BUCKET_NOT_FOUND")
    foreign = act("UnlockBucketPolicy", ANALYTICS, bucket=SIMILAR, region="eu-west-1", **DELETE)
    refused("another account's bucket in a region that is named", foreign, DENIED, "AWS_ACCESS_DENIED", '"aws_operation":"DeleteBucketPolicy"')
    aws.checks.holds("it is as it was", aws.bucket_policy(SIMILAR), "Locked")


def unlock_queues(aws):
    checks, act = aws.checks, aws.site.act
    for name, queue, how in (("by ARN", QUEUE, {"queueArn": arn(QUEUE)}), ("by name", FIFO, {"queueName": FIFO, "region": "eu-west-1"})):
        unlocked = act("UnlockQueuePolicy", PAYMENTS, **how, **DELETE)
        aws.done(f"UnlockQueuePolicy {name}", unlocked, True, "VERIFICATION_VERIFIED", granting(arn(queue)))
        calls = unlocked.json.get("receipt", {}).get("awsCalls", [])
        checks.true(f"{queue}: the receipt has the request id of every call", calls and all(call["requestId"] for call in calls), calls)
        checks.equal(f"{queue}: the policy is gone", aws.queue_policy(queue), None)
        sqs = aws.client("sqs", aws.admin)
        messages = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"]).get("Messages", [])
        checks.equal(f"{queue}: the message is still there", [message["Body"] for message in messages], ["paid 1"])
        again = act("UnlockQueuePolicy", PAYMENTS, **how, **DELETE)
        aws.done(f"{queue}: a second time there is nothing to do", again, False, "VERIFICATION_UNSPECIFIED", "")
    unknown = act("UnlockQueuePolicy", PAYMENTS, queueArn=arn("nowhere"), **DELETE)
    aws.site.refused("an unknown queue", unknown, NOT_FOUND, "QUEUE_NOT_FOUND", "NonExistentQueue", "aws_request_id")
    elsewhere = act("UnlockQueuePolicy", PAYMENTS, queueName=QUEUE, region="us-east-1", **DELETE)
    aws.site.refused("a queue of another region", elsewhere, NOT_FOUND, "QUEUE_NOT_FOUND")
    # AWS would let root edit it; ministack does not.
    denied = act("UnlockQueuePolicy", PAYMENTS, queueArn=arn(LOCKED_QUEUE), **DELETE)
    aws.site.refused("a denial of SQS is told as one", denied, DENIED, "AWS_ACCESS_DENIED", '"aws_service":"sqs"')


def what_was_asked_for(aws):
    checks, router = aws.checks, aws.router
    tasks = {(account, task) for account, task, _ in router.assumed}
    wanted = {(PAYMENTS, "S3UnlockBucketPolicy"), (ANALYTICS, "S3UnlockBucketPolicy"), (PAYMENTS, "SQSUnlockQueuePolicy")}
    checks.equal("each act asked for its own task policy and account", tasks, wanted)
    checks.equal("for sessions within AWS's limit", [seconds for *_, seconds in router.assumed if not 0 < seconds <= 900], [])
    own = [service for service, key in router.passed if key == GATEWAY_KEY]
    checks.equal("S3 and SQS never saw the gateway's own key", own, [])
    keys = {key for _, key in router.passed}
    checks.equal("each act had a root session of its own", len(keys), len(router.assumed))


def stop(aws):
    code = aws.site.gateway.stop()
    aws.checks.equal("SIGTERM ends the gateway with 0", code, 0, "".join(aws.site.gateway.log[-5:]))
    verified = aws.site.rootgate("journal", "verify", "--journal", "journal.db", "--json")
    aws.checks.equal("its journal verifies", (verified.exit, verified.json.get("open_intents")), (0, []), verified.text)
    aws.process.stop()


PARTS = (it_is_a_strict_aws, unlock_buckets, buckets_that_are_not_the_accounts, unlock_queues, what_was_asked_for, stop)

if __name__ == "__main__":
    main(__doc__, lambda site: Ministack(site).start(), PARTS)
