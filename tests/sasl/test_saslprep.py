"""One form for what looks alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.sasl.saslprep import prepared, prepared_octets, saslprep


class SASLprepTests(SynchronousTestCase):
    """RFC 4013."""

    def test_examples(self) -> None:
        """The examples of RFC 4013 section 3."""
        for text, result in (
            ("I\u00adX", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u00aa", "a"),
            ("\u2168", "IX"),
        ):
            self.assertEqual(saslprep(text), result)
        for text in ("\u0007", "\u0627\u0031"):
            self.assertRaises(ValueError, saslprep, text)

    def test_spaces(self) -> None:
        """All spaces are one, and what cannot be seen is nothing."""
        self.assertEqual(saslprep("a\u00a0b\u2003c\u200bd\ufeff"), "a b cd")

    def test_directions(self) -> None:
        """Text that runs from right to left does so from its first to its last letter."""
        self.assertEqual(saslprep("\u0627\u0031\u0628"), "\u0627\u0031\u0628")
        self.assertRaises(ValueError, saslprep, "\u0627a\u0628")

    def test_newer_characters(self) -> None:
        """A password may have an emoji, which Unicode 3.2 did not know."""
        self.assertEqual(saslprep("\U0001f511"), "\U0001f511")

    def test_prohibited_stays(self) -> None:
        """What cannot be prepared is compared as it is."""
        self.assertEqual(prepared("\u0007\u00aa"), "\u0007\u00aa")
        self.assertEqual(prepared_octets(b"\xff\xc2\xaa"), b"\xff\xc2\xaa")
        self.assertEqual(prepared_octets("\u00aa".encode()), b"a")

    @given(st.text())
    def test_idempotent(self, text: str) -> None:
        """Prepared text is prepared."""
        once = prepared(text)
        self.assertEqual(prepared(once), once)
