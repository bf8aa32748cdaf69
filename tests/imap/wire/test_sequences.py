"""Sequence sets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.sequences import merged, ranges_of, render_set, sequence_set
from mailframe.message.status import ProtocolError
from tests.imap.strategies import uid_sets


class SequenceSetTests(SynchronousTestCase):
    """Sets name messages."""

    def test_resolve(self):
        """Ranges may come in any order, overlap, and hold the asterisk."""
        cases = [
            (b"1", ((1, 1),)),
            (b"1:3,2:5", ((1, 5),)),
            (b"5:1", ((1, 5),)),
            (b"*", ((10, 10),)),
            (b"12:*", ((10, 12),)),
            (b"7,*:3,1", ((1, 1), (3, 10))),
            (b"*:*", ((10, 10),)),
        ]
        for octets, ranges in cases:
            parser = Parser(octets)
            self.assertEqual(sequence_set(parser).resolve(10), ranges)
            parser.end()

    def test_refused(self):
        """What is no set is a protocol error."""
        for octets in (b"", b"0", b"1:", b"1,", b"a", b":3", b"4294967296"):
            self.assertRaises(ProtocolError, sequence_set, Parser(octets))

    @given(uid_sets())
    def test_round_trip(self, uids):
        """A rendered set names the same messages."""
        if uids:
            ranges = sequence_set(Parser(render_set(uids))).resolve(1000)
            self.assertEqual([uid for first, last in ranges for uid in range(first, last + 1)], uids)
            self.assertEqual(ranges, ranges_of(uids))

    @given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10)), max_size=10))
    def test_merged(self, pairs):
        """Merging keeps the numbers and leaves gaps between ranges."""
        ranges = [(first, first + more) for first, more in pairs]
        found = merged(ranges)
        numbers = {number for first, last in ranges for number in range(first, last + 1)}
        self.assertEqual({number for first, last in found for number in range(first, last + 1)}, numbers)
        self.assertTrue(all(left[1] + 1 < right[0] for left, right in pairwise(found)))

    def test_render_keeps_order(self):
        """Numbers that do not ascend stay in their order, for the pairs of COPYUID."""
        self.assertEqual(render_set([5, 6, 2, 3]), b"5:6,2:3")
