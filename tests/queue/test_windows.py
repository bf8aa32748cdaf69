"""Deliveries at a time: more as they succeed, fewer as they fail, never too many."""

from __future__ import annotations

from collections.abc import Sequence
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.limits.memory import MemoryTallies
from mailframe.queue.rules import Rules
from mailframe.queue.settings import QueueOptions
from mailframe.queue.values import Place
from mailframe.queue.windows import AHEAD, IDLE, TALLY, WINDOWS, Window, Windows

PLACE = Place("remote:example.org")


def windows(**options: int) -> Windows:
    """Windows of a worker."""
    settings = QueueOptions(**options)
    return Windows(settings, Rules(settings), MemoryTallies(Clock()))


class WindowTests(SynchronousTestCase):
    """One window."""

    @given(st.lists(st.booleans(), max_size=200), st.integers(1, 30), st.integers(1, 30))
    def test_bounds(self, story: Sequence[bool], first: int, limit: int) -> None:
        """Whatever happens, there is at least one delivery at a time and never more than may be."""
        window = windows(first_deliveries=first, deliveries=limit).of(PLACE, 0)
        for success in story:
            before = window.size
            if success:
                window.success(0)
                self.assertGreaterEqual(window.size, before)
                self.assertLessEqual(window.size, before + 1)
            else:
                window.failure(0)
                self.assertEqual(window.size, max(1, before / 2))
            self.assertTrue(1 <= window.size <= limit)

    def test_round(self) -> None:
        """A round of successes adds one."""
        window = windows(first_deliveries=5, deliveries=20).of(PLACE, 0)
        for _ in range(6):
            window.success(0)
        self.assertEqual(int(window.size), 6)

    def test_closing(self) -> None:
        """What never answered is closed by its first failure; what did a moment ago by the third in a row."""
        window = windows().of(PLACE, 0)
        self.assertTrue(window.failure(1000))
        window.success(1000)
        self.assertEqual([window.failure(1001) for _ in range(3)], [False, False, True])
        window.success(1001)
        self.assertTrue(window.failure(2000))

    def test_room(self) -> None:
        """The spool hands out enough for a while, and not one by one."""
        window = windows(first_deliveries=5).of(PLACE, 0)
        self.assertEqual(window.room(0), 10)
        window.running = 5
        self.assertEqual(window.room(0), 5)
        window.waiting.extend([mock.Mock()] * 3)
        self.assertEqual(window.room(0), 0)
        window.waiting.clear()
        for _ in range(10):
            window.ran_dry()
        self.assertEqual(window.room(0), AHEAD)
        window.failure(0)
        window.size, window.running, window.blocked = 5.0, 0, 50.0
        self.assertEqual(window.room(49), 0)
        self.assertEqual(window.room(50), 10)


class WindowsTests(SynchronousTestCase):
    """All windows of a worker."""

    @given(st.lists(st.booleans(), max_size=100), st.integers(1, 5), st.integers(0, 5))
    def test_never_more(self, story: Sequence[bool], size: int, of_all: int) -> None:
        """Neither the window nor the limit of the node is passed, and nothing stays counted at the end."""
        tallies, settings = (
            MemoryTallies(Clock()),
            QueueOptions(first_deliveries=size, deliveries_of_all=of_all),
        )
        workers = [Windows(settings, Rules(settings), tallies) for _ in range(2)]
        running: list[tuple[Windows, Window]] = []
        for turn, begin in enumerate(story):
            worker = workers[turn % 2]
            if begin and worker.enter(window := worker.of(PLACE, 0)):
                running.append((worker, window))
            elif not begin and running:
                owner, window = running.pop()
                owner.leave(window)
            for one in workers:
                self.assertLessEqual(one.of(PLACE, 0).running, size)
            if of_all:
                self.assertLessEqual(len(running), of_all)
        for owner, window in running:
            owner.leave(window)
        self.assertEqual(tallies.count(TALLY, PLACE.destination), 0)

    def test_rooms(self) -> None:
        """Only places with another number than the usual are named, and only those of the queue."""
        some = windows(first_deliveries=5)
        some.of(PLACE, 0)
        some.of(Place("remote:example.net"), 0).running = 5
        some.of(Place("remote:example.net", "slow"), 0).running = 9
        self.assertEqual(some.rooms("normal", 10, 0), {"remote:example.net": 5})

    def test_forget(self) -> None:
        """What is idle is forgotten after a while, and where there are too many the oldest first; never what works."""
        some = windows()
        some.of(Place("busy"), 0).running = 1
        for number in range(WINDOWS + 10):
            some.of(Place(str(number)), number / 1000)
        some.forget(20)
        self.assertEqual(len(some), WINDOWS + 1)
        self.assertNotIn(Place("9"), [window.place for window in some])
        some.forget(IDLE + 100)
        self.assertEqual([window.place for window in some], [Place("busy")])
