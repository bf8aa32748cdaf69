"""Flags on the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.flags import flag_list, render_flags, store_flags
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import ProtocolError
from mailframe.store.values import SYSTEM_FLAGS

KEYWORDS = st.text("abcXYZ019$-_.", min_size=1, max_size=8)


class FlagsTests(SynchronousTestCase):
    """Flags are read and written."""

    def test_spelling(self):
        """System flags get the spelling of the RFC, keywords keep theirs."""
        self.assertEqual(flag_list(Parser(b"(\\SEEN Work $Junk)")), {"\\Seen", "Work", "$Junk"})
        self.assertEqual(flag_list(Parser(b"()")), frozenset())
        self.assertEqual(store_flags(Parser(b"\\answered work")), {"\\Answered", "work"})
        self.assertEqual(store_flags(Parser(b"(work)")), {"work"})

    def test_refused(self):
        """What cannot be set is refused."""
        for octets in (
            b"(\\Recent)",
            b"(\\Colour)",
            b"(a",
            b"(a  b)",
            b"",
            b"(%)",
            b"(" + b"a " * 300 + b"a)",
        ):
            self.assertRaises(ProtocolError, store_flags, Parser(octets))

    @given(st.sets(st.sampled_from(sorted(SYSTEM_FLAGS)) | KEYWORDS))
    def test_round_trip(self, flags):
        """Rendered flags are read back."""
        self.assertEqual(flag_list(Parser(render_flags(frozenset(flags)))), flags)

    def test_rendering(self):
        """Recent comes last, and what is no atom is not shown."""
        flags = frozenset({"\\Seen", "b", "a", "two words", "w\u00e4hl", "\U0001f600", ""})
        self.assertEqual(render_flags(flags, recent=True), b"(\\Seen a b \\Recent)")
