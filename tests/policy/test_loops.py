"""Mail that goes round in circles."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.interfaces import IContentPolicy
from mailframe.policy.loops import LoopPolicy, header_section
from mailframe.testing.smtp import run

ALICE = Address("alice", "example.test")


def mail(octets: bytes) -> MailObject:
    """A message for alice."""
    envelope = Envelope(None, [Recipient(ALICE)])
    return MailObject("ID", envelope, Content.of(octets), Origin("S", "192.0.2.1"))


class LoopPolicyTests(SynchronousTestCase):
    """Mail that goes round in circles."""

    def code(self, octets: bytes, limit: int = 3) -> str | None:
        status = run(LoopPolicy(limit).content(mail(octets)))
        return status.code if isinstance(status, Status) else None

    def test_hops(self) -> None:
        """More Received fields than allowed are refused; those in the body do not count."""
        verifyObject(IContentPolicy, LoopPolicy())
        field = b"Received: from x\r\n\tby y\r\n"
        self.assertIsNone(self.code(field * 3 + b"\r\n" + field * 9))
        self.assertEqual(self.code(field * 3 + b"RECEIVED: x\r\n\r\n"), "5.4.6")
        self.assertEqual(self.code(field * 4), "5.4.6")
        self.assertIsNone(self.code(b"\r\n" + field * 9))
        self.assertIsNone(self.code(b"X-Received: x\r\n" * 9 + b"\r\n"))

    def test_delivered_before(self) -> None:
        """A message that was delivered to the same address before has come back."""
        self.assertEqual(self.code(b"Subject: x\r\nDelivered-To:  Alice@EXAMPLE.test \r\n\r\n"), "5.4.6")
        self.assertIsNone(self.code(b"Delivered-To: bob@example.test\r\n\r\n"))
        self.assertIsNone(self.code(b"\r\nDelivered-To: alice@example.test\r\n"))

    def test_header_section(self) -> None:
        """The header section ends at the first empty line."""
        for octets, header in (
            (b"", b""),
            (b"\r\nx", b""),
            (b"a: b\r\n", b"a: b\r\n"),
            (b"a: b\r\n\r\nx: y\r\n", b"a: b\r\n"),
        ):
            self.assertEqual(header_section(octets), header)
