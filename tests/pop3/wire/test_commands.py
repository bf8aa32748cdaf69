"""Tests of `mailframe.pop3.wire.commands` and `mailframe.pop3.wire.reader`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.status import ProtocolError
from mailframe.pop3.wire import commands
from mailframe.pop3.wire.commands import parse_command
from mailframe.pop3.wire.reader import Reader, Response


class CommandTests(SynchronousTestCase):
    """Lines are understood."""

    def test_commands(self):
        """Every command, in any case, with what belongs to it."""
        for line, wanted in {
            b"USER alice": commands.User("alice"),
            b"user j\xc3\xb6rg ": commands.User("jörg"),
            b"PASS two words ": commands.Pass(b"two words "),
            b"pass  x": commands.Pass(b" x"),
            b"AUTH": commands.Auth(None, None),
            b"auth plain": commands.Auth("PLAIN", None),
            b"AUTH PLAIN =": commands.Auth("PLAIN", b"="),
            b"LIST": commands.List(None),
            b"LIST ": commands.List(None),
            b"list 3": commands.List(3),
            b"UIDL 0": commands.Uidl(0),
            b"RETR 12": commands.Retr(12),
            b"DELE 1 ": commands.Dele(1),
            b"TOP 1 0": commands.Top(1, 0),
        }.items():
            self.assertEqual(parse_command(line), wanted)
        for name in ("Capa", "Stls", "Quit", "Stat", "Noop", "Rset"):
            self.assertIsInstance(parse_command(name.encode()), getattr(commands, name))

    def test_wrong(self):
        """What is no command is refused."""
        for line in (
            b"",
            b" QUIT",
            b"XYZ",
            b"USER",
            b"USER \xff",
            b"PASS",
            b"STAT 1",
            b"RETR",
            b"RETR x",
            b"RETR -1",
            b"RETR 1 2",
            b"RETR 12345678901",
            b"RETR \xc2\xb2",
            b"TOP 1",
            b"TOP 1 2 3",
            b"AUTH a b c",
        ):
            self.assertRaises(ProtocolError, parse_command, line)

    def test_no_secrets_in_repr(self):
        """Passwords and responses do not get into logs by accident."""
        for value in (commands.Pass(b"secret"), commands.Auth("PLAIN", b"secret"), Response(b"secret")):
            self.assertNotIn("secret", repr(value))

    @given(st.binary(max_size=60))
    def test_any_line(self, line):
        """Any octets are a command or a protocol error."""
        try:
            self.assertIsInstance(parse_command(line), commands.Command)
        except ProtocolError:
            pass

    @given(st.sampled_from(["RETR ", "DELE ", "LIST ", "TOP 1 "]), st.integers(0, 9_999_999_999))
    def test_numbers(self, keyword, number):
        """Numbers are read as written."""
        self.assertIn(str(number), repr(parse_command(f"{keyword}{number}".encode())))


def events_of(segments):
    """What a reader makes of segments; a challenge is sent after each AUTH."""
    buffer, reader, found = ReceiveBuffer(), Reader(64), []
    for segment in segments:
        buffer.append(segment)
        while True:
            try:
                event = reader.next_event(buffer)
            except ProtocolError as error:
                found.append(error.status)
                if error.fatal:
                    return found
                continue
            if event is None:
                break
            found.append(event)
            if isinstance(event, commands.Auth):
                reader.expect_response()
    return found


LINES = st.sampled_from(
    [b"STAT", b"RETR 1", b"AUTH PLAIN", b"nonsense", b"*", b"", b"a\rb", b"x" * 61, b"x" * 80]
)


class ReaderTests(SynchronousTestCase):
    """What comes is read the same however it is cut."""

    @given(
        st.lists(LINES, max_size=8).map(lambda lines: b"".join(line + b"\r\n" for line in lines)), st.data()
    )
    def test_any_segmentation(self, octets, data):
        """Whole, in two pieces, or octet by octet."""
        cut = data.draw(st.integers(0, len(octets)))
        whole = events_of([octets])
        self.assertEqual(events_of([octets[:cut], octets[cut:]]), whole)
        self.assertEqual(events_of([octets[at : at + 1] for at in range(len(octets))]), whole)

    def test_response(self):
        """After a challenge one line is a response, longer than a command may be; then commands come again."""
        events = events_of([b"AUTH PLAIN\r\n" + b"A" * 200 + b"\r\nSTAT\r\n"])
        self.assertEqual(events[1], Response(b"A" * 200))
        self.assertIsInstance(events[2], commands.Stat)

    def test_refused_response(self):
        """A response with a bare line end is none, and the next line is a command."""
        events = events_of([b"AUTH PLAIN\r\na\rb\r\nSTAT\r\n"])
        self.assertIsInstance(events[2], commands.Stat)
