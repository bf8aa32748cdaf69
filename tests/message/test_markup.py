from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.markup import MarkupText, markup_text

MARKUP = st.lists(
    st.one_of(
        st.sampled_from(
            ["<b>", "</b>", "<p class='x'>", "<br/>", "<!--", "-->", "<style>", "</style >", "<script type=a>",
             "</SCRIPT>", "&amp;", "&eacute", "&", ";", "<", ">", "<!DOCTYPE html>", " ", "\r\n", "é", "\N{SNOWMAN}"]
        ),
        st.text("abc<>&; -!/", max_size=6),
    ),
    max_size=30,
).map("".join)  # fmt: skip


class MarkupTextTests(SynchronousTestCase):
    def test_text(self) -> None:
        """Words are as a reader sees them: whole within, and apart between paragraphs."""
        self.assertEqual(
            markup_text("<p>Hello <b>w</b>orld,<br>\r\n  again</p><P>end"), "Hello world, again end"
        )

    def test_hidden(self) -> None:
        """Comments, styles and scripts are not text."""
        markup = "a<!-- no > --><style>p > a {}</style><!----><SCRIPT src=x>if (a<b) no()</script >b<!--[if mso]>no"
        self.assertEqual(markup_text(markup), "ab")

    def test_entities(self) -> None:
        """Characters by name or number are read, and what they make is no tag."""
        self.assertEqual(
            markup_text("caf&eacute; &lt;b&gt; &#x2603;&nbsp;&unknown; AT&T"), "café <b> ☃\xa0&unknown; AT&T"
        )

    def test_tag_ends_a_name(self) -> None:
        """A character's name does not go on behind a tag or a comment."""
        self.assertEqual(markup_text("&eacute<b>;</b> &am<!-- -->p;"), "é; &amp;")

    def test_no_tags(self) -> None:
        """A sign that begins no tag stands for itself."""
        self.assertEqual(markup_text("1 < 2 > 0 <"), "1 < 2 > 0 <")

    @given(MARKUP, st.lists(st.integers(0, 200), max_size=5))
    def test_any_piece(self, markup: str, cuts: list[int]) -> None:
        """The text is the same however the markup comes in pieces."""
        text = MarkupText()
        places = [0, *sorted(min(cut, len(markup)) for cut in cuts), len(markup)]
        pieces = [text.feed(markup[start:end]) for start, end in pairwise(places)]
        self.assertEqual("".join(pieces) + text.close(), markup_text(markup))

    def test_time(self) -> None:
        """Nothing that a sender can write takes long."""
        begun = time.process_time()
        for hostile in ("<", "<a", "<!--", "<style", "<style>", "</style", "&", "&amp", "<a b='", "<!-", " "):
            text = MarkupText()
            for _ in range(16):
                text.feed((hostile * 65536)[:65536])
            text.close()
        self.assertLess(time.process_time() - begun, 5.0)
