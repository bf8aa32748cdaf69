"""Delays after failed logins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.backoff import BackOff
from mailframe.limits.memory import MemoryTallies
from mailframe.limits.roster import Roster
from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import Table


def attempt(table: BackOff, key: str = "k", right: bool = False) -> float:
    """One login from begin to end."""
    delay = table.begin(key)
    if not right:
        table.failed(key)
    table.end(key)
    return delay


class BackOffTests(SynchronousTestCase):
    """How long the next one waits."""

    def setUp(self) -> None:
        """Nobody failed yet."""
        self.clock = Clock()
        self.tallies = MemoryTallies(self.clock)

    def table(self, free: int, longest: float = 1000.0, many_people: bool = False) -> BackOff:
        """A back-off that forgets after a quarter of an hour."""
        return BackOff(self.tallies, "login", free, 1.0, longest, 900.0, many_people)

    def test_growth(self) -> None:
        """A few failures are free; then the delay doubles up to its bound."""
        table = self.table(3, 5.0)
        self.assertEqual([0, 0, 0, 1, 2, 4, 5, 5], [attempt(table) for _ in range(8)])
        self.assertEqual(0.0, attempt(table, "other"))

    def test_forgetting(self) -> None:
        """After a quiet time a key is clean."""
        table = self.table(1)
        attempt(table)
        self.clock.advance(899)
        self.assertEqual(1.0, attempt(table))
        self.clock.advance(901)
        self.assertEqual(0.0, attempt(table))

    def test_at_once(self) -> None:
        """A hundred guesses at once wait like a hundred one after the other."""
        table = self.table(2)
        self.assertEqual([0, 0, 1, 2, 4], [table.begin("k") for _ in range(5)])
        self.assertEqual(5, table.pending("k"))

    def test_many_people(self) -> None:
        """A hundred people behind one address log in at once without delay, until there are failures."""
        table = self.table(2, many_people=True)
        self.assertEqual({0.0}, {table.begin("k") for _ in range(100)})
        table.failed("k")
        table.failed("k")
        self.assertGreater(table.begin("k"), 0.0)

    def test_forgiving(self) -> None:
        """A success takes back the failures before it, and a clean key costs no memory."""
        table = self.table(1)
        attempt(table)
        attempt(table)
        table.forgive("k", table.failures("k"))
        self.assertEqual(0, len(self.tallies))
        self.assertEqual(0.0, attempt(table, right=True))
        self.assertEqual(0, len(self.tallies))

    def test_workers(self) -> None:
        """Who guesses at two workers in turn waits as if there were one."""
        roster = Roster(2, entries=64)
        self.addCleanup(roster.close)
        places = [roster.move_in(), roster.move_in()]
        one, two = (
            BackOff(SharedTallies(Table(roster.descriptor), place, self.clock), "login", 3, 1.0, 15.0, 900.0)
            for place in places
            if place is not None
        )
        self.assertEqual([0, 0, 0, 1, 2, 4], [attempt(table) for table in (one, two) * 3])
        self.assertEqual([8, 15], [one.begin("k"), two.begin("k")])
        two.forgive("k", one.failures("k"))
        self.assertEqual(0, one.failures("k"))

    @given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("befg"), st.floats(0, 2000))))
    def test_bounds(self, steps: list[tuple[str, str, float]]) -> None:
        """Whatever happens, in any order: no error, no negative count, no delay beyond the bound."""
        table = self.table(2, 15.0)
        for key, action, wait in steps:
            self.clock.advance(wait)
            if action == "b":
                self.assertTrue(0.0 <= table.begin(key) <= 15.0)
            elif action == "e":
                table.end(key)
            elif action == "f":
                table.failed(key)
            else:
                table.forgive(key, 1)
            self.assertGreaterEqual(table.pending(key), 0)
            self.assertGreaterEqual(table.failures(key), 0)
