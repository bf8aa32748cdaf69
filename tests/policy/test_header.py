"""Header sections that may be read in several ways."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.address import Address
from mailframe.message.content import Content, FileBody, OctetsBody
from mailframe.message.envelope import Envelope
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.policy.header import HeaderPolicy
from mailframe.policy.interfaces import IContentPolicy
from mailframe.smtp.wire.reply import basic_code
from mailframe.testing.smtp import run

ALICE = Address("alice", "example.test")


def answer(
    octets: bytes | Content, policy: HeaderPolicy | None = None, sender: Address | None = ALICE
) -> str | None:
    """The code and enhanced code, or None."""
    content = Content.of(octets) if isinstance(octets, bytes) else octets
    mail = MailObject("ID", Envelope(sender), content, Origin("S", "192.0.2.1"))
    status = run((policy or HeaderPolicy()).content(mail))
    return None if status is None else f"{basic_code(status)} {status.code}"


class HeaderPolicyTests(SynchronousTestCase):
    """Refused is what cannot be read in one way only."""

    def test_right(self) -> None:
        """What mail programs send passes; a missing From is left to a filter."""
        verifyObject(IContentPolicy, HeaderPolicy())
        for octets in (
            b"From: Alice <alice@example.test>\r\n\r\nFrom: x\r\n",
            b"From: a@example.test, b@example.test\r\nSender: a@example.test\r\n",
            b"Subject: x\r\n",
            b"\r\nFrom: x\r\nFrom: y\r\n",
            b"no header\r\nFrom: x\r\nFrom: y\r\n",
            b"",
        ):
            self.assertIsNone(answer(octets), octets)

    def test_twice(self) -> None:
        """Two From or Sender fields, of which each reader picks one, are refused."""
        for name in (b"From", b"FROM ", b"sender"):
            octets = (
                name + b": alice@example.test\r\nFrom: alice@example.test\r\nSender: alice@example.test\r\n"
            )
            self.assertEqual(answer(octets), "554 5.6.0", name)

    def test_no_address(self) -> None:
        """A From without an address, or with something else, is refused."""
        for body in (
            b"",
            b"alice",
            b"group:;",
            b"alice@example.test, boss",
            b"<>",
            b"a@b@c",
            b"\xff@example.test",
        ):
            self.assertEqual(answer(b"From: " + body + b"\r\n"), "554 5.6.0", body)

    def test_bcc_in_the_body(self) -> None:
        """A Bcc behind a line that is no field would become part of the body for all to see; it is refused."""
        for octets in (
            b"From alice Fri Jan 15\r\nFrom: alice@example.test\r\nBcc: x@example.test\r\n\r\nbody\r\n",
            b"Subject: x\r\nno field\r\nRESENT-BCC : x@example.test\r\n",
        ):
            self.assertEqual(answer(octets), "554 5.6.0", octets)
            self.assertIsNone(answer(octets.replace(b"Bcc", b"Cc").replace(b"BCC", b"CC")), octets)
        self.assertIsNone(answer(b"Bcc: x@example.test\r\n\r\nno field\r\nBcc: x\r\n\r\n"))
        self.assertIsNone(answer(b"\r\nno field\r\nBcc: x\r\n\r\n"))

    def test_missing_from(self) -> None:
        """A missing From is refused where that is configured, or nobody knows what to put there."""
        self.assertEqual(answer(b"\r\n", HeaderPolicy(missing_from="refuse")), "554 5.6.0")
        self.assertEqual(answer(b"\r\n", sender=None), "554 5.6.0")

    def test_too_large(self) -> None:
        """A header section larger than allowed is refused; a large body is none of it."""
        field = b"X: " + b"x" * 97 + b"\r\n"
        policy = HeaderPolicy(limit=1000)
        self.assertIsNone(answer(field * 9 + b"\r\n" + field * 10, policy))
        self.assertEqual(answer(field * 10, policy), "552 5.3.4")

    def test_larger_than_memory(self) -> None:
        """A header section whose end is not even in memory is refused."""
        with open(self.mktemp(), "w+b") as file:
            content = Content(FileBody(file, 1_000_000, b"X: y\r\n" * 100))
            self.assertEqual(answer(content), "552 5.3.4")
            self.assertIsNone(answer(Content(OctetsBody(b"X: y\r\n" * 100))))

    @given(st.binary(max_size=300))
    def test_any(self, octets: bytes) -> None:
        """Whatever comes there is an answer, and it is never for now."""
        self.assertIn(answer(octets), (None, "554 5.6.0"))
