"""Submission handed on to a router, with real processes and sockets."""

from __future__ import annotations

import poplib
import shutil
import smtplib
import ssl
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from .harness import Node

ALICE = "alice@example.test"
PASSWORD = "wonderland-2580"
MESSAGE = b"From: alice@example.test\r\nSubject: onward\r\nBcc: x@example.test\r\n\r\n.dots\r\n"


class OnwardTests(SynchronousTestCase):
    """A relay that hands everything to a router; here another node's exchanger stands for it."""

    timeout = 120

    def node(self, **options: object) -> Node:
        """A node that has not been started."""
        base = tempfile.mkdtemp(prefix="mf-onward-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        node = Node(base, {ALICE: PASSWORD}, **options)  # type: ignore[arg-type]
        self.addCleanup(node.stop)
        return node

    def test_away_and_back(self) -> None:
        """While the router is away users log in, are refused for now and keep their mail; then it goes, by itself."""
        router = self.node(roles=("mx", "store"), workers=1)
        hop = [f'hosts = ["127.0.0.1:{router.ports["smtp"]}"]', 'tls = "none"', 'down_time = "0s"']
        extra = {"role.relay": ['router = "smarthost"'], "delivery.smarthost": hop}
        relay = self.node(roles=("relay",), workers=1, extra=extra)
        relay.start()
        trust = ssl.create_default_context(cafile=str(relay.certificate))
        with smtplib.SMTP_SSL("localhost", relay.ports["submissions"], timeout=60, context=trust) as client:
            client.login(ALICE, PASSWORD)
            error = self.assertRaises(smtplib.SMTPDataError, client.sendmail, ALICE, [ALICE], MESSAGE)
            self.assertEqual((error.smtp_code, error.smtp_error[:5]), (451, b"4.4.1"))
            error = self.assertRaises(
                smtplib.SMTPSenderRefused, client.sendmail, "x@y.test", [ALICE], MESSAGE
            )
            self.assertEqual(error.smtp_code, 550)
            router.start()
            self.assertEqual(client.sendmail(ALICE, [ALICE], MESSAGE), {})
            # What the router refuses is refused at once, for all, and nobody gets a copy.
            self.assertRaises(
                smtplib.SMTPDataError, client.sendmail, ALICE, [ALICE, "x@elsewhere.test"], MESSAGE
            )
        trust = ssl.create_default_context(cafile=str(router.certificate))
        reader = poplib.POP3_SSL("localhost", router.ports["pop3s"], timeout=20, context=trust)
        reader.user(ALICE)
        reader.pass_(PASSWORD)
        self.assertEqual(reader.stat()[0], 1)
        octets = b"\r\n".join(reader.retr(1)[1])
        self.assertIn(b"Subject: onward", octets)
        self.assertNotIn(b"Bcc", octets)
        self.assertEqual(octets.count(b"Received:"), 2)
        reader.quit()
