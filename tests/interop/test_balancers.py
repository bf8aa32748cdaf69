"""HAProxy and nginx in front: what they say of the client arrives, by every way they have of saying it."""

from __future__ import annotations

import functools
import http.server
import imaplib
import secrets
import shutil
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import TestCase

from tests.docs.pages import DOCS, blocks
from tests.node.harness import Node
from tests.ports import free_ports

from . import service
from .postfix import Postfix
from .service import ALICE, PASSWORD, program, run

CLIENT = "127.0.0.2"
"""The client's address; the balancer's own is 127.0.0.1."""

HAPROXY = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 10s
    timeout client 30s
    timeout server 30s
    default-server inter 200ms
listen smtp
    bind 127.0.0.1:{smtp}
    server mx 127.0.0.1:{mx} send-proxy check
listen smtp2
    bind 127.0.0.1:{smtp2}
    server mx 127.0.0.1:{mx} send-proxy-v2 proxy-v2-options crc32c,unique-id check
    unique-id-format %ci.%ts.%rt
listen imaps
    bind 127.0.0.1:{imaps}
    server store 127.0.0.1:{store_imaps} send-proxy-v2
listen ended
    bind 127.0.0.1:{ended} ssl crt {pem}
    server mx 127.0.0.1:{mx} send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority,ssl-cipher
listen ended_imap
    bind 127.0.0.1:{ended_imap} ssl crt {pem}
    server store 127.0.0.1:{store_imap} send-proxy-v2-ssl check
listen clear_imap
    bind 127.0.0.1:{clear_imap}
    server store 127.0.0.1:{store_imap} send-proxy-v2-ssl check
"""

NGINX = """
load_module {modules}/ngx_stream_module.so;
load_module {modules}/ngx_mail_module.so;
daemon off;
master_process off;
pid {base}/nginx.pid;
error_log {base}/nginx.log info;
events {{}}
stream {{
    server {{
        listen 127.0.0.1:{stream};
        proxy_pass 127.0.0.1:{mx};
        proxy_protocol on;
    }}
}}
mail {{
    server_name front.example.test;
    auth_http 127.0.0.1:{auth}/;
    proxy on;
    server {{
        listen 127.0.0.1:{mail};
        protocol smtp;
        smtp_auth none;
        xclient on;
    }}
    server {{
        listen 127.0.0.1:{proxied};
        protocol smtp;
        smtp_auth none;
        xclient off;
        proxy_protocol on;
    }}
}}
"""


class FrontedNode(Node):
    """An exchanger and a store behind balancers on this machine; ``submission`` is SMTP without a header."""

    def text(self, workers: int | None = None) -> str:
        """The configuration."""
        port = {name: f"{number}:interface=127.0.0.1" for name, number in self.ports.items()}
        return f"""
[node]
hostname = "mail.example.test"
data = "data"
roles = ["mx", "store"]
workers = 2
status = ""
[tls]
certificates = [{{certificate = "tls/certificate.pem", key = "tls/key.pem"}}]
[haproxy]
networks = ["127.0.0.1"]
tls = "trusted"
[role.mx]
listen = ["haproxy:tcp:{port["smtp"]}", "tcp:{port["submission"]}"]
xclient_networks = ["127.0.0.1"]
xforward_networks = ["127.0.0.1"]
[role.store]
lmtp = []
imap = ["haproxy:ssl:{port["imaps"]}", "haproxy:tcp:{port["pop3"]}", "tcp:{port["imap"]}"]
pop3 = []
[role.store.imap_options]
clear_auth_from_loopback = true
"""


@functools.cache
def node() -> Node:
    """The service behind."""
    base = tempfile.mkdtemp(prefix="mailframe-balancers-")
    service.atexit.register(shutil.rmtree, base, ignore_errors=True)
    made = FrontedNode(base, {ALICE: PASSWORD})
    made.start()
    service.atexit.register(made.stop)
    return made


class BalancerCase(TestCase):
    """A balancer in front of the service."""

    skip = service.SKIP
    timeout = 120

    def start(self, port: int, *command: str) -> None:
        """Start a program and wait until it listens."""
        process = subprocess.Popen(
            [program(command[0]), *command[1:]], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.terminate)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                return
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), deadline, f"{command} does not listen")
                self.assertIsNone(process.poll(), f"{command} ended")
                time.sleep(0.05)

    def base(self) -> Path:
        """A directory that goes away."""
        base = Path(tempfile.mkdtemp(prefix="mailframe-balancer-"))
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        return base

    def send(self, client: smtplib.SMTP) -> str:
        """Send one message; its Received field, as it was stored."""
        token = secrets.token_hex(8)
        client.ehlo("client.test")
        client.sendmail("joe@sender.test", [ALICE], f"Subject: {token}\r\n\r\nhello\r\n")
        with imaplib.IMAP4("127.0.0.1", node().ports["imap"]) as reader:
            reader.login(ALICE, PASSWORD)
            reader.select("INBOX", readonly=True)
            _, (found,) = reader.search(None, "SUBJECT", token)
            _, rows = reader.fetch(found.decode(), "(BODY.PEEK[HEADER.FIELDS (RECEIVED)])")
        return " ".join(rows[0][1].decode().split())

    def smtp(self, port: int) -> smtplib.SMTP:
        """A client with an address of its own."""
        made = smtplib.SMTP("127.0.0.1", port, "client.test", timeout=20, source_address=(CLIENT, 0))
        self.addCleanup(made.close)
        return made


class HAProxyTests(BalancerCase):
    """HAProxy with PROXY headers of both versions."""

    def setUp(self) -> None:
        """HAProxy runs."""
        names = ("smtp", "smtp2", "imaps", "ended", "ended_imap", "clear_imap")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        base, ports = self.base(), node().ports
        pem = base / "both.pem"
        tls = node().certificate.parent
        pem.write_bytes((tls / "certificate.pem").read_bytes() + (tls / "key.pem").read_bytes())
        (base / "haproxy.cfg").write_text(
            HAPROXY.format(
                **self.ports,
                mx=ports["smtp"],
                store_imaps=ports["imaps"],
                store_imap=ports["pop3"],
                pem=pem,
            )
        )
        self.start(self.ports["smtp"], "haproxy", "-q", "-db", "-f", str(base / "haproxy.cfg"))

    def test_both_versions(self) -> None:
        """The trace field has the client of either version of the header."""
        for name in ("smtp", "smtp2"):
            self.assertIn(f"from client.test ([{CLIENT}])", self.send(self.smtp(self.ports[name])))

    def test_starttls(self) -> None:
        """STARTTLS goes through."""
        client = self.smtp(self.ports["smtp2"])
        client._host = "localhost"  # type: ignore[attr-defined]
        client.starttls(context=ssl.create_default_context(cafile=str(node().certificate)))
        received = self.send(client)
        self.assertIn(f"([{CLIENT}])", received)
        self.assertIn("with ESMTPS", received)

    def test_implicit_tls(self) -> None:
        """The header comes before the handshake that HAProxy passes on."""
        trust = ssl.create_default_context(cafile=str(node().certificate))
        with imaplib.IMAP4_SSL("localhost", self.ports["imaps"], ssl_context=trust, timeout=20) as client:
            client.login(ALICE, PASSWORD)
            self.assertEqual(client.select("INBOX")[0], "OK")

    def test_tls_ended_in_front(self) -> None:
        """With TLS that ends at HAProxy, the header has the facts of it, and is read all the same."""
        trust = ssl.create_default_context(cafile=str(node().certificate))
        with smtplib.SMTP_SSL("localhost", self.ports["ended"], context=trust, timeout=20) as client:
            received = self.send(client)
        self.assertIn("from client.test", received)
        self.assertIn("(TLS ended at a balancer: TLSv1.3 cipher TLS_", received)
        self.assertIn("with ESMTP id", received)

    def test_tls_trusted(self) -> None:
        """What HAProxy says of TLS decides, connection by connection, whether STARTTLS is still to come."""
        trust = ssl.create_default_context(cafile=str(node().certificate))
        with imaplib.IMAP4_SSL("localhost", self.ports["ended_imap"], ssl_context=trust, timeout=20) as ended:
            self.assertNotIn("STARTTLS", ended.capabilities)
            ended.login(ALICE, PASSWORD)
        with imaplib.IMAP4("127.0.0.1", self.ports["clear_imap"], timeout=20) as clear:
            self.assertIn("STARTTLS", clear.capabilities)

    def test_health_checks(self) -> None:
        """HAProxy finds the service healthy, and its checks leave no line in the log."""
        client = self.smtp(self.ports["smtp"])
        time.sleep(0.5)  # the lines of `start` and of other tests
        before = node().log.read_text()
        time.sleep(1.5)
        added = node().log.read_text()[len(before) :]
        self.assertNotIn("127.0.0.1", added)
        self.assertEqual(client.noop()[0], 250)


class Allow(http.server.BaseHTTPRequestHandler):
    """What nginx asks about every client: it may, and the mail goes there."""

    behind: ClassVar[dict[str, int]] = {}

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Auth-Status", "OK")
        self.send_header("Auth-Server", "127.0.0.1")
        self.send_header("Auth-Port", str(self.behind[self.headers.get("X-Via", "plain")]))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing to say."""


class NginxTests(BalancerCase):
    """nginx, as a balancer of streams and as a proxy of mail."""

    def setUp(self) -> None:
        """nginx runs, and what it asks who may send."""
        names = ("stream", "mail", "proxied")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        Allow.behind = {"plain": node().ports["submission"], "proxied": node().ports["smtp"]}
        answers = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Allow)
        threading.Thread(target=answers.serve_forever, daemon=True).start()
        self.addCleanup(answers.server_close)
        self.addCleanup(answers.shutdown)
        base = self.base()
        configuration = NGINX.format(
            **self.ports,
            base=base,
            mx=node().ports["smtp"],
            auth=answers.server_address[1],
            modules="/usr/lib/nginx/modules",
        )
        # The second server's clients go where a header is awaited.
        head, tail = configuration.rsplit("protocol smtp;", 1)
        configuration = f"{head}protocol smtp; auth_http_header X-Via proxied;{tail}"
        (base / "nginx.conf").write_text(configuration)
        self.start(
            self.ports["stream"],
            "nginx",
            "-p",
            str(base),
            "-e",
            str(base / "error.log"),
            "-c",
            str(base / "nginx.conf"),
        )

    def test_stream(self) -> None:
        """``proxy_protocol on`` of a stream."""
        self.assertIn(f"from client.test ([{CLIENT}])", self.send(self.smtp(self.ports["stream"])))

    def test_mail_with_xclient(self) -> None:
        """nginx's own SMTP presents its clients by XCLIENT."""
        self.assertIn(f"from client.test ([{CLIENT}])", self.send(self.smtp(self.ports["mail"])))

    def test_client_cannot_present(self) -> None:
        """What the client says behind nginx is not believed as nginx is."""
        client = self.smtp(self.ports["mail"])
        client.ehlo("client.test")
        client.mail("joe@sender.test")
        self.assertEqual(client.rcpt(ALICE)[0], 250)
        client.rset()
        self.assertEqual(client.docmd("XCLIENT", "ADDR=203.0.113.9")[0], 550)

    def test_mail_with_proxy_protocol(self) -> None:
        """nginx's own SMTP sends a header; it greets by its own name."""
        self.assertIn(f"from front.example.test ([{CLIENT}])", self.send(self.smtp(self.ports["proxied"])))


class PostfixTests(BalancerCase):
    """Postfix as the filter in front: it says by XFORWARD whose message comes."""

    def test_xforward(self) -> None:
        """The client of Postfix is in the message's line of our log, and in its trace field."""
        base = Path(tempfile.mkdtemp(prefix="mailframe-peer-"))
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        peer = Postfix(
            base, f"[127.0.0.1]:{node().ports['submission']}", "smtp_send_xforward_command = yes\n"
        )
        peer.start()
        self.addCleanup(peer.stop)
        token = secrets.token_hex(8)
        with self.smtp(peer.port) as client:
            client.sendmail("joe@sender.test", [ALICE], f"Subject: {token}\r\n\r\nhello\r\n")
        node().wait_for_line("'addr': '127.0.0.2'", 30)
        with imaplib.IMAP4("127.0.0.1", node().ports["imap"]) as reader:
            reader.login(ALICE, PASSWORD)
            reader.select("INBOX", readonly=True)
            _, (found,) = reader.search(None, "SUBJECT", token)
            _, rows = reader.fetch(found.decode(), "(BODY.PEEK[HEADER.FIELDS (RECEIVED)])")
        self.assertIn(f"forwarding for [{CLIENT}]", " ".join(rows[0][1].decode().split()))


class DocumentedTests(BalancerCase):
    """The configurations in the documentation are right for the programs they are for."""

    def documented(self, kind: str) -> list[str]:
        """The blocks for a program."""
        return [block.text for block in blocks(DOCS / "balancers.rst") if block.classes == kind]

    def test_haproxy(self) -> None:
        """HAProxy takes ours."""
        texts = self.documented("haproxy")
        self.assertEqual(len(texts), 2)
        base, tls = self.base(), node().certificate.parent
        pem, path = base / "mail.pem", base / "haproxy.cfg"
        pem.write_bytes((tls / "certificate.pem").read_bytes() + (tls / "key.pem").read_bytes())
        for text in texts:
            path.write_text(text.replace("/etc/haproxy/mail.pem", str(pem)) + "\n")
            run("haproxy", "-c", "-q", "-f", path)

    def test_nginx(self) -> None:
        """So does nginx."""
        texts = self.documented("nginx")
        self.assertEqual(len(texts), 2)
        base = self.base()
        modules = "/usr/lib/nginx/modules"
        head = f"load_module {modules}/ngx_stream_module.so;\nload_module {modules}/ngx_mail_module.so;\n"
        (number,) = free_ports(1)
        for text in texts:
            body = text.replace("listen 25;", f"listen 127.0.0.1:{number};")
            (base / "nginx.conf").write_text(f"{head}pid {base}/pid;\nevents {{}}\n{body}\n")
            run("nginx", "-t", "-q", "-p", base, "-e", base / "error.log", "-c", base / "nginx.conf")
