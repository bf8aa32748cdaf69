"""A router with a queue sends through a Postfix, and gets its notices into a mailbox."""

from __future__ import annotations

import email
import imaplib
import shutil
import smtplib
import sys
import tempfile
import time
from email.message import Message
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.node.harness import ROOT, Node
from tests.ports import free_port

from . import service
from .postfix import Postfix
from .service import PASSWORD

BOB = "bob@example.test"


class PostfixTests(TestCase):
    """A Postfix is the next hop of the node, and the node that of Postfix."""

    skip = service.SKIP
    timeout = 120

    def setUp(self) -> None:
        """Start both."""
        base = Path(tempfile.mkdtemp(prefix="mailframe-queue-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        base.chmod(0o755)
        for name in ("node", "peer"):
            (base / name).mkdir()
        port = free_port()
        self.node = Node(
            str(base / "node"),
            {BOB: PASSWORD},
            roles=("mx", "router", "store"),
            workers=1,
            extra={
                "routing": ['default = "smarthost"'],
                "delivery.smarthost": [f'hosts = ["127.0.0.1:{port}"]', 'tls = "opportunistic"'],
            },
        )
        self.peer = Postfix(base / "peer", relayhost=f"[127.0.0.1]:{self.node.ports['smtp']}")
        self.peer.port = port
        self.node.start()
        self.addCleanup(self.node.stop)

    def send(self, name: str, words: str, notify: str) -> None:
        """Put a message for somebody at the peer into the queue."""
        with smtplib.SMTP("127.0.0.1", self.node.ports["router"], "client.test", timeout=30) as client:
            address = f"{name}@peer.test"
            client.sendmail(
                BOB, [address], f"Subject: {words}\r\n\r\nHello.\r\n".encode(),
                ["RET=HDRS", "ENVID=QQ314159"], [f"NOTIFY={notify}", f"ORCPT=rfc822;{address}"],
            )  # fmt: skip

    def notice(self, action: str) -> list[Message]:
        """The fields of the notice in bob's mailbox that tells of an action, once it is there."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            client = imaplib.IMAP4("127.0.0.1", self.node.ports["imap"], timeout=10)
            client.login(BOB, PASSWORD)
            client.select()
            (found,) = client.search(None, "ALL")[1]
            for number in found.decode().split():
                message = email.message_from_bytes(client.fetch(number, "(BODY.PEEK[])")[1][0][1])
                for part in message.walk():
                    if part.get_content_type() == "message/delivery-status":
                        groups = part.get_payload()
                        if groups[1]["Action"] == action:
                            client.logout()
                            return groups
            client.logout()
            time.sleep(0.2)
        raise AssertionError(f"no notice says {action}: {self.node.tail()}\n{self.peer.log()[-2000:]}")

    def queue(self, *words: str) -> str:
        """Run `mailframe queue`."""
        return service.run(
            sys.executable, "-c", "from mailframe.cli import main; main()",
            "queue", *words, "--config", self.node.configuration, cwd=ROOT,
        ).decode()  # fmt: skip

    def test_notices(self) -> None:
        """Postfix tells bob of success with his ENVID and ORCPT; whom it refuses, our own notice tells of."""
        self.peer.start()
        self.addCleanup(self.peer.stop)
        self.send("alice", "all is well", "SUCCESS,FAILURE")
        self.peer.received_with("alice", b"all is well")
        theirs = self.notice("delivered")
        self.assertEqual(theirs[0]["Original-Envelope-Id"], "QQ314159")
        self.assertEqual(theirs[1]["Original-Recipient"].replace(" ", ""), "rfc822;alice@peer.test")
        self.send("nobody", "refused", "FAILURE")
        ours = self.notice("failed")
        self.assertEqual(ours[0]["Original-Envelope-Id"], "QQ314159")
        self.assertTrue(ours[1]["Status"].startswith("5.1.1"), ours[1]["Status"])

    def test_away(self) -> None:
        """While Postfix is away mail waits, and is listed; when it is back, `queue flush` sends it once."""
        self.send("carol", "later", "NEVER")
        end = time.monotonic() + 20
        while "carol@peer.test" not in self.queue("list"):
            self.assertLess(time.monotonic(), end, self.node.tail())
            time.sleep(0.2)
        self.peer.start()
        self.addCleanup(self.peer.stop)
        self.queue("flush")
        self.peer.received_with("carol", b"later")
        self.assertEqual(len(self.peer.received("carol")), 1)
