"""Messages in chunks, and binary ones."""

from __future__ import annotations

import email
import os
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Duration, FilePath, Size
from mailframe.dialogue import spill
from mailframe.message.content import Content
from mailframe.smtp.binary import _in_lines_blocking
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, RecordingDelivery, fake_reception, serve

BINARY = b"Content-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
PIECES = st.lists(
    st.binary(max_size=40) | st.sampled_from([b"\r\n.\r\n", b"\r", b"\n", b"QUIT\r\n"]), max_size=8
)


class ChunkingCase(SynchronousTestCase):
    """A client that has said EHLO."""

    def setUp(self) -> None:
        self.delivery = RecordingDelivery()

    def connect(self, settings: SMTPSettings | None = None) -> Client:
        client = serve(fake_reception(self.delivery), settings)
        client.say("EHLO client.example.test")
        return client

    def transaction(self, pieces: list[bytes], parameters: str = "") -> bytes:
        """All that a client sends for one message, its last chunk empty."""
        head = f"MAIL FROM:<alice@example.net>{parameters}\r\nRCPT TO:<bob@example.test>\r\n".encode()
        return (
            head + b"".join([b"BDAT %d\r\n%b" % (len(piece), piece) for piece in pieces]) + b"BDAT 0 LAST\r\n"
        )

    def folder(self) -> str:
        folder = self.mktemp()
        os.mkdir(folder)
        return folder


class ChunkingTests(ChunkingCase):
    """BDAT (RFC 3030 section 2)."""

    @given(PIECES, st.integers(1, 50))
    def test_any_chunks_any_segments(self, pieces: list[bytes], size: int) -> None:
        """However a message is cut into chunks and segments, it arrives as it was, or is refused for its line ends."""
        client = self.connect(SMTPSettings(line_ends="refuse"))
        self.delivery.messages.clear()
        octets = self.transaction(pieces)
        replies = []
        for at in range(0, len(octets), size):
            replies += client.send(octets[at : at + size])
        self.assertEqual(len(replies), len(pieces) + 3)
        content = b"".join(pieces)
        plain = content.replace(b"\r\n", b"")
        if b"\r" in plain or b"\n" in plain:
            self.assertEqual(replies[-1][:9], "554 5.6.0")
            self.assertEqual(self.delivery.messages, [])
        else:
            self.assertEqual(replies[-1][:9], "250 2.0.0")
            ended = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
            self.assertEqual(self.delivery.messages[0].octets, ended)
        self.assertEqual(client.say("NOOP"), ["250 2.0.0 OK"])

    def test_large(self) -> None:
        """A large message goes through a file, which is gone afterwards."""
        folder = self.folder()
        client = self.connect(SMTPSettings(spill_directory=FilePath(folder), spill_limit=Size(1000)))
        piece = b"0123456789" * 9999 + b"\r\n"
        replies = client.send(self.transaction([piece] * 5))
        self.assertEqual([reply[:3] for reply in replies], ["250"] * 8)
        self.assertEqual(self.delivery.messages[0].octets, piece * 5)
        self.assertEqual(os.listdir(folder), [])

    def test_endless(self) -> None:
        """A chunk of any size costs no memory, neither before a transaction nor past the limit of one."""
        client = self.connect(SMTPSettings(size_limit=Size(1000)))
        for start in (b"", b"MAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\n"):
            client.send(start + b"BDAT 99999999999999999999\r\n")
            for _ in range(50):
                self.assertEqual(client.send(b"\n" * 100_000), [])
            self.assertEqual(len(client.protocol._buffer), 0)  # type: ignore[attr-defined]
            client.lose()
            client = self.connect(SMTPSettings(size_limit=Size(1000)))

    def test_trickle(self) -> None:
        """The time for a message counts from its first chunk to its last."""
        client = self.connect(SMTPSettings(transfer_timeout=Duration(600)))
        client.say("MAIL FROM:<>", "RCPT TO:<bob@example.test>")
        replies = []
        for _ in range(7):
            client.clock.advance(101)
            replies += client.send(b"BDAT 5\r\nhello")
        self.assertEqual(replies, ["250 2.0.0 5 octets received"] * 6 + ["250 2.0.0 5 octets received"])
        client.send(b"BDAT 5\r\nx")
        self.assertEqual(client.send(b"x"), [])
        self.assertTrue(client.closed)

    def test_disk_full(self) -> None:
        """When there is no room, the chunk is deferred, and so are those behind it."""
        client = self.connect(SMTPSettings(spill_directory=FilePath("nowhere"), spill_limit=Size(10)))
        self.assertEqual(
            [reply[:9] for reply in client.send(self.transaction([b"x" * 30_000, b"yz"]))[2:]],
            ["452 4.3.1"] * 3,
        )

    def test_goodbye_waits(self) -> None:
        """When the service goes down, chunks under way are taken to their end."""
        client = self.connect()
        client.say("MAIL FROM:<>", "RCPT TO:<bob@example.test>")
        client.send(b"BDAT 5\r\nhello")
        self.assertFalse(client.protocol.finish())  # type: ignore[attr-defined]
        client.send(b"BDAT 0 LAST\r\n")
        self.assertTrue(client.protocol.finish())  # type: ignore[attr-defined]


class BinaryTests(ChunkingCase):
    """BODY=BINARYMIME (RFC 3030 section 3)."""

    @given(PIECES)
    def test_any_octets(self, pieces: list[bytes]) -> None:
        """Whatever a binary part holds, its reader gets it back; behind the session there are lines only."""
        client = self.connect()
        self.delivery.messages.clear()
        client.send(self.transaction([BINARY, *pieces], " BODY=BINARYMIME"))
        message = self.delivery.messages[0]
        self.assertEqual(email.message_from_bytes(message.octets).get_payload(decode=True), b"".join(pieces))
        self.assertEqual(message.envelope.body, "8BITMIME")
        plain = message.octets.replace(b"\r\n", b"")
        self.assertFalse(b"\r" in plain or b"\n" in plain)
        self.assertTrue(message.octets.endswith(b"\r\n"))

    def test_large(self) -> None:
        """A large one goes through files, in a thread where there are threads; none is left."""
        folder = self.folder()
        settings = SMTPSettings(spill_directory=FilePath(folder), spill_limit=Size(1000))
        octets = bytes(range(256)) * 4096
        for clock in (None, MemoryReactorClock()):
            client = serve(fake_reception(self.delivery), settings, clock=clock)  # type: ignore[arg-type]
            client.say("EHLO x")
            client.send(self.transaction([BINARY, octets], " BODY=BINARYMIME"))
            got = email.message_from_bytes(self.delivery.messages.pop().octets)
            self.assertEqual(got.get_payload(decode=True), octets)
            self.assertEqual(os.listdir(folder), [])

    def test_shared_memory(self) -> None:
        """What a thread makes of a large binary message takes none of the memory that messages share."""
        content = Content.of(BINARY + bytes(range(256)) * 4000)
        taken = spill._MEMORY.taken
        made = _in_lines_blocking(content, SMTPSettings(spill_directory=FilePath(self.folder())))
        self.addCleanup(made.body.discard)
        self.assertGreater(made.size, 1_300_000)
        self.assertEqual(spill._MEMORY.taken, taken)

    def test_memory(self) -> None:
        """A binary message of 24 MB needs little memory while it is made lines."""
        folder = FilePath(self.folder())
        received = spill.Spill(folder, 1)
        received.write(BINARY)
        for _ in range(24):
            received.write(bytes(range(256)) * 4000)
        content = received.finish()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        made = _in_lines_blocking(content, SMTPSettings(spill_directory=folder))
        self.assertLess(tracemalloc.get_traced_memory()[1], 3_000_000)
        self.assertGreater(made.size, 24 * 1_365_000)
        made.body.discard()

    def test_outside_parts(self) -> None:
        """Bare line ends outside of binary parts are refused like anywhere, or made CRLF."""
        octets = b"Subject: x\r\n\r\na\nb"
        client = self.connect()
        self.assertEqual(client.send(self.transaction([octets], " BODY=BINARYMIME"))[-1][:9], "554 5.6.0")
        client = self.connect(SMTPSettings(line_ends="normalise"))
        client.send(self.transaction([octets], " BODY=BINARYMIME"))
        self.assertEqual(self.delivery.messages[0].octets, b"Subject: x\r\n\r\na\r\nb\r\n")

    def test_no_room(self) -> None:
        """When there is no room for the encoded message, it is deferred."""
        folder = self.folder()
        client = self.connect(SMTPSettings(spill_directory=FilePath(folder), spill_limit=Size(10)))
        client.say("MAIL FROM:<> BODY=BINARYMIME", "RCPT TO:<bob@example.test>")
        client.send(b"BDAT %d\r\n%b" % (len(BINARY) + 30_000, BINARY + b"\n" * 30_000))
        os.rmdir(folder)
        self.assertEqual(client.say("BDAT 0 LAST")[-1][:9], "452 4.3.1")
