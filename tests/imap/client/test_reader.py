"""Tests of `mailframe.imap.client`."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.client.commands import command, string, uid_set
from mailframe.imap.client.fetching import Fetched, fetched
from mailframe.imap.client.reader import RESPONSE_LIMIT, ResponseReader
from mailframe.imap.client.responses import Continuation, Piece, Streamed, Untagged, Verdict
from mailframe.message.status import ProtocolError

TALK = (
    b"* OK [CAPABILITY IMAP4rev1 SASL-IR] ready {5}\r\n"
    b'* LIST (\\HasNoChildren \\Sent) "." "Gesendet \\"a\\""\r\n'
    b"* LIST () NIL {5}\r\nIN\r\nX\r\n"
    b"+ \r\n"
    b'* 3 FETCH (UID 70 BODY[] {12}\r\nhello\r\n(x"\r\n FLAGS (\\Seen $Junk \\Recent) MODSEQ (12345678901))\r\n'
    b"a1 NO [NONEXISTENT] gone\r\n"
)
HEARD = [
    Verdict(b"*", b"OK", b"CAPABILITY", b"IMAP4rev1 SASL-IR", b"ready {5}"),
    Untagged(b"LIST", None, [[b"\\HasNoChildren", b"\\Sent"], b".", b'Gesendet "a"']),
    Untagged(b"LIST", None, [[], None, b"IN\r\nX"]),
    Continuation(b""),
    Piece(b'hello\r\n(x"\r\n'),
    Untagged(
        b"FETCH",
        3,
        [
            [
                b"UID", b"70", b"BODY[]", Streamed(12), b"FLAGS", [b"\\Seen", b"$Junk", b"\\Recent"], b"MODSEQ",
                [b"12345678901"],
            ]
        ],
    ),
    Verdict(b"a1", b"NO", b"NONEXISTENT", b"", b"gone"),
]  # fmt: skip


def heard(pieces):
    """Everything that comes out, pieces of a message joined."""
    reader, found = ResponseReader(), []
    for piece in pieces:
        reader.feed(piece)
        while (response := reader.next()) is not None:
            if isinstance(response, Piece) and found and isinstance(found[-1], Piece):
                found[-1] = Piece(found[-1].octets + response.octets)
            else:
                found.append(response)
    return found


class ReaderTests(SynchronousTestCase):
    """Responses from octets."""

    def test_whole(self):
        """A dialogue is understood, literals included, and braces in a text are no literal."""
        self.assertEqual(heard([TALK]), HEARD)

    def test_octet_by_octet(self):
        """However it is split, the same comes out."""
        self.assertEqual(heard([bytes([octet]) for octet in TALK]), HEARD)

    @given(st.lists(st.integers(0, len(TALK)), max_size=8).map(sorted))
    def test_any_split(self, places):
        """However it is split, the same comes out."""
        ends = [0, *places, len(TALK)]
        self.assertEqual(heard([TALK[a:b] for a, b in pairwise(ends)]), HEARD)

    @given(
        st.lists(
            st.binary(max_size=30)
            | st.sampled_from(
                [b"* 1 FETCH (", b"BODY[] {3}\r\n", b"* ", b"\r\n", b'"', b"(", b")", b"{9}\r\n", b"a OK"]
            )
        )
    )
    def test_anything(self, pieces):
        """Whatever arrives, it is understood or refused in one way."""
        reader = ResponseReader()
        for piece in pieces:
            reader.feed(piece)
            try:
                while reader.next() is not None:
                    continue
            except ProtocolError:
                return

    def test_bounds(self):
        """Responses and lists without end are refused before they fill the memory."""
        for octets in (
            b"* LIST () {%d}\r\n" % RESPONSE_LIMIT,
            b"* X " + b"(" * 100 + b"\r\n",
            b"* " + b"x" * 2_000_000,
            b"* 1 FETCH (BODY[] {9999999999999}\r\n",
        ):
            reader = ResponseReader()
            reader.feed(octets)
            self.assertRaises(ProtocolError, reader.next)

    def test_messages_are_not_kept(self):
        """A message of any size goes through in pieces."""
        reader = ResponseReader()
        reader.feed(b"* 1 FETCH (BODY[] {10000000}\r\n")
        self.assertIsNone(reader.next())
        size = 0
        while size < 10_000_000:
            reader.feed(bytes(50_000))
            piece = reader.next()
            self.assertIsInstance(piece, Piece)
            self.assertLessEqual(len(piece.octets), 65536)
            size += len(piece.octets)
        reader.feed(b")\r\n")
        self.assertEqual(fetched(reader.next()).streamed, 10_000_000)


class FetchingTests(SynchronousTestCase):
    """FETCH responses."""

    def fetch(self, items):
        (found,) = heard([b"* 1 FETCH (" + items + b")\r\n"])
        return fetched(found)

    def test_all(self):
        """Each item is found, in any order and case."""
        found = self.fetch(
            b'uid 7 FLAGS (\\Seen \\Recent w) INTERNALDATE " 1-Feb-2020 10:00:00 +0100" RFC822.SIZE 12 '
            b'MODSEQ (9) EMAILID (Mx) THREADID NIL SAVEDATE NIL BODY[] "x"'
        )
        self.assertEqual(
            found, Fetched(7, frozenset({"\\Seen", "w"}), 1580547600, 0, 12, 9, "Mx", "", b"x", None)
        )

    def test_bad(self):
        """What no FETCH has is refused; a date that is none is passed over."""
        for items in (b"UID", b"UID 99999999999", b"UID x", b"(a) b", b"FLAGS x"):
            self.assertRaises(ProtocolError, self.fetch, items)
        self.assertEqual(self.fetch(b'INTERNALDATE "yesterday" UID 1'), Fetched(1))


class CommandTests(SynchronousTestCase):
    """Commands as octets."""

    def test_strings(self):
        """Atoms stay, the rest is quoted or sent as a literal."""
        self.assertEqual(string(b"INBOX"), b"INBOX")
        self.assertEqual(string(b'a "b" \\'), b'"a \\"b\\" \\\\"')
        self.assertEqual(string(b"nil"), b'"nil"')
        self.assertEqual(string(b""), b'""')
        self.assertEqual(string(b"a\r\nb"), b"{4}\r\na\r\nb")

    @given(st.lists(st.binary(max_size=20), max_size=4))
    def test_literals_wait(self, strings):
        """Whatever the strings, the command has one piece for each literal, and is the same when joined."""
        words = [string(each) for each in strings]
        pieces = command(b"a1", b"X", *words)
        self.assertEqual(b"".join(pieces), b" ".join([b"a1", b"X", *words]) + b"\r\n")
        self.assertEqual(len(pieces), 1 + sum(word.startswith(b"{") for word in words))

    @given(st.sets(st.integers(1, 60)).map(sorted))
    def test_sets(self, uids):
        """A set says exactly these UIDs."""
        found = []
        for part in uid_set(uids).split(b",") if uids else ():
            first, _, last = part.partition(b":")
            found.extend(range(int(first), int(last or first) + 1))
        self.assertEqual(found, uids)
