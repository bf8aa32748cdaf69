"""Modifiers of FETCH."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.fetch_modifiers import Modifiers, fetch_modifiers
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.returns import Page
from mailframe.message.status import ProtocolError


def parse(octets, by_uid=True):
    parser = Parser(octets)
    modifiers = fetch_modifiers(parser, by_uid)
    parser.end()
    return modifiers


class FetchModifiersTests(SynchronousTestCase):
    """What may stand behind the items."""

    def test_taken(self):
        """None, or a page."""
        self.assertEqual(parse(b""), Modifiers())
        self.assertEqual(parse(b" (partial 3:1)"), Modifiers(Page(3, 1)))
        self.assertEqual(parse(b" (PARTIAL -1:-30)"), Modifiers(Page(-1, -30)))

    def test_refused(self):
        """Unknown ones, repeated ones, and pages of FETCH without UID."""
        for octets in (
            b" ",
            b" ()",
            b" (PARTIAL)",
            b" (PAGE 1:2)",
            b" (PARTIAL 1:2 PARTIAL 1:2)",
            b" (PARTIAL 1:2",
        ):
            self.assertRaises(ProtocolError, parse, octets)
        self.assertRaises(ProtocolError, parse, b" (PARTIAL 1:2)", False)

    @given(st.binary(max_size=30))
    def test_garbage(self, octets):
        """Garbage is refused as such."""
        try:
            parse(b" (PARTIAL " + octets)
        except ProtocolError:
            pass
