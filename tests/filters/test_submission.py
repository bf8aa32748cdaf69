"""What a submission service does to messages."""

from __future__ import annotations

import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.dialogue.spill import Spill
from mailframe.filters.interfaces import IFilter
from mailframe.filters.submission import SenderField, SubmissionFilter
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.content import CHUNK, Content
from mailframe.message.envelope import Envelope
from mailframe.message.header import first, values
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.testing.grants import FakeRights
from mailframe.testing.smtp import run

ALICE = "alice@example.test"
WHOLE = b"From: alice@example.test\r\nTo: b@example.test\r\nDate: today\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n"


def spilled(octets: bytes, memory: int = 100) -> Content:
    """Content that lies in a file, for the most part."""
    spill = Spill(tempfile.gettempdir(), memory)
    for start in range(0, len(octets), CHUNK):
        spill.write(octets[start : start + CHUNK])
    return spill.finish()


class SubmissionFilterTests(SynchronousTestCase):
    """Messages are completed; nothing but their header sections changes."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)

    def filtered(
        self,
        content: bytes | Content,
        reverse_path: Address | None = None,
        login: str | None = ALICE,
        sender: SenderField = "never",
        parameters: dict[str, str | None] | None = None,
    ) -> Content:
        rights = FakeRights({ALICE: ["info@example.test"]})
        made = SubmissionFilter("relay.example.test", self.clock, rights, sender)
        verifyObject(IFilter, made)
        content = Content.of(content) if isinstance(content, bytes) else content
        envelope = Envelope(reverse_path, parameters=parameters or {})
        mail = MailObject("0QUEUEID", envelope, content, Origin("S", "192.0.2.1", login=login))
        return run(made.filter(mail)).content

    def test_whole(self) -> None:
        """A message that has everything stays the same object."""
        content = Content.of(WHOLE)
        self.assertIs(self.filtered(content), content)

    def test_added(self) -> None:
        """Date is now, the id has the queue id and our name, From is the reverse-path."""
        made = self.filtered(b"Subject: x\r\n\r\nbody\r\n", parse_mailbox("x@example.test")).octets()
        self.assertEqual(first(made, b"Date"), b"Tue, 14 Nov 2023 22:13:20 +0000")
        self.assertEqual(first(made, b"Message-ID"), b"<0QUEUEID@relay.example.test>")
        self.assertEqual(first(made, b"From"), b"x@example.test")
        self.assertEqual(first(made, b"To"), b"undisclosed-recipients:;")

    def test_a_labels(self) -> None:
        """A domain in U-labels is written in A-labels, unless the message is internationalised."""
        sender = parse_mailbox("x@xn--bcher-kva.test")
        self.assertEqual(first(self.filtered(b"\r\n", sender).octets(), b"From"), b"x@xn--bcher-kva.test")
        made = self.filtered(b"\r\n", sender, parameters={"SMTPUTF8": None})
        self.assertEqual(first(made.octets(), b"From"), "x@b\u00fccher.test".encode())
        login = "alice@xn--bcher-kva.test"
        for spelling in (login, login.upper(), "alice@b\u00fccher.test"):
            made = self.filtered(f"From: {spelling}\r\n\r\n".encode(), login=login, sender="differs")
            self.assertIsNone(first(made.octets(), b"Sender"), spelling)
        made = self.filtered(b"From: x@example.test\r\n\r\n", login=login, sender="differs")
        self.assertEqual(first(made.octets(), b"Sender"), login.encode())

    def test_resent(self) -> None:
        """A message that was resent gets what is missing for that, with an id of its own."""
        made = self.filtered(b"Resent-From: alice@example.test\r\n" + WHOLE).octets()
        self.assertEqual(first(made, b"Resent-Date"), b"Tue, 14 Nov 2023 22:13:20 +0000")
        self.assertEqual(first(made, b"Resent-Message-ID"), b"<0QUEUEID.resent@relay.example.test>")
        self.assertEqual(made[-len(WHOLE) :], WHOLE)

    def test_no_header(self) -> None:
        """A message without a header section gets one, and one empty line behind it."""
        for body in (b" white\r\n", b"no field\r\n", b"\r\n white\r\n", b"\r\n\r\n", b"\r\n", b""):
            made = self.filtered(body).with_prefix(b"Received: x\r\n").octets()
            expected = body if body.startswith(b"\r\n") or not body else b"\r\n" + body
            header, _, rest = made.partition(b"To: undisclosed-recipients:;\r\n")
            self.assertTrue(header.startswith(b"Received: x\r\nDate: "))
            self.assertEqual(rest, expected)

    def test_null_reverse_path(self) -> None:
        """Where the reverse-path is null From is the login, and without that nobody."""
        self.assertEqual(first(self.filtered(b"\r\n").octets(), b"From"), ALICE.encode())
        self.assertIsNone(first(self.filtered(b"\r\n", login=None).octets(), b"From"))
        self.assertIsNone(first(self.filtered(b"\r\n", login="admin").octets(), b"From"))

    def test_quoted_originator(self) -> None:
        """An odd reverse-path is written so that it means the same."""
        odd = Address("a  b\u00fc", "example.test")
        self.assertEqual(values(self.filtered(b"\r\n", odd).octets(), b"from"), [bytes(odd)])

    def test_sender_of_foreign(self) -> None:
        """Where wanted a Sender field names the login, if From has an address that is not its own."""
        for originator, expected in (
            (ALICE, None),
            ("Info <info@example.test>", None),
            ("boss@example.test", ALICE.encode()),
            (f"{ALICE}, boss@example.test", ALICE.encode()),
            ("nonsense", ALICE.encode()),
        ):
            octets = WHOLE.replace(ALICE.encode(), originator.encode())
            self.assertEqual(first(self.filtered(octets, sender="foreign").octets(), b"Sender"), expected)
            self.assertIsNone(first(self.filtered(octets).octets(), b"Sender"))
            self.assertIsNone(first(self.filtered(octets, login=None, sender="foreign").octets(), b"Sender"))

    def test_sender_where_it_differs(self) -> None:
        """Or if From is not exactly its own address, be it one that was missing."""
        octets = WHOLE.replace(b"alice@", b"info@")
        self.assertEqual(first(self.filtered(octets, sender="differs").octets(), b"Sender"), ALICE.encode())
        boss = parse_mailbox("boss@example.test")
        self.assertEqual(
            first(self.filtered(b"\r\n", boss, sender="differs").octets(), b"Sender"), ALICE.encode()
        )
        self.assertEqual(
            first(self.filtered(b"\r\n", boss, sender="foreign").octets(), b"Sender"), ALICE.encode()
        )
        self.assertIsNone(first(self.filtered(b"\r\n", sender="differs").octets(), b"Sender"))
        octets = WHOLE.replace(b"alice@", b"Alice@")
        self.assertIsNone(first(self.filtered(octets, sender="differs").octets(), b"Sender"))

    @given(st.binary(max_size=3000), st.booleans(), st.sampled_from([1, 100, 10_000]))
    def test_any_body(self, body: bytes, bcc: bool, memory: int) -> None:
        """A body stays as it is, octet by octet, in memory and in a file; sizes are right."""
        header = b"Bcc: x@example.test\r\n" * bcc + b"Subject: x\r\n"
        content = spilled(header + b"\r\n" + body, max(memory, len(header) + 4))
        made = self.filtered(content)
        octets = made.octets()
        self.assertTrue(octets.endswith(b"Subject: x\r\n\r\n" + body))
        self.assertNotIn(b"Bcc", octets[: octets.index(b"\r\n\r\n")])
        self.assertEqual(made.size, len(octets))
        self.assertTrue(octets.startswith(made.head[:200]))
        content.body.discard()

    def test_large(self) -> None:
        """A message of 50 MB is changed without being read: the rest stays in its file."""
        piece = os.urandom(CHUNK)
        header = b"Bcc: x@example.test\r\nSubject: x\r\n"
        spill = Spill(tempfile.gettempdir())
        spill.write(header + b"\r\n")
        for _ in range(50_000_000 // CHUNK):
            spill.write(piece)
        content = spill.finish()
        self.addCleanup(content.body.discard)
        made = self.filtered(content)
        self.assertLess(len(made.prefix), 500)
        pieces = made.chunks()
        self.assertEqual(next(pieces), made.prefix)
        size, largest, last = len(made.prefix), 0, b""
        for last in pieces:
            size += len(last)
            largest = max(largest, len(last))
        self.assertEqual(made.size, size)
        self.assertLessEqual(largest, CHUNK)
        self.assertTrue(piece.endswith(last[-1000:]))
        self.assertGreater(size, 49_900_000)
        made.body.discard()
        self.assertRaises((OSError, ValueError), list, content.chunks())
