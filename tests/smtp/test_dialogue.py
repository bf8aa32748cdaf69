"""The whole dialogue against a model: whatever is sent, each command has its reply, in order, and nothing breaks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Size
from mailframe.message.status import NO_SUCH_MAILBOX
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, FixedRouter, RecordingDelivery, fake_reception, serve

REPLY = re.compile(r"[245][0-5][0-9] [245]\.\d\.\d+ .+|[235]\d\d[ -].+")
ROUTER = FixedRouter({"no@example.test": NO_SUCH_MAILBOX}, unknown=None)

Unit = tuple[str, bytes]
"""What a client sends at once, and what it is for the model."""

COMMANDS: list[Unit] = [
    ("hello", b"%b x\r\n"),
    ("mail", b"MAIL FROM:<a@example.test>\r\n"),
    ("mail", b"MAIL FROM:<\xc3\xa9@example.test> SMTPUTF8 BODY=8BITMIME\r\n"),
    ("binary", b"MAIL FROM:<a@example.test> BODY=BINARYMIME\r\n"),
    ("error", b"MAIL FROM:<a@example.test> BODY=NONE\r\n"),
    ("rcpt", b"RCPT TO:<bob@example.test> NOTIFY=NEVER\r\n"),
    ("rcpt", b"RCPT TO:<eve@example.test>\r\n"),
    ("error", b"RCPT TO:<no@example.test>\r\n"),
    ("error", b"RCPT TO:<bob@example.test> NOTIFY=MAYBE\r\n"),
    ("data", b"DATA\r\ntext\r\n.\r\n"),
    ("reset", b"RSET\r\n"),
    ("other", b"NOOP\r\n"),
    ("other", b"VRFY bob\r\n"),
    ("error", b"STARTTLS\r\n"),
    ("error", b"AUTH PLAIN\r\n"),
    ("error", b"\r\n"),
    ("error", b"NOOP " + b"x" * 600 + b"\r\n"),
    ("two errors", b"RCPT TO:<bob@example.test>\nRSET\r\n"),
]


def chunks() -> st.SearchStrategy[Unit]:
    content = st.one_of(st.binary(max_size=30), st.sampled_from([b"QUIT\r\n", b"\r\n.\r\n", b"x" * 900]))
    return st.tuples(content, st.booleans()).map(
        lambda pair: (
            "last" if pair[1] else "chunk",
            b"BDAT %d%b\r\n%b" % (len(pair[0]), b" LAST" if pair[1] else b"", pair[0]),
        )
    )


def garbage() -> st.SearchStrategy[Unit]:
    line = st.binary(max_size=40).map(lambda octets: b"~" + octets.translate(None, b"\r\n") + b"\r\n")
    return line.map(lambda octets: ("error", octets))


UNITS = st.lists(
    st.one_of(st.sampled_from(COMMANDS), st.sampled_from(COMMANDS), chunks(), garbage()), max_size=30
)


@dataclass
class Model:
    """How many replies there should be; knows nothing of what they say."""

    lmtp: bool
    greeted: bool = False
    open: bool = False
    chunked: bool = False
    binary: bool = False
    recipients: int = 0

    def replies(self, kind: str) -> int:
        """The replies to a unit."""
        if kind == "hello":
            self.greeted = True
            self._close()
            return 0  # several lines, which are counted by their last
        if kind == "two errors":
            return 2
        if kind == "data":
            if not self.recipients or self.chunked or self.binary:
                return 3  # refused, and what was meant as data are unknown commands
            count = self.recipients if self.lmtp else 1
            self._close()
            return 1 + count
        if kind == "last":
            # A last chunk ends the transaction, even without recipients.
            count = self.recipients if self.lmtp and self.recipients else 1
            self._close()
            return count
        if kind == "chunk":
            self.chunked = self.chunked or self.recipients > 0
        elif kind in ("mail", "binary") and self.greeted and not self.open:
            self.open, self.binary = True, kind == "binary"
        elif kind == "rcpt" and self.open and not self.chunked:
            self.recipients += 1
        elif kind == "reset":
            self._close()
        return 1

    def _close(self) -> None:
        self.open = self.chunked = self.binary = False
        self.recipients = 0


class DialogueTests(SynchronousTestCase):
    """SMTP and LMTP, pipelined at random and cut at random."""

    def server(self, protocol: str) -> Client:
        settings = SMTPSettings(
            protocol=protocol,  # type: ignore[arg-type]
            line_limit=Size(512),
            size_limit=Size(1000),
            errors_limit=1000,
            tarpit_after=0,
        )
        return serve(fake_reception(RecordingDelivery(), ROUTER), settings)

    @given(UNITS, st.sampled_from(["smtp", "lmtp"]), st.integers(1, 200))
    def test_one_reply_each(self, units: list[Unit], protocol: str, size: int) -> None:
        """Every command has one reply, and the end of data one for each recipient where LMTP is spoken."""
        client, model = self.server(protocol), Model(protocol == "lmtp")
        hello = b"LHLO" if protocol == "lmtp" else b"EHLO"
        octets = b"".join([part % hello if kind == "hello" else part for kind, part in units])
        lines = []
        for at in range(0, len(octets), size):
            lines += client.send(octets[at : at + size])
        for line in lines:
            self.assertRegex(line, REPLY)
        ends = [line for line in lines if line[3] == " " and line != "250 ENHANCEDSTATUSCODES"]
        self.assertEqual(len(ends), sum(model.replies(kind) for kind, _ in units), lines)
        hellos = sum(kind == "hello" for kind, _ in units)
        self.assertEqual(lines.count("250 ENHANCEDSTATUSCODES"), hellos)

    @given(UNITS, st.sampled_from(["smtp", "lmtp"]), st.integers(1, 200))
    def test_any_segments(self, units: list[Unit], protocol: str, size: int) -> None:
        """The replies do not depend on how the octets are cut, and nothing waits in memory."""
        octets = b"".join([part % b"HELO" if kind == "hello" else part for kind, part in units])
        answers = []
        for step in (max(1, len(octets)), size):
            client, lines = self.server(protocol), []
            for at in range(0, len(octets), step):
                lines += client.send(octets[at : at + step])
            answers.append([line.partition(", id ")[0] for line in lines])
            self.assertEqual(len(client.protocol._buffer), 0)  # type: ignore[attr-defined]
        self.assertEqual(answers[0], answers[1])

    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=50),
                st.sampled_from([part for _, part in COMMANDS]),
                st.sampled_from(
                    [
                        b"BDAT 10\r\n",
                        b"BDAT 3 LAST\r\n",
                        b"BDAT x\r\n",
                        b"DATA\r\n",
                        b"\r\n.\r\n",
                        b"\n",
                        b"\r",
                    ]
                ),
            ),
            max_size=30,
        ),
        st.integers(1, 60),
    )
    def test_noise(self, pieces: list[bytes], size: int) -> None:
        """Whatever octets come, there is no fault of ours, and every line that is sent is a reply."""
        client, octets = self.server("smtp"), b"".join(pieces)
        client.say("EHLO x", "MAIL FROM:<a@example.test>", "RCPT TO:<bob@example.test>")
        for at in range(0, len(octets), size):
            for line in client.send(octets[at : at + size]):
                self.assertRegex(line, REPLY)
                self.assertNotIn("4.3.0", line)
        self.assertLess(len(client.protocol._buffer), 600)  # type: ignore[attr-defined]
        self.assertEqual(self.flushLoggedErrors(), [])
