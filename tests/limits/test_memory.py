"""The tallies of one process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies

HOUR = 3600.0


class MemoryTalliesTests(SynchronousTestCase):
    """What is counted, and how long."""

    def setUp(self) -> None:
        """Nothing counted yet."""
        self.clock = Clock()
        self.clock.advance(1_000_000_080)
        self.tallies = MemoryTallies(self.clock, entries=3)

    def test_interface(self) -> None:
        """It keeps the contract."""
        self.assertTrue(verifyObject(ITallies, self.tallies))

    def test_open(self) -> None:
        """Of what is open there are as many as allowed; one that leaves makes room."""
        enter = self.tallies.enter
        self.assertEqual([True, True, False], [enter("k", "a", 2) for _ in range(3)])
        self.assertTrue(enter("k", "b", 2))
        self.assertTrue(enter("other", "a", 2))
        self.assertEqual(2, self.tallies.count("k", "a"))
        self.tallies.leave("k", "a")
        self.assertTrue(enter("k", "a", 2))
        self.assertTrue(enter("k", "a", 0), "a limit of 0 is none")

    def test_leaving_twice(self) -> None:
        """What nobody entered can be left without harm."""
        self.tallies.leave("k", "a")
        self.assertEqual(0, self.tallies.count("k", "a"))
        self.assertEqual(0, len(self.tallies))

    def test_window(self) -> None:
        """An amount counts for the window, then fades, and is gone a fifth later."""
        self.assertTrue(self.tallies.spend("k", "a", 8, 10, HOUR))
        self.assertFalse(self.tallies.spend("k", "a", 3, 10, HOUR))
        self.assertTrue(self.tallies.spend("k", "a", 2, 10, HOUR))
        self.clock.advance(HOUR)
        self.assertEqual(10, self.tallies.spent("k", "a", HOUR))
        self.clock.advance(HOUR / 10)
        self.assertEqual(5, self.tallies.spent("k", "a", HOUR))
        self.clock.advance(HOUR / 10)
        self.assertEqual(0, self.tallies.spent("k", "a", HOUR))

    def test_clock_set_back(self) -> None:
        """A clock that is set back by a day gives everybody a fresh start; by a minute, it changes little."""
        self.tallies.spend("k", "a", 10, 10, HOUR)
        self.clock.rightNow -= 60
        self.assertFalse(self.tallies.spend("k", "a", 1, 10, HOUR))
        self.clock.rightNow -= 86400
        self.assertTrue(self.tallies.spend("k", "a", 1, 10, HOUR))

    def test_failures_of_the_future(self) -> None:
        """Failures while the clock was a day ahead do not hold anybody for that day."""
        self.clock.rightNow += 86400
        self.tallies.fail("k", "a", 900.0)
        self.clock.rightNow -= 60
        self.assertEqual(1, self.tallies.failures("k", "a", 900.0))
        self.clock.rightNow -= 86400 - 60
        self.assertEqual(0, self.tallies.failures("k", "a", 900.0))

    def test_long_lived(self) -> None:
        """A flood of names that count for a minute or an hour does not push out what counts for a week."""
        week = 7 * 86400.0
        self.tallies.spend("login.known", "alice", 1, 0, week)
        self.tallies.fail("k", "long", 3600.0)
        for number in range(50):
            self.clock.advance(10)
            self.tallies.spend("begun", str(number), 1, 0, 60.0)
            self.tallies.spend("messages", str(number), 1, 0, HOUR)
            self.tallies.fail("k", str(number), 60.0)
        self.assertEqual(1, self.tallies.spent("login.known", "alice", week))
        self.assertEqual(1, self.tallies.failures("k", "long", 3600.0))
        self.assertEqual(6, len(self.tallies))

    def test_forgotten_first(self) -> None:
        """When there are too many names that count alike, the one that was quiet longest is forgotten."""
        for name in ("a", "b", "c", "a", "d"):
            self.tallies.spend("k", name, 1, 0, HOUR)
        self.assertEqual([2, 0, 1, 1], [self.tallies.spent("k", name, HOUR) for name in "abcd"])

    def test_refused_is_not_quiet(self) -> None:
        """Who is refused again and again is not forgotten for it."""
        for name in "abcdef":
            self.tallies.spend("k", "refused", 1, 1, HOUR)
            self.tallies.spend("k", name, 1, 0, HOUR)
        self.assertEqual(1, self.tallies.spent("k", "refused", HOUR))

    def test_failures(self) -> None:
        """Failures add up until there was none for a time, or until they are forgiven."""
        for _ in range(3):
            self.tallies.fail("k", "a", 900.0)
            self.clock.advance(800)
        self.assertEqual(3, self.tallies.failures("k", "a", 900.0))
        self.tallies.forgive("k", "a", 2, 900.0)
        self.assertEqual(1, self.tallies.failures("k", "a", 900.0))
        self.clock.advance(101)
        self.assertEqual(0, self.tallies.failures("k", "a", 900.0))
        self.tallies.fail("k", "a", 900.0)
        self.assertEqual(1, self.tallies.failures("k", "a", 900.0))

    @given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 4000)), max_size=30), st.integers(1, 50))
    def test_never_too_much(self, steps: list[tuple[int, int]], limit: int) -> None:
        """Whatever comes when: within any four fifths of a window nobody gets more than the limit."""
        tallies, clock = MemoryTallies(self.clock), self.clock
        granted: list[tuple[float, int]] = []
        for amount, wait in steps:
            clock.advance(wait)
            if tallies.spend("k", "a", amount, limit, HOUR):
                granted.append((clock.seconds(), amount))
            recent = sum(n for at, n in granted if at > clock.seconds() - HOUR * 0.8)
            self.assertLessEqual(recent, limit)
            late = sum(n for at, n in granted if at > clock.seconds() - HOUR * 1.2)
            self.assertLessEqual(tallies.spent("k", "a", HOUR), late)
