"""Tests of `mailframe.store.uid_runs`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.uid_runs import UIDRuns, merged, runs, without

UIDS = st.sets(st.integers(1, 60)).map(sorted)
SLICES = st.tuples(
    *[st.none() | st.integers(-70, 70)] * 2, st.none() | st.integers(-5, 5).filter(lambda step: step != 0)
)


class UIDRunsTests(SynchronousTestCase):
    """UIDs as runs are UIDs."""

    @given(UIDS, SLICES, st.integers(-70, 70))
    def test_like_a_list(self, uids: list[int], bounds: tuple[int | None, ...], place: int) -> None:
        """They count, iterate, contain and are cut as a list of the same UIDs."""
        found = UIDRuns(runs(uids))
        self.assertEqual((list(found), len(found), bool(found)), (uids, len(uids), bool(uids)))
        self.assertEqual([uid for uid in range(62) if uid in found], uids)
        self.assertEqual(found[slice(*bounds)], uids[slice(*bounds)])
        self.assertEqual(list(reversed(found)), uids[::-1])
        if -len(uids) <= place < len(uids):
            self.assertEqual(found[place], uids[place])
        else:
            self.assertRaises(IndexError, found.__getitem__, place)

    @given(UIDS, st.integers(61, 70))
    def test_missing(self, uids: list[int], uidnext: int) -> None:
        """Those that are missing are all others below UIDNEXT."""
        missing = UIDRuns(runs(uids)).missing(uidnext)
        self.assertEqual(list(missing), sorted(set(range(1, uidnext)).difference(uids)))
        self.assertEqual(missing, UIDRuns(runs(missing)))

    @given(UIDS, UIDS)
    def test_without(self, uids: list[int], gone: list[int]) -> None:
        """What is left when others are taken out."""
        left = without(runs(uids), list(runs(gone)))
        self.assertEqual(left, list(runs(set(uids).difference(gone))))

    @given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9))))
    def test_merged(self, parts: list[tuple[int, int]]) -> None:
        """Runs that overlap or touch become one."""
        pairs = sorted((first, first + more) for first, more in parts)
        uids = {uid for first, last in pairs for uid in range(first, last + 1)}
        self.assertEqual(list(merged(pairs)), list(runs(uids)))

    def test_room(self) -> None:
        """Thousands of millions take no room and no time."""
        missing = UIDRuns([(7, 7)]).missing(1 << 32)
        self.assertEqual((len(missing), missing[-1]), ((1 << 32) - 2, (1 << 32) - 1))
        self.assertEqual(missing[4:8], [5, 6, 8, 9])
        self.assertNotIn(7, missing)
        self.assertNotIn("7", missing)

    def test_equal(self) -> None:
        """Equal runs are equal; a list is something else."""
        self.assertEqual(hash(UIDRuns([(1, 2)])), hash(UIDRuns([(1, 2)])))
        self.assertNotEqual(UIDRuns([(1, 2)]), UIDRuns([(1, 3)]))
        self.assertNotEqual(UIDRuns([(1, 2)]), [1, 2])
        self.assertEqual(repr(UIDRuns([(1, 2), (4, 4)])), "<UIDs 1:2,4>")
        self.assertIn("...", repr(UIDRuns((uid, uid) for uid in range(1, 50, 2))))
