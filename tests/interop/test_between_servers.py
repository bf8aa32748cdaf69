"""Mail goes through us: from one Postfix, by our relay, to another Postfix."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.node.harness import Node

from . import service
from .postfix import Postfix
from .test_servers_send import BODIES, message


class BetweenServersTests(TestCase):
    """A relay for a listed network, with a router."""

    skip = service.SKIP
    timeout = 180

    def setUp(self) -> None:
        """Three servers: a sender, ours, a receiver."""
        self.receiver = self.postfix()
        hop = [f'hosts = ["127.0.0.1:{self.receiver.port}"]', 'tls = "opportunistic"']
        # The harness gives the relay's listeners; a server of ours need not log in, nor be the sender.
        self.node = Node(
            str(self.directory()),
            accounts={},
            roles=("relay",),
            workers=2,
            extra={
                "role.relay": [
                    'router = "smarthost"',
                    'networks = ["127.0.0.0/8"]',
                    'envelope_from = "off"',
                    'header_from = "off"',
                ],
                "delivery.smarthost": hop,
            },
        )
        self.node.start()
        self.addCleanup(self.node.stop)
        port = self.node.ports["submission"]
        self.sender = self.postfix(
            f"[127.0.0.1]:{port}", "virtual_mailbox_domains =\nsmtp_tls_security_level = may\n"
        )

    def postfix(self, relayhost: str = "", settings: str = "") -> Postfix:
        """A running one."""
        server = Postfix(self.directory(), relayhost, settings)
        server.start()
        self.addCleanup(server.stop)
        return server

    def directory(self) -> Path:
        """A directory that is gone when the test is over."""
        path = tempfile.mkdtemp(prefix="mailframe-peer-", dir="/tmp")
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return Path(path)

    def test_bodies(self) -> None:
        """Whatever the text, it arrives as it was, with our trace field among the others."""
        for number, body in enumerate(BODIES.values(), 1):
            self.sender.send(message("x", body), "joe@sender.test", ["bob@peer.test"])
            *_, octets = self.receiver.received("bob", number)
            self.assertEqual(octets.partition(b"\n\n")[2], body)
            self.assertIn(b"with ESMTPS", octets)
            self.assertEqual(octets.count(b"\nReceived: "), 3)

    def test_notification_is_the_last_servers(self) -> None:
        """Who wants to hear of success hears it from the server that delivers: we hand the wish on, with its id."""
        self.sender.send(
            message("x", b"x\n"), "alice@peer.test", ["bob@peer.test"], ["-N", "success", "-V", "envelope+7"]
        )
        self.receiver.received("bob")
        (notice,) = self.receiver.received("alice")
        self.assertIn(b"Original-Envelope-Id: envelope+7", notice)
        self.assertIn(b"Action: delivered", notice)
        self.assertIn(b"Original-Recipient: rfc822;bob@peer.test", notice)
        self.assertNotIn("sender delivery status notification", self.sender.log())

    def test_internationalised(self) -> None:
        """A sender with letters beyond ASCII stays so to the end."""
        self.sender.send(message("x", b"x\n"), "jörg@sender.test", ["bob@peer.test"])
        (octets,) = self.receiver.received("bob")
        self.assertIn("Return-Path: <jörg@sender.test>".encode(), octets)

    def test_refused_by_the_next(self) -> None:
        """What the last server refuses is refused by us, in its words, while the sender still listens."""
        self.sender.send(message("x", b"x\n"), "joe@sender.test", ["nobody@peer.test"])
        line = self.sender.wait_for_log("nobody@peer.test>, ")
        self.assertIn("dsn=5.1.1", line)
        self.assertIn("status=bounced", line)
