"""Tests of `mailframe.pop3.client`."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.pop3.client.reader import Piece, Reply, ReplyReader

TALK = b"+OK here it is\r\nSubject: x\r\n\r\n..dot\r\n.\r\n-ERR [IN-USE] later\r\n"


def heard(pieces):
    """All replies, with the pieces of the message joined."""
    reader, found, octets = ReplyReader(), [], b""
    reader.expect(multiline=True)
    for piece in pieces:
        reader.feed(piece)
        while (reply := reader.next()) is not None:
            if isinstance(reply, Piece):
                octets += reply.octets
                if reply.last:
                    found.append(octets)
            else:
                found.append(reply)
    return found


EXPECTED = [
    Reply(True, "here it is"),
    b"Subject: x\r\n\r\n.dot\r\n",
    Reply(False, "later", "IN-USE"),
]


class ReplyTests(SynchronousTestCase):
    """Replies from octets."""

    @given(st.lists(st.integers(0, len(TALK)), max_size=8).map(sorted))
    def test_any_split(self, places):
        """However it is split, the same comes out."""
        ends = [0, *places, len(TALK)]
        self.assertEqual(heard([TALK[a:b] for a, b in pairwise(ends)]), EXPECTED)

    def test_octet_by_octet(self):
        """However it is split, the same comes out."""
        self.assertEqual(heard([bytes([octet]) for octet in TALK]), EXPECTED)

    @given(st.lists(st.binary(max_size=20) | st.sampled_from([b"+OK", b"\r\n", b".\r\n", b"-ERR x\r\n"])))
    def test_anything(self, pieces):
        """Whatever arrives, it is understood or refused in one way."""
        try:
            heard(pieces)
        except ProtocolError:
            return

    def test_challenges(self):
        """A challenge is no end of a dialogue, and does not begin a message."""
        reader = ReplyReader()
        reader.expect(multiline=True)
        reader.feed(b"+ Zm9v\r\n+\r\n")
        self.assertEqual(reader.next(), Reply(True, challenge=b"Zm9v"))
        self.assertEqual(reader.next(), Reply(True, challenge=b""))

    def test_long_lines(self):
        """A line without end is refused."""
        reader = ReplyReader()
        reader.feed(b"+OK " + b"x" * 20_000)
        self.assertRaises(ProtocolError, reader.next)
