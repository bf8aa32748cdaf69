"""What people log in with is in no log, however much is logged."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import poplib
import shutil
import smtplib
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.passwords import make_hash
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.sasl.client import ClientCredentials, make

from .harness import Node

ALICE = "alice@example.test"
RIGHT, WRONG = "Xyzzy-right-4711", "Plugh-wrong-0815"
MASTER = "Quux-of-the-proxy-2342"
FAULTS = (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException, OSError)


class SecretsTests(SynchronousTestCase):
    """A store and a relay, and a proxy in front of them, that log all they can."""

    timeout = 120

    def setUp(self) -> None:
        """Start both."""
        self.base = Path(tempfile.mkdtemp(prefix="mailframe-secrets-"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        loud = {"log": ['level = "debug"'], "authenticator.password": ["scram = true", "cram_md5 = true"]}
        behind = {"[masters]": ['name = "front"', f'password = "{MASTER}"'], "role.store": ['name = "s1"']}
        (self.base / "store").mkdir()
        (self.base / "proxy").mkdir()
        self.store = Node(str(self.base / "store"), {}, ("store", "relay"), 1, {**loud, **behind})
        self.store.prepare()
        directory = SQLiteDirectory(str(self.store.data / "directory.sqlite"), None)
        directory.add_domain("example.test")
        directory.add_account(ALICE, make_hash(RIGHT, "PLAIN"))
        self.addCleanup(self.store.stop)
        self.store.start()
        self.proxy = Node(str(self.base / "proxy"), {}, ("proxy",), 1)
        ports = self.proxy.ports
        self.proxy._extra = {
            **loud,
            "directory.sqlite": [f'path = "{self.store.data / "directory.sqlite"}"'],
            "role.proxy": [
                f'{name} = ["tcp:{ports[name]}:interface=127.0.0.1"]' for name in ("imap", "pop3", "submission")
            ],
            "role.proxy.options": ["clear_auth_from_loopback = true"],
            "[stores]": [
                'name = "s1"', 'hosts = ["127.0.0.1"]', 'tls = "starttls"', f'authorities = "{self.store.certificate}"',
                f"imap = {self.store.ports['imap']}", f"pop3 = {self.store.ports['pop3']}",
                f"submission = {self.store.ports['submission']}",
                'login = "master"', 'master = "front"', f'master_password = "{MASTER}"',
            ],
        }  # fmt: skip
        self.addCleanup(self.proxy.stop)
        self.proxy.start()

    def test_all_logins(self) -> None:
        """Right and wrong ones, by every protocol and mechanism, at the proxy and at what stands behind it."""
        entered = []
        for node in (self.proxy, self.store):
            for password in (RIGHT, WRONG):
                for login in (
                    self.imap,
                    self.imap_plain,
                    self.imap_scram,
                    self.pop3,
                    self.pop3_plain,
                    self.submission,
                ):
                    with contextlib.suppress(*FAULTS):
                        login(node, password)
                        entered.append((node, password, login.__name__))
        self.assertEqual({RIGHT}, {password for _, password, _ in entered})
        self.assertGreaterEqual(len(entered), 9)
        self.proxy.stop()
        self.store.stop()
        for node in (self.proxy, self.store):
            text = node.log.read_text(errors="replace")
            self.assertIn(ALICE, text)
            for secret in (RIGHT, WRONG, MASTER):
                for shape in (secret, *encoded(secret), secret.encode().hex()):
                    self.assertNotIn(shape, text)

    def imap(self, node: Node, password: str) -> None:
        """LOGIN."""
        with imaplib.IMAP4("127.0.0.1", node.ports["imap"], timeout=20) as client:
            client.login(ALICE, password)

    def imap_plain(self, node: Node, password: str) -> None:
        """AUTHENTICATE PLAIN."""
        with imaplib.IMAP4("127.0.0.1", node.ports["imap"], timeout=20) as client:
            client.authenticate("PLAIN", lambda _: f"\0{ALICE}\0{password}".encode())

    def imap_scram(self, node: Node, password: str) -> None:
        """AUTHENTICATE SCRAM-SHA-256."""
        mechanism = make("SCRAM-SHA-256", ClientCredentials(ALICE, password))
        asked: list[bytes] = []

        def answer(challenge: bytes) -> bytes:
            asked.append(challenge)
            return (mechanism.start() or b"") if len(asked) == 1 else mechanism.step(challenge)

        with imaplib.IMAP4("127.0.0.1", node.ports["imap"], timeout=20) as client:
            client.authenticate("SCRAM-SHA-256", answer)

    def pop3(self, node: Node, password: str) -> None:
        """USER and PASS."""
        client = poplib.POP3("127.0.0.1", node.ports["pop3"], timeout=20)
        client.user(ALICE)
        try:
            client.pass_(password)
        finally:
            client.close()

    def pop3_plain(self, node: Node, password: str) -> None:
        """AUTH PLAIN."""
        client: Any = poplib.POP3("127.0.0.1", node.ports["pop3"], timeout=20)
        response = base64.b64encode(f"\0{ALICE}\0{password}".encode()).decode()
        try:
            client._shortcmd(f"AUTH PLAIN {response}")
        finally:
            client.close()

    def submission(self, node: Node, password: str) -> None:
        """AUTH PLAIN, after STARTTLS where that is needed."""
        import ssl

        client: Any
        with smtplib.SMTP("127.0.0.1", node.ports["submission"], timeout=20) as client:
            if node is self.store:
                context = ssl.create_default_context(cafile=str(node.certificate))
                context.check_hostname = False
                client.starttls(context=context)
            client.ehlo()
            client.user, client.password = ALICE, password
            client.auth("PLAIN", client.auth_plain)


def encoded(secret: str) -> list[str]:
    """What a secret looks like in base64, whatever stands before it."""
    found = []
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
        found.append(text[4 if before else 0 : -2])
    return found
