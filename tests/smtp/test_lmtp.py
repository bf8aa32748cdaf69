"""LMTP (RFC 2033): a reply for each recipient."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Size
from mailframe.message.status import MAILBOX_FULL, OK, Status
from mailframe.smtp.lmtp import LMTP, SMTP
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import FixedRouter, RecordingDelivery, fake_reception, serve

SETTINGS = SMTPSettings(hostname="store.example.test", protocol="lmtp", size_limit=Size(1000))
NO = Status((5, 7, 1), "No")


class LMTPTests(SynchronousTestCase):
    """The dialogue between an exchanger and a store."""

    def setUp(self) -> None:
        self.delivery = RecordingDelivery()
        self.client = serve(fake_reception(self.delivery), SETTINGS)

    def test_greeting(self) -> None:
        """LHLO greets; HELO and EHLO are unknown."""
        self.assertEqual(self.client.greeting, ["220 store.example.test LMTP Mailframe"])
        self.assertEqual([reply[:3] for reply in self.client.say("HELO x", "EHLO x")], ["500", "500"])
        self.assertEqual(self.client.say("LHLO x")[1], "250-PIPELINING")

    def test_a_reply_each(self) -> None:
        """Each accepted recipient has a reply of its own, in their order."""
        self.delivery.statuses = [OK, MAILBOX_FULL, NO]
        replies = self.client.message(
            b"x\r\n", "bob@example.test", "eve@example.test", "bob@example.test", hello="LHLO"
        )
        self.assertEqual([reply[:9] for reply in replies], ["250 2.0.0", "452 4.2.2", "550 5.7.1"])
        self.assertFalse(self.delivery.messages[0].atomic)
        self.assertEqual(self.client.say("NOOP"), ["250 2.0.0 OK"])

    def test_many_unknown_recipients(self) -> None:
        """An exchanger with a list full of former users is not cut off before the others have their mail."""
        router = FixedRouter({"bob@example.test": None})
        client = serve(fake_reception(self.delivery, router), evolve(SETTINGS, errors_limit=5))
        client.say("LHLO x", "MAIL FROM:<>")
        replies = client.say(*["RCPT TO:<no@example.test>"] * 20, "RCPT TO:<bob@example.test>")
        self.assertEqual([reply[:3] for reply in replies], ["550"] * 20 + ["250"])

    def test_refused_content(self) -> None:
        """A message that is refused as a whole is refused once for each recipient."""
        replies = self.client.message(
            b"x" * 2000 + b"\r\n", "bob@example.test", "eve@example.test", hello="LHLO"
        )
        self.assertEqual([reply[:9] for reply in replies], ["552 5.3.4"] * 2)
        self.delivery.error = ValueError("private")
        replies = self.client.message(b"x\r\n", "bob@example.test", "eve@example.test", hello="LHLO")
        self.assertEqual([reply[:9] for reply in replies], ["451 4.3.0"] * 2)
        self.flushLoggedErrors(ValueError)

    def test_no_recipients(self) -> None:
        """DATA without recipients is 503."""
        self.assertEqual(self.client.say("LHLO x", "MAIL FROM:<>", "DATA")[-1][:9], "503 5.5.1")

    def test_verdict(self) -> None:
        """For the log, LMTP counts a message as taken when anybody has it; SMTP when all have it."""
        self.assertIs(LMTP.verdict([NO, OK]), OK)
        self.assertIs(LMTP.verdict([NO, MAILBOX_FULL]), MAILBOX_FULL)
        self.assertIs(SMTP.verdict([OK, NO]), NO)
