"""Who should take the next connection."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.node.balance import ABSENT, Balance, Table, new_table


class BalanceTests(SynchronousTestCase):
    """Workers see each other's connections."""

    def tables(self, places: int) -> list[Table]:
        """One view each, as in as many processes."""
        descriptor = new_table(places)
        try:
            return [Table(descriptor) for _ in range(places)]
        finally:
            os.close(descriptor)

    @given(st.lists(st.none() | st.integers(0, 20), min_size=1, max_size=6))
    def test_crowded(self, counts: list[int | None]) -> None:
        """Crowded is who has more than some other that accepts."""
        tables = self.tables(len(counts))
        balances = []
        for place, (table, count) in enumerate(zip(tables, counts, strict=True)):
            balances.append(Balance(table, place, lambda count=count: count or 0, 100))
            if count is not None:
                balances[-1].crowded()
        for count, balance in zip(counts, balances, strict=True):
            if count is not None:
                others = [other for other in counts if other is not None]
                self.assertEqual(balance.crowded(), count > min(others))

    def test_accepted_shows(self) -> None:
        """A connection just taken counts before the session begins."""
        one, other = self.tables(2)
        taker = Balance(one, 0, lambda: 0, 100)
        waiter = Balance(other, 1, lambda: 0, 100)
        waiter.crowded()
        taker.accepted()
        self.assertEqual(other.least(), 0)
        Balance(other, 1, lambda: 1, 100).crowded()
        self.assertEqual(other.least(), 1)

    def test_absent(self) -> None:
        """A worker that is gone counts for nobody."""
        one, other = self.tables(2)
        leaver = Balance(one, 0, lambda: 0, 100)
        stayer = Balance(other, 1, lambda: 5, 100)
        leaver.crowded()
        self.assertTrue(stayer.crowded())
        leaver.leave()
        self.assertFalse(stayer.crowded())
        other.note(1, ABSENT)
        self.assertEqual(one.least(), 0)

    def test_full(self) -> None:
        """Full is who has as many as it may have."""
        (table,) = self.tables(1)
        self.assertFalse(Balance(table, 0, lambda: 4, 5).full())
        self.assertTrue(Balance(table, 0, lambda: 5, 5).full())
