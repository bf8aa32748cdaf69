"""Bare CR and LF in content without dots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.line_ends import LineEndReader, LineEnds

CONTENT = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"."]), max_size=20).map(b"".join)


def read(pieces: list[bytes], line_ends: LineEnds) -> tuple[bytes, bool]:
    reader = LineEndReader(line_ends)
    octets = b"".join([reader.feed(piece) for piece in pieces])
    return octets + reader.finish(), reader.bare


class LineEndReaderTests(SynchronousTestCase):
    """Content in pieces."""

    @given(CONTENT, st.lists(st.integers(1, 5), max_size=20))
    def test_any_pieces(self, octets: bytes, sizes: list[int]) -> None:
        """However content is cut, a bare CR or LF is seen, and becomes CRLF where that is asked for."""
        pieces, rest = [], octets
        for size in sizes:
            pieces.append(rest[:size])
            rest = rest[size:]
        pieces.append(rest)
        plain = octets.replace(b"\r\n", b"")
        bare = b"\r" in plain or b"\n" in plain
        lines = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        self.assertEqual(read(pieces, "normalise"), (lines, bare))
        content, seen = read(pieces, "refuse")
        self.assertEqual(seen, bare)
        self.assertTrue(octets.startswith(content) if bare else content == octets)

    def test_nothing_after(self) -> None:
        """After a bare line end nothing more comes out."""
        self.assertEqual(read([b"a\r\n", b"b\n", b"c\r\n"], "refuse"), (b"a\r\n", True))
