"""Mail goes through us: from one Postfix, by our relay, to another Postfix."""

from __future__ import annotations

import atexit
import functools
import secrets
import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.node.harness import Node

from . import service
from .postfix import Postfix
from .test_servers_send import BODIES, message


@functools.cache
def servers() -> tuple[Postfix, Postfix]:
    """A Postfix that sends everything to a relay of ours, and the one that this has as its router."""
    receiver = _postfix()
    relay = Node(
        _directory(),
        accounts={},
        roles=("relay",),
        workers=2,
        extra={
            # The sender is a server: it does not log in, and the mail is not its own.
            "role.relay": [
                'router = "smarthost"',
                'networks = ["127.0.0.0/8"]',
                'envelope_from = "off"',
                'header_from = "off"',
            ],
            "delivery.smarthost": [f'hosts = ["127.0.0.1:{receiver.port}"]', 'tls = "opportunistic"'],
        },
    )
    relay.start()
    atexit.register(relay.stop)
    settings = "virtual_mailbox_domains =\nsmtp_tls_security_level = may\n"
    return _postfix(f"[127.0.0.1]:{relay.ports['submission']}", settings), receiver


def _postfix(relayhost: str = "", settings: str = "") -> Postfix:
    server = Postfix(Path(_directory()), relayhost, settings)
    server.start()
    atexit.register(server.stop)
    return server


def _directory() -> str:
    path = tempfile.mkdtemp(prefix="mailframe-peer-", dir="/tmp")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


class BetweenServersTests(TestCase):
    """A relay for a listed network, with a router."""

    skip = service.SKIP
    timeout = 180

    def setUp(self) -> None:
        """The servers, and a word that this test's message has."""
        self.sender, self.receiver = servers()
        self.token = secrets.token_hex(8)

    def send(
        self, body: bytes, sender: str = "joe@sender.test", *options: str, to: str = "bob@peer.test"
    ) -> None:
        """Send one message with the token as its subject."""
        self.sender.send(message(self.token, body), sender, [to], options)

    def received(self) -> bytes:
        """The message at the other end."""
        return self.receiver.received_with("bob", self.token.encode())

    def test_bodies(self) -> None:
        """Whatever the text, it arrives as it was, with our trace field among the others."""
        for body in BODIES.values():
            self.token = secrets.token_hex(8)
            self.send(body)
            octets = self.received()
            self.assertEqual(octets.partition(b"\n\n")[2], body)
            self.assertIn(b"with ESMTPS", octets)
            self.assertEqual(octets.count(b"\nReceived: "), 3)

    def test_notification_is_the_last_servers(self) -> None:
        """Who wants to hear of success hears it from the server that delivers: we hand the wish on, with its id."""
        self.send(b"x\n", "alice@peer.test", "-N", "success", "-V", f"id+{self.token}")
        self.received()
        notice = self.receiver.received_with("alice", f"Original-Envelope-Id: id+{self.token}".encode())
        self.assertIn(b"Action: delivered", notice)
        self.assertIn(b"Original-Recipient: rfc822;bob@peer.test", notice)
        self.assertNotIn("sender delivery status notification", self.sender.log())

    def test_internationalised(self) -> None:
        """A sender with letters beyond ASCII stays so to the end."""
        self.send(b"x\n", "jörg@sender.test")
        self.assertIn("Return-Path: <jörg@sender.test>".encode(), self.received())

    def test_refused_by_the_next(self) -> None:
        """What the last server refuses is refused by us, in its words, while the sender still listens."""
        self.send(b"x\n", to="nobody@peer.test")
        line = self.sender.wait_for_log("nobody@peer.test>, ")
        self.assertIn("dsn=5.1.1", line)
        self.assertIn("status=bounced", line)
