"""A stream, read up to one place after another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.source import Source


class SourceTests(SynchronousTestCase):
    """Nothing is lost, doubled, or given too early."""

    @given(st.lists(st.binary(min_size=1, max_size=9)), st.lists(st.integers(0, 60)))
    def test_any_places(self, chunks: list[bytes], places: list[int]) -> None:
        """However the octets come, each place gets what lies before it and behind the place before."""
        octets, source, before = b"".join(chunks), Source(chunks), 0
        for place in places:
            self.assertEqual(b"".join(source.up_to(place)), octets[before:place])
            before = max(before, min(place, len(octets)))
        self.assertEqual(b"".join(source.up_to(None)), octets[before:])
