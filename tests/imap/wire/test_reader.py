"""Framing of commands and literals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.reader import (
    Command,
    CommandError,
    CommandReader,
    Limits,
    Line,
    LiteralWanted,
    MessageEnds,
    MessageOctets,
    MessageOffered,
)
from tests.imap.strategies import cuts, garbage

SMALL = Limits(line=100, literal=20, literals=3, command=200, discard=300)


def read(octets, pieces=None, limits=SMALL, accept=True):
    """All events, as values that compare; an error is its tag, text and whether it is fatal."""
    reader, buffer, events = CommandReader(limits), ReceiveBuffer(), []
    for piece in pieces or [octets]:
        buffer.append(piece)
        while True:
            try:
                event = reader.next(buffer)
            except CommandError as error:
                events.append((error.tag, error.status.text, error.fatal))
                if error.fatal:
                    return events
                continue
            if event is None:
                break
            if isinstance(event, MessageOffered) and accept:
                reader.accept()
            add(events, event)
    return events


def add(events, event):
    if isinstance(event, MessageOctets) and events and isinstance(events[-1], bytes):
        events[-1] += event.octets
    elif isinstance(event, MessageOctets):
        events.append(event.octets)
    elif isinstance(event, Command):
        events.append((event.tag, event.name, rest(event.arguments)))
    elif isinstance(event, MessageOffered):
        events.append(("offered", event.tag, event.size, event.synchronizing))
    elif isinstance(event, MessageEnds):
        events.append(("ends", rest(event.rest)))
    else:
        events.append(event)


def rest(parser: Parser) -> bytes:
    return parser._text[parser._at :]


class ReaderTests(SynchronousTestCase):
    """Commands come out whole, each bounded."""

    def test_commands(self):
        """A command is its tag, its name in capitals, and what follows."""
        self.assertEqual(
            read(b"a noop\r\nb uid fetch 1 UID\r\nc LOGIN {1+}\r\na {2}\r\nbc\r\n"),
            [
                (b"a", "NOOP", b""),
                (b"b", "UID FETCH", b" 1 UID"),
                LiteralWanted(),
                (b"c", "LOGIN", b" {1+}\r\na {2}\r\nbc"),
            ],
        )

    def test_append(self):
        """The message of APPEND is passed on in pieces; the literal of its mailbox name is not it."""
        self.assertEqual(
            read(b"a APPEND {3}\r\nbox (\\Seen) {5+}\r\nhello\r\nb append x {2}\r\nhi\r\nc NOOP\r\n"),
            [
                LiteralWanted(),
                ("offered", b"a", 5, False),
                b"hello",
                ("ends", b""),
                ("offered", b"b", 2, True),
                b"hi",
                ("ends", b""),
                (b"c", "NOOP", b""),
            ],
        )

    def test_append_refused(self):
        """A refused message is not waited for, and thrown away where it comes all the same."""
        self.assertEqual(
            read(b"a APPEND x {9}\r\nb APPEND x {3+}\r\nabc {2+}\r\nde\r\nc NOOP\r\n", accept=False),
            [("offered", b"a", 9, True), ("offered", b"b", 3, False), (b"c", "NOOP", b"")],
        )
        self.assertEqual(
            read(b"a APPEND x {3+}\r\nabc {2}\r\nc NOOP\r\n", accept=False),
            [("offered", b"a", 3, False), (b"c", "NOOP", b"")],
        )
        self.assertEqual(read(b"a APPEND x {301+}\r\n", accept=False)[-1][2], True)

    def test_several_messages(self):
        """Behind a message may be another; what stands behind the last literal is told."""
        self.assertEqual(
            read(b"a APPEND x {1+}\r\nb (\\Seen) {6+}\r\nx LOGO UTF8 (~{2+}\r\nzz)\r\nc NOOP\r\n"),
            [
                ("offered", b"a", 1, False),
                b"b",
                ("offered", b"a", 6, False),
                b"x LOGO",
                ("offered", b"a", 2, False),
                b"zz",
                ("ends", b")"),
                (b"c", "NOOP", b""),
            ],
        )

    def test_bounds(self):
        """What is too large is refused before it is kept."""
        big = "A literal is too large"
        self.assertEqual(read(b"a X {21}\r\nb NOOP\r\n"), [(b"a", big, False), (b"b", "NOOP", b"")])
        self.assertEqual(
            read(b"a X {21+}\r\n" + b"x" * 21 + b" {1+}\r\ny\r\nb NOOP\r\n"),
            [(b"a", big, False), (b"b", "NOOP", b"")],
        )
        self.assertEqual(read(b"a X {301+}\r\n")[-1][2], True)
        self.assertEqual(read(b"a X {9999999999999999999+}\r\n")[-1][2], True)
        many = b"a X {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx\r\nb NOOP\r\n"
        self.assertEqual(read(many), [(b"a", "There are too many literals", False), (b"b", "NOOP", b"")])
        long = b"a X " + b"x" * 90 + b"{0+}\r\n" + b"y" * 90 + b"{0+}\r\n" + b"z" * 90 + b"\r\nb NOOP\r\n"
        self.assertEqual(read(long), [(b"a", "The command is too long", False), (b"b", "NOOP", b"")])
        self.assertEqual(read(b"a " + b"x" * 100), [(None, "Line too long", True)])

    def test_message_without_tag(self):
        """A message of a command without a tag is not taken for commands."""
        events = read(b"(x APPEND y {13+}\r\nz LOGOUT\r\n...\r\nb NOOP\r\n")
        self.assertEqual(events[1:], [(b"b", "NOOP", b"")])

    def test_line(self):
        """A line that was asked for is no command."""
        reader, buffer = CommandReader(SMALL), ReceiveBuffer()
        reader.expect_line()
        buffer.append(b"DO")
        self.assertIsNone(reader.next(buffer))
        buffer.append(b"NE {3+}\r\na NOOP\r\n")
        self.assertEqual(reader.next(buffer), Line(b"DONE {3+}"))
        self.assertEqual(reader.next(buffer).name, "NOOP")

    @given(st.data())
    def test_segments(self, data):
        """However the octets are cut, the events are the same."""
        octets = data.draw(garbage())
        self.assertEqual(read(octets, data.draw(cuts(octets))), read(octets))

    @given(garbage(), st.booleans())
    def test_garbage(self, octets, accept):
        """Whatever comes, nothing but events and protocol errors come of it, and what is kept is bounded."""
        read(octets, accept=accept)
        read(octets * 20, accept=accept)
