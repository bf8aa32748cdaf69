"""Tallies that several workers share: together they count like one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.limits.roster import Roster
from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import STEPS, Table, new_table

HOUR, QUIET = 3600.0, 900.0
WORKERS = 3

NAMES = st.sampled_from(["192.0.2.1/32", "alice@example.test", ""])
STEP = st.tuples(
    st.sampled_from(["enter", "leave", "spend", "fail", "forgive", "die", "wait"]),
    st.integers(0, WORKERS - 1),
    NAMES,
    st.integers(0, 4),
    st.sampled_from([0.0, 0.5, 60.0, 700.0, 899.5, 901.0, 3000.0]),
)


class _Node:
    """Workers with a table of their own, as the parent makes it."""

    def __init__(self, clock: Clock, entries: int = 64) -> None:
        self.clock = clock
        self.roster = Roster(WORKERS, entries=entries)
        self.places: list[int] = []
        self.workers: list[SharedTallies] = []
        for number in range(WORKERS):
            self.start(number)

    def start(self, number: int) -> None:
        """A worker begins."""
        place = self.roster.move_in()
        assert place is not None
        worker = SharedTallies(Table(self.roster.descriptor), place, self.clock)
        self.places[number:], self.workers[number:] = (
            [place, *self.places[number + 1 :]],
            [worker, *self.workers[number + 1 :]],
        )

    def die(self, number: int) -> None:
        """A worker dies and another takes its place."""
        self.roster.move_out(self.places[number])
        self.start(number)


class SharedTalliesTests(SynchronousTestCase):
    """Several views of one table."""

    def setUp(self) -> None:
        """A node with three workers."""
        self.clock = Clock()
        self.clock.advance(1_000_000_080)
        self.node = _Node(self.clock)
        self.addCleanup(self.node.roster.close)
        self.one, self.two, self.three = self.node.workers

    def test_interface(self) -> None:
        """It keeps the contract."""
        self.assertTrue(verifyObject(ITallies, self.one))

    @settings(max_examples=200)
    @given(st.lists(STEP, max_size=40))
    def test_like_one(self, steps: list[tuple[str, int, str, int, float]]) -> None:
        """Whoever does what, workers that share their tallies answer like a single one, also when some die."""
        clock = Clock()
        clock.advance(1_000_000_080)
        node, model = _Node(clock), MemoryTallies(clock)
        self.addCleanup(node.roster.close)
        entered: list[list[str]] = [[] for _ in range(WORKERS)]
        for action, number, name, amount, wait in steps:
            worker = node.workers[number]
            if action == "enter":
                answer = worker.enter("k", name, amount)
                self.assertEqual(model.enter("k", name, amount), answer)
                entered[number] += [name] * answer
            elif action == "leave" and name in entered[number]:
                entered[number].remove(name)
                worker.leave("k", name)
                model.leave("k", name)
            elif action == "spend":
                answer = worker.spend("k", name, amount + 1, 10, HOUR)
                self.assertEqual(model.spend("k", name, amount + 1, 10, HOUR), answer)
            elif action == "fail":
                worker.fail("k", name, QUIET)
                model.fail("k", name, QUIET)
            elif action == "forgive":
                worker.forgive("k", name, amount, QUIET)
                model.forgive("k", name, amount, QUIET)
            elif action == "die":
                node.die(number)
                for one in entered[number]:
                    model.leave("k", one)
                entered[number] = []
            clock.advance(wait)
            for one in node.workers:
                self.assertEqual(model.count("k", name), one.count("k", name))
                self.assertEqual(model.spent("k", name, HOUR), one.spent("k", name, HOUR))
                self.assertEqual(model.failures("k", name, QUIET), one.failures("k", name, QUIET))

    def test_all_together(self) -> None:
        """A limit is for all workers, not for each."""
        answers = [worker.enter("k", "a", 4) for worker in self.node.workers * 2]
        self.assertEqual([True] * 4 + [False] * 2, answers)
        self.two.leave("k", "a")
        self.assertTrue(self.three.enter("k", "a", 4))
        self.assertFalse(self.one.enter("k", "a", 4))

    def test_leaving_for_others(self) -> None:
        """Nobody can leave for another."""
        self.one.enter("k", "a", 0)
        self.two.leave("k", "a")
        self.assertEqual(1, self.two.count("k", "a"))

    def test_dead_worker(self) -> None:
        """What a dead worker had open is open no more; what it spent stays spent."""
        self.one.enter("k", "a", 0)
        self.one.spend("k", "a", 3, 0, HOUR)
        self.one.fail("k", "a", QUIET)
        self.node.roster.move_out(self.node.places[0])
        self.assertEqual(0, self.two.count("k", "a"))
        self.assertEqual(3, self.two.spent("k", "a", HOUR))
        self.assertEqual(1, self.two.failures("k", "a", QUIET))
        self.node.start(0)
        self.assertEqual(0, self.node.workers[0].count("k", "a"))
        self.assertEqual(3, self.node.workers[0].spent("k", "a", HOUR))

    def test_no_place_left(self) -> None:
        """When all places are taken, the parent is told so."""
        self.assertIsNone(self.node.roster.move_in())

    def test_bounded(self) -> None:
        """A flood of names takes no more room; who was busy lately is remembered."""
        before = os.fstat(self.node.roster.descriptor).st_size
        for number in range(500):
            self.one.spend("k", str(number), 1, 0, HOUR)
            self.assertEqual(number < 3, self.one.spend("k", "refused", 1, 3, HOUR))
            self.one.fail("k", str(number), QUIET)
            self.clock.advance(0.002)
            self.one.spend("k", "busy", 1, 0, HOUR)
            self.one.fail("k", "busy", QUIET)
        self.assertEqual(before, os.fstat(self.node.roster.descriptor).st_size)
        self.assertEqual(500, self.two.spent("k", "busy", HOUR))
        self.assertEqual(500, self.two.failures("k", "busy", QUIET))

    def test_long_lived(self) -> None:
        """A flood of strangers' networks does not push out what counts for a day or a week."""
        day, week = 86400.0, 7 * 86400.0
        self.one.spend("login.known", "alice", 1, 0, week)
        self.one.spend("sending.messages", "alice", 400, 0, day)
        self.one.fail("login.account", "alice", 20 * QUIET)
        for number in range(1000):
            self.clock.advance(5)
            self.one.spend("begun", str(number), 1, 0, 60.0)
            self.one.spend("messages", str(number), 1, 0, HOUR)
            self.one.fail("login.network", str(number), QUIET)
        self.assertEqual(1, self.two.spent("login.known", "alice", week))
        self.assertEqual(400, self.two.spent("sending.messages", "alice", day))
        self.assertEqual(1, self.two.failures("login.account", "alice", 20 * QUIET))

    def test_clock_set_back(self) -> None:
        """What was counted while the clock was a year ahead holds nobody, and makes room for what is counted now."""
        self.clock.rightNow += 365 * 86400
        for number in range(500):
            self.one.spend("k", str(number), 1, 0, HOUR)
            self.one.fail("k", str(number), QUIET)
        self.clock.rightNow -= 365 * 86400
        self.assertEqual((0, 0), (self.two.spent("k", "499", HOUR), self.two.failures("k", "499", QUIET)))
        for number in range(20):
            self.one.spend("now", str(number), 1, 0, HOUR)
            self.one.fail("now", str(number), QUIET)
            self.one.fail("now", str(number), QUIET)
        for number in range(20):
            self.assertEqual(1, self.two.spent("now", str(number), HOUR))
            self.assertEqual(2, self.two.failures("now", str(number), QUIET))
        self.one.fail("k", "499", QUIET)
        self.assertEqual(1, self.two.failures("k", "499", QUIET))
        self.one.forgive("k", "499", 1, QUIET)
        self.assertEqual(0, self.two.failures("k", "499", QUIET))

    def test_without_a_place(self) -> None:
        """A worker for which there was no place left counts what the others count, and dies without a trace."""
        extra = SharedTallies(Table(self.node.roster.descriptor), None, self.clock)
        for worker, name in ((self.one, "a"), (self.two, "a"), (extra, "a")):
            worker.enter("k", name, 0)
            worker.spend("k", name, 5, 0, HOUR)
            worker.fail("k", name, QUIET)
        seen = [
            (worker.count("k", "a"), worker.spent("k", "a", HOUR), worker.failures("k", "a", QUIET))
            for worker in (self.one, extra)
        ]
        self.assertEqual([(2, 10, 2), (3, 15, 3)], seen)
        self.assertFalse(extra.spend("k", "a", 1, 15, HOUR))
        self.assertFalse(extra.enter("k", "a", 3))
        extra.leave("k", "a")
        self.assertEqual(2, extra.count("k", "a"))

    def test_too_many_open(self) -> None:
        """Where there is no room to tell the others, a worker still counts its own."""
        for number in range(500):
            self.assertTrue(self.one.enter("k", str(number), 1))
            self.assertFalse(self.one.enter("k", str(number), 1))
        for number in range(500):
            self.one.leave("k", str(number))
            self.assertTrue(self.two.enter("k", str(number), 1))

    def test_wrong_table(self) -> None:
        """What is no table is not taken for one."""
        descriptor = os.memfd_create("other")
        self.addCleanup(os.close, descriptor)
        os.ftruncate(descriptor, 4096)
        self.assertRaises(ValueError, Table, descriptor)
        self.assertRaises(ValueError, new_table, 2, 1000)


class _Watched:
    """Words of a table; somebody looks between each two that are written."""

    def __init__(self, words: memoryview, look: Callable[[], None]) -> None:
        self._words = words
        self._look = look

    def __getitem__(self, index: Any) -> Any:
        return self._words[index]

    def __setitem__(self, index: int, value: int) -> None:
        self._look()
        self._words[index] = value
        self._look()


class BetweenTwoWordsTests(SynchronousTestCase):
    """What a reader sees while another worker is in the middle of writing."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["spend", "fail", "enter", "leave"]),
                st.integers(0, 2) | st.integers(0, 40),
                st.integers(1, 9),
                st.sampled_from([0.0, 1.0, 700.0, 950.0, 3700.0, 4400.0]),
            ),
            max_size=20,
        )
    )
    def test_harmless(self, steps: list[tuple[str, int, int, float]]) -> None:
        """At no moment a reader fails, or sees more than there is, even when names push each other out."""
        clock = Clock()
        clock.advance(1_000_000_080)
        node, seen = _Node(clock, entries=STEPS), []
        self.addCleanup(node.roster.close)
        writer, reader = node.workers[:2]
        own: Any = writer._own
        name = ""

        def look() -> None:
            seen.append(
                (
                    reader.count("k", name),
                    reader.spent("k", name, HOUR),
                    reader.failures("k", name, QUIET),
                )
            )

        for number in range(3 * STEPS):
            # No record is free.
            writer.spend("k", str(number), 100 + number, 0, HOUR)
            writer.fail("k", str(number), QUIET)
        for records in (own.open, own.amounts, own.failures):
            records.words = _Watched(records.words, look)
            records.digests = _Watched(records.digests, look)
        for action, number, amount, wait in steps:
            name = str(number)
            clock.advance(wait)
            look()
            if action == "spend":
                writer.spend("k", name, amount, 0, HOUR)
            elif action == "fail":
                writer.fail("k", name, QUIET)
            elif action == "enter":
                writer.enter("k", name, 0)
            else:
                writer.leave("k", name)
            look()
            most = [max(before, after) for before, after in zip(seen[0], seen[-1], strict=True)]
            for one in seen:
                for figure, bound in zip(one, most, strict=True):
                    self.assertTrue(0 <= figure <= bound, (action, one, most))
            seen.clear()


class _Overtaken:
    """Digests of a table; somebody writes as soon as one was looked at."""

    def __init__(self, digests: memoryview, write: Callable[[], None]) -> None:
        self._digests = digests
        self._write: Callable[[], None] | None = write

    def __getitem__(self, index: int) -> int:
        found: int = self._digests[index]
        write, self._write = self._write, None
        if write is not None:
            write()
        return found


class BetweenTwoLooksTests(SynchronousTestCase):
    """What a reader sees when the record it found becomes another's before it has read it."""

    def setUp(self) -> None:
        """One name in the first record; the next to be written takes its place."""
        self.clock = Clock()
        self.clock.advance(1_000_000_080)
        self.node = _Node(self.clock, entries=1)
        self.addCleanup(self.node.roster.close)
        self.writer, self.reader = self.node.workers[:2]

    def overtaken(self, family: str, write: Callable[[], None]) -> None:
        """The writer writes between the reader's first two looks."""
        self.reader.spent("k", "a", HOUR)  # so that it knows who else there is
        for places in (self.reader._others, [place for place, _ in self.reader._neighbours]):
            for place in places:
                records: Any = getattr(place, family)
                records.digests = _Overtaken(records.digests, write)

    def test_amounts(self) -> None:
        """Nobody is told what another has spent."""
        for number in range(STEPS):
            self.writer.spend("k", "a" if not number else str(number), 1, 0, HOUR)
            self.clock.advance(1)
        self.overtaken("amounts", lambda: cast(None, self.writer.spend("k", "b", 100, 0, HOUR)))
        self.assertEqual(0, self.reader.spent("k", "a", HOUR))

    def test_failures(self) -> None:
        """Nobody's failures are held against another."""
        for number in range(STEPS):
            self.writer.fail("k", "a" if not number else str(number), QUIET)
            self.clock.advance(1)

        def write() -> None:
            for _ in range(10):
                self.writer.fail("k", "b", QUIET)

        self.overtaken("failures", write)
        self.assertEqual(0, self.reader.failures("k", "a", QUIET))

    def test_open(self) -> None:
        """What another has open is not counted for one that has left."""
        self.writer.enter("k", "a", 0)
        self.writer.leave("k", "a")

        def write() -> None:
            for _ in range(10):
                self.writer.enter("k", "b", 0)

        self.overtaken("open", write)
        self.assertEqual(0, self.reader.count("k", "a"))


HAMMER = """
import fcntl, sys, time
from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import Table
class Time:
    seconds = staticmethod(time.time)
descriptor, place = int(sys.argv[1]), int(sys.argv[2])
tallies = SharedTallies(Table(descriptor), place, Time)
sys.stdin.readline()
granted = together = 0
lock = open(sys.argv[3], "wb")
for number in range(3000):
    granted += tallies.spend("k", "a", 1, 4000, 86400.0)
    tallies.spend("k", str(number), 1, 0, 86400.0)
    tallies.fail("k", "a", 86400.0)
    if tallies.enter("k", "a", 1):
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(lock, fcntl.LOCK_UN)
        except OSError:
            together += 1
        tallies.leave("k", "a")
print(granted, together)
"""


class ProcessesTests(SynchronousTestCase):
    """Real processes at the same time."""

    def test_hammered(self) -> None:
        """Two workers that count as fast as they can lose nothing and let nobody through twice."""
        roster = Roster(3, entries=1024)
        self.addCleanup(roster.close)
        lock = os.path.abspath(self.mktemp())
        places = [roster.move_in(), roster.move_in(), roster.move_in()]
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", HAMMER, str(roster.descriptor), str(place), lock],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[roster.descriptor],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            for place in places[:2]
        ]
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(b"go\n")
            worker.stdin.flush()
        said = [worker.communicate(timeout=60)[0].split() for worker in workers]
        granted = sum(int(one[0]) for one in said)
        self.assertIn(granted, (4000, 4001))
        self.assertEqual([0, 0], [int(one[1]) for one in said], "the one place was taken twice")

        class Time:
            seconds = staticmethod(time.time)

        assert places[2] is not None
        here = SharedTallies(Table(roster.descriptor), places[2], Time)
        self.assertEqual(granted, here.spent("k", "a", 86400.0))
        self.assertEqual(6000, here.failures("k", "a", 86400.0))
        self.assertEqual(0, here.count("k", "a"))
        self.assertEqual(2, here.spent("k", "2999", 86400.0))
