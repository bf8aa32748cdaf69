"""What our server accepted stays one message, whoever reads it behind us (SMTP smuggling, 2023).

Others read line ends in their own ways: whoever takes octets for an end of data that we took for content, would find
commands of the sender's in it. So all that gets through our server is written by our client, and read again, by our
server and by readers with the rules of others.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from mailframe.dialogue.dotstuffing import DotWriter
from mailframe.dialogue.line_ends import has_bare
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.settings import ClientSettings
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import RecordingDelivery, fake_reception, serve
from mailframe.testing.wires import MemoryEndpoint
from mailframe.tls.policies import NO_TLS

from .client.harness import ClientCase, message

LineEnds = Literal["refuse", "normalise"]

BEGIN = b"MAIL FROM:<evil@example.test>\r\nRCPT TO:<bob@example.test>\r\n"
CLEAN = st.sampled_from(
    [b"\r\n", b"\r\n.", b"\r\n..", b".", b"text", b"text\r\n", b"\0", b"\x85", b"\x0b.\x0b"]
)
COMMANDS = st.sampled_from([b"\r\n.\r\n", BEGIN + b"DATA\r\n", b"QUIT\r\n", b"BDAT 3 LAST\r\n"])
DIRTY = st.sampled_from(
    [b"\n", b"\r", b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r", b"\r\n.\r\r\n", b"\r\r\n", b"\n\r"]
)
NOISE = (
    st.lists(CLEAN | COMMANDS, max_size=9) | st.lists(CLEAN | COMMANDS | DIRTY | DIRTY, max_size=12)
).map(b"".join)
NOISE = (st.lists(CLEAN, max_size=9) | st.lists(CLEAN | DIRTY, max_size=12)).map(b"".join)
READERS = {
    "strict": re.compile(rb"\r\n"),
    # Postfix before 3.9, and later where smtpd_forbid_bare_newline is off: a line ends at LF, CRs before it are nothing.
    "Postfix": re.compile(rb"\r*\n"),
    # Others took a lone CR for a line end, too.
    "anything": re.compile(rb"\r\n|\r|\n"),
}
LINE_ENDS = st.sampled_from(["refuse", "normalise"])


def by_data(noise: bytes, cuts: list[int]) -> bytes:
    """A message whose data are the noise; what follows an end of data in it are commands."""
    return BEGIN + b"DATA\r\n" + noise + b"\r\n.\r\n"


def by_chunks(noise: bytes, cuts: list[int]) -> bytes:
    """A message of which every octet is counted."""
    begins = sorted({0, *(cut % (len(noise) + 1) for cut in cuts)})
    pieces = [noise[begin:end] for begin, end in zip(begins, [*begins[1:], len(noise)], strict=True)]
    return BEGIN + b"".join([b"BDAT %d\r\n%b" % (len(piece), piece) for piece in pieces]) + b"BDAT 0 LAST\r\n"


class SmugglingTests(ClientCase):
    """A hostile sender, our server, our client, and whoever comes behind it."""

    def accepted(self, octets: bytes, line_ends: LineEnds, segment: int) -> list[bytes]:
        """The messages that our server makes of what a client sends."""
        delivery = RecordingDelivery()
        client = serve(fake_reception(delivery), SMTPSettings(line_ends=line_ends))
        client.say("EHLO x")
        for at in range(0, len(octets), segment):
            client.send(octets[at : at + segment])
        return [each.octets for each in delivery.messages]

    def handed_on(self, contents: list[bytes], line_ends: LineEnds, **settings: Any) -> list[bytes]:
        """The messages that our server makes of what our client makes of messages."""
        delivery, clock = RecordingDelivery(), Clock()
        self.clock = clock
        server = SMTPServerFactory(fake_reception(delivery), SMTPSettings(line_ends=line_ends), clock)
        endpoint = MemoryEndpoint(clock, server)
        client_settings = ClientSettings(hostname="client.example.test", **settings)
        connector = Connector(clock, client_settings, None, lambda target: endpoint)
        client = self.run_now(connector.connect(Target("mx.example.test", policy=NO_TLS)))
        for content in contents:
            self.assertTrue(self.send(client, message(content)).accepted)
        return [each.octets for each in delivery.messages]

    def check_readers(self, content: bytes, line_ends: LineEnds, segment: int) -> None:
        """Every reader finds one message in our data, the same, and nothing behind it."""
        writer = DotWriter(line_ends)
        pieces = [writer.write(content[at : at + segment]) for at in range(0, len(content), segment)]
        data = b"".join(pieces) + writer.finish()
        for name, line_end in READERS.items():
            lines = line_end.split(data)
            self.assertEqual(lines.index(b"."), len(lines) - 2, name)
            self.assertEqual(lines[-1], b"", name)
            read = [line.removeprefix(b".") for line in lines[:-2]]
            self.assertEqual(read, line_end.split(content)[:-1], name)

    @given(
        NOISE, st.sampled_from([by_data, by_chunks]), st.lists(st.integers(0, 200), max_size=4),
        LINE_ENDS, LINE_ENDS, st.booleans(), st.integers(1, 80),
    )  # fmt: skip
    def test_one_message_stays_one(
        self, noise: bytes, sent: Any, cuts: list[int], first: LineEnds, second: LineEnds, chunking: bool,
        segment: int,
    ) -> None:  # fmt: skip
        """Each accepted message is one message for every reader behind us, by DATA and by BDAT."""
        contents = self.accepted(sent(noise, cuts), first, segment)
        for content in contents:
            self.assertFalse(has_bare(content))
            self.assertTrue(not content or content.endswith(b"\r\n"))
            self.check_readers(content, second, segment)
        self.assertEqual(self.handed_on(contents, second, chunking=chunking, chunk=segment), contents)

    def test_known_tricks(self) -> None:
        """The sequences of 2023 and their kin are refused, or normalised and harmless; never an end of data."""
        for end in (
            b"\n.\n",
            b"\n.\r\n",
            b"\r\n.\n",
            b"\r.\r",
            b"\r.\r\n",
            b"\r\n.\r",
            b"\r\n.\r\r\n",
            b"\n\n.\r\n",
        ):
            octets = by_data(b"first" + end + BEGIN + b"DATA\r\nsecond", [])
            for segment in (1, 9, 1000):
                self.assertEqual(self.accepted(octets, "refuse", segment), [], end)
                (content,) = self.accepted(octets, "normalise", segment)
                self.assertIn(b"MAIL FROM", content)
                self.check_readers(content, "refuse", segment)
