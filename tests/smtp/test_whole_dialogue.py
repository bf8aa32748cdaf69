"""Everything that SMTP and LMTP have in one dialogue: TLS, logins, chunks, other clients' words, errors, floods.

`tests.smtp.test_dialogue` counts replies against a model. Here the dialogue of a client that waits for each answer is
the measure for one that pipelines it all, in any segments; and nothing may be left when it is over.
"""

from __future__ import annotations

import base64
import gc
import re
import tracemalloc
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Duration, Network, Size
from mailframe.dialogue import spill
from mailframe.directory.memory import MemoryDirectory
from mailframe.limits.memory import MemoryTallies
from mailframe.message.status import NO_SUCH_MAILBOX, UNAVAILABLE
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.smtp.states import Expects
from mailframe.smtp.wire.reader import AUTH_LINE_LIMIT
from mailframe.testing.smtp import FixedAuthenticator, FixedRouter, RecordingDelivery
from mailframe.testing.transports import MemoryTransport
from mailframe.tls.interfaces import IServerContexts

REPLY = re.compile(r"[2-5][0-5][0-9][ -].*")
ROUTER = {"no@example.test": NO_SUCH_MAILBOX, "later@example.test": UNAVAILABLE}


def plain(password: str) -> bytes:
    """The response of SASL PLAIN."""
    return base64.b64encode(f"\0bob@example.test\0{password}".encode())


HELLO, MAIL, RCPT = (
    b"EHLO client.example.test\r\n",
    b"MAIL FROM:<a@example.test>\r\n",
    b"RCPT TO:<bob@example.test>\r\n",
)
STARTTLS = b"STARTTLS\r\n"
COMMANDS = [
    HELLO, HELLO, MAIL, MAIL, RCPT, RCPT, b"LHLO client.example.test\r\n", b"HELO client.example.test\r\n",
    b"MAIL FROM:<> SIZE=10 BODY=BINARYMIME\r\n", b"MAIL FROM:<a@example.test> SIZE=99999\r\n",
    b"mail from: <\xc3\xa9@example.test> SMTPUTF8 REQUIRETLS MT-PRIORITY=9 RET=HDRS ENVID=x\r\n",
    b"RCPT TO:<no@example.test>\r\n", b"RCPT TO:<later@example.test> NOTIFY=NEVER\r\n", b"RCPT TO:x\r\n",
    STARTTLS, b"RSET\r\n", b"NOOP x\r\n", b"VRFY bob\r\n", b"EXPN list\r\n", b"HELP\r\n", b"ETRN x\r\n", b"WHAT\r\n", b"\r\n",
    b"XCLIENT ADDR=203.0.113.7 PORT=99\r\n", b"XCLIENT LOGIN=bob@example.test\r\n", b"XCLIENT ADDR=x\r\n",
    b"XFORWARD ADDR=203.0.113.9 NAME=x\r\n", b"XFORWARD ADDR=[UNAVAILABLE]\r\n",
    b"BDAT x\r\n", b"NOOP \xff\n", b"NOOP " + b"y" * 600 + b"\r\n",
]  # fmt: skip
"""One command each, which has one reply."""
PARTS = [
    MAIL + RCPT + b"DATA\r\ntext\r\n.\r\n", b"DATA\r\n", b"DATA\r\n..\r\n.x\r\n.\r\n", b"text\r\n.\r\n", b"text\n\r\n.\r\n",
    MAIL + RCPT + RCPT + b"BDAT 4\r\na\r\nbBDAT 0 LAST\r\n", b"BDAT 2500\r\n" + b"z" * 2500, b"BDAT 3 LAST\r\nRSE",
    b"BDAT 9\r\nx", b"AUTH PLAIN " + plain("secret") + b"\r\n", b"AUTH PLAIN " + plain("wrong") + b"\r\n",
    b"AUTH PLAIN\r\n" + plain("secret") + b"\r\n", b"AUTH LOGIN\r\n*\r\n", b"AUTH PLAIN\r\n", b"AUTH NONE\r\n",
    b"AUTH PLAIN\r\n=\xff\r\n", b"AUTH LOGIN\r\nYm9iQGV4YW1wbGUudGVzdA==\r\nc2VjcmV0\r\n", b"QUIT\r\n",
]  # fmt: skip
"""What is more than a command, or less."""
GARBAGE = st.binary(max_size=30) | st.sampled_from([b"\r", b"\n", b"\r\n.\r\n", b".", b"~" * 900])
UNITS = st.lists(
    st.sampled_from(COMMANDS) | st.sampled_from(COMMANDS) | st.sampled_from(PARTS) | GARBAGE, max_size=30
)
OPTIONS = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from(["smtp", "smtp", "lmtp"]),
        "line_ends": st.sampled_from(["refuse", "normalise"]),
        "errors_limit": st.sampled_from([4, 1000]),
        "tarpit_after": st.sampled_from([0, 2]),
        "recipients_limit": st.sampled_from([2, 1000]),
        "idle_commands_limit": st.sampled_from([0, 5]),
        "require_tls_for_auth": st.booleans(),
    }
)


class Peer:
    """A client of one listener, and what the listener has."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.clock = Clock()
        self.delivery, self.tallies = RecordingDelivery(), MemoryTallies(self.clock)
        settings = SMTPSettings(
            hostname="mx.example.test",
            line_limit=Size(512),
            size_limit=Size(2000),
            refused_recipients_limit=0,
            tarpit_delay=Duration(1),
            xclient_networks=(Network("192.0.2.0/24"),),
            xforward_networks=(Network("192.0.2.0/24"),),
            **options,
        )
        reception = Reception(
            FixedRouter(dict(ROUTER), unknown=None),
            self.delivery,
            authenticator=FixedAuthenticator({"bob@example.test": "secret"}),
            accounts=MemoryDirectory(["example.test"], {"bob@example.test": "secret"}),
        )
        self.factory = SMTPServerFactory(
            reception, settings, self.clock, cast(IServerContexts, self), tallies=self.tallies
        )
        self.transport = MemoryTransport(peer=IPv4Address("TCP", "192.0.2.1", 40000))
        self.protocol: Any = self.factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.take()

    def contexts(self) -> object:
        """Of TLS, which the transport only pretends."""
        return object()

    @property
    def closed(self) -> bool:
        """Has the server ended it?"""
        return bool(self.transport.disconnecting or self.transport.disconnected)

    @property
    def expects(self) -> Expects:
        """What the server waits for."""
        return cast(Expects, self.protocol._conversation._session.expects)

    def take(self) -> list[str]:
        """The reply lines since, when the server has done all that it can."""
        while self.protocol._busy and not self.closed:
            self.clock.advance(1)
        return re.sub(r"id \w+", "id", self.transport.take().decode()).splitlines()

    def send(self, octets: bytes) -> list[str]:
        """Send one segment."""
        self.protocol.dataReceived(octets)
        return self.take()

    def lose(self) -> None:
        """The connection is lost."""
        self.protocol.connectionLost(Failure(ConnectionLost()))


class WholeDialogueTests(SynchronousTestCase):
    """Any commands in any order, at any pace."""

    def finish(self, peer: Peer, taken: int) -> None:
        """Nothing is left of a connection."""
        peer.lose()
        self.assertEqual(peer.clock.getDelayedCalls(), [])
        self.assertEqual(peer.factory.limits.open, 0)
        for network in ("192.0.2.1", "203.0.113.7"):
            self.assertEqual(peer.tallies.count("submission.connections.network", network), 0)
        self.assertEqual(spill._MEMORY.taken, taken)
        self.assertEqual(self.flushLoggedErrors(), [])

    @given(UNITS, OPTIONS, st.lists(st.integers(1, 90), min_size=1))
    def test_any_pace(self, units: list[bytes], options: dict[str, Any], sizes: list[int]) -> None:
        """Replies are the same, in the same order, whether the client waits for each or sends all in any segments."""
        taken = spill._MEMORY.taken
        units = [b"LHLO x\r\n" if options["protocol"] == "lmtp" else b"EHLO x\r\n", *units]
        waiting, hasty = Peer(options), Peer(options)
        answers: list[str] = []
        for unit in units:
            simple = unit in COMMANDS and waiting.expects is Expects.COMMAND and not waiting.closed
            buffer = waiting.protocol._buffer
            whole = not len(buffer) and buffer._passed_over < 0
            lines = waiting.send(unit)
            for line in lines:
                self.assertRegex(line, REPLY)
                self.assertNotIn(" 4.3.0 ", line)
            if simple and whole:
                # A greeting after XCLIENT has no enhanced code; EHLO has its lines.
                self.assertEqual(len([line for line in lines if line[3] == " "]), 1, (unit, lines))
            answers += lines
        got: list[str] = []
        for part in re.split(rb"(?<=STARTTLS\r\n)", b"".join(units)):
            # Who speaks before TLS is cut off, so the hasty client waits there, too.
            at = 0
            while at < len(part):
                size = sizes[at % len(sizes)]
                got += hasty.send(part[at : at + size])
                at += size
        self.assertEqual(got, answers)
        self.assertEqual(
            [each.octets for each in hasty.delivery.messages],
            [each.octets for each in waiting.delivery.messages],
        )
        for peer in (waiting, hasty):
            self.assertLess(len(peer.protocol._buffer), AUTH_LINE_LIMIT)
            self.finish(peer, taken)

    @given(UNITS, st.integers(0, 2000))
    def test_any_end(self, units: list[bytes], length: int) -> None:
        """Wherever the connection breaks, nothing of it is left."""
        taken, peer = spill._MEMORY.taken, Peer({"tarpit_after": 2})
        peer.protocol.dataReceived((HELLO + b"".join(units))[:length])
        self.finish(peer, taken)

    def test_floods(self) -> None:
        """No command costs memory when it is said hundreds of times, whatever is answered."""
        options = {"errors_limit": 10**9, "idle_commands_limit": 0, "tarpit_after": 0, "recipients_limit": 9}
        starts = (
            b"",
            HELLO + MAIL + RCPT,
            HELLO + MAIL + RCPT + b"BDAT 1\r\nx",
            HELLO + MAIL + RCPT + b"DATA\r\n",
        )
        for unit in {*COMMANDS, b"BDAT 1\r\nx", b"BDAT 0\r\n", b"AUTH LOGIN\r\n*\r\n", b"~", b"\r", b"\n"}:
            flood = unit * (1500 // len(unit) + 1)
            for start in starts:
                peer = Peer({**options, "login_failures_limit": 10**9})
                peer.send(start + flood)
                tracemalloc.start()
                for _ in range(3):
                    peer.send(flood)
                gc.collect(0)
                kept, _ = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                self.assertLess(kept, 10_000, (unit, start))
                peer.lose()
