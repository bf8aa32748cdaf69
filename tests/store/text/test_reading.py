"""Tests of `mailframe.store.text.reading`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.matching_text import OctetsSource
from mailframe.store.text.reading import text_of

HTML = b"Subject: S\r\nContent-Type: text/html\r\n\r\n"


class TextOfTests(SynchronousTestCase):
    """The text of one message."""

    def test_whole(self) -> None:
        """All of a message of the usual size is there, folded."""
        found = text_of(7, OctetsSource(HTML + b"<p>Some <b>TEXT</b>"))
        self.assertEqual((found.uid, found.body, found.whole), (7, "some text\n", True))
        self.assertEqual(found.fields, [("subject", "s"), ("content-type", "text/html")])

    def test_characters(self) -> None:
        """Of a longer text there is the beginning, and that there is more is known."""
        found = text_of(7, OctetsSource(HTML + b"<p>Some <b>TEXT</b>"), limit=4)
        self.assertEqual((found.body, found.whole), ("some", False))

    def test_octets(self) -> None:
        """Of a message that is long, and has little text, no more is read than is bearable."""
        octets = HTML + b"begin<!--" + b"x" * 1_000_000 + b"-->end"
        found = text_of(7, OctetsSource(octets), read_limit=200_000)
        self.assertEqual((found.body.strip(), found.whole), ("begin", False))
        found = text_of(7, OctetsSource(octets), read_limit=len(octets))
        self.assertEqual((found.body.strip(), found.whole), ("beginend", True))
