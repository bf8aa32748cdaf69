"""Tests of `mailframe.pop3.wire.replies` and `mailframe.pop3.wire.top`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import CREDENTIALS_INVALID, OK, UNKNOWN_FAULT, Status
from mailframe.pop3.wire import replies
from mailframe.pop3.wire.top import TopCut


class ReplyTests(SynchronousTestCase):
    """Replies as octets."""

    def test_render(self):
        """A status has its indicator, its code and its text."""
        self.assertEqual(replies.render(OK), b"+OK OK\r\n")
        self.assertEqual(replies.render(CREDENTIALS_INVALID), b"-ERR [AUTH] Authentication failed\r\n")
        self.assertTrue(replies.render(UNKNOWN_FAULT).startswith(b"-ERR [SYS/TEMP] "))
        self.assertEqual(replies.render(Status((5, 0, 0), "No")), b"-ERR No\r\n")
        self.assertEqual(replies.render(Status((4, 2, 0), "Busy", "INUSE")), b"-ERR [IN-USE] Busy\r\n")

    def test_empty(self):
        """A reply without text has no space at its end."""
        self.assertEqual(replies.ok(), b"+OK\r\n")

    def test_challenge(self):
        """A challenge has its space, an empty one too."""
        self.assertEqual(replies.challenge(b""), b"+ \r\n")
        self.assertEqual(replies.challenge(b"VXNlcm5hbWU6"), b"+ VXNlcm5hbWU6\r\n")

    @given(st.text(max_size=600))
    def test_one_line(self, text):
        """Whatever a text is, a reply is one line of at most 512 octets."""
        for line in (replies.ok(text), replies.error(text, "SYS/TEMP")):
            self.assertLessEqual(len(line), 512)
            self.assertTrue(line.endswith(b"\r\n"))
            self.assertEqual((line.count(b"\r"), line.count(b"\n")), (1, 1))

    @given(st.integers(0, 3 * replies.LINES_A_PIECE))
    def test_listing(self, count):
        """A listing comes in pieces that are its first line, its lines, and its end."""
        pieces = list(replies.listing(b"+OK\r\n", (str(number) for number in range(count))))
        wanted = b"+OK\r\n" + b"".join(b"%d\r\n" % number for number in range(count)) + b".\r\n"
        self.assertEqual(b"".join(pieces), wanted)
        self.assertLessEqual(max(piece.count(b"\n") for piece in pieces), replies.LINES_A_PIECE + 2)


def cut(message, lines, pieces):
    """What passes of a message in these pieces, and whether it was finished early."""
    top, passed = TopCut(lines), b""
    for piece in pieces:
        if top.finished:
            break
        passed += top.feed(piece)
    return passed, top.finished


MESSAGES = st.lists(st.sampled_from([b"", b"x", b"Subject: y", b"."]), max_size=8).map(
    lambda lines: b"".join(line + b"\r\n" for line in lines)
)


class TopTests(SynchronousTestCase):
    """TOP's cut."""

    @given(MESSAGES, st.integers(0, 6), st.data())
    def test_any_pieces(self, message, lines, data):
        """The header, the empty line and so many lines pass, whatever the pieces."""
        if message.startswith(b"\r\n"):
            header, body = b"", message[2:]
        else:
            header, found, body = message.partition(b"\r\n\r\n")
            header += b"\r\n" if found else b""
        if header == message:
            wanted = message
        else:
            wanted = header + b"\r\n" + b"".join(body.splitlines(keepends=True)[:lines])
        at = data.draw(st.integers(0, len(message)))
        for pieces in ([message], [message[:at], message[at:]], [bytes([octet]) for octet in message]):
            self.assertEqual(cut(message, lines, pieces)[0], wanted)

    def test_stops_reading(self):
        """Nothing behind the cut is asked for."""
        message = b"A: b\r\n\r\n" + b"line\r\n" * 100
        self.assertEqual(cut(message, 0, [message]), (b"A: b\r\n\r\n", True))
        self.assertEqual(cut(message, 101, [message]), (message, False))
