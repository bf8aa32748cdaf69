"""What stands between the literals of APPEND, and URLs of messages."""

from __future__ import annotations

from contextlib import suppress as passed_over

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.appending import Begin, FromURL, Inside, between
from mailframe.imap.wire.fetching import Section, Text
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.urls import MessageURL, message_url
from mailframe.message.status import ProtocolError

WORDS = [
    b" ",
    b"(",
    b")",
    b"TEXT",
    b"URL",
    b"UTF8",
    b"CATENATE",
    b'"x"',
    b"(\\Seen)",
    b'" 1-Nov-2026 00:00:00 +0000"',
]


class BetweenTests(SynchronousTestCase):
    """Pieces of the command."""

    def test_pieces(self) -> None:
        """All forms of messages are understood."""
        plain, seen = Begin(frozenset(), None), Begin(frozenset({"\\Seen"}), None)
        for text, inside, literal, wanted in (
            (b" ", Inside.NOTHING, True, ([plain], Inside.MESSAGE)),
            (b" (\\Seen) ", Inside.NOTHING, True, ([seen], Inside.MESSAGE)),
            (b" (\\Seen) UTF8 (", Inside.MESSAGE, True, ([seen], Inside.UTF8)),
            (b")", Inside.UTF8, False, ([], Inside.NOTHING)),
            (b"", Inside.MESSAGE, False, ([], Inside.NOTHING)),
            (b" CATENATE (TEXT ", Inside.NOTHING, True, ([plain], Inside.CATENATE)),
            (b" URL a TEXT ", Inside.CATENATE, True, ([FromURL(b"a")], Inside.CATENATE)),
            (b' URL "a") ', Inside.CATENATE, True, ([FromURL(b"a"), plain], Inside.MESSAGE)),
            (
                b" CATENATE (URL a URL b) CATENATE (URL c)", Inside.NOTHING, False,
                ([plain, FromURL(b"a"), FromURL(b"b"), plain, FromURL(b"c")], Inside.NOTHING),
            ),
        ):  # fmt: skip
            with self.subTest(text=text):
                self.assertEqual(between(Parser(text), inside, literal=literal), wanted)

    @given(
        st.lists(st.sampled_from(WORDS), max_size=12).map(b"".join), st.sampled_from(Inside), st.booleans()
    )
    def test_garbage(self, text: bytes, inside: Inside, literal: bool) -> None:
        """Whatever stands there, it is understood or refused; a literal belongs to something, and no literal to nothing."""
        with passed_over(ProtocolError):
            _, belongs = between(Parser(text), inside, literal=literal)
            self.assertEqual(belongs is not Inside.NOTHING, literal)


class URLTests(SynchronousTestCase):
    """URLs of messages."""

    def test_urls(self) -> None:
        """All parts of a URL are understood, whatever their case; names are UTF-8."""
        for octets, wanted in (
            (b"/INBOX/;UID=20", MessageURL("INBOX", 0, 20, Section())),
            (b"/a/b;uidvalidity=7/;uid=20/;section=1.2", MessageURL("a/b", 7, 20, Section((1, 2)))),
            (b"/K%C3%B6ln/;UID=1/;SECTION=HEADER", MessageURL("K\u00f6ln", 0, 1, Section((), Text.HEADER))),
            (b"/INBOX/;UID=1/;PARTIAL=5.9", MessageURL("INBOX", 0, 1, Section(), 5, 9)),
            (
                b"/INBOX/;UID=1/;SECTION=1.MIME/;PARTIAL=5",
                MessageURL("INBOX", 0, 1, Section((1,), Text.MIME), 5),
            ),
        ):
            with self.subTest(octets=octets):
                self.assertEqual(message_url(octets), wanted)

    def test_others(self) -> None:
        """What names no message of this server is none."""
        for octets in (
            b"",
            b"/INBOX",
            b"imap://x/INBOX/;UID=1",
            b"/INBOX/;UID=0",
            b"/%FF/;UID=1",
            b"/a/;UID=1/;SECTION=x",
        ):
            with self.subTest(octets=octets):
                self.assertIsNone(message_url(octets))

    @given(st.binary(max_size=40) | st.text("/;UIDSECTON=01.%AF", max_size=40).map(str.encode))
    def test_garbage(self, octets: bytes) -> None:
        """Nothing fails."""
        message_url(octets)
