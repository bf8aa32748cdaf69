"""A whole node behind a balancer: two workers, all listeners wait for a PROXY header. And sockets that systemd opened."""

from __future__ import annotations

import imaplib
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.proxy_header import ProxyHeader, encode_v1, encode_v2

from .harness import ROOT, Node

ALICE = "alice@example.test"
PASSWORD = "wonderland-2580"
MESSAGE = b"From: <joe@sender.test>\r\nSubject: hello\r\n\r\nhello\r\n"
CLIENT = ProxyHeader(2, False, "inet", "203.0.113.7", 56324, "198.51.100.25", 25)


class FrontedNode(Node):
    """A node whose listeners are all behind balancers on this machine."""

    def text(self, workers: int | None = None) -> str:
        """The configuration, with ``haproxy:`` in front of the roles' listeners."""
        text = re.sub(
            r'(listen|lmtp|imap|pop3)( = \["|.*?", ")(?=tcp|ssl)', r"\1\2haproxy:", super().text(workers)
        )
        text = re.sub(r'", "ssl:', '", "haproxy:ssl:', text)
        return text + '\n[haproxy]\nnetworks = ["127.0.0.1"]\ntimeout = "2s"\n'


def connect(port: int, header: bytes) -> socket.socket:
    """A connection that a balancer made for a client."""
    made = socket.create_connection(("127.0.0.1", port), 20)
    made.sendall(header)
    return made


class ProxiedSMTP(smtplib.SMTP):
    """smtplib behind a balancer."""

    header = encode_v2(CLIENT, checksum=True)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return connect(port, self.header)


class FrontedNodeTests(SynchronousTestCase):
    """Real sockets, two workers."""

    def setUp(self) -> None:
        """The node."""
        base = tempfile.mkdtemp(prefix="mf-fronted-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.node = FrontedNode(base, {ALICE: PASSWORD}, roles=("mx", "relay", "store"), workers=2)
        self.addCleanup(self.node.stop)
        self.node.start()
        self.trust = ssl.create_default_context(cafile=str(self.node.certificate))

    def test_all_listeners(self) -> None:
        """Mail goes in by SMTP, STARTTLS and implicit TLS, is read by IMAP, and everybody sees the real client."""
        ports = self.node.ports
        for turn in range(6):  # so that each worker has some
            with ProxiedSMTP("127.0.0.1", ports["smtp"], "client.test") as client:
                if turn % 2:
                    client._host = "localhost"  # type: ignore[attr-defined]
                    client.starttls(context=self.trust)
                client.sendmail("joe@sender.test", [ALICE], MESSAGE)
        with self.trust.wrap_socket(
            connect(ports["submissions"], encode_v1(CLIENT)), server_hostname="localhost"
        ) as secure:
            self.assertTrue(secure.recv(100).startswith(b"220 "))
        secure = self.trust.wrap_socket(
            connect(ports["imaps"], encode_v2(CLIENT)), server_hostname="localhost"
        )
        with (
            mock.patch.object(imaplib.IMAP4, "_create_socket", return_value=secure),
            imaplib.IMAP4("ignored") as reader,
        ):
            reader.login(ALICE, PASSWORD)
            _, (count,) = reader.select("INBOX", readonly=True)
            self.assertEqual(count, b"6")
            _, rows = reader.fetch("1", "(BODY.PEEK[HEADER.FIELDS (RECEIVED)])")
            self.assertIn(b"client.test ([203.0.113.7])", rows[0][1])
        self.node.wait_for_line("from 203.0.113.7")
        with connect(ports["pop3"], b"PROXY UNKNOWN\r\n") as unknown:
            self.assertTrue(unknown.recv(100).startswith(b"+OK"))

    def test_nothing_without_a_header(self) -> None:
        """Nothing is said before the header, nor to who sends none, and the log has the reason."""
        with connect(self.node.ports["smtp"], b"EHLO client.test\r\n") as talker:
            self.assertRaises((ConnectionResetError, AssertionError), self.said, talker)
        with connect(self.node.ports["imaps"], b"") as silent:
            silent.settimeout(0.3)
            self.assertRaises(TimeoutError, silent.recv, 1)
            silent.settimeout(10)
            self.assertRaises((ConnectionResetError, AssertionError), self.said, silent)
        self.node.wait_for_line("it does not begin with a PROXY header")
        self.node.wait_for_line("no PROXY header came in 2 seconds")

    def said(self, connection: socket.socket) -> None:
        """What came: it must be nothing."""
        octets = connection.recv(100)
        if not octets:
            raise AssertionError("the connection was closed")
        self.fail(f"the server said {octets!r}")


class ActivationTests(SynchronousTestCase):
    """systemd's way: somebody else opened the sockets (sd_listen_fds(3))."""

    def test_inherited(self) -> None:
        """Sockets by name are served by all workers, one of them behind a balancer; a reload keeps them."""
        base = tempfile.mkdtemp(prefix="mf-activation-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        path = Path(base) / "lmtp"
        sockets = {
            "smtp": socket.create_server(("127.0.0.1", 0)),
            "front": socket.create_server(("127.0.0.1", 0)),
            "lmtp": socket.socket(socket.AF_UNIX),
        }
        sockets["lmtp"].bind(str(path))
        sockets["lmtp"].listen()
        for opened in sockets.values():
            self.addCleanup(opened.close)
        node = ActivatedNode(base, list(sockets.values()), list(sockets))
        self.addCleanup(node.stop)
        node.start()
        self.talk(sockets, path)
        before = set(node.worker_pids())
        node.ask("reload")
        for pid in before:
            node.wait_gone(pid)
        node.wait_for("running")
        self.assertFalse(before & set(node.worker_pids()))
        self.talk(sockets, path)

    def talk(self, sockets: dict[str, socket.socket], path: Path) -> None:
        """Every listener greets."""
        with socket.create_connection(sockets["smtp"].getsockname(), 20) as plain:
            self.assertTrue(plain.recv(100).startswith(b"220 "))
        with connect(sockets["front"].getsockname()[1], encode_v2(CLIENT)) as fronted:
            self.assertTrue(fronted.recv(100).startswith(b"220 "))
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(20)
            local.connect(str(path))
            self.assertTrue(local.recv(100).startswith(b"220 "))
        with socket.socket(socket.AF_UNIX) as behind:
            behind.settimeout(20)
            behind.connect(str(path.with_name("imap")))
            behind.sendall(encode_v2(CLIENT))
            self.assertTrue(behind.recv(1000).startswith(b"* OK "))
            behind.sendall(b"a NOOP\r\nb LOGOUT\r\n")
            heard = b""
            while piece := behind.recv(1000):
                heard += piece
            self.assertIn(b"a OK ", heard)
            self.assertIn(b"b OK ", heard)


class ActivatedNode(Node):
    """A node that is started with open sockets.

    Args:
        base: as `Node`.
        sockets: to give on.
        names: theirs.
    """

    def __init__(self, base: str, sockets: list[socket.socket], names: list[str]) -> None:
        super().__init__(base, {ALICE: PASSWORD}, roles=("mx", "store"), workers=2)
        self._sockets = sockets
        self._names = names

    def text(self, workers: int | None = None) -> str:
        """The configuration, with systemd's sockets."""
        return """
[node]
hostname = "mail.example.test"
data = "data"
roles = ["mx", "store"]
workers = 2
status = ""
[haproxy]
networks = ["127.0.0.1"]
[role.mx]
listen = ["systemd:domain=INET:name=smtp", "haproxy:systemd:domain=INET:name=front"]
[role.store]
lmtp = ["systemd:domain=UNIX:name=lmtp"]
imap = ["haproxy:unix:imap"]
pop3 = []
"""

    def start(self, wait: float = 30.0) -> None:
        """Start it as systemd would: descriptors from 3 on, their number, names, and for which process."""
        self.prepare()
        count = len(self._sockets)
        # Out of the way first, so that none lies where another one has to go.
        high = [os.dup2(one.fileno(), 100 + number) for number, one in enumerate(self._sockets)]
        moves = " ".join(f"{3 + number}<&{descriptor}" for number, descriptor in enumerate(high))
        script = f'exec {moves}; export LISTEN_PID=$$; exec "$@"'
        try:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [
                        "bash",
                        "-c",
                        script,
                        "bash",
                        sys.executable,
                        "-c",
                        "from twisted.scripts.twistd import run; run()",
                        "-n",
                        "--pidfile=",
                        "mailframe",
                        "--config",
                        str(self.configuration),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.base,
                    pass_fds=high,
                    env={
                        **os.environ,
                        "PYTHONPATH": ROOT,
                        "LISTEN_FDS": str(count),
                        "LISTEN_FDNAMES": ":".join(self._names),
                    },
                )
        finally:
            for descriptor in high:
                os.close(descriptor)
        self.wait_for("running", wait)
